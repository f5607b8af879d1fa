//! How many bytes may come in: `--max-rate`.

use crate::time::Moment;

/// A bucket that fills with the rate and holds what comes in a tenth of a second.
#[derive(Debug)]
pub struct Pace {
    /// Bytes in a second; `None`: as many as come.
    rate: Option<u64>,
    left: u64,
    /// Up to when it is filled.
    filled: Moment,
}

/// Parts of a second that the bucket holds.
const PARTS: u64 = 10;

impl Pace {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Option<u64>, now: Moment) -> Pace {
        Pace {
            rate,
            left: rate.map_or(0, |rate| (rate / PARTS).max(1)),
            filled: now,
        }
    }

    /// Bytes that may be received now.
    pub fn allowance(&mut self, now: Moment) -> usize {
        let Some(rate) = self.rate else {
            return usize::MAX;
        };
        let passed = now.0 - self.filled.0;
        let come = u128::from(rate) * u128::from(passed) / 1000;
        if come > 0 {
            let come = u64::try_from(come).unwrap_or(u64::MAX);
            self.left = self.left.saturating_add(come).min((rate / PARTS).max(1));
            self.filled = now;
        }
        usize::try_from(self.left).unwrap_or(usize::MAX)
    }

    /// So many bytes came.
    pub fn spend(&mut self, count: u64) {
        self.left = self.left.saturating_sub(count);
    }

    /// When there is something in it again.
    #[must_use]
    pub fn deadline(&self, now: Moment) -> Moment {
        match self.rate {
            Some(rate) if self.left == 0 => Moment(now.0 + (1000 / rate).max(1000 / PARTS / 4)),
            _ => Moment::NEVER,
        }
    }
}
