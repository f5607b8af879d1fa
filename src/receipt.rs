//! What became of a writing request.

use crate::http::authorization::Challenge;
use crate::http::conditional::ETag;
use crate::http::write::Fault;

/// It was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The name had no file before.
    pub created: bool,
    /// The file.
    pub etag: ETag,
    /// Its length after the write.
    pub size: u64,
    /// Nobody may append to it any more.
    pub sealed: bool,
}

/// What a system call says, as in errno(3).
pub type ErrorNumber = i32;

/// Why it was not. A `size` is the length of the file where some bytes of the body may be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFailure {
    /// The head of the request is wrong.
    Fault(Fault),
    /// The client may not do that.
    Unauthorized(Challenge),
    /// A page of a site that is not known sent it.
    ForeignPage,
    /// The name is below no prefix that may be written.
    NotWritable,
    /// The same, and there is no such prefix: only jobs are accepted.
    OnlyJobs,
    /// A directory has the name.
    Directory,
    /// There is nothing to append.
    Empty,
    /// The body is longer than one append may be.
    TooLong,
    /// The body cannot be understood.
    Malformed(&'static str),
    /// The body is not what `Content-Digest` says.
    WrongDigest,
    /// The body did not arrive in time.
    TooSlow,
    /// As many jobs are open as may be.
    TooManyJobs,
    /// The server ends and accepts no further job.
    Ending,
    /// The same `Idempotency-Key` came with another body before.
    OtherBody,
    /// Bodies hold as much memory as they may.
    Overloaded,
    /// No file has the name.
    Missing,
    /// The directory of the name is not there.
    NoDirectory,
    /// The same of the new name of a file.
    NoDestination,
    /// The name leads to something else than a regular file.
    Forbidden,
    /// This process may not write there: permissions, or the sandbox.
    Denied(ErrorNumber),
    /// Another directory has the name of the one that this process may write to, and only a restart changes that.
    Replaced,
    /// The new name of a file is one that it has.
    SameFile,
    /// The file is complete.
    Sealed,
    /// The file system is mounted read-only.
    ReadOnly,
    /// The new name is on another file system.
    OtherFileSystem,
    /// The file is not as long as the client expects.
    Conflict {
        /// It is so long.
        size: u64,
        /// The file; `None`: there is none.
        etag: Option<ETag>,
    },
    /// The conditions of the request do not hold.
    Unmatched,
    /// The file may not become so large.
    TooLarge {
        /// See [`WriteFailure`].
        size: Option<u64>,
    },
    /// The file system is full, or the quota is used up.
    Full {
        /// See [`WriteFailure`].
        size: Option<u64>,
        /// Which of both.
        error: ErrorNumber,
    },
    /// Somebody else holds the lock of the file for long.
    Locked,
    /// The names on the way to the file change all the time.
    Changing,
    /// Descriptors or memory have run out.
    Exhausted,
    /// The file system fails.
    Failed {
        /// See [`WriteFailure`].
        size: Option<u64>,
        /// How.
        error: ErrorNumber,
    },
}
