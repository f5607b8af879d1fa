//! What the name of a request leads to.

use std::sync::Arc;

use crate::http::authorization::{Challenge, Session};
use crate::http::conditional::ETag;
use crate::http::date::{Date, Timestamp};
use crate::http::position::Check;
use crate::http::target::Path;

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
    /// An earlier or the current file of a name, open for reading.
    Generation {
        /// Its handle.
        file: F,
        /// What it is at this moment.
        info: FileInfo,
        /// Where it is, and what comes after it.
        place: Box<GenerationPlace>,
    },
    /// The generations of a name, in JSON.
    Generations(Arc<[u8]>),
    /// There is no such generation.
    NoGeneration(Box<NoGeneration>),
    /// A directory: a page of its list.
    Listing(DirectoryPage),
    /// A directory that can be listed, but only the head of the response is wanted: the media type of its list.
    ListingHead(&'static str),
    /// A directory with so many entries that a thread makes its list.
    LongListing,
    /// A directory that is followed.
    Directory,
    /// A directory, but the target did not end with a slash.
    NeedsSlash,
    /// No such name, or one that leads out of the root.
    Missing,
    /// Unreadable, or neither file nor directory.
    Forbidden,
    /// It was not looked up: the server does not answer for the host that the request addresses.
    Misdirected,
    /// It was not looked up: the client must not learn whether it exists.
    Unauthorized(Challenge),
    /// The same for a request for the viewer, which reveals nothing and asks for a token itself.
    Viewer,
    /// What a client has that logged in or out.
    Session(Session),
    /// No descriptor or memory to open it now.
    Busy,
    /// As many long pages and searches are under way as may be.
    Overloaded,
    /// It is not there, and the server ends, so that nothing can be waited for.
    Ending,
    /// The file system failed.
    Failed,
}

impl<F> Resource<F> {
    /// The file, if it is one.
    pub fn into_file(self) -> Option<F> {
        match self {
            Resource::File { file, .. } | Resource::Generation { file, .. } => Some(file),
            _ => None,
        }
    }
}

/// Where a generation is among the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationPlace {
    /// The path that it has now.
    pub path: Path,
    /// The one after it, if there is one.
    pub successor: Option<ETag>,
}

/// Why there is no such generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoGeneration {
    /// As far as it is known.
    pub reason: NoGenerationReason,
    /// The oldest one that is kept.
    pub first: Option<ETag>,
    /// What came after it, if that was seen and is kept.
    pub successor: Option<ETag>,
}

/// See [`NoGeneration`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoGenerationReason {
    /// The server does not know of it.
    NeverSeen,
    /// It had the name, and is not there any more.
    Gone,
    /// It was truncated.
    Truncated,
    /// Only this compressed copy is left.
    Compressed(Path),
}

/// A page of the list of a directory, in the form that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryPage {
    /// What lists it. Clients that asked for the same one at the same time share it.
    pub body: Arc<[u8]>,
    /// The media type of that.
    pub media: &'static str,
    /// The target of the next page, if there is one.
    pub next: Option<String>,
}

/// A file at the moment it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes.
    pub size: u64,
    /// Nobody may write it (`mode & 0222 == 0`): it is complete.
    pub sealed: bool,
    /// Time of last modification.
    pub modified: Timestamp,
    /// Time of the last change of any kind.
    pub changed: Date,
    /// A client may have this time, in whole seconds, with other content.
    pub date_is_shared: bool,
    /// Who it is.
    pub etag: ETag,
    /// Its media type.
    pub media: &'static str,
    /// Where the answer starts, if the query of the request says so.
    pub start: Option<u64>,
    /// Of the bytes before the range that a request with If-Bytes-Before asks for, if the file has them.
    pub bytes_before: Option<Check>,
}
