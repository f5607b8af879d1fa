//! The body of a request: bytes from the wire to its content (RFC 9112 sections 6 and 7.1).
//!
//! The decoder is as strict as the parser of heads: every line ends in CRLF, nothing else does, and whatever two readers
//! might understand in two ways is refused. So the next request begins at one place only.

use std::fmt;

use crate::limits::{BODY_OVERHEAD_MAX, FIELDS_MAX};

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By `Content-Length`; 0 if there is no body. A length that does not fit is the largest number.
    Length(u64),
    /// By `Transfer-Encoding: chunked`.
    Chunked,
}

impl Framing {
    /// Reads the value of a `Content-Length` field.
    #[must_use]
    pub fn of_length(digits: &[u8]) -> Option<Framing> {
        let add = |length: u64, digit: &u8| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            Some(length.saturating_mul(10).saturating_add(digit))
        };
        let length = digits.iter().try_fold(0, add)?;
        (!digits.is_empty()).then_some(Framing::Length(length))
    }

    /// Whether nothing follows the head.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Framing::Length(0)
    }

    /// The length, if the head has it.
    #[must_use]
    pub fn length(self) -> Option<u64> {
        match self {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        }
    }
}

/// Why the bytes of a body cannot be understood. The connection ends: where the next request begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.0)
    }
}

/// Reads one body, in pieces of any size.
#[derive(Debug, Clone)]
pub struct Decoder {
    state: State,
    /// Bytes of chunk extensions and trailer fields so far.
    overhead: usize,
    /// Trailer fields so far.
    fields: usize,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// One of so many bytes of content, which end the body.
    Content(u64),
    /// A hex digit of a chunk's size, which has so many so far, or what follows it.
    Size { size: u64, digits: u8 },
    /// A blank before the semicolon of a chunk extension.
    Blank(u64),
    /// In a chunk extension.
    Extension(u64),
    /// The LF behind a chunk's size.
    SizeEnd(u64),
    /// One of so many bytes of a chunk.
    Chunk(u64),
    /// The CR behind a chunk.
    ChunkCr,
    /// The LF behind a chunk.
    ChunkLf,
    /// The first byte of a trailer field, or of the empty line that ends the body.
    Trailer,
    /// In the name of a trailer field; so many bytes of it are those of [`DIGEST`].
    TrailerName(Option<u8>),
    /// In the value of a trailer field.
    TrailerValue,
    /// The LF behind a trailer field.
    TrailerLf,
    /// The LF of the empty line.
    LastLf,
    /// Nothing: it is complete.
    Done,
}

/// Hex digits of the largest chunk size.
const SIZE_DIGITS: u8 = 16;

/// A digest in the trailer would come too late for whoever stores a body while it arrives, and must not be ignored.
const DIGEST: &[u8] = b"content-digest";

impl Decoder {
    /// At the beginning of a body.
    #[must_use]
    pub fn new(framing: Framing) -> Decoder {
        Decoder {
            state: match framing {
                Framing::Length(0) => State::Done,
                Framing::Length(length) => State::Content(length),
                Framing::Chunked => State::Size { size: 0, digits: 0 },
            },
            overhead: 0,
            fields: 0,
        }
    }

    /// Whether the body is complete.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes from the wire and hands what is content to `content`, in order. Returns the number of bytes that belong
    /// to the body: all, unless it is complete.
    ///
    /// # Errors
    /// [`Malformed`], for good.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        mut content: impl FnMut(&[u8]),
    ) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            let rest = &bytes[at..];
            at += match &mut self.state {
                State::Content(left) | State::Chunk(left) => {
                    let count = usize::try_from(*left).map_or(rest.len(), |n| n.min(rest.len()));
                    content(&rest[..count]);
                    *left -= count as u64;
                    match self.state {
                        State::Content(0) => self.state = State::Done,
                        State::Chunk(0) => self.state = State::ChunkCr,
                        _ => {}
                    }
                    count
                }
                _ => {
                    self.state = self.framing(rest[0])?;
                    1
                }
            };
        }
        Ok(at)
    }

    /// The state after a byte that is no content.
    fn framing(&mut self, byte: u8) -> Result<State, Malformed> {
        match (self.state, byte) {
            (State::Size { size, digits }, _) => self.size(size, digits, byte),
            (State::Blank(size), b' ' | b'\t') => self.more(State::Blank(size)),
            (State::Blank(size), b';') => self.more(State::Extension(size)),
            (State::Extension(size), b'\r') => Ok(State::SizeEnd(size)),
            (State::Extension(size), byte) if is_text(byte) => self.more(State::Extension(size)),
            (State::SizeEnd(0), b'\n') => Ok(State::Trailer),
            (State::SizeEnd(size), b'\n') => Ok(State::Chunk(size)),
            (State::ChunkCr, b'\r') => Ok(State::ChunkLf),
            (State::ChunkLf, b'\n') => Ok(State::Size { size: 0, digits: 0 }),
            (State::Trailer, b'\r') => Ok(State::LastLf),
            (State::Trailer, byte) if is_token(byte) => {
                self.fields += 1;
                if self.fields > FIELDS_MAX {
                    return Err(Malformed("too many trailer fields"));
                }
                self.more(State::TrailerName(follows(Some(0), byte)))
            }
            (State::TrailerName(known), b':') => {
                if known.is_some_and(|known| usize::from(known) == DIGEST.len()) {
                    return Err(Malformed("Content-Digest must be in the head"));
                }
                self.more(State::TrailerValue)
            }
            (State::TrailerName(known), byte) if is_token(byte) => {
                self.more(State::TrailerName(follows(known, byte)))
            }
            (State::TrailerValue, b'\r') => Ok(State::TrailerLf),
            (State::TrailerValue, byte) if is_text(byte) => self.more(State::TrailerValue),
            (State::TrailerLf, b'\n') => Ok(State::Trailer),
            (State::LastLf, b'\n') => Ok(State::Done),
            (State::ChunkCr, _) => Err(Malformed("a chunk is longer than its size says")),
            (State::Trailer | State::TrailerName(_) | State::TrailerValue, _) => {
                Err(Malformed("malformed trailer field"))
            }
            _ => Err(Malformed("malformed chunk size line")),
        }
    }

    fn size(&mut self, size: u64, digits: u8, byte: u8) -> Result<State, Malformed> {
        match (byte, digits) {
            (byte, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS {
                    return Err(Malformed("a chunk size has more than 16 digits"));
                }
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                Ok(State::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                })
            }
            (_, 0) => Err(Malformed("malformed chunk size line")),
            (b'\r', _) => Ok(State::SizeEnd(size)),
            (b';', _) => self.more(State::Extension(size)),
            (b' ' | b'\t', _) => self.more(State::Blank(size)),
            _ => Err(Malformed("malformed chunk size line")),
        }
    }

    /// Counts a byte that is neither content nor size: there may be any number of chunks, but not of those.
    fn more(&mut self, next: State) -> Result<State, Malformed> {
        self.overhead += 1;
        if self.overhead > BODY_OVERHEAD_MAX {
            return Err(Malformed("too many chunk extensions or trailer fields"));
        }
        Ok(next)
    }
}

/// How many bytes of [`DIGEST`] a name begins with, after one more byte; `None`: it is another name.
fn follows(known: Option<u8>, byte: u8) -> Option<u8> {
    let known = known?;
    let expected = DIGEST.get(usize::from(known))?;
    (byte.to_ascii_lowercase() == *expected).then_some(known + 1)
}

/// `VCHAR`, blanks and bytes above ASCII: what may be in an extension or in the value of a field (RFC 9110 section 5.5).
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// `tchar` of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
