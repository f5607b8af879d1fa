//! What other threads have done for a worker comes here: a mailbox that is emptied once a turn. While it is empty a turn
//! costs one look at a flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::os::epoll::Waker;
use crate::resource::DirectoryPage;
use crate::store::generations::finder::{Answer, Reply};

/// A page of the list of a directory, or why there is none.
pub type Made = Result<DirectoryPage, Errno>;

/// Something that a thread has done.
pub enum Completion {
    /// Looked for generations.
    Generations {
        /// The number of the search.
        number: u64,
        /// What it came to.
        answer: Arc<Answer>,
    },
    /// Listed a directory, or could not.
    List {
        /// The number of the list.
        number: u64,
        /// The list.
        made: Made,
    },
    /// Put something on disk, or could not.
    Commit {
        /// The slots of the connections that wait.
        slots: Vec<usize>,
        /// The number of what they wait for.
        number: u64,
        /// Whether it is there.
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
    /// Of the worker that this wakes.
    #[must_use]
    pub fn new(waker: Waker) -> Completions {
        Completions {
            any: AtomicBool::new(false),
            list: Mutex::default(),
            waker,
        }
    }

    /// Hands something over, and wakes the worker. Bounded by what the worker has asked for.
    pub fn post(&self, completion: Completion) {
        let mut list = self.lock();
        list.push(completion);
        self.any.store(true, Ordering::Release);
        drop(list);
        self.waker.wake();
    }

    /// Whether there is something.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// All of it, in the order in which it came.
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
