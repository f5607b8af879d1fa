//! A strict reader of responses, written from RFC 9112 and sharing no line with the server: the oracle of every test that
//! reads what the server sends, over sockets or in the simulation.

use std::ops::Range;

/// No response of this server has a longer line or a longer head.
const HEAD_MAX: usize = 16 * 1024;

/// Name and value of each field, in order.
pub type Fields = Vec<(String, String)>;

/// A status line and its fields.
#[derive(Debug, Clone)]
pub struct Head {
    pub status: u16,
    pub fields: Fields,
}

impl Head {
    /// The value of a field that must not be repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated: {self:?}");
        value
    }

    /// The value of a field that must be there.
    pub fn field(&self, name: &str) -> &str {
        self.get(name)
            .unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The entity tag, which every response about a file has.
    pub fn etag(&self) -> String {
        self.field("ETag").to_owned()
    }
}

/// The next of what a connection brings.
#[derive(Debug)]
pub enum Piece {
    Head(Head),
    Data(Vec<u8>),
    /// The response is complete, with these trailer fields.
    End(Fields),
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Head,
    Length(u64),
    Size,
    Chunk(u64),
    ChunkEnd,
    Trailers(Fields),
    UntilClose,
}

/// The bytes of a connection that were received and not yet read, and where in a response they are.
#[derive(Debug, Default)]
pub struct Reader {
    /// `start..end` of it is not yet read. It only grows: filling a new one each time would cost more than reading it.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Unread bytes that were searched for the end of a line or a head: bytes that come one by one are not searched
    /// again and again.
    searched: usize,
    state: State,
}

impl Reader {
    /// What was received.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Receives up to `most` bytes by `read`, which returns how many came.
    pub fn fill<E>(
        &mut self,
        most: usize,
        read: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let count = read(self.room(most))?;
        self.end += count;
        Ok(count)
    }

    /// For so many bytes behind the unread ones.
    fn room(&mut self, count: usize) -> &mut [u8] {
        if self.end + count > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end + count > self.buffer.len() {
            // From memory that is zero already: to write the zeros takes long in a debug build.
            let mut larger = vec![0; 2 * (self.end + count)];
            larger[..self.end].copy_from_slice(&self.buffer[..self.end]);
            self.buffer = larger;
        }
        &mut self.buffer[self.end..self.end + count]
    }

    /// Received and not yet read.
    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes bytes from the beginning of [`Reader::unread`], whatever they are part of.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.unread()[..count].to_vec();
        self.advance(count);
        bytes
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.searched = 0;
    }

    /// Where this is in the unread bytes.
    fn search(&mut self, what: &[u8]) -> Option<usize> {
        let from = (self.searched + 1).saturating_sub(what.len());
        let found = find(&self.unread()[from..], what);
        self.searched = self.unread().len();
        found.map(|at| from + at)
    }

    /// The next bytes are those of a response, whatever was announced before: a response to HEAD has no body.
    pub fn expect_head(&mut self) {
        self.state = State::Head;
        self.searched = 0;
    }

    /// Nothing of a response has come that is not complete.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.unread().is_empty()
    }

    /// The response on its way ends with the connection.
    pub fn is_until_close(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Some of a chunk is still to come, or its line end.
    pub fn is_in_chunk(&self) -> bool {
        matches!(self.state, State::Chunk(_) | State::ChunkEnd)
    }

    /// The next piece, of data at most so many bytes. `None`: more bytes are needed. `Err` says what no server may send.
    /// `bodiless`: the response has no body, whatever its fields say.
    pub fn next(&mut self, most: usize, bodiless: bool) -> Result<Option<Piece>, String> {
        loop {
            match &mut self.state {
                State::Head => return Ok(self.head(bodiless)?.map(Piece::Head)),
                State::Length(0) => {
                    self.state = State::Head;
                    return Ok(Some(Piece::End(Vec::new())));
                }
                State::Length(_) | State::Chunk(_) | State::UntilClose => {
                    return Ok(self.data(most));
                }
                State::Size => {
                    let Some(line) = self.line()? else {
                        return Ok(None);
                    };
                    self.state = chunk(&line)?;
                }
                State::ChunkEnd => {
                    if !self.end_chunk()? {
                        return Ok(None);
                    }
                }
                State::Trailers(_) => {
                    let Some(line) = self.line()? else {
                        return Ok(None);
                    };
                    let State::Trailers(fields) = &mut self.state else {
                        unreachable!("it was matched");
                    };
                    if line.is_empty() {
                        let fields = std::mem::take(fields);
                        self.state = State::Head;
                        return Ok(Some(Piece::End(fields)));
                    }
                    fields.push(field(&line)?);
                }
            }
        }
    }

    /// Reads the line end behind a chunk of which everything else was read. False: it has not come.
    pub fn end_chunk(&mut self) -> Result<bool, String> {
        if matches!(self.state, State::ChunkEnd) {
            match self.unread() {
                [] | [b'\r'] => return Ok(false),
                [b'\r', b'\n', ..] => {
                    self.advance(2);
                    self.state = State::Size;
                }
                other => return Err(format!("behind a chunk: {}", other[..2].escape_ascii())),
            }
        }
        Ok(true)
    }

    fn head(&mut self, bodiless: bool) -> Result<Option<Head>, String> {
        let Some(end) = self.search(b"\r\n\r\n") else {
            let length = self.unread().len();
            return match length <= HEAD_MAX {
                true => Ok(None),
                false => Err(format!("{length} bytes and no end of a head")),
            };
        };
        let head = head(&self.unread()[..end])?;
        self.advance(end + 4);
        self.state = body(&head, bodiless)?;
        Ok(Some(head))
    }

    fn data(&mut self, most: usize) -> Option<Piece> {
        let mut count = self.unread().len().min(most);
        if let State::Length(left) | State::Chunk(left) = &mut self.state {
            count = count.min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= count as u64;
        }
        if count == 0 {
            return None;
        }
        if matches!(self.state, State::Chunk(0)) {
            self.state = State::ChunkEnd;
        }
        Some(Piece::Data(self.take(count)))
    }

    fn line(&mut self) -> Result<Option<String>, String> {
        let Some(end) = self.search(b"\r\n") else {
            return match self.unread().len() <= HEAD_MAX {
                true => Ok(None),
                false => Err("a line without end".into()),
            };
        };
        let line = text(&self.unread()[..end])?;
        self.advance(end + 2);
        Ok(Some(line))
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes
        .windows(what.len())
        .position(|window| window[0] == what[0] && window == what)
}

fn text(bytes: &[u8]) -> Result<String, String> {
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        Ok(bytes.iter().map(|&byte| char::from(byte)).collect())
    } else {
        Err(format!("no text: {}", bytes.escape_ascii()))
    }
}

fn field(line: &str) -> Result<(String, String), String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    line.split_once(": ")
        .filter(|(name, value)| {
            !name.is_empty()
                && name.bytes().all(token)
                && !value.is_empty()
                && *value == value.trim()
        })
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("no field: {line:?}"))
}

/// A head without the empty line behind it.
pub fn head(bytes: &[u8]) -> Result<Head, String> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        text(line)
    });
    let line = lines.next().expect("a first part")?;
    let code = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.split_once(' '))
        .and_then(|(code, _)| code.parse().ok())
        .filter(|code| (100..600).contains(code));
    Ok(Head {
        status: code.ok_or_else(|| format!("no status line: {line:?}"))?,
        fields: lines.map(|line| field(&line?)).collect::<Result<_, _>>()?,
    })
}

/// How the body is delimited (RFC 9112 section 6.3).
fn body(head: &Head, bodiless: bool) -> Result<State, String> {
    let length = head.get("Content-Length");
    let coding = head.get("Transfer-Encoding");
    if bodiless || matches!(head.status, 204 | 304) {
        return match coding {
            Some(_) if length.is_some() => Err(format!("two framings: {head:?}")),
            _ => Ok(State::Length(0)),
        };
    }
    match (length, coding) {
        (Some(length), None) => length
            .parse()
            .map(State::Length)
            .map_err(|_| format!("no length: {length:?}")),
        (None, Some("chunked")) => Ok(State::Size),
        (None, None) if head.get("Connection") == Some("close") => Ok(State::UntilClose),
        _ => Err(format!("nothing says where the body ends: {head:?}")),
    }
}

fn chunk(line: &str) -> Result<State, String> {
    match u64::from_str_radix(line, 16) {
        Ok(0) if line == "0" => Ok(State::Trailers(Vec::new())),
        Ok(size @ 1..) if !line.starts_with(['+', '0']) => Ok(State::Chunk(size)),
        _ => Err(format!("no chunk size: {line:?}")),
    }
}

/// The parts of a `multipart/byteranges` body: range, size of the whole, bytes.
pub fn parts<'a>(media: &str, mut body: &'a [u8]) -> Vec<(Range<u64>, u64, &'a [u8])> {
    let boundary = media
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a boundary");
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = Vec::new();
    loop {
        body = body
            .strip_prefix(delimiter.as_bytes())
            .expect("a delimiter");
        if body == b"--\r\n" {
            return parts;
        }
        let end = find(body, b"\r\n\r\n").expect("a part head");
        let lines = String::from_utf8(body[..end].to_vec()).expect("text");
        let head = head(format!("HTTP/1.1 200 -{lines}").as_bytes()).expect("a part head");
        let (range, size) = content_range(head.field("Content-Range"));
        let length = (range.end - range.start) as usize;
        let bytes = &body[end + 4..end + 4 + length];
        body = &body[end + 4 + length..];
        parts.push((range, size, bytes));
    }
}

fn content_range(value: &str) -> (Range<u64>, u64) {
    let (range, size) = value
        .strip_prefix("bytes ")
        .and_then(|rest| rest.split_once('/'))
        .expect("a range");
    let (first, last) = range.split_once('-').expect("two positions");
    let number = |digits: &str| digits.parse::<u64>().expect("a number");
    (number(first)..number(last) + 1, number(size))
}
