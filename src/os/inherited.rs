//! Descriptors that this process was started with, after the three standard streams.

use std::ffi::c_int;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use super::sys;

/// The first one (SD_LISTEN_FDS_START of sd_listen_fds(3)).
pub const FIRST: c_int = 3;

/// Takes ownership of the `count` descriptors that the parent process says it has passed. All of them at once, before
/// anything else can get one of their numbers: a second call returns none.
///
/// # Errors
/// The number where nothing is open.
pub fn take(count: u32) -> Result<Vec<OwnedFd>, (c_int, io::Error)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let count = if TAKEN.swap(true, Ordering::Relaxed) {
        0
    } else {
        c_int::try_from(count).unwrap_or(c_int::MAX - FIRST)
    };
    (FIRST..FIRST.saturating_add(count))
        .map(|number| sys::inherited(number).map_err(|error| (number, error)))
        .collect()
}
