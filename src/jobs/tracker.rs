//! The server's part of jobs: it accepts them, knows which are open, and ends them at their deadline.
//!
//! Workers of the server accept and cancel jobs; a thread of its own waits for deadlines and for the ends that workers of the
//! jobs record. What is kept here is only a copy of what the directory says, made again at each start.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inotify::{EventMask, Inotify, WatchMask};
use log::{error, info, warn};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::acceptance::JobEntry;
use super::files::JobDirectory;
use super::record::{JobId, JobRecord, JobStatus};
use crate::limits::{JOB_CLEAN_INTERVAL, JOB_KEEP, JOB_TIMEOUT, JOBS_MAX, QUEUE_LOOK_INTERVAL};

/// How jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobTerms {
    /// `--job-timeout`: the deadline of a job that names none.
    pub timeout: Duration,
    /// `--job-keep`: how long the files of an ended job stay.
    pub keep: Duration,
    /// `--jobs-max`: how many may be open.
    pub most: usize,
}

impl Default for JobTerms {
    fn default() -> JobTerms {
        JobTerms {
            timeout: JOB_TIMEOUT,
            keep: JOB_KEEP,
            most: JOBS_MAX,
        }
    }
}

/// The jobs of one directory.
pub struct Tracker {
    directory: JobDirectory,
    terms: JobTerms,
    open: Mutex<Open>,
    /// Wakes the thread.
    wake: OwnedFd,
    /// Watches the directory, read by the thread only.
    watch: Mutex<Inotify>,
}

/// The open jobs and when they end.
#[derive(Default)]
struct Open {
    deadlines: HashMap<JobId, u64>,
    by_time: BTreeSet<(u64, JobId)>,
    stopped: bool,
}

/// A job that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// `--jobs-max` are open.
    Full,
    /// The file system refuses.
    Failed(Errno),
}

impl Tracker {
    /// The jobs that this directory has: what an earlier server left half-done is completed or removed.
    ///
    /// # Errors
    /// EACCES, EMFILE and the like.
    pub fn new(path: &std::path::Path, terms: JobTerms) -> io::Result<Tracker> {
        let directory = JobDirectory::open(path)?;
        let watch = Inotify::init()?;
        watch
            .watches()
            .add(path, WatchMask::CREATE | WatchMask::MOVED_TO)?;
        let tracker = Tracker {
            directory,
            terms,
            open: Mutex::default(),
            wake: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            watch: Mutex::new(watch),
        };
        tracker.recover()?;
        Ok(tracker)
    }

    /// The files.
    #[must_use]
    pub fn directory(&self) -> &JobDirectory {
        &self.directory
    }

    /// How many jobs are open.
    #[must_use]
    pub fn open_jobs(&self) -> usize {
        self.open().deadlines.len()
    }

    /// The deadline of a job that is accepted now, in seconds since 1970. `wanted`: seconds from now.
    #[must_use]
    pub fn deadline(&self, wanted: Option<u64>) -> u64 {
        let timeout = wanted.unwrap_or(self.terms.timeout.as_secs());
        seconds_since_1970().saturating_add(timeout)
    }

    /// Claims a name for a job; false if there is such a job already.
    ///
    /// # Errors
    /// [`NotAccepted`]
    pub fn claim(&self, record: &JobRecord) -> Result<bool, NotAccepted> {
        if self.open_jobs() >= self.terms.most && self.directory.record(record.id).is_none() {
            return Err(NotAccepted::Full);
        }
        self.directory.claim(record).map_err(NotAccepted::Failed)
    }

    /// Makes known a job whose request has its name: workers see it in the queue from now on.
    ///
    /// # Errors
    /// ENOSPC and the like; nothing is left of the job then.
    pub fn enqueue(&self, record: &JobRecord) -> Result<(), Errno> {
        self.insert(record.id, record.deadline);
        self.directory
            .enqueue(record)
            .inspect_err(|_| self.forget(record.id))
    }

    /// Takes back the claim of a job whose files could not be written.
    pub fn forget(&self, id: JobId) {
        self.drop_open(id);
        self.directory.remove(id);
    }

    /// Ends a job. False: it had ended before.
    ///
    /// # Errors
    /// ENOSPC and the like.
    pub fn end(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        let decided = self.directory.end(id, status)?;
        self.drop_open(id);
        Ok(decided)
    }

    /// Waits for deadlines and ends until [`Tracker::stop`].
    pub fn run(&self) {
        let mut clean_at = seconds_since_1970();
        loop {
            let now = seconds_since_1970();
            if now >= clean_at {
                self.clean(now);
                clean_at = now + JOB_CLEAN_INTERVAL.as_secs();
            }
            self.end_late(now);
            if self.open().stopped {
                return;
            }
            self.wait(now, clean_at);
            self.read_ends();
        }
    }

    /// Ends [`Tracker::run`].
    pub fn stop(&self) {
        self.open().stopped = true;
        self.wake();
    }

    /// Completes what an earlier server has left.
    fn recover(&self) -> Result<(), Errno> {
        let queued = self.directory.queued();
        for JobEntry {
            id,
            requested,
            ended,
            recorded,
        } in self.directory.jobs()?
        {
            let record = self.directory.record(id);
            match (requested, ended, record) {
                (false, _, _) if recorded => {
                    info!("job {id}: it was not accepted before the server ended");
                    self.directory.remove(id);
                }
                (true, true, _) => {
                    if let Err(error) = self.directory.complete_end(id) {
                        error!("job {id}: cannot seal its answer: {error}");
                    }
                }
                (true, false, Some(record)) => {
                    if !queued.contains(&id) {
                        self.directory.enqueue(&record)?;
                    }
                    self.insert(id, record.deadline);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn end_late(&self, now: u64) {
        loop {
            let late = self.open().by_time.first().copied();
            let Some((_, id)) = late.filter(|(deadline, _)| *deadline <= now) else {
                return;
            };
            match self.end(id, JobStatus::Timeout) {
                Ok(true) => info!("job {id}: {}", JobStatus::Timeout),
                Ok(false) => {}
                Err(error) => {
                    error!("job {id}: cannot record that its deadline has passed: {error}");
                    self.insert(id, now + QUEUE_LOOK_INTERVAL.as_secs());
                }
            }
        }
    }

    /// Removes the files of jobs that ended long ago.
    fn clean(&self, now: u64) {
        let jobs = match self.directory.jobs() {
            Ok(jobs) => jobs,
            Err(error) => return warn!("cannot list the jobs: {error}"),
        };
        for entry in jobs
            .into_iter()
            .filter(|entry| entry.ended && entry.recorded)
        {
            let ended = self.directory.ended_at(entry.id).unwrap_or(now);
            if now.saturating_sub(ended) >= self.terms.keep.as_secs() {
                self.directory.remove(entry.id);
            }
        }
    }

    /// Waits until a deadline passes, an end is recorded, or another thread wants something.
    fn wait(&self, now: u64, clean_at: u64) {
        let next = self
            .open()
            .by_time
            .first()
            .map_or(clean_at, |first| first.0.min(clean_at));
        // Deadlines are whole seconds, and a clock may be set: a look at least now and then.
        let pause = Duration::from_secs(next.saturating_sub(now)).min(QUEUE_LOOK_INTERVAL);
        let timeout = Timespec::try_from(pause).expect("some seconds");
        let watch = self.watch();
        let mut ready = [
            PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
        ];
        let _ = rustix::event::poll(&mut ready, Some(&timeout));
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    /// Takes jobs off the list that have got a status.
    fn read_ends(&self) {
        let mut watch = self.watch();
        let mut buffer = [0; 4096];
        let mut lost = false;
        while let Ok(events) = watch.read_events(&mut buffer) {
            for event in events {
                lost |= event.mask.contains(EventMask::Q_OVERFLOW);
                let name = event.name.and_then(|name| name.to_str());
                let id = name.and_then(|name| name.strip_suffix(".status"));
                if let Some(id) = id.and_then(|id| id.parse().ok()) {
                    self.drop_open(id);
                }
            }
        }
        drop(watch);
        if lost {
            let open: Vec<JobId> = self.open().deadlines.keys().copied().collect();
            let ended = open
                .into_iter()
                .filter(|id| self.directory.status(*id).is_some());
            ended.for_each(|id| self.drop_open(id));
        }
    }

    fn insert(&self, id: JobId, deadline: u64) {
        let mut open = self.open();
        if let Some(before) = open.deadlines.insert(id, deadline) {
            open.by_time.remove(&(before, id));
        }
        open.by_time.insert((deadline, id));
        let first = open.by_time.first() == Some(&(deadline, id));
        drop(open);
        if first {
            self.wake();
        }
    }

    fn drop_open(&self, id: JobId) {
        let mut open = self.open();
        if let Some(deadline) = open.deadlines.remove(&id) {
            open.by_time.remove(&(deadline, id));
        }
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watch(&self) -> MutexGuard<'_, Inotify> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}
