//! An event stream of one file that has nothing to do, in few bytes: tens of thousands of them may rest. All else that it
//! needs can be made again from them.

use super::advance::line_at;
use super::caught_up::CaughtUp;
use super::name_follower::NameFollower;
use crate::http::position::Position;
use crate::http::target::Path;

/// See the module.
#[derive(Debug)]
pub(super) struct Resting<F> {
    file: F,
    /// After the last event.
    at: Position,
    /// The end of the file, which may be within a line.
    seen: u64,
}

impl<F> Resting<F> {
    /// What is to be kept of the only name of a stream, which it takes. `None`: it has something else to remember.
    pub fn of(members: &mut Vec<NameFollower<F>>) -> Option<Resting<F>> {
        let [only] = &**members else { return None };
        let (_, at) = only.caught_up().filter(|_| only.is_plain())?;
        is_plain(&at).then_some(())?;
        let file = members.pop()?.into_file()?;
        Some(Resting {
            file,
            at: at.at,
            seen: at.seen,
        })
    }

    /// What it was before.
    pub fn into_member(self, path: Path) -> NameFollower<F> {
        NameFollower::resting(path, self.file, caught_up(self.at, self.seen))
    }

    pub fn file(&self) -> &F {
        &self.file
    }

    pub fn offset(&self) -> u64 {
        self.at.offset
    }

    pub fn caught_up(&self) -> CaughtUp {
        caught_up(self.at, self.seen)
    }

    /// It rests there now. False: there it has something else to remember.
    pub fn catch_up(&mut self, to: CaughtUp) -> bool {
        let is_plain = is_plain(&to);
        if is_plain {
            (self.at, self.seen) = (to.at, to.seen);
        }
        is_plain
    }
}

fn caught_up(at: Position, seen: u64) -> CaughtUp {
    CaughtUp {
        at,
        seen,
        size: seen,
        line: line_at(Some(at)),
    }
}

/// Whether the place is all there is to remember.
fn is_plain(rest: &CaughtUp) -> bool {
    *rest == caught_up(rest.at, rest.seen)
}
