//! Jobs that wait for a runner of this worker.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::job::JobId;
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

/// What a runner is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// To look at this job.
    Job(JobId),
    /// To wait, until this moment at most.
    Wait(Option<Instant>),
    /// To end.
    Stop,
}

impl Pending {
    /// Adds a job behind the others.
    pub fn offer(&self, id: JobId) {
        self.state().ready.push_back(id);
        self.changed.notify_one();
    }

    /// Adds a job that another worker holds, to look at it again after a pause.
    pub fn look_again_later(&self, id: JobId, now: Instant) {
        self.state().later.push_back((now + JOB_LOCKED_PAUSE, id));
        self.changed.notify_one();
    }

    /// What there is to do at this moment. The simulation, whose clock is not that of the machine, calls this instead of
    /// [`Pending::wait`].
    pub fn next(&self, now: Instant) -> Next {
        self.state().next(now)
    }

    /// Waits for a job; `None` once [`Pending::stop`] was called.
    pub fn wait(&self) -> Option<JobId> {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            state = match state.next(now) {
                Next::Stop => return None,
                Next::Job(id) => return Some(id),
                Next::Wait(Some(at)) => {
                    let waited = self.changed.wait_timeout(state, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Next::Wait(None) => {
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

impl State {
    fn next(&mut self, now: Instant) -> Next {
        if self.stopped {
            return Next::Stop;
        }
        if let Some(id) = self.ready.pop_front() {
            return Next::Job(id);
        }
        match self.later.front() {
            Some(&(at, id)) if at <= now => {
                self.later.pop_front();
                Next::Job(id)
            }
            later => Next::Wait(later.map(|(at, _)| *at)),
        }
    }
}
