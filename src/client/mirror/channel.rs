//! A connection of a mirror for a document or a stream of events.

use crate::client::exchange::{Exchange, Progress};
use crate::client::transport::Transport;
use crate::limits::{CLIENT_RESPONSE_TIMEOUT, MIRROR_PAGE_MAX};
use crate::time::Moment;

/// See the module.
pub struct Channel {
    /// The connection.
    pub exchange: Exchange,
    /// Its socket.
    pub transport: Transport,
    /// Of the response that is under way; 0: its head is not here.
    pub status: u16,
    /// What of it is here.
    pub document: Vec<u8>,
    /// A response is under way.
    pub busy: bool,
    /// When it counts as lost.
    pub timeout: Moment,
    /// What was asked last.
    pub request: Vec<u8>,
}

impl Channel {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(transport: Transport) -> Channel {
        Channel {
            exchange: Exchange::new(0),
            transport,
            status: 0,
            document: Vec::new(),
            busy: false,
            timeout: Moment::NEVER,
            request: Vec::new(),
        }
    }

    /// Asks.
    pub fn request(&mut self, request: Vec<u8>, now: Moment) {
        self.request.clone_from(&request);
        self.exchange.request(request);
        (self.status, self.document) = (0, Vec::new());
        (self.busy, self.timeout) = (true, now + CLIENT_RESPONSE_TIMEOUT);
    }

    /// What has come of the response. A document that is coming is not lost, however long all of it takes; one that is
    /// longer than any may be is.
    pub fn progress(&mut self, now: Moment) -> Progress {
        let progress = self.exchange.progress();
        let counts = self.status == 200 && self.document.len() < MIRROR_PAGE_MAX;
        if progress == Progress::Content && counts {
            self.timeout = now + CLIENT_RESPONSE_TIMEOUT;
        }
        progress
    }

    /// The response is over.
    pub fn over(&mut self) {
        (self.busy, self.timeout) = (false, Moment::NEVER);
    }
}
