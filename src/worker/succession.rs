//! When another directory takes the name of ROOT, new workers (the *successors*) replace those that serve. Idle connections
//! pass to the successors: the next request on them gets the new directory, and no client finds a connection closed while its
//! request is on the way.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::os::epoll::Waker;
use crate::os::sockets::{Peer, Stream};

/// The successors of some workers, once there are any.
#[derive(Default)]
pub struct Succession {
    successors: OnceLock<Vec<Entrance>>,
    /// The index of the successor that gets the next connection, modulo their number.
    next: AtomicUsize,
}

impl Succession {
    /// Sets the successors. Only the first call counts.
    pub fn begin(&self, successors: Vec<Entrance>) {
        let _ = self.successors.set(successors);
    }

    /// Whether there are successors, which accept the connections.
    pub(super) fn has_begun(&self) -> bool {
        self.successors.get().is_some()
    }

    /// Gives a connection to one of the successors.
    ///
    /// # Errors
    /// The connection, if no successor takes it.
    pub(super) fn pass_on(&self, passing: Passing) -> Result<(), Passing> {
        let Some(successors) = self.successors.get().filter(|all| !all.is_empty()) else {
            return Err(passing);
        };
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        successors[next % successors.len()].put(passing)
    }
}

/// Where a successor receives connections.
#[derive(Clone)]
pub struct Entrance {
    waker: Waker,
    arrivals: Arc<Arrivals>,
}

impl Entrance {
    /// The poller of that worker, to wake it.
    #[must_use]
    pub fn new(waker: Waker, arrivals: Arc<Arrivals>) -> Entrance {
        Entrance { waker, arrivals }
    }

    fn put(&self, passing: Passing) -> Result<(), Passing> {
        let mut open = self.arrivals.lock();
        let Some(arrived) = open.as_mut() else {
            return Err(passing);
        };
        arrived.push(passing);
        drop(open);
        self.arrivals.any.store(true, Ordering::Release);
        self.waker.wake();
        Ok(())
    }
}

/// Connections that were passed to a successor, and that it has not taken yet. There are no more than its predecessors had.
pub struct Arrivals {
    /// Whether there are any, to be read without the lock.
    any: AtomicBool,
    /// `None`: the worker ends and takes no more.
    open: Mutex<Option<Vec<Passing>>>,
}

impl Default for Arrivals {
    fn default() -> Arrivals {
        Arrivals {
            any: AtomicBool::new(false),
            open: Mutex::new(Some(Vec::new())),
        }
    }
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Passing>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the connections that have come since the last call.
    pub(super) fn take(&self) -> Vec<Passing> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        self.lock().as_mut().map(mem::take).unwrap_or_default()
    }

    /// The same, and accepts no more.
    pub(super) fn close(&self) -> Vec<Passing> {
        self.lock().take().unwrap_or_default()
    }
}

/// An idle connection. It counts against `--max-connections`, and still does after it has passed.
pub(super) struct Passing {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    /// Its PROXY header has not come yet.
    pub(super) awaits_source: bool,
    /// It has had a response.
    pub(super) served: bool,
}
