//! Names that other machines change: how to make the kernel ask for them again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::fs::{Dir, FileType, Mode, OFlags};

use super::attributes::fresh;
use super::file::Id;
use super::file_system::FileSystem;
use super::remote::Listed;
use crate::limits::{
    NAMES_LISTED_MAX, NAMES_PAUSE, NAMES_PAUSE_FACTOR, NAMES_READ_MAX, NAMES_SLICE,
};

/// Which directories are read, and when each may be read again.
#[derive(Debug, Default)]
pub(super) struct Names(RefCell<HashMap<Id, Reading>>);

/// A directory that is read now and then, a slice of time at each look.
#[derive(Debug)]
struct Reading {
    /// What is left of it.
    entries: Option<Dir>,
    spent: Duration,
    /// When it is begun again.
    next: Instant,
    /// When it was begun last.
    begun: Instant,
    /// Names that were looked up, and what the directory said of them.
    names: HashMap<Box<[u8]>, Option<Listed>>,
}

impl Names {
    /// Makes the kernel ask again for a directory and the names in it, if other machines may have changed them.
    ///
    /// NFS trusts names for as long as the attributes of their directory are the same, so it is enough to ask for
    /// these. With FUSE, whoever looks at an open file again and again keeps what its server knows of it fresh, and
    /// with it the name that the file had: in GlusterFS a rename was not seen for 8 s and more. Reading the directory
    /// makes names true again, but costs more, so this happens only now and then. Some names stay as they were even
    /// then, because the server gave no attributes with them; so this returns what the directory lists under the name,
    /// as far as that is known.
    pub(super) fn refresh(&self, directory: BorrowedFd<'_>, name: &[u8]) -> Option<Listed> {
        let system = FileSystem::of(directory);
        if !system.is_remote() {
            return None;
        }
        let stat = fresh(directory).ok()?;
        if system != FileSystem::FUSE {
            return None;
        }
        let mut readings = self.0.borrow_mut();
        if readings.len() >= NAMES_READ_MAX {
            readings.clear();
        }
        let now = Instant::now();
        let reading = readings.entry(Id::of(&stat)).or_insert_with(|| Reading {
            entries: None,
            spent: Duration::ZERO,
            next: now,
            begun: now,
            names: HashMap::new(),
        });
        if reading.names.len() >= NAMES_LISTED_MAX {
            reading.names.clear();
        }
        if !reading.names.contains_key(name) {
            reading.names.insert(name.into(), None);
        }
        if reading.entries.is_some() || reading.next <= now {
            reading.go_on(directory, now);
        }
        reading.names.get(name).copied().flatten()
    }

    /// Somebody reports a change: the kernel must ask for names again, whenever it did last.
    pub(super) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}

impl Reading {
    fn go_on(&mut self, directory: BorrowedFd<'_>, now: Instant) {
        if self.entries.is_none() {
            (self.spent, self.begun) = (Duration::ZERO, now);
            // The descriptor to look names up with cannot itself be read.
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let readable = rustix::fs::openat(directory, ".", flags, Mode::empty());
            self.entries = readable.and_then(Dir::new).ok();
        }
        let mut next = || self.entries.as_mut().and_then(Dir::next);
        while let Some(Ok(entry)) = next() {
            if let Some(listed) = self.names.get_mut(entry.file_name().to_bytes()) {
                *listed = (entry.file_type() == FileType::RegularFile).then(|| Listed {
                    inode: entry.ino(),
                    since: self.begun,
                });
            }
            if now.elapsed() > NAMES_SLICE {
                self.spent += now.elapsed();
                return;
            }
        }
        self.entries = None;
        self.spent += now.elapsed();
        let pause = (self.spent * NAMES_PAUSE_FACTOR).clamp(NAMES_PAUSE.0, NAMES_PAUSE.1);
        self.next = now + pause;
    }
}
