//! Records that a kill would cut. A fatal signal ends a write(2) between two pages, and half a record would stay, with the
//! next one behind it. So a record that does not fit into the last page of its file is noted first, in a hidden file beside
//! it, and a server that finds such a note at its start writes what is missing. It is not taken back: followers may have
//! its beginning.
//!
//! This is about processes that die. What survives the end of the machine is the business of `Prefer: fsync`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::replace::hidden_name;

/// What the names of notes begin with; the digits behind are those of temporary files.
pub const NOTE: &[u8] = b".openrange-append-";
/// Three numbers of 8 bytes: where the record begins, its length, the inode number of its file. The record follows.
const HEAD: usize = 24;
/// How often, and after which pause, a lock is tried that somebody else has.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// The page cache has no smaller pages.
pub(super) const PAGE: u64 = 4096;

/// A note of a record that is being written, while this is there.
#[must_use]
pub struct Note<'a> {
    directory: BorrowedFd<'a>,
    name: Vec<u8>,
    /// Locked, so that another server that starts meanwhile sees that the writer lives.
    file: File,
}

impl<'a> Note<'a> {
    /// Notes that `bytes` are about to be written to a file with this inode number, which is `size` bytes long. `None`: a
    /// kill cannot cut them, or there can be no note: then they are written without one.
    pub fn new(directory: BorrowedFd<'a>, inode: u64, size: u64, bytes: &[u8]) -> Option<Note<'a>> {
        let end = size.saturating_add(bytes.len() as u64);
        if size / PAGE == end.saturating_sub(1) / PAGE {
            return None;
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let (name, mode) = (hidden_name(NOTE), Mode::RUSR | Mode::WUSR);
        let file = rustix::fs::openat(directory, name.as_slice(), flags, mode).ok()?;
        let mut note = Note {
            directory,
            name,
            file: file.into(),
        };
        rustix::fs::flock(&note.file, FlockOperation::NonBlockingLockExclusive).ok()?;
        let head = [size, bytes.len() as u64, inode].map(u64::to_le_bytes);
        note.file.write_all(head.as_flattened()).ok()?;
        note.file.write_all(bytes).ok()?;
        Some(note)
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        let flags = AtFlags::empty();
        let _ = rustix::fs::unlinkat(self.directory, self.name.as_slice(), flags);
    }
}

/// Writes what is missing of the record in a note that nobody has locked, whose file is in the same directory. Gives the
/// number of bytes that were missing; `None`: somebody still writes.
///
/// # Errors
/// One line: the record stays as it is.
pub fn complete(directory: BorrowedFd<'_>, note: &[u8]) -> io::Result<Option<u64>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let note = File::from(rustix::fs::openat(directory, note, flags, Mode::empty())?);
    match rustix::fs::flock(&note, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(None),
        result => result?,
    }
    let mut record = Vec::new();
    (&note).read_to_end(&mut record)?;
    let Some((head, record)) = record.split_at_checked(HEAD) else {
        return Ok(Some(0));
    };
    let number = |at: usize| {
        let bytes = head[at..at + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes)
    };
    let (begin, length, inode) = (number(0), number(8), number(16));
    // The note itself was cut: then nothing of the record was written.
    if length != record.len() as u64 {
        return Ok(Some(0));
    }
    match find(directory, inode)? {
        Some(file) => finish(&file.into(), begin, record).map(Some),
        None => Ok(Some(0)),
    }
}

/// The file with this inode number, whatever its name is now.
fn find(directory: BorrowedFd<'_>, inode: u64) -> io::Result<Option<OwnedFd>> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if entry.ino() == inode {
            let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
            let file = rustix::fs::openat(directory, entry.file_name(), flags, Mode::empty())?;
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Waits a moment for whoever else appends.
fn take_lock(file: &File) -> Result<(), Errno> {
    for _ in 0..TRIES {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => thread::sleep(PAUSE),
            // A file system without locks does without.
            Ok(()) | Err(_) => return Ok(()),
        }
    }
    Err(Errno::WOULDBLOCK)
}

/// Appends the rest of a record whose beginning is at the end of a file.
fn finish(file: &File, begin: u64, record: &[u8]) -> io::Result<u64> {
    take_lock(file)?;
    let size = file.metadata()?.size();
    let end = begin.saturating_add(record.len() as u64);
    if size <= begin || size >= end {
        return Ok(0);
    }
    let (there, missing) = record.split_at((size - begin) as usize);
    let mut found = vec![0; there.len()];
    file.read_exact_at(&mut found, begin)?;
    if found != there {
        return Err(io::Error::other("other programs have written behind it"));
    }
    let mut file = file;
    file.write_all(missing)?;
    Ok(missing.len() as u64)
}
