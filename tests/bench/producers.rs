//! Connections that publish records, one request at a time each, and count what is acknowledged.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::dialect::Dialect;
use super::machine::{self, Epoll, Flags, PATIENCE};
use super::site::{Site, record, topic};

const READABLE: Flags = Flags::IN.union(Flags::RDHUP).union(Flags::ET);

/// What to publish.
#[derive(Clone, Copy, Debug)]
pub struct Records {
    /// Bytes of each.
    pub size: usize,
    /// They go round robin to so many topics.
    pub topics: usize,
    /// Each is acknowledged when it is on disk.
    pub fsync: bool,
}

/// What was acknowledged.
#[derive(Default)]
pub struct Acknowledged {
    pub seconds: f64,
    pub records: usize,
    /// From the request to its answer, µs.
    pub latencies: Vec<f64>,
}

struct Producer {
    socket: TcpStream,
    answers: Answers,
    asked: Option<Instant>,
}

pub struct Producers {
    dialect: Dialect,
    records: Records,
    epoll: Epoll,
    producers: Vec<Producer>,
    acknowledged: Acknowledged,
    /// Of the next record.
    number: u64,
    content: Vec<u8>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Producers {
    /// # Errors
    /// Who cannot connect.
    pub fn connect(
        to: SocketAddr,
        dialect: Dialect,
        records: Records,
        count: usize,
    ) -> Result<Producers, String> {
        if dialect == Dialect::Durable {
            create_streams(to, (0..records.topics).map(topic)).map_err(text)?;
        }
        let epoll = Epoll::new();
        let mut producers = Vec::new();
        for token in 0..count {
            let mut socket = machine::connect(to, token).map_err(text)?;
            epoll.add(&socket, token, READABLE).map_err(text)?;
            let mut answers = Answers::new(dialect);
            if dialect == Dialect::Nats {
                let hello = b"CONNECT {\"verbose\":true,\"pedantic\":false}\r\n";
                socket.write_all(hello).map_err(text)?;
                answers.to_ignore = 1;
            }
            producers.push(Producer {
                socket,
                answers,
                asked: None,
            });
        }
        Ok(Producers {
            dialect,
            records,
            epoll,
            producers,
            acknowledged: Acknowledged::default(),
            number: 0,
            content: Vec::new(),
            request: Vec::new(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// All publish, and again when they are answered, for so long; then what is under way is waited for.
    pub fn run(&mut self, time: Duration) -> Result<Acknowledged, String> {
        let start = Instant::now();
        self.acknowledged = Acknowledged::default();
        for token in 0..self.producers.len() {
            self.publish(token)?;
        }
        let mut open = self.producers.len();
        while open > 0 {
            let count = self.epoll.wait(Some(PATIENCE)).map_err(text)?;
            if count == 0 {
                return Err(format!("{open} records were never acknowledged"));
            }
            for i in 0..count {
                let (token, _) = self.epoll.event(i);
                if self.read(token)? {
                    match start.elapsed() < time {
                        true => self.publish(token)?,
                        false => open -= 1,
                    }
                }
            }
        }
        self.acknowledged.seconds = start.elapsed().as_secs_f64();
        Ok(std::mem::take(&mut self.acknowledged))
    }

    fn publish(&mut self, token: usize) -> Result<(), String> {
        self.content.clear();
        record(self.number, self.records.size, &mut self.content);
        #[allow(clippy::cast_possible_truncation, reason = "a few millions at most")]
        let name = topic(self.number as usize % self.records.topics);
        self.number += 1;
        self.request.clear();
        let (dialect, fsync) = (self.dialect, self.records.fsync);
        dialect.publish(&name, &self.content, fsync, &mut self.request);
        let producer = &mut self.producers[token];
        producer.asked = Some(Instant::now());
        let sent = producer.socket.write_all(&self.request);
        sent.map_err(|error| format!("producer {token}: {error}"))
    }

    /// Reads what is there; whether it has the answer.
    fn read(&mut self, token: usize) -> Result<bool, String> {
        let producer = &mut self.producers[token];
        let wrong = |what: String| Err(format!("producer {token}: {what}"));
        loop {
            let count = match producer.socket.read(&mut self.buffer) {
                Ok(0) => return wrong("closed by the server".into()),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return wrong(error.to_string()),
            };
            let answers = &mut producer.answers;
            let before = answers.count;
            if let Err(what) = answers.feed(&self.buffer[..count]) {
                return wrong(what);
            }
            if answers.count > before {
                let asked = producer.asked.take();
                let asked = asked.ok_or_else(|| format!("producer {token}: two answers"))?;
                let latency = asked.elapsed().as_secs_f64() * 1e6;
                self.acknowledged.latencies.push(latency);
                self.acknowledged.records += 1;
                return Ok(true);
            }
            if count < self.buffer.len() {
                return Ok(false);
            }
        }
    }

    /// How many records were published in all runs.
    pub fn published(&self) -> u64 {
        self.number
    }
}

/// Checks that the files have every record once, and nothing else.
pub fn check(site: &Site, records: Records, published: u64) -> Result<(), String> {
    let count = usize::try_from(published).map_err(text)?;
    let mut found = vec![false; count];
    let mut expected = Vec::new();
    for number in 0..records.topics {
        let name = topic(number);
        let content = fs::read(site.file(&name)).map_err(text)?;
        for piece in content.chunks(records.size) {
            let digits = piece
                .get(..16)
                .and_then(|digits| str::from_utf8(digits).ok());
            let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
            let number = number.ok_or_else(|| format!("{name}: not a record"))?;
            expected.clear();
            record(number, records.size, &mut expected);
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            match found.get_mut(index) {
                Some(seen) if !*seen && piece == expected => *seen = true,
                _ => return Err(format!("{name}: record {number} is torn or repeated")),
            }
        }
    }
    match found.iter().position(|seen| !seen) {
        None => Ok(()),
        Some(number) => Err(format!(
            "record {number} was acknowledged, but is in no file"
        )),
    }
}

/// Takes the framing off what one producer receives.
pub struct Answers {
    dialect: Dialect,
    pending: Vec<u8>,
    /// Of a body.
    left: usize,
    /// So many answers are to nothing that was counted.
    to_ignore: u32,
    /// Whole answers so far, all of success.
    pub count: u64,
}

impl Answers {
    pub fn new(dialect: Dialect) -> Answers {
        Answers {
            dialect,
            pending: Vec::new(),
            left: 0,
            to_ignore: 0,
            count: 0,
        }
    }

    /// # Errors
    /// A refusal, or what cannot be understood.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.pending.extend_from_slice(bytes);
        loop {
            let body = self.left.min(self.pending.len());
            self.pending.drain(..body);
            self.left -= body;
            let ends: &[u8] = match self.dialect {
                Dialect::Redis | Dialect::Nats => b"\r\n",
                _ => b"\r\n\r\n",
            };
            let mut windows = self.pending.windows(ends.len());
            let Some(end) = windows.position(|window| window == ends) else {
                return Ok(());
            };
            let head: Vec<u8> = self.pending.drain(..end + ends.len()).collect();
            let head = String::from_utf8_lossy(&head);
            let answered = match self.dialect {
                Dialect::Redis => !redis_refuses(&head)? && !head.starts_with('$'),
                Dialect::Nats => nats_accepts(&head)?,
                _ => {
                    self.left = body_length(&head)?;
                    true
                }
            };
            match self.to_ignore {
                _ if !answered => {}
                0 => self.count += 1,
                _ => self.to_ignore -= 1,
            }
        }
    }
}

/// The answer to XADD is a length and an id, in a line each.
fn redis_refuses(line: &str) -> Result<bool, String> {
    match line.starts_with('-') {
        true => Err(line.trim_end().into()),
        false => Ok(false),
    }
}

fn nats_accepts(line: &str) -> Result<bool, String> {
    match line.trim_end() {
        "+OK" => Ok(true),
        line if line.starts_with("-ERR") => Err(line.into()),
        _ => Ok(false),
    }
}

/// Of the answer with this head, which must be one of success.
fn body_length(head: &str) -> Result<usize, String> {
    let status = head.lines().next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 20") {
        return Err(status.into());
    }
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let found = name.eq_ignore_ascii_case("content-length");
        found.then_some(value.trim())
    });
    match lengths.next() {
        Some(length) => length.parse().map_err(|_| head.to_owned()),
        None => Ok(0),
    }
}

/// Creates the streams of a server that does not create them by itself.
pub fn create_streams(to: SocketAddr, names: impl Iterator<Item = String>) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut answers = Answers::new(Dialect::Durable);
    let mut buffer = [0; 4096];
    for (name, number) in names.zip(1..) {
        write!(
            socket,
            "PUT /{name} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
        )?;
        while answers.count < number {
            let count = socket.read(&mut buffer)?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            answers
                .feed(&buffer[..count])
                .map_err(std::io::Error::other)?;
        }
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
