//! What a [`Follower`] wants its driver to do, and when: lines to show, positions to save, bytes to hand over, the end.

use super::follower::{Follower, Outcome, Task};
use super::lines::{Flush, Lines};
use super::offer::Offer;
use crate::http::conditional::ETag;
use crate::time::Moment;

impl Follower {
    /// The position must be saved; `barrier`: before anything else is handed over.
    pub(super) fn changed(&mut self, barrier: bool) {
        self.saves.moved(barrier);
    }

    /// Ends, once everything is handed over and saved.
    pub(super) fn end(&mut self, outcome: Outcome, flush: Flush) {
        if self.ending.is_none() {
            self.flush(flush);
            self.timeout = Moment::NEVER;
            self.late.look_once();
            self.ending = Some(outcome);
        }
    }

    /// Ends now: nothing more is handed over.
    pub fn stop(&mut self) {
        self.stopped = true;
        (self.pausing, self.timeout) = (None, Moment::NEVER);
        self.main.abandon();
        self.late.exchange.abandon();
        self.ending.get_or_insert(Outcome::Success);
        // What a command has got already is not to be done twice.
        if !matches!(self.offer, Some(Offer::Batch(_) | Offer::Late)) || self.lines.is_none() {
            self.offer = None;
        }
    }

    /// Ends now, and it is a failure: what is offered cannot be handed over.
    pub fn give_up(&mut self, why: String) {
        self.stop();
        self.offer = None;
        self.ending = Some(Outcome::Failure(why));
    }

    /// Why it ends as a failure, if it does.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        match &self.ending {
            Some(Outcome::Failure(why)) => Some(why),
            _ => None,
        }
    }

    /// Shows a line.
    pub(super) fn report(&mut self, line: String) {
        self.reports.push_back(line);
    }

    /// The line was shown.
    pub fn reported(&mut self) {
        self.reports.pop_front();
    }

    /// The position that [`Task::Save`] gave is being saved.
    pub fn saving(&mut self) {
        self.saves.begin(self.now);
    }

    /// It is on disk.
    pub fn saved(&mut self) {
        self.saves.done();
    }

    /// When [`Follower::run`] has something to do, whatever happens until then.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        let save = self.saves.deadline();
        let batch = self.lines.as_ref().map_or(Moment::NEVER, Lines::deadline);
        // One that is offered, or must wait for a save, needs no more time.
        let batch = if self.offer.is_some() || self.saves.bar() || self.stopped {
            Moment::NEVER
        } else {
            batch
        };
        let main = self.pausing.unwrap_or(self.timeout);
        let late = if self.stopped {
            Moment::NEVER
        } else {
            self.late.deadline()
        };
        save.min(batch).min(main).min(late)
    }

    /// A request that tells how long the generation of the position is; `None`: there is none.
    #[must_use]
    pub fn size_request(&self) -> Option<(ETag, Vec<u8>)> {
        let tag = self.position.generation?;
        Some((tag, self.settings.requests.locate(tag)))
    }

    /// A generation was so long a moment ago.
    pub fn measured_to_be(&mut self, generation: ETag, size: u64) {
        if self.position.generation == Some(generation) {
            self.size = Some(size);
        }
    }

    /// What the driver is to do now.
    pub fn task(&mut self) -> Task<'_> {
        if !self.reports.is_empty() {
            return Task::Report(&self.reports[0]);
        }
        let over = self.is_over();
        if self.saves.is_due(over, self.now) {
            return Task::Save(self.position());
        }
        if over {
            return match &self.ending {
                Some(outcome) if !self.saves.are_under_way() => Task::Finish(outcome),
                _ => Task::None,
            };
        }
        if self.saves.bar() {
            return Task::None;
        }
        self.offer = self.offer.or_else(|| self.next_offer());
        self.offer
            .and_then(|offer| self.offered(offer))
            .map_or(Task::None, Task::HandOver)
    }

    /// Whether nothing is left to be handed over.
    fn is_over(&self) -> bool {
        let drained = match &self.lines {
            Some(lines) => lines.batch(self.now) == 0,
            None => true,
        };
        let late = self.late.is_seen() || self.ending != Some(Outcome::Success);
        self.ending.is_some() && self.offer.is_none() && (self.stopped || drained && late)
    }
}
