//! Jobs that wait for a runner of this worker.

use std::collections::{HashSet, VecDeque};
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
    /// The jobs in both.
    waiting: HashSet<JobId>,
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
    /// Adds a job behind the others, unless it waits already: each scan of the directory finds all that are open.
    pub fn offer(&self, id: JobId) {
        let mut state = self.state();
        if state.waiting.insert(id) {
            state.ready.push_back(id);
            self.changed.notify_one();
        }
    }

    /// Adds a job that another worker holds, to look at it again after a pause, unless it waits already.
    pub fn look_again_later(&self, id: JobId, now: Instant) {
        let mut state = self.state();
        if state.waiting.insert(id) {
            state.later.push_back((now + JOB_LOCKED_PAUSE, id));
            self.changed.notify_one();
        }
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
        // First those whose time has come: new jobs may come all the time.
        let due = self.later.pop_front_if(|(at, _)| *at <= now);
        let next = due.map(|(_, id)| id).or_else(|| self.ready.pop_front());
        match next {
            Some(id) => {
                self.waiting.remove(&id);
                Next::Job(id)
            }
            None => Next::Wait(self.later.front().map(|(at, _)| *at)),
        }
    }
}
