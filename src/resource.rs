//! What the name of a request leads to.

use crate::http::authorization::Challenge;
use crate::http::conditional::ETag;
use crate::http::date::Date;
use crate::http::position::Check;

/// What the name of a request led to. `F` is the handle of an open file.
#[derive(Debug)]
pub enum Resource<F> {
    /// A regular file, open for reading.
    File {
        /// Its handle.
        file: F,
        /// What it is at this moment.
        info: FileInfo,
    },
    /// A directory: what lists it, as JSON if that is preferred ([`Accept::prefers_json`]), else as HTML.
    ///
    /// [`Accept::prefers_json`]: crate::http::accept::Accept::prefers_json
    Listing(Vec<u8>),
    /// A directory that is followed.
    Directory,
    /// A directory, but the target did not end with a slash.
    NeedsSlash,
    /// No such name, or one that leads out of the root.
    Missing,
    /// Unreadable, or neither file nor directory.
    Forbidden,
    /// It was not looked up: the client may not know what is there.
    Unauthorized(Challenge),
    /// The same, but the viewer is asked for, which tells nothing and asks for a token itself.
    Viewer,
    /// No descriptor or memory to open it now.
    Busy,
    /// The file system failed.
    Failed,
}

/// A file at the moment it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes.
    pub size: u64,
    /// Nobody may write it (`mode & 0222 == 0`): it is complete.
    pub sealed: bool,
    /// Time of last modification.
    pub modified: Date,
    /// Time of the last change of any kind.
    pub changed: Date,
    /// Who it is.
    pub etag: ETag,
    /// Its media type.
    pub media: &'static str,
    /// Where the answer starts, if the query of the request says so.
    pub start: Option<u64>,
    /// Of the bytes before the range that a request with If-Bytes-Before asks for, if the file has them.
    pub bytes_before: Option<Check>,
}
