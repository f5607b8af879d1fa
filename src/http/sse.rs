//! Lines of a file to server-sent events (HTML Living Standard, section 9.2).
//!
//! - A line that is complete is one event of the default type, `message`; LF and CR LF end a line.
//! - A piece of a line, without its end, is an event `part`: of a line that is longer than [`EVENT_LINE_MAX`], and of one
//!   that will not be ended any more. The pieces and the `message` behind them are the line.
//! - A CR elsewhere in a line would end a line of the event stream: the data has a line feed in its place.
//! - What is not UTF-8 comes as U+FFFD. A range between the offsets of two events has the bytes as they are.
//!
//! What is made of a file depends on its bytes alone, and not on how they come: whoever begins behind one event gets the
//! same events from there on.
//!
//! In a stream of several files the name of a file is the type of its events, and what is not a line has a type behind it:
//! `a.log/part`, `a.log/roll`, `a.log/truncate`. There is no slash in the name of a file, so no two of them are the same.

use std::fmt;
use std::io::{BufRead, Write};

use super::conditional::ETag;
use super::position::{Check, Place, Position};
use super::target::encode as encode_name;
use crate::limits::{EVENT_BUFFER, EVENT_FILES_MAX, EVENT_LINE_MAX, EVENT_RETRY};

/// The media type.
pub const MEDIA: &str = "text/event-stream";

/// A comment, so that neither a proxy nor a client takes a quiet stream for a dead one.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// Which file of a stream an event is of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Source<'a> {
    /// Its name, percent-encoded. Empty if the stream follows one file.
    pub name: &'a str,
    /// What precedes and follows its position in an `id`: the positions of the other files.
    pub before: &'a str,
    /// See `before`.
    pub behind: &'a str,
}

impl Source<'_> {
    /// The type of an event; `kind` is empty for a line.
    fn write_type(&self, out: &mut Vec<u8>, kind: &str) {
        let slash = if kind.is_empty() || self.name.is_empty() {
            ""
        } else {
            "/"
        };
        if !(self.name.is_empty() && kind.is_empty()) {
            // Writing to a Vec cannot fail.
            let _ = writeln!(out, "event: {}{slash}{kind}", self.name);
        }
    }

    fn write_id(&self, out: &mut Vec<u8>, position: Position) {
        let _ = writeln!(out, "id: {}{position}{}", self.before, self.behind);
    }
}

/// The type of the events of a file: its name, percent-encoded, also the slashes of one in a tree. Names of which an event
/// source has events of its own get a prefix that no encoded name begins with.
#[must_use]
pub fn type_of(name: &[u8]) -> Box<str> {
    let encoded = encode_name(name).to_string().replace('/', "%2F");
    match &*encoded {
        "error" | "message" | "open" => format!("file:{encoded}").into(),
        _ => encoded.into(),
    }
}

/// How much of some bytes was made into events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Bytes that are in events.
    pub bytes: usize,
    /// Of these, the bytes up to the last end of a line.
    pub lines: usize,
    /// What is behind them makes no event yet. False: there may be more, but it was enough.
    pub all: bool,
}

/// Writes the events of the bytes from this position on, until [`EVENT_BUFFER`] is reached. `held`: bytes of the file, of
/// which the first `before` stand in front of the position (those from [`checked_from`](super::position::checked_from) on).
/// `last`: no byte will follow these.
pub fn encode(
    source: Source<'_>,
    from: Position,
    held: &[u8],
    before: usize,
    last: bool,
    out: &mut Vec<u8>,
) -> Taken {
    let bytes = &held[before..];
    let (mut taken, mut lines) = (0, 0);
    while out.len() < EVENT_BUFFER {
        let Some(piece) = first_piece(&bytes[taken..], last) else {
            return Taken {
                bytes: taken,
                lines,
                all: true,
            };
        };
        taken += piece.length;
        if piece.ends {
            lines = taken;
        }
        let behind = Position {
            offset: from.offset + taken as u64,
            check: Some(Check::of(&held[..before + taken])),
            ..from
        };
        write_piece(out, source, &piece, behind);
    }
    Taken {
        bytes: taken,
        lines,
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
    if let Some(feed) = first_line_feed(window) {
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

fn write_piece(out: &mut Vec<u8>, source: Source<'_>, piece: &Piece<'_>, behind: Position) {
    source.write_id(out, behind);
    source.write_type(out, if piece.ends { "" } else { "part" });
    let mut write = |line: &[u8]| {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(String::from_utf8_lossy(line).as_bytes());
        out.push(b'\n');
    };
    // To look for one byte is quick, to split at it is not: a line of 4 KiB took twice as long.
    if piece.text.contains(&b'\r') {
        piece.text.split(|&byte| byte == b'\r').for_each(write);
    } else {
        write(piece.text);
    }
    out.push(b'\n');
}

/// The index of the first line feed, by memchr(3), which the standard library uses here and offers nowhere.
#[must_use]
pub fn first_line_feed(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    // Reading from memory cannot fail.
    let count = rest.skip_until(b'\n').ok()?;
    let last = count.checked_sub(1)?;
    (bytes[last] == b'\n').then_some(last)
}

/// What a stream begins with: how soon to come again, and where it begins, for a client that loses the connection before
/// the first event. Where several files begin is not known yet.
pub fn write_beginning(out: &mut Vec<u8>, place: Option<&Place>) {
    let _ = writeln!(out, "retry: {}", EVENT_RETRY.as_millis());
    if let Some(place) = place {
        let _ = writeln!(out, "id: {place}");
    }
    out.push(b'\n');
}

/// Where one of several files is followed from, as soon as it is found.
pub fn write_place(out: &mut Vec<u8>, source: Source<'_>, position: Position) {
    source.write_id(out, position);
    out.push(b'\n');
}

/// The name has passed to another file, where the stream goes on from there; or, without a place, it leads nowhere now.
/// `gap`: something between the two files, or of the first one, is missing.
pub fn write_roll(
    out: &mut Vec<u8>,
    source: Source<'_>,
    reason: &str,
    at: Option<Position>,
    gap: bool,
) {
    source.write_type(out, "roll");
    let gap = if gap { "\"gap\":true," } else { "" };
    let _ = match at {
        Some(at) => write_file(
            out,
            source,
            at,
            format_args!("\"reason\":\"{reason}\",{gap}"),
        ),
        None => write!(
            out,
            "data: {{\"reason\":\"{reason}\",{gap}\"etag\":null}}\n\n"
        ),
    };
}

/// The file was truncated; the stream goes on from its start.
pub fn write_truncate(out: &mut Vec<u8>, source: Source<'_>, etag: ETag) {
    source.write_type(out, "truncate");
    let at = Position::new(etag, 0);
    let _ = write_file(out, source, at, format_args!(""));
}

fn write_file(
    out: &mut Vec<u8>,
    source: Source<'_>,
    at: Position,
    members: fmt::Arguments<'_>,
) -> std::io::Result<()> {
    source.write_id(out, at);
    let tag = at.etag.0;
    write!(
        out,
        "data: {{{members}\"etag\":\"W/\\\"{tag:016x}\\\"\"}}\n\n"
    )
}

/// More files fit than one stream follows: how many it follows, how many it does not, and some names of those, as the type
/// of an event would have them.
pub fn write_full<'a>(
    out: &mut Vec<u8>,
    followed: usize,
    left_out: usize,
    names: impl Iterator<Item = &'a [u8]>,
) {
    let _ = write!(
        out,
        "event: /full\ndata: {{\"followed\":{followed},\"left_out\":{left_out},\"names\":["
    );
    for (index, name) in names.take(EVENT_FILES_MAX).enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma}\"{}\"", type_of(name));
    }
    let _ = write!(out, "]}}\n\n");
}
