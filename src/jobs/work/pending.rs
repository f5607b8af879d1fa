//! Jobs that wait for a runner of this worker.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::jobs::record::JobId;
use crate::limits::JOB_LOCKED_PAUSE;

/// A queue that runners wait at.
#[derive(Default)]
pub struct Pending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<JobId>,
    /// Jobs that another worker holds, with the moment of the next look at each, which never decreases along the list.
    later: VecDeque<(Instant, JobId)>,
    stopped: bool,
}

impl Pending {
    /// Adds a job behind the others.
    pub fn offer(&self, id: JobId) {
        self.state().ready.push_back(id);
        self.changed.notify_one();
    }

    /// Adds a job of which something may be known after a pause.
    pub fn look_again_later(&self, id: JobId) {
        let at = Instant::now() + JOB_LOCKED_PAUSE;
        self.state().later.push_back((at, id));
        self.changed.notify_one();
    }

    /// Waits for a job; `None` once [`Pending::stop`] was called.
    pub fn next(&self) -> Option<JobId> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(id) = state.ready.pop_front() {
                return Some(id);
            }
            let now = Instant::now();
            state = match state.later.front() {
                Some(&(at, id)) if at <= now => {
                    state.later.pop_front();
                    return Some(id);
                }
                Some(&(at, _)) => {
                    let waited = self.changed.wait_timeout(state, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(state);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Nobody gets a job any more.
    pub fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
