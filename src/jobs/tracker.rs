//! The server's part of jobs: it accepts them, knows which are open, and ends them at their deadline.
//!
//! Workers of the server accept and cancel jobs; a thread of its own waits for deadlines and for the ends that workers of the
//! jobs record. What is kept here is only a copy of what the directory says, made again at each start.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{error, info, warn};
use rustix::io::Errno;

use super::files::JobDirectory;
use super::record::{JobId, JobRecord, JobStatus};
use super::watch::{DirectoryWatch, Seen, Watch};
use crate::limits::{
    JOB_CLAIM_LOOKS, JOB_CLAIM_PAUSE, JOB_CLEAN_INTERVAL, JOB_KEEP, JOB_SEAL_PATIENCE, JOB_TIMEOUT,
    JOBS_MAX, QUEUE_LOOK_INTERVAL,
};
use crate::receipt::WriteFailure;
use crate::store::place::failure;

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
    open: Mutex<Open>,
    watch: Box<dyn Watch>,
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
    /// When files that were kept long enough are removed next, in seconds since 1970.
    clean_at: u64,
}

impl Open {
    fn count(&self) -> usize {
        let known = |id: &&JobId| self.deadlines.contains_key(id);
        self.deadlines.len() + self.claimed.iter().filter(|id| !known(id)).count()
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

/// Whether a job may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reserved {
    /// It may be made.
    New,
    /// It is being made.
    Claimed,
    /// It is open.
    Open,
    /// As many jobs are open as may be.
    Full,
}

impl Tracker {
    /// The jobs of this directory. It completes or removes what an earlier server has left half done.
    ///
    /// # Errors
    /// EACCES, EMFILE and the like.
    pub fn new(path: &std::path::Path, terms: JobTerms) -> io::Result<Tracker> {
        let directory = JobDirectory::open(path)?;
        let watch = DirectoryWatch::new(path)?;
        Ok(Tracker::over(directory, Box::new(watch), terms)?)
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

    /// How many jobs are open.
    #[must_use]
    pub fn open_jobs(&self) -> usize {
        self.open().count()
    }

    /// The deadline of a job that is accepted now, in seconds since 1970. `wanted`: seconds from now, which it has at least.
    #[must_use]
    pub fn deadline(&self, wanted: Option<u64>) -> u64 {
        let timeout = wanted.unwrap_or(self.terms.timeout.as_secs());
        let now = self.directory.clock();
        let begun = u64::from(now.subsec_nanos() > 0);
        now.as_secs().saturating_add(timeout).saturating_add(begun)
    }

    /// Makes the files of a job, or finds that the same request has made them before. `body` is the request, from its
    /// beginning; `publish` gives it its name.
    ///
    /// # Errors
    /// Nothing is left of the job then.
    pub fn accept(
        &self,
        record: &JobRecord,
        body: impl FnOnce() -> Result<File, Errno>,
        publish: impl FnOnce() -> Result<(), WriteFailure>,
    ) -> Result<(), WriteFailure> {
        let id = record.id;
        if !self.claim(record)? {
            let mut body = body().map_err(failure)?;
            return match self.directory.is_request(id, &mut body) {
                Ok(false) => Err(WriteFailure::OtherBody),
                Ok(true) => Ok(()),
                // The job is being removed.
                Err(_) => Err(WriteFailure::Busy),
            };
        }
        publish().inspect_err(|_| self.forget(id))?;
        self.enqueue(record).map_err(failure)?;
        info!("job {id}: accepted, {} bytes", record.length);
        Ok(())
    }

    /// Claims a name for a job; false if there is such a job already.
    fn claim(&self, record: &JobRecord) -> Result<bool, WriteFailure> {
        let mut reserved = self.reserve(record.id);
        for _ in 0..JOB_CLAIM_LOOKS {
            if reserved != Reserved::Claimed {
                break;
            }
            // The same request is being accepted by another thread, which may fail.
            self.directory.pause(JOB_CLAIM_PAUSE);
            reserved = self.reserve(record.id);
        }
        if reserved == Reserved::Full {
            // Whoever has just read the end of a job may ask for the next one before the thread has heard of that end.
            self.read_ends();
            reserved = self.reserve(record.id);
        }
        match reserved {
            Reserved::Claimed => return Err(WriteFailure::Busy),
            Reserved::Full if self.directory.record(record.id).is_none() => {
                return Err(WriteFailure::TooManyJobs);
            }
            _ => {}
        }
        let claimed = self.directory.claim(record);
        if reserved == Reserved::New && !matches!(claimed, Ok(true)) {
            self.open().claimed.remove(&record.id);
        }
        claimed.map_err(failure)
    }

    /// Counts a job that is about to be made as open.
    fn reserve(&self, id: JobId) -> Reserved {
        let mut open = self.open();
        if open.claimed.contains(&id) {
            return Reserved::Claimed;
        }
        if open.deadlines.contains_key(&id) {
            return Reserved::Open;
        }
        if open.count() >= self.terms.most {
            return Reserved::Full;
        }
        open.claimed.insert(id);
        Reserved::New
    }

    /// Appends a job whose request has its name to the queue, where workers see it from now on.
    fn enqueue(&self, record: &JobRecord) -> Result<(), Errno> {
        let id = record.id;
        self.insert(id, record.deadline);
        let queued = self.directory.enqueue(record);
        match queued {
            // A worker has found its request and taken it, or it has ended: so it is accepted.
            Err(_) if self.directory.withdraw(id) == Ok(false) => {}
            Err(error) => {
                self.drop_open(id);
                return Err(error);
            }
            Ok(()) => {}
        }
        self.open().claimed.remove(&id);
        // It may have ended while it was not open yet.
        if self.directory.has_ended(id) {
            self.has_status(id);
        }
        Ok(())
    }

    /// Takes back the claim of a job whose files could not be written.
    fn forget(&self, id: JobId) {
        self.directory.remove(id);
        // From now on the same request may claim it.
        self.drop_open(id);
    }

    /// Ends a job. False: it had ended before.
    ///
    /// # Errors
    /// ENOSPC and the like.
    pub fn end(&self, id: JobId, status: JobStatus) -> Result<bool, Errno> {
        let decided = self.directory.end(id, status)?;
        if self.drop_open(id) && !decided {
            // Whoever has decided it may die before the seal.
            self.look_for_seal(id, self.seconds());
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
        }
    }

    /// Does what is due, and says for how long there is nothing more to do unless something happens.
    pub fn turn(&self) -> Duration {
        let now = self.seconds();
        let mut clean_at = self.open().clean_at;
        if now >= clean_at {
            self.clean(now);
            let interval = self.terms.keep.as_secs();
            clean_at = now + interval.clamp(1, JOB_CLEAN_INTERVAL.as_secs());
            self.open().clean_at = clean_at;
        }
        self.end_late(now);
        self.seal_late(now);
        let next = self.open().next();
        let next = next.map_or(clean_at, |next| next.min(clean_at));
        // Deadlines are whole seconds, and a clock may be set: a look at least now and then.
        Duration::from_secs(next.saturating_sub(now)).min(QUEUE_LOOK_INTERVAL)
    }

    /// Ends [`Tracker::run`].
    pub fn stop(&self) {
        self.open().stopped = true;
        self.watch.wake();
    }

    /// Completes what an earlier server has left.
    fn recover(&self) -> Result<(), Errno> {
        self.directory.remove_leftovers()?;
        let mut open = HashMap::new();
        self.directory.each_recorded(|id| {
            if !self.directory.is_accepted(id) {
                info!("job {id}: the server ended before it accepted the job");
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
        if !open.is_empty() {
            let came = self.directory.open_jobs()?;
            for record in came.iter().filter_map(|id| open.get(id)) {
                self.directory.enqueue(record)?;
            }
        }
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

    /// Closes the open jobs that have a status by now.
    pub fn read_ends(&self) {
        for seen in self.watch.seen() {
            match seen {
                Seen::Ended(id) => self.has_status(id),
                Seen::Lost => {
                    let open: Vec<JobId> = self.open().deadlines.keys().copied().collect();
                    let ended = open.into_iter().filter(|id| self.directory.has_ended(*id));
                    ended.for_each(|id| self.has_status(id));
                }
            }
        }
    }

    /// A job has a status, so it is no longer open; only its seal has to follow.
    fn has_status(&self, id: JobId) {
        if self.drop_open(id) {
            self.look_for_seal(id, self.seconds());
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
            self.watch.wake();
        }
    }

    fn drop_open(&self, id: JobId) -> bool {
        self.open().remove(id)
    }

    fn seconds(&self) -> u64 {
        self.directory.clock().as_secs()
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
