//! Threads with a name.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::epoll::Waker;

/// Starts a thread. `stack`: bytes of its stack; `None`: what the standard library takes, 2 MiB.
///
/// # Errors
/// EAGAIN: there can be no more threads.
pub fn start<T: Send + 'static>(
    name: &str,
    stack: Option<usize>,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    start_boxed(name, stack, Box::new(run))
}

/// The library's code to start a thread is more than 1 KB for each type of what it runs. With the box it is there once for
/// each type of result.
fn start_boxed<T: Send + 'static>(
    name: &str,
    stack: Option<usize>,
    run: Box<dyn FnOnce() -> T + Send>,
) -> io::Result<JoinHandle<T>> {
    let builder = Builder::new().name(name.into());
    match stack {
        Some(bytes) => builder.stack_size(bytes).spawn(run),
        None => builder.spawn(run),
    }
}

/// What a thread was asked.
pub struct Answer<T>(Arc<Mutex<Option<T>>>);

impl<T> Answer<T> {
    /// The answer, once, when it is there.
    #[must_use]
    pub fn take(&self) -> Option<T> {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answer.take()
    }
}

/// Asks a thread of its own for what may take long. It wakes the loop of `waker` when the answer is there.
///
/// # Errors
/// EAGAIN: there can be no more threads.
pub fn ask<T: Send + 'static>(
    name: &str,
    stack: usize,
    waker: Waker,
    question: impl FnOnce() -> T + Send + 'static,
) -> io::Result<Answer<T>> {
    let given = Arc::new(Mutex::new(None));
    let answer = Answer(Arc::clone(&given));
    start(name, Some(stack), move || {
        let found = question();
        *given.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        waker.wake();
    })?;
    Ok(answer)
}
