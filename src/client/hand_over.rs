//! What of the bytes that came is handed over next: those of the log, or late lines of an earlier generation between them.

use super::follower::{Content, Follower};
use super::offer::{HandOver, Offer};

impl Follower {
    pub(super) fn next_offer(&self) -> Option<Offer> {
        // The end of a generation ends its last line, unless the writer completes it soon.
        let ended = self.over && !self.awaits_line_end();
        let free = self.lines.is_some() || !self.position.midline || ended;
        if (free || self.late.is_midway()) && self.late.lines().is_some() {
            return Some(Offer::Late);
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
