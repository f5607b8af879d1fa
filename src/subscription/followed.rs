//! What a name that an event stream follows leads to.

use crate::http::conditional::ETag;
use crate::resource::FileInfo;

/// What a name led to when it was looked up again.
#[derive(Debug)]
pub enum Followed<F> {
    /// A file.
    File {
        /// Its handle.
        file: F,
        /// What it is.
        info: FileInfo,
        /// The name leads to it; else it had the name before, and others came after it.
        named: bool,
        /// Something before it is missing.
        gap: bool,
    },
    /// No file.
    Nothing,
    /// It is not known now.
    Unknown,
}

impl<F> Followed<F> {
    /// The tag of the file, if it is one.
    pub(super) fn etag(&self) -> Option<ETag> {
        match self {
            Followed::File { info, .. } => Some(info.etag),
            Followed::Nothing | Followed::Unknown => None,
        }
    }
}

/// Which file is begun when the name leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    Any,
    /// That which has the name in the listing of the directory.
    Listed(Option<ETag>),
}
