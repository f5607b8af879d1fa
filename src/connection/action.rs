//! The words that the machine and whoever drives it have in common.

use std::ops::Range;
use std::time::Duration;

use super::sending::Next;
use crate::http::request::Refusal;
use crate::http::target::Path;
use crate::intent::ParsedRequest;
use crate::subscription::end::End;
use crate::subscription::event_stream::{Known, Sought};

/// How long the machine waits for a client.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// `--header-timeout`
    pub header: Duration,
    /// `--idle-timeout`
    pub idle: Duration,
}

/// A request, or why there is none.
pub type ParsedHead = Result<ParsedRequest, Refused>;

/// A head that will not be answered as it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// It begins like a HEAD request, so nothing may follow the head of the answer.
    pub head_only: bool,
}

impl Refused {
    pub(super) fn new(why: Refusal, bytes: &[u8]) -> Refused {
        let head_only = bytes.trim_ascii_start().starts_with(b"HEAD ");
        Refused { why, head_only }
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// Our side is to be shut down.
    Shut,
    /// It is; wait for the peer's side, so that the last answer is not lost to a reset.
    Linger {
        /// Bytes that may still come meanwhile.
        left: u32,
    },
    /// At once.
    Now,
    /// By a reset, so that the client sees a broken stream even without chunks.
    Abort,
}

/// The last line of an endless answer in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Why.
    pub end: End,
    /// Bytes of the body that were handed to the socket.
    pub bytes: u64,
    /// The name that an event stream followed. That of a tail is known by its file.
    pub events: Option<Path>,
}

/// What a connection wants to be done next.
pub enum Action<'a, F> {
    /// Look up what is asked; then [`super::Connection::resolved`]. For a refusal there is nothing to look up.
    Open(&'a ParsedHead),
    /// How long is this file now? Then [`super::Connection::measured`].
    Measure(&'a F),
    /// The same of a file of an event stream, if it has this tag, else [`super::Connection::shrank`].
    Examine(Known<'a, F>),
    /// These bytes of this file; then [`super::Connection::read_file`], or [`super::Connection::shrank`] or
    /// [`super::Connection::fell_short`] if it has not got them.
    Read(&'a F, Range<u64>),
    /// Look up which file has this name now, and follow it in place of the one before; then
    /// [`super::Connection::followed`].
    Follow(Sought<'a>),
    /// Follow this directory, and say what is in it; then [`super::Connection::listed`].
    List {
        /// Which.
        path: &'a Path,
        /// What was said last is old.
        again: bool,
    },
    /// Send some or all of this; then [`super::Connection::sent`], or [`super::Connection::fell_short`] if the file has
    /// not got it.
    Send(Next<'a, F>),
    /// Nothing, until something happens.
    Sleep,
    /// Shut our side of the socket down; then [`super::Connection::shut`].
    Shut,
    /// Be removed; with a reset if `abort`.
    Remove {
        /// The client must see a broken stream.
        abort: bool,
    },
}
