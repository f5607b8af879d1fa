//! Earlier files of a followed name, to which somebody may still append: a writer keeps a log open until somebody tells it to open
//! it again. Their lines come between those of the file that has the name now.

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
    /// The place is remembered when nothing more is expected: the stream may find the file under another name.
    pub remembers: bool,
}

#[derive(Debug)]
struct LateFile<F> {
    /// `None`: it is not found yet, or not needed any more.
    file: Option<F>,
    /// Behind the last event of it.
    at: Position,
    /// Where the line begins that this is in, as far as the client has its beginning.
    line: Position,
    /// Up to here the file has no event behind `at`.
    seen: u64,
    size: u64,
    look: bool,
    /// When nothing more is expected.
    until: Moment,
    /// That is over: what is left is sent, also a line that has no end.
    last: bool,
    /// It is over because it has been late for long enough.
    expired: bool,
    /// All of it was sent: the stream only remembers the position.
    is_sent: bool,
}

impl<F> LateFile<F> {
    fn needs(&self) -> bool {
        let more = self.size > self.seen || self.last && self.at.offset < self.size;
        self.file.is_some() && (self.look || more)
    }

    /// The client knows it, and it is not found yet.
    fn is_sought(&self) -> bool {
        self.file.is_none() && !self.is_sent
    }
}

impl<F> LateFiles<F> {
    /// None; but a client that has had events of some goes on in them.
    pub fn new(places: &[Position]) -> LateFiles<F> {
        let places = places.iter().take(EVENT_LATE_MAX);
        let files = places.map(|&at| LateFile::of(None, at, at, Moment::NEVER));
        LateFiles {
            files: files.collect(),
            remembers: false,
        }
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The name has left a file that was read up to there, which is in the line that begins at `line`.
    pub fn keep(&mut self, file: F, at: Position, line: Position, now: Moment) {
        self.files.retain(|late| late.at.etag != at.etag);
        if self.is_full() {
            self.files.remove(0);
        }
        let until = now + EVENT_LATE;
        self.files.push(LateFile::of(Some(file), at, line, until));
    }

    /// The name leaves another file. If there is no room for that one, the oldest is read to its end as it is then, and no
    /// further.
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

    /// Another name has the file now. Returns the start of the line that it is in.
    pub fn hand_over(&mut self, etag: ETag) -> Option<Position> {
        let index = self.files.iter().position(|late| late.at.etag == etag)?;
        Some(self.files.remove(index).line)
    }

    /// The name leads to a file again, which is not late any more.
    pub fn drop_file(&mut self, etag: ETag) {
        self.files.retain(|late| late.at.etag != etag);
    }

    /// Where it is in each file but that one.
    pub fn places(&self, but: Option<ETag>) -> impl Iterator<Item = Position> {
        let places = self.files.iter().map(|late| late.at);
        places.filter(move |at| Some(at.etag) != but)
    }

    /// What stands in an `id` before and behind the position of an event of a name whose last file is read up to `at`. `of`:
    /// where the event is of, perhaps an earlier file.
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

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &F> {
        self.files.iter().filter_map(|late| late.file.as_ref())
    }

    /// What to do with the first one that needs something.
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

    /// The first one that must be found.
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

    /// What was sought was found, or is gone.
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
            // It is not known to be gone; but it is only late lines that may be missed.
            _ => drop(self.files.remove(index)),
        }
    }

    /// Something may have happened.
    pub fn look(&mut self) {
        self.files.iter_mut().for_each(|late| late.look = true);
    }

    /// What is in these files by now is the last of them.
    pub fn over(&mut self, is: impl Fn(&F) -> bool) {
        for late in &mut self.files {
            let over = late.file.as_ref().is_some_and(&is);
            (late.last, late.look) = (late.last || over, late.look || over);
        }
    }

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

    /// The file whose turn it is was truncated: nobody wants what comes there.
    pub fn truncated(&mut self) {
        if let Some(index) = self.turn() {
            self.files.remove(index);
        }
    }

    /// Whose turn it is, and where it is.
    pub fn current(&self) -> Option<Position> {
        self.files
            .iter()
            .find(|late| late.needs())
            .map(|late| late.at)
    }

    /// Takes the bytes that were needed; writes events. Returns the new place.
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

    /// Takes note of the time.
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

    /// Nothing more is expected of a file, and all of it was sent.
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
