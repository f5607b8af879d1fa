//! What is still to go out of one response: ready bytes, a slice and the parts behind it, a tail with its frame, or events.

use std::ops::{Deref, Range};

use arrayvec::ArrayVec;

use super::action::Ended;
use crate::http::chunked::{self, Frame};
use crate::limits::CHUNK_MAX;
use crate::response::{Body, Part};
use crate::subscription::event_stream::Events;

/// A response on its way.
#[derive(Debug)]
pub struct Sending<F> {
    /// Head, part head, events or last chunk.
    ready: Box<[u8]>,
    /// Bytes of `ready` that are out.
    sent: u32,
    follows: Follows<F>,
}

#[derive(Debug)]
enum Follows<F> {
    Nothing,
    Slice {
        file: F,
        rest: Range<u64>,
        /// The parts behind this one, the next one last. Boxed: rare, and a connection slot is small.
        #[allow(clippy::box_collection, reason = "8 bytes in the slot instead of 24")]
        more: Option<Box<Vec<Part>>>,
    },
    Live(Live<F>),
}

/// An endless answer.
#[derive(Debug)]
pub enum Live<F> {
    /// The bytes of a file.
    Tail(Tail<F>),
    /// Its lines, and those of the file after it. Boxed: an idle tail is no larger for it.
    Events(Box<Events<F>>),
}

/// An endless answer of bytes: caught up, or with one frame of it on its way.
#[derive(Debug)]
pub struct Tail<F> {
    file: F,
    /// Where it began.
    from: u64,
    /// Where the next byte of the file goes out; within a frame, where the frame began.
    at: u64,
    frame: Option<Frame>,
    /// Why it ends when `at` reaches the size.
    ending: Option<End>,
    /// The file must be measured before it may sleep: something may have changed, or not all that was found is out.
    look: bool,
    chunked: bool,
    trailers: bool,
    /// The last chunk is what `ready` holds.
    finished: bool,
}

/// Why a tail ended. The first five are ends that the client is told of; the others break it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The name went away, the file has it no more.
    Renamed,
    /// The name was removed.
    Unlinked,
    /// Another file has the name.
    Replaced,
    /// Nobody may write it any more.
    Sealed,
    /// The server ends.
    Shutdown,
    /// The file no longer has what was delivered or promised, or cannot be read.
    Broken,
    /// The client closed, or half-closed, or was reset.
    Left,
    /// The client took no byte within `--send-timeout`.
    Stalled,
    /// The client sent a head's worth of requests behind the endless answer.
    Flooded,
}

impl End {
    /// All of them, each at its index (`end as usize`).
    pub const ALL: [End; 9] = [
        End::Renamed,
        End::Unlinked,
        End::Replaced,
        End::Sealed,
        End::Shutdown,
        End::Broken,
        End::Left,
        End::Stalled,
        End::Flooded,
    ];

    /// One word, for counting.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            End::Broken => "broken",
            End::Left => "left",
            End::Stalled => "stalled",
            End::Flooded => "flooded",
            end => end.word(),
        }
    }

    /// The word for the trailer field `Tail-End` and for the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            End::Renamed => "renamed",
            End::Unlinked => "unlinked",
            End::Replaced => "replaced",
            End::Sealed => "sealed",
            End::Shutdown => "shutdown",
            End::Broken => "cut: truncated or unreadable",
            End::Left => "client left",
            End::Stalled => "cut: client took nothing within the send timeout",
            End::Flooded => "cut: too much behind an endless answer",
        }
    }

    fn last_chunk(self) -> Box<[u8]> {
        format!("0\r\nTail-End: {}\r\n\r\n", self.word())
            .into_bytes()
            .into()
    }
}

/// Bytes to send that are not from a file.
#[derive(Debug)]
pub enum Bytes<'a> {
    /// Of a head.
    Ready(&'a [u8]),
    /// A size line.
    Line(ArrayVec<u8, { chunked::LINE_MAX }>),
}

impl Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Ready(bytes) => bytes,
            Bytes::Line(bytes) => bytes,
        }
    }
}

/// The next bytes of a response: `before`, then the range of the file, then `after`.
pub struct Next<'a, F> {
    /// Head or size line.
    pub before: Bytes<'a>,
    /// Bytes of a file.
    pub file: Option<(&'a F, Range<u64>)>,
    /// Line end of a chunk.
    pub after: &'static [u8],
}

/// What is left after some bytes went out.
#[derive(Debug, PartialEq, Eq)]
pub enum Left {
    /// More to send, or to measure.
    More,
    /// Nothing of a tail, and nothing has changed since it was measured: it may sleep.
    Rest,
    /// Nothing of what was made of an event stream: it knows what it needs next.
    Events,
    /// Nothing: the response is complete.
    Nothing,
}

/// What to do after a tail's file was measured.
#[derive(Debug, PartialEq, Eq)]
pub enum Measured {
    /// A frame is ready to go out.
    Grown,
    /// Nothing new, and nothing will end it: sleep.
    Same,
    /// Its end is reached, and the last chunk is ready to go out.
    Finished,
    /// Its end is reached, and an HTTP/1.0 client is told by the close.
    FinishedBare,
    /// The file is shorter than what was delivered.
    Truncated,
}

impl<F> Sending<F> {
    /// The response with this head; `file` is there unless the body is `Nothing`.
    pub fn new(head: Vec<u8>, body: Body, file: Option<F>) -> Sending<F> {
        let follows = match (body, file) {
            (Body::Slice(rest), Some(file)) => Follows::Slice {
                file,
                rest,
                more: None,
            },
            (Body::Parts(mut parts), Some(file)) => {
                parts.reverse();
                Follows::Slice {
                    file,
                    rest: 0..0,
                    more: Some(Box::new(parts)),
                }
            }
            (
                Body::Tail {
                    at,
                    chunked,
                    trailers,
                },
                Some(file),
            ) => Follows::Live(Live::Tail(Tail::new(file, at, chunked, trailers))),
            (
                Body::Events {
                    path,
                    subject,
                    chunked,
                    begun,
                },
                file,
            ) => {
                let events = Events::new(path, subject, file, chunked, begun);
                Follows::Live(Live::Events(Box::new(events)))
            }
            (_, _) => Follows::Nothing,
        };
        Sending {
            // A copy: it is quicker than to have the allocator take back what a head has left of its room.
            ready: Box::from(head.as_slice()),
            sent: 0,
            follows,
        }
    }

    /// The endless answer in it, if it is one.
    pub fn live(&self) -> Option<&Live<F>> {
        if let Follows::Live(live) = &self.follows {
            Some(live)
        } else {
            None
        }
    }

    /// See [`Sending::live`].
    pub fn live_mut(&mut self) -> Option<&mut Live<F>> {
        if let Follows::Live(live) = &mut self.follows {
            Some(live)
        } else {
            None
        }
    }

    /// Ready bytes that are not out.
    pub fn left(&self) -> u64 {
        (self.ready.len() - self.sent as usize) as u64
    }

    /// The next bytes; `None` if it is endless and must be measured, read or followed before there are any.
    pub fn next(&self) -> Option<Next<'_, F>> {
        let ready = &self.ready[self.sent as usize..];
        match &self.follows {
            Follows::Slice { file, rest, .. } if !rest.is_empty() => Some(Next {
                before: Bytes::Ready(ready),
                file: Some((file, rest.clone())),
                after: b"",
            }),
            Follows::Live(Live::Events(_)) if ready.is_empty() => None,
            Follows::Live(Live::Tail(tail)) if ready.is_empty() => {
                let rest = tail.frame?.rest(tail.chunked);
                let file = (!rest.file.is_empty()).then(|| {
                    (
                        &tail.file,
                        tail.at + rest.file.start..tail.at + rest.file.end,
                    )
                });
                Some(Next {
                    before: Bytes::Line(rest.line),
                    file,
                    after: rest.end,
                })
            }
            _ => Some(Next {
                before: Bytes::Ready(ready),
                file: None,
                after: b"",
            }),
        }
    }

    /// `n` more of those bytes are out.
    ///
    /// # Panics
    /// If more was sent than was there to send.
    pub fn advance(&mut self, n: u64) -> Left {
        let ready = self.left();
        let of_ready = n.min(ready);
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a head or a listing: far below 2^32"
        )]
        {
            self.sent += of_ready as u32;
        }
        let n = n - of_ready;
        if ready > of_ready {
            return Left::More;
        }
        match &mut self.follows {
            Follows::Nothing => {
                assert!(n == 0, "sent more than was there");
                Left::Nothing
            }
            Follows::Slice { rest, more, .. } => {
                rest.start += n;
                assert!(rest.start <= rest.end, "sent more than was there");
                if !rest.is_empty() {
                    return Left::More;
                }
                let Some(part) = more.as_mut().and_then(|more| more.pop()) else {
                    return Left::Nothing;
                };
                (self.ready, self.sent, *rest) = (part.before, 0, part.range);
                Left::More
            }
            Follows::Live(Live::Tail(tail)) => {
                (self.ready, self.sent) = (Box::default(), 0);
                if tail.finished {
                    return Left::Nothing;
                }
                tail.advance(n);
                if tail.may_rest() {
                    Left::Rest
                } else {
                    Left::More
                }
            }
            Follows::Live(Live::Events(events)) => {
                assert!(n == 0, "sent more than was there");
                (self.ready, self.sent) = (Box::default(), 0);
                if events.sent() {
                    Left::Nothing
                } else {
                    Left::Events
                }
            }
        }
    }

    /// The offset in the file up to which bytes were delivered or promised, as far as they are not all out. Nothing of the
    /// file is promised by an event stream.
    pub fn reach(&self) -> u64 {
        match &self.follows {
            Follows::Slice { rest, more, .. } => {
                let more = more.iter().flat_map(|more| more.iter());
                more.map(|part| part.range.end).fold(rest.end, u64::max)
            }
            Follows::Live(Live::Tail(tail)) => tail.reach(),
            Follows::Nothing | Follows::Live(Live::Events(_)) => 0,
        }
    }

    /// The endless answer alone, once nothing of it is on its way; `None` if it has an end.
    pub fn into_live(self) -> Option<Live<F>> {
        if let Follows::Live(live) = self.follows {
            Some(live)
        } else {
            None
        }
    }
}

impl<F> Live<F> {
    /// It ends, or its file does, when it has delivered what is there; the first reason stays.
    pub fn end(&mut self, why: End) {
        match self {
            Live::Tail(tail) => tail.end(why),
            Live::Events(events) if why == End::Shutdown => events.end(),
            Live::Events(events) => events.lost(0, why),
        }
    }

    /// How far it is in its file, if there is one.
    pub fn progress(&self) -> Option<(u64, &F)> {
        match self {
            Live::Tail(tail) => Some((tail.offset(), tail.file())),
            Live::Events(events) => events.progress(),
        }
    }

    /// The file must be measured before it may sleep.
    pub fn look(&mut self) {
        match self {
            Live::Tail(tail) => tail.look(),
            Live::Events(events) => events.look(),
        }
    }

    /// What the log says of its end: why, if it does not know better itself. `left`: ready bytes that are not out.
    pub fn ended(&self, end: Option<End>, left: u64) -> Ended {
        match self {
            Live::Tail(tail) => Ended {
                end: end.or(tail.ending()).unwrap_or(End::Left),
                bytes: tail.delivered(),
                events: None,
            },
            Live::Events(events) => Ended {
                end: end.unwrap_or(End::Shutdown),
                bytes: events.delivered(left),
                events: Some(events.path().clone()),
            },
        }
    }

    /// Its response again, to send these bytes, or what [`Tail::measured`] found.
    pub fn into_sending(self, ready: Box<[u8]>) -> Sending<F> {
        Sending {
            ready,
            sent: 0,
            follows: Follows::Live(self),
        }
    }
}

impl<F> Tail<F> {
    fn new(file: F, at: u64, chunked: bool, trailers: bool) -> Tail<F> {
        Tail {
            file,
            from: at,
            at,
            frame: None,
            ending: None,
            look: true,
            chunked,
            trailers,
            finished: false,
        }
    }

    /// Bytes of the file that were delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.at - self.from + self.frame.map_or(0, |frame| frame.file_sent(self.chunked))
    }

    /// The offset in the file of the next byte to be delivered.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.from + self.delivered()
    }

    /// See [`Sending::reach`].
    pub(super) fn reach(&self) -> u64 {
        self.at + self.frame.map_or(0, |frame| u64::from(frame.len()))
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// Why it ends, if it does.
    #[must_use]
    pub fn ending(&self) -> Option<End> {
        self.ending
    }

    /// It ends when it has delivered what is there; the first reason stays.
    pub fn end(&mut self, why: End) {
        self.ending.get_or_insert(why);
    }

    /// The file must be measured before it may sleep.
    pub fn look(&mut self) {
        self.look = true;
    }

    /// See [`Tail::look`].
    #[must_use]
    pub fn must_look(&self) -> bool {
        self.look
    }

    /// Takes a measurement of the file. With [`Measured::Finished`], the last chunk is [`Tail::last_chunk`].
    pub fn measured(&mut self, size: u64, sealed: bool) -> Measured {
        debug_assert!(
            self.frame.is_none() && !self.finished,
            "measured while something is on its way"
        );
        self.look = false;
        if sealed {
            self.end(End::Sealed);
        }
        if size < self.at {
            return Measured::Truncated;
        }
        if size > self.at {
            let len = u32::try_from(size - self.at).map_or(CHUNK_MAX, |len| len.min(CHUNK_MAX));
            self.frame = Some(Frame::new(len));
            self.look = u64::from(len) < size - self.at;
            return Measured::Grown;
        }
        if self.ending.is_none() {
            return Measured::Same;
        }
        self.finished = true;
        if self.chunked {
            Measured::Finished
        } else {
            Measured::FinishedBare
        }
    }

    /// The end of the message.
    #[must_use]
    pub fn last_chunk(&self) -> Box<[u8]> {
        match self.ending {
            Some(end) if self.trailers => end.last_chunk(),
            _ => chunked::LAST.into(),
        }
    }

    /// Whether its bytes are framed.
    #[must_use]
    pub fn chunked(&self) -> bool {
        self.chunked
    }

    /// See [`super::Connection::delivered`].
    pub(super) fn deliver(&mut self, to: u64) {
        debug_assert!(self.may_rest() && self.at < to, "it has somewhere to go");
        self.at = to;
    }

    pub(super) fn may_rest(&self) -> bool {
        self.frame.is_none() && !self.look && self.ending.is_none()
    }

    fn advance(&mut self, n: u64) {
        match &mut self.frame {
            Some(frame) => {
                if frame.advance(n, self.chunked) {
                    self.at += u64::from(frame.len());
                    self.frame = None;
                }
            }
            None => assert!(n == 0, "sent more than was there"),
        }
    }
}
