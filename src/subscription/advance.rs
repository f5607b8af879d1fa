//! Makes events of the lines in bytes that were read at a position of a file, and gives the next position.

use crate::http::position::{Check, Position, checked_from};
use crate::http::sse::{self, Source};

/// Where a reader is after the events that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Advanced {
    /// The position after the last event.
    pub at: Position,
    /// The offset up to which the file was read without another event after `at`.
    pub seen: u64,
    /// The offset at which the line begins that `at` is in, and the check of the bytes before it; `None`: the line is the same
    /// as before.
    pub line: Option<(u64, Check)>,
}

impl Advanced {
    /// The position where the line begins, if it is another one than before.
    pub fn line_start(&self) -> Option<Position> {
        self.line.map(|line| start_of(line, self.at))
    }
}

/// The position where a line begins, from the offset and the check of the bytes before it. `at`: a position in that file.
pub(super) fn start_of((offset, check): (u64, Check), at: Position) -> Position {
    Position {
        offset,
        check: (offset > 0).then_some(check),
        ..at
    }
}

/// The line of a reader that begins at this position, as for [`Advanced::line`]: the client has nothing of it yet.
pub(super) fn line_at(at: Option<Position>) -> (u64, Check) {
    let check = at.and_then(|at| at.check).unwrap_or(Check::of(&[]));
    (at.map_or(0, |at| at.offset), check)
}

/// Writes events of the lines in `bytes`, which begin with those that the check of the position covers. `last`: nothing
/// follows them, so a line without an end is complete. `None`: the bytes before the position are not those that were read
/// there before, so the file was truncated or overwritten unnoticed.
pub(super) fn advance(
    source: Source<'_>,
    at: Position,
    bytes: &[u8],
    last: bool,
    out: &mut Vec<u8>,
) -> Option<Advanced> {
    let (start, end) = (checked_from(at.offset), end_of(at, bytes));
    let before = (at.offset - start) as usize;
    let found = Check::of(bytes.get(..before)?);
    if at.check.is_some_and(|check| check != found) {
        return None;
    }
    let Some(skipped) = end_of_line_begun_before(at, bytes, before) else {
        return Some(Advanced {
            at: Position { offset: end, ..at },
            seen: end,
            line: None,
        });
    };
    let unread = at.check.is_none();
    let (before, begin) = (before + skipped, at.offset + skipped as u64);
    let at = Position {
        offset: begin,
        ..at
    };
    let taken = sse::encode(source, at, bytes, before, last, out);
    let offset = begin + taken.bytes as u64;
    let check = (offset > 0).then(|| Check::of(&bytes[..before + taken.bytes]));
    Some(Advanced {
        at: Position {
            offset,
            check,
            ..at
        },
        seen: if taken.all { end } else { offset },
        line: (taken.lines > 0 || unread).then(|| {
            let check = Check::of(&bytes[..before + taken.lines]);
            (begin + taken.lines as u64, check)
        }),
    })
}

/// The offset in the file of the end of `bytes`, which begin with those that the check of the position covers.
pub(super) fn end_of(at: Position, bytes: &[u8]) -> u64 {
    checked_from(at.offset) + bytes.len() as u64
}

/// How many bytes a stream skips at the position where it begins: those up to the end of a line that began before it. With
/// `lines` and `from` a stream may begin in the middle of a line that is longer than what was searched, and its end would pass
/// for a whole line. `None`: the line does not end in these bytes, of which the first `before` stand before the position.
fn end_of_line_begun_before(at: Position, bytes: &[u8], before: usize) -> Option<usize> {
    let begins = before == 0 || bytes[before - 1] == b'\n' || at.check.is_some();
    if begins {
        return Some(0);
    }
    sse::first_line_feed(&bytes[before..]).map(|feed| feed + 1)
}
