//! One connection to a server, as a machine: a request goes out, a response comes in, strictly read; then the next.
//!
//! It copies nothing: bytes are read into [`Exchange::space`], and [`Exchange::content`] is a part of them. It knows HTTP
//! and nothing of what the responses are for.

use std::time::SystemTime;

use crate::http::response::{self, ContentRange, Framing, ResponseHead};
use crate::http::response_body::{self, Body, Piece};
use crate::limits::{CLIENT_BUFFER, HEAD_MAX};

/// What an exchange waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// For a request to make.
    Idle,
    /// For the connection.
    Connecting,
    /// For the request to go out and the head of the response to come in.
    ReadingHeaders,
    /// For the body.
    Receiving,
}

/// What an exchange needs of its driver.
#[derive(Debug, PartialEq, Eq)]
pub enum Need<'a> {
    /// A connection: [`Exchange::connected`] or [`Exchange::broken`].
    Connect,
    /// These bytes sent: [`Exchange::sent`].
    Send(&'a [u8]),
    /// Bytes: [`Exchange::space`] and [`Exchange::filled`], or [`Exchange::broken`] at the end of the connection.
    Receive,
    /// Its connection closed, if it has one: [`Exchange::disconnected`].
    Disconnect,
    /// Nothing; if a connection is open, it may stay.
    Rest,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nothing that would matter yet.
    None,
    /// The head of the response.
    Head(Box<ResponseHead>),
    /// Content: [`Exchange::content`].
    Content,
    /// The whole response came, framing and all; its `Tail-End`, if it has one.
    Whole(Option<Box<str>>),
    /// There will be no (further) response.
    Broken(Broken),
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    /// The connection could not be made, or ended, or was silent for too long. Why, in words.
    Lost(String),
    /// A connection that was kept from an earlier exchange ended before any byte of the response: the server had closed it.
    Stale,
    /// What came is not what RFC 9112 allows.
    Malformed(&'static str),
}

/// See the module.
#[derive(Debug)]
pub struct Exchange {
    state: State,
    open: bool,
    /// The connection has carried a whole response before.
    reused: bool,
    /// The response lets it carry another one.
    keep_alive: bool,
    to_head: bool,
    request: Vec<u8>,
    sent: usize,
    body: Body,
    /// Bytes of content to come, by the range that the head names, where the framing does not say it.
    ranged: Option<u64>,
    tail_end: Option<Box<str>>,
    inbound: Box<[u8]>,
    start: usize,
    end: usize,
    broken: Option<Broken>,
    received: u64,
}

impl Default for Exchange {
    fn default() -> Exchange {
        Exchange::new(CLIENT_BUFFER)
    }
}

impl Exchange {
    /// Without a connection. `buffer`: bytes read at once, enough for a head.
    #[must_use]
    pub fn new(buffer: usize) -> Exchange {
        Exchange {
            state: State::Idle,
            open: false,
            reused: false,
            keep_alive: false,
            to_head: false,
            request: Vec::new(),
            sent: 0,
            body: Body::Length(0),
            ranged: None,
            tail_end: None,
            inbound: vec![0; buffer.max(HEAD_MAX)].into(),
            start: 0,
            end: 0,
            broken: None,
            received: 0,
        }
    }

    /// What it waits for.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Sends a request; the connection is made if there is none.
    ///
    /// # Panics
    /// If a response is under way.
    pub fn request(&mut self, request: Vec<u8>) {
        assert_eq!(self.state, State::Idle, "one request at a time");
        self.to_head = request.starts_with(b"HEAD ");
        (self.request, self.sent) = (request, 0);
        self.tail_end = None;
        self.state = match self.is_usable() {
            true => State::ReadingHeaders,
            false => State::Connecting,
        };
    }

    /// Whether there is a connection that may carry the next request.
    fn is_usable(&self) -> bool {
        self.open && self.keep_alive && self.start == self.end
    }

    /// What is to be done.
    #[must_use]
    pub fn need(&self) -> Need<'_> {
        match self.state {
            _ if self.broken.is_some() => Need::Rest,
            State::Idle if self.open && !self.is_usable() => Need::Disconnect,
            State::Idle => Need::Rest,
            State::Connecting if self.open => Need::Disconnect,
            State::Connecting => Need::Connect,
            State::ReadingHeaders if self.sent < self.request.len() => {
                Need::Send(&self.request[self.sent..])
            }
            State::ReadingHeaders | State::Receiving => Need::Receive,
        }
    }

    /// There is a connection.
    pub fn connected(&mut self) {
        (self.open, self.reused, self.keep_alive) = (true, false, false);
        (self.start, self.end) = (0, 0);
        self.state = State::ReadingHeaders;
    }

    /// The connection is closed.
    pub fn disconnected(&mut self) {
        // What came before stays: it may be content.
        self.open = false;
    }

    /// So many bytes of the request are out.
    pub fn sent(&mut self, count: usize) {
        self.sent += count;
    }

    /// Where the next bytes go; empty if content must be taken first.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.inbound.len() || self.state == State::ReadingHeaders {
            self.inbound.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.inbound[self.end..]
    }

    /// So many bytes came.
    pub fn filled(&mut self, count: usize) {
        self.end += count;
        self.received += count as u64;
    }

    /// All bytes that ever came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The connection cannot be made, or is gone.
    pub fn broken(&mut self, why: String) {
        let stale = self.reused && self.state == State::ReadingHeaders && self.start == self.end;
        if self.state == State::Idle {
            // The server has closed a connection that nobody uses.
            self.keep_alive = false;
        } else {
            self.broken = Some(if stale {
                Broken::Stale
            } else {
                Broken::Lost(why)
            });
        }
    }

    /// Gives up the response that is under way, and its connection.
    pub fn abandon(&mut self) {
        self.state = State::Idle;
        self.keep_alive = false;
        self.broken = None;
        (self.start, self.end) = (0, 0);
    }

    /// What has come, one piece at a time. Content is reported until it is taken.
    pub fn progress(&mut self) -> Progress {
        let result = match self.state {
            State::ReadingHeaders => self.read_head(),
            State::Receiving => self.read_body(),
            State::Idle | State::Connecting => Ok(Progress::None),
        };
        let progress = result.unwrap_or_else(|why| Progress::Broken(Broken::Malformed(why)));
        let progress = match (progress, self.broken.take()) {
            // What came before the connection ended counts.
            (Progress::None, Some(broken)) => Progress::Broken(broken),
            // The response is whole all the same.
            (Progress::Whole(end), Some(_)) => {
                self.keep_alive = false;
                Progress::Whole(end)
            }
            (progress, broken) => {
                self.broken = broken;
                progress
            }
        };
        if matches!(progress, Progress::Broken(_)) {
            self.abandon();
        }
        progress
    }

    fn read_head(&mut self) -> Result<Progress, &'static str> {
        loop {
            let input = &self.inbound[self.start..self.end];
            let Some((head, length)) =
                response::parse(input, self.to_head, SystemTime::now().into())?
            else {
                return Ok(Progress::None);
            };
            self.start += length;
            // An interim response; the one that counts follows (RFC 9110 section 15.2).
            if matches!(head.status, 100..=199) {
                continue;
            }
            self.keep_alive = head.keep_alive
                && head.framing != Framing::UntilClose
                && self.sent == self.request.len();
            self.body = Body::new(head.framing);
            self.ranged = match (head.status, head.framing, head.range) {
                (206, Framing::Chunked, Some(ContentRange::Slice { first, last, .. })) => {
                    Some(last - first + 1)
                }
                _ => None,
            };
            self.state = State::Receiving;
            return Ok(Progress::Head(Box::new(head)));
        }
    }

    fn read_body(&mut self) -> Result<Progress, &'static str> {
        loop {
            let input = &self.inbound[self.start..self.end];
            match self.body.piece(input)? {
                Piece::Framing(length) => self.start += length,
                Piece::Trailer(length) => {
                    if let Some((name, value)) = response_body::field(&input[..length])
                        && name.eq_ignore_ascii_case("tail-end")
                    {
                        self.tail_end = Some(value.into());
                    }
                    self.start += length;
                }
                Piece::Data(_) if self.ranged == Some(0) => {
                    return Err("more bytes in the response than in its range");
                }
                Piece::Data(_) => return Ok(Progress::Content),
                Piece::More => return Ok(Progress::None),
                Piece::End if self.ranged.is_some_and(|left| left > 0) => {
                    return Err("fewer bytes in the response than in its range");
                }
                Piece::End => {
                    self.state = State::Idle;
                    self.reused = true;
                    return Ok(Progress::Whole(self.tail_end.take()));
                }
            }
        }
    }

    /// Content that has come and was not taken.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        let input = &self.inbound[self.start..self.end];
        match (self.state, &self.body) {
            (State::Receiving, Body::UntilClose) => input,
            (
                State::Receiving,
                Body::Length(left) | Body::Chunked(response_body::Chunks::Data(left)),
            ) => {
                let left = self.ranged.map_or(*left, |ranged| ranged.min(*left));
                let available = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                &input[..available]
            }
            _ => &[],
        }
    }

    /// So many bytes of the content were taken.
    pub fn take(&mut self, count: usize) {
        self.start += count;
        self.body.advance(count as u64);
        self.ranged = self.ranged.map(|left| left - count as u64);
    }

    /// Whether the response says itself where it ends.
    #[must_use]
    pub fn is_delimited(&self) -> bool {
        self.body != Body::UntilClose
    }
}
