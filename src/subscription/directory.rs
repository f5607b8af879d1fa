//! The directory that an event stream follows: it tells of its entries, or adds files to the stream that fit a pattern.

use super::backoff::Absence;
use super::changelog::{Book, Bookmark};
use super::selection::Wanted;
use crate::http::target::Path;
use crate::time::Moment;

/// A directory that is followed.
#[derive(Debug)]
pub(crate) struct Directory {
    pub path: Path,
    pub purpose: Purpose,
    /// It must be looked at before the stream may rest.
    look: bool,
    /// What was seen of it is known to be old.
    pub anew: bool,
    absence: Option<Absence>,
}

/// What the path of a directory led to when it was looked at again.
#[derive(Debug)]
pub enum Listed<'a> {
    /// A directory, with these entries.
    Book(&'a Book),
    /// No directory.
    Nothing,
    /// It cannot be told now.
    Unknown,
}

/// What for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Its entries are told.
    Entries(Bookmark),
    /// Files that fit are followed.
    Files(Wanted),
}

impl Directory {
    pub fn new(path: Path, purpose: Purpose) -> Directory {
        Directory {
            path,
            purpose,
            look: true,
            anew: false,
            absence: None,
        }
    }

    pub fn must_look(&self) -> bool {
        self.look || self.anew || self.absence.as_ref().is_some_and(|absence| absence.due)
    }

    /// The files that are followed in it, if its entries are not told.
    pub fn wanted(&self) -> Option<&Wanted> {
        match &self.purpose {
            Purpose::Files(wanted) => Some(wanted),
            Purpose::Entries(_) => None,
        }
    }

    pub fn look(&mut self) {
        self.look = true;
    }

    pub fn deadline(&self) -> Moment {
        let next = |absence: &Absence| absence.next;
        self.absence.as_ref().map_or(Moment::NEVER, next)
    }

    pub fn rang(&mut self, now: Moment) {
        if let Some(absence) = &mut self.absence {
            absence.rang(now);
        }
    }

    /// It was looked at. Writes events, if its entries are told; there may be more of them than are made at once.
    pub fn seen(&mut self, found: &Listed<'_>, now: Moment, out: &mut Vec<u8>) {
        (self.look, self.anew) = (false, false);
        match (found, &mut self.purpose) {
            (Listed::Book(book), Purpose::Entries(bookmark)) => {
                self.look = !bookmark.read(&self.path, book, out);
            }
            (Listed::Nothing, Purpose::Entries(bookmark)) => bookmark.lose(&self.path, out),
            _ => {}
        }
        self.absence = match found {
            Listed::Book(_) => None,
            _ => Some(Absence::still(self.absence.take(), now)),
        };
    }
}
