//! The end of a connection, and of the server.

use super::close_mode::CloseMode;
use super::state::{Connection, State};
use crate::limits::LINGER_BYTES;
use crate::subscription::end::End;
use crate::time::Moment;

impl<F> Connection<F> {
    /// Our side is shut down.
    pub fn shut(&mut self, now: Moment) {
        assert!(
            matches!(self.state, State::Closing(CloseMode::Shut)),
            "shut, but not asked to"
        );
        self.state = State::Closing(CloseMode::Linger { left: LINGER_BYTES });
        self.since = now;
    }

    /// The server ends. True if there is something to do.
    pub fn drain(&mut self, now: Moment) -> bool {
        self.draining = true;
        match self.state {
            // Not at once: an answer may still be on its way in the kernel, or a request.
            State::ReadingHeaders(None) if self.waiting() == 0 => {
                self.close(CloseMode::Shut, End::ClientGone, now)
            }
            State::ReadingHeaders(None) => self.since = now,
            State::ReadingHeaders(Some(_)) if self.is_patient() => self.look_again(),
            State::ReadingHeaders(Some(_)) | State::ReadingBody(_) => return false,
            State::SendingRange(_) | State::Tailing(_) => {
                self.keep_alive = false;
                let awake = matches!(self.state, State::Tailing(_));
                if let Some(subscription) = self.subscription_mut() {
                    subscription.shut_down();
                }
                self.go_on(now);
                return awake;
            }
            // Lingering protects an answer that was given. It takes less time now, so its deadline is another one.
            State::Closing(CloseMode::Linger { .. }) => {}
            State::Closing(_) => return false,
        }
        true
    }

    /// The time to end is over: whatever is on its way is cut, visibly.
    pub fn cut(&mut self, now: Moment) {
        let mode = if matches!(self.state, State::SendingRange(_) | State::Tailing(_)) {
            CloseMode::Abort
        } else {
            CloseMode::Now
        };
        self.close(mode, End::Shutdown, now);
    }
}
