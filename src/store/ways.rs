//! The way to a file, step by step: whether its name may have led elsewhere before.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Statx};

use super::attributes::statx;
use super::file::{OpenFile, identify};
use super::root::Files;
use crate::http::date::Date;

impl Files {
    /// Whether a name may have led to another file after this second, as far as the links and directories on its way tell. Of
    /// the file itself, its own time of change tells.
    #[must_use]
    pub(super) fn may_have_led_elsewhere(&self, name: &[u8], since: Date) -> bool {
        let mut newer = false;
        let walked = self.walk(name, |directory, entry| {
            let found = statx(directory, entry, AtFlags::SYMLINK_NOFOLLOW);
            newer |= found.map_or(true, |step| was_put_there(&step, since));
        });
        newer || walked.is_err()
    }
}

impl OpenFile {
    /// Whether it is what a way led to.
    #[must_use]
    pub fn is_at(&self, place: BorrowedFd<'_>) -> bool {
        identify(place).is_ok_and(|id| id == self.id())
    }
}

/// Whether a step of a way was made, renamed or repointed after this second.
fn was_put_there(step: &Statx, since: Date) -> bool {
    let is_newer = Date::from_seconds(step.stx_ctime.tv_sec) > since;
    match FileType::from_raw_mode(step.stx_mode.into()) {
        FileType::Symlink => is_newer,
        // What happens in a directory changes both of its times, and what happens to itself only this one. Whoever renames one
        // and then makes files in it goes unnoticed; else every new file would make all old ones doubtful.
        FileType::Directory => {
            let (changed, modified) = (&step.stx_ctime, &step.stx_mtime);
            is_newer && (changed.tv_sec, changed.tv_nsec) != (modified.tv_sec, modified.tv_nsec)
        }
        _ => false,
    }
}
