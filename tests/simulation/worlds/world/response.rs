//! A reader of responses as a client has one, written from RFC 9112 and sharing no line with the server.

use std::ops::Range;

/// What comes out of the bytes of a connection.
pub enum Piece {
    Head(Head),
    Data(Vec<u8>),
    /// The response is complete, with these trailer fields.
    End(Vec<(String, String)>),
}

pub struct Head {
    pub status: u16,
    pub fields: Vec<(String, String)>,
}

impl Head {
    /// The value of a field, which must not be repeated.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is repeated");
        value
    }
}

#[derive(Default)]
enum State {
    #[default]
    Head,
    Length(u64),
    Size,
    Chunk(u64),
    ChunkEnd,
    Trailers(Vec<(String, String)>),
    UntilClose,
}

#[derive(Default)]
pub struct Parser {
    unread: Vec<u8>,
    state: State,
}

impl Parser {
    /// Nothing of a response has come that is not complete.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Head) && self.unread.is_empty()
    }

    /// The response on its way ends with the connection.
    pub fn is_until_close(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// `head_only`: the response has no body, whatever its fields say.
    pub fn feed(&mut self, bytes: &[u8], head_only: bool) -> Vec<Piece> {
        self.unread.extend_from_slice(bytes);
        let mut pieces = Vec::new();
        while self.step(head_only, &mut pieces) {}
        pieces
    }

    /// False: more bytes are needed.
    fn step(&mut self, head_only: bool, pieces: &mut Vec<Piece>) -> bool {
        match &mut self.state {
            State::Head => {
                let Some(end) = find(&self.unread, b"\r\n\r\n") else {
                    return false;
                };
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                let head = head_of(&head[..end]);
                self.state = body_of(&head, head_only);
                pieces.push(Piece::Head(head));
                self.end_if_empty(pieces);
            }
            State::Length(left) | State::Chunk(left) => {
                let count = self.unread.len().min(*left as usize);
                if count == 0 {
                    return false;
                }
                *left -= count as u64;
                pieces.push(Piece::Data(self.unread.drain(..count).collect()));
                match self.state {
                    State::Chunk(0) => self.state = State::ChunkEnd,
                    _ => self.end_if_empty(pieces),
                }
            }
            State::UntilClose => {
                if self.unread.is_empty() {
                    return false;
                }
                pieces.push(Piece::Data(std::mem::take(&mut self.unread)));
            }
            State::Size => {
                let Some(line) = self.line() else {
                    return false;
                };
                let size = u64::from_str_radix(&line, 16).expect("a chunk size");
                assert!(!line.starts_with(['+', '0']) || size == 0, "{line}");
                self.state = match size {
                    0 => State::Trailers(Vec::new()),
                    _ => State::Chunk(size),
                };
            }
            State::ChunkEnd => {
                let Some(line) = self.line() else {
                    return false;
                };
                assert_eq!(line, "", "behind a chunk");
                self.state = State::Size;
            }
            State::Trailers(_) => return self.trailer(pieces),
        }
        true
    }

    fn trailer(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let Some(line) = self.line() else {
            return false;
        };
        let State::Trailers(fields) = &mut self.state else {
            unreachable!()
        };
        if line.is_empty() {
            pieces.push(Piece::End(std::mem::take(fields)));
            self.state = State::Head;
        } else {
            fields.push(field_of(&line));
        }
        true
    }

    fn end_if_empty(&mut self, pieces: &mut Vec<Piece>) {
        if matches!(self.state, State::Length(0)) {
            self.state = State::Head;
            pieces.push(Piece::End(Vec::new()));
        }
    }

    fn line(&mut self) -> Option<String> {
        let end = find(&self.unread, b"\r\n")?;
        let line: Vec<u8> = self.unread.drain(..end + 2).collect();
        Some(text(&line[..end]))
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn text(bytes: &[u8]) -> String {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~');
    assert!(bytes.iter().all(plain), "{:?}", bytes.escape_ascii());
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn field_of(line: &str) -> (String, String) {
    let (name, value) = line.split_once(": ").expect("a field");
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    assert!(!name.is_empty() && name.bytes().all(token), "{line}");
    assert_eq!(value, value.trim());
    (name.to_owned(), value.to_owned())
}

fn head_of(bytes: &[u8]) -> Head {
    let lines: Vec<&[u8]> = bytes
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    let status = text(lines[0]);
    let code = status.strip_prefix("HTTP/1.1 ").expect("a status line");
    assert_eq!(code.as_bytes()[3], b' ', "{status}");
    Head {
        status: code[..3].parse().expect("a status code"),
        fields: lines[1..]
            .iter()
            .map(|line| field_of(&text(line)))
            .collect(),
    }
}

/// RFC 9112 section 6.3.
fn body_of(head: &Head, head_only: bool) -> State {
    let length = head.get("Content-Length");
    let coding = head.get("Transfer-Encoding");
    assert!(length.is_none() || coding.is_none(), "two framings");
    if head_only || matches!(head.status, 204 | 304) {
        return State::Length(0);
    }
    match (length, coding) {
        (Some(length), _) => State::Length(length.parse().expect("a length")),
        (None, Some(coding)) => {
            assert_eq!(coding, "chunked");
            State::Size
        }
        (None, None) => State::UntilClose,
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
        let head = format!("HTTP/1.1 200 -{}", text_lines(&body[..end]));
        let head = head_of(head.as_bytes());
        let (range, size) = content_range(head.get("Content-Range").expect("Content-Range"));
        let length = (range.end - range.start) as usize;
        let bytes = &body[end + 4..end + 4 + length];
        body = &body[end + 4 + length..];
        parts.push((range, size, bytes));
    }
}

fn text_lines(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
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
