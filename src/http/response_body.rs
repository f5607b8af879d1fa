//! A response body, piece by piece: what of the bytes that came is content, and where the body ends (RFC 9112 section 7.1).
//!
//! The reader copies nothing: it says how many bytes at the beginning of the input are what.

use super::response::Framing;

/// Longest size line of a chunk with its extensions, and longest trailer line. This kind of server writes 8 and 30 bytes.
const LINE_MAX: usize = 1024;
/// Most trailer lines.
const TRAILERS_MAX: u8 = 32;

/// How far a body is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// So many bytes are left.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Whatever comes until the connection ends.
    UntilClose,
}

/// Where in a chunked body the next byte is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunks {
    /// At a size line.
    Size,
    /// In a chunk, of which so many bytes are left.
    Data(u64),
    /// At the line end behind a chunk.
    DataEnd,
    /// In the trailer section, behind so many lines of it.
    Trailers(u8),
    /// Behind the body.
    Over,
}

/// What the first bytes of the input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// Framing of this length, now read: the next call begins behind it.
    Framing(usize),
    /// At least one byte of content. [`Body::advance`] says how many of them were taken.
    Data(usize),
    /// A trailer line of this length with its line end, now read.
    Trailer(usize),
    /// The body is over; what follows belongs to the next response.
    End,
    /// More input is needed.
    More,
}

impl Body {
    /// The body behind a head.
    #[must_use]
    pub fn new(framing: Framing) -> Body {
        match framing {
            Framing::Empty => Body::Length(0),
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(Chunks::Size),
            Framing::UntilClose => Body::UntilClose,
        }
    }

    /// Looks at the input.
    ///
    /// # Errors
    /// What is wrong with the chunks.
    pub fn piece(&mut self, input: &[u8]) -> Result<Piece, &'static str> {
        let available = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        match self {
            Body::Length(0) => Ok(Piece::End),
            _ if input.is_empty() && *self != Body::Chunked(Chunks::Over) => Ok(Piece::More),
            Body::Length(left) => Ok(Piece::Data(available(*left))),
            Body::UntilClose => Ok(Piece::Data(input.len())),
            Body::Chunked(Chunks::Data(left)) => Ok(Piece::Data(available(*left))),
            Body::Chunked(chunks) => chunks.line(input),
        }
    }

    /// So many bytes of content were taken.
    ///
    /// # Panics
    /// If the input had fewer.
    pub fn advance(&mut self, taken: u64) {
        match self {
            Body::Length(left) => *left -= taken,
            Body::Chunked(chunks) => match chunks {
                Chunks::Data(left) if *left == taken => *chunks = Chunks::DataEnd,
                Chunks::Data(left) => *left -= taken,
                _ => assert_eq!(taken, 0, "content outside of a chunk"),
            },
            Body::UntilClose => {}
        }
    }
}

impl Chunks {
    fn line(&mut self, input: &[u8]) -> Result<Piece, &'static str> {
        if *self == Chunks::Over {
            return Ok(Piece::End);
        }
        let window = &input[..input.len().min(LINE_MAX)];
        let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
            return match window.len() {
                LINE_MAX => Err("a line between chunks is too long"),
                _ => Ok(Piece::More),
            };
        };
        let line = &window[..end];
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            return Err("a bare CR or LF between chunks");
        }
        let length = end + 2;
        match *self {
            Chunks::Size => {
                *self = match size(line)? {
                    0 => Chunks::Trailers(0),
                    size => Chunks::Data(size),
                };
                Ok(Piece::Framing(length))
            }
            Chunks::DataEnd if line.is_empty() => {
                *self = Chunks::Size;
                Ok(Piece::Framing(length))
            }
            Chunks::DataEnd => Err("a chunk is longer than its size"),
            Chunks::Trailers(_) if line.is_empty() => {
                *self = Chunks::Over;
                Ok(Piece::Framing(length))
            }
            Chunks::Trailers(TRAILERS_MAX) => Err("too many trailer fields"),
            Chunks::Trailers(count) => {
                *self = Chunks::Trailers(count + 1);
                Ok(Piece::Trailer(length))
            }
            Chunks::Data(_) | Chunks::Over => unreachable!("neither has lines"),
        }
    }
}

/// `chunk-size [ chunk-ext ]`
fn size(line: &[u8]) -> Result<u64, &'static str> {
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit());
    let (digits, extension) = line.split_at(digits.unwrap_or(line.len()));
    if !matches!(extension.trim_ascii_start(), [] | [b';', ..]) || digits.len() > 16 {
        return Err("malformed size of a chunk");
    }
    let digits = str::from_utf8(digits).unwrap_or_default();
    u64::from_str_radix(digits, 16).map_err(|_| "malformed size of a chunk")
}

/// Name and value of a trailer or header line.
#[must_use]
pub fn field(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
    Some((name, value.trim()))
}
