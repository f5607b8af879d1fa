//! Late writes: a writer keeps a rolled file open until somebody tells it to reopen it. For a while after its end, earlier
//! generations are looked at again, one at a time on one connection, and whole lines of them are handed over between those
//! of the next. Of the one that the log has left last there is a tail too: while it goes on, nobody looks at that one.

use std::collections::VecDeque;
use std::time::Duration;

use super::exchange::{Broken, Exchange, Progress};
use super::expected::Expected;
use super::late_gone::Gone;
use super::late_tail::Tail;
use super::pause::Pause;
use super::position::LatePlace;
use super::requests::Requests;
use crate::http::conditional::ETag;
use crate::http::response::ResponseHead;
use crate::limits::{
    CLIENT_LATE_BUFFER, CLIENT_LATE_LOOK, CLIENT_LATE_PATIENCE, CLIENT_REASON_TIMEOUT,
    CLIENT_RESPONSE_TIMEOUT,
};
use crate::time::Moment;

/// An earlier generation.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: LatePlace,
    /// The first look after this time is the last one.
    pub(super) until: Moment,
    /// A look after this time is the last one even if nothing that is understood comes of it.
    pub(super) give_up: Moment,
    pub(super) next: Moment,
    pub(super) pause: Pause,
    /// It was looked at since [`Late::look_once`].
    seen: bool,
}

/// What a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Bytes behind those that are known.
    Bytes,
    /// None.
    Nothing,
    /// The generation no longer exists.
    Gone,
    /// None that could be understood.
    Unclear,
}

/// See the module.
#[derive(Debug)]
pub struct Late {
    /// How long; zero: not at all.
    pub(super) period: Duration,
    /// The one that is requested now is first.
    pub(super) entries: VecDeque<Entry>,
    /// Its connection.
    pub exchange: Exchange,
    found: Found,
    /// When it was asked: the response tells of no later time.
    pub(super) asked: Moment,
    /// When the response counts as lost.
    pub(super) timeout: Moment,
    /// Whole lines of the first entry that wait, and how many bytes of them are handed over.
    pub(super) lines: Vec<u8>,
    handed: usize,
    pub(super) gone: Gone,
    /// There is no server at the moment: that nothing is understood says nothing of a generation.
    pub away: bool,
    pub(super) left: Option<(ETag, Left)>,
    pub(super) tail: Tail,
    /// The lines that are handed over next are those of the tail.
    pub(super) of_tail: bool,
    /// No tail goes on.
    pub(super) last_looks: bool,
}

/// What was left out of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// So many bytes that no line end follows.
    Bytes(usize),
    /// Whatever it has: nothing that was understood came of any look.
    Unknown,
    /// The rest of a line of which a part was handed over: the generation is gone.
    Rest,
    /// So many bytes: the generation is gone, and was longer than what was read of it.
    Lost(u64),
}

impl Late {
    /// Looks at these generations for so long.
    #[must_use]
    pub fn new(period: Duration, places: Vec<LatePlace>, now: Moment) -> Late {
        let mut late = Late {
            period,
            entries: VecDeque::new(),
            exchange: Exchange::new(CLIENT_LATE_BUFFER),
            found: Found::Unclear,
            asked: now,
            timeout: Moment::NEVER,
            lines: Vec::new(),
            handed: 0,
            gone: Gone::default(),
            away: false,
            left: None,
            tail: Tail::new(),
            of_tail: false,
            last_looks: false,
        };
        // One that stopped within a line goes on before all others, and at once.
        let (torn, whole): (Vec<_>, Vec<_>) = places.into_iter().partition(|place| place.midline);
        torn.into_iter()
            .chain(whole)
            .for_each(|place| late.add(place, now));
        if late.is_midway() {
            late.entries[0].next = now;
        }
        late
    }

    pub(super) fn index(&self, etag: ETag) -> Option<usize> {
        let mut entries = self.entries.iter();
        entries.position(|entry| entry.place.etag == etag)
    }

    pub(super) fn stop_looking(&mut self) {
        self.exchange.abandon();
        self.timeout = Moment::NEVER;
        self.gone.abandon();
        self.lines.clear();
        self.handed = 0;
    }

    /// A generation has ended.
    pub fn add(&mut self, place: LatePlace, now: Moment) {
        if self.period.is_zero() {
            return;
        }
        let mut pause = Pause::new(CLIENT_LATE_LOOK);
        self.entries.push_back(Entry {
            place,
            until: now + self.period,
            give_up: now + self.period + CLIENT_LATE_PATIENCE,
            next: pause.begin(now),
            pause,
            seen: false,
        });
    }

    /// The log goes on in this generation: gives its place, if it is one of these.
    pub fn take_out(&mut self, etag: ETag) -> Option<LatePlace> {
        let index = self.index(etag)?;
        if self.tail.etag() == Some(etag) {
            self.tail.close();
            self.of_tail = false;
        }
        if index == 0 {
            self.stop_looking();
        }
        self.entries.remove(index).map(|entry| entry.place)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Their places.
    #[must_use]
    pub fn places(&self) -> Vec<LatePlace> {
        let entries = self.entries.iter();
        entries.map(|entry| entry.place.clone()).collect()
    }

    /// Each is looked at once more, at once.
    pub fn look_once(&mut self) {
        self.last_looks = true;
        for entry in &mut self.entries {
            (entry.next, entry.seen) = (Moment(0), false);
        }
    }

    /// Whether that was done, and everything was handed over.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        let waiting = [&self.lines[..], self.tail.lines()];
        self.entries.iter().all(|entry| entry.seen)
            && waiting.iter().all(|lines| lines.is_empty())
            && self.gone.is_empty()
    }

    /// Lines to be handed over, of which generation and from where on.
    #[must_use]
    pub fn lines(&self) -> Option<(ETag, u64, &[u8])> {
        let lines = self.tail.lines();
        if self.of_tail {
            let entry = &self.entries[self.index(self.tail.etag()?)?];
            return (!lines.is_empty()).then_some((entry.place.etag, entry.place.offset, lines));
        }
        let entry = self.entries.front()?;
        if self.is_asking() {
            // What has come may end within a line, and may not be all.
            return None;
        }
        let rest = &self.lines[self.handed..];
        (!rest.is_empty()).then_some((entry.place.etag, entry.place.offset, rest))
    }

    /// Whether a response is under way.
    pub(super) fn is_asking(&self) -> bool {
        self.timeout < Moment::NEVER
    }

    /// A part of a line was handed over, so the rest must come next.
    #[must_use]
    pub fn is_midway(&self) -> bool {
        let first = self.entries.front();
        first.is_some_and(|entry| entry.place.midline) || self.tail_is_midway()
    }

    /// The entries that may be looked at: the rest of a line comes before anything else.
    fn free(&self) -> usize {
        match (self.tail_is_midway(), self.is_midway()) {
            (true, _) => 0,
            (_, true) => 1,
            _ => self.entries.len(),
        }
    }

    /// So many bytes were handed over.
    pub fn handed_over(&mut self, count: usize) {
        let index = match self.of_tail {
            true => self.tail.etag().and_then(|etag| self.index(etag)),
            false => Some(0),
        };
        let bytes = match self.of_tail {
            true => &self.tail.lines()[..count],
            false => &self.lines[self.handed..][..count],
        };
        let entry = index.and_then(|index| self.entries.get_mut(index));
        if let (Some(Entry { place, .. }), Some(last)) = (entry, bytes.last()) {
            place.offset += count as u64;
            place.before.add(bytes);
            place.midline = *last != b'\n';
        }
        if self.of_tail {
            return self.tail.handed_over(count);
        }
        self.handed += count;
        if self.handed == self.lines.len() {
            self.lines.clear();
            self.handed = 0;
        }
    }

    /// What was left of a generation that is over, once.
    pub fn left(&mut self) -> Option<(ETag, Left)> {
        self.left.take()
    }

    /// The next moment at which something is to be done.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        if self.tail.is_wanted() {
            return Moment(0);
        }
        let tail = self.tail_until();
        if self.timeout < Moment::NEVER {
            return self.timeout.min(tail);
        }
        if !self.lines.is_empty() {
            return tail;
        }
        let free = self.entries.iter().take(self.free());
        let looked_at = free.filter(|entry| !self.tail.has(entry.place.etag));
        let next = looked_at.map(|entry| entry.next).min();
        let next = next.unwrap_or(Moment::NEVER).min(self.gone.due());
        next.min(tail)
    }

    /// Goes on: takes what came, asks for what is due. True if something changed that is to be saved.
    pub fn run(&mut self, requests: &Requests, now: Moment) -> bool {
        let mut changed = false;
        if self.timeout <= now {
            self.exchange.abandon();
            let found = match self.found {
                Found::Bytes => Found::Unclear,
                found => found,
            };
            changed |= self.looked(found, now);
        }
        loop {
            match self.exchange.progress() {
                Progress::None => break,
                Progress::Head(head) => {
                    self.found = self.judge(&head);
                    self.timeout = match self.found {
                        Found::Bytes => now + CLIENT_RESPONSE_TIMEOUT,
                        // The head has said it.
                        _ => now + CLIENT_REASON_TIMEOUT,
                    };
                }
                Progress::Content => self.take(),
                Progress::Whole(_) => changed |= self.looked(self.found, now),
                Progress::Broken(Broken::Stale) => self.ask(requests, now),
                Progress::Broken(_) => changed |= self.looked(Found::Unclear, now),
            }
        }
        changed |= self.run_tail(requests, now);
        let is_free = |late: &Late| late.lines.is_empty() && late.timeout == Moment::NEVER;
        if is_free(self) && self.gone.due() <= now {
            self.ask_sizes(requests, now);
        }
        if is_free(self) {
            let mut free = self.entries.iter().take(self.free());
            let due = free.position(|entry| entry.next <= now && !self.tail.has(entry.place.etag));
            if let Some(entry) = due.and_then(|due| self.entries.remove(due)) {
                self.entries.push_front(entry);
                self.ask(requests, now);
            }
        }
        self.take_turns();
        changed
    }

    fn ask(&mut self, requests: &Requests, now: Moment) {
        if self.gone.is_asked() {
            return self.ask_sizes(requests, now);
        }
        let Some(Entry { place, .. }) = self.entries.front() else {
            return;
        };
        let end = place.offset + CLIENT_LATE_BUFFER as u64;
        self.lines.clear();
        self.exchange
            .request(requests.slice(place.etag, place.offset, end, place.check()));
        (self.asked, self.found) = (now, Found::Unclear);
        self.timeout = now + CLIENT_RESPONSE_TIMEOUT;
    }

    fn judge(&self, head: &ResponseHead) -> Found {
        if self.gone.is_asked() {
            return match head.status {
                200 => Found::Bytes,
                _ => Found::Unclear,
            };
        }
        let Some(entry) = self.entries.front() else {
            return Found::Unclear;
        };
        let place = &entry.place;
        let expected = Expected {
            etag: Some(place.etag),
            first: place.offset,
            end: Some(place.offset + CLIENT_LATE_BUFFER as u64),
        };
        match head.status {
            206 if expected.judge(head).is_ok() => Found::Bytes,
            416 => Found::Nothing,
            404 | 412 => Found::Gone,
            _ => Found::Unclear,
        }
    }

    fn take(&mut self) {
        let content = self.exchange.content();
        if self.gone.is_asked() {
            self.gone.take(content);
        } else if self.found == Found::Bytes && self.lines.len() < CLIENT_LATE_BUFFER {
            self.lines.extend_from_slice(content);
        }
        let count = content.len();
        self.exchange.take(count);
    }

    /// A look is over. True if an entry is.
    fn looked(&mut self, found: Found, now: Moment) -> bool {
        self.timeout = Moment::NEVER;
        if self.gone.is_asked() {
            self.learn_size(found == Found::Bytes, now);
            return false;
        }
        let fetched = self.lines.len();
        let whole = match self.lines.iter().rposition(|&byte| byte == b'\n') {
            _ if found != Found::Bytes => 0,
            Some(end) => end + 1,
            None if fetched >= CLIENT_LATE_BUFFER => fetched,
            None => 0,
        };
        self.lines.truncate(whole);
        let Some(entry) = self.entries.front_mut() else {
            return false;
        };
        if whole > 0 {
            entry.pause.reset();
            entry.next = now;
            return false;
        }
        if self.away {
            entry.give_up = entry.give_up.max(now + CLIENT_LATE_PATIENCE);
        }
        let (over, left) = match found {
            Found::Gone => (true, entry.place.midline.then_some(Left::Rest)),
            Found::Unclear => (self.asked >= entry.give_up, Some(Left::Unknown)),
            _ => (self.asked >= entry.until, None),
        };
        if over {
            let bytes = (fetched > 0).then_some(Left::Bytes(fetched));
            self.left = left.or(bytes).map(|left| (entry.place.etag, left));
            let entry = self.entries.pop_front();
            if let (Found::Gone, None, Some(entry)) = (found, left, entry) {
                self.gone.add(entry.place, entry.give_up, now);
            }
            return true;
        }
        entry.seen |= found != Found::Unclear;
        entry.next = entry.pause.begin(now);
        if found != Found::Unclear {
            entry.next = entry.next.min(entry.until.max(now));
        }
        false
    }
}
