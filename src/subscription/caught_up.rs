//! Where a stream of one file rests that has made events of all that the file has. Streams that rest at the same place get the
//! same events next, so these are made once for all of them.

use super::advance::{Advanced, advance};
use crate::http::position::{Check, Position, checked_from};
use crate::http::sse::Source;
use crate::limits::EVENT_READ;

/// All the state of such a stream on which its next events depend, or which they change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaughtUp {
    /// The position after the last event.
    pub(super) at: Position,
    /// The offset up to which the file was read without another event after `at`.
    pub(super) seen: u64,
    /// The size of the file, in bytes.
    pub(super) size: u64,
    /// The offset at which the line begins that `at` is in, and the check of the bytes before it.
    pub(super) line: (u64, Check),
}

impl CaughtUp {
    /// The offset in the file from which bytes are read for the next events: the first of them are compared with what was there.
    #[must_use]
    pub fn reads_from(&self) -> u64 {
        checked_from(self.at.offset)
    }

    /// The size of the file, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The events that such a stream makes when the file has grown and nothing else has happened, not in a chunk, and where it
    /// rests then. `bytes`: all that the file has from [`CaughtUp::reads_from`] on. `None`: it makes none, or needs more than
    /// one step, or the bytes are not what was there before.
    #[must_use]
    pub fn grow(&self, bytes: &[u8]) -> Option<(Vec<u8>, CaughtUp)> {
        let size = self.reads_from() + bytes.len() as u64;
        if size <= self.size || size > self.at.offset + EVENT_READ {
            return None;
        }
        let mut events = Vec::new();
        let Advanced { at, seen, line } =
            advance(Source::default(), self.at, bytes, false, &mut events)?;
        let rests = seen == size && !events.is_empty();
        rests.then_some((
            events,
            CaughtUp {
                at,
                seen,
                size,
                line: line.unwrap_or(self.line),
            },
        ))
    }
}
