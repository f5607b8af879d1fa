//! A mailbox for the results of what other threads do for a worker, which empties it once a turn. While it is empty, a turn costs
//! one load of a flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::os::epoll::Waker;
use crate::resource::DirectoryPage;
use crate::store::generations::finder::{Answer, Reply};

/// A page of the list of a directory, or why there is none.
pub type Made = Result<DirectoryPage, Errno>;

/// The result of a thread.
pub enum Completion {
    /// Of a search for generations.
    Generations {
        /// The number of the search.
        number: u64,
        /// What it has found.
        answer: Arc<Answer>,
    },
    /// Of listing a directory.
    List {
        /// The number of the list.
        number: u64,
        /// The list.
        made: Made,
    },
    /// Of putting something on disk.
    Commit {
        /// The slots of the connections that wait.
        slots: Vec<usize>,
        /// The number of the commit that they wait for.
        number: u64,
        /// Whether it is on disk.
        result: Result<(), Errno>,
    },
}

/// The mailbox of one worker.
pub struct Completions {
    any: AtomicBool,
    list: Mutex<Vec<Completion>>,
    waker: Waker,
}

impl Completions {
    /// The poller of the worker, to wake it.
    #[must_use]
    pub fn new(waker: Waker) -> Completions {
        Completions {
            any: AtomicBool::new(false),
            list: Mutex::default(),
            waker,
        }
    }

    /// Posts a result, and wakes the worker. There are no more results than the worker has asked for.
    pub fn post(&self, completion: Completion) {
        let mut list = self.lock();
        list.push(completion);
        self.any.store(true, Ordering::Release);
        drop(list);
        self.waker.wake();
    }

    /// Whether there are results.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Takes all results, in the order in which they came.
    pub(super) fn take(&self) -> Vec<Completion> {
        if !self.any() {
            return Vec::new();
        }
        let mut list = self.lock();
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut *list)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Completion>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reply for Completions {
    fn reply(&self, number: u64, answer: &Arc<Answer>) {
        let answer = Arc::clone(answer);
        self.post(Completion::Generations { number, answer });
    }
}
