//! What follows from the state of a connection alone: what it asks for, what it waits for, until when, and what it holds.

use std::time::Duration;

use super::close_mode::CloseMode;
use super::sending::Subscription;
use super::state::{Connection, State};
use super::timeouts::Timeouts;
use super::wait::Wait;
use crate::action::Action;
use crate::limits::{HEAD_MAX, LINGER};
use crate::readiness::Interest;
use crate::subscription::end::Ended;
use crate::time::Moment;

impl<F> Connection<F> {
    /// What to do next.
    pub fn action(&self) -> Action<'_, F> {
        match &self.state {
            State::ReadingHeaders(None) | State::Closing(CloseMode::Linger { .. }) => Action::Sleep,
            State::ReadingHeaders(Some(_)) if self.wait.sleeps() => Action::Sleep,
            State::ReadingHeaders(Some(asked)) => Action::Open(asked),
            State::ReadingBody(receiving) => receiving.action(),
            State::SendingRange(sending) => match (sending.next(), sending.subscription()) {
                (Some(next), _) => Action::Send(next),
                (None, Some(Subscription::Tail(tail))) => {
                    Action::Measure(tail.file(), tail.offset())
                }
                (None, Some(Subscription::Events(events))) => {
                    events.action().unwrap_or(Action::Sleep)
                }
                (None, None) => unreachable!("only an endless answer has nothing to send"),
            },
            State::Tailing(Subscription::Tail(tail)) if tail.must_look() => {
                Action::Measure(tail.file(), tail.offset())
            }
            State::Tailing(Subscription::Tail(_)) => Action::Sleep,
            State::Tailing(Subscription::Events(events)) => {
                events.action().unwrap_or(Action::Sleep)
            }
            State::Closing(CloseMode::Shut) => Action::Shut,
            State::Closing(mode) => Action::Remove {
                abort: *mode == CloseMode::Abort,
            },
        }
    }

    /// What the poller must report while there is nothing to do.
    #[must_use]
    pub fn interest(&self) -> Interest {
        if let State::ReadingBody(receiving) = &self.state {
            return receiving.interest();
        }
        let sending = matches!(self.state, State::SendingRange(_));
        Interest {
            readable: self.wait != Wait::ForThread && (!sending || self.is_tail()),
            writable: sending,
        }
    }

    /// How many bytes may be read from the client now; 0: it has to wait.
    #[must_use]
    pub fn room(&self) -> usize {
        match &self.state {
            State::ReadingHeaders(None) | State::Tailing(_) => HEAD_MAX - self.waiting(),
            State::SendingRange(sending) if sending.subscription().is_some() => {
                HEAD_MAX - self.waiting()
            }
            State::ReadingHeaders(Some(_)) if self.is_patient() => HEAD_MAX - self.waiting(),
            State::ReadingBody(receiving) => receiving.room(),
            State::Closing(CloseMode::Linger { left }) => HEAD_MAX.min(*left as usize),
            _ => 0,
        }
    }

    /// When [`Connection::timer_fired`] is due.
    #[must_use]
    pub fn deadline(&self, timeouts: &Timeouts) -> Moment {
        match &self.state {
            State::ReadingHeaders(None) if self.served && self.waiting() == 0 => {
                self.since + timeouts.idle
            }
            State::ReadingHeaders(None) if self.draining => {
                self.since + self.linger().min(timeouts.header)
            }
            State::ReadingHeaders(None) => self.since + timeouts.header,
            State::ReadingHeaders(Some(_)) if self.is_patient() => self.since,
            State::ReadingBody(receiving) => receiving.deadline(self.since + timeouts.header),
            State::Closing(CloseMode::Linger { .. }) => self.since + self.linger(),
            State::Tailing(Subscription::Events(events)) => events.deadline(self.since),
            _ => Moment::NEVER,
        }
    }

    /// How long the peer's close is waited for. When the server ends, the rest of a head is waited for as long before: both
    /// together take no longer than else.
    fn linger(&self) -> Duration {
        if self.draining { LINGER / 2 } else { LINGER }
    }

    /// The end of a tail that was not yet reported. Once for each tail.
    pub fn take_ended(&mut self) -> Option<Ended> {
        self.ended.take().map(|ended| *ended)
    }

    /// Whether nothing of a request has come, and nothing else is under way.
    #[must_use]
    pub fn is_between_requests(&self) -> bool {
        matches!(self.state, State::ReadingHeaders(None)) && self.waiting() == 0
    }

    /// Whether a request was answered.
    #[must_use]
    pub fn has_served(&self) -> bool {
        self.served
    }

    /// Bytes received and not yet used.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.len())
    }
}
