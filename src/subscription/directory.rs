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
    /// What it is followed for.
    pub purpose: Purpose,
    /// It must be checked before the stream may rest.
    look: bool,
    /// The result of the last check is known to be outdated.
    pub again: bool,
    /// `Some`: the directory is missing.
    backoff: Option<RetryBackoff>,
}

/// What a check of the path of a directory has found.
#[derive(Debug)]
pub enum Listed<'a> {
    /// A directory, with these entries.
    Entries(&'a ChangeLog),
    /// A directory, with these of the files that the stream follows.
    Files(&'a Matches),
    /// No directory.
    Nothing,
    /// The check has failed for now.
    Unknown,
}

/// What a directory is followed for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// To report its entries.
    Entries(Cursor),
    /// To find the files that fit.
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

    /// Whether it must be checked now.
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

    /// Something may have changed.
    pub fn look(&mut self) {
        self.look = true;
    }

    /// When [`Directory::timer_fired`] is due.
    pub fn deadline(&self) -> Moment {
        let next = |backoff: &RetryBackoff| backoff.next;
        self.backoff.as_ref().map_or(Moment::NEVER, next)
    }

    /// It is missing, and inotify will report when it is there.
    pub fn is_watched(&mut self) {
        self.backoff.iter_mut().for_each(RetryBackoff::is_watched);
    }

    /// It may be there by now.
    pub fn may_be_there(&mut self) {
        self.backoff
            .iter_mut()
            .for_each(|backoff| backoff.due = true);
    }

    /// Takes the time.
    pub fn timer_fired(&mut self, now: Moment) {
        if let Some(backoff) = &mut self.backoff {
            backoff.timer_fired(now);
        }
    }

    /// Takes the result of a check. Writes events, if the entries are reported; what does not fit into one buffer comes with the
    /// next check.
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
