//! A member that has read its file to the end: where it rests, and how it moves on when others have made its events.

use super::NameFollower;
use crate::http::target::Path;
use crate::subscription::caught_up::CaughtUp;
use crate::subscription::followed::Accepts;

impl<F> NameFollower<F> {
    /// Follows a name that leads to this file, and rests at this place.
    pub fn resting(path: Path, file: F, at: CaughtUp) -> NameFollower<F> {
        let mut resting = NameFollower {
            look: false,
            unverified: false,
            ..NameFollower::found(path, file, at.at)
        };
        resting.catch_up(at);
        resting
    }

    /// Whether it is all described by where it rests, once it is [`NameFollower::caught_up`].
    pub fn is_plain(&self) -> bool {
        let waits = self.backoff.is_some() || self.waiting || self.in_vain || self.finished;
        let is_of_set = self.start.is_some() || self.accepts != Accepts::Any;
        !waits && !is_of_set && !self.passes_on
    }

    /// Gives its file, and forgets the rest.
    pub fn into_file(self) -> Option<F> {
        self.file
    }

    /// Where it rests in its file, if its next events depend on nothing else.
    pub fn caught_up(&self) -> Option<(&F, CaughtUp)> {
        let (file, at) = (self.file.as_ref()?, self.at?);
        let changes = self.look || self.unverified || self.truncated || self.is_final();
        let others = !self.name.is_empty() || !self.late.is_empty();
        if changes || others || self.size > self.seen {
            return None;
        }
        Some((
            file,
            CaughtUp {
                at,
                seen: self.seen,
                size: self.size,
                line: (self.line, self.line_check),
            },
        ))
    }

    /// Moves to another place to rest: others have made and sent its events up to there.
    pub fn catch_up(&mut self, to: CaughtUp) {
        debug_assert!(self.caught_up().is_some(), "it has something to do");
        (self.at, self.seen, self.size) = (Some(to.at), to.seen, to.size);
        (self.line, self.line_check) = to.line;
    }
}
