//! The machine that follows one log: it knows where it is, says what it needs next, and takes the result.
//!
//! It tails the name with `If-Match`, which fails as soon as the name has another file. Then it takes the rest of its
//! generation by `?generation=TAG`, asks which one comes next, and tails the name again, if that is the next one's:
//!
//! | step | response | next step |
//! |---|---|---|
//! | `Tail`: `GET /name`, `If-Match`, `bytes=N-` | 206 | hand over; at the end `Locate` |
//! | | 404, 412 | `Locate` |
//! | | 416 at its very end: sealed | pause, `Tail` |
//! | `Locate`: `HEAD /name?generation=TAG` | 200, longer | `Rest` |
//! | | 200, with a successor | pass to it, `Tail` |
//! | | 200, without | pause, `Tail` |
//! | | 200, of a compressed copy | a gap |
//! | | 404 | `Find` what comes next; a gap, unless it had ended |
//! | `Rest`: `GET /name?generation=TAG`, `bytes=N-M` | 206 | hand over; pass to the successor, or `Locate` |
//! | | 404, 412, 416 | `Locate`; reported when that goes on |
//! | `Find`: `GET /name?generations` | 200 | pass to the next generation, or pause |
//!
//! Whatever else comes is no data and no end: it is reported, and after a growing pause asked again.

use std::collections::VecDeque;

use super::exchange::{self, Broken, Exchange, Progress};
use super::late::{Late, Left};
use super::lines::{Flush, Lines};
use super::offer::{HandOver, Offer};
use super::pause::Pause;
use super::position::Position;
use super::saves::Saves;
use super::settings::{OnGap, Settings, Until};
use super::step::{Content, Purpose, Step};
use crate::http::conditional::ETag;
use crate::http::response::ResponseHead;
use crate::limits::{
    CLIENT_CONNECT_TIMEOUT, CLIENT_LATE_MAX, CLIENT_LOOK, CLIENT_RESPONSE_TIMEOUT, CLIENT_RETRY,
};
use crate::time::Moment;

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Success,
    /// Not; why.
    Failure(String),
    /// A generation is gone; what was lost.
    Gap(String),
}

/// What it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// For a connection.
    Connecting,
    /// For the head of a response.
    ReadingHeaders,
    /// For content, or for content to be handed over.
    Receiving,
    /// For a pause to be over.
    Pausing,
}

/// One of the things that only the driver can do.
#[derive(Debug, PartialEq, Eq)]
pub enum Task<'a> {
    /// Show this line: [`Follower::reported`].
    Report(&'a str),
    /// Save this position: [`Follower::saving`], and [`Follower::saved`] when it is on disk.
    Save(Position),
    /// Hand these bytes over: [`Follower::handed_over`].
    HandOver(HandOver<'a>),
    /// End.
    Finish(&'a Outcome),
    /// Nothing now.
    None,
}

/// Which of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// For the log.
    Main,
    /// For looks for late writes.
    Late,
    /// For those of the generation that it has left last.
    LateTail,
}

/// See the module.
#[derive(Debug)]
pub struct Follower {
    pub(super) settings: Settings,
    pub(super) position: Position,
    pub(super) step: Step,
    pub(super) main: Exchange,
    /// When the pause before [`Follower::step`] is over.
    pub(super) pausing: Option<Moment>,
    pub(super) timeout: Moment,
    pub(super) retry: Pause,
    pub(super) look: Pause,
    pub(super) head: Option<Box<ResponseHead>>,
    pub(super) content: Content,
    pub(super) late: Late,
    pub(super) lines: Option<Lines>,
    /// The generation to go on with when everything of this one was handed over.
    pub(super) passing: Option<ETag>,
    /// How it ends when everything was handed over.
    pub(super) ending: Option<Outcome>,
    pub(super) stopped: bool,
    /// The name has passed on from the generation, and everything from before that came; see [`Position::ended`].
    pub(super) over: bool,
    /// So long its last line may still be completed.
    pub(super) line_until: Moment,
    /// The name has passed on from the generation, as far as is known.
    pub(super) left: bool,
    /// Another file had the name when that was asked for last.
    pub(super) passed_on: bool,
    /// What is left of the generation is a compressed copy.
    pub(super) is_copy: bool,
    /// Since the connection was established, the server has said that the generation has the bytes that were read.
    pub(super) proven: bool,
    /// When the tail under way began.
    pub(super) tailing_since: Moment,
    /// How often in a row the generation was not there.
    pub(super) missed: u32,
    /// How often in a row a request found the generation, and the next one did not.
    pub(super) denied: u32,
    /// The last request for its bytes failed.
    pub(super) unserved: bool,
    pub(super) offer: Option<Offer>,
    pub(super) reports: VecDeque<String>,
    pub(super) complaint: Option<String>,
    /// It was reported that there is no connection.
    pub(super) lost: bool,
    pub(super) saves: Saves,
    /// All that was handed over.
    pub(super) bytes: u64,
    /// The size of the generation, as the server reported it last.
    pub(super) size: Option<u64>,
    pub(super) now: Moment,
}

impl Follower {
    /// Begins at a position, or where the settings say.
    #[must_use]
    pub fn new(settings: Settings, position: Option<Position>, now: Moment) -> Follower {
        let known = position.is_some();
        let mut position = position.unwrap_or_default();
        let late = std::mem::take(&mut position.late);
        let step = match position.generation {
            Some(_) => Step::Tail,
            None => Step::Find(if known { Purpose::Next } else { Purpose::Start }),
        };
        let late_period = settings.line_patience();
        let mut follower = Follower {
            late: Late::new(settings.late, late, now),
            lines: settings.batching.map(Lines::new),
            settings,
            step,
            main: Exchange::default(),
            pausing: None,
            timeout: Moment::NEVER,
            retry: Pause::new(CLIENT_RETRY),
            look: Pause::new(CLIENT_LOOK),
            head: None,
            content: Content::Log,
            passing: None,
            ending: None,
            stopped: false,
            passed_on: false,
            is_copy: false,
            proven: false,
            over: position.ended,
            // The log may have been rolled within it just now.
            line_until: now + late_period,
            left: position.ended,
            tailing_since: Moment::NEVER,
            missed: 0,
            denied: 0,
            unserved: false,
            offer: None,
            reports: VecDeque::new(),
            complaint: None,
            lost: false,
            saves: Saves::new(known, now),
            bytes: 0,
            size: None,
            position,
            now,
        };
        follower.enter(step);
        follower.run(now);
        follower
    }

    /// What it waits for.
    #[must_use]
    pub fn state(&self) -> State {
        match self.main.state() {
            _ if self.pausing.is_some() => State::Pausing,
            exchange::State::Connecting => State::Connecting,
            exchange::State::ReadingHeaders => State::ReadingHeaders,
            exchange::State::Receiving => State::Receiving,
            exchange::State::Idle => State::Pausing,
        }
    }

    /// Where it is: everything before was handed over.
    #[must_use]
    pub fn position(&self) -> Position {
        let mut position = self.position.clone();
        position.late = self.late.places();
        position
    }

    /// Bytes that it handed over since it began.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that are missing to what the server has, as far as that is known.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        self.size
            .map(|size| size.saturating_sub(self.position.offset))
    }

    /// One of its connections. Whoever tells it something calls [`Follower::run`] after that.
    pub fn exchange(&mut self, link: Link) -> &mut Exchange {
        match link {
            Link::Main => &mut self.main,
            Link::Late => &mut self.late.exchange,
            Link::LateTail => self.late.tail(),
        }
    }

    /// Takes what was told to the exchanges, and what the time brings.
    pub fn run(&mut self, now: Moment) {
        self.now = now;
        if self.pausing.is_some_and(|until| until <= now) {
            self.pausing = None;
            self.enter(self.step);
        }
        if self.timeout <= now && self.pausing.is_none() {
            self.timed_out();
        }
        self.run_main();
        self.late.away = self.lost;
        if !self.stopped && self.late.run(&self.settings.requests, now) {
            self.saves.moved(false);
        }
        if let Some((tag, left)) = self.late.left() {
            let line = match left {
                Left::Bytes(count) => format!(
                    "{count} late bytes of generation {tag} have no line end and were left out"
                ),
                Left::Unknown => format!(
                    "no response tells whether generation {tag} has late bytes: they are left out"
                ),
                Left::Rest => format!(
                    "generation {tag} is gone, and with it the rest of a late line that has begun"
                ),
                Left::Lost(count) => format!(
                    "generation {tag} was compressed before its last {count} bytes were read: they are lost"
                ),
            };
            match (left, self.settings.on_gap) {
                (Left::Lost(_), OnGap::Fail) if self.ending.is_none() => {
                    self.end(Outcome::Gap(line), Flush::All);
                }
                _ => self.report(line),
            }
        }
        self.pass_on();
    }

    fn run_main(&mut self) {
        while !self.stopped {
            match self.main.progress() {
                Progress::None => break,
                Progress::Head(head) => self.responded(head),
                Progress::Content if self.content == Content::Log => {
                    if !self.gather() {
                        break;
                    }
                }
                Progress::Content => self.read_document(),
                Progress::Whole(tail_end) => self.answered(tail_end.as_deref()),
                Progress::Broken(Broken::Stale) => self.enter(self.step),
                // Nothing else ends such a body.
                Progress::Broken(_) if self.tells_why() && !self.main.is_delimited() => {
                    self.told_enough();
                }
                Progress::Broken(why) => self.connection_lost(why),
            }
        }
    }

    /// Puts content with the lines that wait; false: it must wait itself.
    fn gather(&mut self) -> bool {
        self.progressed();
        let Some(lines) = &mut self.lines else {
            return false;
        };
        let content = self.main.content();
        let count = content.len().min(lines.room());
        lines.add(&content[..count], self.now);
        self.main.take(count);
        count > 0
    }

    /// A response came that is one: failures before it are forgotten.
    pub(super) fn progressed(&mut self) {
        self.retry.reset();
        self.complaint = None;
        self.responds();
    }

    /// One came of which the content is to come yet.
    pub(super) fn responds(&mut self) {
        if std::mem::take(&mut self.lost) {
            self.report("connected again".into());
        }
        (self.missed, self.denied, self.unserved) = (0, 0, false);
        if self.timeout < Moment::NEVER {
            self.timeout = self.now + CLIENT_RESPONSE_TIMEOUT;
        }
    }

    fn timed_out(&mut self) {
        if self.tells_why() {
            return self.told_enough();
        }
        if self.main.state() == exchange::State::Receiving && !self.main.content().is_empty() {
            // It is not the server that is slow.
            self.timeout = self.now + CLIENT_RESPONSE_TIMEOUT;
            return;
        }
        let why = match self.main.state() {
            exchange::State::Connecting => "no connection within 10 s",
            _ => "no response within 60 s",
        };
        self.main.abandon();
        self.connection_lost(Broken::Lost(why.into()));
    }

    /// Asks for something.
    pub(super) fn enter(&mut self, step: Step) {
        debug_assert!(self.pausing.is_none());
        self.step = step;
        if self.stopped {
            return;
        }
        let requests = &self.settings.requests;
        let (offset, check) = (self.offset(), self.check());
        let request = match (step, self.position.generation) {
            (Step::LastLines(count), _) => requests.last_lines(count),
            (Step::Find(_), _) | (_, None) => requests.list(),
            (Step::Measure, Some(tag)) => requests.measure(tag),
            (Step::Tail, Some(tag)) if self.settings.until == Until::CaughtUp => {
                self.step = Step::Measure;
                requests.measure(tag)
            }
            (Step::Tail, Some(tag)) => requests.tail(tag, offset, check),
            (Step::Locate, Some(tag)) => requests.locate(tag),
            (Step::Rest { end, .. }, Some(tag)) => requests.slice(tag, offset, end, check),
            (Step::Reason, Some(tag)) => requests.reason(tag),
        };
        self.content = Content::Document(Vec::new());
        self.head = None;
        self.main.request(request);
        self.timeout = self.now
            + match self.main.state() {
                exchange::State::Connecting => CLIENT_CONNECT_TIMEOUT,
                _ => CLIENT_RESPONSE_TIMEOUT,
            };
    }

    /// The connection is established. Tests, which have no transport, report it here: it tells the exchange of it too.
    pub fn connected(&mut self, link: Link, now: Moment) {
        self.exchange(link).connected();
        self.established(link, now);
    }

    /// The exchange knows that its connection is established: from now on the response timeout runs.
    pub fn established(&mut self, link: Link, now: Moment) {
        if link == Link::Main {
            self.timeout = now + CLIENT_RESPONSE_TIMEOUT;
        }
    }

    /// Asks for something after a pause.
    pub(super) fn pause(&mut self, step: Step, until: Moment) {
        debug_assert_eq!(self.main.state(), exchange::State::Idle);
        (self.step, self.pausing, self.timeout) = (step, Some(until), Moment::NEVER);
    }

    /// Goes on with another generation, once everything of this one is handed over.
    pub(super) fn pass_to(&mut self, next: ETag) {
        self.passing = Some(next);
        self.timeout = Moment::NEVER;
        self.flush(Flush::All);
    }

    fn pass_on(&mut self) {
        let Some(next) = self.passing else {
            return;
        };
        let late = !self.settings.late.is_zero() && !self.is_copy;
        if !self.is_drained()
            || self.offer.is_some()
            || self.late.is_midway()
            || self.late.is_waiting()
            || late && self.late.count() >= CLIENT_LATE_MAX
        {
            return;
        }
        self.passing = None;
        let left = self.position.as_late();
        if let Some(left) = left.filter(|left| late && left.etag != next) {
            self.late.follow(left, self.now);
        }
        self.position.pass_to(next);
        self.arrived();
        // It has come back: what it had when the log left it does not come again.
        if let Some(place) = self.late.take_out(next) {
            (self.position.offset, self.position.before) = (place.offset, place.before);
        }
        self.enter(Step::Tail);
    }

    /// The position is another one.
    pub(super) fn arrived(&mut self) {
        self.flush(Flush::No);
        self.look.reset();
        (self.over, self.left, self.passed_on) = (false, false, false);
        self.line_until = self.now;
        (self.is_copy, self.proven) = (false, false);
        self.position.midline = false;
        self.size = None;
        self.changed(true);
    }

    /// The moment that its driver reported last.
    pub(super) fn now(&self) -> Moment {
        self.now
    }
}
