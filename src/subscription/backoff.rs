//! When to look again for what is not there.

use std::time::Duration;

use crate::limits::EVENT_ABSENCE;
use crate::time::Moment;

/// What was looked for is not there, for a while.
#[derive(Debug)]
pub(crate) struct RetryBackoff {
    pause: Duration,
    /// When to look again.
    pub next: Moment,
    pub due: bool,
    /// An event has reported to the client that it is missing.
    pub reported: bool,
}

impl RetryBackoff {
    /// It has not been looked for yet.
    pub fn unknown() -> RetryBackoff {
        RetryBackoff {
            pause: EVENT_ABSENCE.0,
            next: Moment::NEVER,
            due: true,
            reported: false,
        }
    }

    /// It was looked for once more.
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

    /// It is no moment between two files of one name.
    pub fn is_long(&self) -> bool {
        self.pause >= EVENT_ABSENCE.1
    }

    /// Somebody says when it is there: from the longest pause on it is not looked for before.
    pub fn is_watched(&mut self) {
        if self.is_long() {
            self.next = Moment::NEVER;
        }
    }

    pub fn timer_fired(&mut self, now: Moment) {
        self.due |= self.next <= now;
    }
}
