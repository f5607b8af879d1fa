//! A tail of the generation that the log has left last: logrotate compresses and unlinks it as soon as its writer reopens, or
//! before, and looks from time to time would find nothing but the copy. The server sends every byte to an open tail first. It
//! is asked for as soon as the name has passed on, while the follower still looks for the next generation; its lines are
//! handed over when that has the word.

use super::exchange::{Exchange, Progress};
use super::expected::Expected;
use super::position::LatePlace;
use super::requests::Requests;
use crate::http::conditional::ETag;
use crate::limits::CLIENT_LATE_BUFFER;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// Nothing that would change anything.
    Nothing,
    /// The server has begun it: whatever is appended from now on comes.
    Begun,
    /// The file is gone, and all its bytes came.
    Gone,
    /// It is over, or never began; this says nothing of the file.
    Broken,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tail {
    /// Of which generation, if of any.
    etag: Option<ETag>,
    /// From there on it was asked for.
    first: u64,
    /// Where the bytes begin that wait, or will.
    at: u64,
    /// So many of those that come next are known.
    known: u64,
    /// To be asked for.
    wanted: Option<LatePlace>,
    begun: bool,
    /// The file is gone, and all its bytes came.
    gone: bool,
    /// The follower has left the generation.
    left: bool,
    pub exchange: Exchange,
    /// Bytes that wait, the last line perhaps without its end.
    bytes: Vec<u8>,
    /// Bytes of them that are to be handed over, and how many are.
    whole: usize,
    handed: usize,
}

impl Tail {
    pub fn new() -> Tail {
        Tail {
            etag: None,
            first: 0,
            at: 0,
            known: 0,
            wanted: None,
            begun: false,
            gone: false,
            left: false,
            exchange: Exchange::new(CLIENT_LATE_BUFFER),
            bytes: Vec::new(),
            whole: 0,
            handed: 0,
        }
    }

    /// It is of this generation, which the follower has left, and the server has begun it.
    pub fn has(&self, etag: ETag) -> bool {
        self.is_under_way() && self.etag == Some(etag)
    }

    /// The follower has left its generation, and the server has begun it.
    pub fn is_under_way(&self) -> bool {
        self.begun && self.left
    }

    /// The follower has not left its generation.
    pub fn is_early(&self) -> bool {
        self.etag.is_some() && !self.left
    }

    /// Where the bytes begin that wait, or will.
    pub fn at(&self) -> u64 {
        self.at
    }

    pub fn etag(&self) -> Option<ETag> {
        self.etag
    }

    /// Is to be asked for.
    pub fn is_wanted(&self) -> bool {
        self.wanted.is_some()
    }

    /// Of this generation, from that place on.
    pub fn want(&mut self, place: LatePlace) {
        self.close();
        (self.first, self.at) = (place.offset, place.offset);
        (self.etag, self.wanted) = (Some(place.etag), Some(place));
    }

    /// The follower has left the generation there: false if the tail does not fit.
    pub fn leave(&mut self, place: &LatePlace) -> bool {
        let Some(passed) = place.offset.checked_sub(self.at) else {
            return false;
        };
        if self.etag != Some(place.etag) {
            return false;
        }
        let count = self
            .bytes
            .len()
            .min(usize::try_from(passed).unwrap_or(usize::MAX));
        self.bytes.drain(..count);
        (self.at, self.known) = (place.offset, passed - count as u64);
        self.left = true;
        self.find_lines();
        true
    }

    /// It is of no generation. What waits is left out.
    pub fn close(&mut self) {
        self.exchange.abandon();
        (self.etag, self.wanted) = (None, None);
        (self.begun, self.gone, self.left) = (false, false, false);
        self.known = 0;
        self.bytes.clear();
        (self.whole, self.handed) = (0, 0);
    }

    pub fn ask(&mut self, requests: &Requests) {
        if let Some(place) = &self.wanted.take() {
            let request = requests.rest(place.etag, place.offset, place.check());
            self.exchange.request(request);
        }
    }

    /// Lines to be handed over. They stay the same until that is done.
    pub fn lines(&self) -> &[u8] {
        &self.bytes[self.handed..self.whole]
    }

    /// Bytes behind them.
    pub fn rest(&self) -> usize {
        self.bytes.len() - self.whole
    }

    pub fn handed_over(&mut self, count: usize) {
        self.handed += count;
        self.at += count as u64;
        if self.handed == self.whole {
            self.bytes.drain(..self.whole);
            (self.whole, self.handed) = (0, 0);
        }
    }

    /// Takes what came, up to the first line end.
    pub fn run(&mut self) -> Came {
        while self.whole == 0 {
            if self.gone {
                return Came::Gone;
            }
            if self.is_full() {
                break;
            }
            match self.exchange.progress() {
                Progress::None => break,
                Progress::Head(head) => {
                    let expected = Expected {
                        etag: self.etag,
                        first: self.first,
                        end: None,
                    };
                    // Of a sealed file there is nothing to wait for.
                    let is_live = head.status == 206 && expected.judge(&head) == Ok(None);
                    self.begun = is_live;
                    return if is_live { Came::Begun } else { Came::Broken };
                }
                Progress::Content => self.take(),
                Progress::Whole(reason) => match reason.as_deref() {
                    Some("unlinked" | "replaced") => self.gone = true,
                    _ => return Came::Broken,
                },
                Progress::Broken(_) => return Came::Broken,
            }
        }
        Came::Nothing
    }

    fn take(&mut self) {
        let content = self.exchange.content();
        let known = content
            .len()
            .min(usize::try_from(self.known).unwrap_or(usize::MAX));
        let count = (content.len() - known).min(CLIENT_LATE_BUFFER - self.bytes.len());
        self.bytes.extend_from_slice(&content[known..][..count]);
        self.known -= known as u64;
        self.exchange.take(known + count);
        self.find_lines();
    }

    /// What waits for the follower to leave the generation, and may be no more.
    fn is_full(&self) -> bool {
        !self.left && self.bytes.len() >= CLIENT_LATE_BUFFER
    }

    fn find_lines(&mut self) {
        if !self.left {
            return;
        }
        let end = self.bytes.iter().rposition(|&byte| byte == b'\n');
        self.whole = match end {
            Some(end) => end + 1,
            // A line that is longer than that comes in pieces.
            None if self.bytes.len() >= CLIENT_LATE_BUFFER => self.bytes.len(),
            None => 0,
        };
    }
}
