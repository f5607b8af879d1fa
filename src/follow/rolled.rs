//! A followed log, as far as its rolls were observed: the files that had its name, in order (its *line*), and the identity of
//! each.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::http::conditional::ETag;
use crate::limits::SEEN_LINE_MAX;
use crate::store::generations::fact::Holder;
use crate::store::generations::history::History;
use crate::store::generations::order::Modified;

/// A directory, by the number of its watch, and the name of an entry in it.
pub type Entry = (i32, Box<[u8]>);

/// A number for a file that is not identified yet.
pub(super) type FileId = u64;

#[derive(Debug)]
pub(super) struct Log {
    /// The name of the log, below ROOT.
    pub name: Rc<[u8]>,
    /// The files that had the name, in order. The last one may have lost it.
    pub line: VecDeque<FileId>,
    /// How many files of the line the history knows of already.
    pub reported: usize,
    /// How many sweeps have passed since somebody followed the log.
    pub idle: u32,
}

/// A file that has, or had, the name of a log.
#[derive(Debug)]
pub(super) struct File {
    /// The log that was the first one to have it.
    pub log: Entry,
    pub identity: Identity,
    /// The entry that the file has now, by the events that were read; `None`: it was removed, or moved out of sight.
    pub place: Option<Entry>,
    /// The file was renamed since it was measured.
    pub moved: bool,
    /// It was measured after it was renamed once, and had been written last at this time.
    pub measured: Option<Modified>,
}

/// What can be found out of the files of logs. The first argument is the name of the log.
pub trait Sight {
    /// The file of an entry.
    fn holder(&mut self, name: &Rc<[u8]>, entry: &Entry) -> Option<Holder>;

    /// The file of an entry, and when it was written last.
    fn measure(&mut self, name: &Rc<[u8]>, entry: &Entry) -> Option<(Holder, Modified)>;

    /// The last size that any worker has seen of a file, which may be gone.
    fn last_size(&mut self, etag: ETag) -> Option<u64>;
}

/// Sees which file it is, and takes all as written at the same time.
impl<F: FnMut(&Rc<[u8]>, &Entry) -> Option<Holder>> Sight for F {
    fn holder(&mut self, name: &Rc<[u8]>, entry: &Entry) -> Option<Holder> {
        self(name, entry)
    }

    fn measure(&mut self, name: &Rc<[u8]>, entry: &Entry) -> Option<(Holder, Modified)> {
        Some((self(name, entry)?, Modified::default()))
    }

    fn last_size(&mut self, _: ETag) -> Option<u64> {
        None
    }
}

impl File {
    /// A file that has not been renamed.
    pub fn new(log: Entry, identity: Identity, place: Option<Entry>) -> File {
        File {
            log,
            identity,
            place,
            moved: false,
            measured: None,
        }
    }
}

/// Which file it is, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// Nobody has checked yet.
    Unknown,
    /// The result of a check, which perhaps found another file that had the name by then. The events that come next show
    /// whether it did.
    Tentative(Holder),
    /// The result of a check that no later event contradicts.
    Known(Holder),
}

impl Log {
    /// Whether the history knows of all files of the line.
    pub fn is_reported(&self) -> bool {
        self.reported >= self.line.len()
    }

    /// Reports the files of the line to the history, up to the first one that may still be identified.
    pub fn report(&mut self, files: &HashMap<FileId, File>, history: &History) {
        while let Some(id) = self.line.get(self.reported) {
            let file = files.get(id);
            let holder = match file.map(|file| file.identity) {
                Some(Identity::Known(holder)) => Some(holder),
                // It may be identified yet.
                _ if file.is_some_and(|file| file.place.is_some()) => return,
                _ => None,
            };
            let before = self
                .reported
                .checked_sub(1)
                .and_then(|index| self.line.get(index));
            let before = before.and_then(|id| match files.get(id)?.identity {
                Identity::Known(holder) => Some(holder),
                Identity::Unknown | Identity::Tentative(_) => None,
            });
            match (before, holder) {
                // The event of its creation came after the log was followed.
                (Some(before), Some(holder)) if before.etag == holder.etag => {}
                (Some(before), Some(holder)) => history.note_roll(&self.name, before, holder),
                (None, Some(holder)) => history.note_holder(&self.name, holder),
                (_, None) => {}
            }
            self.reported += 1;
        }
        while self.line.len() > SEEN_LINE_MAX && self.reported > 1 {
            self.line.pop_front();
            self.reported -= 1;
        }
    }
}
