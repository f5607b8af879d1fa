//! A value that is replaced now and then and read all the time: readers look at a number that is mostly the same, and
//! take the lock only when it is not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The writer's side, shared by all readers.
#[derive(Debug)]
pub struct Versioned<T> {
    generation: AtomicUsize,
    value: Mutex<Arc<T>>,
}

impl<T> Versioned<T> {
    /// With its first value.
    #[must_use]
    pub fn new(value: T) -> Arc<Versioned<T>> {
        Arc::new(Versioned {
            generation: AtomicUsize::new(0),
            value: Mutex::new(Arc::new(value)),
        })
    }

    /// Readers get this value from now on.
    pub fn replace(&self, value: T) {
        *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn current(&self) -> Arc<T> {
        Arc::clone(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One thread's view of it.
#[derive(Debug)]
pub struct Reader<T> {
    versioned: Arc<Versioned<T>>,
    seen: usize,
    value: Arc<T>,
}

impl<T> Reader<T> {
    /// Begins to read.
    #[must_use]
    pub fn new(versioned: Arc<Versioned<T>>) -> Reader<T> {
        Reader {
            // Before the value: if that is replaced in between, it is only fetched once more.
            seen: versioned.generation.load(Ordering::Acquire),
            value: versioned.current(),
            versioned,
        }
    }

    /// The value now.
    pub fn get(&mut self) -> &T {
        self.get_with_version().1
    }

    /// The same, with a number that is another one for each value.
    pub fn get_with_version(&mut self) -> (usize, &T) {
        let generation = self.versioned.generation.load(Ordering::Acquire);
        if generation != self.seen {
            self.value = self.versioned.current();
            self.seen = generation;
        }
        (self.seen, &self.value)
    }
}
