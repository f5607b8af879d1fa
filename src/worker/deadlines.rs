//! Which connection's time is up next: an ordered set with at most one entry for each connection.

use std::collections::BTreeSet;

use crate::time::Moment;

/// Entries in order. A slot remembers its moment, to take its entry out again.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeSet<Entry>);

/// A moment and a slot in 12 bytes: every idle event stream has one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The upper and the lower half of the moment.
    moment: [u32; 2],
    slot: u32,
}

impl Entry {
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    fn new(Moment(moment): Moment, slot: usize) -> Entry {
        Entry {
            moment: [(moment >> 32) as u32, moment as u32],
            slot: u32::try_from(slot).expect("fewer than 2^32 connections"),
        }
    }

    fn moment(self) -> Moment {
        let [upper, lower] = self.moment.map(u64::from);
        Moment(upper << 32 | lower)
    }
}

impl Deadlines {
    /// Sets the one entry of a slot, whose entry so far is `armed`; [`Moment::NEVER`] is no entry. Gives what is armed
    /// now.
    ///
    /// A later moment than the armed one changes nothing: when the armed one comes, the connection is asked again.
    /// So a connection that is busy moves its entry once in a timeout and not with each request.
    #[must_use]
    pub fn arm(&mut self, slot: usize, armed: Moment, wanted: Moment) -> Moment {
        if wanted >= armed && wanted != Moment::NEVER || wanted == armed {
            return armed;
        }
        self.replace(slot, armed, wanted);
        wanted
    }

    #[cold]
    fn replace(&mut self, slot: usize, armed: Moment, wanted: Moment) {
        if armed != Moment::NEVER {
            self.0.remove(&Entry::new(armed, slot));
        }
        if wanted != Moment::NEVER {
            self.0.insert(Entry::new(wanted, slot));
        }
    }

    /// The next moment at which somebody must be asked.
    #[must_use]
    pub fn next(&self) -> Moment {
        let first = self.0.first();
        first.map_or(Moment::NEVER, |entry| entry.moment())
    }

    /// Takes out the first slot whose moment has come; its entry is gone.
    pub fn pop(&mut self, now: Moment) -> Option<usize> {
        if self.next() > now {
            return None;
        }
        self.0.pop_first().map(|entry| entry.slot as usize)
    }
}
