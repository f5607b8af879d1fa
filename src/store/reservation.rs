//! Space for what is to be appended, before it is: so a full disk refuses a record as a whole.

use std::os::fd::AsFd;
use std::sync::OnceLock;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// A write that stays within the last block of a file is all of it or nothing without a reservation. No file system has
/// smaller ones.
const BLOCK: u64 = 512;

/// Reserves the space for `length` bytes behind the `size` bytes of a file, so that they are written as a whole or not at
/// all. Where that is not possible (some file systems), the write tells.
///
/// # Errors
/// ENOSPC, EDQUOT; EFBIG, also where a limit of the process forbids it.
pub fn reserve(file: impl AsFd, length: u64, size: u64) -> Result<(), Errno> {
    if limit().is_some_and(|limit| size.saturating_add(length) > limit) {
        return Err(Errno::FBIG);
    }
    if !size.is_multiple_of(BLOCK) && size / BLOCK == (size + length - 1) / BLOCK {
        return Ok(());
    }
    let result = rustix::io::retry_on_intr(|| {
        rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, size, length)
    });
    match result {
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error),
        _ => Ok(()),
    }
}

/// The largest size that this process may give a file, which fallocate(2) does not look at. It is asked for once: where
/// somebody else lowers it later (prlimit(1)), the write tells.
fn limit() -> Option<u64> {
    static LIMIT: OnceLock<Option<u64>> = OnceLock::new();
    *LIMIT.get_or_init(|| getrlimit(Resource::Fsize).current)
}
