//! Lines of a file to server-sent events (HTML Living Standard, section 9.2), and the position that an event carries.
//!
//! - A line that is complete is one event of the default type, `message`; LF and CR LF end a line.
//! - A piece of a line, without its end, is an event `part`: of a line that is longer than [`EVENT_LINE_MAX`], and of one
//!   that will not be ended any more. The pieces and the `message` behind them are the line.
//! - A CR elsewhere in a line would end a line of the event stream: the data has a line feed in its place.
//! - What is not UTF-8 comes as U+FFFD. The bytes as they are can be had by a range between the offsets of two events.
//!
//! What is made of a file depends on its bytes alone, and not on how they come: whoever begins behind one event gets the
//! same events from there on.

use std::fmt;
use std::io::Write;

use super::conditional::ETag;
use crate::limits::{EVENT_BUFFER, EVENT_LINE_MAX, EVENT_RETRY};

/// The media type.
pub const MEDIA: &str = "text/event-stream";

/// A comment, so that neither a proxy nor a client takes a quiet stream for a dead one.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// A place in a file, as an event's `id`: `0123456789abcdef-4711`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub etag: ETag,
    /// The offset behind the event.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}-{}", self.etag.0, self.offset)
    }
}

impl Position {
    /// Reads what this server wrote; `None` if it did not write that.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Position> {
        let text = str::from_utf8(text).ok()?;
        let (etag, offset) = text.split_once('-')?;
        let position = Position {
            etag: ETag(u64::from_str_radix(etag, 16).ok()?),
            offset: offset.parse().ok()?,
        };
        // Nothing but its own spelling.
        (position.to_string() == text).then_some(position)
    }
}

/// How much of some bytes was made into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Bytes that are in events.
    pub bytes: usize,
    /// What is behind them makes no event yet. False: there may be more, but it was enough.
    pub all: bool,
}

/// Writes the events of the bytes from this position on, until [`EVENT_BUFFER`] is reached. `last`: no byte will follow
/// these.
pub fn encode(from: Position, bytes: &[u8], last: bool, out: &mut Vec<u8>) -> Taken {
    let mut taken = 0;
    while out.len() < EVENT_BUFFER {
        let Some(piece) = first_piece(&bytes[taken..], last) else {
            return Taken {
                bytes: taken,
                all: true,
            };
        };
        taken += piece.length;
        let behind = Position {
            offset: from.offset + taken as u64,
            ..from
        };
        write_piece(out, &piece, behind);
    }
    Taken {
        bytes: taken,
        all: false,
    }
}

/// What one event is made of.
struct Piece<'a> {
    text: &'a [u8],
    /// Bytes of the file, line end included.
    length: usize,
    /// The line ends here.
    ends: bool,
}

fn first_piece(bytes: &[u8], last: bool) -> Option<Piece<'_>> {
    let window = &bytes[..bytes.len().min(EVENT_LINE_MAX + 1)];
    if let Some(feed) = window.iter().position(|&byte| byte == b'\n') {
        let line = &window[..feed];
        return Some(Piece {
            text: line.strip_suffix(b"\r").unwrap_or(line),
            length: feed + 1,
            ends: true,
        });
    }
    let length = if window.len() > EVENT_LINE_MAX {
        cut(window)
    } else if last && !window.is_empty() {
        window.len()
    } else {
        return None;
    };
    Some(Piece {
        text: &window[..length],
        length,
        ends: false,
    })
}

/// Where a line is cut that is too long: not within a character, and not behind a CR, of which it is not known what it
/// is. `window`: one byte more than an event may have.
fn cut(window: &[u8]) -> usize {
    let continues = |at: usize| window[at] & 0b1100_0000 == 0b1000_0000;
    let mut end = EVENT_LINE_MAX;
    while continues(end) && EVENT_LINE_MAX - end < 3 {
        end -= 1;
    }
    // No character begins there: these bytes are none.
    if window[end] < 0b1100_0000 {
        end = EVENT_LINE_MAX;
    }
    end - usize::from(window[end - 1] == b'\r')
}

fn write_piece(out: &mut Vec<u8>, piece: &Piece<'_>, behind: Position) {
    // Writing to a Vec cannot fail.
    let _ = writeln!(out, "id: {behind}");
    if !piece.ends {
        out.extend_from_slice(b"event: part\n");
    }
    for line in piece.text.split(|&byte| byte == b'\r') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(String::from_utf8_lossy(line).as_bytes());
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// What a stream begins with: how soon to come again, and where it begins, for a client that loses the connection before
/// the first event.
pub fn write_beginning(out: &mut Vec<u8>, position: Position) {
    let retry = EVENT_RETRY.as_millis();
    let _ = write!(out, "retry: {retry}\nid: {position}\n\n");
}

/// The name has passed to another file, from whose start the stream goes on; or, without a tag, it leads nowhere now.
pub fn write_roll(out: &mut Vec<u8>, reason: &str, etag: Option<ETag>) {
    out.extend_from_slice(b"event: roll\n");
    let _ = match etag {
        Some(etag) => write_file(out, etag, format_args!("\"reason\":\"{reason}\",")),
        None => write!(out, "data: {{\"reason\":\"{reason}\",\"etag\":null}}\n\n"),
    };
}

/// The file was truncated; the stream goes on from its start.
pub fn write_truncate(out: &mut Vec<u8>, etag: ETag) {
    out.extend_from_slice(b"event: truncate\n");
    let _ = write_file(out, etag, format_args!(""));
}

fn write_file(out: &mut Vec<u8>, etag: ETag, members: fmt::Arguments<'_>) -> std::io::Result<()> {
    let start = Position { etag, offset: 0 };
    let tag = etag.0;
    write!(
        out,
        "id: {start}\ndata: {{{members}\"etag\":\"W/\\\"{tag:016x}\\\"\"}}\n\n"
    )
}
