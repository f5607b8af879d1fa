//! Signals that a write can raise and that end a process by default.

use std::io;
use std::sync::Arc;

/// Makes a write beyond RLIMIT_FSIZE fail with EFBIG and do no more: by default SIGXFSZ ends the process. (The standard
/// library ignores SIGPIPE.) It installs a handler that does nothing, because an ignored signal stays ignored in
/// programs that this one starts.
///
/// # Errors
/// None are known.
pub fn survive_file_size_limit() -> io::Result<()> {
    signal_hook::flag::register(libc::SIGXFSZ, Arc::default())?;
    Ok(())
}
