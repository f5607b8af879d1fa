//! One name that an event stream follows: makes events of the file to which it leads, then of the file that comes after. It
//! says what it needs next and takes the result.
//!
//! It keeps no bytes of an incomplete line, but reads the line again from its start.

mod passing;
mod rest;

use super::advance::{self, Advanced, advance, end_of};
use super::backoff::RetryBackoff;
use super::end::End;
use super::followed::{Accepts, Followed};
use super::late::LateFiles;
use crate::action::{Action, After, KnownFile, SoughtName};
use crate::http::conditional::ETag;
use crate::http::position::{Check, NameHash, Place, Position, checked_from};
use crate::http::query::Start;
use crate::http::sse::Source;
use crate::http::target::Path;
use crate::limits::EVENT_READ;
use crate::time::Moment;

/// A name that is followed.
#[derive(Debug)]
pub struct NameFollower<F> {
    path: Path,
    /// The type of its events; empty if it is the only one.
    name: Box<str>,
    /// `None`: the name leads nowhere, or has not been looked up yet.
    file: Option<F>,
    /// The position after the last event of the file; `None`: there was no file yet.
    at: Option<Position>,
    /// Where it begins the first file that it finds. Boxed, as few have it.
    start: Option<Box<Start>>,
    /// The offset up to which the file was read without another event after `at`.
    seen: u64,
    /// The size of the file when it was last measured, in bytes.
    size: u64,
    sealed: bool,
    /// The file must be measured before it may rest.
    look: bool,
    /// The bytes before `at` were not compared with the check of the position yet.
    unverified: bool,
    /// The offset at which the line begins that `at` is in, if this member sent its beginning.
    line: u64,
    /// The check of the bytes before `line`. Not in a tuple with it, whose padding no other field could use.
    line_check: Check,
    /// The file was truncated since it was found.
    truncated: bool,
    /// Why the name no longer leads to the file.
    left: Option<End>,
    /// The file has the name of another member now.
    passes_on: bool,
    /// The position in the file that another member has taken over, until the name has another file: the one that came after
    /// it. Boxed, as few have it.
    passed: Option<Box<Position>>,
    accepts: Accepts,
    /// `Some`: the name leads to no file. Boxed, as few have it.
    backoff: Option<Box<RetryBackoff>>,
    /// The file that `at` is in was read to its end, and closed.
    finished: bool,
    /// The last search for the next file has found none.
    in_vain: bool,
    /// A thread searches for the next file.
    waiting: bool,
    /// Earlier files to which somebody may still append.
    late: LateFiles<F>,
}

impl<F> NameFollower<F> {
    /// Follows a name that leads to this file, from this position on.
    pub fn found(path: Path, file: F, at: Position) -> NameFollower<F> {
        NameFollower {
            file: Some(file),
            backoff: None,
            seen: at.offset,
            size: at.offset,
            look: true,
            unverified: at.check.is_some(),
            ..NameFollower::sought(path, "".into(), Some(at), None)
        }
    }

    /// Follows a name that must be looked up first. `at`: the position after the last event that the client has.
    pub fn sought(
        path: Path,
        name: Box<str>,
        at: Option<Position>,
        start: Option<Start>,
    ) -> NameFollower<F> {
        let (line, line_check) = advance::line_at(at);
        NameFollower {
            path,
            name,
            file: None,
            at,
            start: start.map(Box::new),
            seen: 0,
            size: 0,
            sealed: false,
            look: false,
            unverified: false,
            line,
            line_check,
            truncated: false,
            left: None,
            passes_on: false,
            passed: None,
            accepts: Accepts::Any,
            backoff: Some(Box::new(RetryBackoff::unknown())),
            finished: false,
            in_vain: false,
            waiting: false,
            late: LateFiles::new(&[]),
        }
    }

    /// The client has had events of these earlier files, to which somebody may still append.
    #[must_use]
    pub fn with_late(mut self, late: &[Position]) -> NameFollower<F> {
        self.late = LateFiles::new(late);
        self
    }

    /// Earlier files may have names that fit again, and must not be sent again.
    pub fn remember_late(&mut self) {
        self.late.remembers = true;
    }

    /// Takes the tag of the file that has the name in the listing of the directory, if one has it.
    pub fn listed(&mut self, tag: Option<ETag>) {
        let before = std::mem::replace(&mut self.accepts, Accepts::Listed(tag));
        if before != self.accepts
            && let Some(backoff) = &mut self.backoff
        {
            backoff.due = true;
        }
    }

    /// Whether a file to which the name leads is followed now, or only when the listing says the same.
    pub fn accepts(&self, etag: ETag) -> bool {
        match self.accepts {
            Accepts::Any => true,
            Accepts::Listed(tag) => {
                tag == Some(etag) || !self.truncated && self.etag() == Some(etag)
            }
        }
    }

    /// The position in the file that it leaves to begin the one with this tag, unless that file is kept as a late one.
    pub fn leaves_for(&self, etag: ETag) -> Option<Position> {
        let mut late = self.late.places(None);
        let is_late = self.is_left_open() || late.any(|at| Some(at.etag) == self.etag());
        self.line_start()
            .filter(|at| at.etag != etag && !self.truncated && !is_late)
    }

    /// Whether its file is still open, has lost the name, and no other member goes on with it.
    fn is_left_open(&self) -> bool {
        self.file.is_some() && self.left.is_some() && !self.passes_on && !self.truncated
    }

    /// What to do when nothing is on its way; `None`: nothing. `number`: the index of this member. Lines of late files come
    /// first, as they are older; but the member does not wait for the search for a late file.
    pub fn action(&self, number: usize) -> Option<Action<'_, F>> {
        let sought = || {
            self.late
                .sought(number, &self.path)
                .filter(|_| !self.waiting)
        };
        let own = || {
            let own = self.own_action(number);
            own.filter(|own| !matches!(own, Action::Follow(_)) || !self.late.must_find_oldest())
        };
        self.late.action().or_else(own).or_else(sought)
    }

    fn own_action(&self, number: usize) -> Option<Action<'_, F>> {
        let follow = || {
            Action::Follow(SoughtName {
                member: number,
                path: &self.path,
                start: self.start.as_deref().copied(),
                after: self.after(),
                late: false,
            })
        };
        let (Some(file), Some(at)) = (&self.file, self.at) else {
            let due = self.backoff.as_ref().is_some_and(|backoff| backoff.due);
            return (due && !self.waiting).then(follow);
        };
        let more = self.size > self.seen || self.is_final() && at.offset < self.size;
        let start = checked_from(at.offset);
        match (self.truncated, self.look, more) {
            (false, true, _) => Some(Action::Examine(KnownFile {
                file,
                etag: at.etag,
                again: self.passes_on,
            })),
            (false, false, true) => {
                let end = self.size.min(at.offset + EVENT_READ);
                Some(Action::Read(file, start..end))
            }
            (false, false, false) if self.unverified => Some(Action::Read(file, start..at.offset)),
            _ if self.waiting => None,
            (true, _, _) => Some(follow()),
            _ => self.left.is_some().then(follow),
        }
    }

    /// Where it is when it searches for the next file. A file that has the name of another member belongs to that one.
    pub fn after(&self) -> Option<After> {
        let at = self.last().filter(|_| !self.truncated)?;
        let passed = self.passes_on || self.at.is_none();
        Some(After {
            etag: at.etag,
            offset: at.offset,
            finished: self.finished || self.file.is_some() || passed,
            in_vain: self.in_vain,
            passed,
        })
    }

    /// The position after the last event of its last file, which may belong to another member by now.
    fn last(&self) -> Option<Position> {
        self.at.or_else(|| self.passed.as_deref().copied())
    }

    /// A thread searches for the next file.
    pub fn wait_to_follow(&mut self) {
        self.waiting = true;
    }

    /// The search has ended.
    pub fn resource_is_ready(&mut self) {
        self.waiting = false;
    }

    /// Whether nothing more belongs to the file, so that a line without an end is complete.
    fn is_final(&self) -> bool {
        self.sealed || self.left.is_some()
    }

    /// The file.
    pub fn file(&self) -> Option<&F> {
        self.file.as_ref()
    }

    /// The position after the last event of the file.
    pub fn at(&self) -> Option<Position> {
        self.at
    }

    /// The type of its events: the name as text.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name below a directory.
    pub fn name_in(&self, directory: &Path) -> &[u8] {
        let before = match directory.name.len() {
            0 => 0,
            length => length + 1,
        };
        &self.path.name[before..]
    }

    /// When [`NameFollower::timer_fired`] is due.
    pub fn deadline(&self) -> Moment {
        let next = |backoff: &RetryBackoff| backoff.next;
        let backoff = self.backoff.as_deref().filter(|_| !self.waiting);
        let retry = backoff.map_or(Moment::NEVER, next);
        retry.min(self.late.deadline())
    }

    /// Whether the client knows that the name leads nowhere.
    pub fn is_known_to_be_gone(&self) -> bool {
        self.backoff
            .as_ref()
            .is_some_and(|backoff| backoff.reported)
    }

    /// Something may have changed.
    pub fn look(&mut self) {
        self.look = true;
        self.late.look();
    }

    /// The name no longer leads to the file; the first reason stays.
    pub fn lost(&mut self, why: End) {
        if self.file.is_some() {
            self.left.get_or_insert(why);
            self.look = true;
            self.late.make_room();
        }
    }

    /// The name leads nowhere, and inotify will report when it leads somewhere.
    pub fn is_watched(&mut self) {
        let backoff = self.backoff.iter_mut();
        backoff.for_each(|backoff| backoff.is_watched());
    }

    /// The name may lead somewhere by now.
    pub fn may_be_there(&mut self) {
        self.backoff
            .iter_mut()
            .for_each(|backoff| backoff.due = true);
    }

    /// Whether it only reads its file to the end, and another member goes on with it then.
    pub fn passes_on(&self) -> bool {
        self.passes_on
    }

    /// A file with this tag is available now.
    pub fn retry(&mut self, etag: ETag) {
        if let Some(backoff) = &mut self.backoff
            && self.accepts == Accepts::Listed(Some(etag))
        {
            backoff.due = true;
        }
    }

    /// Takes a measurement of the file.
    pub fn measured(&mut self, size: u64, sealed: bool) {
        if self.late.current().is_some() {
            return self.late.measured(size);
        }
        self.look = false;
        self.sealed = sealed;
        // Even if all that the client has is still there: the file has another tag now.
        self.truncated |= size < self.size;
        self.size = size;
        // It reads again what has made no event: those bytes may have changed.
        self.seen = self.offset();
    }

    fn offset(&self) -> u64 {
        self.at.map_or(0, |at| at.offset)
    }

    /// The file was found to be shorter than before. It has another tag from here on, so the position is no longer valid.
    pub fn truncated(&mut self) {
        if self.late.current().is_some() {
            return self.late.truncated();
        }
        self.truncated = true;
    }

    /// Takes the result of the search for an earlier file that the client knows.
    pub fn late_found(&mut self, found: Followed<F>, now: Moment) {
        self.late.found(found, now);
    }

    /// Earlier files to which somebody may still append, and their name.
    pub fn late_files(&self) -> impl Iterator<Item = (&Path, &F)> {
        self.late.files().map(|file| (&self.path, file))
    }

    /// The earlier files for which `is` holds left the family of generations: what they have now is the last of them.
    pub fn late_over(&mut self, is: impl Fn(&F) -> bool) {
        self.late.over(is);
    }

    /// What an `id` has before and after the position of an event: one of the file that the name has from `at` on, or of an
    /// earlier file.
    fn own_places(
        &self,
        source: Source<'_>,
        at: Option<Position>,
        of: Option<Position>,
    ) -> (String, String) {
        let (before, mut behind) = self.late.around(at, of);
        let name = self.name_hash().into_iter();
        name.for_each(|name| behind.push_str(&format!("~{name}")));
        (source.before.to_owned() + &before, behind + source.behind)
    }

    /// Where the client is in the file and in earlier ones.
    pub fn place(&self) -> Option<Place> {
        let at = self.last()?;
        Some(Place {
            at,
            late: self.late.places(Some(at.etag)).collect(),
            name: self.name_hash(),
        })
    }

    /// For a name that a listing has found by a pattern: the hash that says in an `id` whose place it is.
    fn name_hash(&self) -> Option<NameHash> {
        let listed = matches!(self.accepts, Accepts::Listed(_));
        listed.then(|| NameHash::of(self.name.as_bytes()))
    }

    /// Takes the bytes that were needed, which begin with those that the check of the position covers; writes events. If those
    /// have changed, the file was truncated or overwritten unnoticed.
    pub fn read(&mut self, source: Source<'_>, bytes: &[u8], out: &mut Vec<u8>) {
        let late = self.late.current();
        let (before, behind) = self.own_places(source, self.last(), late);
        let source = Source {
            before: &before,
            behind: &behind,
            ..source
        };
        if late.is_some() {
            let advanced = self.late.read(source, bytes, out);
            // While the name leads nowhere, this is the file that it had last.
            if let Some(advanced) = advanced
                && self.etag() == Some(advanced.at.etag)
            {
                self.advance(advanced);
            }
            return;
        }
        let Some(at) = self.at else {
            return;
        };
        let last = self.is_final() && end_of(at, bytes) == self.size;
        self.unverified = false;
        let Some(advanced) = advance(source, at, bytes, last, out) else {
            self.truncated = true;
            return;
        };
        self.seen = advanced.seen;
        self.advance(advanced);
    }

    fn advance(&mut self, advanced: Advanced) {
        self.at = Some(advanced.at);
        let line = (self.line, self.line_check);
        (self.line, self.line_check) = advanced.line.unwrap_or(line);
    }

    /// Takes the time.
    pub fn timer_fired(&mut self, now: Moment) {
        if let Some(backoff) = &mut self.backoff {
            backoff.timer_fired(now);
        }
        self.late.timer_fired(now);
    }

    /// The tag of the file, as it stands in the `id` of its events.
    pub fn etag(&self) -> Option<ETag> {
        self.at.map(|at| at.etag)
    }
}
