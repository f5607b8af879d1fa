//! The identity of files on file systems that have none to offer: what this process has seen of a file.
//!
//! The number of an inode is not enough: it may belong to another file tomorrow, or after a remount. So an identity holds for
//! this process only, and for as long as nothing contradicts that it is the same file: a log that grows keeps its beginning
//! and never gets shorter.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::os::fd::BorrowedFd;
use std::sync::{Mutex, OnceLock, PoisonError};

use arrayvec::ArrayVec;
use rustix::fs::{Advice, Statx};
use rustix::io::Errno;

use crate::http::position::fnv;
use crate::limits::{BEGINNING_MAX, EVIDENCE_FILES_MAX, EVIDENCE_MIN};
use crate::os::{self, sys};

/// The first bytes of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Beginning(ArrayVec<u8, BEGINNING_MAX>);

impl Beginning {
    /// That of an open file.
    ///
    /// # Errors
    /// EIO and the like.
    pub(super) fn read(fd: BorrowedFd<'_>) -> Result<Beginning, Errno> {
        let mut bytes = [0; BEGINNING_MAX];
        // The page cache may have those of the file that had the number before.
        let length = NonZeroU64::new(BEGINNING_MAX as u64);
        let _ = rustix::fs::fadvise(fd, 0, length, Advice::DontNeed);
        let count = rustix::io::pread(fd, &mut bytes, 0)?;
        Ok(Beginning(bytes[..count].iter().copied().collect()))
    }

    /// Whether nothing contradicts that a file that begins like this is now one that begins like that: it may have grown, or
    /// seem shorter for a while.
    pub(super) fn may_be_of(&self, now: &Beginning) -> bool {
        let both = self.0.len().min(now.0.len());
        self.0[..both] == now.0[..both]
    }
}

/// What was seen of the file that has an inode number.
struct Seen {
    /// Counts the files of this process; never given twice.
    serial: u64,
    /// The node number that the running mount gave it.
    node: u64,
    size: u64,
    beginning: Beginning,
}

#[derive(Default)]
struct Table {
    files: HashMap<Inode, Seen>,
    last: u64,
}

/// Device and inode number.
type Inode = (u32, u32, u64);

static TABLE: OnceLock<Mutex<Table>> = OnceLock::new();

/// The identity of a file that begins like this.
pub(super) fn identity(fd: BorrowedFd<'_>, stat: &Statx, beginning: &Beginning) -> u64 {
    let now = Seen {
        serial: 0,
        node: sys::file_handle(fd).map_or(0, |handle| fnv(&[&handle])),
        size: stat.stx_size,
        beginning: beginning.clone(),
    };
    let inode = (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
    hash(inode, serial(inode, now))
}

/// An identity that no other file has, for a file of which this process can find out nothing.
pub(super) fn unknown() -> u64 {
    let mut table = table().lock().unwrap_or_else(PoisonError::into_inner);
    table.last += 1;
    hash((0, 0, 0), table.last)
}

fn serial(inode: Inode, now: Seen) -> u64 {
    let mut table = table().lock().unwrap_or_else(PoisonError::into_inner);
    let known = table
        .files
        .remove(&inode)
        .filter(|known| known.may_be(&now));
    let serial = match known {
        Some(known) => known.serial,
        None => {
            table.last += 1;
            table.last
        }
    };
    // A file that is forgotten gets a new identity: a needless 412.
    if table.files.len() >= EVIDENCE_FILES_MAX {
        table.files.clear();
    }
    table.files.insert(inode, Seen { serial, ..now });
    serial
}

impl Seen {
    /// Whether nothing contradicts that it is the same file now.
    fn may_be(&self, now: &Seen) -> bool {
        let enough = self.node == now.node || self.beginning.0.len() >= EVIDENCE_MIN;
        enough && self.size <= now.size && now.beginning.0.starts_with(&self.beginning.0)
    }
}

fn hash((major, minor, inode): Inode, serial: u64) -> u64 {
    fnv(&[
        salt(),
        &major.to_be_bytes(),
        &minor.to_be_bytes(),
        &inode.to_be_bytes(),
        &serial.to_be_bytes(),
    ])
}

/// What sets the identities of this process apart from those of all others.
fn salt() -> &'static [u8; 16] {
    static SALT: OnceLock<[u8; 16]> = OnceLock::new();
    SALT.get_or_init(|| {
        let mut salt = [0; 16];
        os::random(&mut salt);
        salt
    })
}

fn table() -> &'static Mutex<Table> {
    TABLE.get_or_init(Mutex::default)
}
