//! The server's part of jobs: it accepts them, knows which are open, and ends them at their deadline.
//!
//! Workers of the server accept and cancel jobs; a thread of its own waits for deadlines and for the ends that workers of the
//! jobs record. What is kept here is only a copy of what the directory says, made again at each start.

mod ends;
mod queueing;

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{error, info, warn};
use rustix::io::Errno;

use super::files::JobDirectory;
use super::open_jobs::{OpenJobs, Reserved};
use super::record::JobRecord;
use super::watch::{self, Watch};
use crate::job::{JobId, JobStatus};
use crate::limits::{
    JOB_CLEAN_INTERVAL, JOB_KEEP, JOB_LOCKED_PAUSE, JOB_QUEUE_PATIENCE, JOB_TIMEOUT, JOBS_MAX,
    QUEUE_LOOK_INTERVAL,
};
use crate::receipt::WriteFailure;
use crate::store::place::{Stop, failure};

/// How many jobs there may be, and how long they may take and stay.
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
    open: Mutex<OpenJobs>,
    watch: Box<dyn Watch>,
}

/// What came of a request for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It has made the job.
    New,
    /// There is such a job already: it is the same if its request is ([`JobDirectory::compare`]).
    Before,
}

impl Tracker {
    /// The jobs of this directory. It completes or removes what an earlier server has left half done.
    ///
    /// # Errors
    /// EACCES, EMFILE and the like.
    pub fn new(path: &std::path::Path, terms: JobTerms) -> io::Result<Tracker> {
        let directory = JobDirectory::open(path)?;
        Ok(Tracker::over(directory, watch::watch(path)?, terms)?)
    }

    /// The same of an open directory. `watch` reports what happens from now on.
    ///
    /// # Errors
    /// EACCES, EMFILE and the like.
    pub fn over(
        directory: JobDirectory,
        watch: Box<dyn Watch>,
        terms: JobTerms,
    ) -> Result<Tracker, Errno> {
        let tracker = Tracker {
            directory,
            terms,
            open: Mutex::default(),
            watch,
        };
        tracker.recover()?;
        Ok(tracker)
    }

    /// The files.
    #[must_use]
    pub fn directory(&self) -> &JobDirectory {
        &self.directory
    }

    /// How many jobs are open, for tests.
    #[must_use]
    pub fn open_jobs(&self) -> usize {
        self.open().count()
    }

    /// Whether a job is open, or has a status that nobody understands yet.
    #[must_use]
    pub fn is_open(&self, id: JobId) -> bool {
        self.open().contains(id) || self.directory.is_unclear(id)
    }

    /// The deadline of a job that is accepted now, in seconds since 1970. `wanted`: seconds from now, which it has at least.
    #[must_use]
    pub fn deadline(&self, wanted: Option<u64>) -> u64 {
        let timeout = wanted.unwrap_or(self.terms.timeout.as_secs());
        let now = self.directory.clock();
        let begun = u64::from(now.subsec_nanos() > 0);
        now.as_secs().saturating_add(timeout).saturating_add(begun)
    }

    /// Makes the files of a job, unless there is such a job. `publish` gives the request its name.
    ///
    /// # Errors
    /// Nothing is left of the job then. [`Stop::Locked`]: the same request is just being accepted, or the files of the job
    /// are being removed.
    pub fn accept(
        &self,
        record: &JobRecord,
        publish: impl FnOnce() -> Result<(), WriteFailure>,
    ) -> Result<Accepted, Stop> {
        let id = record.id;
        if !self.claim(record)? {
            return Ok(Accepted::Before);
        }
        publish().inspect_err(|_| self.forget(id))?;
        self.enqueue(record).map_err(failure)?;
        info!("job {id}: accepted, {} bytes", record.length);
        Ok(Accepted::New)
    }

    /// A request is about to be led to this job, whose files stay for a while. False: they are being removed.
    #[must_use]
    pub fn lead(&self, id: JobId) -> bool {
        let now = self.seconds();
        self.open().lead(id, now) && self.directory.is_accepted(id)
    }

    /// Claims a name for a job; false if there is such a job already.
    fn claim(&self, record: &JobRecord) -> Result<bool, Stop> {
        let (id, most) = (record.id, self.terms.most);
        let mut reserved = self.open().reserve(id, most);
        let is_old = match reserved {
            Reserved::Full | Reserved::Unsure => true,
            // It may have ended before its files went.
            Reserved::Open => !self.directory.has_its_files(id),
            Reserved::New | Reserved::Busy => false,
        };
        if is_old {
            // Whoever has just read the end of a job may ask for the next one before the thread has learnt of that end.
            if self.read_ends() {
                self.watch.wake();
            }
            reserved = self.open().reserve(id, most);
        }
        match reserved {
            Reserved::Busy | Reserved::Unsure => return Err(Stop::Locked),
            Reserved::Full if !self.directory.has_its_files(id) => {
                return Err(WriteFailure::TooManyJobs.into());
            }
            Reserved::Full | Reserved::Open => return Ok(false),
            Reserved::New => {}
        }
        let claimed = self.claim_reserved(record);
        if !matches!(claimed, Ok(true)) {
            self.open().claimed.remove(&id);
        }
        claimed
    }

    /// Claims a name that nobody else in this server claims, ends or removes meanwhile. A job that is not open and lacks its
    /// request or its answer is none: somebody has removed its files.
    fn claim_reserved(&self, record: &JobRecord) -> Result<bool, Stop> {
        let id = record.id;
        if self.directory.claim(record).map_err(failure)? {
            return Ok(true);
        }
        if self.directory.has_its_files(id) {
            return Ok(false);
        }
        if !self.directory.remove_rest(id).map_err(failure)? {
            return Err(Stop::Locked);
        }
        info!(
            "job {id}: somebody has removed its request or its answer, so the server creates it again"
        );
        // What is reported up to now concerns the former job.
        self.read_ends();
        self.open().untold.remove(&id);
        Ok(self.directory.claim(record).map_err(failure)?)
    }

    /// Takes back the claim of a job whose files could not be written.
    fn forget(&self, id: JobId) {
        self.directory.remove(id);
        // From now on the same request may claim it.
        self.open().forget(id);
    }

    /// Ends a job. False: it had ended before.
    ///
    /// # Errors
    /// EAGAIN: it is just being made, or somebody is writing its status. ENOSPC and the like.
    pub fn end(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        // The files of one that is not open may be being removed.
        let is_open = || self.open().contains(id);
        if !is_open() && !self.reopen(id) {
            return Ok(false);
        }
        let open = self.open();
        if !open.contains(id) {
            return Ok(false);
        }
        // Nobody was promised one that is being made, and it may be taken back.
        if open.claimed.contains(&id) {
            return Err(Errno::AGAIN);
        }
        drop(open);
        let decided = self.directory.try_end(id, status)?;
        let mut open = self.open();
        if open.remove(id) && !decided {
            // Whoever has decided it may have died before the seal. The thread looks: that may take long.
            open.unsealed.insert((self.seconds(), id));
            drop(open);
            self.watch.wake();
        }
        Ok(decided)
    }

    /// Waits for deadlines and ends until [`Tracker::stop`].
    pub fn run(&self) {
        loop {
            let pause = self.turn();
            if self.open().stopped {
                return;
            }
            self.watch.wait(pause);
            self.read_ends();
            self.look_at_all();
            self.look_at_sealed();
        }
    }

    /// Does what is due, and says for how long there is nothing more to do unless something happens.
    pub fn turn(&self) -> Duration {
        let now = self.seconds();
        let interval = self.terms.keep.as_secs();
        let interval = interval.clamp(1, JOB_CLEAN_INTERVAL.as_secs());
        let mut clean_at = self.open().heed_clock(now, interval);
        if now >= clean_at {
            self.clean(now);
            clean_at = now + interval;
            self.open().clean_at = clean_at;
        }
        let most = match self.enqueue_late() {
            true => QUEUE_LOOK_INTERVAL,
            false => JOB_LOCKED_PAUSE,
        };
        self.end_late(now);
        self.seal_late(now);
        let next = self.open().next();
        let next = next.map_or(clean_at, |next| next.min(clean_at));
        // Deadlines are whole seconds, and a clock may be set: a look at least now and then.
        Duration::from_secs(next.saturating_sub(now)).min(most)
    }

    /// Ends [`Tracker::run`].
    pub fn stop(&self) {
        self.open().stopped = true;
        self.watch.wake();
    }

    /// Completes what an earlier server has left.
    fn recover(&self) -> Result<(), Errno> {
        self.directory.remove_leftovers()?;
        let (mut open, mut last) = (HashMap::new(), 0);
        self.directory.each_recorded(|id| {
            let Some(accepted) = self.directory.accepted_at(id) else {
                info!("job {id}: the server ended before it accepted the job");
                self.directory.remove(id);
                return Ok(());
            };
            last = last.max(accepted);
            if !self.directory.has_ended(id)
                && let Some(record) = self.directory.record(id)
            {
                self.insert(id, record.deadline);
                open.insert(id, record);
            }
            Ok(())
        })?;
        open.retain(|id, _| {
            match self.directory.has_its_files(*id) {
                true => self.end_sealed(*id),
                false => self.end_unanswered(*id),
            }
            self.open().contains(*id)
        });
        self.enqueue_missing(open, last.saturating_sub(JOB_QUEUE_PATIENCE.as_secs()))?;
        self.directory.each_ended(|id| {
            if self.directory.is_accepted(id) && !self.directory.is_over(id) {
                self.complete_end(id, self.seconds());
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
                Ok(true) => info!("job {id}: it timed out"),
                Ok(false) => {}
                Err(Errno::AGAIN) => {
                    let mut open = self.open();
                    if open.contains(id) {
                        open.insert(id, now + 1);
                    }
                }
                Err(error) => {
                    error!("job {id}: cannot record that its deadline has passed: {error}");
                    self.insert(id, now + QUEUE_LOOK_INTERVAL.as_secs());
                }
            }
        }
    }

    /// Removes the files of jobs that ended long ago.
    fn clean(&self, now: u64) {
        let is_due = |id| {
            let ended = self.directory.ended_at(id);
            ended.is_some_and(|ended| now.saturating_sub(ended) >= self.terms.keep.as_secs())
        };
        let cleaned = self.directory.each_ended(|id| {
            let is_whole = || self.directory.is_recorded(id) && self.directory.is_over(id);
            if is_due(id) && is_whole() && self.open().begin_removal(id, now) {
                self.directory.remove(id);
                self.open().removing = None;
            }
            Ok(())
        });
        if let Err(error) = cleaned {
            warn!("cannot list the jobs: {error}");
        }
    }

    fn insert(&self, id: JobId, deadline: u64) {
        let first = self.open().insert(id, deadline);
        if first {
            self.watch.wake();
        }
    }

    fn seconds(&self) -> u64 {
        self.directory.clock().as_secs()
    }

    fn open(&self) -> MutexGuard<'_, OpenJobs> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
