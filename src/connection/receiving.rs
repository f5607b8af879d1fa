//! The state ReadingBody: the body of a writing request, until it was written.
//!
//! | stage | waits for | interest | deadline | owns |
//! |---|---|---|---|---|
//! | Reading | the client | readable | header timeout, from the last byte on | the content so far, or what is not stored yet |
//! | Reading, with an interim response | the socket | both | the same | the same |
//! | Complete, Refused | -, or the socket for the rest of an interim response | none, or writable | - | the content |
//! | Postponed | the lock of the file | none | the next try | the content |
//! | Committing | the disk | none | - | nothing |
//!
//! | stage | what happens | next |
//! |---|---|---|
//! | Reading | received, incomplete | Reading; Store, if it is not kept in memory |
//! | | received, complete | Complete: Store, then Write |
//! | | received, malformed or too long; timed_out; overloaded | Refused: Refuse |
//! | | peer_gone | Closing(Now): nothing is left of it |
//! | Complete | postponed | Postponed |
//! | | committing | Committing |
//! | Postponed | timer_fired | Complete |
//! | Committing | committed | Complete |
//! | any | written | SendingRange |
//! | any | drain | the same; the connection closes after the response |
//! | any | cut | Closing(Now) |

use crate::action::{Action, Bytes, Next, ParsedHead};
use crate::http::request_body::Decoder;
use crate::http::write::WriteHead;
use crate::intent::ParsedRequest;
use crate::limits::{BODY_STEP, HEAD_MAX};
use crate::readiness::Interest;
use crate::receipt::WriteFailure;
use crate::time::Moment;

/// What becomes of content as it arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// It is kept until it is complete, up to so many bytes.
    Memory(u64),
    /// It is stored as it comes.
    Store,
}

/// A request whose body is being read.
#[derive(Debug)]
pub struct Receiving {
    /// Never a refusal.
    pub(super) head: Box<ParsedHead>,
    pub(super) decoder: Decoder,
    pub(super) sink: Sink,
    pub(super) stage: Stage,
    /// What of an interim response is still to go out.
    pub(super) interim: &'static [u8],
    /// Content that is kept, or not stored yet.
    pub(super) content: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Reading,
    Complete,
    Postponed(Moment),
    Committing,
    Refused(WriteFailure),
}

/// RFC 9110 section 15.2.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Receiving {
    pub(super) fn new(head: Box<ParsedHead>, sink: Sink) -> Receiving {
        let write = write_head(&head);
        Receiving {
            decoder: Decoder::new(write.framing),
            interim: match write.expects_continue {
                true => CONTINUE,
                false => b"",
            },
            head,
            sink,
            stage: Stage::Reading,
            content: Vec::new(),
        }
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &ParsedRequest {
        self.head.as_ref().as_ref().expect("a request with a body")
    }

    /// Memory that the content holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.content.capacity()
    }

    pub(super) fn action<F>(&self) -> Action<'_, F> {
        match self.stage {
            Stage::Postponed(_) | Stage::Committing => Action::Sleep,
            // Half of it must not be followed by anything else.
            _ if !self.interim.is_empty() => Action::Send(Next {
                before: Bytes::Ready(self.interim),
                file: None,
                after: b"",
            }),
            _ if self.sink == Sink::Store && !self.content.is_empty() => {
                Action::Store(&self.content)
            }
            Stage::Complete => Action::Write(self.request(), &self.content),
            Stage::Refused(why) => Action::Refuse(why),
            Stage::Reading => Action::Sleep,
        }
    }

    pub(super) fn interest(&self) -> Interest {
        Interest {
            readable: self.stage == Stage::Reading,
            writable: !self.interim.is_empty(),
        }
    }

    pub(super) fn room(&self) -> usize {
        let stored = self.sink != Sink::Store || self.content.len() < HEAD_MAX;
        match self.stage {
            Stage::Reading if stored => HEAD_MAX,
            _ => 0,
        }
    }

    pub(super) fn deadline(&self, timeout: Moment) -> Moment {
        match self.stage {
            Stage::Reading => timeout,
            Stage::Postponed(until) => until,
            // A client that does not even take the invitation.
            Stage::Complete | Stage::Refused(_) if !self.interim.is_empty() => timeout,
            _ => Moment::NEVER,
        }
    }

    /// Takes bytes from the wire. Returns how many of them belong to the body.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let (content, sink) = (&mut self.content, self.sink);
        let length = write_head(&self.head).framing.length();
        let mut too_long = false;
        let decoded = self.decoder.decode(bytes, |piece| {
            let all = content.len() as u64 + piece.len() as u64;
            match sink {
                Sink::Memory(most) if all > most => too_long = true,
                _ => append(content, piece, length),
            }
        });
        match decoded {
            Err(why) => self.refuse(WriteFailure::Malformed(why.0)),
            Ok(_) if too_long => self.refuse(WriteFailure::TooLong),
            Ok(_) => self.note_end(),
        }
        decoded.unwrap_or(0)
    }

    /// Takes what came behind the head. A whole body, as most come, is not copied. Returns what does not belong to the body.
    pub(super) fn take_first(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = bytes.len() as u64;
        let fits = match self.sink {
            Sink::Memory(most) => length <= most,
            Sink::Store => true,
        };
        if fits && write_head(&self.head).framing.length() == Some(length) {
            // A body of this length takes whatever bytes it has.
            let _ = self.decoder.decode(&bytes, |_| ());
            self.content = bytes;
            self.note_end();
            return Vec::new();
        }
        let count = self.take(&bytes);
        bytes.drain(..count);
        bytes
    }

    fn note_end(&mut self) {
        if !self.decoder.is_done() {
            return;
        }
        self.stage = Stage::Complete;
        // A client that has sent the body does not wait for the invitation.
        if self.interim.len() == CONTINUE.len() {
            self.interim = b"";
        }
    }

    pub(super) fn refuse(&mut self, why: WriteFailure) {
        self.stage = Stage::Refused(why);
        self.content = Vec::new();
        if self.interim.len() == CONTINUE.len() {
            self.interim = b"";
        }
    }

    /// Whether the next request begins behind what was read.
    pub(super) fn is_whole(&self) -> bool {
        self.decoder.is_done() && !matches!(self.stage, Stage::Refused(_))
    }
}

/// Appends a piece, and reserves a step more, but not more than the content can become.
fn append(content: &mut Vec<u8>, piece: &[u8], length: Option<u64>) {
    let all = content.len() + piece.len();
    if all > content.capacity() {
        let most = length.and_then(|length| usize::try_from(length).ok());
        let room = (all / 4).clamp(BODY_STEP, 4 * BODY_STEP);
        let room = all.saturating_add(room).min(most.unwrap_or(usize::MAX));
        content.reserve_exact(room.max(all) - content.len());
    }
    content.extend_from_slice(piece);
}

pub(super) fn write_head(head: &ParsedHead) -> &WriteHead {
    let asked = head.as_ref().expect("a refusal has no body");
    asked.write_head()
}
