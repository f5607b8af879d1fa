//! An event stream: an endless answer that follows a name, and not one file. It says what it needs next and is told what
//! came of it, like the machine that it is a part of; the lines themselves are made events by `http::events`.
//!
//! What it holds besides its place is at most one buffer of events on their way, which is its owner's: of a line that is
//! not complete nothing is kept, it is read again from its start.

use std::ops::Range;

use super::Moment;
use super::answer::Meta;
use super::sending::End;
use crate::http::chunk;
use crate::http::conditional::ETag;
use crate::http::events::{self, Position};
use crate::http::target::Path;
use crate::limits::{EVENT_ABSENCE, EVENT_HEARTBEAT, EVENT_READ};

/// Where a stream begins, and the events that it begins with.
#[derive(Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The place behind which the first line is an event.
    pub position: Position,
    /// They, not in a chunk.
    pub events: Vec<u8>,
}

impl Beginning {
    /// Where a client that has `position` goes on, or a new one begins; `meta`: of the file that has the name, if it leads
    /// to one. `None` if there is nothing to begin with.
    #[must_use]
    pub fn new(position: Option<Position>, meta: Option<&Meta>) -> Option<Beginning> {
        let mut events = Vec::new();
        let position = match (position, meta) {
            (None, None) => return None,
            (Some(position), None) => position,
            (None, Some(meta)) => Position {
                etag: meta.etag,
                offset: meta.start.unwrap_or(0),
            },
            (Some(position), Some(meta)) => {
                let etag = meta.etag;
                match (position.etag == etag, position.offset <= meta.size) {
                    (true, true) => position,
                    // Files only grow, unless they are truncated.
                    (true, false) => {
                        events::write_truncate(&mut events, etag);
                        Position { etag, offset: 0 }
                    }
                    (false, _) => {
                        events::write_roll(&mut events, End::Replaced.word(), Some(etag));
                        Position { etag, offset: 0 }
                    }
                }
            }
        };
        let mut all = Vec::new();
        events::write_beginning(&mut all, position);
        all.append(&mut events);
        Some(Beginning {
            position,
            events: all,
        })
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Events<F> {
    path: Path,
    /// `None`: the name leads nowhere.
    file: Option<F>,
    /// Behind the last event of the file.
    at: Position,
    /// Up to here the file has no event behind `at`.
    seen: u64,
    size: u64,
    sealed: bool,
    /// The file must be measured before it may rest.
    look: bool,
    /// The file was truncated since it was found.
    truncated: bool,
    /// Why the name no longer leads to the file.
    left: Option<End>,
    absence: Option<Absence>,
    /// The server ends.
    ending: bool,
    /// The end of the message is what is on its way.
    finished: bool,
    chunked: bool,
    /// Bytes of events that were made, and of them those that are on their way.
    made: u64,
    on_its_way: u32,
}

/// The name leads nowhere, for a while.
#[derive(Debug)]
struct Absence {
    pause: std::time::Duration,
    /// When to look again.
    next: Moment,
    due: bool,
    /// The client knows.
    told: bool,
}

/// What a stream needs next.
#[derive(Debug, PartialEq, Eq)]
pub enum Need {
    /// The size of the file: [`Events::measured`].
    Measure,
    /// These bytes of the file: [`Events::read`].
    Read(Range<u64>),
    /// The file that has the name now: [`Events::followed`].
    Follow,
    /// To end: [`Events::finish`].
    Finish,
    /// Nothing.
    Rest,
}

impl<F> Events<F> {
    /// A stream of the file that has this name, if it leads to one, from there on. `begun`: bytes of the events that it
    /// begins with.
    pub fn new(path: Path, file: Option<F>, at: Position, chunked: bool, begun: u32) -> Events<F> {
        let absence = file.is_none().then_some(Absence {
            pause: EVENT_ABSENCE.0,
            next: Moment::NEVER,
            due: true,
            told: false,
        });
        Events {
            path,
            file,
            at,
            seen: at.offset,
            size: at.offset,
            sealed: false,
            look: true,
            truncated: false,
            left: None,
            absence,
            ending: false,
            finished: false,
            chunked,
            made: u64::from(begun),
            on_its_way: begun,
        }
    }

    /// What to do when nothing is on its way.
    #[must_use]
    pub fn need(&self) -> Need {
        if self.file.is_none() {
            let due = self.absence.as_ref().is_some_and(|absence| absence.due);
            return match (self.ending, due) {
                (true, _) => Need::Finish,
                (false, true) => Need::Follow,
                (false, false) => Need::Rest,
            };
        }
        let more = self.size > self.seen || self.is_final() && self.at.offset < self.size;
        match (self.truncated, self.look, more) {
            (false, true, _) => Need::Measure,
            (false, false, true) => {
                let start = self.at.offset;
                Need::Read(start..self.size.min(start + EVENT_READ))
            }
            _ if self.ending => Need::Finish,
            (true, _, _) => Need::Follow,
            _ if self.left.is_some() => Need::Follow,
            _ => Need::Rest,
        }
    }

    /// Nothing more belongs to the file, so a line that has no end will not get one.
    fn is_final(&self) -> bool {
        self.sealed || self.left.is_some()
    }

    /// The file.
    pub fn file(&self) -> Option<&F> {
        self.file.as_ref()
    }

    /// The offset in the file of the first byte that is not in an event.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at.offset
    }

    /// The name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Something may have happened.
    pub fn look(&mut self) {
        self.look = true;
    }

    /// The server ends, or the name no longer leads to the file; the first reason for that stays.
    pub fn end(&mut self, why: End) {
        match why {
            End::Shutdown => self.ending = true,
            _ => drop(self.left.get_or_insert(why)),
        }
    }

    /// Whether the server ends.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.ending
    }

    /// Takes a measurement of the file.
    pub fn measured(&mut self, size: u64, sealed: bool) {
        self.look = false;
        self.sealed = sealed;
        // Also if what was made events is still there: the file has another tag now.
        self.truncated |= size < self.size;
        self.size = size;
        // Also what made no event is read again: it may not be what it was.
        self.seen = self.at.offset;
    }

    /// The file was seen to be shorter than before. It has another tag from here on, so the place is good no more.
    pub fn truncated(&mut self) {
        self.truncated = true;
    }

    /// Takes the bytes that were needed; gives what is to be sent, which may be nothing.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        let end = self.at.offset + bytes.len() as u64;
        let last = self.is_final() && end == self.size;
        let mut out = Vec::new();
        let taken = events::encode(self.at, bytes, last, &mut out);
        self.at.offset += taken.bytes as u64;
        self.seen = if taken.all { end } else { self.at.offset };
        self.made(out)
    }

    /// Takes the file that has the name now, if it leads to one, with its tag; gives what is to be sent, which may be
    /// nothing.
    pub fn followed(&mut self, found: Option<(F, ETag)>, now: Moment) -> Vec<u8> {
        let mut out = Vec::new();
        match found {
            Some((file, etag)) => {
                let reason = match &self.absence {
                    Some(absence) if absence.told => "created",
                    _ => self.left.unwrap_or(End::Replaced).word(),
                };
                if self.truncated && self.left.is_none() {
                    events::write_truncate(&mut out, etag);
                } else if self.truncated || etag != self.at.etag {
                    events::write_roll(&mut out, reason, Some(etag));
                }
                // Else it is the same file, whose name was away for a moment.
                if !out.is_empty() {
                    self.at = Position { etag, offset: 0 };
                }
                (self.seen, self.size) = (self.at.offset, self.at.offset);
                (self.file, self.absence, self.left) = (Some(file), None, None);
                (self.truncated, self.sealed, self.look) = (false, false, true);
            }
            None => {
                self.file = None;
                let (shortest, longest) = EVENT_ABSENCE;
                let pause = self
                    .absence
                    .as_ref()
                    .map_or(shortest, |last| last.pause * 2);
                let told = self.absence.as_ref().is_some_and(|absence| absence.told);
                if pause >= longest && !told {
                    let reason = self.left.unwrap_or(End::Unlinked).word();
                    events::write_roll(&mut out, reason, None);
                }
                let pause = pause.min(longest);
                self.absence = Some(Absence {
                    pause,
                    next: now + pause,
                    due: false,
                    told: told || !out.is_empty(),
                });
            }
        }
        self.made(out)
    }

    /// When [`Events::rang`] is due, if nothing was sent since then.
    #[must_use]
    pub fn deadline(&self, since: Moment) -> Moment {
        let next = self
            .absence
            .as_ref()
            .map_or(Moment::NEVER, |absence| absence.next);
        next.min(since + EVENT_HEARTBEAT)
    }

    /// Takes note of the time; gives what is to be sent, which may be nothing.
    pub fn rang(&mut self, since: Moment, now: Moment) -> Vec<u8> {
        if let Some(absence) = &mut self.absence
            && absence.next <= now
        {
            absence.due = true;
        }
        let silent = since + EVENT_HEARTBEAT <= now;
        self.made(if silent {
            events::HEARTBEAT.to_vec()
        } else {
            Vec::new()
        })
    }

    /// The end of the message; nothing but the end of the connection for an HTTP/1.0 client.
    pub fn finish(&mut self) -> &'static [u8] {
        self.finished = true;
        if self.chunked { chunk::LAST } else { b"" }
    }

    /// What was to be sent is out. True if it was the end of the message.
    pub fn sent(&mut self) -> bool {
        self.on_its_way = 0;
        self.finished
    }

    /// Bytes of events that went out. `left`: bytes that are still to be sent, with their framing.
    #[must_use]
    pub fn delivered(&self, left: u64) -> u64 {
        let line_end = if self.chunked { 2 } else { 0 };
        self.made
            - left
                .saturating_sub(line_end)
                .min(u64::from(self.on_its_way))
    }

    /// Bytes to send: these events, in a chunk if need be.
    fn made(&mut self, events: Vec<u8>) -> Vec<u8> {
        self.made += events.len() as u64;
        self.on_its_way = u32::try_from(events.len()).expect("a bounded buffer");
        if self.chunked && !events.is_empty() {
            chunk::enclose(&events)
        } else {
            events
        }
    }
}
