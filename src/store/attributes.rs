//! What the kernel says of files: statx(2), or what there is instead.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, Statx, StatxFlags};
use rustix::io::Errno;

use crate::os::sys;

/// Attributes of an open file.
pub(crate) fn stat(fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
    statx(fd, b"", AtFlags::EMPTY_PATH)
}

/// The same, fetched now and not remembered.
pub(super) fn fresh(fd: BorrowedFd<'_>) -> Result<Statx, Errno> {
    statx(fd, b"", AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC)
}

/// Attributes of an entry of a directory.
pub(super) fn statx(fd: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    static REFUSED: AtomicBool = AtomicBool::new(false);
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID;
    if !REFUSED.load(Ordering::Relaxed) {
        match rustix::fs::statx(fd, name, flags, wanted) {
            // Missing before Linux 4.11; some sandboxes say EPERM.
            Err(error @ (Errno::NOSYS | Errno::PERM)) => {
                let found = fstatat(fd, name, flags)?;
                if !REFUSED.swap(true, Ordering::Relaxed) {
                    log::warn!(
                        "statx(2) is refused here ({error}): fstatat(2) takes its place, and tags do without \
                         the time of birth"
                    );
                }
                return Ok(found);
            }
            result => return result,
        }
    }
    fstatat(fd, name, flags)
}

/// The same by an older system call, which does not tell the time of birth.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "the types differ between architectures"
)]
fn fstatat(fd: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<Statx, Errno> {
    let stat = rustix::fs::statat(fd, name, flags - AtFlags::STATX_FORCE_SYNC)?;
    let mut found = sys::blank_statx();
    found.stx_mask = StatxFlags::BASIC_STATS.bits();
    found.stx_mode = stat.st_mode as u16;
    found.stx_nlink = stat.st_nlink as u32;
    (found.stx_uid, found.stx_gid) = (stat.st_uid, stat.st_gid);
    found.stx_ino = stat.st_ino as u64;
    found.stx_size = stat.st_size as u64;
    let device = stat.st_dev as u64;
    (found.stx_dev_major, found.stx_dev_minor) =
        (rustix::fs::major(device), rustix::fs::minor(device));
    (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec) =
        (stat.st_mtime as i64, stat.st_mtime_nsec as u32);
    (found.stx_ctime.tv_sec, found.stx_ctime.tv_nsec) =
        (stat.st_ctime as i64, stat.st_ctime_nsec as u32);
    Ok(found)
}
