//! What a connection asks of whoever drives it, and how that is reported back: one action, one report.
//!
//! The worker and the simulation drive connections by these and nothing else.

use std::ops::{Deref, Range};

use arrayvec::ArrayVec;

use crate::http::chunked;
use crate::http::conditional::ETag;
use crate::http::pattern::Pattern;
use crate::http::query::Start;
use crate::http::request::Refusal;
use crate::http::request_line::RequestLine;
use crate::http::target::Path;
use crate::intent::ParsedRequest;
use crate::receipt::WriteFailure;

/// A request, or why there is none.
pub type ParsedHead = Result<ParsedRequest, Refused>;

/// A head that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// It begins like a HEAD request, so the response must not have content.
    pub head_only: bool,
    /// What was read of its request line, for the log.
    pub line: Option<Box<RequestLine>>,
}

impl Refused {
    pub(crate) fn new(why: Refusal, bytes: &[u8]) -> Refused {
        let head_only = bytes.trim_ascii_start().starts_with(b"HEAD ");
        let line = RequestLine::of(bytes).map(Box::new);
        Refused {
            why,
            head_only,
            line,
        }
    }
}

/// What is to be done next for a connection.
pub enum Action<'a, F> {
    /// Look up what is asked; then `Connection::resolved`. For a refusal there is nothing to look up.
    Open(&'a ParsedHead),
    /// Add this content to what the request will write; then `Connection::stored`, or `Connection::written` if that
    /// fails.
    Store(&'a [u8]),
    /// Carry out this request, with this content if it was kept; then `Connection::written`, `Connection::postponed` or
    /// `Connection::committing`.
    Write(&'a ParsedRequest, &'a [u8]),
    /// Answer a request whose body was refused; then `Connection::written`.
    Refuse(WriteFailure),
    /// Measure this file, of which everything up to this offset was sent; then `Connection::measured`.
    Measure(&'a F, u64),
    /// Measure this file of an event stream, if it still has this tag; else `Connection::shrank`.
    Examine(KnownFile<'a, F>),
    /// Read these bytes of this file; then `Connection::read_file`, or `Connection::shrank` or `Connection::fell_short` if
    /// the file does not have them.
    Read(&'a F, Range<u64>),
    /// Look up which file comes next under this name, and follow it in place of the one before; then
    /// `Connection::followed` or `Connection::went_on`, or `Connection::wait_to_follow` if a thread looks it up.
    Follow(SoughtName<'a>),
    /// Follow this directory, and report its entries; then `Connection::listed`.
    List {
        /// The directory.
        path: &'a Path,
        /// What was reported last is known to be outdated.
        again: bool,
        /// Only the files that fit one of these are wanted; `None`: all entries.
        files: Option<&'a [Pattern]>,
    },
    /// Send some or all of this; then `Connection::sent`, or `Connection::fell_short` if the file does
    /// not have it.
    Send(Next<'a, F>),
    /// Do nothing until something happens.
    Sleep,
    /// Shut the server's side of the socket down; then `Connection::shut`.
    Shut,
    /// Remove the connection.
    Remove {
        /// Close it with a reset, so that the client notices that the response is not complete.
        abort: bool,
    },
}

/// A file that is to be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile<'a, F> {
    /// Its handle.
    pub file: &'a F,
    /// Its tag, as the events know it; if it has another one by now, it was truncated: `Connection::shrank`.
    pub etag: ETag,
    /// Ask the file system even if no event says that the file has grown: the event of its new name may have come first.
    pub again: bool,
}

/// A name that is to be looked up and followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoughtName<'a> {
    /// Its index among the names of the stream, as for `Connection::name_lost`.
    pub member: usize,
    /// The name.
    pub path: &'a Path,
    /// Where the stream begins the file, if the client does not want all of it.
    pub start: Option<Start>,
    /// Where the stream is: in an earlier file, or at its end. `None`: it begins, whatever the name leads to.
    pub after: Option<After>,
    /// What is sought is an earlier file that the client knows, and to which somebody may still append; then
    /// `Connection::late_found`.
    pub late: bool,
}

/// Where an event stream is that searches for the next file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The file.
    pub etag: ETag,
    /// The offset after its last event.
    pub offset: u64,
    /// It was read to its end, so the stream needs the file after it, and not the rest of this one.
    pub finished: bool,
    /// The last search for the next file was in vain. Another one is worth it only if the name leads to a file again.
    pub in_vain: bool,
    /// It has another name now, under which the stream goes on with it: this name needs only the file that came after it.
    pub passed: bool,
}

/// Bytes to send that are not from a file.
#[derive(Debug)]
pub enum Bytes<'a> {
    /// Bytes that were made before, as a head.
    Ready(&'a [u8]),
    /// The size line of a chunk.
    Line(ArrayVec<u8, { chunked::LINE_MAX }>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Ready(bytes) => bytes,
            Bytes::Line(bytes) => bytes,
        }
    }
}

/// The next bytes of a response: `before`, then the range of the file, then `after`.
pub struct Next<'a, F> {
    /// Head or size line.
    pub before: Bytes<'a>,
    /// Bytes of a file.
    pub file: Option<(&'a F, Range<u64>)>,
    /// Line end of a chunk.
    pub after: &'static [u8],
}
