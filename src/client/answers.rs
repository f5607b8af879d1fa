//! What the responses mean to a [`Follower`].

use super::expected::{Expected, Unusable, same_file};
use super::follower::{Follower, Outcome};
use super::generations::Generations;
use super::in_words::{first_line, is_directory};
use super::lines::Flush;
use super::settings::Until;
use super::step::{Content, Purpose, Step};
use crate::http::conditional::ETag;
use crate::http::response::{ContentRange, ResponseHead};
use crate::limits::{CLIENT_DOCUMENT_MAX, CLIENT_REASON_TIMEOUT, CLIENT_RESPONSE_TIMEOUT};
use crate::time::Moment;

impl Follower {
    /// The head of a response is there: is its body content?
    pub(super) fn responded(&mut self, head: Box<ResponseHead>) {
        let content = match (self.step, head.status) {
            (Step::Tail, 206) => self.judge_tail(&head).map(|live| {
                if live {
                    self.timeout = Moment::NEVER;
                }
                Content::Log
            }),
            (Step::Rest { end, .. }, 206) => self.judge_rest(&head, end).map(|()| Content::Log),
            _ => Ok(Content::Document(Vec::new())),
        };
        match content {
            Ok(content) => {
                if content == Content::Log {
                    self.proven = true;
                    self.position.ended = false;
                    if self.step == Step::Tail {
                        (self.left, self.over) = (false, false);
                        self.late.stay();
                        self.tailing_since = self.now();
                    }
                    self.responds();
                }
                (self.content, self.head) = (content, Some(head));
                if self.tells_why() {
                    self.timeout = self.now() + CLIENT_REASON_TIMEOUT;
                }
            }
            Err(why) => {
                self.main.abandon();
                self.refused(&why);
            }
        }
    }

    /// Whether these are the bytes that were asked for, and whether they are live.
    fn judge_tail(&self, head: &ResponseHead) -> Result<bool, Unusable> {
        let end = self.expects(None).judge(head)?;
        Ok(end.is_none())
    }

    /// The same for a part, which must be all that was asked for: what follows it may be of another generation.
    fn judge_rest(&self, head: &ResponseHead, end: u64) -> Result<(), Unusable> {
        let expected = self.expects(Some(end));
        match expected.judge(head)? {
            Some(came) if came == end => Ok(()),
            _ => Err(expected.other(head.range)),
        }
    }

    fn expects(&self, end: Option<u64>) -> Expected {
        Expected {
            etag: self.position.generation,
            first: self.offset(),
            end,
        }
    }

    fn judge_tag(&self, head: &ResponseHead) -> Result<(), Unusable> {
        same_file(head, self.position.generation)
    }

    /// Reads on in a document.
    pub(super) fn read_document(&mut self) {
        let bytes = self.main.content();
        let count = bytes.len();
        if let Content::Document(document) = &mut self.content {
            document.extend_from_slice(bytes);
            if document.len() > CLIENT_DOCUMENT_MAX {
                if self.tells_why() {
                    return self.told_enough();
                }
                self.main.abandon();
                return self.refused("a document of more than 1 MiB");
            }
        }
        self.main.take(count);
        if !self.tells_why() {
            // It is coming, and there is an end to how much may come.
            self.timeout = self.now() + CLIENT_RESPONSE_TIMEOUT;
        }
    }

    /// Whether the head of the response under way says all that matters: the body only says why, and need not come to its end.
    pub(super) fn tells_why(&self) -> bool {
        let (is_document, head) = (self.content != Content::Log, self.head.as_ref());
        is_document
            && head.is_some_and(|head| !matches!((self.step, head.status), (Step::Find(_), 200)))
    }

    /// The body of such a response is not waited for any longer, or its connection has ended.
    pub(super) fn told_enough(&mut self) {
        self.main.abandon();
        self.proven = false;
        self.answered(None);
    }

    /// The whole response is there, or as much of it as matters.
    pub(super) fn answered(&mut self, tail_end: Option<&str>) {
        let Some(head) = self.head.take() else {
            return;
        };
        let content = std::mem::replace(&mut self.content, Content::Document(Vec::new()));
        let Content::Document(document) = content else {
            return self.content_over(&head, tail_end);
        };
        match (self.step, head.status) {
            (Step::Tail | Step::Rest { .. }, 412) if self.has_other_bytes(&head) => {
                self.begun_again("was truncated or overwritten");
            }
            (Step::Tail | Step::Measure, status @ (404 | 412)) => {
                // It left while nobody looked.
                self.proven &= self.left;
                if !self.left {
                    self.line_until = self.now() + self.settings.line_patience();
                }
                self.left = true;
                self.passed_on = status == 412;
                self.enter(Step::Locate);
            }
            (Step::Tail, 416) => self.at_end(&head),
            (Step::Measure, 200) => self.measured(&head),
            (Step::Locate, 200) => self.located(&head),
            (Step::Locate, 404) => self.not_located(&head),
            (Step::Rest { .. }, status @ (404 | 412 | 416)) => {
                self.proven |= status == 416;
                match self.is_denied_again() {
                    true => self.refused_with(status, &document, head.retry_after),
                    false => self.enter(Step::Locate),
                }
            }
            (Step::Find(purpose), 200) => match Generations::parse(&document) {
                Some(list) => self.found(&list, purpose),
                None => self.refused("no list of generations"),
            },
            (Step::Find(Purpose::Start), 301) if is_directory(&document) => {
                let what = "it is a directory; follow one of its files, or openrange mirror it, with a slash at its end";
                self.end(Outcome::Failure(what.into()), Flush::No);
            }
            (Step::Find(purpose), 404) => self.nothing_found(purpose, &document),
            (Step::LastLines(_), 200 | 206 | 416) => self.last_lines(&head),
            (Step::Reason, 404) => self.gone(&first_line(&document)),
            (Step::Reason, 200 | 206 | 416) if self.is_denied_again() => {
                self.refused("GET finds the generation, and HEAD does not");
            }
            // It is there again.
            (Step::Reason, 200 | 206 | 416) => self.enter(Step::Locate),
            (_, status) => self.refused_with(status, &document, head.retry_after),
        }
    }

    /// Content came to its proper end.
    fn content_over(&mut self, head: &ResponseHead, tail_end: Option<&str>) {
        match (self.step, head.range) {
            (Step::Rest { .. }, _) if !self.left && self.settings.until == Until::CaughtUp => {
                self.end(Outcome::Success, Flush::Lines);
            }
            (Step::Rest { next, .. }, _) => match next {
                Some(next) if !self.awaits_line_end() => self.successor(next),
                _ => self.enter(Step::Locate),
            },
            (_, Some(ContentRange::Slice { .. })) => self.sealed(),
            _ => match tail_end {
                Some("shutdown") => {
                    self.tail_is_over();
                    let until = self.retry.begin(self.now());
                    self.pause(Step::Tail, until);
                }
                Some("sealed") => self.sealed(),
                // A proxy may have taken the reason away.
                reason => {
                    self.left = reason.is_some();
                    self.over = self.left;
                    self.line_until = self.now() + self.settings.line_patience();
                    self.prepare_late();
                    self.enter(Step::Locate);
                }
            },
        }
    }

    /// Nothing will be appended, and there is nothing that was not read.
    fn sealed(&mut self) {
        self.over = true;
        self.generation_ended();
        if self.ending.is_none() {
            let until = self.look.begin(self.now());
            self.pause(Step::Tail, until);
        }
    }

    /// The generation is over: it may be what was waited for.
    fn generation_ended(&mut self) {
        self.flush(Flush::All);
        if self.is_drained() && !self.position.ended {
            self.position.ended = true;
            self.changed(false);
        }
        if self.settings.until == Until::End {
            self.end(Outcome::Success, Flush::All);
        }
    }

    /// 416: there is nothing behind the position.
    fn at_end(&mut self, head: &ResponseHead) {
        match head.range {
            Some(ContentRange::Unsatisfied { size }) if size == self.offset() => self.sealed(),
            Some(ContentRange::Unsatisfied { size }) if size < self.offset() => {
                self.begun_again(&format!("was truncated to {size} bytes"));
            }
            _ => self.refused("416 for a range that is within the file"),
        }
    }

    /// `--until-caught-up`: what is the end now?
    fn measured(&mut self, head: &ResponseHead) {
        if let Err(why) = self.judge_tag(head) {
            return self.refused(&why);
        }
        self.progressed();
        self.left = false;
        let Some(size) = head.length else {
            return self.refused("no length");
        };
        let (offset, end) = (self.offset(), size + self.more_to_ask(size));
        match end {
            _ if size < offset => self.begun_again(&format!("was truncated to {size} bytes")),
            _ if end == offset => self.end(Outcome::Success, Flush::Lines),
            _ => self.enter(Step::Rest { end, next: None }),
        }
    }

    /// How many bytes behind the end of a file of that size to ask for. If it has nothing more than the position, what precedes
    /// that may have been overwritten: a request for one byte more shows it, as each request for bytes has the check.
    fn more_to_ask(&self, size: u64) -> u64 {
        u64::from(size == self.offset() && !self.proven && self.check().is_some())
    }

    /// The generation is there, under whatever name.
    fn located(&mut self, head: &ResponseHead) {
        if let Err(why) = self.judge_tag(head) {
            return self.refused(&why);
        }
        let Some(size) = head.length else {
            return self.refused("no length");
        };
        let offset = self.offset();
        let more = self.more_to_ask(size);
        // Where its bytes were refused, only these are progress.
        if self.denied == 0 && !self.unserved || size + more <= offset {
            self.progressed();
        }
        // The one before it named it as the next one, but its bytes are not those that were written.
        self.is_copy = self.settings.requests.is_compressed(&head.location);
        if self.is_copy {
            return self.gap("is left only as a compressed copy");
        }
        if size < offset {
            return self.begun_again(&format!("was truncated to {size} bytes"));
        }
        if size + more > offset {
            return self.enter(Step::Rest {
                end: size + more,
                next: head.successor,
            });
        }
        match head.successor {
            Some(_) if self.awaits_line_end() => {
                let until = self.look.begin(self.now());
                self.pause(Step::Locate, until.min(self.line_until));
            }
            Some(next) => self.successor(next),
            None => {
                if self.left && !self.awaits_line_end() {
                    self.generation_ended();
                }
                // Another file has the name, so one between the two is gone: only the list shows it.
                if self.ending.is_none() && std::mem::take(&mut self.passed_on) {
                    return self.enter(Step::Find(Purpose::Next));
                }
                if self.settings.until == Until::CaughtUp {
                    self.end(Outcome::Success, Flush::Lines);
                }
                if self.ending.is_none() {
                    let until = self.look.begin(self.now());
                    self.pause(Step::Tail, until);
                }
            }
        }
    }

    /// Everything of this generation was read, and this is the next one. Where times alone tell the order, the server may
    /// take a late write for that of a later file: what came before does not come again.
    fn successor(&mut self, next: ETag) {
        self.generation_ended();
        match self.ending {
            Some(_) => {}
            None if self.position.knows(next) => self.enter(Step::Find(Purpose::Next)),
            None => self.pass_to(next),
        }
    }

    fn not_located(&mut self, head: &ResponseHead) {
        let over = self.over || self.position.ended;
        match head.successor {
            Some(next) if over => self.successor(next),
            _ if over => {
                self.generation_ended();
                if self.ending.is_none() {
                    self.enter(Step::Find(Purpose::Next));
                }
            }
            _ => self.enter(Step::Find(Purpose::Verify)),
        }
    }

    /// 412 with the tag of the generation: it is not the tag that does not match.
    fn has_other_bytes(&self, head: &ResponseHead) -> bool {
        let tag = head.etag;
        self.check().is_some() && tag.is_some() && tag == self.position.generation
    }
}
