//! Records that a kill would cut. A fatal signal ends a write(2) between two pages, and half a record would stay, with the
//! next one behind it. So a record that does not fit into the last page of its file is noted first, in a hidden file beside
//! it, and a server that finds such a note at its start writes what is missing. It is not taken back: followers may have
//! its beginning.
//!
//! To create and remove a file costs far more than to write a short record. So whoever appends again and again keeps the
//! file, writes one note behind the other, and only the last one counts. Nothing in it is ever written over.
//!
//! This is about processes that die. What survives the end of the machine is the business of `Prefer: fsync`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::replace::hidden_name;

/// What the names of files with notes begin with; the digits behind are those of temporary files.
pub const NOTE: &[u8] = b".openrange-append-";
/// Three numbers of 8 bytes: where the record begins, its length, the inode number of its file. The record follows. A length
/// of 0: the record before is there as a whole, or never will be.
const HEAD: usize = 24;
/// How often, and after which pause, a lock is tried that somebody else has.
const TRIES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);
/// Whoever has needed so many notes will need more, and keeps the file. Nobody else leaves one for a moment.
const NOTES_MIN: u32 = 3;
/// A file with more bytes of notes is not kept: it takes space from the logs beside it.
const NOTES_BYTES_MAX: u64 = 128 * 1024;
/// The page cache has no smaller pages.
pub(super) const PAGE: u64 = 4096;

/// Whether a kill can cut a record of `length` bytes behind the `size` bytes of a file: not within one page.
fn may_be_cut(size: u64, length: u64) -> bool {
    let last = size.saturating_add(length).saturating_sub(1);
    size / PAGE != last / PAGE
}

/// The notes of records for one file.
#[derive(Default)]
pub struct Notes {
    kept: Option<Note>,
    /// How many there were.
    count: u32,
    /// The file is removed after each record.
    keeps_none: bool,
}

impl Notes {
    /// Does `write`, which writes `bytes` to a file in this directory with this inode number that is `size` bytes long, with
    /// a note if a kill can cut them. If there can be no note, they are written without one.
    pub fn during<T>(
        &mut self,
        directory: &Rc<OwnedFd>,
        (inode, size): (u64, u64),
        bytes: &[u8],
        write: impl FnOnce() -> T,
    ) -> T {
        if !may_be_cut(size, bytes.len() as u64) {
            return write();
        }
        self.count = self.count.saturating_add(1);
        let kept = self.kept.take().filter(Note::is_there);
        let note = kept.or_else(|| Note::create(directory));
        let note = note.and_then(|note| note.add(inode, size, bytes).ok());
        let result = write();
        let is_kept = self.count >= NOTES_MIN && !self.keeps_none;
        let note = note.filter(|note| is_kept && note.length < NOTES_BYTES_MAX);
        self.kept = note.and_then(|note| note.add(inode, size, &[]).ok());
        result
    }

    /// Removes the file, now and after each record.
    pub fn keep_none(&mut self) {
        self.keeps_none = true;
        self.remove();
    }

    /// Gives the space of the notes back. False if there are none.
    pub fn remove(&mut self) -> bool {
        self.kept.take().is_some()
    }
}

/// A file with notes. It is removed with this.
#[must_use]
struct Note {
    directory: Rc<OwnedFd>,
    name: Vec<u8>,
    /// Locked, so that another server that starts meanwhile sees that the writer lives. Every write is at the end.
    file: File,
    /// So many bytes are in it.
    length: u64,
}

impl Note {
    /// An empty one in this directory. `None`: there can be none.
    fn create(directory: &Rc<OwnedFd>) -> Option<Note> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        let flags = flags | OFlags::CLOEXEC;
        let (name, mode) = (hidden_name(NOTE), Mode::RUSR | Mode::WUSR);
        let file = rustix::fs::openat(directory, name.as_slice(), flags, mode).ok()?;
        let note = Note {
            directory: Rc::clone(directory),
            name,
            file: file.into(),
            length: 0,
        };
        rustix::fs::flock(&note.file, FlockOperation::NonBlockingLockExclusive).ok()?;
        Some(note)
    }

    /// Whether a server that starts would find it: somebody may have removed it.
    fn is_there(&self) -> bool {
        rustix::fs::fstat(&self.file).is_ok_and(|stat| stat.st_nlink > 0)
    }

    /// Adds a note.
    ///
    /// # Errors
    /// ENOSPC and the like: then it is removed.
    fn add(mut self, inode: u64, begin: u64, record: &[u8]) -> io::Result<Note> {
        let head = [begin, record.len() as u64, inode].map(u64::to_le_bytes);
        self.file.write_all(head.as_flattened())?;
        // After a kill in between the note is cut.
        self.file.write_all(record)?;
        self.length += (HEAD + record.len()) as u64;
        Ok(self)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let flags = AtFlags::empty();
        let _ = rustix::fs::unlinkat(&self.directory, self.name.as_slice(), flags);
    }
}

/// Writes what is missing of the last record in a file with notes that nobody has locked, whose file is in the same
/// directory. Gives the number of bytes that were missing; `None`: somebody still writes.
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
    let mut notes = Vec::new();
    (&note).read_to_end(&mut notes)?;
    let Some(([begin, _, inode], record)) = last(&notes) else {
        return Ok(Some(0));
    };
    match find(directory, inode)? {
        Some(file) => finish(&file.into(), begin, record).map(Some),
        None => Ok(Some(0)),
    }
}

/// The last note, if its record may have been cut. One that was itself cut is none: nothing of its record was written, and
/// the records before are there as a whole.
fn last(notes: &[u8]) -> Option<([u64; 3], &[u8])> {
    let mut notes = notes;
    let mut last = None;
    while !notes.is_empty() {
        let (head, rest) = notes.split_first_chunk::<HEAD>()?;
        let (numbers, _) = head.as_chunks::<8>();
        let head = [0, 1, 2].map(|at| u64::from_le_bytes(numbers[at]));
        let length = usize::try_from(head[1]).ok()?;
        let (record, rest) = rest.split_at_checked(length)?;
        last = (!record.is_empty()).then_some((head, record));
        notes = rest;
    }
    last
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
