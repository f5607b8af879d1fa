//! When another directory takes the name of ROOT, other workers take the place of those that serve. Connections on which nothing
//! is under way pass to them: their next request is one for the new directory, and nobody finds a connection closed on which
//! its request was on the way.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::os::epoll::Waker;
use crate::os::sockets::{Peer, Stream};

/// Whether others take the place of these workers, and who.
#[derive(Default)]
pub struct Succession {
    successors: OnceLock<Vec<Entrance>>,
    /// Who takes the next connection, modulo their number.
    next: AtomicUsize,
}

impl Succession {
    /// Others accept the connections from now on. What is said later does not count.
    pub fn begin(&self, successors: Vec<Entrance>) {
        let _ = self.successors.set(successors);
    }

    /// Whether others accept the connections.
    pub(super) fn has_begun(&self) -> bool {
        self.successors.get().is_some()
    }

    /// Gives a connection to one of the successors.
    ///
    /// # Errors
    /// The connection: there is no successor that still takes one.
    pub(super) fn pass_on(&self, passing: Passing) -> Result<(), Passing> {
        let Some(successors) = self.successors.get().filter(|all| !all.is_empty()) else {
            return Err(passing);
        };
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        successors[next % successors.len()].put(passing)
    }
}

/// Where a worker takes connections of others.
#[derive(Clone)]
pub struct Entrance {
    waker: Waker,
    arrivals: Arc<Arrivals>,
}

impl Entrance {
    /// That of the worker which this wakes.
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

/// Connections that have passed to a worker, and that it has not taken yet. They are as many as others had.
pub struct Arrivals {
    /// For a look without the lock.
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

    /// What has come since the last look.
    pub(super) fn take(&self) -> Vec<Passing> {
        if !self.any.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        self.lock().as_mut().map(mem::take).unwrap_or_default()
    }

    /// What has come since the last look; no more comes.
    pub(super) fn close(&self) -> Vec<Passing> {
        self.lock().take().unwrap_or_default()
    }
}

/// A connection on which nothing is under way. It counts against `--max-connections`, and goes on counting.
pub(super) struct Passing {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    /// A PROXY header is still to come.
    pub(super) awaits_source: bool,
    /// A request was answered on it.
    pub(super) served: bool,
}
