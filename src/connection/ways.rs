//! Ways from state to state that several events share.

use std::mem;

use super::close_mode::CloseMode;
use super::sending::{Sending, Subscription};
use super::state::{Connection, State};
use crate::action::Refused;
use crate::dialect::plain;
use crate::http::request::{self, TLS_HANDSHAKE};
use crate::limits::HEAD_MAX;
use crate::response::{Response, Summary};
use crate::subscription::end::End;
use crate::time::Moment;

impl<F> Connection<F> {
    /// A response is on its way.
    pub(super) fn begin(&mut self, response: Response, file: Option<F>) -> Summary {
        let summary = response.summary();
        self.keep_alive = response.keep_alive;
        if !self.keep_alive {
            self.input = None;
        }
        self.served = true;
        let mut sending = Sending::new(response.head, response.body, file);
        if self.draining
            && let Some(subscription) = sending.subscription_mut()
        {
            subscription.shut_down();
        }
        self.state = State::SendingRange(sending);
        summary
    }

    /// Parses what was received, if a line has ended with it or the buffer is full: only then can the head be
    /// complete, and a head that comes byte by byte is not read again from its beginning with every byte.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        let first = self.input.as_ref().map_or(bytes, |input| input).first();
        // A client that speaks TLS waits for an answer, and may never send an end of a line.
        let tls = first == Some(&TLS_HANDSHAKE[0]);
        if !tls && !bytes.contains(&b'\n') && self.waiting() + bytes.len() < HEAD_MAX {
            return self.keep(bytes);
        }
        // In the common case the whole head came at once and is never copied.
        let kept = self.input.take().map(|mut input| {
            input.extend_from_slice(bytes);
            input
        });
        let all = kept.as_ref().map_or(bytes, |input| input.as_slice());
        match request::parse(all) {
            Ok(None) => match kept {
                Some(input) => self.input = Some(input),
                None => self.keep(bytes),
            },
            Ok(Some((request, length))) => {
                self.keep(&all[length..]);
                self.state = State::ReadingHeaders(Some(Box::new(Ok(plain::parse(request)))));
            }
            Err(why) => {
                let refused = Refused::new(why, all);
                self.state = State::ReadingHeaders(Some(Box::new(Err(refused))));
            }
        }
    }

    /// Keeps requests behind the one that is being answered, which may take forever: not without bound.
    pub(super) fn keep_for_later(&mut self, bytes: &[u8], now: Moment) {
        self.keep(bytes);
        if self.waiting() >= HEAD_MAX {
            self.close(CloseMode::Abort, End::Flooded, now);
        }
    }

    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.input.get_or_insert_default().extend_from_slice(bytes);
        }
    }

    /// The response is complete.
    pub(super) fn finish(&mut self, now: Moment) {
        self.note_end(None);
        self.since = now;
        if !self.keep_alive {
            self.input = None;
            self.state = State::Closing(CloseMode::Shut);
            return;
        }
        self.state = State::ReadingHeaders(None);
        if let Some(input) = self.input.take() {
            self.read(&input);
        }
    }

    /// The response cannot be completed, or the connection is over.
    pub(super) fn close(&mut self, mode: CloseMode, end: End, now: Moment) {
        if matches!(self.state, State::Closing(CloseMode::Abort)) {
            return;
        }
        self.note_end(Some(end));
        self.input = None;
        self.since = now;
        self.state = State::Closing(mode);
    }

    /// If an endless answer ends here, keeps what the log will say of it.
    pub(super) fn note_end(&mut self, end: Option<End>) {
        let (subscription, left) = match &self.state {
            State::SendingRange(sending) => (sending.subscription(), sending.left()),
            State::Tailing(subscription) => (Some(subscription), 0),
            _ => (None, 0),
        };
        if let Some(subscription) = subscription {
            let ended = subscription.ended(end, left);
            self.ended = Some(Box::new(ended));
        }
    }

    pub(super) fn subscription_mut(&mut self) -> Option<&mut Subscription<F>> {
        match &mut self.state {
            State::SendingRange(sending) => sending.subscription_mut(),
            State::Tailing(subscription) => Some(subscription),
            _ => None,
        }
    }

    pub(super) fn send(&mut self, ready: Box<[u8]>) {
        self.replace_subscription(|subscription| {
            State::SendingRange(subscription.into_sending(ready))
        });
    }

    pub(super) fn rest(&mut self) {
        self.replace_subscription(State::Tailing);
    }

    pub(super) fn replace_subscription(&mut self, into: impl FnOnce(Subscription<F>) -> State<F>) {
        let subscription = match mem::replace(&mut self.state, State::Closing(CloseMode::Now)) {
            State::SendingRange(sending) => sending.into_subscription(),
            State::Tailing(subscription) => Some(subscription),
            _ => None,
        };
        self.state = into(subscription.expect("measured asked for an endless answer"));
    }
}
