//! The state ReadingBody: the body of a writing request, until it was written.
//!
//! | stage | waits for | interest | deadline | owns |
//! |---|---|---|---|---|
//! | Reading | the client | readable | header timeout, from the last byte on | the content so far, or what is not stored yet |
//! | Reading, with an interim response | the socket | both | the same | the same |
//! | Complete, Refused | - | - | - | the content |
//! | Postponed | the lock of the file | none | the next try | the content |
//! | Committing | the disk | none | - | nothing |
//!
//! | stage | what happens | next |
//! |---|---|---|
//! | Reading | received, incomplete | Reading; want Store, if it is not kept in memory |
//! | | received, complete | Complete: want Store, then Write |
//! | | received, malformed or too long; timed_out; overloaded | Refused: want Refuse |
//! | | hung_up, failed | Closing(Now): nothing is left of it |
//! | Complete | postponed | Postponed |
//! | | committing | Committing |
//! | Postponed | timer_fired | Complete |
//! | Committing | committed | Complete |
//! | any | written | SendingRange |
//! | any | drain | the same; the connection closes after the response |
//! | any | cut | Closing(Now) |

use super::{Connection, State};
use crate::action::{Action, Bytes, Next, ParsedHead};
use crate::http::request_body::Decoder;
use crate::http::write::WriteHead;
use crate::intent::ParsedRequest;
use crate::limits::{BODY_STEP, HEAD_MAX};
use crate::readiness::Interest;
use crate::receipt::{Receipt, WriteFailure};
use crate::response::{self, Summary, Terms};
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
    head: Box<ParsedHead>,
    decoder: Decoder,
    sink: Sink,
    stage: Stage,
    /// What of an interim response is still to go out.
    interim: &'static [u8],
    /// Content that is kept, or not stored yet.
    content: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Reading,
    Complete,
    Postponed(Moment),
    Committing,
    Refused(WriteFailure),
}

/// RFC 9110 section 15.2.1.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl Receiving {
    fn new(head: Box<ParsedHead>, sink: Sink) -> Receiving {
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
            Stage::Refused(why) => Action::Refuse(why),
            Stage::Postponed(_) | Stage::Committing => Action::Sleep,
            _ if !self.interim.is_empty() => Action::Send(Next {
                before: Bytes::Ready(self.interim),
                file: None,
                after: b"",
            }),
            _ if self.sink == Sink::Store && !self.content.is_empty() => {
                Action::Store(&self.content)
            }
            Stage::Complete => Action::Write(self.request(), &self.content),
            Stage::Reading => Action::Sleep,
        }
    }

    pub(super) fn interest(&self) -> Interest {
        let reading = self.stage == Stage::Reading;
        Interest {
            readable: reading,
            writable: reading && !self.interim.is_empty(),
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
            _ => Moment::NEVER,
        }
    }

    /// Takes bytes from the wire. Gives how many of them belong to the body.
    fn take(&mut self, bytes: &[u8]) -> usize {
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
            Ok(_) if self.decoder.is_done() => {
                self.stage = Stage::Complete;
                // Whoever has sent the body does not wait for the invitation.
                if self.interim.len() == CONTINUE.len() {
                    self.interim = b"";
                }
            }
            Ok(_) => {}
        }
        decoded.unwrap_or(0)
    }

    fn refuse(&mut self, why: WriteFailure) {
        self.stage = Stage::Refused(why);
        self.content = Vec::new();
        if self.interim.len() == CONTINUE.len() {
            self.interim = b"";
        }
    }

    /// Whether the next request begins behind what was read.
    fn is_whole(&self) -> bool {
        self.decoder.is_done() && !matches!(self.stage, Stage::Refused(_))
    }
}

/// Appends a piece, with room for a step more but not for more than the content can become.
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

fn write_head(head: &ParsedHead) -> &WriteHead {
    let asked = head.as_ref().expect("a refusal has no body");
    asked.write_head()
}

/// What can happen to a writing request.
impl<F> Connection<F> {
    /// The request that was asked for may be carried out: its body is read, if there is one.
    pub fn accepted(&mut self, sink: Sink, now: Moment) {
        let State::ReadingHeaders(Some(head)) =
            std::mem::replace(&mut self.state, State::ReadingHeaders(None))
        else {
            unreachable!("accepted, but nothing was asked");
        };
        self.since = now;
        let mut receiving = Receiving::new(head, sink);
        let input = self.input.take();
        let bytes = input
            .as_ref()
            .map_or(b"".as_slice(), |input| input.as_slice());
        let count = receiving.take(bytes);
        self.keep(&bytes[count..]);
        self.state = State::ReadingBody(Box::new(receiving));
    }

    pub(super) fn received_body(&mut self, bytes: &[u8], now: Moment) {
        let State::ReadingBody(receiving) = &mut self.state else {
            unreachable!("a body outside of its state");
        };
        self.since = now;
        let count = receiving.take(bytes);
        self.keep(&bytes[count..]);
    }

    /// What [`Action::Store`] asked for is done.
    pub fn stored(&mut self) {
        self.receiving().content.clear();
    }

    /// What [`Action::Write`] asked for cannot be done before this moment.
    pub fn postponed(&mut self, until: Moment) {
        self.receiving().stage = Stage::Postponed(until);
    }

    /// It is done, and will be answered when it is on disk.
    pub fn committing(&mut self) {
        let receiving = self.receiving();
        receiving.stage = Stage::Committing;
        receiving.content = Vec::new();
    }

    /// It is on disk, or cannot be: [`Action::Write`] comes again.
    pub fn committed(&mut self) {
        self.receiving().stage = Stage::Complete;
    }

    /// There is no memory for the body.
    pub fn overloaded(&mut self) {
        self.receiving().refuse(WriteFailure::Overloaded);
    }

    pub(super) fn body_timed_out(&mut self) {
        let receiving = self.receiving();
        match receiving.stage {
            Stage::Postponed(_) => receiving.stage = Stage::Complete,
            _ => receiving.refuse(WriteFailure::TooSlow),
        }
    }

    /// What became of the request, which is given back, with what is answered, for the log.
    pub fn written<'a>(
        &mut self,
        outcome: Result<Receipt, WriteFailure>,
        terms: impl Into<Terms<'a>>,
    ) -> (Box<ParsedHead>, Summary) {
        let asked = std::mem::replace(&mut self.state, State::ReadingHeaders(None));
        let (head, whole) = match asked {
            State::ReadingHeaders(Some(head)) => {
                let whole = write_head(&head).framing.is_empty();
                (head, whole)
            }
            State::ReadingBody(receiving) => {
                let whole = receiving.is_whole();
                (receiving.head, whole)
            }
            _ => unreachable!("written, but nothing was asked"),
        };
        let request = head.as_ref().as_ref().expect("a request with a body");
        let write = write_head(&head);
        let keep_alive = whole && write.keep_alive && !self.draining;
        let response = response::written::respond(request, write, &outcome, keep_alive, terms);
        let summary = self.begin(response, None);
        (head, summary)
    }

    /// The request whose body is being read, or written.
    #[must_use]
    pub fn body(&self) -> Option<&Receiving> {
        match &self.state {
            State::ReadingBody(receiving) => Some(receiving),
            _ => None,
        }
    }

    fn receiving(&mut self) -> &mut Receiving {
        match &mut self.state {
            State::ReadingBody(receiving) => receiving,
            _ => unreachable!("no body is being read"),
        }
    }

    pub(super) fn sent_interim(&mut self, n: u64) {
        let receiving = self.receiving();
        let n = usize::try_from(n).expect("not more than there was");
        receiving.interim = &receiving.interim[n..];
    }
}
