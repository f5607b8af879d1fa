//! What a tracker hears of the ends of jobs, and what follows.

use log::{error, info};
use rustix::io::Errno;

use super::Tracker;
use crate::job::{JobId, JobStatus};
use crate::jobs::ending::Completion;
use crate::jobs::watch::Seen;
use crate::limits::JOB_TEXT_PATIENCE;

impl Tracker {
    /// Closes the open jobs that have a status by now. False: there was no report.
    pub(super) fn read_ends(&self) -> bool {
        let before = self.open().done.clone();
        let (now, done) = (self.seconds(), self.directory.end_of_done(&before));
        // What somebody has read counts before anybody else looks.
        let mut open = self.open();
        let seen = self.watch.seen();
        if seen.is_empty() {
            return false;
        }
        let from = std::mem::replace(&mut open.done, done);
        for seen in &seen {
            match *seen {
                Seen::Ended(id) => {
                    if open.ended(id, now) {
                        open.untold.insert(id, from.clone());
                    }
                }
                Seen::Sealed(id) => open.sealed(id),
                Seen::Lost => {
                    if open.lost == open.looked {
                        open.done_before_loss = from.clone();
                    }
                    open.lost += 1;
                }
            }
        }
        true
    }

    /// Looks which jobs have ended, if reports of that were lost.
    pub(super) fn look_at_all(&self) {
        let open = self.open();
        let lost = open.lost;
        if lost == open.looked {
            return;
        }
        let (ids, from) = (open.ids(), open.done_before_loss.clone());
        drop(open);
        for id in ids {
            if !self.directory.has_ended(id) {
                self.end_sealed(id);
                continue;
            }
            let now = self.seconds();
            let mut open = self.open();
            if open.ended(id, now) {
                open.untold.insert(id, from.clone());
                open.sealed(id);
            }
        }
        self.open().looked = lost;
    }

    /// Does what follows from a seal: it is the end of its job, and `done` has a line for it.
    pub(super) fn look_at_sealed(&self) {
        loop {
            let open = self.open();
            let Some(id) = open.sealed.iter().next().copied() else {
                return;
            };
            let is_untold = open.untold.contains_key(&id);
            drop(open);
            match is_untold && self.directory.is_sealed(id) {
                true if self.directory.is_unclear(id) => {
                    // Its text follows, or else it is damaged.
                    let at = self.seconds() + JOB_TEXT_PATIENCE.as_secs() + 1;
                    self.open().unsealed.insert((at, id));
                }
                true => self.tell_missing(id),
                false if !is_untold => self.end_sealed(id),
                false => {}
            }
            self.open().sealed.remove(&id);
        }
    }

    /// Somebody has given a job its status and sealed its answer, but may have left out its line of `done`.
    pub(super) fn tell_missing(&self, id: JobId) {
        let Some(from) = self.open().untold.get(&id).cloned() else {
            return;
        };
        if let Err(error) = self.directory.tell_missing(id, &from) {
            error!("job {id}: cannot append its end to done: {error}");
        }
        let mut open = self.open();
        if open.untold.remove(&id).is_some() {
            open.remove(id);
        }
    }

    /// Seals the answers of jobs whose status somebody else has recorded and who has died before the seal.
    pub(super) fn seal_late(&self, now: u64) {
        loop {
            let late = self.open().unsealed.first().copied();
            let Some((at, id)) = late.filter(|(at, _)| *at <= now) else {
                return;
            };
            self.open().unsealed.remove(&(at, id));
            let is_open = self.open().contains(id);
            match is_open && !self.directory.has_ended(id) {
                true => self.end_sealed(id),
                false => self.complete_end(id, now),
            }
        }
    }

    pub(super) fn complete_end(&self, id: JobId, now: u64) {
        match self.directory.complete_end(id) {
            Ok(Completion::Whole) => self.tell_missing(id),
            Ok(Completion::Awaited) => self.look_for_seal(id, now),
            Ok(Completion::Held) => {
                self.reopen(id);
                self.open().unsealed.insert((now + 1, id));
            }
            Err(error) => {
                error!("job {id}: cannot seal its answer: {error}");
                self.look_for_seal(id, now);
            }
        }
    }

    fn look_for_seal(&self, id: JobId, now: u64) {
        self.open().look_for_seal(id, now);
    }

    /// A job whose status nobody understands is open again, so that its deadline and its client can end it. False: it is not
    /// such a job, or its answer is sealed.
    pub(super) fn reopen(&self, id: JobId) -> bool {
        let is_unclear = || !self.directory.is_over(id) && self.directory.is_unclear(id);
        let Some(record) = self.directory.record(id).filter(|_| is_unclear()) else {
            return false;
        };
        let mut open = self.open();
        if open.removing == Some(id) || open.claimed.contains(&id) {
            return false;
        }
        open.insert(id, record.deadline);
        open.untold.entry(id).or_default();
        drop(open);
        // Nobody removes its files from here on.
        let is_unclear = is_unclear();
        if !is_unclear {
            self.open().remove(id);
        }
        is_unclear
    }

    /// An answer that somebody has sealed without a status is complete: its job has succeeded.
    pub(super) fn end_sealed(&self, id: JobId) {
        let status = JobStatus::Exit(0);
        if !self.directory.is_sealed(id) {
            return;
        }
        if self.directory.is_at_work(id) {
            // Its worker says how it ends, unless it dies before.
            let at = self.seconds() + 1;
            self.open().unsealed.insert((at, id));
            return;
        }
        match self.end(id, status) {
            Ok(true) => info!("job {id}: it succeeded: somebody has sealed the answer"),
            Ok(false) => {}
            Err(Errno::AGAIN) => {
                let at = self.seconds() + 1;
                self.open().unsealed.insert((at, id));
            }
            Err(error) => error!("job {id}: cannot record that its answer is sealed: {error}"),
        }
    }

    /// An answer that somebody has removed while no server ran is one that nobody needs, and no worker takes its job.
    pub(super) fn end_unanswered(&self, id: JobId) {
        match self.end(id, JobStatus::Cancelled) {
            Ok(true) => info!("job {id}: it was cancelled: somebody has removed the answer"),
            Ok(false) => {}
            Err(error) => error!("job {id}: cannot record that its answer is gone: {error}"),
        }
    }

    /// How a job ended whose answer is sealed.
    #[must_use]
    pub fn status(&self, id: JobId) -> Option<JobStatus> {
        self.directory.status(id).or_else(|| {
            self.end_sealed(id);
            self.directory.status(id)
        })
    }

    /// A job has a status, so it is no longer open; only its seal has to follow.
    pub(super) fn has_status(&self, id: JobId) {
        let now = self.seconds();
        self.open().ended(id, now);
    }
}
