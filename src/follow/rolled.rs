//! A followed log, as far as its rolls were observed: the files that had its name, in order, and who they are.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::limits::SEEN_LINE_MAX;
use crate::store::generations::fact::Holder;
use crate::store::generations::history::History;

/// A directory, by the number of its watch, and the name of an entry in it.
pub type Entry = (i32, Box<[u8]>);

/// A number for a file that is not identified yet.
pub(super) type FileId = u64;

#[derive(Debug)]
pub(super) struct Log {
    /// Below ROOT.
    pub name: Rc<[u8]>,
    /// The files that had the name, in order. The last one may have lost it.
    pub line: VecDeque<FileId>,
    /// Up to here the history knows.
    pub told: usize,
    /// Sweeps since somebody followed it.
    pub idle: u32,
}

#[derive(Debug)]
pub(super) struct File {
    pub log: Entry,
    pub who: Who,
    pub place: Option<Entry>,
    /// It was renamed since it was measured.
    pub moved: bool,
}

/// Who a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Unknown,
    /// Somebody looked, but perhaps at another file that had the name by then: that shows in the events that come next.
    Perhaps(Holder),
    Known(Holder),
}

impl Log {
    /// Whether the history knows of all files that came.
    pub fn is_told(&self) -> bool {
        self.told >= self.line.len()
    }

    /// Tells the history of the files that came, as far as they are known.
    pub fn tell(&mut self, files: &HashMap<FileId, File>, history: &History) {
        while let Some(id) = self.line.get(self.told) {
            let file = files.get(id);
            let holder = match file.map(|file| file.who) {
                Some(Who::Known(holder)) => Some(holder),
                // It may be identified yet.
                _ if file.is_some_and(|file| file.place.is_some()) => return,
                _ => None,
            };
            let before = self
                .told
                .checked_sub(1)
                .and_then(|index| self.line.get(index));
            let before = before.and_then(|id| match files.get(id)?.who {
                Who::Known(holder) => Some(holder),
                Who::Unknown | Who::Perhaps(_) => None,
            });
            match (before, holder) {
                // The event of its creation came after the log was followed.
                (Some(before), Some(holder)) if before.etag == holder.etag => {}
                (Some(before), Some(holder)) => history.note_roll(&self.name, before, holder),
                (None, Some(holder)) => history.note_holder(&self.name, holder),
                (_, None) => {}
            }
            self.told += 1;
        }
        while self.line.len() > SEEN_LINE_MAX && self.told > 1 {
            self.line.pop_front();
            self.told -= 1;
        }
    }
}
