//! Late files: earlier files of a followed name, to which somebody may still append. A writer keeps a log open until log
//! rotation tells it to reopen the name. The lines of late files come between those of the file that has the name now.

use super::advance::{Advanced, advance, end_of};
use super::followed::Followed;
use crate::action::{Action, After, KnownFile, SoughtName};
use crate::http::conditional::ETag;
use crate::http::position::{Position, checked_from};
use crate::http::sse::Source;
use crate::http::target::Path;
use crate::limits::{EVENT_LATE, EVENT_LATE_MAX, EVENT_READ};
use crate::time::Moment;

/// The earlier files of one name, oldest first.
#[derive(Debug)]
pub(crate) struct LateFiles<F> {
    files: Vec<LateFile<F>>,
    /// It remembers the position in a file from which it expects nothing more: the stream may find that file under another name.
    pub remembers: bool,
}

/// One late file.
#[derive(Debug)]
struct LateFile<F> {
    /// `None`: it was not found yet, or is not needed any more.
    file: Option<F>,
    /// The position after the last event of the file.
    at: Position,
    /// The start of the line that `at` is in, if the client has the beginning of the line; else `at`.
    line: Position,
    /// The offset up to which the file was read without another event after `at`.
    seen: u64,
    /// The size of the file when it was last measured, in bytes.
    size: u64,
    look: bool,
    /// Until when the stream expects more of it.
    until: Moment,
    /// Nothing more is expected: what the file has is sent, including a line without an end.
    last: bool,
    /// Nothing more is expected because `until` has passed.
    expired: bool,
    /// All of it was sent: the stream only remembers the position.
    is_sent: bool,
}

impl<F> LateFile<F> {
    /// Whether it must be measured or read.
    fn needs(&self) -> bool {
        let more = self.size > self.seen || self.last && self.at.offset < self.size;
        self.file.is_some() && (self.look || more)
    }

    /// Whether the client knows the file, and it was not found yet.
    fn is_sought(&self) -> bool {
        self.file.is_none() && !self.is_sent
    }
}

impl<F> LateFiles<F> {
    /// The files in which a client has these positions; they must be found first.
    pub fn new(places: &[Position]) -> LateFiles<F> {
        let places = places.iter().take(EVENT_LATE_MAX);
        let files = places.map(|&at| LateFile::of(None, at, at, Moment::NEVER));
        LateFiles {
            files: files.collect(),
            remembers: false,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Keeps a file that has lost the name. `at`: up to where it was read; `line`: the start of the line that this is in.
    pub fn keep(&mut self, file: F, at: Position, line: Position, now: Moment) {
        self.files.retain(|late| late.at.etag != at.etag);
        if self.is_full() {
            self.files.remove(0);
        }
        let until = now + EVENT_LATE;
        self.files.push(LateFile::of(Some(file), at, line, until));
    }

    /// Prepares for another file. If there is no room for it, the oldest one is read to its present end, and no further.
    pub fn make_room(&mut self) {
        if self.is_full()
            && let Some(oldest) = self.files.first_mut()
        {
            (oldest.last, oldest.look) = (true, true);
        }
    }

    /// Whether the oldest one must be found before there is room for another.
    pub fn must_find_oldest(&self) -> bool {
        let oldest = self.files.first().filter(|_| self.is_full());
        oldest.is_some_and(|oldest| oldest.last && oldest.is_sought())
    }

    fn is_full(&self) -> bool {
        self.files.len() >= EVENT_LATE_MAX
    }

    /// Gives up the file with this tag, which has another name now. Returns the start of the line that its position is in.
    pub fn hand_over(&mut self, etag: ETag) -> Option<Position> {
        let index = self.files.iter().position(|late| late.at.etag == etag)?;
        Some(self.files.remove(index).line)
    }

    /// Forgets the file with this tag, to which the name leads again.
    pub fn drop_file(&mut self, etag: ETag) {
        self.files.retain(|late| late.at.etag != etag);
    }

    /// The positions in all files except the one with this tag.
    pub fn places(&self, but: Option<ETag>) -> impl Iterator<Item = Position> {
        let places = self.files.iter().map(|late| late.at);
        places.filter(move |at| Some(at.etag) != but)
    }

    /// What an `id` has before and after the position of an event. `at`: the position in the last file of the name; `of`: the
    /// position of the event, perhaps in an earlier file.
    pub fn around(&self, at: Option<Position>, of: Option<Position>) -> (String, String) {
        let (mut before, mut behind) = (String::new(), String::new());
        let etag = at.map(|at| at.etag);
        let late = of.filter(|of| Some(of.etag) != etag);
        if let (Some(_), Some(at)) = (late, at) {
            before = format!("{at}.");
        }
        let mut passed = late.is_none();
        for place in self.places(etag) {
            if late.is_some_and(|late| late.etag == place.etag) {
                passed = true;
            } else if passed {
                behind.push_str(&format!(".{place}"));
            } else {
                before.push_str(&format!("{place}."));
            }
        }
        (before, behind)
    }

    /// The files that were found.
    pub fn files(&self) -> impl Iterator<Item = &F> {
        self.files.iter().filter_map(|late| late.file.as_ref())
    }

    /// What to do next: measure or read the first file that needs it.
    pub fn action(&self) -> Option<Action<'_, F>> {
        let late = self.files.iter().find(|late| late.needs())?;
        let file = late.file.as_ref()?;
        if late.look {
            return Some(Action::Examine(KnownFile {
                file,
                etag: late.at.etag,
                again: true,
            }));
        }
        let end = late.size.min(late.at.offset + EVENT_READ);
        Some(Action::Read(file, checked_from(late.at.offset)..end))
    }

    /// The search for the first file that was not found yet.
    pub fn sought<'a>(&'a self, member: usize, path: &'a Path) -> Option<Action<'a, F>> {
        let late = self.files.iter().find(|late| late.is_sought())?;
        let after = After {
            etag: late.at.etag,
            offset: late.at.offset,
            finished: false,
            in_vain: false,
            passed: false,
        };
        Some(Action::Follow(SoughtName {
            member,
            path,
            start: None,
            after: Some(after),
            late: true,
        }))
    }

    /// Takes the result of that search.
    pub fn found(&mut self, found: Followed<F>, now: Moment) {
        let Some(index) = self.files.iter().position(LateFile::is_sought) else {
            return;
        };
        let late = &mut self.files[index];
        match found {
            Followed::File { file, info, .. } if info.etag == late.at.etag => {
                (late.file, late.look) = (Some(file), true);
                late.until = now + EVENT_LATE;
            }
            // Perhaps it still exists. But the stream misses no more than late lines.
            _ => drop(self.files.remove(index)),
        }
    }

    /// Something may have changed.
    pub fn look(&mut self) {
        self.files.iter_mut().for_each(|late| late.look = true);
    }

    /// Expects nothing more of the files for which `is` holds than what they have now.
    pub fn over(&mut self, is: impl Fn(&F) -> bool) {
        for late in &mut self.files {
            let over = late.file.as_ref().is_some_and(&is);
            (late.last, late.look) = (late.last || over, late.look || over);
        }
    }

    /// The index of the file whose turn it is.
    fn turn(&mut self) -> Option<usize> {
        self.files.iter().position(LateFile::needs)
    }

    /// Takes a measurement of the file whose turn it is.
    pub fn measured(&mut self, size: u64) {
        let Some(index) = self.turn() else {
            return;
        };
        let late = &mut self.files[index];
        (late.look, late.seen) = (false, late.at.offset);
        if size < late.size {
            self.files.remove(index);
        } else {
            late.size = size;
            self.finish(index);
        }
    }

    /// The file whose turn it is was truncated: forgets it, since what comes there now is not late.
    pub fn truncated(&mut self) {
        if let Some(index) = self.turn() {
            self.files.remove(index);
        }
    }

    /// The position in the file whose turn it is.
    pub fn current(&self) -> Option<Position> {
        self.files
            .iter()
            .find(|late| late.needs())
            .map(|late| late.at)
    }

    /// Takes the bytes that were needed; writes events. Returns the new position.
    pub fn read(
        &mut self,
        source: Source<'_>,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<Advanced> {
        let index = self.turn()?;
        let late = &mut self.files[index];
        let last = late.last && end_of(late.at, bytes) == late.size;
        let Some(advanced) = advance(source, late.at, bytes, last, out) else {
            self.files.remove(index);
            return None;
        };
        (late.at, late.seen) = (advanced.at, advanced.seen);
        late.line = advanced.line_start().unwrap_or(late.line);
        self.finish(index);
        Some(advanced)
    }

    /// When [`LateFiles::timer_fired`] is due.
    pub fn deadline(&self) -> Moment {
        let open = self.files.iter().filter(|late| !late.last);
        open.map(|late| late.until).fold(Moment::NEVER, Moment::min)
    }

    /// Takes the time.
    pub fn timer_fired(&mut self, now: Moment) {
        for late in self.files.iter_mut().filter(|late| late.until <= now) {
            (late.last, late.expired) = (true, true);
        }
        for index in (0..self.files.len()).rev() {
            if self.files[index].file.is_some() {
                self.finish(index);
            }
        }
    }

    /// Closes a file from which nothing more is expected, once all of it was sent.
    fn finish(&mut self, index: usize) {
        let late = &mut self.files[index];
        if !late.last || late.needs() {
            return;
        }
        if self.remembers && late.expired {
            (late.file, late.is_sent) = (None, true);
        } else {
            self.files.remove(index);
        }
    }
}

impl<F> LateFile<F> {
    fn of(file: Option<F>, at: Position, line: Position, until: Moment) -> LateFile<F> {
        LateFile {
            file,
            at,
            line,
            seen: at.offset,
            size: at.offset,
            look: true,
            until,
            last: false,
            expired: false,
            is_sent: false,
        }
    }
}
