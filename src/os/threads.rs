//! Threads with a name.

use std::io;
use std::thread::{Builder, JoinHandle};

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
