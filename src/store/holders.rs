//! The files that have names now, as they are remembered.

use std::os::fd::AsFd;

use rustix::fs::FileType;

use super::attributes;
use super::generations::fact::Holder;
use super::generations::order::Modified;
use super::identity::identity_of_place;
use super::root::Files;
use crate::http::conditional::ETag;

impl Files {
    /// The regular file that a name leads to.
    #[must_use]
    pub fn holder(&self, name: &[u8]) -> Option<Holder> {
        Some(self.measure(name)?.0)
    }

    /// The regular file that a name leads to, and when it was written last.
    #[must_use]
    pub fn measure(&self, name: &[u8]) -> Option<(Holder, Modified)> {
        let place = self.resolve(name).ok()?;
        let stat = attributes::stat(place.as_fd()).ok()?;
        if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
            return None;
        }
        let identity = identity_of_place(place.as_fd(), &stat)?;
        let etag = self.tag_of(place.as_fd(), identity);
        self.truncations.sizes().remember_tag(etag, identity);
        let holder = Holder {
            etag,
            inode: stat.stx_ino,
            size: stat.stx_size,
        };
        Some((holder, (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec)))
    }

    /// A file that was found here before has this size now.
    pub fn note_size(&self, etag: ETag, size: u64) {
        self.truncations.sizes().remember_of(etag, size);
    }

    /// The size that anybody has seen last of a file that was found here, also if it is gone.
    #[must_use]
    pub fn last_size(&self, etag: ETag) -> Option<u64> {
        self.truncations.sizes().last_of(etag)
    }
}
