//! Which jobs are open, and which are being made or removed: what the threads of the server share. Pure.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::in_done::Place;
use super::record::JobRecord;
use crate::job::JobId;
use crate::limits::{JOB_LEAD_PATIENCE, JOB_SEAL_PATIENCE};

/// Jobs at moments, in seconds since 1970, the first one first.
type ByTime = BTreeSet<(u64, JobId)>;

/// See the module.
#[derive(Default)]
pub(super) struct OpenJobs {
    deadlines: HashMap<JobId, u64>,
    pub(super) by_time: ByTime,
    /// Jobs whose files are being made.
    pub(super) claimed: HashSet<JobId>,
    /// Jobs that were accepted, and whose lines could not be appended to `queue`.
    pub(super) unqueued: Vec<JobRecord>,
    /// Jobs that somebody else has given a status, and when they should be sealed at the latest.
    pub(super) unsealed: ByTime,
    /// The same jobs, and where `done` ended before they had a status: their lines follow there.
    pub(super) untold: HashMap<JobId, Place>,
    /// Jobs whose answers may be sealed, and what follows from that is not done.
    pub(super) sealed: HashSet<JobId>,
    /// Where `done` ended before the last reports were read; at first that is not known.
    pub(super) done: Place,
    /// The job whose files are being removed.
    pub(super) removing: Option<JobId>,
    /// Jobs to which somebody was led, and when: who was led opens the answer a moment later.
    led: ByTime,
    /// How often reports of ends were lost.
    pub(super) lost: u64,
    /// Where `done` ended before the first of the losses after which nobody has looked at all jobs.
    pub(super) done_before_loss: Place,
    /// After how many of these losses somebody has looked at all jobs.
    pub(super) looked: u64,
    pub(super) stopped: bool,
    /// When files that were kept long enough are removed next, in seconds since 1970.
    pub(super) clean_at: u64,
}

/// Whether a job may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reserved {
    /// It may be made.
    New,
    /// Its files are being made or removed.
    Busy,
    /// It is open.
    Open,
    /// As many jobs are open as may be.
    Full,
    /// The same, but some of them may have ended: that is to be looked at.
    Unsure,
}

impl OpenJobs {
    /// How many are open or being made.
    pub(super) fn count(&self) -> usize {
        let known = |id: &&JobId| self.deadlines.contains_key(id);
        self.deadlines.len() + self.claimed.iter().filter(|id| !known(id)).count()
    }

    pub(super) fn contains(&self, id: JobId) -> bool {
        self.deadlines.contains_key(&id) || self.claimed.contains(&id)
    }

    pub(super) fn ids(&self) -> Vec<JobId> {
        self.deadlines.keys().copied().collect()
    }

    /// Counts a job that is about to be made as open, if fewer than `most` are.
    pub(super) fn reserve(&mut self, id: JobId, most: usize) -> Reserved {
        if self.claimed.contains(&id) || self.removing == Some(id) {
            return Reserved::Busy;
        }
        if self.deadlines.contains_key(&id) {
            return Reserved::Open;
        }
        if self.count() >= most {
            return match self.lost == self.looked && self.sealed.is_empty() {
                true => Reserved::Full,
                false => Reserved::Unsure,
            };
        }
        self.claimed.insert(id);
        Reserved::New
    }

    /// A job is open until this moment at most. True if no other ends before.
    pub(super) fn insert(&mut self, id: JobId, deadline: u64) -> bool {
        if let Some(before) = self.deadlines.insert(id, deadline) {
            self.by_time.remove(&(before, id));
        }
        self.by_time.insert((deadline, id));
        self.by_time.first() == Some(&(deadline, id))
    }

    /// A job is open no longer. False: it was not.
    pub(super) fn remove(&mut self, id: JobId) -> bool {
        let deadline = self.deadlines.remove(&id);
        if let Some(deadline) = deadline {
            self.by_time.remove(&(deadline, id));
        }
        deadline.is_some() || self.claimed.contains(&id)
    }

    /// A job could not be made.
    pub(super) fn forget(&mut self, id: JobId) {
        self.remove(id);
        self.claimed.remove(&id);
    }

    /// Somebody else has given a job its status. False: it was not open.
    pub(super) fn ended(&mut self, id: JobId, now: u64) -> bool {
        let was_open = self.remove(id);
        if was_open {
            self.look_for_seal(id, now);
        }
        was_open
    }

    /// The answer of a job may be sealed.
    pub(super) fn sealed(&mut self, id: JobId) {
        if self.contains(id) || self.untold.contains_key(&id) {
            self.sealed.insert(id);
        }
    }

    pub(super) fn look_for_seal(&mut self, id: JobId, now: u64) {
        let at = now + JOB_SEAL_PATIENCE.as_secs();
        self.unsealed.insert((at, id));
    }

    /// Somebody is led to a job. False: its files are being removed.
    pub(super) fn lead(&mut self, id: JobId, now: u64) -> bool {
        self.forget_led(now);
        if self.removing == Some(id) {
            return false;
        }
        self.led.insert((now, id));
        true
    }

    /// The files of a job are about to be removed. False: somebody may need them now.
    pub(super) fn begin_removal(&mut self, id: JobId, now: u64) -> bool {
        self.forget_led(now);
        let is_led = self.led.iter().any(|(_, other)| *other == id);
        if is_led || self.contains(id) {
            return false;
        }
        self.removing = Some(id);
        true
    }

    /// Forgets who has had the time to open what they were led to, and, if the clock was set back, who cannot say.
    fn forget_led(&mut self, now: u64) {
        let patience = JOB_LEAD_PATIENCE.as_secs();
        let is_over = |at: u64| at > now || now - at > patience;
        while self.led.first().is_some_and(|(at, _)| is_over(*at)) {
            self.led.pop_first();
        }
        while self.led.last().is_some_and(|(at, _)| is_over(*at)) {
            self.led.pop_last();
        }
    }

    /// When files are removed next. `interval`: between two times. If somebody has set the clock back, nothing that waits for
    /// some seconds waits for longer than those from now on.
    pub(super) fn heed_clock(&mut self, now: u64, interval: u64) -> u64 {
        self.clean_at = self.clean_at.min(now + interval);
        let latest = now + JOB_SEAL_PATIENCE.as_secs();
        while let Some((_, id)) = self.unsealed.last().copied().filter(|(at, _)| *at > latest) {
            self.unsealed.pop_last();
            self.unsealed.insert((latest, id));
        }
        self.clean_at
    }

    /// The next moment at which there is something to do.
    pub(super) fn next(&self) -> Option<u64> {
        let first = |times: &ByTime| Some(times.first()?.0);
        first(&self.by_time)
            .into_iter()
            .chain(first(&self.unsealed))
            .min()
    }
}
