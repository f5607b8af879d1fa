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

/// A head that will not be answered as it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// It begins like a HEAD request, so nothing may follow the head of the answer.
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

/// What a connection wants to be done next.
pub enum Action<'a, F> {
    /// Look up what is asked; then `Connection::resolved`. For a refusal there is nothing to look up.
    Open(&'a ParsedHead),
    /// Add this content to what the request will write; then `Connection::stored`, or `Connection::written` if that
    /// fails.
    Store(&'a [u8]),
    /// Carry out this request, with this content if it was kept; then `Connection::written`, `Connection::postponed` or
    /// `Connection::committing`.
    Write(&'a ParsedRequest, &'a [u8]),
    /// Its body was refused; then `Connection::written`.
    Refuse(WriteFailure),
    /// How long is this file now, of which everything up to this offset is sent? Then `Connection::measured`.
    Measure(&'a F, u64),
    /// The same of a file of an event stream, if it has this tag, else `Connection::shrank`.
    Examine(KnownFile<'a, F>),
    /// These bytes of this file; then `Connection::read_file`, or `Connection::shrank` or
    /// `Connection::fell_short` if it has not got them.
    Read(&'a F, Range<u64>),
    /// Look up which file comes next under this name, and follow it in place of the one before; then
    /// `Connection::followed` or `Connection::went_on`, or `Connection::wait_to_follow` if a thread looks it up.
    Follow(SoughtName<'a>),
    /// Follow this directory, and say what is in it; then `Connection::listed`.
    List {
        /// Which.
        path: &'a Path,
        /// What was said last is old.
        again: bool,
        /// Only the files that fit one of these are wanted; `None`: all entries.
        files: Option<&'a [Pattern]>,
    },
    /// Send some or all of this; then `Connection::sent`, or `Connection::fell_short` if the file has
    /// not got it.
    Send(Next<'a, F>),
    /// Nothing, until something happens.
    Sleep,
    /// Shut our side of the socket down; then `Connection::shut`.
    Shut,
    /// Be removed; with a reset if `abort`.
    Remove {
        /// The client must see a broken stream.
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
    /// By a new look, although no event says that it has grown: the event of its new name may have come first.
    pub again: bool,
}

/// A name that is to be looked up and followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoughtName<'a> {
    /// Which one of the stream's names it is, by which `Connection::name_lost` tells of it.
    pub member: usize,
    /// The name.
    pub path: &'a Path,
    /// Where the file begins, if the client wants to know of its end only.
    pub start: Option<Start>,
    /// Where the stream is: in an earlier file, or at its end. `None`: it begins, whatever the name leads to.
    pub after: Option<After>,
    /// It is an earlier file that the client knows and somebody may still append to; then `Connection::late_found`.
    pub late: bool,
}

/// Where an event stream is that looks for what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// The file.
    pub etag: ETag,
    /// After the last event of it.
    pub offset: u64,
    /// It was read to its end, so the file after it is wanted, and not the rest of it.
    pub finished: bool,
    /// It was looked for in vain just now: another look is worth it only if the name leads to a file again.
    pub in_vain: bool,
    /// It has another name now, by which the stream goes on with it: only what came after it is wanted.
    pub passed: bool,
}

/// Bytes to send that are not from a file.
#[derive(Debug)]
pub enum Bytes<'a> {
    /// Of a head.
    Ready(&'a [u8]),
    /// A size line.
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
