//! What a name that an event stream follows leads to.

use crate::http::conditional::ETag;
use crate::resource::FileInfo;

/// What a new look-up of a name has found.
#[derive(Debug)]
pub enum Followed<F> {
    /// A file.
    File {
        /// Its handle.
        file: F,
        /// Its size, tag and the like.
        info: FileInfo,
        /// The name leads to it. If not, it had the name before, and other files came after it.
        named: bool,
        /// A file between this one and the one before is missing.
        gap: bool,
    },
    /// No file.
    Nothing,
    /// The look-up has failed for now.
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

/// Which file a stream may begin when the name leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepts {
    /// Whichever it is.
    Any,
    /// Only the one that has the name in the listing of the directory.
    Listed(Option<ETag>),
}
