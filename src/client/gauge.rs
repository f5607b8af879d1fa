//! How long the followed file is, for those who want to see how far behind a follower is: a live response does not say that.
//! It is asked on a connection of its own, and seldom.

use super::exchange::{Exchange, Progress};
use super::follower::Follower;
use super::transport::{Transport, Turn};
use crate::http::conditional::ETag;
use crate::limits::{CLIENT_GAUGE, CLIENT_RESPONSE_TIMEOUT};
use crate::os::epoll::Poll;
use crate::time::Moment;

/// See the module.
pub struct Gauge {
    exchange: Exchange,
    /// Its connection.
    pub transport: Transport,
    asked: Option<ETag>,
    size: Option<u64>,
    due: Moment,
}

impl Gauge {
    /// Asks at once.
    #[must_use]
    pub fn new(transport: Transport, now: Moment) -> Gauge {
        Gauge {
            exchange: Exchange::new(0),
            transport,
            asked: None,
            size: None,
            due: now,
        }
    }

    /// When it asks next, or gives up an answer.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.due
    }

    /// Asks if it is time to, and tells the follower what came. True if something did.
    pub fn run(&mut self, follower: &mut Follower, poll: &Poll, now: Moment) -> bool {
        if self.due <= now {
            self.ask(follower, now);
        }
        let turn = self.transport.drive(&mut self.exchange, poll, usize::MAX);
        loop {
            match self.exchange.progress() {
                Progress::None => return turn == Turn::Progress,
                Progress::Head(head) => {
                    self.size = head.length.filter(|_| head.status == 200);
                }
                Progress::Content => {
                    let count = self.exchange.content().len();
                    self.exchange.take(count);
                }
                Progress::Whole(_) => {
                    if let (Some(tag), Some(size)) = (self.asked.take(), self.size.take()) {
                        follower.measured_to_be(tag, size);
                    }
                    self.due = now + CLIENT_GAUGE;
                }
                // The follower reports what is wrong.
                Progress::Broken(_) => (self.asked, self.due) = (None, now + CLIENT_GAUGE),
            }
        }
    }

    fn ask(&mut self, follower: &Follower, now: Moment) {
        if self.asked.take().is_some() {
            self.exchange.abandon();
        }
        self.due = now + CLIENT_GAUGE;
        if let Some((tag, request)) = follower.size_request() {
            self.exchange.request(request);
            (self.asked, self.due) = (Some(tag), now + CLIENT_RESPONSE_TIMEOUT);
        }
    }
}
