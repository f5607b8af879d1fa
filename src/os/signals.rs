//! Signals that a write can raise and that end a process by default.

use std::io;
use std::sync::Arc;

/// Has a write beyond RLIMIT_FSIZE fail with EFBIG, and no more than that: by default SIGXFSZ ends the process. (SIGPIPE
/// the standard library ignores.) By a handler that does nothing, since what is ignored stays ignored in programs that
/// this one starts.
///
/// # Errors
/// None are known.
pub fn survive_file_size_limit() -> io::Result<()> {
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default())?;
    Ok(())
}
