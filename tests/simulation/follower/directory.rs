//! The directory of the origin as a file system has it: names, inodes, and what inotify tells of them.

use std::collections::{BTreeMap, VecDeque};

use openrange::follow::rolls::Happened;
use openrange::http::conditional::ETag;

/// The log.
pub const LOG: &str = "log";
/// What names begin with that say nothing of the log.
pub const AWAY: &str = "saved";

pub struct Inode {
    /// What its content is, by its number in `Origin::files`.
    pub file: usize,
    /// Of the last write, in milliseconds.
    pub modified: u64,
    /// The number of the last truncation that the server has seen; 0: none.
    pub truncation: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Something happened to an entry.
    Entry(String, Happened),
    /// An inode was written, or its mode has changed.
    Changed(usize),
    /// Events were lost.
    Overflow,
}

#[derive(Default)]
pub struct Directory {
    pub names: BTreeMap<String, usize>,
    pub inodes: Vec<Inode>,
    /// Changes of names, and when the last one was.
    pub changes: u64,
    pub changed_at: u64,
    /// What inotify has queued.
    pub events: VecDeque<Event>,
    pub watched: bool,
    cookies: u32,
}

impl Directory {
    /// A new inode under this name.
    pub fn create(&mut self, name: &str, file: usize, now: u64) -> usize {
        let inode = self.inodes.len();
        self.inodes.push(Inode {
            file,
            modified: now,
            truncation: 0,
        });
        self.names.insert(name.to_owned(), inode);
        self.note(name, Happened::Created, now);
        inode
    }

    /// What the name that it takes had is gone: its inode.
    pub fn rename(&mut self, from: &str, to: &str, now: u64) -> Option<usize> {
        let inode = self.names.remove(from)?;
        let replaced = self.names.insert(to.to_owned(), inode);
        self.cookies += 1;
        self.note(from, Happened::MovedFrom(self.cookies), now);
        self.note(to, Happened::MovedTo(self.cookies), now);
        replaced
    }

    pub fn unlink(&mut self, name: &str, now: u64) -> Option<usize> {
        let inode = self.names.remove(name)?;
        self.note(name, Happened::Deleted, now);
        Some(inode)
    }

    pub fn write(&mut self, inode: usize, now: u64) {
        self.inodes[inode].modified = now;
        self.touch(inode);
    }

    /// Its content or mode has changed.
    pub fn touch(&mut self, inode: usize) {
        self.tell(Event::Changed(inode));
    }

    pub fn overflow(&mut self) {
        self.events.clear();
        self.tell(Event::Overflow);
    }

    pub fn name_of(&self, inode: usize) -> Option<&str> {
        let mut names = self.names.iter();
        let (name, _) = names.find(|(_, other)| **other == inode)?;
        Some(name)
    }

    pub fn tag(&self, inode: usize) -> ETag {
        let number = self.inodes[inode].truncation;
        let mixed = (inode as u64 + 1) << 32 | number;
        ETag(mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn note(&mut self, name: &str, what: Happened, now: u64) {
        self.changes += 1;
        self.changed_at = now;
        self.tell(Event::Entry(name.to_owned(), what));
    }

    fn tell(&mut self, event: Event) {
        // The kernel drops an event that equals the last one.
        if self.watched && self.events.back() != Some(&event) {
            self.events.push_back(event);
        }
    }
}
