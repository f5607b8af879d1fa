//! The end of a job: a status, a line of `done`, a seal. Whoever creates `ID.status` first decides; whoever finds an end that
//! is not whole completes it, and if the status is damaged, puts one in its place.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use log::warn;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::files::{DONE, JobDirectory, TEXT_MAX, WRITE_BITS};
use super::record::{self, Recorded};
use crate::job::{JobId, JobStatus, status_name};

/// What came of an attempt to complete the end of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The end is whole.
    Whole,
    /// Somebody else is completing it, or just writes the status.
    Awaited,
    /// The status is damaged, but a worker still has the answer: it says how the job ends, or the deadline does.
    Held,
}

impl JobDirectory {
    /// Ends a job with this status. If somebody was faster, it completes that end instead, unless they do so
    /// themselves. True if this status is the one that counts.
    ///
    /// # Errors
    /// EAGAIN: there is a status whose text may follow. ENOSPC and the like; what is missing of the end follows when this is
    /// called again.
    pub fn end(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        let decided = self.try_end(id, status)?;
        if !decided {
            self.complete_end(id)?;
        }
        Ok(decided)
    }

    /// The same, but what is missing of an end by somebody else stays so.
    ///
    /// # Errors
    /// As [`JobDirectory::end`].
    pub fn try_end(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        // Locked until the end: so nobody else completes it at the same time.
        let Some(_decided) = self.decide(id, status)? else {
            return self.end_damaged(id, status);
        };
        self.report_end(id, status)?;
        self.seal(id)?;
        Ok(true)
    }

    /// The same of a job that has a file `ID.status`: if that is damaged, it counts for none.
    fn end_damaged(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        let found = match self.open_file(&status_name(id), OFlags::RDONLY) {
            // Its files are gone.
            Err(Errno::NOENT) => return Ok(false),
            found => found?,
        };
        if let Recorded::Ended(_) = self.recorded(&found)? {
            return Ok(false);
        }
        // Only who has the lock puts another in its place.
        if !self.kernel.lock(found.as_fd())? || !self.has_its_name(&found, id)? {
            return Err(Errno::AGAIN);
        }
        match self.recorded(&found)? {
            Recorded::Ended(_) => Ok(false),
            Recorded::Unfinished => Err(Errno::AGAIN),
            Recorded::Damaged => self.repair(id, status),
        }
    }

    /// Completes the end of a job if whoever gave it its status has died before the seal. `done` gets the line twice
    /// only if the file that has it was compressed or has left the directory since.
    ///
    /// # Errors
    /// As [`JobDirectory::end`].
    pub fn complete_end(&self, id: JobId) -> Result<Completion, Errno> {
        let found = match self.open_file(&status_name(id), OFlags::RDONLY) {
            // Its files are gone.
            Err(Errno::NOENT) => return Ok(Completion::Whole),
            found => found?,
        };
        if !self.kernel.lock(found.as_fd())? {
            return Ok(match self.is_over(id) && self.status(id).is_some() {
                true => Completion::Whole,
                false => Completion::Awaited,
            });
        }
        // Somebody has put another in its place, and has that one locked.
        if !self.has_its_name(&found, id)? {
            return Ok(Completion::Awaited);
        }
        let is_over = self.is_over(id);
        match self.recorded(&found)? {
            Recorded::Ended(_) if is_over => {}
            Recorded::Ended(status) => {
                if self.status_in_done(id).is_none() {
                    self.report_end(id, status)?;
                }
                self.seal(id)?;
            }
            Recorded::Unfinished => return Ok(Completion::Awaited),
            Recorded::Damaged => {
                let status = match !is_over && self.is_late(id) {
                    true => JobStatus::Timeout,
                    false if !is_over && self.is_at_work(id) => return Ok(Completion::Held),
                    false => JobStatus::Abandoned,
                };
                self.repair(id, status)?;
            }
        }
        Ok(Completion::Whole)
    }

    /// Ends a job whose status is damaged, and locked. True if this status is the one that counts: `done` may have another one
    /// already, of whoever had space for that. It reads all of `done`, which is long, but such a job is rare.
    fn repair(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        let in_done = self.status_in_done(id);
        let counts = record::repaired(in_done, status);
        // A death from here on leaves an end that is completed as any other one.
        let _decided = self.replace(&status_name(id), &format!("{counts}\n"))?;
        warn!("job {id}: its status was empty or not understood, so it ends with {counts}");
        if in_done.is_none() {
            self.report_end(id, counts)?;
        }
        self.seal(id)?;
        Ok(counts == status)
    }

    /// Whether there is a status that is empty, not understood, or cannot be read.
    #[must_use]
    pub fn is_unclear(&self, id: JobId) -> bool {
        self.status(id).is_none() && self.has_ended(id)
    }

    fn is_late(&self, id: JobId) -> bool {
        let record = self.record(id);
        record.is_some_and(|record| record.deadline <= self.clock().as_secs())
    }

    /// What an open status says.
    fn recorded(&self, status: &OwnedFd) -> Result<Recorded, Errno> {
        let mut text = vec![0; TEXT_MAX];
        let count = rustix::io::retry_on_intr(|| rustix::io::pread(status, &mut text, 0))?;
        let stat = self.kernel.stat_open(status.as_fd())?;
        let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
        let nanoseconds = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
        let written = Duration::new(seconds, nanoseconds);
        let age = self.clock().abs_diff(written);
        Ok(Recorded::judge(&text[..count], age))
    }

    /// Whether an open status is still that of its job.
    fn has_its_name(&self, status: &OwnedFd, id: JobId) -> Result<bool, Errno> {
        let opened = self.kernel.stat_open(status.as_fd())?;
        let named = self.stat(&status_name(id));
        Ok(named.is_ok_and(|named| (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)))
    }

    pub(super) fn report_end(&self, id: JobId, status: JobStatus) -> Result<(), Errno> {
        let line = record::done_line(id, status, self.clock().as_secs());
        self.append(DONE, line.as_bytes())
    }

    /// Creates `ID.status`. `None`: somebody else was faster.
    fn decide(&self, id: JobId, status: JobStatus) -> Result<Option<File>, Errno> {
        self.create(&status_name(id), &format!("{status}\n"))
    }

    /// Takes the write permission off an answer.
    fn seal(&self, id: JobId) -> Result<(), Errno> {
        let mode = match self.stat(id.as_str()) {
            Ok(stat) => Mode::from_raw_mode(stat.st_mode & 0o7777 & !WRITE_BITS),
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        };
        self.kernel.chmod(self.directory.as_fd(), id.as_str(), mode)
    }
}
