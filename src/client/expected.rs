//! Whether a response has the bytes that were asked for, and nothing else: whatever follows a log asks here.

use crate::http::conditional::ETag;
use crate::http::response::{ContentRange, Framing, ResponseHead};

/// Says that the bytes themselves are wanted: without it a server may send them in any coding (RFC 9110 section 12.5.3).
pub const PLAIN: &str = "Accept-Encoding: identity\r\n";

/// What makes a response none that can be used.
pub type Unusable = String;

/// Bytes that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Of this file.
    pub etag: Option<ETag>,
    /// From there on.
    pub first: u64,
    /// Up to there at most; `None`: everything, also what is not written yet.
    pub end: Option<u64>,
}

impl Expected {
    /// The body of this 206: up to where it goes; `None`: it is live.
    ///
    /// # Errors
    /// It has something else, or does not tell whether all of it came.
    pub fn judge(&self, head: &ResponseHead) -> Result<Option<u64>, Unusable> {
        same_file(head, self.etag)?;
        match head.range {
            Some(ContentRange::Open { first, .. }) if first == self.first && self.end.is_none() => {
                // Only chunks tell a live body that is over from one that was cut.
                match head.framing {
                    Framing::Chunked => Ok(None),
                    _ => Err("a live response without chunks".into()),
                }
            }
            Some(ContentRange::Slice { first, last, size })
                if first == self.first
                    && self.end.map_or(last + 1 == size, |end| last < end)
                    && is_as_long(head, last + 1 - first) =>
            {
                Ok(Some(last + 1))
            }
            range => Err(self.other(range)),
        }
    }

    /// That this range is not the one.
    #[must_use]
    pub fn other(&self, range: Option<ContentRange>) -> Unusable {
        let (first, came) = (self.first, in_words(range));
        match self.end {
            Some(end) => format!("a range other than {first} to {end}: {came}"),
            None => format!("a range other than the one from {first} on: {came}"),
        }
    }
}

fn in_words(range: Option<ContentRange>) -> String {
    match range {
        Some(ContentRange::Open { first, .. }) => format!("all from {first} on"),
        Some(ContentRange::Slice { first, last, size }) => {
            format!("bytes {first} to {last} of {size}")
        }
        Some(ContentRange::Unsatisfied { size }) => format!("none of {size} bytes"),
        None => "none".into(),
    }
}

/// Whether the body has so many bytes. Of chunks an exchange counts them.
fn is_as_long(head: &ResponseHead, length: u64) -> bool {
    match head.framing {
        Framing::Length(declared) => declared == length,
        Framing::Chunked => true,
        Framing::Empty | Framing::UntilClose => false,
    }
}

/// Whether a response is about this file, and about its bytes as they are.
///
/// # Errors
/// Which one it is about, or that it has them in another form.
pub fn same_file(head: &ResponseHead, wanted: Option<ETag>) -> Result<(), Unusable> {
    match (head.etag, wanted) {
        _ if head.coded => Err("a content coding that was not asked for".into()),
        (Some(tag), Some(wanted)) if tag == wanted => Ok(()),
        (Some(tag), _) => Err(format!("another file, {tag}")),
        (None, _) => Err("no tag that an openrange server gives".into()),
    }
}
