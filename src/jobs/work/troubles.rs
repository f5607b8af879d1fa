//! What keeps this worker from bringing jobs to their end: each reason stands in the log once, however often the worker
//! tries again.

use std::sync::{Mutex, PoisonError};

use log::error;

use crate::job::JobId;
use crate::sorted::SortedMap;

/// The last trouble with each job, as long as it lasts.
#[derive(Default)]
pub struct Troubles {
    last: Mutex<SortedMap<JobId, String>>,
}

impl Troubles {
    /// Logs this trouble, unless the last one with this job was the same. Returns whether it is a new one.
    pub fn report(&self, id: JobId, trouble: String) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = last.get(&id) != Some(&trouble);
        if is_new {
            error!("job {id}: {trouble}; trying again until it works");
            last.insert(id, trouble);
        }
        is_new
    }

    /// The trouble with this job is over: if it comes back, it is a new one.
    pub fn end(&self, id: JobId) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.remove(&id);
    }
}
