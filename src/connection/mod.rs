//! The connection machine, pure: no descriptor, no clock, no system call. It says what is to be done ([`Connection::action`]),
//! somebody else does it and tells what happened. `F` is the handle of an open file, which is only stored and lent:
//! a shared descriptor in the server, a number in the simulation.
//!
//! A state is named for what the connection waits for. Poll interest, deadline and memory are functions of the state:
//!
//! | state | waits for | interest | deadline | owns |
//! |---|---|---|---|---|
//! | ReadingHeaders | the client | readable | header or idle timeout | input, only if a head is incomplete |
//! | SendingRange, finite | the socket | writable | send timeout (*) | head, file handle |
//! | SendingRange, tail | the socket | both, to hear a FIN | send timeout (*) | file handle |
//! | SendingRange, events | the socket | both, to hear a FIN | send timeout (*) | file handles, one buffer of events |
//! | Tailing | the file | readable, to hear a FIN | send timeout (*) | file handle, no buffer |
//! | Tailing, events | files, directory | readable, to hear a FIN | heartbeat, next look | file handles, no buffer |
//! | Closing(Linger) | the peer's close | readable | linger | nothing |
//!
//! (*) Not a point in time of this machine: the worker judges it by what the socket has not acknowledged, and then says
//! [`Connection::stalled`]. Behind a response too: while the client has not acknowledged all of it, the deadlines of the next
//! request and of the peer's close do not pass ([`Connection::wait_for_delivery`]).
//!
//! | state | what happens | action | next |
//! |---|---|---|---|
//! | ReadingHeaders | received, head incomplete | keep the bytes | ReadingHeaders |
//! | | received, head complete or refused | Open | ReadingHeaders (asked) |
//! | | resolved | answer, with the first frame of a tail; a tail while draining: ending | SendingRange |
//! | | wait_until | nothing until look_again, timed_out or drain; then Open | ReadingHeaders (asked) |
//! | | peer_gone | - | Closing(Now) |
//! | | timed_out, some bytes or first request | refuse with 408: Open | ReadingHeaders (asked) |
//! | | timed_out, kept alive and silent | - | Closing(Now) |
//! | | drain, no bytes | - | Closing(Shut) |
//! | | drain, some bytes | close after the answer; less time for the rest | ReadingHeaders |
//! | SendingRange | sent, more to go | move cursors | SendingRange |
//! | | sent, finite response complete | parse leftover at once | ReadingHeaders, or Closing(Shut) |
//! | | sent, frame complete, and nothing has happened since it was measured | - | Tailing |
//! | | sent, frame or head of a tail complete, else | Measure | SendingRange |
//! | | sent, last chunk complete | parse leftover at once | ReadingHeaders, or Closing(Shut) |
//! | | measured, more than delivered | next frame | SendingRange |
//! | | measured, same, not ending | - | Tailing |
//! | | measured, same, ending | last chunk; HTTP/1.0: nothing | SendingRange; Closing(Shut) |
//! | | measured, less than delivered | - | Closing(Abort) |
//! | | measured sealed | ending, then as above | |
//! | | shrank, below what was delivered or promised | - | Closing(Abort) |
//! | | shrank, else | nothing | SendingRange |
//! | | fell_short, stalled | - | Closing(Abort) |
//! | | changed | a tail will be measured before it rests | SendingRange |
//! | | name_lost | ending, if a tail; will be measured | SendingRange |
//! | | drain | finite: close after it; tail: ending | SendingRange |
//! | | received (tail) | keep, if requests may follow; at HEAD_MAX: flooded | SendingRange; Closing(Abort) |
//! | | peer_gone | - | Closing(Now) |
//! | Tailing | changed | Measure | Tailing |
//! | | delivered (by what another tail was sent) | move on | Tailing |
//! | | name_lost, drain | ending; Measure | Tailing |
//! | | measured, shrank, fell_short, stalled, received, peer_gone | as in SendingRange | |
//! | Closing(Shut) | shut | - | Closing(Linger) |
//! | Closing(Linger) | received | drop | Closing(Linger) |
//! | | received, LINGER_BYTES in all, or by a refused connection the end of a head | - | Closing(Now) |
//! | | peer_gone, timed_out | - | Closing(Now) |
//! | Closing(Now, Abort) | - | Remove | - |
//! | Closing | drain | Linger: less time | the same |
//! | SendingRange, Tailing | cut, too_slow, revoked, give_way | - | Closing(Abort) |
//! | ReadingHeaders, Closing(Linger) | stalled | - | Closing(Abort) |
//! | | wait_for_delivery | more time, if it was answered and is silent | the same |
//! | ReadingHeaders, Closing | cut | - | Closing(Now); Abort stays |
//! | ReadingHeaders | give_way | nothing while a file is looked up; but what waits as after wait_until goes | Closing(Now) |
//!
//! The rows of event streams are in `event_streams`. What is not in a table is impossible, and asserted. Read [`Connection`]
//! next, then `response`, then `sending`.

mod body;
mod burden;
mod close_mode;
mod closing;
mod event_streams;
mod patience;
mod questions;
pub mod receiving;
pub mod sending;
mod state;
mod timeouts;
mod view;
mod wait;
mod ways;

use std::mem;

pub use crate::action::{Action, ParsedHead, Refused};
use crate::http::request::Refusal;
use crate::job::JobStatus;
use crate::resource::Resource;
use crate::response::{self, Summary, Terms};
use crate::subscription::end::End;
pub use crate::subscription::end::Ended;
use crate::subscription::tail::Measured;
use crate::time::Moment;
pub use close_mode::CloseMode;
use sending::{Progress, Subscription};
pub use state::{Connection, State};
pub use timeouts::Timeouts;
use wait::Wait;

/// What can happen.
impl<F> Connection<F> {
    /// The client sent these bytes, at most [`Connection::room`] of them.
    pub fn received(&mut self, bytes: &[u8], now: Moment) {
        match &mut self.state {
            State::ReadingHeaders(None) => {
                if self.waiting() == 0 && self.served {
                    self.since = now;
                }
                self.read(bytes);
            }
            State::ReadingHeaders(Some(_)) => {
                assert!(self.is_patient(), "received while something is looked up");
                self.keep_for_later(bytes, now);
            }
            State::ReadingBody(_) => self.received_body(bytes, now),
            State::SendingRange(_) | State::Tailing(_) => {
                assert!(
                    self.is_tail(),
                    "received while a finite answer is on its way"
                );
                // Behind the last answer of a connection there is no request; it may be a body.
                if self.keep_alive {
                    self.keep_for_later(bytes, now);
                }
            }
            State::Closing(CloseMode::Linger { left }) => {
                *left -= u32::try_from(bytes.len()).expect("not more than there is room for");
                // Nothing is unread then, so the close is no reset, which could overtake the answer.
                let asked = self.refused && bytes.ends_with(b"\r\n\r\n");
                if *left == 0 || asked {
                    self.close(CloseMode::Now, End::ClientGone, now);
                }
            }
            _ => unreachable!("received while nothing is read"),
        }
    }

    /// The client will send no more, or the connection is broken. A client that has only closed its side is taken for gone too:
    /// that is the only sign that the client of an idle tail gives.
    pub fn peer_gone(&mut self, now: Moment) {
        self.close(CloseMode::Now, End::ClientGone, now);
    }

    /// What was asked is looked up by a thread; until [`Connection::resource_is_ready`] there is nothing to do.
    pub fn wait_for_resource(&mut self) {
        assert!(
            matches!(self.state, State::ReadingHeaders(Some(_))),
            "looked up, but nothing was asked"
        );
        self.wait = Wait::ForThread;
    }

    /// A thread has looked up what was asked, or what an event stream needs.
    pub fn resource_is_ready(&mut self) {
        self.wait = Wait::No;
        if let Some(events) = self.events_mut() {
            events.resource_is_ready();
        }
    }

    /// What was asked has been looked up. Returns it, with what is answered, for the log.
    pub fn resolved<'a>(
        &mut self,
        found: Resource<F>,
        terms: impl Into<Terms<'a>>,
    ) -> (Box<ParsedHead>, Summary) {
        let State::ReadingHeaders(Some(asked)) =
            mem::replace(&mut self.state, State::ReadingHeaders(None))
        else {
            unreachable!("resolved, but nothing was asked");
        };
        self.wait = Wait::No;
        let answer = match &*asked {
            Ok(request) => response::respond(request, &found, !self.draining, terms),
            Err(refused) => response::refuse(refused.why, refused.head_only, terms),
        };
        let summary = self.begin(answer, found.into_file());
        (asked, summary)
    }

    /// So many bytes of a [`Action::Send`] went out.
    pub fn sent(&mut self, n: u64, now: Moment) {
        if self.body().is_some() {
            return self.sent_interim(n);
        }
        let State::SendingRange(sending) = &mut self.state else {
            unreachable!("sent, but nothing was to be sent")
        };
        match sending.advance(n) {
            Progress::More => {}
            Progress::Rest => self.rest(),
            Progress::Events => {
                self.since = now;
                self.go_on(now);
            }
            Progress::Nothing => self.finish(now),
        }
    }

    /// The file was seen to be only so long since it was last reported here, whatever it is now.
    pub fn shrank(&mut self, size: u64, now: Moment) {
        if let Some(events) = self.events_mut() {
            events.truncated();
            return self.go_on(now);
        }
        let reach = match &self.state {
            State::SendingRange(sending) => sending.reach(),
            State::Tailing(Subscription::Tail(tail)) => tail.reach(),
            _ => unreachable!("shrank, but no file is being sent"),
        };
        if size < reach {
            self.close(CloseMode::Abort, End::Broken, now);
        }
    }

    /// The file ended before the bytes that were promised, or cannot be read.
    pub fn fell_short(&mut self, now: Moment) {
        self.broke(End::Broken, now);
    }

    /// The file is lost, for this reason.
    pub fn broke(&mut self, why: End, now: Moment) {
        self.close(CloseMode::Abort, why, now);
    }

    /// The file of a tail has this size, and nobody may write it any more if `sealed`.
    pub fn measured(&mut self, size: u64, sealed: bool, now: Moment) {
        let tail = match self.subscription_mut() {
            Some(Subscription::Tail(tail)) => tail,
            Some(Subscription::Events(events)) => {
                events.measured(size, sealed);
                return self.go_on(now);
            }
            None => unreachable!("measured, but no tail"),
        };
        match tail.measured(size, sealed) {
            Measured::Grown => self.send(Box::default()),
            Measured::Finished => {
                let last_chunk = tail.last_chunk();
                self.send(last_chunk);
            }
            Measured::FinishedBare => self.finish(now),
            Measured::Truncated => self.close(CloseMode::Abort, End::Broken, now),
            Measured::Same => self.rest(),
        }
    }

    /// The file of a tail is the answer of a job, which has ended so. To be said before the seal is.
    pub fn job_ended(&mut self, status: JobStatus) {
        if let Some(Subscription::Tail(tail)) = self.subscription_mut() {
            tail.job_ended(status);
        }
    }

    /// All bytes of its file up to this offset are one frame, and some of it will be [`Connection::sent`] to a tail that is
    /// [`Connection::resting`].
    pub fn frame_begun(&mut self, to: u64) {
        match &mut self.state {
            State::Tailing(Subscription::Tail(tail)) => tail.begin_frame(to),
            _ => unreachable!("frame_begun, but no tail rested"),
        }
        self.send(Box::default());
    }

    /// All bytes of its file up to this offset went out to a tail that is [`Connection::resting`], as one frame, and it
    /// rests again: what [`Connection::measured`] and [`Connection::sent`] come to, in one step.
    pub fn delivered(&mut self, to: u64) {
        match &mut self.state {
            State::Tailing(Subscription::Tail(tail)) => tail.deliver(to),
            _ => unreachable!("delivered, but no tail rested"),
        }
    }

    /// The file of a tail may have changed. True if the connection slept and has now something to do.
    pub fn changed(&mut self) -> bool {
        match &mut self.state {
            State::Tailing(subscription) => {
                subscription.look();
                true
            }
            State::SendingRange(sending) => {
                if let Some(subscription) = sending.subscription_mut() {
                    subscription.look();
                }
                false
            }
            _ => unreachable!("changed, but no tail"),
        }
    }

    /// One of the names of a subscription no longer leads to its file: that of a tail is number 0, those of an event stream
    /// are numbered as in [`Action::Follow`]. True as in [`Connection::changed`].
    pub fn name_lost(&mut self, name: usize, why: End) -> bool {
        let awake = match &mut self.state {
            State::SendingRange(_) => false,
            State::Tailing(_) => true,
            _ => unreachable!("name_lost, but no subscription"),
        };
        if let Some(subscription) = self.subscription_mut() {
            subscription.name_lost(name, why);
        }
        awake
    }

    /// The deadline has passed.
    pub fn timed_out(&mut self, now: Moment) {
        match &self.state {
            State::ReadingHeaders(None) if !self.served || self.waiting() > 0 => {
                let input = self.input.take().unwrap_or_default();
                let refused = Refused::new(Refusal::TooSlow, &input);
                self.state = State::ReadingHeaders(Some(Box::new(Err(refused))));
            }
            State::ReadingHeaders(None) | State::Closing(_) => {
                self.close(CloseMode::Now, End::ClientGone, now)
            }
            State::ReadingBody(_) => self.body_timed_out(now),
            State::ReadingHeaders(Some(_)) if self.is_patient() => self.look_again(),
            State::ReadingHeaders(Some(_)) => unreachable!("timed_out while a file is looked up"),
            State::SendingRange(_) | State::Tailing(_) => {
                unreachable!("a response has no deadline")
            }
        }
    }
}
