//! The server's part of jobs: it accepts them, knows which are open, and ends them at their deadline.
//!
//! Workers of the server accept and cancel jobs; a thread of its own waits for deadlines and for the ends that workers of the
//! jobs record. What is kept here is only a copy of what the directory says, made again at each start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use inotify::{EventMask, Inotify, WatchMask};
use log::{error, info, warn};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use rustix::io::Errno;

use super::files::JobDirectory;
use super::record::{JobId, JobRecord, JobStatus};
use crate::limits::{
    JOB_CLEAN_INTERVAL, JOB_KEEP, JOB_SEAL_PATIENCE, JOB_TIMEOUT, JOBS_MAX, QUEUE_LOOK_INTERVAL,
};

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
    /// Watches the directory.
    watch: Mutex<Inotify>,
    /// The same queue of events, to wait for them without the lock.
    events: OwnedFd,
}

/// The open jobs and when they end.
#[derive(Default)]
struct Open {
    deadlines: HashMap<JobId, u64>,
    by_time: BTreeSet<(u64, JobId)>,
    /// Jobs whose files are being made.
    claimed: HashSet<JobId>,
    /// Jobs that somebody else has given a status, and when they should be sealed at the latest.
    unsealed: BTreeSet<(u64, JobId)>,
    stopped: bool,
}

impl Open {
    fn count(&self) -> usize {
        self.deadlines.len() + self.claimed.len()
    }

    fn remove(&mut self, id: JobId) -> bool {
        let deadline = self.deadlines.remove(&id);
        if let Some(deadline) = deadline {
            self.by_time.remove(&(deadline, id));
        }
        self.claimed.remove(&id) || deadline.is_some()
    }

    /// The next moment at which there is something to do.
    fn next(&self) -> Option<u64> {
        let first = |times: &BTreeSet<(u64, JobId)>| Some(times.first()?.0);
        first(&self.by_time)
            .into_iter()
            .chain(first(&self.unsealed))
            .min()
    }
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
        let events = rustix::io::fcntl_dupfd_cloexec(watch.as_fd(), 0)?;
        let tracker = Tracker {
            events,
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
        self.open().count()
    }

    /// The deadline of a job that is accepted now, in seconds since 1970. `wanted`: seconds from now, which it has at least.
    #[must_use]
    pub fn deadline(&self, wanted: Option<u64>) -> u64 {
        let timeout = wanted.unwrap_or(self.terms.timeout.as_secs());
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let begun = u64::from(now.subsec_nanos() > 0);
        now.as_secs().saturating_add(timeout).saturating_add(begun)
    }

    /// Claims a name for a job; false if there is such a job already.
    ///
    /// # Errors
    /// [`NotAccepted`]
    pub fn claim(&self, record: &JobRecord) -> Result<bool, NotAccepted> {
        let mut reserved = self.reserve(record.id);
        if reserved.is_none() {
            // Whoever has just read the end of a job may ask for the next one before the thread has heard of that end.
            self.read_ends();
            reserved = self.reserve(record.id);
        }
        if reserved.is_none() && self.directory.record(record.id).is_none() {
            return Err(NotAccepted::Full);
        }
        let claimed = self.directory.claim(record);
        if reserved == Some(true) && !matches!(claimed, Ok(true)) {
            self.open().claimed.remove(&record.id);
        }
        claimed.map_err(NotAccepted::Failed)
    }

    /// Counts a job as open that is about to be made. `None`: there are too many; false: it is open already.
    fn reserve(&self, id: JobId) -> Option<bool> {
        let mut open = self.open();
        if open.deadlines.contains_key(&id) || open.claimed.contains(&id) {
            return Some(false);
        }
        let has_place = open.count() < self.terms.most;
        has_place.then(|| open.claimed.insert(id))
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
        let interval = self.terms.keep.as_secs();
        let interval = interval.clamp(1, JOB_CLEAN_INTERVAL.as_secs());
        loop {
            let now = seconds_since_1970();
            if now >= clean_at {
                self.clean(now);
                clean_at = now + interval;
            }
            self.end_late(now);
            self.seal_late(now);
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
        self.directory.remove_leftovers()?;
        let mut open = HashMap::new();
        self.directory.each_recorded(|id| {
            if !self.directory.is_accepted(id) {
                info!("job {id}: it was not accepted before the server ended");
                self.directory.remove(id);
            } else if !self.directory.has_ended(id)
                && let Some(record) = self.directory.record(id)
            {
                self.insert(id, record.deadline);
                open.insert(id, record);
            }
            Ok(())
        })?;
        self.directory.strike_queued(&mut open);
        for record in open.values() {
            self.directory.enqueue(record)?;
        }
        self.directory.each_ended(|id| {
            if self.directory.is_accepted(id) && !self.directory.is_over(id) {
                self.complete_end(id, seconds_since_1970());
            }
            Ok(())
        })
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

    /// Seals the answers of jobs whose status somebody else has recorded and who has died before the seal.
    fn seal_late(&self, now: u64) {
        loop {
            let late = self.open().unsealed.first().copied();
            let Some((at, id)) = late.filter(|(at, _)| *at <= now) else {
                return;
            };
            self.open().unsealed.remove(&(at, id));
            self.complete_end(id, now);
        }
    }

    fn complete_end(&self, id: JobId, now: u64) {
        match self.directory.complete_end(id) {
            Ok(true) => {}
            Ok(false) => self.look_for_seal(id, now),
            Err(error) => {
                error!("job {id}: cannot seal its answer: {error}");
                self.look_for_seal(id, now);
            }
        }
    }

    fn look_for_seal(&self, id: JobId, now: u64) {
        let at = now + JOB_SEAL_PATIENCE.as_secs();
        self.open().unsealed.insert((at, id));
    }

    /// Removes the files of jobs that ended long ago.
    fn clean(&self, now: u64) {
        let cleaned = self.directory.each_ended(|id| {
            let ended = self.directory.ended_at(id).unwrap_or(now);
            let kept = now.saturating_sub(ended) < self.terms.keep.as_secs();
            if !kept && self.directory.is_recorded(id) {
                self.directory.remove(id);
            }
            Ok(())
        });
        if let Err(error) = cleaned {
            warn!("cannot list the jobs: {error}");
        }
    }

    /// Waits until a deadline passes, an end is recorded, or another thread wants something.
    fn wait(&self, now: u64, clean_at: u64) {
        let next = self.open().next();
        let next = next.map_or(clean_at, |next| next.min(clean_at));
        // Deadlines are whole seconds, and a clock may be set: a look at least now and then.
        let pause = Duration::from_secs(next.saturating_sub(now)).min(QUEUE_LOOK_INTERVAL);
        let timeout = Timespec::try_from(pause).expect("some seconds");
        let mut ready = [
            PollFd::new(&self.events, PollFlags::IN),
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
                    self.has_status(id);
                }
            }
        }
        drop(watch);
        if lost {
            let open: Vec<JobId> = self.open().deadlines.keys().copied().collect();
            let ended = open
                .into_iter()
                .filter(|id| self.directory.status(*id).is_some());
            ended.for_each(|id| self.has_status(id));
        }
    }

    /// A job is open no longer, but for the seal that follows the status.
    fn has_status(&self, id: JobId) {
        if self.drop_open(id) {
            self.look_for_seal(id, seconds_since_1970());
        }
    }

    fn insert(&self, id: JobId, deadline: u64) {
        let mut open = self.open();
        open.claimed.remove(&id);
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

    fn drop_open(&self, id: JobId) -> bool {
        self.open().remove(id)
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
