//! A response as the connection sends it: a head, and what of a file follows.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::http::head::Status;
use crate::http::target::Path;
use crate::subscription::beginning::Subject;

/// A response: `head` goes out first, then what `body` says.
#[derive(Debug)]
pub struct Response {
    /// The status, for the log.
    pub status: Status,
    /// Status line, fields, empty line, and a body that is not from a file.
    pub head: Vec<u8>,
    /// What of the file follows.
    pub body: Body,
    /// Whether the connection stays after it.
    pub keep_alive: bool,
}

/// What of the file follows a head.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// A long page, which others may be sent too.
    Page(Arc<[u8]>),
    /// These bytes.
    Slice(Range<u64>),
    /// The parts of a `multipart/byteranges`.
    Parts(Vec<Part>),
    /// Everything from `at`, for as long as the file lives.
    Tail {
        /// Offset of the first byte.
        at: u64,
        /// Bytes that the file has: those from `at` on go out with the head.
        size: u64,
        /// In chunks; an HTTP/1.0 client gets the bare bytes.
        chunked: bool,
        /// The client wants the trailer field.
        trailers: bool,
    },
    /// Events of the lines from there on, and of the files that get this name later.
    Events {
        /// The name.
        path: Path,
        /// What of it.
        subject: Subject,
        /// In chunks, as with a tail.
        chunked: bool,
        /// Bytes of events that are in the head's last chunk.
        begun: u32,
    },
}

/// One part: its header, and its bytes. The last one is the closing delimiter and no bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Delimiter and part head.
    pub before: Box<[u8]>,
    /// Bytes of the file.
    pub range: Range<u64>,
}

/// What an access log says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The status.
    pub status: Status,
    /// What follows the head.
    pub follows: Follows,
}

/// How much follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// So many bytes of a file.
    Bytes(u64),
    /// A tail from this offset.
    TailFrom(u64),
    /// Events of a file from this offset.
    EventsFrom(u64),
    /// Events of a directory, or of several files.
    Events,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.status.code(), self.status.reason())?;
        match self.follows {
            Follows::Bytes(0) => Ok(()),
            Follows::Bytes(count) => write!(out, ", {count} bytes"),
            Follows::TailFrom(at) => write!(out, ", tail from {at}"),
            Follows::EventsFrom(at) => write!(out, ", events from {at}"),
            Follows::Events => out.write_str(", events"),
        }
    }
}

impl Response {
    /// See [`Summary`].
    #[must_use]
    pub fn summary(&self) -> Summary {
        let follows = match &self.body {
            Body::Nothing | Body::Page(_) => Follows::Bytes(0),
            Body::Slice(range) => Follows::Bytes(range.end - range.start),
            Body::Parts(parts) => Follows::Bytes(
                parts
                    .iter()
                    .map(|part| part.range.end - part.range.start)
                    .sum(),
            ),
            Body::Tail { at, .. } => Follows::TailFrom(*at),
            Body::Events { subject, .. } => match subject {
                Subject::File(place) | Subject::Earlier(place) => {
                    Follows::EventsFrom(place.at.offset)
                }
                Subject::Entries | Subject::Files { .. } => Follows::Events,
            },
        };
        Summary {
            status: self.status,
            follows,
        }
    }

    pub(super) fn new(status: Status, head: Vec<u8>, keep_alive: bool) -> Response {
        Response {
            status,
            head,
            body: Body::Nothing,
            keep_alive,
        }
    }
}
