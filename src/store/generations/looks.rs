//! Whether a look for the generations of a name counts, or another one follows. Pure.

use std::time::Duration;

use super::order::{Chain, Gap};
use super::report::Report;
use crate::http::conditional::ETag;
use crate::limits::{
    GENERATIONS_HOLE_LONGEST, GENERATIONS_HOLE_QUIET, GENERATIONS_PAUSE, GENERATIONS_TRIES,
};

/// What somebody wants to know of the generations of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Where this one is; if it is not there, what comes after it.
    File(ETag),
    /// The same, to send what is appended to it. If it is there, whatever goes on in its directory may unlink it at any moment:
    /// what comes after it is not waited for.
    Live(ETag),
    /// What comes after this one.
    After(ETag),
}

/// The looks of one search.
#[derive(Debug)]
pub struct Looks {
    wanted: Wanted,
    tries: u32,
    /// So long it has waited for a number that is missing.
    waited: Duration,
    last: Option<Report>,
}

impl Looks {
    /// None yet.
    #[must_use]
    pub fn new(wanted: Wanted) -> Looks {
        Looks {
            wanted,
            tries: 0,
            waited: Duration::ZERO,
            last: None,
        }
    }

    /// Whether somebody else who wants this may share the looks that are to come. Those at a disturbed directory are so few
    /// that everybody needs all of them; for a missing number many may wait, and what they wait for is the same.
    #[must_use]
    pub fn fit(&self, wanted: Wanted) -> bool {
        self.wanted == wanted && (self.tries == 0 || !self.waited.is_zero())
    }

    /// Returns the report of a look if it counts.
    ///
    /// # Errors
    /// The pause before the next look.
    pub fn judge(&mut self, report: Report) -> Result<Report, Duration> {
        self.tries += 1;
        let pause = match self.wanted.has_hole(&report.chain) {
            true => self.pause_for_hole(report.quiet),
            false if self.wanted.is_there(&report.chain) => None,
            false if report.is_sure(self.last.as_ref()) => None,
            false => (self.tries < GENERATIONS_TRIES).then_some(GENERATIONS_PAUSE),
        };
        match pause {
            None => Ok(report),
            Some(pause) => {
                self.last = Some(report);
                Err(pause)
            }
        }
    }

    /// A roll in steps leaves a number free between two of them, as if a file were lost: only time shows which of the two it
    /// is. The looks become rarer: whoever has waited for long waits a little longer, and all of them are some twenty.
    fn pause_for_hole(&mut self, quiet: Duration) -> Option<Duration> {
        let rest = GENERATIONS_HOLE_QUIET.saturating_sub(quiet);
        if rest.is_zero() || self.waited >= GENERATIONS_HOLE_LONGEST {
            return None;
        }
        let pause = (self.waited / 4).min(rest).max(GENERATIONS_PAUSE);
        self.waited += pause;
        Some(pause)
    }
}

impl Wanted {
    /// Whether a look suffices that has found the file.
    fn is_there(self, chain: &Chain) -> bool {
        matches!(self, Wanted::Live(etag) if chain.find(etag).is_some())
    }

    /// Whether a number is missing that makes the answer a gap.
    fn has_hole(self, chain: &Chain) -> bool {
        let behind = match self {
            Wanted::All => 0,
            Wanted::File(etag) | Wanted::Live(etag) if chain.find(etag).is_some() => return false,
            Wanted::File(etag) | Wanted::Live(etag) | Wanted::After(etag) => {
                chain.index(etag).map_or(0, |index| index + 1)
            }
        };
        let mut chain = chain.0.iter().skip(behind);
        chain.any(|generation| generation.gap == Some(Gap::Number))
    }
}
