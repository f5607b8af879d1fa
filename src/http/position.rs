//! A position in a file: which file, how far, and what stood there. It is the `id` of an event, and what a reader of ranges
//! keeps to go on.
//!
//! A tag tells one file from another, and a truncation that the server saw. Of a truncation that nobody saw (the server was
//! down, or another host wrote), and of bytes that were written over, the [`Check`] tells, which needs no state at the
//! server: it is made of the bytes before the position, as the reader has them.

use std::fmt;

use super::etag::ETag;
use crate::limits::{EVENT_LATE_MAX, EVENT_PLACES_MAX};

/// Bytes before a position that its check covers: at least the end of the last record.
pub const CHECKED: usize = 64;

/// A checksum of the last [`CHECKED`] bytes before an offset, or of as many as there are: FNV-1a in 64 bits, of which the
/// upper and the lower half are combined by exclusive or. Written as 8 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Check(u32);

impl Check {
    /// `before`: the bytes before the offset; only the last [`CHECKED`] of them count.
    #[must_use]
    pub fn of(before: &[u8]) -> Check {
        let checked = &before[before.len().saturating_sub(CHECKED)..];
        let hash = fnv(&[checked]);
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        Check((hash >> 32) as u32 ^ hash as u32)
    }

    /// Reads its own spelling, and no other.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Check> {
        let text = str::from_utf8(text).ok()?;
        let check = Check(u32::from_str_radix(text, 16).ok()?);
        (check.to_string() == text).then_some(check)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", self.0)
    }
}

/// Where the bytes begin that the check of this offset covers.
#[must_use]
pub fn checked_from(offset: u64) -> u64 {
    offset.saturating_sub(CHECKED as u64)
}

/// FNV-1a over 64 bits: the same on every machine and in every version, which the standard library's hashes are not.
#[must_use]
pub fn fnv(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .copied()
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

/// A position in a file: `0123456789abcdef-4711-89abcdef`, or without the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub etag: ETag,
    /// The offset of the next byte.
    pub offset: u64,
    /// Of the bytes before it, if they were read.
    pub check: Option<Check>,
}

impl Position {
    /// A position of which no byte was read.
    #[must_use]
    pub fn new(etag: ETag, offset: u64) -> Position {
        Position {
            etag,
            offset,
            check: None,
        }
    }

    /// Reads what this server wrote; `None` if it did not write that.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Position> {
        let text = str::from_utf8(text).ok()?;
        let (etag, rest) = text.split_once('-')?;
        let (offset, check) = match rest.split_once('-') {
            Some((offset, check)) => (offset, Some(Check::parse(check.as_bytes())?)),
            None => (rest, None),
        };
        let position = Position {
            etag: ETag(u64::from_str_radix(etag, 16).ok()?),
            offset: offset.parse().ok()?,
            check,
        };
        // Nothing but its own spelling.
        (position.to_string() == text).then_some(position)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}-{}", self.etag.0, self.offset)?;
        match self.check {
            Some(check) => write!(out, "-{check}"),
            None => Ok(()),
        }
    }
}

/// A short hash of the name of a file: FNV-1a in 64 bits, of which the upper and the lower half are combined by exclusive or.
/// Written as 8 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NameHash(u32);

impl NameHash {
    /// Of a name in its directory, as the type of its events has it.
    #[must_use]
    pub fn of(name: &[u8]) -> NameHash {
        let hash = fnv(&[name]);
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        NameHash((hash >> 32) as u32 ^ hash as u32)
    }

    /// Reads its own spelling, and no other.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<NameHash> {
        let text = str::from_utf8(text).ok()?;
        let hash = NameHash(u32::from_str_radix(text, 16).ok()?);
        (hash.to_string() == text).then_some(hash)
    }
}

impl fmt::Display for NameHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", self.0)
    }
}

/// A position in the file of a name, and those in earlier files of that name to which somebody may still append, with dots
/// between them; of a file that a pattern has found, also a tilde and the hash of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// In the file that the name had last.
    pub at: Position,
    /// In earlier ones, oldest first.
    pub late: Box<[Position]>,
    /// Whose place it is, where that does not follow from the order of the places. The file may have lost its name.
    pub name: Option<NameHash>,
}

impl From<Position> for Place {
    fn from(at: Position) -> Place {
        Place {
            at,
            late: Box::default(),
            name: None,
        }
    }
}

impl Place {
    /// Reads what this server wrote; `None` if it did not write that.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Place> {
        let (text, name) = match text.iter().position(|&byte| byte == b'~') {
            Some(tilde) => (&text[..tilde], Some(NameHash::parse(&text[tilde + 1..])?)),
            None => (text, None),
        };
        let mut parts = text.split(|&byte| byte == b'.').map(Position::parse);
        let place = Place {
            at: parts.next()??,
            late: parts.collect::<Option<_>>()?,
            name,
        };
        (place.late.len() <= EVENT_LATE_MAX).then_some(place)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.at)?;
        let mut late = self.late.iter();
        late.try_for_each(|late| write!(out, ".{late}"))?;
        let mut name = self.name.iter();
        name.try_for_each(|name| write!(out, "~{name}"))
    }
}

/// Places in several files, in the order in which they are followed: places, or `-` for a file that is not there yet,
/// with commas between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Positions(pub Box<[Option<Place>]>);

impl Positions {
    /// Reads what this server wrote; `None` if it did not write that.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Positions> {
        let parts = || text.split(|&byte| byte == b',');
        if parts().count() > EVENT_PLACES_MAX {
            return None;
        }
        let place = |part: &[u8]| match part {
            b"-" => Some(None),
            part => Place::parse(part).map(Some),
        };
        parts().map(place).collect::<Option<_>>().map(Positions)
    }

    /// The place, if it is one in one file.
    #[must_use]
    pub fn only(&self) -> Option<&Place> {
        match &*self.0 {
            [only] => only.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match place {
                Some(place) => write!(out, "{comma}{place}")?,
                None => write!(out, "{comma}-")?,
            }
        }
        Ok(())
    }
}
