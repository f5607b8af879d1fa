//! A client that writes, a machine, and a file and a disk that are not real: what was sent as the bodies of requests is what
//! is written, each once, in order, as a whole or not at all; and nothing else is.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use openrange::connection::receiving::Sink;
use openrange::connection::{Action, Connection, Timeouts};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::write::Change;
use openrange::limits::{BODY_STEP, HEAD_MAX};
use openrange::receipt::{Receipt, WriteFailure};
use openrange::resource::Resource;
use openrange::time::Moment;

/// Longest body that is kept in memory.
const APPEND_MAX: u64 = 200;
const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(30),
    idle: Duration::from_secs(60),
};

/// What this world does wrong, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// A byte is lost on the way to the machine.
    LoseByte,
    /// What is stored is stored once more.
    StoreTwice,
    /// A response comes before what it promises is on disk.
    AnswerEarly,
    /// A write that was postponed is carried out all the same.
    WriteTwice,
}

/// A request as the client has built it.
struct Sent {
    content: Vec<u8>,
    /// Its body is malformed, or longer than it may be.
    refused: bool,
    /// Nothing that was sent behind it can be understood.
    last: bool,
    fsync: bool,
    /// Offset of its last byte in all that is sent.
    end: usize,
}

pub struct World<'a> {
    choose: &'a mut dyn FnMut(u64) -> u64,
    fault: Fault,
    machine: Connection<Rc<usize>>,
    now: Moment,
    requests: Vec<Sent>,
    wire: Vec<u8>,
    /// Bytes of the wire that the machine has.
    delivered: usize,
    received: Vec<u8>,
    stored: Vec<u8>,
    /// The numbers of the requests that were carried out.
    written: Vec<usize>,
    /// Of them those that are on disk.
    durable: Vec<usize>,
    /// The request whose data a thread puts on disk.
    committing: Option<usize>,
    /// It is there.
    committed: bool,
    outcomes: BTreeSet<&'static str>,
    gone: bool,
}

impl<'a> World<'a> {
    pub fn new(choose: &'a mut dyn FnMut(u64) -> u64, fault: Fault) -> World<'a> {
        World {
            choose,
            fault,
            machine: Connection::new(Moment(1)),
            now: Moment(1),
            requests: Vec::new(),
            wire: Vec::new(),
            delivered: 0,
            received: Vec::new(),
            stored: Vec::new(),
            written: Vec::new(),
            durable: Vec::new(),
            committing: None,
            committed: false,
            outcomes: BTreeSet::new(),
            gone: false,
        }
    }

    pub fn run(mut self) -> BTreeSet<&'static str> {
        for number in 0..=(self.choose)(5) as usize {
            if self.requests.last().is_some_and(|sent| sent.last) {
                break;
            }
            self.build(number);
        }
        for _ in 0..4000 {
            if self.gone {
                break;
            }
            self.step();
        }
        self.check_responses();
        self.outcomes
    }

    fn build(&mut self, number: usize) {
        let length = (self.choose)(APPEND_MAX + 40) as usize;
        let lure = b"DELETE /in/lure HTTP/1.1\r\nHost: x\r\n\r\n";
        let content: Vec<u8> = lure.iter().copied().cycle().take(length).collect();
        let put = (self.choose)(3) == 0;
        let (chunked, fsync, expects) = (
            (self.choose)(2) == 0,
            (self.choose)(3) == 0,
            (self.choose)(4) == 0,
        );
        let mut head = format!(
            "{} /in/{number} HTTP/1.1\r\nHost: localhost\r\n",
            if put { "PUT" } else { "POST" }
        );
        if fsync {
            head += "Prefer: fsync\r\n";
        }
        if expects {
            head += "Expect: 100-continue\r\n";
        }
        let (body, malformed) = match chunked {
            true => self.chunks(&content),
            false => (content.clone(), false),
        };
        match chunked {
            true => head += "Transfer-Encoding: chunked\r\n",
            false => head += &format!("Content-Length: {length}\r\n"),
        }
        self.wire.extend_from_slice(head.as_bytes());
        self.wire.extend_from_slice(b"\r\n");
        self.wire.extend_from_slice(&body);
        let too_long = !put && length as u64 > APPEND_MAX;
        self.requests.push(Sent {
            refused: malformed || too_long || (!put && content.is_empty()),
            last: malformed || too_long,
            content,
            fsync,
            end: self.wire.len(),
        });
    }

    /// Content in chunks; now and then not quite as it should be.
    fn chunks(&mut self, content: &[u8]) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let count = 1 + (self.choose)(rest.len() as u64) as usize;
            let extension = ["", ";a", " ;b=\"c;d\"", ";e=f"][(self.choose)(4) as usize];
            body.extend_from_slice(format!("{count:x}{extension}\r\n").as_bytes());
            body.extend_from_slice(&rest[..count]);
            body.extend_from_slice(b"\r\n");
            rest = &rest[count..];
        }
        if (self.choose)(12) == 0 {
            self.outcomes.insert("malformed");
            // A last chunk without its size.
            body.extend_from_slice(b"\r\n\r\n\r\n\r\n");
            return (body, true);
        }
        let end = ["0\r\n\r\n", "0;x\r\nA: b\r\nC:\r\n\r\n", "00\r\n\r\n"];
        body.extend_from_slice(end[(self.choose)(3) as usize].as_bytes());
        (body, false)
    }

    fn step(&mut self) {
        self.check_memory();
        match self.machine.action() {
            Action::Open(Ok(asked)) if asked.writes() => {
                let replaces = matches!(asked.write_head().change, Ok(Change::Replace));
                let now = self.now;
                match (self.choose)(30) {
                    0 => {
                        self.outcomes.insert("not permitted");
                        self.answer(Err(WriteFailure::NotWritable));
                    }
                    _ if replaces => {
                        self.stored.clear();
                        self.machine.accepted(Sink::Store, now);
                    }
                    _ => self.machine.accepted(Sink::Memory(APPEND_MAX), now),
                }
            }
            Action::Open(_) => {
                let _ = self
                    .machine
                    .resolved(Resource::Missing, Date::from_seconds(0));
            }
            Action::Store(content) => {
                self.outcomes.insert("stored");
                let content = content.to_vec();
                self.stored.extend_from_slice(&content);
                if self.fault == Fault::StoreTwice {
                    self.stored.extend_from_slice(&content);
                }
                self.machine.stored();
            }
            Action::Write(..) => self.write(),
            Action::Refuse(why) => {
                self.outcomes.insert("refused");
                self.answer(Err(why));
            }
            Action::Send(next) => {
                assert!(next.file.is_none(), "no file is read here");
                let count = 1 + (self.choose)(next.before.len() as u64) as usize;
                self.received.extend_from_slice(&next.before[..count]);
                self.machine.sent(count as u64, self.now);
            }
            Action::Shut => self.machine.shut(self.now),
            Action::Remove { .. } => self.gone = true,
            Action::Sleep => self.happen(),
            Action::Measure(..)
            | Action::Examine(_)
            | Action::Read(..)
            | Action::Follow(_)
            | Action::List { .. } => unreachable!("nobody follows anything here"),
            #[allow(
                unreachable_patterns,
                reason = "other things that nobody asks for here"
            )]
            _ => unreachable!("not asked for here"),
        }
    }

    /// Carries out the request whose body is complete: first it is checked that it is what was sent.
    fn write(&mut self) {
        let Action::Write(asked, content) = self.machine.action() else {
            unreachable!("only asked when it is to be written");
        };
        let name = asked.intent.path().expect("a path").last().to_vec();
        let number: usize = str::from_utf8(&name)
            .ok()
            .and_then(|name| name.parse().ok())
            .expect("a name that was sent");
        let replaces = matches!(asked.write_head().change, Ok(Change::Replace));
        let content = if replaces { &self.stored } else { content };
        let sent = &self.requests[number];
        // What was written is no longer held while it is put on disk.
        if self.committing.is_none() {
            assert_eq!(content, &sent.content, "another content");
        }
        assert!(self.delivered >= sent.end, "before its end was sent");
        assert!(!sent.last, "a body that cannot be understood");
        if let Some(of) = self.committing.take() {
            assert_eq!((of, self.committed), (number, true), "on disk too early");
            self.durable.push(number);
            return self.answer(Ok(receipt()));
        }
        if content.is_empty() && !replaces {
            return self.answer(Err(WriteFailure::Empty));
        }
        if (self.choose)(8) == 0 {
            self.outcomes.insert("postponed");
            if self.fault == Fault::WriteTwice {
                self.written.push(number);
            }
            return self.machine.postponed(self.now + Duration::from_millis(1));
        }
        let after = self.written.last().is_none_or(|last| *last < number);
        assert!(after, "{number} after {:?}", self.written);
        self.written.push(number);
        if self.requests[number].fsync && self.fault != Fault::AnswerEarly {
            self.outcomes.insert("committed");
            self.committing = Some(number);
            self.committed = false;
            return self.machine.committing();
        }
        self.answer(Ok(receipt()));
    }

    fn answer(&mut self, outcome: Result<Receipt, WriteFailure>) {
        let _ = self.machine.written(outcome, Date::from_seconds(0));
    }

    /// Something from outside: more bytes, the disk, time, the end of the client or of the server.
    fn happen(&mut self) {
        match (self.choose)(60) {
            0 => {
                self.outcomes.insert("left");
                return self.machine.peer_gone(self.now);
            }
            1 => {
                let _ = self.machine.drain(self.now);
            }
            2 => {
                self.outcomes.insert("cut");
                return self.machine.cut(self.now);
            }
            _ => {}
        }
        if self.committing.is_some() && !self.committed {
            self.committed = true;
            return self.machine.committed();
        }
        let room = self.machine.room().min(self.wire.len() - self.delivered);
        if room > 0 {
            return self.deliver(room);
        }
        let due = self.machine.deadline(&TIMEOUTS);
        if due == Moment::NEVER {
            return self.machine.peer_gone(self.now);
        }
        self.outcomes.insert("time");
        self.now = self.now.max(due);
        self.machine.timer_fired(self.now);
    }

    fn deliver(&mut self, room: usize) {
        // Mostly small pieces: every split of head and body.
        let most = if (self.choose)(2) == 0 {
            room.min(8)
        } else {
            room
        };
        let count = 1 + (self.choose)(most as u64) as usize;
        let mut piece = self.wire[self.delivered..self.delivered + count].to_vec();
        self.delivered += count;
        if self.fault == Fault::LoseByte && (self.choose)(20) == 0 {
            piece.pop();
        }
        if !piece.is_empty() {
            self.machine.received(&piece, self.now);
        }
    }

    fn check_memory(&self) {
        let held = self.machine.body().map_or(0, |body| body.held());
        let most = APPEND_MAX as usize + 4 * BODY_STEP + 2 * HEAD_MAX;
        assert!(held <= most, "{held} bytes are held");
        assert!(self.machine.waiting() <= HEAD_MAX, "too much waits");
    }

    /// Each 2xx is a request that was carried out, and what was promised to be on disk is there.
    fn check_responses(&mut self) {
        let mut accepted = 0;
        let mut rest = self.received.as_slice();
        while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = str::from_utf8(&rest[..end]).expect("text");
            rest = &rest[end + 4..];
            if head.starts_with("HTTP/1.1 100 ") {
                self.outcomes.insert("invited");
                continue;
            }
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.map_or(0, |length| length.parse().expect("a number"));
            rest = &rest[length.min(rest.len())..];
            if head.starts_with("HTTP/1.1 2") {
                let number = self
                    .written
                    .get(accepted)
                    .copied()
                    .expect("it was carried out");
                if head.contains("Preference-Applied: fsync") {
                    assert!(self.durable.contains(&number), "it is not on disk");
                }
                accepted += 1;
                self.outcomes.insert("accepted");
            }
        }
        assert!(accepted <= self.written.len());
        let mut once = self.written.clone();
        once.dedup();
        assert_eq!(once, self.written, "written twice");
        for number in &self.written {
            assert!(!self.requests[*number].refused, "a request that is refused");
        }
    }
}

fn receipt() -> Receipt {
    Receipt {
        created: false,
        etag: ETag(1),
        size: 0,
        sealed: false,
    }
}
