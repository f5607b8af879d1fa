//! What the worker asks a connection about the response that is on its way.

use super::sending::Subscription;
use super::state::{Connection, State};
use crate::subscription::event_stream::EventStream;
use crate::subscription::tail::Tail;

impl<F> Connection<F> {
    /// Whether an endless answer is on its way or caught up.
    #[must_use]
    pub fn is_tail(&self) -> bool {
        match &self.state {
            State::SendingRange(sending) => sending.subscription().is_some(),
            state => matches!(state, State::Tailing(_)),
        }
    }

    /// How far a tail is in its file.
    #[must_use]
    pub fn progress(&self) -> Option<(u64, &F)> {
        match &self.state {
            State::SendingRange(sending) => sending.subscription()?.progress(),
            State::Tailing(subscription) => subscription.progress(),
            _ => None,
        }
    }

    /// The tail, if it sleeps until its file changes.
    #[must_use]
    pub fn resting(&self) -> Option<&Tail<F>> {
        match &self.state {
            State::Tailing(Subscription::Tail(tail)) if tail.may_rest() => Some(tail),
            _ => None,
        }
    }

    /// The event stream, if it sleeps until something changes.
    #[must_use]
    pub fn resting_events(&self) -> Option<&EventStream<F>> {
        match &self.state {
            State::Tailing(Subscription::Events(events)) => Some(events),
            _ => None,
        }
    }

    /// Whether an answer is on its way, endless or not.
    #[must_use]
    pub fn is_answering(&self) -> bool {
        matches!(self.state, State::SendingRange(_) | State::Tailing(_))
    }
}
