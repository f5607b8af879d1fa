//! What `done` says, across its rolls: whoever completes an end looks first whether its line is there.

use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Dir, FileType, OFlags, Stat};
use rustix::io::Errno;

use super::files::{DONE, JobDirectory};
use super::record;
use crate::job::{JobId, JobStatus, status_name};

/// A place in the log of ends. It keeps the file open: so that is found whatever becomes of its name, and its inode number is
/// given to no other.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// `None`: there was none, or nothing is known of it.
    file: Option<Arc<OwnedFd>>,
    /// In bytes.
    offset: u64,
}

impl JobDirectory {
    /// Where the log of ends ends now. `before`: where it ended once, to share the open file.
    #[must_use]
    pub fn end_of_done(&self, before: &Place) -> Place {
        let find = || {
            let named = self.stat(DONE)?;
            if let Some(file) = &before.file
                && is_same(&self.kernel.stat_open(file.as_fd())?, &named)
            {
                return Ok(Place {
                    file: Some(Arc::clone(file)),
                    offset: named.st_size.unsigned_abs(),
                });
            }
            let file = self.open_log(DONE)?;
            let offset = self.kernel.stat_open(file.as_fd())?.st_size.unsigned_abs();
            Ok::<_, Errno>(Place {
                file: Some(Arc::new(file)),
                offset,
            })
        };
        find().unwrap_or_default()
    }

    /// What `done` says of how a job ended, in all of the file that has the name, and in those that had it when the job had
    /// its status.
    pub(super) fn status_in_done(&self, id: JobId) -> Option<JobStatus> {
        self.status_in_done_since(id, &Place::default())
    }

    /// The same behind a place where `done` ended before the job had its status.
    pub(super) fn status_in_done_since(&self, id: JobId, from: &Place) -> Option<JobStatus> {
        let mut read = Vec::new();
        if let Some(file) = &from.file {
            let stat = self.kernel.stat_open(file.as_fd()).ok()?;
            let is_current = self.stat(DONE).is_ok_and(|named| is_same(&named, &stat));
            // Whoever has truncated it may have copied the line before.
            let is_whole = stat.st_size.unsigned_abs() >= from.offset;
            let offset = if is_whole { from.offset } else { 0 };
            let status = self.status_in(file, id, offset);
            if status.is_some() || (is_current && is_whole) {
                return status;
            }
            read.push(stat);
        }
        if let Ok(file) = self.open_log(DONE)
            && let Ok(stat) = self.kernel.stat_open(file.as_fd())
            && !read.iter().any(|before| is_same(before, &stat))
        {
            let status = self.status_in(&file, id, 0);
            if status.is_some() {
                return status;
            }
            read.push(stat);
        }
        self.status_in_others(id, &read)
    }

    /// What the other files say that were written to, under this name or a former one, since the job has its status: they are
    /// few. Their order does not matter.
    fn status_in_others(&self, id: JobId, read: &[Stat]) -> Option<JobStatus> {
        let since = modified(&self.stat(&status_name(id)).ok()?);
        for entry in Dir::read_from(&self.directory).ok()? {
            let entry = entry.ok()?;
            let name = entry.file_name().to_bytes();
            if !name.starts_with(DONE.as_bytes()) {
                continue;
            }
            let Ok(name) = str::from_utf8(name) else {
                continue;
            };
            let is_wanted = self.stat(name).is_ok_and(|stat| {
                FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                    && modified(&stat) >= since
                    && !read.iter().any(|before| is_same(before, &stat))
            });
            let file = is_wanted.then(|| self.open_log(name).ok()).flatten();
            let status = file.and_then(|file| self.status_in(&file, id, 0));
            if status.is_some() {
                return status;
            }
        }
        None
    }

    /// What an open file says behind this offset.
    fn status_in(&self, file: &OwnedFd, id: JobId, from: u64) -> Option<JobStatus> {
        let lines = BufReader::new(Behind { file, offset: from }).split(b'\n');
        let mut texts = lines
            .map_while(Result::ok)
            .filter_map(|line| String::from_utf8(line).ok());
        texts.find_map(|line| {
            let (of, status) = record::parse_done(&line)?;
            (of == id).then_some(status)
        })
    }

    fn open_log(&self, name: &str) -> Result<OwnedFd, Errno> {
        self.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK)
    }
}

/// What follows in a file that others may read at the same time.
struct Behind<'a> {
    file: &'a OwnedFd,
    offset: u64,
}

impl Read for Behind<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::pread(self.file, buffer, self.offset)?;
        self.offset += count as u64;
        Ok(count)
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn modified(stat: &Stat) -> impl PartialOrd + use<> {
    (stat.st_mtime, stat.st_mtime_nsec)
}
