//! What follows files: `worker::passes`, `os::watch`.

mod passes;
mod watch;
