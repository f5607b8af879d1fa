//! When a position is saved.

use crate::limits::CLIENT_SAVE_INTERVAL;
use crate::time::Moment;

/// Whether the position on disk is the one in memory.
#[derive(Debug)]
pub struct Saves {
    /// It moved since it was saved last.
    dirty: bool,
    /// A save is under way.
    under_way: bool,
    /// Nothing may be handed over before it is on disk.
    barrier: bool,
    last: Moment,
}

impl Saves {
    /// `first`: there is a position, and it is saved before anything else happens.
    #[must_use]
    pub fn new(first: bool, now: Moment) -> Saves {
        Saves {
            dirty: first,
            under_way: false,
            barrier: first,
            last: now,
        }
    }

    /// The position moved. `barrier`: it must be on disk before anything else is handed over.
    pub fn moved(&mut self, barrier: bool) {
        self.dirty = true;
        self.barrier |= barrier;
    }

    /// Whether to save now; `last`: nothing will follow.
    #[must_use]
    pub fn is_due(&self, last: bool, now: Moment) -> bool {
        let due = self.barrier || last || now >= self.last + CLIENT_SAVE_INTERVAL;
        self.dirty && !self.under_way && due
    }

    /// A save begins, of the position as it is now.
    pub fn begin(&mut self, now: Moment) {
        (self.dirty, self.under_way, self.last) = (false, true, now);
    }

    /// It is on disk.
    pub fn done(&mut self) {
        self.under_way = false;
        if !self.dirty {
            self.barrier = false;
        }
    }

    /// Whether nothing may be handed over.
    #[must_use]
    pub fn bar(&self) -> bool {
        self.barrier
    }

    /// Whether a save is under way.
    #[must_use]
    pub fn are_under_way(&self) -> bool {
        self.under_way
    }

    /// When a save is due.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        match self.dirty && !self.under_way {
            true => self.last + CLIENT_SAVE_INTERVAL,
            false => Moment::NEVER,
        }
    }
}
