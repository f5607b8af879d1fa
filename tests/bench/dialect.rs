//! What each server wants to hear from subscribers and publishers, and how a subscriber unwraps what it gets.

use std::io::Write;

/// How to talk to a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// Nothing is said, bare bytes come.
    Bare,
    /// Ranges of files over HTTP: openrange.
    Ranges,
    /// The lines of files as server-sent events over HTTP: openrange.
    Events,
    /// Plain HTTP: whole files.
    Files,
    /// A first offset in a line, then bare bytes.
    Tailsrv,
    /// HTTP, published with POST.
    Nchan,
    /// Streams: XADD, and XREAD again and again.
    Redis,
    /// SUB and PUB.
    Nats,
    /// Streams over HTTP, published with POST: durable-streams, whose subscribers ask for events.
    Durable,
}

impl Dialect {
    /// Whether one publishes by appending to a file.
    pub fn by_file(self) -> bool {
        let brokers = matches!(self, Dialect::Nchan | Dialect::Redis | Dialect::Nats);
        !brokers && self != Dialect::Durable
    }

    /// Whether a subscription is answered before there is anything.
    pub fn greets(self) -> bool {
        !matches!(self, Dialect::Bare | Dialect::Tailsrv | Dialect::Redis)
    }

    /// What a subscriber says first.
    pub fn subscribe(self, topic: &str, offset: u64) -> Vec<u8> {
        match self {
            Dialect::Bare => Vec::new(),
            Dialect::Ranges => get(topic, &format!("Range: bytes={offset}-\r\n")),
            Dialect::Events => get(topic, "Accept: text/event-stream\r\n"),
            Dialect::Files => get(topic, ""),
            Dialect::Nchan => get(&format!("sub/{topic}"), ""),
            Dialect::Durable => get(&format!("{topic}?offset=-1&live=sse"), ""),
            Dialect::Tailsrv => format!("{offset}\n").into_bytes(),
            Dialect::Redis => read_stream(topic, "0-0"),
            Dialect::Nats => {
                let hello = r#"CONNECT {"verbose":false,"pedantic":false}"#;
                format!("{hello}\r\nSUB {topic} 1\r\nPING\r\n").into_bytes()
            }
        }
    }

    /// Adds what a publisher says for one record. `fsync`: it asks for an answer that comes when the record is on disk,
    /// where that is for the publisher to ask.
    pub fn publish(self, topic: &str, record: &[u8], fsync: bool, out: &mut Vec<u8>) {
        let size = record.len();
        let mut post = |path: &str, fields: &str| {
            write!(
                out,
                "POST /{path} HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {size}\r\n\r\n"
            )
        };
        let written = match self {
            Dialect::Nchan => post(&format!("pub/{topic}"), ""),
            Dialect::Durable => post(topic, "Content-Type: text/plain\r\n"),
            Dialect::Ranges | Dialect::Events if fsync => post(topic, "Prefer: fsync\r\n"),
            Dialect::Ranges | Dialect::Events => post(topic, ""),
            Dialect::Redis => {
                let name = topic.len();
                write!(
                    out,
                    "*5\r\n$4\r\nXADD\r\n${name}\r\n{topic}\r\n$1\r\n*\r\n$1\r\nr\r\n${size}\r\n"
                )
            }
            Dialect::Nats => write!(out, "PUB {topic} {size}\r\n"),
            Dialect::Bare => Ok(()),
            Dialect::Files | Dialect::Tailsrv => unreachable!("publishes by file"),
        };
        written.expect("memory");
        out.extend_from_slice(record);
        if matches!(self, Dialect::Redis | Dialect::Nats) {
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// A GET request on a connection that is kept.
pub fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET /{target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n").into_bytes()
}

fn read_stream(key: &str, after: &str) -> Vec<u8> {
    let words = ["XREAD", "BLOCK", "0", "STREAMS", key, after];
    let mut request = format!("*{}\r\n", words.len());
    for word in words {
        request += &format!("${}\r\n{word}\r\n", word.len());
    }
    request.into_bytes()
}

/// What the next line of the framing is.
#[derive(Clone, Copy)]
enum Line {
    Status,
    Field,
    ChunkSize,
    /// Empty, after a chunk.
    ChunkEnd,
    Nats,
    /// With its number in an answer to XREAD of one stream.
    Redis(u8),
    /// There must be none.
    Nothing,
}

/// Takes the framing off what one connection receives. All protocols here are lines and counted payloads.
pub struct Decoder {
    expected: Line,
    /// Of a payload.
    left: u64,
    /// Of a line.
    partial: Vec<u8>,
    chunked: bool,
    length: Option<u64>,
    entries: u64,
    id: String,
    topic: String,
    /// Of the payloads, one line that has not ended yet: they are events, whose data is what was published.
    events: Option<Vec<u8>>,
    /// What must be sent now.
    pub reply: Vec<u8>,
    /// The subscription has been answered.
    pub greeted: bool,
    /// Whole answers of counted length so far.
    pub answers: u64,
}

impl Decoder {
    pub fn new(dialect: Dialect, topic: &str) -> Decoder {
        let (expected, left) = match dialect {
            Dialect::Bare | Dialect::Tailsrv => (Line::Nothing, u64::MAX),
            Dialect::Redis => (Line::Redis(0), 0),
            Dialect::Nats => (Line::Nats, 0),
            Dialect::Ranges
            | Dialect::Events
            | Dialect::Files
            | Dialect::Nchan
            | Dialect::Durable => (Line::Status, 0),
        };
        Decoder {
            expected,
            left,
            partial: Vec::new(),
            chunked: false,
            length: None,
            entries: 0,
            id: String::new(),
            topic: topic.into(),
            events: matches!(dialect, Dialect::Events | Dialect::Durable).then(Vec::new),
            reply: Vec::new(),
            greeted: !dialect.greets(),
            answers: 0,
        }
    }

    /// Hands the payload among these bytes to `sink`.
    ///
    /// # Errors
    /// What is wrong with the framing.
    pub fn feed(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&[u8])) -> Result<(), String> {
        while !bytes.is_empty() {
            if self.left > 0 {
                #[allow(clippy::cast_possible_truncation, reason = "not above a length")]
                let now = self.left.min(bytes.len() as u64) as usize;
                match &mut self.events {
                    Some(line) => data(line, &bytes[..now], &mut sink),
                    None => sink(&bytes[..now]),
                }
                bytes = &bytes[now..];
                self.left -= now as u64;
                if self.left == 0 && matches!(self.expected, Line::Status) {
                    self.answers += 1;
                }
                continue;
            }
            let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else {
                self.partial.extend_from_slice(bytes);
                return Ok(());
            };
            let (line, rest) = bytes.split_at(end + 1);
            bytes = rest;
            if self.partial.is_empty() {
                self.line(line)?;
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let text = std::str::from_utf8(line).unwrap_or("not text").trim_end();
        let wrong = || format!("unexpected: {text:?}");
        match self.expected {
            Line::Status if text.starts_with("HTTP/1.1 20") => {
                self.expected = Line::Field;
                self.chunked = false;
            }
            Line::Field => self.field(text)?,
            Line::ChunkSize => {
                self.left = u64::from_str_radix(text, 16).map_err(|_| wrong())?;
                self.expected = Line::ChunkEnd;
                if self.left == 0 {
                    return Err("the stream has ended".into());
                }
            }
            Line::ChunkEnd if text.is_empty() => self.expected = Line::ChunkSize,
            Line::Nats => self.nats(text)?,
            Line::Redis(number) => self.redis(number, text)?,
            Line::Status | Line::ChunkEnd | Line::Nothing => return Err(wrong()),
        }
        Ok(())
    }

    fn field(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            self.greeted = true;
            (self.expected, self.left) = match (self.chunked, self.length.take()) {
                (true, _) => (Line::ChunkSize, 0),
                // Until the server closes.
                (false, None) => (Line::Nothing, u64::MAX),
                (false, Some(length)) => (Line::Status, length),
            };
        }
        let Some((name, value)) = text.split_once(':') else {
            return Ok(());
        };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            self.chunked = true;
        } else if name.eq_ignore_ascii_case("content-length") {
            let length = value.trim().parse().map_err(|_| text.to_owned())?;
            self.length = Some(length);
        }
        Ok(())
    }

    fn nats(&mut self, text: &str) -> Result<(), String> {
        if let Some(rest) = text.strip_prefix("MSG ") {
            let size = rest.rsplit(' ').next().and_then(|size| size.parse().ok());
            self.left = size.ok_or_else(|| text.to_owned())?;
        } else if text == "PING" {
            self.reply = b"PONG\r\n".to_vec();
        } else if text == "PONG" {
            self.greeted = true;
        } else if text.starts_with("-ERR") {
            return Err(text.into());
        }
        Ok(())
    }

    /// An array of one stream: its name and an array of entries; an entry: its id and an array of name and value. The
    /// value is the payload.
    fn redis(&mut self, number: u8, text: &str) -> Result<(), String> {
        const ENTRY: u8 = 5;
        let count = || text.get(1..).and_then(|digits| digits.parse().ok());
        let count = || count().ok_or_else(|| format!("unexpected: {text:?}"));
        let mut next = number + 1;
        match number {
            _ if text.starts_with('-') => return Err(text.into()),
            4 => self.entries = count()?,
            7 => text.clone_into(&mut self.id),
            11 => self.left = count()?,
            12 => {
                self.entries -= 1;
                next = ENTRY;
                if self.entries == 0 {
                    next = 0;
                    self.reply = read_stream(&self.topic, &self.id);
                }
            }
            _ => {}
        }
        self.expected = Line::Redis(next);
        Ok(())
    }
}

/// Hands the data of events among these bytes to `sink`, as lines. `begun`: what has come of the line that they go on with.
fn data(begun: &mut Vec<u8>, bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        begun.extend_from_slice(line);
        if begun.ends_with(b"\n") {
            let content = begun.strip_prefix(b"data:");
            let content = content.map(|content| content.strip_prefix(b" ").unwrap_or(content));
            // durable-streams has an empty line of data for the end of each record, and JSON in events about the stream.
            let content = content.filter(|content| !matches!(content[0], b'\n' | b'{'));
            content.into_iter().for_each(&mut *sink);
            begun.clear();
        }
    }
}
