//! The directory that an event stream follows: it reports its entries, or adds files that fit a pattern to the stream.

use super::backoff::RetryBackoff;
use super::changelog::{ChangeLog, Cursor};
use super::matches::Matches;
use super::selection::FileSelection;
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
    pub again: bool,
    backoff: Option<RetryBackoff>,
}

/// What the path of a directory led to when it was looked at again.
#[derive(Debug)]
pub enum Listed<'a> {
    /// A directory, with these entries.
    Entries(&'a ChangeLog),
    /// A directory, with these files of those that are wanted.
    Files(&'a Matches),
    /// No directory.
    Nothing,
    /// It is not known now.
    Unknown,
}

/// What for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Its entries are reported.
    Entries(Cursor),
    /// Files that fit are followed.
    Files(FileSelection),
}

impl Directory {
    pub fn new(path: Path, purpose: Purpose) -> Directory {
        Directory {
            path,
            purpose,
            look: true,
            again: false,
            backoff: None,
        }
    }

    pub fn must_look(&self) -> bool {
        self.look || self.again || self.backoff.as_ref().is_some_and(|backoff| backoff.due)
    }

    /// The files that are followed in it, if the stream is not of its entries.
    pub fn selection(&self) -> Option<&FileSelection> {
        match &self.purpose {
            Purpose::Files(selection) => Some(selection),
            Purpose::Entries(_) => None,
        }
    }

    pub fn look(&mut self) {
        self.look = true;
    }

    pub fn deadline(&self) -> Moment {
        let next = |backoff: &RetryBackoff| backoff.next;
        self.backoff.as_ref().map_or(Moment::NEVER, next)
    }

    /// It is missing, and somebody says when it is there.
    pub fn is_watched(&mut self) {
        self.backoff.iter_mut().for_each(RetryBackoff::is_watched);
    }

    /// It may be there by now.
    pub fn may_be_there(&mut self) {
        self.backoff
            .iter_mut()
            .for_each(|backoff| backoff.due = true);
    }

    pub fn timer_fired(&mut self, now: Moment) {
        if let Some(backoff) = &mut self.backoff {
            backoff.timer_fired(now);
        }
    }

    /// It was looked at. Writes events, if its entries are reported; there may be more of them than are made at once.
    pub fn seen(&mut self, found: &Listed<'_>, now: Moment, out: &mut Vec<u8>) {
        (self.look, self.again) = (false, false);
        match (found, &mut self.purpose) {
            (Listed::Entries(changelog), Purpose::Entries(cursor)) => {
                self.look = !cursor.read(&self.path, changelog, out);
            }
            (Listed::Nothing, Purpose::Entries(cursor)) => cursor.lose(&self.path, out),
            _ => {}
        }
        self.backoff = match found {
            Listed::Entries(_) | Listed::Files(_) => None,
            _ => Some(RetryBackoff::still(self.backoff.take(), now)),
        };
    }
}
