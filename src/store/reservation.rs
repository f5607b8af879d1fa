//! Space for what is to be appended, before it is: so a full disk refuses a record as a whole.

use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::process::{Resource, geteuid, getrlimit};

use super::file_system::FileSystem;
use super::redo::PAGE;

/// No file system has smaller blocks.
const BLOCK_MIN: u64 = 512;

/// How the file system of a file gives it space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// It gives so many bytes as a whole or not at all, at a multiple of this.
    block: u64,
    /// write(2) fails where there is no further block. Else that may show only when the kernel writes pages back.
    tells: bool,
}

impl Space {
    /// What every file system keeps to.
    pub const ANY: Space = Space {
        block: BLOCK_MIN,
        tells: false,
    };

    /// How it is for this file, which takes two system calls.
    #[must_use]
    pub fn of(file: BorrowedFd<'_>) -> Space {
        // Beneath the others may be anything, which may ask for space later.
        if !FileSystem::of(file).tells_of_changes() {
            return Space::ANY;
        }
        // write(2) gets space for one page after the other, or for one block if blocks are smaller.
        rustix::fs::fstatvfs(file).map_or(Space::ANY, |found| Space {
            block: found.f_frsize.clamp(BLOCK_MIN, PAGE),
            tells: true,
        })
    }

    /// Reserves the space for records of these lengths behind the `size` bytes of a file, so that each of them is written as a
    /// whole or not at all. Where that is not possible (some file systems), the write tells.
    ///
    /// # Errors
    /// ENOSPC, EDQUOT; EFBIG, also where a limit of the process forbids it.
    pub fn reserve(self, file: BorrowedFd<'_>, lengths: &[usize], size: u64) -> Result<(), Errno> {
        let (mut end, mut needed) = (size, None);
        for &length in lengths {
            let begin = end;
            end = end.saturating_add(length as u64);
            if !self.is_whole(length as u64, begin) {
                let (first, _) = needed.unwrap_or((begin, end));
                needed = Some((first, end));
            }
        }
        if limit().is_some_and(|limit| end > limit) {
            return Err(Errno::FBIG);
        }
        match needed {
            Some((begin, end)) => self.reserve_range(file, end - begin, begin),
            None => Ok(()),
        }
    }

    fn reserve_range(self, file: BorrowedFd<'_>, length: u64, size: u64) -> Result<(), Errno> {
        if self.tells && self.takes_blocks(length, size) && !has_space(file, length, size) {
            return Err(Errno::NOSPC);
        }
        let result = rustix::io::retry_on_intr(|| {
            rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, size, length)
        });
        match result {
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a write is all of it or nothing without a reservation: it stays within one block.
    fn is_whole(self, length: u64, size: u64) -> bool {
        let is_new = size.is_multiple_of(self.block);
        let last = size.saturating_add(length).saturating_sub(1);
        size / self.block == last / self.block && (self.tells || !is_new)
    }

    /// Whether a write takes more than one block that the file does not have yet: then fallocate(2) may get only some.
    fn takes_blocks(self, length: u64, size: u64) -> bool {
        let (first, end) = (size.div_ceil(self.block), size.saturating_add(length));
        end.div_ceil(self.block) > first + 1
    }
}

/// Whether the file system says that it has space for `length` bytes behind the `size` bytes of a file.
///
/// This comes before fallocate(2) because that keeps what it has got when it fails, and nothing takes that from the file
/// again: to truncate it to the size that it had a moment ago would cut what others have appended since. Where others take
/// the space in between, or a quota ends it, some stays with the file.
fn has_space(file: BorrowedFd<'_>, length: u64, size: u64) -> bool {
    let Ok(found) = rustix::fs::fstatvfs(file) else {
        return true;
    };
    let blocks = match geteuid().is_root() {
        true => found.f_bfree,
        false => found.f_bavail,
    };
    let free = blocks.saturating_mul(found.f_frsize);
    // A file system without a limit has no blocks.
    if found.f_blocks == 0 || free >= length {
        return true;
    }
    // The rest of the last block, and what an earlier reservation has left.
    let own = rustix::fs::fstat(file).map_or(0, |stat| stat.st_blocks as u64 * 512);
    free.saturating_add(own.saturating_sub(size)) >= length
}

/// The largest size that this process may give a file, which fallocate(2) does not look at. It is asked for once: where
/// somebody else lowers it later (prlimit(1)), the write tells.
fn limit() -> Option<u64> {
    static LIMIT: OnceLock<Option<u64>> = OnceLock::new();
    *LIMIT.get_or_init(|| getrlimit(Resource::Fsize).current)
}
