//! Follows one topic, verifies every byte, and judges how each answer ends.

use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use crate::client::{Connection, Filled, Framing, Head, Step};
use crate::content::{Reading, Rng};
use crate::topic::{BOUND, Roll, State, Ticket, Topic};
use crate::world::World;

/// A pause where there is nothing to do.
const PAUSE: Duration = Duration::from_millis(20);

/// How a follower behaves.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    http10: bool,
    keep_alive: bool,
    trailers: bool,
    /// A small receive buffer, and pauses.
    slow: bool,
    /// Breaks off or half-closes, and returns.
    leaves: bool,
    /// Asks for the whole file as it is.
    whole: bool,
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
struct Position {
    reading: Reading,
    tag: Option<String>,
    epoch: u64,
    up: u64,
}

pub struct Follower<'a> {
    world: &'a World,
    topic: &'a Topic,
    id: usize,
    /// It must have every generation, and its writer waits for it.
    dedicated: bool,
    manner: Manner,
    rng: Rng,
    position: Position,
    connection: Option<Connection>,
    /// The file that it has to its end.
    finished: Option<(String, usize)>,
}

/// How an answer ended.
#[derive(Debug)]
enum Ended {
    /// Properly.
    Clean(Option<String>),
    Reset,
    /// By a FIN that is no end.
    Fin,
    /// By us.
    Left,
}

/// One answer.
struct Answer<'t> {
    ticket: &'t Ticket<'t>,
    up: u64,
    tail: bool,
    framing: Framing,
    tag: String,
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
            match connection.fill(1024).map_err(|error| error.to_string())? {
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
            "GET {} HTTP/{version}\r\nHost: torture\r\n",
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

    /// There is no such name: between the end of one file and the beginning of the next.
    fn missing(&mut self, ticket: &Ticket<'_>) -> Result<(), String> {
        let absent = self.topic.look().absent;
        if absent == ticket.absent && absent.is_multiple_of(2) {
            return Err("404, but the name was there all the time".into());
        }
        self.position = Position::start(self.topic);
        self.topic.wait(PAUSE, |state| state.absent % 2 == 0);
        Ok(())
    }

    /// What it has is not there any more.
    fn refused(&mut self, ticket: &Ticket<'_>, up: u64, status: u16) -> Result<(), String> {
        let Position {
            reading, up: then, ..
        } = &self.position;
        let truncation = ticket.truncation();
        if let Some(generation) = reading.generation {
            let mut state = self.topic.look();
            let known = &state.generations[generation];
            let forgotten = known.reborn && *then != up;
            match (status, known.left) {
                (_, Some((Roll::Truncate, ..))) if truncation && self.dedicated => {
                    state.done(generation)?;
                }
                _ if truncation => {}
                (416, Some((Roll::Seal, length, _))) if reading.offset == length => {}
                (416, _) => return Err("416".into()),
                (_, None) if !forgotten => return Err("412, but its generation lives".into()),
                (_, Some(left)) if self.dedicated && !forgotten => {
                    return Err(format!("412, the end was not seen: {left:?}"));
                }
                _ => {}
            }
        }
        self.position = Position::start(self.topic);
        Ok(())
    }

    /// There is an answer with a body.
    fn answered(&mut self, ticket: &Ticket<'_>, up: u64, head: &Head) -> Result<(), String> {
        let offset = self.position.reading.offset;
        let range = head.field("content-range").unwrap_or_default();
        if head.status == 206 && !range.starts_with(&format!("bytes {offset}-")) {
            return Err(format!("Content-Range: {range}"));
        }
        let answer = Answer {
            ticket,
            up,
            tail: head.status == 206 && range.ends_with("/*"),
            framing: head.framing()?,
            tag: head.field("etag").ok_or("no ETag")?.to_string(),
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

    /// The name still leads to a file that has ended: only a sealed one does that.
    fn again(&mut self, generation: usize) -> Result<(), String> {
        self.connection = None;
        let sealed = matches!(
            self.topic.look().generations[generation].left,
            Some((Roll::Seal, ..))
        );
        if !sealed {
            return Err(format!("generation {generation} again"));
        }
        self.position = Position::start(self.topic);
        self.topic
            .wait(PAUSE, |state| state.generations.len() > generation + 1);
        Ok(())
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
        let mut framing = answer.framing;
        let mut trailer = None;
        let mut patience = match self.manner.leaves {
            true => self.rng.below(60),
            false => u64::MAX,
        };
        let mut half_closed = false;
        let mut last = Instant::now();
        loop {
            let connection = self.connection.as_mut().expect("it is being read");
            match framing.step(connection, &mut trailer)? {
                Step::End(trailer) => return Ok(Ended::Clean(trailer)),
                Step::Bytes(bytes) => {
                    let count = bytes.len() as u64;
                    last = Instant::now();
                    if let Err(wrong) = self.position.reading.feed(bytes) {
                        if wrong.zeros && answer.ticket.truncation() {
                            return self.until_reset(answer, half_closed);
                        }
                        return Err(wrong.what);
                    }
                    self.world.counts.bytes.fetch_add(count, SeqCst);
                    self.progress(answer.up)?;
                    continue;
                }
                Step::More => {}
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
                Filled::Fin if matches!(framing, Framing::UntilClose) => {
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
        connection.fill(most).map_err(|error| error.to_string())
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

    /// Whether an answer was to end so, and where to go on.
    fn judge(&mut self, answer: &Answer<'_>, ended: Ended) -> Result<(), String> {
        self.note_tag(answer)?;
        match ended {
            Ended::Left => return Ok(()),
            Ended::Reset | Ended::Fin if self.world.up() != answer.up => return Ok(()),
            // A killed server's sockets are closed as if it were an end.
            Ended::Clean(_)
                if matches!(answer.framing, Framing::UntilClose)
                    && self.world.up() != answer.up =>
            {
                return Ok(());
            }
            Ended::Fin => return Err("closed without an end".into()),
            Ended::Reset => self.cut(answer)?,
            Ended::Clean(trailer) if answer.tail => {
                self.check_end(&self.topic.look(), trailer.as_deref())?;
                self.finish(answer)?;
            }
            Ended::Clean(_) if self.manner.whole => {}
            Ended::Clean(_) => {
                let sealed = |state: &State| match self.position.reading.generation {
                    Some(known) => matches!(
                        state.generations[known].left,
                        Some((Roll::Seal, length, _)) if length == self.position.reading.offset
                    ),
                    None => false,
                };
                if !sealed(&self.topic.look()) {
                    return Err("a finite answer, and not sealed".into());
                }
                self.finish(answer)?;
            }
        }
        self.position = Position::start(self.topic);
        Ok(())
    }

    fn note_tag(&self, answer: &Answer<'_>) -> Result<(), String> {
        match self.position.reading.generation {
            Some(generation) if !answer.ticket.unsure => {
                self.topic.look().tag(&answer.tag, generation, answer.up)
            }
            _ => Ok(()),
        }
    }

    fn finish(&mut self, answer: &Answer<'_>) -> Result<(), String> {
        let generation = self.position.reading.generation.expect("it was checked");
        self.finished = Some((answer.tag.clone(), generation));
        if self.dedicated {
            self.topic.change(|state| state.done(generation))?;
        }
        if answer.ticket.unsure {
            // Its tag may be from before the truncation, and so would not tell a sealed file from the next one.
            self.topic
                .wait(BOUND, |state| state.generations.len() > generation + 1);
        }
        Ok(())
    }

    /// A tail's end is right if its file has left the name, and all that was written before was delivered.
    fn check_end(&self, state: &State, trailer: Option<&str>) -> Result<(), String> {
        let Reading {
            generation, offset, ..
        } = self.position.reading;
        let generation = generation.ok_or("an end before the first line")?;
        let known = &state.generations[generation];
        let Some((roll, length, _)) = known.left else {
            return Err(format!("an end ({trailer:?}), but its name is there"));
        };
        if roll == Roll::Truncate {
            return Err("an end, but it was truncated".into());
        }
        if offset < length || offset > known.written {
            return Err(format!("an end, but {roll:?} at {length}"));
        }
        let asked = self.manner.trailers && !self.manner.http10;
        if trailer.is_some() != asked || trailer.is_some_and(|word| !known.tells(word)) {
            return Err(format!("Tail-End: {trailer:?} after {roll:?}"));
        }
        Ok(())
    }

    /// A reset is right if the file was truncated; then its tag must be another one.
    fn cut(&mut self, answer: &Answer<'_>) -> Result<(), String> {
        if !answer.ticket.truncation() {
            return Err("a reset without a reason".into());
        }
        self.world.counts.cuts.fetch_add(1, SeqCst);
        if let Some(generation) = self.position.reading.generation {
            if answer.tail && !self.topic.look().generations[generation].truncated() {
                return Err("a reset, but another generation was truncated".into());
            }
            if answer.tail && !answer.ticket.unsure {
                self.probe(answer)?;
            }
            if self.dedicated {
                self.topic.change(|state| state.done(generation))?;
            }
        }
        Ok(())
    }

    /// The tag from before a truncation must not be met any more.
    fn probe(&self, answer: &Answer<'_>) -> Result<(), String> {
        let ask = || -> io::Result<Option<u16>> {
            let mut connection = Connection::open(self.world.port.load(SeqCst), None, answer.up)?;
            connection.send(&format!(
                "GET {} HTTP/1.1\r\nHost: torture\r\nIf-Match: {}\r\nRange: bytes=0-0\r\n\r\n",
                self.topic.path, answer.tag
            ))?;
            let start = Instant::now();
            while start.elapsed() < BOUND {
                if let Ok(Some(head)) = connection.take_head() {
                    return Ok(Some(head.status));
                }
                if !matches!(connection.fill(1024)?, Filled::Bytes | Filled::Nothing) {
                    break;
                }
            }
            Ok(None)
        };
        let result = ask();
        match result {
            Ok(Some(412 | 404)) => Ok(()),
            _ if self.world.up() != answer.up => Ok(()),
            other => Err(format!(
                "If-Match with the tag from before the truncation: {other:?}"
            )),
        }
    }
}

impl Position {
    fn start(topic: &Topic) -> Position {
        Position {
            reading: Reading::new(topic.index),
            tag: None,
            epoch: topic.look().epoch,
            up: 0,
        }
    }
}
