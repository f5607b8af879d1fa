//! What an event stream follows, and where it begins.

use crate::http::pattern::Pattern;
use crate::http::position::{Place, Position, Positions};
use crate::http::query::Start;
use crate::http::sse::{self, Source};
use crate::resource::FileInfo;

/// Where a stream of one file begins, and the events that it begins with.
#[derive(Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The file, and the place from which on its lines are events.
    pub subject: Subject,
    /// The events that it begins with, not in a chunk.
    pub events: Vec<u8>,
}

impl Beginning {
    /// Where a client with this `place` goes on, or one without a place begins. `info`: of the file to which the name leads, if
    /// it leads to one. `None`: there is neither.
    #[must_use]
    pub fn new(place: Option<&Place>, info: Option<&FileInfo>) -> Option<Beginning> {
        let mut events = Vec::new();
        let position = match (place.map(|place| place.at), info) {
            (None, None) => return None,
            (None, Some(info)) => Position::new(info.etag, info.start.unwrap_or(0)),
            // Files only grow, unless they are truncated.
            (Some(position), Some(info))
                if position.etag == info.etag && position.offset > info.size =>
            {
                sse::write_truncate(&mut events, Source::default(), info.etag);
                Position::new(info.etag, 0)
            }
            (Some(position), _) => position,
        };
        let mut all = Vec::new();
        let place = Place {
            at: position,
            late: place.map_or_else(Box::default, |place| place.late.clone()),
            name: None,
        };
        sse::write_beginning(&mut all, Some(&place));
        all.append(&mut events);
        let here = info.is_some_and(|info| info.etag == position.etag);
        Some(Beginning {
            subject: match here {
                true => Subject::File(place),
                false => Subject::Earlier(place),
            },
            events: all,
        })
    }
}

/// What a stream follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The file of the name, from this place on.
    File(Place),
    /// A file that had the name, from this place on, and the files that came after it.
    Earlier(Place),
    /// The entries of the directory.
    Entries,
    /// Files of the directory.
    Files {
        /// The names or patterns that they fit.
        patterns: Box<[Pattern]>,
        /// Where the stream begins in each.
        start: Option<Start>,
        /// The positions after what the client has of them.
        positions: Option<Positions>,
    },
}
