//! What was seen of a file or a name, one fact at a time, and how it is written down.

use std::fmt;

use percent_encoding::percent_decode;

use super::order::{Ancestor, Modified, Original};
use crate::http::conditional::ETag;
use crate::http::target::encode;

/// A file that has a name now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its tag.
    pub etag: ETag,
    /// Its inode number.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
}

/// A file that was found under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The file.
    pub holder: Holder,
    /// When that was.
    pub noted: Modified,
}

impl From<Ancestor> for Sighting {
    fn from(file: Ancestor) -> Sighting {
        Sighting {
            holder: Holder {
                etag: file.etag,
                inode: file.inode,
                size: file.size,
            },
            noted: file.noted,
        }
    }
}

/// What is known of a file that was truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncated {
    /// Later truncations have larger ones.
    pub number: u64,
    /// The number before.
    pub before: u64,
    /// The size it was seen with.
    pub size: u64,
    /// The size that anybody has seen last: the next truncation goes below it.
    pub latest: u64,
}

/// Something that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A name has passed from one file to another, and nobody had it in between.
    Roll {
        /// Below ROOT.
        name: Box<[u8]>,
        /// The one before.
        from: Sighting,
        /// The one after it.
        to: Sighting,
    },
    /// A file was created under a name that looks like that of an earlier generation.
    Born(ETag),
    /// A file was compressed.
    Compressed {
        /// The copy.
        copy: ETag,
        /// Its inode number, by which a listing finds it under any name; an earlier build did not write it.
        inode: Option<u64>,
        /// The file.
        original: Original,
    },
    /// A file was truncated.
    Truncated {
        /// Who it is, whatever tag it has.
        identity: u64,
        /// How.
        truncated: Truncated,
    },
}

impl fmt::Display for Fact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Roll { name, from, to } => {
                write!(out, "roll {} {} {}", encode(name), Words(from), Words(to))
            }
            Fact::Born(etag) => write!(out, "born {:016x}", etag.0),
            Fact::Compressed {
                copy,
                inode,
                original,
            } => {
                let kind = match original.is_final {
                    true => "compressed",
                    false => "compressed-early",
                };
                let Original { etag, size, .. } = original;
                write!(out, "{kind} {:016x} {:016x} {size}", copy.0, etag.0)?;
                inode.map_or(Ok(()), |inode| write!(out, " {inode}"))
            }
            Fact::Truncated {
                identity,
                truncated,
            } => {
                let Truncated {
                    number,
                    before,
                    size,
                    latest,
                } = truncated;
                write!(
                    out,
                    "truncated {identity:016x} {number} {before} {size} {latest}"
                )
            }
        }
    }
}

/// A file in words.
struct Words<'a>(&'a Sighting);

impl fmt::Display for Words<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Sighting { holder, noted } = self.0;
        let Holder { etag, inode, size } = holder;
        let (seconds, nanoseconds) = noted;
        write!(
            out,
            "{:016x} {inode} {size} {seconds}.{nanoseconds:09}",
            etag.0
        )
    }
}

impl Fact {
    /// Reads a line.
    #[must_use]
    pub fn parse(line: &str) -> Option<Fact> {
        let mut words = line.split(' ');
        let kind = words.next()?;
        let mut words = Reader(words);
        let fact = match kind {
            "roll" => Fact::Roll {
                name: percent_decode(words.next()?.as_bytes())
                    .collect::<Vec<u8>>()
                    .into(),
                from: words.sighting()?,
                to: words.sighting()?,
            },
            "born" => Fact::Born(ETag(words.hex()?)),
            "compressed" | "compressed-early" => Fact::Compressed {
                copy: ETag(words.hex()?),
                original: Original {
                    etag: ETag(words.hex()?),
                    size: words.number()?,
                    is_final: kind == "compressed",
                },
                inode: words.number(),
            },
            "truncated" => Fact::Truncated {
                identity: words.hex()?,
                truncated: Truncated {
                    number: words.number()?,
                    before: words.number()?,
                    size: words.number()?,
                    latest: words.number()?,
                },
            },
            _ => return None,
        };
        // Nothing but its own spelling.
        (fact.to_string() == line).then_some(fact)
    }
}

/// The words of a line.
struct Reader<'a>(std::str::Split<'a, char>);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn number(&mut self) -> Option<u64> {
        self.next()?.parse().ok()
    }

    fn hex(&mut self) -> Option<u64> {
        u64::from_str_radix(self.next()?, 16).ok()
    }

    fn sighting(&mut self) -> Option<Sighting> {
        let holder = Holder {
            etag: ETag(self.hex()?),
            inode: self.number()?,
            size: self.number()?,
        };
        let (seconds, nanoseconds) = self.next()?.split_once('.')?;
        let noted = (seconds.parse().ok()?, nanoseconds.parse().ok()?);
        Some(Sighting { holder, noted })
    }
}
