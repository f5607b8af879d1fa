//! The answers of jobs in a list: how far each job is.

use std::fs::File;
use std::io::Read;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Mode, OFlags, Stat, statat};

use super::root::Files;
use crate::http::prefix::Prefix;
use crate::job::{JobId, JobState, request_name, status_name, taken_name};

/// Longest `ID.status` that is read: far above what is ever written.
const STATUS_MAX: u64 = 64;

impl Files {
    /// The same, with jobs below this path.
    #[must_use]
    pub fn with_jobs(mut self, jobs: Option<Prefix>) -> Files {
        self.jobs = jobs;
        self
    }

    /// Whether a directory is that of the jobs.
    pub(super) fn has_jobs_in(&self, directory: &[u8]) -> bool {
        let jobs = self.jobs.as_ref();
        jobs.is_some_and(|jobs| jobs.name() == directory)
    }
}

/// The state of the job whose answer has this name in the directory of the jobs; `None` for other files. It costs up to five
/// system calls, and takes no lock: a lock, even for a moment, could keep a worker from the job.
pub(super) fn state(
    directory: BorrowedFd<'_>,
    name: &[u8],
    size: u64,
    sealed: bool,
) -> Option<JobState> {
    let id: JobId = str::from_utf8(name).ok()?.parse().ok()?;
    look(directory, &request_name(id))?;
    match status(directory, id) {
        Some(ended) => Some(ended),
        // Somebody sealed it who is not a worker, and nobody knows how it ended.
        None if sealed => None,
        None if size > 0 => Some(JobState::Running),
        None => match look(directory, &taken_name(id)) {
            Some(stat) if stat.st_size > 0 => Some(JobState::Running),
            _ => Some(JobState::Waiting),
        },
    }
}

fn look(directory: BorrowedFd<'_>, name: &str) -> Option<Stat> {
    statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()
}

fn status(directory: BorrowedFd<'_>, id: JobId) -> Option<JobState> {
    // NONBLOCK: a FIFO of that name must not block.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, status_name(id), flags, Mode::empty()).ok()?;
    let mut text = String::new();
    let file = File::from(file).take(STATUS_MAX);
    { file }.read_to_string(&mut text).ok()?;
    text.parse().ok().map(JobState::Ended)
}
