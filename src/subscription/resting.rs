//! The small form of an event stream of one file that rests: tens of thousands of them may rest at a time. Everything else can
//! be made again from it.

use super::advance::line_at;
use super::caught_up::CaughtUp;
use super::name_follower::NameFollower;
use crate::http::conditional::ETag;
use crate::http::position::{Check, Position};
use crate::http::target::Path;

/// A file that rests, and where.
#[derive(Debug)]
pub(super) struct Resting<F> {
    file: F,
    /// This, `offset`, `check` and `has_check` are the position after the last event, in fewer bytes than a [`Position`].
    etag: ETag,
    offset: u64,
    check: Check,
    has_check: bool,
    /// Bytes of the file after that position: the beginning of a line.
    begun: u16,
}

impl<F> Resting<F> {
    /// The small form of the only member of a stream, which it takes out. `None`: the member has more to remember.
    pub fn of(members: &mut Vec<NameFollower<F>>) -> Option<Resting<F>> {
        let [only] = &**members else { return None };
        let (_, rest) = only.caught_up().filter(|_| only.is_plain())?;
        let begun = begun(&rest)?;
        let (check, has_check) = packed(rest.at.check);
        Some(Resting {
            file: members.pop()?.into_file()?,
            etag: rest.at.etag,
            offset: rest.at.offset,
            check,
            has_check,
            begun,
        })
    }

    /// The member that it was made of.
    pub fn into_member(self, path: Path) -> NameFollower<F> {
        let rest = self.caught_up();
        NameFollower::resting(path, self.file, rest)
    }

    pub fn file(&self) -> &F {
        &self.file
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn caught_up(&self) -> CaughtUp {
        let at = Position {
            etag: self.etag,
            offset: self.offset,
            check: self.has_check.then_some(self.check),
        };
        caught_up(at, self.offset + u64::from(self.begun))
    }

    /// Moves to another place to rest. False: there it would have more to remember.
    pub fn catch_up(&mut self, to: CaughtUp) -> bool {
        let Some(begun) = begun(&to) else {
            return false;
        };
        debug_assert_eq!(to.at.etag, self.etag, "it rests in the same file");
        self.offset = to.at.offset;
        (self.check, self.has_check) = packed(to.at.check);
        self.begun = begun;
        true
    }
}

/// A check, and whether there is one: less than `Option` takes.
fn packed(check: Option<Check>) -> (Check, bool) {
    (check.unwrap_or(Check::of(&[])), check.is_some())
}

fn caught_up(at: Position, seen: u64) -> CaughtUp {
    CaughtUp {
        at,
        seen,
        size: seen,
        line: line_at(Some(at)),
    }
}

/// The bytes between the last event and the end of the file, if there is nothing else to remember.
fn begun(rest: &CaughtUp) -> Option<u16> {
    let is_plain = *rest == caught_up(rest.at, rest.seen);
    u16::try_from(rest.seen - rest.at.offset)
        .ok()
        .filter(|_| is_plain)
}
