//! What a member does when its name leads to another file, or to none: where it begins the new file, and what becomes of the
//! one before.

use super::{NameFollower, RetryBackoff};
use crate::http::conditional::ETag;
use crate::http::position::Position;
use crate::http::sse::{self, Source};
use crate::resource::FileInfo;
use crate::subscription::advance;
use crate::subscription::end::End;
use crate::subscription::followed::{Accepts, Followed};
use crate::time::Moment;

impl<F> NameFollower<F> {
    /// Takes what the name leads to now; writes events. `place`: the position after what the client has of that file, under
    /// whatever name.
    pub fn followed(
        &mut self,
        source: Source<'_>,
        found: Followed<F>,
        place: Option<Position>,
        now: Moment,
        out: &mut Vec<u8>,
    ) {
        // An earlier file that has the name again goes on where it was, at the start of the line.
        let returns = found.etag().filter(|&etag| self.etag() != Some(etag));
        let own = returns.and_then(|etag| self.late.hand_over(etag));
        let place = place.or(own);
        self.keep_late(&found, now);
        // Including the place in the file that the name leaves now.
        let next = found.etag().map(|etag| Position::new(etag, 0));
        let (_, behind) = self.own_places(source, next.or(self.last()), None);
        let source = Source {
            behind: &behind,
            ..source
        };
        // A start applies to the first file only; later files are new from their beginnings.
        let start = self
            .start
            .take()
            .filter(|_| matches!(found, Followed::Unknown));
        match found {
            Followed::File {
                file,
                info,
                named,
                gap,
            } => {
                let before = self.at;
                self.begin(source, &info, place, gap, out);
                // A file that came back is in the line that it was in.
                if self.at != before {
                    (self.line, self.line_check) = advance::line_at(self.at);
                }
                (self.seen, self.size) = (self.offset(), self.offset());
                (self.file, self.backoff, self.passed) = (Some(file), None, None);
                (self.truncated, self.sealed, self.look, self.left) = (false, false, true, None);
                if !named {
                    self.begin_earlier();
                }
                (self.finished, self.in_vain) = (false, false);
                self.unverified = self.at.is_some_and(|at| at.check.is_some());
            }
            found => {
                // A file that comes later is no rest of the one that is gone.
                self.truncated &= !matches!(found, Followed::Nothing);
                self.finished |= self.file.is_some();
                self.in_vain = matches!(found, Followed::Nothing);
                self.file = None;
                let mut backoff = RetryBackoff::still(self.backoff.take().map(|last| *last), now);
                let nothing = matches!(found, Followed::Nothing);
                if nothing && backoff.is_long() && !backoff.reported {
                    let never = if self.at.is_none() {
                        "missing"
                    } else {
                        End::Unlinked.word()
                    };
                    let reason = self.left.map_or(never, End::word);
                    sse::write_roll(out, source, reason, None, false);
                    backoff.reported = true;
                }
                self.backoff = Some(Box::new(backoff));
            }
        }
        self.start = start;
    }

    /// The file that was found is an earlier one, and others came after it: it counts as renamed.
    fn begin_earlier(&mut self) {
        self.left = Some(End::Renamed);
        self.late.make_room();
    }

    /// Keeps the file that the name has left, or leaves now, as a late one: somebody may still append to it.
    fn keep_late(&mut self, found: &Followed<F>, now: Moment) {
        let next = found.etag();
        next.into_iter().for_each(|etag| self.late.drop_file(etag));
        let leaves = self.is_left_open();
        let at = self.at.filter(|at| leaves && Some(at.etag) != next);
        if let (Some(at), Some(line)) = (at, self.line_start())
            && let Some(file) = self.file.take()
        {
            self.finished = true;
            self.late.keep(file, at, line, now);
        }
    }

    /// Sets the position in a file that was just found, and writes the event that says so.
    fn begin(
        &mut self,
        source: Source<'_>,
        info: &FileInfo,
        place: Option<Position>,
        gap: bool,
        out: &mut Vec<u8>,
    ) {
        let etag = info.etag;
        let from_its_start = Some(Position::new(etag, 0));
        let known_to_be_gone = self.is_known_to_be_gone();
        let fresh = self.at.is_none() && self.left.is_none() && !known_to_be_gone;
        let place = match fresh {
            true => {
                self.at = place;
                None
            }
            false => place.filter(|place| place.offset <= info.size),
        };
        match self.at {
            None if fresh => {
                let offset = info.start.unwrap_or(0);
                let at = Position::new(etag, offset);
                sse::write_place(out, source, at);
                self.at = Some(at);
            }
            // Files only grow, unless they are truncated.
            Some(at)
                if self.left.is_none()
                    && place.is_none()
                    && (self.truncated || at.etag == etag && at.offset > info.size) =>
            {
                sse::write_truncate(out, source, etag);
                self.at = from_its_start;
            }
            // The same file, whose name was away for a moment.
            Some(at) if !self.truncated && at.etag == etag => {}
            _ => {
                let why = self.left.unwrap_or(End::Replaced);
                let reason = if known_to_be_gone {
                    "created"
                } else {
                    why.word()
                };
                self.at = place.or(from_its_start);
                sse::write_roll(out, source, reason, self.at, gap);
            }
        }
    }

    /// Another member is to go on with the file, which has the name of that one now. This one first reads what the file has,
    /// including a line without an end: the file may lose that name too before the other member finds it. Returns the
    /// position if there is nothing to read.
    pub fn pass_on(&mut self) -> Option<Position> {
        if self.file.is_none() {
            return self.hand_over();
        }
        self.left.get_or_insert(End::Renamed);
        self.look |= !std::mem::replace(&mut self.passes_on, true);
        None
    }

    /// Leaves the file to another member; returns the position for that one. If only a part of a line was sent, it is the start
    /// of the line, which comes again as a whole under the new name: no client could join events of two types.
    pub fn hand_over(&mut self) -> Option<Position> {
        let late = self.etag().and_then(|etag| self.late.hand_over(etag));
        let place = late.or_else(|| self.line_start());
        // What was truncated has another tag by now.
        let passed = place.filter(|_| !self.truncated).map(Box::new);
        self.passed = passed.or(self.passed.take());
        self.left.get_or_insert(End::Renamed);
        self.file = None;
        (self.truncated, self.passes_on) = (false, false);
        self.backoff = Some(Box::new(RetryBackoff::unknown()));
        self.at = None;
        place
    }

    /// The same member, for a client that had events under this name up to this position of a file with which another member
    /// goes on. The file that came after it comes next.
    #[must_use]
    pub fn behind(mut self, passed: Position) -> NameFollower<F> {
        (self.passed, self.left) = (Some(Box::new(passed)), Some(End::Renamed));
        self
    }

    /// Whether this member reads this file, or is about to begin it because the listing has it at this path.
    pub fn follows(&self, etag: ETag, path: &[u8]) -> bool {
        let listed = Accepts::Listed(Some(etag));
        self.etag() == Some(etag) || *self.path.name == *path && self.accepts == listed
    }

    /// Leaves an earlier file to another member, whose name it has now; returns the position for that one.
    pub fn hand_over_late(&mut self, etag: ETag) -> Option<Position> {
        self.late.hand_over(etag)
    }

    /// The start of the line that the position is in, if this member sent the beginning of the line; else the position.
    pub(super) fn line_start(&self) -> Option<Position> {
        let at = self.at?;
        let in_line = self.line < at.offset && at.check.is_some();
        Some(if in_line {
            advance::start_of((self.line, self.line_check), at)
        } else {
            at
        })
    }
}
