//! The identity of a file.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{Statx, StatxFlags};

use crate::http::etag::ETag;
use crate::http::position::fnv;
use crate::os::sys;

/// The extended attribute in which a mirror stores the tag that the origin gives a file: 16 hex digits.
pub const TAG_ATTRIBUTE: &str = "user.openrange.tag";

/// The tag in [`TAG_ATTRIBUTE`] of an open file, which need not be readable (fgetxattr(2) refuses O_PATH).
pub(super) fn original(fd: BorrowedFd<'_>) -> Option<ETag> {
    let mut value = [0; 32];
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let length = rustix::fs::getxattr(path, TAG_ATTRIBUTE, &mut value[..]).ok()?;
    ETag::from_digits(value.get(..length)?)
}

/// The identity of a file, for its tag: the file handle and the time of birth. {inode, birth} alone is not enough: an inode
/// number is given again within the same tick of the kernel's clock. Nothing in it may differ between two hosts that
/// mount the same file system, or before and after a reboot, so there is no device number. Where there is no handle
/// (kernels before 6.5 on some file systems), the inode number and its generation take its place.
pub(super) fn identity(fd: BorrowedFd<'_>, stat: &Statx) -> u64 {
    by_handle(fd, stat).unwrap_or_else(|| by_inode(fd, stat))
}

pub(super) fn by_handle(fd: BorrowedFd<'_>, stat: &Statx) -> Option<u64> {
    let handle = sys::file_handle(fd).ok()?;
    Some(fnv(&[&handle, &birth(stat)]))
}

/// The descriptor must be readable, to ask for the generation.
pub(super) fn by_inode(fd: BorrowedFd<'_>, stat: &Statx) -> u64 {
    let generation = sys::inode_generation(fd).unwrap_or(0);
    fnv(&[
        &stat.stx_ino.to_be_bytes(),
        &generation.to_be_bytes(),
        &birth(stat),
    ])
}

fn birth(stat: &Statx) -> [u8; 12] {
    let mut birth = [0; 12];
    if stat.stx_mask & StatxFlags::BTIME.bits() != 0 {
        birth[..8].copy_from_slice(&stat.stx_btime.tv_sec.to_be_bytes());
        birth[8..].copy_from_slice(&stat.stx_btime.tv_nsec.to_be_bytes());
    }
    birth
}
