//! The machine while it reads the body of a writing request: what can happen to it. The table is in `receiving`.

use super::close_mode::CloseMode;
use super::receiving::{Receiving, Sink, Stage, write_head};
use super::state::{Connection, State};
use crate::action::ParsedHead;
use crate::http::target::Path;
use crate::intent::{Answer, Intent};
use crate::receipt::{Receipt, WriteFailure};
use crate::response::{self, Summary, Terms};
use crate::subscription::end::End;
use crate::time::Moment;

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
        let input = self.input.take().map_or(Vec::new(), |input| *input);
        let rest = receiving.take_first(input);
        self.keep(&rest);
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

    /// What [`Action::Store`](crate::action::Action::Store) asked for is done.
    pub fn stored(&mut self) {
        self.receiving().content.clear();
    }

    /// What [`Action::Write`](crate::action::Action::Write) asked for cannot be done before this moment.
    pub fn postponed(&mut self, until: Moment) {
        self.receiving().stage = Stage::Postponed(until);
    }

    /// It is done, and will be answered when it is on disk.
    pub fn committing(&mut self) {
        let receiving = self.receiving();
        receiving.stage = Stage::Committing;
        receiving.content = Vec::new();
    }

    /// It is on disk, or cannot be: [`Action::Write`](crate::action::Action::Write) comes again.
    pub fn committed(&mut self) {
        self.receiving().stage = Stage::Complete;
    }

    /// There is no memory for the body.
    pub fn overloaded(&mut self) {
        self.receiving().refuse(WriteFailure::Overloaded);
    }

    pub(super) fn body_timed_out(&mut self, now: Moment) {
        let receiving = self.receiving();
        match receiving.stage {
            Stage::Postponed(_) => receiving.stage = Stage::Complete,
            Stage::Reading => receiving.refuse(WriteFailure::TooSlow),
            _ => self.close(CloseMode::Now, End::Stalled, now),
        }
    }

    /// The request has made a job, and is answered by what this leads to, which is to be looked up.
    pub fn answered_by(&mut self, path: Path) {
        let asked = std::mem::replace(&mut self.state, State::ReadingHeaders(None));
        let State::ReadingBody(receiving) = asked else {
            unreachable!("answered, but no body was read");
        };
        let whole = receiving.is_whole();
        let mut head = receiving.head;
        let asked = head.as_mut().as_mut().expect("a request with a body");
        asked.request.keep_alive = whole && asked.write_head().keep_alive;
        let preferences = &asked.write_head().preferences;
        asked.intent = Intent::Answer(Answer {
            path,
            respond_async: preferences.respond_async,
            wait: preferences.wait.unwrap_or(0),
        });
        self.state = State::ReadingHeaders(Some(head));
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

    /// What the request names that is being written, or would be.
    #[must_use]
    pub fn written_path(&self) -> Option<&Path> {
        let head = match &self.state {
            State::ReadingHeaders(Some(head)) => head,
            State::ReadingBody(receiving) => &receiving.head,
            _ => return None,
        };
        write_head(head).path()
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
