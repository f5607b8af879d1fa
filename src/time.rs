//! Time as the machine knows it: given from outside, never asked for.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time: milliseconds since some start. Time is always given from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// Later than any other.
    pub const NEVER: Moment = Moment(u64::MAX);
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }
}

impl Sub for Moment {
    type Output = Duration;

    /// Zero if `earlier` is later.
    fn sub(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A moment, and the number of what is due then, which decides between equal moments. In 12 bytes: every idle event stream has
/// one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    /// The upper and the lower half of the moment.
    moment: [u32; 2],
    number: u32,
}

impl Due {
    #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
    pub(crate) fn new(Moment(moment): Moment, number: usize) -> Due {
        Due {
            moment: [(moment >> 32) as u32, moment as u32],
            number: u32::try_from(number).expect("fewer than 2^32 connections and topics"),
        }
    }

    pub(crate) fn moment(self) -> Moment {
        let [upper, lower] = self.moment.map(u64::from);
        Moment(upper << 32 | lower)
    }

    pub(crate) fn number(self) -> usize {
        self.number as usize
    }
}
