//! How a log is to be followed.

use std::time::Duration;

use super::lines::Batching;
use super::requests::Requests;

/// How to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What is asked.
    pub requests: Requests,
    /// Where to begin without a position.
    pub from: From,
    /// What to do when a generation is gone.
    pub on_gap: OnGap,
    /// How long late writes to an earlier generation count.
    pub late: Duration,
    /// A refusal ends it.
    pub fail: bool,
    /// When it ends by itself.
    pub until: Until,
    /// Hand over batches of whole lines, and not bytes as they come.
    pub batching: Option<Batching>,
}

impl Settings {
    /// So long a line that a roll has cut in two may still be completed.
    #[must_use]
    pub fn line_patience(&self) -> Duration {
        match self.until {
            Until::CaughtUp => Duration::ZERO,
            _ => self.late,
        }
    }
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With the first byte of the file.
    Start,
    /// Behind its last byte.
    End,
    /// With the last so many lines.
    Lines(u64),
}

/// What to do when a generation is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnGap {
    /// End.
    Fail,
    /// Go on with the oldest one after it.
    Oldest,
    /// Go on with the one that has the name.
    Latest,
}

/// When to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Stopped,
    /// At the end of the generation that is followed.
    End,
    /// At what is the end of the log now.
    CaughtUp,
}
