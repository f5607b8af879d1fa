//! The bytes that a [`Follower`] has read: which of them wait, and which it hands over next, those of the log or late lines of
//! an earlier generation between them.

use super::follower::Follower;
use super::lines::{Flush, Lines};
use super::offer::{HandOver, Offer};
use super::step::Content;
use crate::http::position::Check;

impl Follower {
    /// Bytes of the generation that were read, handed over or not.
    pub(super) fn offset(&self) -> u64 {
        let waiting = self.lines.as_ref().map_or(0, |lines| lines.bytes().len());
        self.position.offset + waiting as u64
    }

    /// Of the bytes before that, if they are known.
    pub(super) fn check(&self) -> Option<Check> {
        let waiting = self.lines.as_ref().map_or(&[][..], Lines::bytes);
        self.position.before.check(self.offset(), waiting)
    }

    /// The name has just passed on, and the writer may be about to complete its last line.
    pub(super) fn awaits_line_end(&self) -> bool {
        let begun = match &self.lines {
            Some(lines) => lines.has_begun_line(),
            None => self.position.midline,
        };
        begun && self.now < self.line_until
    }

    /// The name has passed on: what is appended from now on may be all that is ever seen of it.
    pub(super) fn prepare_late(&mut self) {
        let (offset, waiting) = (self.offset(), self.lines.as_ref().map(Lines::bytes));
        if let Some(mut place) = self.position.as_late() {
            place.offset = offset;
            place.before.add(waiting.unwrap_or_default());
            self.late.prepare(place, self.now);
        }
    }

    /// Whether everything that was read was handed over.
    pub(super) fn is_drained(&self) -> bool {
        self.lines
            .as_ref()
            .is_none_or(|lines| lines.bytes().is_empty())
    }

    pub(super) fn flush(&mut self, flush: Flush) {
        if let Some(lines) = &mut self.lines {
            lines.flush = flush;
        }
    }

    pub(super) fn next_offer(&self) -> Option<Offer> {
        // The end of a generation ends its last line, unless the writer completes it soon.
        let ended = self.over && !self.awaits_line_end();
        let passing = self.passing.is_some();
        let free = self.lines.is_some() || !self.position.midline || ended || passing;
        let midway = self.late.is_midway();
        if (free || midway) && self.late.lines().is_some() {
            return Some(Offer::Late);
        }
        if midway {
            // The rest of that line is asked for.
            return None;
        }
        match &self.lines {
            Some(lines) => Some(lines.batch(self.now))
                .filter(|&count| count > 0)
                .map(Offer::Batch),
            None => (self.content == Content::Log && !self.main.content().is_empty())
                .then_some(Offer::Content),
        }
    }

    pub(super) fn offered(&self, offer: Offer) -> Option<HandOver<'_>> {
        if offer == Offer::Late {
            let (generation, offset, bytes) = self.late.lines()?;
            return Some(HandOver {
                generation,
                offset,
                bytes,
            });
        }
        let bytes = match (offer, &self.lines) {
            (Offer::Batch(count), Some(lines)) => &lines.bytes()[..count],
            _ => self.main.content(),
        };
        Some(HandOver {
            generation: self.position.generation?,
            offset: self.position.offset,
            bytes,
        })
    }

    /// So many of the offered bytes are where they belong.
    pub fn handed_over(&mut self, count: usize) {
        let Some(offer) = self.offer.take() else {
            return;
        };
        let offered = self.offered(offer).map(|offered| &offered.bytes[..count]);
        let last = offered.and_then(|bytes| bytes.last().copied());
        let before = offered.map(|bytes| {
            let mut before = self.position.before.clone();
            before.add(bytes);
            before
        });
        match offer {
            Offer::Late => self.late.handed_over(count),
            Offer::Content => {
                self.main.take(count);
                self.position.midline = last.map_or(self.position.midline, |last| last != b'\n');
            }
            Offer::Batch(_) => {
                if let Some(lines) = &mut self.lines {
                    lines.remove(count, self.now);
                }
            }
        }
        if offer != Offer::Late {
            self.position.offset += count as u64;
            self.position.before = before.unwrap_or_default();
        }
        self.bytes += count as u64;
        // What a command has done with a batch must not be done twice.
        self.changed(self.lines.is_some() && count > 0);
    }
}
