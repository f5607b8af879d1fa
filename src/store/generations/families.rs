//! Whether a file, wherever it is now, belongs to the family of a name.

use std::sync::Arc;

use super::family::{compression, kinship};
use super::history::History;
use crate::http::conditional::ETag;

/// What all families of a server have in common.
#[derive(Debug, Clone, Default)]
pub struct Families {
    /// The directory beside a log to which its earlier generations are moved (`--old-dir`).
    pub old_dir: Option<Box<[u8]>>,
    /// What was seen.
    pub history: Arc<History>,
}

impl Families {
    /// Whether the file with this tag and this name below ROOT is a generation of `name`.
    #[must_use]
    pub fn has(&self, name: &[u8], path: &[u8], etag: ETag) -> bool {
        let (directory, base) = split(name);
        let (place, own) = split(path);
        let beside = place == directory;
        let old = || {
            let old_dir = self.old_dir.as_ref();
            old_dir.is_some_and(|old_dir| *place == [directory, old_dir, b"/"].concat())
        };
        if own.starts_with(b".") || !(beside || old()) {
            return false;
        }
        let is_kin = || kinship(own, base).is_some();
        let is_copy = || compression(own).is_some() && self.history.has_copy(name, etag);
        beside && own == base || is_kin() || self.history.has_seen(name, etag) || is_copy()
    }
}

/// A name below ROOT: its directory, empty or with a slash at its end, and its own name in it.
#[must_use]
pub fn split(name: &[u8]) -> (&[u8], &[u8]) {
    let slash = name.iter().rposition(|&byte| byte == b'/');
    name.split_at(slash.map_or(0, |slash| slash + 1))
}
