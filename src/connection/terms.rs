//! The words that the machine and whoever drives it have in common.

use std::time::Duration;

use super::sending::End;
use crate::http::request::{Refusal, Request};
use crate::http::target::Path;

/// How long the machine waits for a client.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// `--header-timeout`
    pub header: Duration,
    /// `--idle-timeout`
    pub idle: Duration,
}

/// A request, or why there is none.
pub type Asked = Result<Request, Refused>;

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
pub enum How {
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

/// What the poller is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Bytes or a FIN have come.
    pub readable: bool,
    /// There is room to send.
    pub writable: bool,
}
