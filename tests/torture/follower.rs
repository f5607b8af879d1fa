//! Follows one topic and verifies every byte.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crate::client::{Connection, Filled, reason};
use crate::content::{Reading, Rng};
use crate::support::reader::{Head, Piece};
use crate::topic::{BOUND, Ticket, Topic};
use crate::world::World;

/// How a follower behaves.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub http10: bool,
    pub keep_alive: bool,
    pub trailers: bool,
    /// A small receive buffer, and pauses.
    pub slow: bool,
    /// Breaks off or half-closes, and returns.
    pub leaves: bool,
    /// Asks for the whole file as it is.
    pub whole: bool,
}

impl Manner {
    /// One of them each.
    pub fn of(id: usize) -> Manner {
        Manner {
            http10: id % 5 == 1,
            keep_alive: id.is_multiple_of(2),
            trailers: id.is_multiple_of(3),
            slow: id % 7 == 2,
            leaves: id % 4 == 3,
            whole: id % 11 == 5,
        }
    }
}

/// Where a follower goes on.
pub struct Position {
    pub reading: Reading,
    pub tag: Option<String>,
    pub epoch: u64,
    pub up: u64,
}

pub struct Follower<'a> {
    pub world: &'a World,
    pub topic: &'a Topic,
    pub id: usize,
    /// It must have every generation, and its writer waits for it.
    pub dedicated: bool,
    pub manner: Manner,
    pub rng: Rng,
    pub position: Position,
    pub connection: Option<Connection>,
    /// The file that it has to its end.
    pub finished: Option<(String, usize)>,
}

/// How an answer ended.
#[derive(Debug)]
pub enum Ended {
    /// Properly.
    Clean(Option<String>),
    Reset,
    /// By a FIN that is no end.
    Fin,
    /// By us.
    Left,
}

/// One answer.
pub struct Answer<'t> {
    pub ticket: &'t Ticket<'t>,
    pub up: u64,
    pub tail: bool,
    /// Its end is that of the connection.
    pub until_close: bool,
    pub tag: String,
}

impl<'a> Follower<'a> {
    pub fn new(world: &'a World, topic: &'a Topic, id: usize, dedicated: bool) -> Follower<'a> {
        let mut manner = Manner::of(id);
        if dedicated {
            (manner.leaves, manner.whole) = (false, false);
        }
        Follower {
            world,
            topic,
            id,
            dedicated,
            manner,
            rng: Rng::new(world.seed, 2000 + id as u64),
            position: Position::start(topic),
            connection: None,
            finished: None,
        }
    }

    /// Follows until it is to stop.
    pub fn run(mut self) {
        while !self.world.followers_stop.load(SeqCst) {
            if let Err(why) = self.once() {
                let (id, path, manner) = (self.id, &self.topic.path, self.manner);
                let Position { reading, tag, .. } = &self.position;
                let (generation, offset) = (reading.generation, reading.offset);
                self.world.fail(format!(
                    "follower {id} of {path} ({manner:?}, dedicated {}) at {generation:?}+{offset} {tag:?}: {why}",
                    self.dedicated
                ));
                return;
            }
        }
    }

    /// One request and its answer.
    fn once(&mut self) -> Result<(), String> {
        let Some(up) = self.world.wait_up() else {
            return Err("there is no server".into());
        };
        let topic = self.topic;
        let ticket = topic.begin(self.id);
        if self.position.epoch != ticket.epoch || self.manner.whole {
            self.position = Position::start(topic);
            self.position.epoch = ticket.epoch;
        }
        let resumed = self.position.tag.is_some();
        self.world
            .counts
            .reconnects
            .fetch_add(u64::from(resumed), SeqCst);
        let Some(head) = self.ask(up, &ticket)? else {
            self.connection = None;
            return Ok(());
        };
        match head.status {
            200 | 206 => self.answered(&ticket, up, &head)?,
            404 => self.missing(&ticket)?,
            412 | 416 if resumed => self.refused(&ticket, up, head.status)?,
            status => return Err(format!("answered {status}: {head:?}")),
        }
        if !matches!(head.status, 200 | 206) {
            self.connection = None;
        }
        if ticket.unsure {
            self.position = Position::start(topic);
        }
        Ok(())
    }

    /// Connects if need be, asks, and gives the head of the answer; none if it was broken off by what we did ourselves.
    fn ask(&mut self, up: u64, ticket: &Ticket<'_>) -> Result<Option<Head>, String> {
        let request = self.request();
        if self.connection.as_ref().is_none_or(|c| c.up != up) {
            self.connection = None;
            let buffer = self.manner.slow.then_some(4096);
            match Connection::open(self.world.port.load(SeqCst), buffer, up) {
                Ok(connection) => self.connection = Some(connection),
                Err(error) => return self.excuse(up, &format!("connecting: {error}")),
            }
        }
        let connection = self.connection.as_mut().expect("just made");
        if !connection.is_clean() {
            return Err("bytes behind an answer".into());
        }
        if let Err(error) = connection.send(&request) {
            return self.excuse(up, &format!("asking: {error}"));
        }
        let start = Instant::now();
        loop {
            let connection = self.connection.as_mut().expect("it is there");
            if let Some(head) = connection.take_head()? {
                return Ok(Some(head));
            }
            match connection.fill(1024)? {
                Filled::Bytes => {}
                // Its position is from before a truncation that its writer waits for it to notice.
                Filled::Nothing if self.world.followers_stop.load(SeqCst) => return Ok(None),
                Filled::Nothing if start.elapsed() > BOUND => return Err("no answer".into()),
                Filled::Nothing => {}
                // It was asked for an old offset and cut before its head was sent.
                Filled::Reset if ticket.truncation() => return Ok(None),
                broken => return self.excuse(up, &format!("instead of an answer: {broken:?}")),
            }
        }
    }

    /// Something broke. That is all right if there is another server now.
    fn excuse<T>(&self, up: u64, what: &str) -> Result<Option<T>, String> {
        if self.world.up() != up {
            return Ok(None);
        }
        Err(what.to_string())
    }

    fn request(&self) -> String {
        let Position { reading, tag, .. } = &self.position;
        let version = if self.manner.http10 { "1.0" } else { "1.1" };
        let mut text = format!(
            "GET {} HTTP/{version}\r\nHost: localhost\r\n",
            self.topic.path
        );
        if !self.manner.whole {
            text += &format!("Range: bytes={}-\r\n", reading.offset);
        }
        if let Some(tag) = tag {
            text += &format!("If-Match: {tag}\r\n");
        }
        if self.manner.trailers {
            text += "TE: trailers\r\n";
        }
        match (self.manner.http10, self.manner.keep_alive) {
            (false, false) => text += "Connection: close\r\n",
            (true, true) => text += "Connection: keep-alive\r\n",
            _ => {}
        }
        text + "\r\n"
    }

    /// There is an answer with a body.
    fn answered(&mut self, ticket: &Ticket<'_>, up: u64, head: &Head) -> Result<(), String> {
        let offset = self.position.reading.offset;
        let range = head.get("Content-Range").unwrap_or_default();
        if head.status == 206 && !range.starts_with(&format!("bytes {offset}-")) {
            return Err(format!("Content-Range: {range}"));
        }
        let answer = Answer {
            ticket,
            up,
            tail: head.status == 206 && range.ends_with("/*"),
            until_close: self
                .connection
                .as_ref()
                .is_some_and(Connection::is_until_close),
            tag: head.get("ETag").ok_or("no ETag")?.to_string(),
        };
        if let Some((tag, generation)) = &self.finished
            && *tag == answer.tag
            && !self.manner.whole
        {
            return self.again(*generation);
        }
        if self
            .position
            .tag
            .as_ref()
            .is_some_and(|tag| *tag != answer.tag)
        {
            return Err(format!("If-Match was met by {}", answer.tag));
        }
        self.position.tag = Some(answer.tag.clone());
        self.position.up = up;
        self.progress(up)?;
        let tail = answer.tail;
        let ended = self.read(&answer)?;
        let keep = self.manner.keep_alive && !(tail && self.manner.http10);
        if !keep || !matches!(ended, Ended::Clean(_)) {
            self.connection = None;
        }
        self.judge(&answer, ended)
    }

    /// Tells how far it is.
    fn progress(&self, up: u64) -> Result<(), String> {
        let Reading {
            generation, offset, ..
        } = self.position.reading;
        let Some(generation) = generation.filter(|_| self.dedicated) else {
            return Ok(());
        };
        self.topic.change(|state| {
            if state.half_truncated(generation) {
                return Ok(());
            }
            if generation != state.dedicated.done {
                let next = state.dedicated.done;
                return Err(format!("generation {generation}, but {next} was next"));
            }
            state.dedicated.at = Some((generation, up, offset));
            Ok(())
        })
    }

    /// Reads the body to its end.
    fn read(&mut self, answer: &Answer<'_>) -> Result<Ended, String> {
        let mut patience = match self.manner.leaves {
            true => self.rng.below(60),
            false => u64::MAX,
        };
        let mut half_closed = false;
        let mut last = Instant::now();
        loop {
            let connection = self.connection.as_mut().expect("it is being read");
            match connection.next()? {
                Some(Piece::End(trailers)) => return Ok(Ended::Clean(reason(&trailers)?)),
                Some(Piece::Head(head)) => return Err(format!("in an answer: {head:?}")),
                Some(Piece::Data(bytes)) => {
                    let count = bytes.len() as u64;
                    last = Instant::now();
                    if let Err(wrong) = self.position.reading.feed(&bytes) {
                        if wrong.zeros && answer.ticket.truncation() {
                            return self.until_reset(answer, half_closed);
                        }
                        return Err(wrong.what);
                    }
                    self.world.counts.bytes.fetch_add(count, SeqCst);
                    self.progress(answer.up)?;
                    continue;
                }
                None => {}
            }
            if self.is_to_leave(answer) {
                return Ok(Ended::Left);
            }
            if patience == 0 && !half_closed {
                if self.rng.one_in(2) {
                    self.connection.take().expect("it is there").reset();
                    return Ok(Ended::Left);
                }
                self.connection.as_ref().expect("it is there").half_close();
                half_closed = true;
            }
            patience = patience.saturating_sub(1);
            match self.fill()? {
                Filled::Bytes => {}
                Filled::Nothing => self.check_patience(last.elapsed(), half_closed)?,
                _ if half_closed => return Ok(Ended::Left),
                Filled::Reset => return Ok(Ended::Reset),
                Filled::Fin if answer.until_close => {
                    return Ok(Ended::Clean(None));
                }
                Filled::Fin => return Ok(Ended::Fin),
            }
        }
    }

    fn fill(&mut self) -> Result<Filled, String> {
        let most = if self.manner.slow {
            std::thread::sleep(Duration::from_micros(self.rng.below(3000)));
            4096
        } else {
            64 * 1024
        };
        let connection = self.connection.as_mut().expect("it is being read");
        connection.fill(most)
    }

    /// Nobody waits for what it would still get. With nothing delivered there is nothing that a truncation could take,
    /// so no reset would come.
    fn is_to_leave(&self, answer: &Answer<'_>) -> bool {
        self.world.followers_stop.load(SeqCst)
            || self.position.reading.offset == 0 && answer.ticket.truncation()
    }

    /// Bytes that were truncated on their way are zeros, and then nothing but a reset may come; unless the server was
    /// through with a finite answer and does not look at its file any more.
    fn until_reset(&mut self, answer: &Answer<'_>, half_closed: bool) -> Result<Ended, String> {
        if !answer.tail || half_closed {
            return Ok(Ended::Left);
        }
        let start = Instant::now();
        loop {
            match self.fill()? {
                Filled::Reset => return Ok(Ended::Reset),
                Filled::Fin if self.world.up() != answer.up => return Ok(Ended::Fin),
                Filled::Fin => return Err("zeros, and no reset".into()),
                _ if start.elapsed() > BOUND => return Err("zeros, and no end".into()),
                _ => {}
            }
        }
    }

    /// Nothing came for so long.
    fn check_patience(&self, silent: Duration, half_closed: bool) -> Result<(), String> {
        if silent < BOUND {
            return Ok(());
        }
        let Reading {
            generation, offset, ..
        } = self.position.reading;
        let state = self.topic.look();
        let known = generation.map(|generation| &state.generations[generation]);
        match known {
            _ if half_closed => Err("half-closed, and still open".into()),
            Some(known) if known.left.is_some_and(|(.., when)| when.elapsed() > BOUND) => {
                Err(format!("no end: {known:?}"))
            }
            Some(known) if known.written > offset => Err(format!("no bytes: {known:?}")),
            _ => Ok(()),
        }
    }
}

impl Position {
    pub fn start(topic: &Topic) -> Position {
        Position {
            reading: Reading::new(topic.index),
            tag: None,
            epoch: topic.look().epoch,
            up: 0,
        }
    }
}
