//! The attributes of an open file that the server uses.

use rustix::fs::Statx;

use crate::http::date::Date;

/// What one look at an open file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Bytes.
    pub size: u64,
    /// Nobody may write it: `mode & 0222 == 0`.
    pub sealed: bool,
    /// Seconds since 1970.
    pub(super) modified: i64,
    /// How much of that second was over, in nanoseconds.
    pub(super) nanoseconds: u32,
    /// The last change of any kind, in seconds since 1970.
    pub(super) changed: i64,
    /// Names of the file.
    pub(super) links: u32,
}

impl FileStat {
    /// That of a regular file.
    pub(super) fn of(stat: &Statx) -> FileStat {
        FileStat {
            size: stat.stx_size,
            sealed: stat.stx_mode & 0o222 == 0,
            modified: stat.stx_mtime.tv_sec,
            nanoseconds: stat.stx_mtime.tv_nsec,
            changed: stat.stx_ctime.tv_sec,
            links: stat.stx_nlink,
        }
    }

    /// The time of the last modification.
    #[must_use]
    pub fn modified(&self) -> Date {
        Date::from_seconds(self.modified)
    }
}
