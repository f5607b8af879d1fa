//! Whether an open file is the one that was found.

use rustix::fs::Statx;

use super::{Id, OpenFile, changed, permissions};
use crate::store::identity::birth;

impl OpenFile {
    /// Whether this is the file that was found, and opening that would be allowed as it was for this.
    pub(in crate::store) fn may_stand_for(&self, found: &Statx) -> bool {
        self.id == Id::of(found)
            && self.permissions == permissions(found)
            && self.birth.is_none_or(|own| own == birth(found))
    }

    /// Whether nothing at all has changed in it since it was opened.
    pub(in crate::store) fn is_unchanged(&self, found: &Statx) -> bool {
        self.may_stand_for(found) && self.changed == changed(found)
    }

    /// Whether this is the same file, as far as the file system tells.
    #[must_use]
    pub fn is_same(&self, other: &OpenFile) -> bool {
        self.id == other.id && self.identity == other.identity
    }

    /// Whether this is the same file, but an overlay has copied it to its upper layer between the two looks, and it has
    /// another identity by that.
    #[must_use]
    pub fn is_copied(&self, other: &OpenFile) -> bool {
        self.id == other.id && self.birth != other.birth
    }
}
