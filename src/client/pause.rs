//! Pauses that double.

use std::time::Duration;

use crate::time::Moment;

/// A pause that is longer each time, from the first to the last of its bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    bounds: (Duration, Duration),
    next: Duration,
}

impl Pause {
    /// Begins with the shortest.
    #[must_use]
    pub fn new(bounds: (Duration, Duration)) -> Pause {
        Pause {
            bounds,
            next: bounds.0,
        }
    }

    /// When the pause that begins now is over.
    pub fn begin(&mut self, now: Moment) -> Moment {
        let until = now + self.next;
        self.next = (self.next * 2).min(self.bounds.1);
        until
    }

    /// Whether the next pause is the longest.
    #[must_use]
    pub fn is_longest(&self) -> bool {
        self.next == self.bounds.1
    }

    /// The next pause is the shortest again.
    pub fn reset(&mut self) {
        self.next = self.bounds.0;
    }
}
