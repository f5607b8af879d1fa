//! When to check again whether something is there that was missing.

use std::time::Duration;

use crate::limits::EVENT_ABSENCE;
use crate::time::Moment;

/// Something is missing: a name leads to no file, or to no directory.
#[derive(Debug)]
pub(crate) struct RetryBackoff {
    pause: Duration,
    /// When to check again.
    pub next: Moment,
    /// It must be checked now.
    pub due: bool,
    /// An event has reported to the client that it is missing.
    pub reported: bool,
}

impl RetryBackoff {
    /// Nobody has checked yet.
    pub fn unknown() -> RetryBackoff {
        RetryBackoff {
            pause: EVENT_ABSENCE.0,
            next: Moment::NEVER,
            due: true,
            reported: false,
        }
    }

    /// A check has not found it, after the state `before`: the pause doubles.
    pub fn still(before: Option<RetryBackoff>, now: Moment) -> RetryBackoff {
        let (shortest, longest) = EVENT_ABSENCE;
        let pause = before.as_ref().map_or(shortest, |last| last.pause * 2);
        let pause = pause.min(longest);
        RetryBackoff {
            pause,
            next: now + pause,
            due: false,
            reported: before.is_some_and(|last| last.reported),
        }
    }

    /// Whether it has been missing for longer than between the `rename` and the `open` of a roll.
    pub fn is_long(&self) -> bool {
        self.pause >= EVENT_ABSENCE.1
    }

    /// inotify will report when it is there: once the pause is the longest, it is not checked before.
    pub fn is_watched(&mut self) {
        if self.is_long() {
            self.next = Moment::NEVER;
        }
    }

    /// Takes the time.
    pub fn timer_fired(&mut self, now: Moment) {
        self.due |= self.next <= now;
    }
}
