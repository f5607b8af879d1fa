//! Records that a kill would cut. A fatal signal ends a write(2) between two pages, and half a record would stay, with the
//! next one behind it. So a record that does not fit into the last page of its file is noted first, in a hidden file beside
//! it, and a server that finds such a note at its start writes what is missing. It is not taken back: followers may have
//! its beginning.
//!
//! To create and remove a file costs far more than to write a short record. So whoever appends again and again keeps the
//! file for all logs of the directory, and writes each note behind the others. Those of records that are there as a whole count
//! no more. Nothing in it is ever written over.
//!
//! This is about processes that die. What survives the end of the machine is the business of `Prefer: fsync`.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem;
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
/// of 0: the records of the notes before it are there as a whole, or never will be.
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

/// In so many directories a worker keeps a file with notes: together they take 8 MiB at most.
const NOTES_DIRECTORIES_MAX: usize = 64;

/// The notes of records of one worker, which writes one after another: so one file in each directory is enough.
#[derive(Default)]
pub struct Notes {
    directories: Vec<Noted>,
}

/// A directory that has had notes.
struct Noted {
    directory: Rc<OwnedFd>,
    kept: Option<Note>,
    /// How many there were.
    count: u32,
    /// In this period there was one.
    used: bool,
}

impl Notes {
    /// Does `write`, which writes `records` in one write(2) to a file in this directory with this inode number that is `size`
    /// bytes long, with notes of those that a kill can cut. If there can be no notes, they are written without.
    pub fn during<'a, T>(
        &mut self,
        directory: &Rc<OwnedFd>,
        (inode, size): (u64, u64),
        records: impl Iterator<Item = &'a [u8]>,
        write: impl FnOnce() -> T,
    ) -> T {
        let mut end = size;
        let begun = records.map(|record| {
            let begin = end;
            end += record.len() as u64;
            (begin, record)
        });
        let can_be_cut = |&(begin, record): &(u64, &[u8])| may_be_cut(begin, record.len() as u64);
        let noted: Vec<_> = begun.filter(can_be_cut).collect();
        if noted.is_empty() {
            return write();
        }
        let mut here = self.take(directory);
        here.count = here.count.saturating_add(1);
        let kept = here.kept.take().filter(Note::is_there);
        let note = kept.or_else(|| Note::create(directory));
        let note = note.and_then(|note| note.add(inode, &noted).ok());
        let result = write();
        if self.directories.len() < NOTES_DIRECTORIES_MAX {
            let is_kept = |note: &Note| here.count >= NOTES_MIN && note.length < NOTES_BYTES_MAX;
            let note = note.filter(is_kept);
            here.kept = note.and_then(|note| note.add(inode, &[(end, &[])]).ok());
            self.directories.push(here);
        }
        result
    }

    fn take(&mut self, directory: &Rc<OwnedFd>) -> Noted {
        let is_here = |noted: &Noted| Rc::ptr_eq(&noted.directory, directory);
        match self.directories.iter().position(is_here) {
            Some(index) => Noted {
                used: true,
                ..self.directories.swap_remove(index)
            },
            None => Noted {
                directory: Rc::clone(directory),
                kept: None,
                count: 0,
                used: true,
            },
        }
    }

    /// Removes the files that nobody has needed since this was last called.
    pub fn end_period(&mut self) {
        self.directories
            .retain_mut(|noted| mem::take(&mut noted.used));
    }

    /// Whether no directory is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.directories.is_empty()
    }

    /// Gives the space of the notes back. False if there are none.
    pub fn remove(&mut self) -> bool {
        let kept = self
            .directories
            .iter_mut()
            .filter_map(|noted| noted.kept.take());
        kept.count() > 0
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

    /// Adds notes of these records, which begin there.
    ///
    /// # Errors
    /// ENOSPC and the like: then it is removed.
    fn add(mut self, inode: u64, records: &[(u64, &[u8])]) -> io::Result<Note> {
        let head = |&(begin, record): &(u64, &[u8])| {
            [begin, record.len() as u64, inode].map(u64::to_le_bytes)
        };
        let heads: Vec<_> = records.iter().map(head).collect();
        let notes = heads.iter().zip(records);
        let slices: Vec<_> = notes
            .flat_map(|(head, (_, record))| [head.as_flattened(), record].map(IoSlice::new))
            .collect();
        let length: usize = slices.iter().map(|slice| slice.len()).sum();
        // After a kill in between the last note is cut.
        if self.file.write_vectored(&slices)? < length {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.length += length as u64;
        Ok(self)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let flags = AtFlags::empty();
        let _ = rustix::fs::unlinkat(&self.directory, self.name.as_slice(), flags);
    }
}

/// Writes what is missing of the record that was cut, by a file with notes that nobody has locked, whose own file is in the
/// same directory. Returns the number of bytes that were missing; `None`: somebody still writes.
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
    let open = open_notes(&notes).unwrap_or_default();
    let mut missing = 0;
    // All of them are of one write(2), so of one file.
    if let Some(([_, _, inode], _)) = open.first()
        && let Some(file) = find(directory, *inode)?
    {
        let file = file.into();
        for ([begin, _, _], record) in open {
            missing += finish(&file, begin, record)?;
        }
    }
    Ok(Some(missing))
}

/// The notes of the last write(2), of whose records one may have been cut. `None`: the last note was itself cut, so nothing
/// of these records was written, and those before are there as a whole.
fn open_notes(notes: &[u8]) -> Option<Vec<([u64; 3], &[u8])>> {
    let mut notes = notes;
    let mut open = Vec::new();
    while !notes.is_empty() {
        let (head, rest) = notes.split_first_chunk::<HEAD>()?;
        let (numbers, _) = head.as_chunks::<8>();
        let head = [0, 1, 2].map(|at| u64::from_le_bytes(numbers[at]));
        let length = usize::try_from(head[1]).ok()?;
        let (record, rest) = rest.split_at_checked(length)?;
        match record.is_empty() {
            true => open.clear(),
            false => open.push((head, record)),
        }
        notes = rest;
    }
    Some(open)
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
