//! What a connection costs the server while its client takes its time, and how it is cut for that.

use super::close_mode::CloseMode;
use super::state::{Connection, State};
use crate::subscription::end::End;
use crate::time::Moment;

impl<F> Connection<F> {
    /// Whether one of the files that it holds open is such a file.
    pub fn any_file(&self, is: impl Fn(&F) -> bool) -> bool {
        match &self.state {
            State::SendingRange(sending) => sending.any_file(is),
            State::Tailing(subscription) => subscription.any_file(is),
            _ => false,
        }
    }

    /// Bytes that it holds beyond what it is itself: what was received and not used, what was made to be sent,
    /// and what an event stream knows of a directory that has more files than it follows.
    #[must_use]
    pub fn held(&self) -> usize {
        let input = self.input.as_ref().map_or(0, |input| input.capacity());
        match &self.state {
            State::SendingRange(sending) => input + sending.held(),
            State::Tailing(subscription) => input + subscription.held(),
            _ => input,
        }
    }

    /// What the deadline of the state counts from.
    #[must_use]
    pub fn since(&self) -> Moment {
        self.since
    }

    /// The client has taken nothing of what was sent for the send timeout. Also behind a response: what the socket took of it
    /// is not what the client took.
    pub fn stalled(&mut self, now: Moment) {
        self.close(CloseMode::Abort, End::Stalled, now);
    }

    /// Whether its deadline waits for the client to go on after a response, which it cannot before it has the response.
    #[must_use]
    pub fn awaits_delivery(&self) -> bool {
        match &self.state {
            State::ReadingHeaders(None) => self.served && self.waiting() == 0 && !self.draining,
            State::Closing(CloseMode::Linger { .. }) => !self.refused && !self.draining,
            _ => false,
        }
    }

    /// The response is still being taken: the deadline counts from now on.
    pub fn wait_for_delivery(&mut self, now: Moment) {
        assert!(
            self.awaits_delivery(),
            "delivered, but nothing waits for that"
        );
        self.since = now;
    }

    /// The client takes less of a removed file than `--min-rate`.
    pub fn too_slow(&mut self, now: Moment) {
        self.close(CloseMode::Abort, End::TooSlow, now);
    }

    /// The client may no longer read what it follows.
    pub fn revoked(&mut self, now: Moment) {
        self.close(CloseMode::Abort, End::Revoked, now);
    }

    /// All connections hold too much, and this one has stalled for long. False if it holds nothing that it could give up.
    pub fn give_way(&mut self, now: Moment) -> bool {
        match &self.state {
            State::ReadingHeaders(None) => self.close(CloseMode::Now, End::Crowded, now),
            // What it holds are requests behind the one that waits.
            State::ReadingHeaders(Some(_)) if self.is_patient() => {
                self.close(CloseMode::Now, End::Crowded, now);
            }
            State::SendingRange(_) | State::Tailing(_) => {
                self.close(CloseMode::Abort, End::Crowded, now);
            }
            // A body counts against --body-memory.
            State::ReadingHeaders(Some(_)) | State::ReadingBody(_) | State::Closing(_) => {
                return false;
            }
        }
        true
    }
}
