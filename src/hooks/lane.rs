//! A connection to an origin, and the attempt that is under way on it.

use std::time::Duration;

use super::target::Verdict;
use crate::client::exchange::{Broken, Exchange, Progress};
use crate::client::tls::Trust;
use crate::client::transport::{Transport, Turn};
use crate::client::url::Server;
use crate::limits::{BUDGET_ACTIONS, HEAD_MAX, HOOK_RESPONSE_MAX};
use crate::os::epoll::{Poll, Token, Waker};
use crate::time::Moment;

/// See the module.
pub struct Lane {
    /// Whom it leads to.
    pub server: Server,
    /// Its socket.
    pub transport: Transport,
    exchange: Exchange,
    attempt: Option<Attempt>,
}

struct Attempt {
    /// Whose.
    url: Box<str>,
    request: Vec<u8>,
    /// Of the response, once its head is there; with its `Retry-After`.
    status: Option<(u16, Option<u32>)>,
    /// Bytes of its content.
    received: usize,
    deadline: Moment,
}

/// What came of a turn.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The attempt at this URL is over.
    Over(Box<str>, Verdict),
    /// There may be more to do.
    Again,
    /// Nothing, until something happens.
    Rest,
}

impl Lane {
    /// Without a connection.
    #[must_use]
    pub fn new(server: &Server, trust: Option<&Trust>, token: Token, waker: Waker) -> Lane {
        Lane {
            server: server.clone(),
            transport: Transport::new(server, trust, token, waker),
            exchange: Exchange::new(HEAD_MAX),
            attempt: None,
        }
    }

    /// Whether an attempt is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.attempt.is_some()
    }

    /// Begins an attempt.
    pub fn begin(&mut self, url: &str, request: Vec<u8>, timeout: Duration, now: Moment) {
        self.exchange.request(request.clone());
        self.attempt = Some(Attempt {
            url: url.into(),
            request,
            status: None,
            received: 0,
            deadline: now + timeout,
        });
    }

    /// When the attempt has failed.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.attempt
            .as_ref()
            .map_or(Moment::NEVER, |attempt| attempt.deadline)
    }

    /// Sends and receives.
    pub fn drive(&mut self, poll: &Poll, now: Moment) -> Step {
        for _ in 0..BUDGET_ACTIONS {
            let turn = self.transport.drive(&mut self.exchange, poll, usize::MAX);
            match self.progress(now) {
                None if turn == Turn::Waits => return Step::Rest,
                None | Some(None) => {}
                Some(Some(verdict)) => {
                    let attempt = self.attempt.take();
                    // A connection that has to be closed is closed.
                    self.transport.drive(&mut self.exchange, poll, usize::MAX);
                    return match attempt {
                        Some(attempt) => Step::Over(attempt.url, verdict),
                        None => Step::Rest,
                    };
                }
            }
        }
        Step::Again
    }

    /// `None`: nothing has happened; `Some(None)`: something has.
    fn progress(&mut self, now: Moment) -> Option<Option<Verdict>> {
        let attempt = self.attempt.as_mut()?;
        match self.exchange.progress() {
            Progress::None if attempt.deadline <= now => {
                // With the connection, which may not even stand; then the next address has its turn.
                self.exchange.abandon();
                let why = String::from("no whole response in time");
                Some(Some(Verdict::Failed(why, None)))
            }
            Progress::None => None,
            Progress::Head(head) => {
                attempt.status = Some((head.status, head.retry_after));
                Some(None)
            }
            Progress::Content => {
                let count = self.exchange.content().len();
                self.exchange.take(count);
                attempt.received += count;
                if attempt.received <= HOOK_RESPONSE_MAX {
                    return Some(None);
                }
                // Nobody needs more of it to know what it says.
                self.exchange.abandon();
                attempt.verdict().map(Some)
            }
            Progress::Whole(_) => attempt.verdict().map(Some),
            Progress::Broken(Broken::Stale) => {
                let request = attempt.request.clone();
                self.exchange.request(request);
                Some(None)
            }
            // Nothing else ends such a response.
            Progress::Broken(Broken::Lost(_))
                if attempt.status.is_some() && !self.exchange.is_delimited() =>
            {
                attempt.verdict().map(Some)
            }
            Progress::Broken(Broken::Lost(why)) => Some(Some(Verdict::Failed(why, None))),
            Progress::Broken(Broken::Malformed(why)) => {
                Some(Some(Verdict::Failed(why.to_owned(), None)))
            }
        }
    }
}

impl Attempt {
    fn verdict(&self) -> Option<Verdict> {
        let (status, retry_after) = self.status?;
        Some(Verdict::of(status, retry_after))
    }
}
