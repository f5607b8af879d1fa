//! The machine while it sends events: what an event stream needs, as a want, and what came of it, as a state.

use super::answer::Found;
use super::events::{Events, Need};
use super::sending::Live;
use super::{Connection, Moment, State, Want};

/// What a stream of which nothing is on its way wants.
pub(super) fn want<F>(events: &Events<F>) -> Want<'_, F> {
    match (events.need(), events.file()) {
        (Need::Measure, Some(file)) => Want::Measure(file),
        (Need::Read(range), Some(file)) => Want::Read(file, range),
        (Need::Follow, _) => Want::Follow(events.path()),
        (Need::Rest, _) => Want::Sleep,
        need => unreachable!("{:?} is left undone", need.0),
    }
}

/// What can happen to it besides what happens to every answer.
impl<F> Connection<F> {
    /// The bytes that were wanted, all of them.
    pub fn read_file(&mut self, bytes: &[u8], now: Moment) {
        let ready = self.events("read").read(bytes);
        self.send_events(ready, now);
    }

    /// The name that is followed has been looked up again.
    pub fn followed(&mut self, found: Found<F>, now: Moment) {
        let file = match found {
            Found::File { file, meta } => Some((file, meta.etag)),
            _ => None,
        };
        let ready = self.events("followed").followed(file, now);
        self.send_events(ready, now);
    }

    /// The deadline has passed.
    pub fn rang(&mut self, now: Moment) {
        let since = self.since;
        if let State::Tailing(Live::Events(events)) = &mut self.state {
            let ready = events.rang(since, now);
            self.send_events(ready, now);
        } else {
            self.expired(now);
        }
    }

    fn send_events(&mut self, ready: Vec<u8>, now: Moment) {
        if ready.is_empty() {
            self.go_on(now);
        } else {
            self.send(ready.into());
        }
    }

    /// An event stream of which nothing is on its way rests or ends if that is all it needs.
    // Cold for the sake of tails, which pass by here at every append: inlined, it cost each of them 4 ns of 48.
    #[cold]
    pub(super) fn go_on(&mut self, now: Moment) {
        let sends = matches!(&self.state, State::SendingRange(sending) if sending.left() > 0);
        let Some(events) = self.events_mut().filter(|_| !sends) else {
            return;
        };
        match events.need() {
            Need::Rest => self.rest(),
            Need::Finish => match events.finish() {
                b"" => self.finish(now),
                last_chunk => self.send(last_chunk.into()),
            },
            Need::Measure | Need::Read(_) | Need::Follow => {}
        }
    }

    pub(super) fn events_mut(&mut self) -> Option<&mut Events<F>> {
        match self.live_mut() {
            Some(Live::Events(events)) => Some(events),
            _ => None,
        }
    }

    fn events(&mut self, what: &str) -> &mut Events<F> {
        match self.events_mut() {
            Some(events) => events,
            None => unreachable!("{what}, but no event stream"),
        }
    }
}
