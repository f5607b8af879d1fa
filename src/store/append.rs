//! Appending one record to the file that has a name: with the lock of the file, in one write(2), all of it or nothing.
//!
//! Whoever writes to the same file without the lock is never in the middle of a record either, because every write is at
//! the end (O_APPEND), but may come between the comparison of the length and the write.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;

use log::error;
use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::file::{Id, OpenFile};
use super::file_stat::FileStat;
use super::place::{Place, PrefixTarget, Stop, failure, failure_at, lock};
use super::records::Records;
use super::redo::Notes;
use super::reservation::Space;
use crate::http::conditional::{self, Conditions};
use crate::http::target::Path;
use crate::receipt::{Receipt, WriteFailure};

/// What to append.
#[derive(Debug, Clone, Copy)]
pub struct Append<'a> {
    /// The conditions of the request.
    pub conditions: &'a Conditions,
    /// The file must be so long.
    pub expected: Option<u64>,
    /// If the file has these bytes behind `expected` already, they were appended by the same request before.
    pub idempotent: bool,
    /// Seal the file then.
    pub seal: bool,
    /// Nobody waits for the result: somebody else's lock of the file is not waited for, as other programs do not wait for
    /// it, nothing is noted for the case that the process is killed, and a failure is for the caller to log.
    pub unattended: bool,
    /// The record is to be put on disk then, and the name with it.
    pub durable: bool,
    /// The record. Empty only with `seal`.
    pub bytes: &'a [u8],
}

/// A record that was appended.
pub struct Appended {
    /// For the response.
    pub receipt: Receipt,
    /// The file, to synchronise it.
    pub file: Arc<OwnedFd>,
    /// Its directory likewise, if the record is to be [`Append::durable`].
    pub directory: Option<Arc<OwnedFd>>,
}

/// How often a name may change hands while it is opened.
const TRIES: u32 = 8;
/// Of a file that is created, before the umask.
const MODE: u32 = 0o666;
/// A file that is open for appending, and the place where it was found.
pub struct Appender {
    place: Place,
    file: Rc<OpenFile>,
    handle: Arc<OwnedFd>,
    space: Space,
    /// The directory, for those who want the name on disk.
    directory: Option<Arc<OwnedFd>>,
}

/// Appends to the file that has the name now, or creates it. Returns the open file too, for whoever appends next.
///
/// # Errors
/// [`Stop`]; where nothing is said of a size, nothing was written.
pub fn append(
    place: Place,
    what: &Append<'_>,
    notes: &mut Notes,
) -> Result<(Appended, Appender), Stop> {
    let mut place = place;
    let mut created = None;
    for _ in 0..TRIES {
        let Some(file) = place.file()? else {
            may_create(what)?;
            created = create(&place)?;
            continue;
        };
        let is_new = created == Some(file.id());
        // Only the owner of a sealed file could open it, and only to find the record in it.
        let flags = match file.stat().map_err(failure)?.sealed {
            true => OFlags::RDONLY,
            false => OFlags::WRONLY | OFlags::APPEND,
        };
        let handle = match place.files().open_again(place.name(), &file, flags) {
            Ok(handle) => Arc::new(handle),
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(failure(error).into()),
        };
        let mut appender = Appender {
            place,
            file,
            space: Space::of(handle.as_fd()),
            handle,
            directory: None,
        };
        match appender.append(what, is_new, notes)? {
            Some(appended) => return Ok((appended, appender)),
            None => place = appender.place,
        }
    }
    Err(place.taken().into())
}

impl Appender {
    /// Appends, if the name still leads to this file; else `None`. `is_new`: this request has created the file.
    ///
    /// # Errors
    /// As [`append`].
    pub fn append(
        &mut self,
        what: &Append<'_>,
        is_new: bool,
        notes: &mut Notes,
    ) -> Result<Option<Appended>, Stop> {
        let handle = Arc::clone(&self.handle);
        let _lock = match lock(handle.as_fd()) {
            Err(Stop::Locked) if what.unattended => None,
            lock => Some(lock?),
        };
        let Some(stat) = self.place.stat_of(&self.file)? else {
            return Ok(None);
        };
        // Before anything is written: else the record is there, and a client hears that it could not be written.
        let directory = what.durable.then(|| self.directory()).transpose();
        let target = self.target(is_new, !what.unattended, notes);
        let directory = directory.map_err(|error| target.nothing_written(error))?;
        let receipt = target.append(what, stat)?;
        Ok(Some(Appended {
            receipt,
            file: Arc::clone(&self.handle),
            directory,
        }))
    }

    /// Appends records, for each of which somebody waits, in one write(2). Returns what became of
    /// the first ones; none: nothing was written. The others are to be appended one by one, which also tells why that fails.
    pub fn append_all(
        &self,
        records: &Records,
        notes: &mut Notes,
    ) -> Vec<Result<Receipt, WriteFailure>> {
        let Ok(_lock) = lock(self.handle.as_fd()) else {
            return Vec::new();
        };
        match self.place.stat_of(&self.file) {
            Ok(Some(stat)) if !stat.sealed => {
                let target = self.target(false, true, notes);
                target.append_all(records, stat.size)
            }
            _ => Vec::new(),
        }
    }

    /// The file, to synchronise it.
    #[must_use]
    pub fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.handle)
    }

    /// The directory that has the name, to synchronise it: to be opened before anything is written. One that is not the
    /// prefix may be another one each time.
    ///
    /// # Errors
    /// As [`Place::open_directory_now`].
    pub fn directory(&mut self) -> Result<Arc<OwnedFd>, Errno> {
        if let Some(directory) = &self.directory {
            return Ok(Arc::clone(directory));
        }
        let directory = Arc::new(self.place.open_directory_now()?);
        if self.place.is_in_prefix() {
            self.directory = Some(Arc::clone(&directory));
        }
        Ok(directory)
    }

    fn target<'a>(&'a self, is_new: bool, is_attended: bool, notes: &'a mut Notes) -> Target<'a> {
        Target {
            place: &self.place,
            file: &self.file,
            handle: self.handle.as_fd(),
            space: self.space,
            notes,
            is_new,
            is_attended,
        }
    }

    /// See [`Place::is_current`].
    #[must_use]
    pub fn is_current(&self, prefix: PrefixTarget) -> bool {
        self.place.is_current(prefix)
    }
}

/// Refuses what can be refused before the record is there (`what.bytes` is empty): a client that asks before it sends need
/// not send it for nothing.
///
/// # Errors
/// What [`append`] would say.
pub fn foresee(place: &Place, what: &Append<'_>) -> Result<(), WriteFailure> {
    let Some(file) = place.file()? else {
        return may_create(what);
    };
    let stat = file.stat().map_err(failure)?;
    if !conditional::permits_write(what.conditions, Some((file.tag(), stat.modified()))) {
        return Err(WriteFailure::Unmatched);
    }
    match what.expected {
        // It may be there already.
        Some(expected) if what.idempotent && expected < stat.size => Ok(()),
        Some(expected) if expected != stat.size => Err(WriteFailure::Conflict {
            size: stat.size,
            etag: Some(file.tag()),
        }),
        _ if stat.sealed && !what.seal => Err(WriteFailure::Sealed),
        _ => Ok(()),
    }
}

/// Whether there may be no file: then it has no tag, and no bytes.
fn may_create(what: &Append<'_>) -> Result<(), WriteFailure> {
    if !conditional::permits_write(what.conditions, None) {
        return Err(WriteFailure::Unmatched);
    }
    match what.expected {
        None | Some(0) => Ok(()),
        Some(_) => Err(WriteFailure::Conflict {
            size: 0,
            etag: None,
        }),
    }
}

/// Creates an empty file; `None`: somebody else was faster.
fn create(place: &Place) -> Result<Option<Id>, WriteFailure> {
    let flags = OFlags::WRONLY
        | OFlags::CREATE
        | OFlags::EXCL
        | OFlags::NOFOLLOW
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(MODE);
    match rustix::fs::openat(place.directory(), place.last(), flags, mode) {
        Ok(fd) => super::file::identify(fd.as_fd()).map(Some).map_err(failure),
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

/// A file that is locked and has the name.
struct Target<'a> {
    place: &'a Place,
    file: &'a OpenFile,
    handle: BorrowedFd<'a>,
    space: Space,
    notes: &'a mut Notes,
    /// This request has created it.
    is_new: bool,
    /// Somebody waits for the result.
    is_attended: bool,
}

impl Target<'_> {
    /// `stat`: how the file is since it is locked.
    fn append(mut self, what: &Append<'_>, stat: FileStat) -> Result<Receipt, Stop> {
        if *what.conditions != Conditions::default() {
            let current = (self.file.tag(), stat.modified());
            let current = (!self.is_new).then_some(current);
            if !conditional::permits_write(what.conditions, current) {
                return Err(WriteFailure::Unmatched.into());
            }
        }
        let size = match what.expected {
            Some(expected) if expected != stat.size || what.bytes.is_empty() => {
                let end = expected.saturating_add(what.bytes.len() as u64);
                let known = what.idempotent && end <= stat.size && self.holds(what, expected)?;
                if !known || (what.bytes.is_empty() && end != stat.size) {
                    let conflict = WriteFailure::Conflict {
                        size: stat.size,
                        etag: Some(self.file.tag()),
                    };
                    return Err(conflict.into());
                }
                stat.size
            }
            _ if stat.sealed => return Err(WriteFailure::Sealed.into()),
            _ => {
                if what.seal {
                    // Only the owner may: whoever may not seal the file is to hear it before the record is in it.
                    self.take_rights(0).map_err(failure)?;
                }
                self.write(what.bytes, stat.size)?
            }
        };
        let ends_here = match what.expected {
            Some(expected) => expected.saturating_add(what.bytes.len() as u64) == size,
            None => true,
        };
        let mut sealed = stat.sealed;
        if what.seal && ends_here && !sealed {
            self.take_rights(0o222)
                .map_err(|error| failure_at(error, Some(size)))?;
            sealed = true;
        }
        Ok(Receipt {
            created: self.is_new,
            etag: self.file.tag(),
            size,
            sealed,
        })
    }

    /// Whether the file has these bytes at this offset.
    fn holds(&self, what: &Append<'_>, at: u64) -> Result<bool, WriteFailure> {
        const PIECE: usize = 64 * 1024;
        let mut there = vec![0; what.bytes.len().min(PIECE)];
        let mut at = at;
        for piece in what.bytes.chunks(PIECE) {
            let there = &mut there[..piece.len()];
            let count = self.file.read(there, at).map_err(failure)?;
            if there[..count] != *piece {
                return Ok(false);
            }
            at += count as u64;
        }
        Ok(true)
    }

    /// Writes one record behind a file that is so long; returns the offset of its end.
    fn write(&mut self, bytes: &[u8], size: u64) -> Result<u64, WriteFailure> {
        match self.write_once(bytes, &[bytes.len()], size) {
            Ok((count, end)) if count == bytes.len() => Ok(end),
            Ok((count, _)) => Err(self.partly_written(count, bytes.len())),
            Err(error) => Err(self.nothing_written(error)),
        }
    }

    /// Writes records behind a file that is so long; returns what became of those of which something is written.
    fn append_all(mut self, records: &Records, size: u64) -> Vec<Result<Receipt, WriteFailure>> {
        let Ok((count, end)) = self.write_once(&records.bytes, &records.lengths, size) else {
            return Vec::new();
        };
        let etag = self.file.tag();
        let mut left = count;
        let outcome = |&length: &usize| {
            let written = left.min(length);
            left -= written;
            match written {
                0 => None,
                _ if written < length => Some(Err(self.partly_written(written, length))),
                _ => Some(Ok(Receipt {
                    created: false,
                    etag,
                    size: end - left as u64,
                    sealed: false,
                })),
            }
        };
        records.lengths.iter().map_while(outcome).collect()
    }

    /// Writes records of these lengths. Returns how many bytes of them are written, and the offset of their end.
    fn write_once(
        &mut self,
        bytes: &[u8],
        lengths: &[usize],
        size: u64,
    ) -> Result<(usize, u64), Errno> {
        let mut result = self.try_to_write(bytes, lengths, size);
        // Notes that were kept take space.
        if matches!(result, Err(Errno::NOSPC | Errno::DQUOT)) && self.notes.remove() {
            result = self.try_to_write(bytes, lengths, size);
        }
        let count = result?;
        // The offset of a descriptor with O_APPEND is the end of what it wrote last, whoever else has written.
        let end = rustix::fs::seek(self.handle, SeekFrom::Current(0));
        Ok((count, end.unwrap_or(size + count as u64)))
    }

    fn try_to_write(&mut self, bytes: &[u8], lengths: &[usize], size: u64) -> Result<usize, Errno> {
        let handle = self.handle;
        self.space.reserve(handle, lengths, size)?;
        let write = || rustix::io::retry_on_intr(|| rustix::io::write(handle, bytes));
        // Nobody was promised a record that comes unattended.
        match self.is_attended {
            true => {
                let (directory, inode) = (self.place.shared_directory(), self.file.id().inode());
                let mut rest = bytes;
                let records = lengths.iter().map(|&length| {
                    let record;
                    (record, rest) = rest.split_at(length);
                    record
                });
                self.notes.during(directory, (inode, size), records, write)
            }
            false => write(),
        }
    }

    /// A file that was created for this record goes again, unless others have written to it.
    fn nothing_written(&self, error: Errno) -> WriteFailure {
        let size = self.file.stat().map_or(0, |stat| stat.size);
        if self.is_new && size == 0 && self.place.leads_to(self.file) == Ok(true) {
            let flags = rustix::fs::AtFlags::empty();
            let _ = rustix::fs::unlinkat(self.place.directory(), self.place.last(), flags);
            return failure(error);
        }
        self.tell(error);
        failure_at(error, Some(size))
    }

    fn partly_written(&self, count: usize, length: usize) -> WriteFailure {
        let size = Some(self.file.stat().map_or(0, |stat| stat.size));
        let limit = getrlimit(Resource::Fsize).current;
        let reached = limit.is_some_and(|limit| size >= Some(limit));
        if self.is_attended {
            let path = self.path();
            error!("{path}: wrote only {count} of {length} bytes of a record; they stay");
        }
        match reached {
            true => failure_at(Errno::FBIG, size),
            false => failure_at(Errno::NOSPC, size),
        }
    }

    fn tell(&self, error: Errno) {
        if self.is_attended {
            error!("{}: cannot append: {error}", self.path());
        }
    }

    fn path(&self) -> &Path {
        self.place.path()
    }

    /// Takes these bits from the mode of the file.
    fn take_rights(&self, bits: u32) -> Result<(), Errno> {
        let mode = rustix::fs::fstat(self.handle)?.st_mode;
        let mode = Mode::from_raw_mode(mode & 0o7777 & !bits);
        rustix::fs::fchmod(self.handle, mode)
    }
}
