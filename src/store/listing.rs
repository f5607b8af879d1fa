//! What a directory shows: its entries, and their properties.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::answer;
use super::attributes::{stat, statx};
use super::root::Files;
use crate::http::date::Date;
use crate::http::target::Path;
use crate::subscription::entry::{Entry, Kind};

/// For whom a listing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// HTML for people.
    Page,
    /// The same for somebody who is logged in, and may want to log out.
    MemberPage,
    /// HTML for programs that follow links: it has none but those to the entries and to the next page.
    Links,
    /// Plain text.
    Text,
    /// JSON, with the tags of the files. Each costs a descriptor of the file for a moment and about three system calls
    /// more than a row of the page, some 5 µs.
    Topics,
}

/// The names in a directory, read piece by piece.
pub struct Scan {
    entries: Dir,
    /// What precedes them: the name of the directory and a slash, if it is below the one that is followed.
    prefix: Vec<u8>,
}

impl Scan {
    /// From the beginning. `below`: the name of the directory, if it is below the one that is followed.
    ///
    /// # Errors
    /// EACCES if it cannot be read, EMFILE and the like.
    pub fn begin(directory: BorrowedFd<'_>, below: Option<&[u8]>) -> Result<Scan, Errno> {
        // The descriptor to look names up with cannot itself be read.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let readable = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
        Ok(Scan {
            entries: Dir::new(readable)?,
            prefix: below.map_or_else(Vec::new, |name| [name, b"/"].concat()),
        })
    }

    /// The next name that does not begin with a dot, and whether it is that of a directory.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn next_name(&mut self) -> Option<Result<(Vec<u8>, bool), Errno>> {
        loop {
            let entry = match self.entries.next()? {
                Ok(entry) => entry,
                Err(error) => return Some(Err(error)),
            };
            let name = entry.file_name();
            if name.to_bytes().starts_with(b".") {
                continue;
            }
            let is_directory = match entry.file_type() {
                // Some file systems do not say.
                FileType::Unknown => self.is_directory(name),
                kind => kind == FileType::Directory,
            };
            return Some(Ok(([&self.prefix, name.to_bytes()].concat(), is_directory)));
        }
    }

    fn is_directory(&self, name: &CStr) -> bool {
        let directory = self.entries.fd();
        let stat = directory.and_then(|fd| rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW));
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }
}

/// Opens a directory below one that is followed, to read it. `None`: it does not exist, or may not be read, or its path now
/// leads through a symbolic link, which a tree never follows.
///
/// # Errors
/// EMFILE and the like: nothing is known then.
pub fn open_below(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut found: Option<OwnedFd> = None;
    for step in name.split(|&byte| byte == b'/') {
        let above = found.as_ref().map_or(directory, OwnedFd::as_fd);
        match rustix::fs::openat(above, step, flags, Mode::empty()) {
            Ok(next) => found = Some(next),
            Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error),
            Err(_) => return Ok(None),
        }
    }
    Ok(found)
}

/// As [`entry`], of a name that may have slashes in it.
///
/// # Errors
/// EMFILE and the like: nothing is known then.
pub fn entry_below(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: &[u8],
) -> Result<(Option<Entry>, bool), Errno> {
    let Some(slash) = name.iter().rposition(|&byte| byte == b'/') else {
        return entry(files, directory, path, name);
    };
    let (parent, name) = (&name[..slash], &name[slash + 1..]);
    match open_below(directory, parent)? {
        Some(directory) => entry(files, directory.as_fd(), &path.entry(parent), name),
        None => Ok((None, false)),
    }
}

/// What a name in a directory leads to, with its tag; as in a listing. And whether it is a symbolic link, wherever that
/// leads.
///
/// # Errors
/// EMFILE and the like: nothing is known then.
pub fn entry(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: &[u8],
) -> Result<(Option<Entry>, bool), Errno> {
    let mut link = false;
    let found = resolve(
        files,
        directory,
        path,
        name.to_vec(),
        Form::Topics,
        &mut link,
    )?;
    let found = found.map(|(name, entry)| with_job(files, directory, path, &name, entry));
    Ok((found, link))
}

/// `None` for what is neither file nor directory, or gone, or behind a link that leads nowhere or out of the root.
pub(super) fn look(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: Vec<u8>,
    form: Form,
) -> Result<Option<(Vec<u8>, Entry)>, Errno> {
    let found = resolve(files, directory, path, name, form, &mut false)?;
    Ok(found.map(|(name, entry)| {
        let entry = match form {
            // It says nothing of jobs.
            Form::Links => entry,
            _ => with_job(files, directory, path, &name, entry),
        };
        (name, entry)
    }))
}

/// What an entry is sorted by, without the state of its job.
pub(super) fn measure(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: &[u8],
) -> Result<Option<Entry>, Errno> {
    let (name, form) = (name.to_vec(), Form::Page);
    let found = resolve(files, directory, path, name, form, &mut false)?;
    Ok(found.map(|(_, entry)| entry))
}

/// The same entry, with the state of the job if it is the answer of one.
fn with_job(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: &[u8],
    entry: Entry,
) -> Entry {
    match entry.kind {
        Kind::File {
            size, sealed, tag, ..
        } if files.has_jobs_in(&path.name) => {
            let job = answer::state(directory, name, size, sealed);
            let kind = Kind::File {
                size,
                sealed,
                tag,
                job,
            };
            Entry { kind, ..entry }
        }
        _ => entry,
    }
}

/// The same; says whether it is a symbolic link.
fn resolve(
    files: &Files,
    directory: BorrowedFd<'_>,
    path: &Path,
    name: Vec<u8>,
    form: Form,
    link: &mut bool,
) -> Result<Option<(Vec<u8>, Entry)>, Errno> {
    let found = match form {
        Form::Page | Form::MemberPage | Form::Links | Form::Text => {
            statx(directory, &name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| (None, stat))
        }
        Form::Topics => {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat(directory, name.as_slice(), flags, Mode::empty()).and_then(held)
        }
    };
    let found = match found {
        Ok((_, stat)) if FileType::from_raw_mode(stat.stx_mode.into()) == FileType::Symlink => {
            *link = true;
            let separator: &[u8] = if path.name.is_empty() { b"" } else { b"/" };
            let below = [&path.name, separator, &name].concat();
            files.resolve(&below).and_then(held)
        }
        found => found,
    };
    let (place, stat) = match found {
        Ok(found) => found,
        // A list that silently lacks an entry would be wrong.
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let kind = match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::File {
            size: stat.stx_size,
            sealed: stat.stx_mode & 0o222 == 0,
            tag: match (form, place) {
                (Form::Topics, Some(place)) => files.tag(place.as_fd(), &stat),
                _ => None,
            },
            job: None,
        },
        _ => return Ok(None),
    };
    let modified = Date::from_seconds(stat.stx_mtime.tv_sec);
    Ok(Some((name, Entry { modified, kind })))
}

fn held(place: OwnedFd) -> Result<(Option<OwnedFd>, rustix::fs::Statx), Errno> {
    let stat = stat(place.as_fd())?;
    Ok((Some(place), stat))
}
