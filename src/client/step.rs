//! What a follower asks for next, and what for.

use crate::http::conditional::ETag;

/// What the client requests, or has requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The list of generations.
    Find(Purpose),
    /// Where the last lines begin.
    LastLines(u64),
    /// The length of the file, to know where "now" is.
    Measure,
    /// The name, from the position on.
    Tail,
    /// The generation of the position: whether it is there, and what follows it.
    Locate,
    /// Its bytes up to there, then perhaps the next generation.
    Rest { end: u64, next: Option<ETag> },
    /// Why it is gone.
    Reason,
}

/// What a list of generations is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To begin.
    Start,
    /// To go on behind a generation that has ended.
    Next,
    /// To know whether the generation of the position is really gone.
    Verify,
    /// To go on behind a gap.
    Oldest,
    /// The same.
    Latest,
}

/// What the content of the response under way is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Bytes of the log.
    Log,
    /// A document, as far as it came.
    Document(Vec<u8>),
}
