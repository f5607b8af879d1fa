//! One client: what it has asked for, what it has got, and what it must never see.

use std::collections::VecDeque;

use openrange::http::date::Date;
use openrange::subscription::end::End;

use super::disk::Disk;
use super::events::Stream;
use super::request::{Ask, Body, Expect};
use crate::support::reader::{self, Head, Piece, Reader};

#[derive(Default)]
pub struct Client {
    /// Bytes of requests that it has not sent yet.
    pub to_send: VecDeque<u8>,
    /// Its requests, with the length of everything up to the end of each head.
    pub asks: Vec<(Ask, usize)>,
    /// Length of everything it has made up.
    length: usize,
    /// How many requests the server has answered, or begun to.
    pub opened: usize,
    /// The server has said, or must have said, that no further request is answered.
    pub closing: bool,
    /// The answer that is on its way.
    pub expected: Option<Expect>,
    /// A tail has come to its proper end.
    pub after_tail: bool,
    /// The endless answer, until the server has reported its end.
    pub tail: Option<Tail>,
    reader: Reader,
    /// Bytes of the body on its way.
    got: u64,
    /// They, if they must be looked at together.
    body: Vec<u8>,
    media: String,
    /// Truncations of the file before its bytes were promised, and those that the server had seen before the last bytes
    /// came.
    truncations: u64,
    shrank: usize,
}

/// An endless answer, as far as it has come.
pub struct Tail {
    pub name: usize,
    pub file: usize,
    pub at: u64,
    pub got: u64,
    pub trailers: bool,
    /// Why it must end, since the server knows, and what it must have delivered before.
    pub told: Option<(End, u64)>,
    /// The size when the name left the file, which the server had seen by then or not, and when it was sealed.
    pub left: Option<u64>,
    pub seen_left: Option<u64>,
    pub sealed: Option<u64>,
    /// What its last line in the log must say instead.
    pub broken: Option<End>,
    /// It is sent as events.
    pub stream: Option<Stream>,
}

impl Tail {
    pub fn delivered(&self) -> u64 {
        match &self.stream {
            Some(stream) => stream.at,
            None => self.at + self.got,
        }
    }

    /// It comes to its proper end.
    fn end(&self) -> End {
        if let Some(stream) = &self.stream {
            return stream.end();
        }
        let (why, promised) = self.told.expect("a tail ended for no reason");
        assert!(
            self.delivered() >= promised,
            "a tail ended at {} of {promised}, {why:?}",
            self.delivered()
        );
        why
    }
}

impl Client {
    pub fn ask(&mut self, ask: Ask, ahead: bool) {
        let (bytes, end) = ask.bytes();
        self.asks.push((ask, self.length + end));
        self.length += bytes.len();
        if ahead {
            for byte in bytes.into_iter().rev() {
                self.to_send.push_front(byte);
            }
        } else {
            self.to_send.extend(bytes);
        }
    }

    /// Where the head of the request ends that is being answered, in everything that was sent.
    pub fn end_of_asked(&self) -> usize {
        match self.opened {
            0 => 0,
            opened => self.asks[opened - 1].1,
        }
    }

    /// The name in the request that is being answered; of a file, not of a directory.
    pub fn name(&self) -> usize {
        self.asks[self.opened - 1].0.file_name()
    }

    /// The end of all parts of the answer on its way.
    pub fn last_promised(&self) -> u64 {
        match self.expected.as_ref().map(|expected| &expected.body) {
            Some(Body::Parts { parts, .. }) => parts.iter().map(|part| part.end).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The server answers now.
    pub fn expect(&mut self, expect: Expect, disk: &Disk) {
        assert!(!self.closing, "answered after a last answer");
        assert!(self.expected.is_none() && self.is_idle());
        self.closing = expect.close;
        if let Some(file) = expect.file() {
            self.truncations = disk.files[file].truncations;
            self.shrank = disk.files[file].shrank.len();
        }
        self.got = 0;
        self.expected = Some(expect);
    }

    /// No answer is on its way.
    pub fn is_idle(&self) -> bool {
        self.reader.is_idle()
    }

    /// The server has sent these bytes. True when an answer is complete with them.
    pub fn take(&mut self, bytes: &[u8], disk: &Disk) -> bool {
        let expected = self.expected.take().expect("bytes that nobody asked for");
        let mut complete = false;
        self.reader.feed(bytes);
        while let Some(piece) = self
            .reader
            .next(usize::MAX, expected.head_only)
            .expect("HTTP")
        {
            assert!(!complete, "bytes behind a complete answer");
            match piece {
                Piece::Head(head) => {
                    check_head(&head, &expected);
                    self.media = head.get("Content-Type").unwrap_or_default().to_owned();
                }
                Piece::Data(data) => self.data(&data, &expected, disk),
                Piece::End(trailers) => {
                    self.end(&trailers, &expected, disk);
                    complete = true;
                }
            }
        }
        if !complete {
            self.expected = Some(expected);
        }
        complete
    }

    /// Every byte of a file is what the file holds at this place at this moment.
    fn data(&mut self, data: &[u8], expected: &Expect, disk: &Disk) {
        // Offset of the bytes, and up to where what came before or was promised must be of the same file.
        let (at, reach) = match &expected.body {
            Body::Note => (None, 0),
            Body::Page(page) => {
                let page = &page[self.got as usize..];
                assert!(page.starts_with(data), "not what the listing says");
                (None, 0)
            }
            Body::Slice(_, range) => (Some(range.start + self.got), range.end),
            Body::Parts { .. } => {
                self.body.extend_from_slice(data);
                (None, 0)
            }
            Body::Tail { .. } => {
                let tail = self.tail.as_mut().expect("a tail");
                let at = tail.delivered();
                tail.got += data.len() as u64;
                (Some(at), at)
            }
            Body::Events { .. } => {
                let tail = self.tail.as_mut().expect("a stream");
                tail.got += data.len() as u64;
                tail.stream.as_mut().expect("of events").take(data);
                (None, 0)
            }
        };
        self.got += data.len() as u64;
        if let (Some(at), Some(file)) = (at, expected.file()) {
            let state = &disk.files[file];
            let held = state.bytes.get(at as usize..);
            assert!(
                held.is_some_and(|held| held.starts_with(data)),
                "not what file {file} holds from {at} on"
            );
            let before = std::mem::replace(&mut self.shrank, state.shrank.len());
            let seen = &state.shrank[before..];
            assert!(
                seen.iter().all(|&size| size >= reach),
                "goes on at {at} although file {file} was seen with {seen:?} bytes"
            );
        }
    }

    fn end(&mut self, trailers: &[(String, String)], expected: &Expect, disk: &Disk) {
        let mut allowed = Vec::new();
        match &expected.body {
            _ if expected.head_only => assert_eq!(self.got, 0),
            Body::Note => {}
            Body::Page(page) => assert_eq!(self.got, page.len() as u64),
            Body::Slice(_, range) => assert_eq!(self.got, range.end - range.start),
            Body::Parts { file, size, parts } => {
                let body = std::mem::take(&mut self.body);
                let got = reader::parts(&self.media, &body);
                assert_eq!(got.len(), parts.len());
                for ((range, of, bytes), part) in got.into_iter().zip(parts) {
                    assert_eq!((&range, of), (part, *size));
                    let file = &disk.files[*file];
                    if file.truncations == self.truncations {
                        assert_eq!(bytes, &file.bytes[part.start as usize..part.end as usize]);
                    }
                }
            }
            Body::Tail { .. } | Body::Events { .. } => {
                let tail = self.tail.as_ref().expect("a tail");
                let why = tail.end();
                if tail.trailers {
                    allowed.push(("Tail-End".to_owned(), why.word().to_owned()));
                }
            }
        }
        assert_eq!(trailers, allowed);
    }

    /// The server has shut its side down: the last answer is complete.
    pub fn shut(&mut self) {
        self.end_bare();
        assert!(self.expected.is_none(), "shut down within an answer");
        assert!(self.is_idle(), "shut down within an answer");
    }

    /// The end of the tail is reported: why, and how many bytes have come.
    pub fn report(&mut self) -> (End, u64) {
        let broken = self.tail.as_ref().expect("a tail").broken;
        let why = broken.unwrap_or_else(|| {
            self.end_bare();
            self.tail.as_ref().expect("a tail").end()
        });
        let tail = self.tail.take().expect("a tail");
        self.after_tail |= tail.broken.is_none();
        (why, tail.got)
    }

    /// An answer without chunks ends with the connection, if it may end.
    fn end_bare(&mut self) {
        if self.reader.is_until_close() {
            self.tail.as_ref().expect("only a tail does so").end();
            (self.reader, self.expected) = (Reader::default(), None);
        }
    }
}

fn check_head(head: &Head, expected: &Expect) {
    assert_eq!(head.status, expected.status, "{expected:?}");
    let connection = match (expected.close, expected.http10) {
        (true, _) => Some("close"),
        (false, true) => Some("keep-alive"),
        (false, false) => None,
    };
    assert_eq!(head.get("Connection"), connection, "{expected:?}");
    let date = |seconds| Date::from_seconds(seconds).to_string();
    assert_eq!(head.get("Date"), Some(date(expected.date).as_str()));
    let modified = expected.modified.map(date);
    assert_eq!(head.get("Last-Modified"), modified.as_deref());
    assert_eq!(head.get("Location"), expected.location.as_deref());
    let range = expected.content_range.as_deref();
    assert_eq!(head.get("Content-Range"), range, "{expected:?}");
    let tag = expected.etag.map(|tag| format!("W/\"{tag:016x}\""));
    assert_eq!(head.get("ETag"), tag.as_deref(), "{expected:?}");
    assert_eq!(
        head.get("Allow").is_some(),
        matches!(head.status, 204 | 405)
    );
    let (mut length, mut coding, mut trailer) = (None, None, None);
    match &expected.body {
        Body::Page(page) => length = Some(page.len().to_string()),
        Body::Note | Body::Parts { .. } => length = head.get("Content-Length").map(str::to_owned),
        Body::Slice(_, range) => length = Some((range.end - range.start).to_string()),
        Body::Events { .. } => {
            coding = (!expected.http10).then_some("chunked");
            assert_eq!(head.get("Content-Type"), Some("text/event-stream"));
            assert_eq!(head.get("Cache-Control"), Some("no-store"));
        }
        Body::Tail { trailers, .. } => {
            coding = (!expected.http10).then_some("chunked");
            trailer = trailers.then_some("Tail-End");
        }
    }
    assert_eq!(head.get("Content-Length"), length.as_deref());
    assert_eq!(head.get("Transfer-Encoding"), coding);
    assert_eq!(head.get("Trailer"), trailer);
}
