//! Requests that wait for something to happen before they are answered: for the file of a name to come (`Prefer: wait`), or
//! for the answer of a job to be complete (`Prefer: respond-async, wait`).
//!
//! The connection stays in ReadingHeaders, with its request. Whoever looks up what is asked decides whether it is worth
//! waiting for; whenever something has happened, or the client's patience ends, it is looked up again.

use super::state::{Connection, State};
use super::wait::Wait;
use crate::time::Moment;

impl<F> Connection<F> {
    /// What is asked is not there yet, and is waited for until this moment. Whenever it may have come,
    /// [`Connection::look_again`].
    pub fn wait_until(&mut self, until: Moment) {
        assert!(
            matches!(self.state, State::ReadingHeaders(Some(_))),
            "waited for, but nothing was asked"
        );
        (self.wait, self.since) = (Wait::Patient, until);
    }

    /// Whether it waits for what was asked.
    #[must_use]
    pub fn is_patient(&self) -> bool {
        self.wait == Wait::Patient
    }

    /// The moment until which it has waited before, if it has.
    #[must_use]
    pub fn patience(&self) -> Option<Moment> {
        matches!(self.wait, Wait::Patient | Wait::Over).then_some(self.since)
    }

    /// Whether the server ends, so that nothing is waited for.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// What is waited for may have come.
    pub fn look_again(&mut self) {
        if self.is_patient() {
            self.wait = Wait::Over;
        }
    }
}
