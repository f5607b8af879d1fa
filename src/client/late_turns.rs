//! The tail and the looks of [`Late`] between each other: one generation has either, and lines of one come at a time.

use super::exchange::Exchange;
use super::late::{Late, Left};
use super::late_tail::Came;
use super::position::LatePlace;
use super::requests::Requests;
use crate::time::Moment;

impl Late {
    /// The log has left this generation just now.
    pub fn follow(&mut self, place: LatePlace, now: Moment) {
        if self.period.is_zero() {
            return;
        }
        if !self.tail.leave(&place) {
            self.close_tail(now);
            self.tail.want(place.clone());
            self.tail.leave(&place);
        }
        self.add(place, now);
    }

    /// The name has passed on from this generation, of which more may be read before the log leaves it.
    pub fn prepare(&mut self, place: LatePlace, now: Moment) {
        if !self.period.is_zero() && !self.last_looks && !self.is_waiting() && !self.is_midway() {
            self.close_tail(now);
            self.tail.want(place);
        }
    }

    /// It has not.
    pub fn stay(&mut self) {
        if self.tail.is_early() {
            self.tail.close();
        }
    }

    /// The connection of the tail.
    pub fn tail(&mut self) -> &mut Exchange {
        &mut self.tail.exchange
    }

    /// The generation that the tail is of is looked at again from now on.
    pub(super) fn close_tail(&mut self, now: Moment) {
        let (etag, begun) = (self.tail.etag(), self.tail.is_under_way());
        self.tail.close();
        self.of_tail = false;
        let Some(index) = etag.and_then(|etag| self.index(etag)).filter(|_| begun) else {
            return;
        };
        let entry = &mut self.entries[index];
        entry.pause.reset();
        entry.next = entry.next.min(now);
        if entry.place.midline && index > 0 {
            // The rest of its line comes first. What has come of another one comes again.
            self.stop_looking();
            let entry = self.entries.remove(index);
            entry
                .into_iter()
                .for_each(|entry| self.entries.push_front(entry));
        }
    }

    pub(super) fn tail_is_midway(&self) -> bool {
        let place = self.tail.etag().and_then(|etag| self.index(etag));
        self.tail.is_under_way() && place.is_some_and(|index| self.entries[index].place.midline)
    }

    /// Lines of the tail wait: they may be all that is left of them.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.tail.lines().is_empty()
    }

    /// When the tail is closed; never, while there is none, or lines of it wait.
    pub(super) fn tail_until(&self) -> Moment {
        let index = self.tail.etag().and_then(|etag| self.index(etag));
        match index.filter(|_| self.tail.is_under_way() && !self.is_waiting()) {
            Some(_) if self.last_looks => Moment(0),
            Some(index) => self.entries[index].until,
            None => Moment::NEVER,
        }
    }

    /// Goes on with the tail. True if an entry is over.
    pub(super) fn run_tail(&mut self, requests: &Requests, now: Moment) -> bool {
        let index = self.tail.etag().and_then(|etag| self.index(etag));
        if index.is_none() && !self.tail.is_early() {
            self.tail.close();
        }
        if self.tail.is_wanted() {
            self.tail.ask(requests);
        }
        let mut came = self.tail.run();
        if came == Came::Begun {
            if let Some(index) = index {
                self.begun(index, now);
            }
            came = self.tail.run();
        }
        match (came, index) {
            (Came::Broken, _) => self.close_tail(now),
            (Came::Gone, Some(index)) => {
                let rest = self.tail.rest();
                let place = &self.entries[index].place;
                let bytes = (rest > 0).then_some(Left::Bytes(rest));
                let left = place.midline.then_some(Left::Rest).or(bytes);
                self.left = left.map(|left| (place.etag, left)).or(self.left);
                self.tail.close();
                self.of_tail = false;
                self.entries.remove(index);
                return true;
            }
            _ => {}
        }
        if self.tail_until() <= now {
            self.close_tail(now);
        }
        false
    }

    /// The tail has begun, so that nobody looks at its generation, unless a look was faster.
    fn begun(&mut self, index: usize, now: Moment) {
        let is_looked_at = index == 0 && self.is_asking();
        let has_lines = index == 0 && !self.is_asking() && !self.lines.is_empty();
        let place = &self.entries[index].place;
        if has_lines || place.midline || place.offset != self.tail.at() {
            return self.tail.close();
        }
        if is_looked_at {
            self.stop_looking();
            let entry = &mut self.entries[index];
            entry.next = entry.next.max(now);
        }
    }

    /// Lines that are offered stay the same until they are handed over, and the rest of a line comes first.
    pub(super) fn take_turns(&mut self) {
        if !self.is_midway() {
            let (looked, tail) = (
                !self.lines.is_empty() && !self.is_asking(),
                self.is_waiting(),
            );
            self.of_tail = tail && (self.of_tail || !looked);
        }
    }
}
