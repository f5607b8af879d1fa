//! The lines of `queue`: each accepted job has one, at once or later.

use std::collections::HashMap;
use std::mem;

use log::warn;
use rustix::io::Errno;

use super::Tracker;
use crate::job::JobId;
use crate::jobs::record::JobRecord;
use crate::sorted::sort;

impl Tracker {
    /// Appends a job whose request has its name to the queue, where workers see it from now on.
    pub(super) fn enqueue(&self, record: &JobRecord) -> Result<(), Errno> {
        let id = record.id;
        self.insert(id, record.deadline);
        if let Err(error) = self.directory.enqueue(record) {
            if self.directory.withdraw(id) == Ok(true) {
                self.open().forget(id);
                return Err(error);
            }
            // A worker has found its request and taken it, or it has ended, or all that is known is that its files are
            // there: so it is accepted.
            warn!("job {id}: cannot append it to the queue: {error}; trying again until it works");
            self.open().unqueued.push(record.clone());
            self.watch.wake();
        }
        let mut open = self.open();
        open.claimed.remove(&id);
        open.lead(id, self.seconds());
        drop(open);
        // It may have ended while it was not open yet.
        if self.directory.has_ended(id) {
            self.has_status(id);
        }
        Ok(())
    }

    /// Appends the lines of jobs that were accepted without. False: some are still missing.
    pub(super) fn enqueue_late(&self) -> bool {
        let mut unqueued = mem::take(&mut self.open().unqueued);
        let mut works = true;
        unqueued.retain(|record| {
            works = works
                && (!self.directory.is_accepted(record.id)
                    || self.directory.enqueue(record).is_ok());
            !works
        });
        self.open().unqueued.append(&mut unqueued);
        works
    }

    /// Appends the lines that `queue` lacks: of open jobs, and of those that have ended all the same, since a worker that
    /// begins finds a request before its line. What ended and was accepted before `since` has its line, maybe in a file
    /// that was rolled.
    pub(super) fn enqueue_missing(
        &self,
        mut missing: HashMap<JobId, JobRecord>,
        since: u64,
    ) -> Result<(), Errno> {
        let mut ended = Vec::new();
        self.directory.each_ended(|id| {
            let accepted = self.directory.accepted_at(id);
            if let Some(accepted) = accepted.filter(|accepted| *accepted >= since)
                && let Some(record) = self.directory.record(id)
            {
                ended.push((accepted, id));
                missing.insert(id, record);
            }
            Ok(())
        })?;
        self.directory.strike_queued(&mut missing);
        if missing.is_empty() {
            return Ok(());
        }
        sort(&mut ended);
        let open = self.directory.open_jobs()?;
        let came = ended.iter().map(|(_, id)| id).chain(&open);
        for record in came.filter_map(|id| missing.get(id)) {
            self.directory.enqueue(record)?;
        }
        Ok(())
    }
}
