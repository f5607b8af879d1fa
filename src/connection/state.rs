//! A connection and its states.

use super::close_mode::CloseMode;
use super::receiving::Receiving;
use super::sending::{Sending, Subscription};
use super::wait::Wait;
use crate::action::{ParsedHead, Refused};
use crate::http::request::Refusal;
use crate::subscription::end::Ended;
use crate::time::Moment;

/// One client connection.
#[derive(Debug)]
pub struct Connection<F> {
    pub(super) state: State<F>,
    /// Bytes that were received and not yet used: an incomplete head, or requests behind the one being answered.
    /// Boxed, because most connections have none most of the time.
    #[allow(clippy::box_collection, reason = "8 bytes in the slot instead of 24")]
    pub(super) input: Option<Box<Vec<u8>>>,
    /// What the deadline of the state counts from.
    pub(super) since: Moment,
    /// A tail that ended and was not yet reported. Boxed, as it is mostly none.
    pub(super) ended: Option<Box<Ended>>,
    /// The connection stays after the answer that is on its way.
    pub(super) keep_alive: bool,
    /// At least one request was answered.
    pub(super) served: bool,
    /// The server ends: no further request.
    pub(super) draining: bool,
    /// There are too many connections, and this one gets 503.
    pub(super) refused: bool,
    /// The request is not looked up now.
    pub(super) wait: Wait,
}

/// What a connection waits for. Data that exists in one state only lives in it.
#[derive(Debug)]
pub enum State<F> {
    /// The client; `Some`: a whole head is there, and its file is being looked up.
    ReadingHeaders(Option<Box<ParsedHead>>),
    /// The client, for the body of a request; or what takes long to write it.
    ReadingBody(Box<Receiving>),
    /// The socket.
    SendingRange(Sending<F>),
    /// The file: everything is delivered.
    Tailing(Subscription<F>),
    /// The peer's close.
    Closing(CloseMode),
}

impl<F> Connection<F> {
    /// A client has connected.
    #[must_use]
    pub fn new(now: Moment) -> Connection<F> {
        Connection {
            state: State::ReadingHeaders(None),
            input: None,
            since: now,
            ended: None,
            keep_alive: false,
            served: false,
            draining: false,
            refused: false,
            wait: Wait::No,
        }
    }

    /// A client has connected before, and was answered.
    #[must_use]
    pub fn between_requests(now: Moment) -> Connection<F> {
        Connection {
            served: true,
            ..Connection::new(now)
        }
    }

    /// A client has connected and will get a 503, since there are too many.
    #[must_use]
    pub fn refused(now: Moment) -> Connection<F> {
        let refused = Refused::new(Refusal::TooManyConnections, b"");
        let state = State::ReadingHeaders(Some(Box::new(Err(refused))));
        Connection {
            state,
            refused: true,
            ..Connection::new(now)
        }
    }

    /// The state, to look at.
    #[must_use]
    pub fn state(&self) -> &State<F> {
        &self.state
    }
}
