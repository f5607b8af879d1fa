//! The changes of the entries of a directory, and the events of them.

use std::io::Write as _;
use std::mem;

use super::entry::{Entry, Json, Members};
use crate::http::target::Path;
use crate::limits::{DIRECTORY_GONE_MAX, EVENT_BUFFER, LISTING_MAX};
use crate::sorted::sort_by_key;

/// A moment in the life of a [`ChangeLog`]: later ones are larger, and none is given again, to whatever changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version(pub u64);

/// The entries of a directory, and at which version each has changed how. So every reader gets what is new to it, however
/// far behind it is, and costs no more than a [`Cursor`].
#[derive(Debug)]
pub struct ChangeLog {
    /// All entries by name, including removed ones.
    entries: Vec<(Box<[u8]>, EntryHistory)>,
    /// A reader that has read up to an earlier version than this begins again, with a list.
    floor: Version,
    /// The version of the last update.
    version: Version,
    /// The directory has more entries than this.
    truncated: bool,
}

/// An entry, and the versions at which something last happened to it.
#[derive(Debug, Clone, Copy)]
struct EntryHistory {
    /// The entry as it is, or was before its removal.
    entry: Entry,
    /// When the name came up first. A reader that has read less does not know it.
    known: Version,
    created: Version,
    rolled: Version,
    grown: Version,
    changed: Version,
    gone: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Roll,
    Grow,
    Other,
}

impl Change {
    /// The kind of change from one state of an entry to the next.
    fn between(before: &Entry, entry: &Entry) -> Change {
        let same = entry.tag() == before.tag() && entry.size().is_some() == before.size().is_some();
        match same {
            false => Change::Roll,
            true if entry.size() > before.size() => Change::Grow,
            true => Change::Other,
        }
    }
}

/// How far a reader has read a [`ChangeLog`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// It has read everything up to this version; 0: nothing.
    seen: Version,
    /// It is in the middle of reading up to this version: the names after this one are left.
    reading: Option<(Version, Box<[u8]>)>,
    /// The reader knows that there is no such directory.
    lost: bool,
}

impl ChangeLog {
    /// A changelog without entries, at this version, which must be larger than 0 and than any version before it.
    #[must_use]
    pub fn new(version: Version) -> ChangeLog {
        ChangeLog {
            entries: Vec::new(),
            floor: version,
            version,
            truncated: false,
        }
    }

    /// Whether the directory has more entries than the changelog.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// Takes a complete list of the entries, in the order of their names. `truncated`: the directory has more.
    pub fn update(&mut self, list: Vec<(Vec<u8>, Entry)>, truncated: bool, version: Version) {
        debug_assert!(
            list.is_sorted_by(|left, right| left.0 < right.0),
            "in order"
        );
        let last = mem::replace(&mut self.version, version);
        // The stream says that only at its beginning.
        if mem::replace(&mut self.truncated, truncated) != truncated {
            self.floor = version;
        }
        let mut before = mem::take(&mut self.entries).into_iter().peekable();
        for (name, entry) in list {
            while let Some((old, record)) = before.next_if(|(old, _)| **old < *name) {
                self.entries.push((old, record.gone(version)));
            }
            let record = match before.next_if(|(old, _)| **old == *name) {
                Some((_, record)) if !record.gone => record.updated(entry, version),
                Some((_, record)) => EntryHistory {
                    known: record.known,
                    ..EntryHistory::new(entry, version)
                },
                None => EntryHistory::new(entry, version),
            };
            self.entries.push((name.into(), record));
        }
        for (old, record) in before {
            self.entries.push((old, record.gone(version)));
        }
        self.forget_gone(last, version);
    }

    /// Takes the present entries of some names; `None`: the name has none. Beyond [`LISTING_MAX`] entries it leaves new ones
    /// out and counts as truncated. False if nothing has changed.
    pub fn patch(
        &mut self,
        changes: impl IntoIterator<Item = (Vec<u8>, Option<Entry>)>,
        version: Version,
    ) -> bool {
        let mut changes: Vec<_> = changes.into_iter().collect();
        // Removals come first: in a full list they make room for what was created.
        sort_by_key(&mut changes, |(_, entry)| entry.is_some());
        let mut there = self.entries().count();
        let last = self.version;
        let mut changed = false;
        for (name, entry) in changes {
            let place = self
                .entries
                .binary_search_by(|(other, _)| (**other).cmp(&name));
            let is_there = place.is_ok_and(|index| !self.entries[index].1.gone);
            match (place, entry) {
                (_, Some(_)) if there >= LISTING_MAX && !is_there => {
                    if !mem::replace(&mut self.truncated, true) {
                        (self.floor, changed) = (version, true);
                    }
                }
                (Ok(index), entry) => {
                    let record = &mut self.entries[index].1;
                    let before = (record.changed, record.gone);
                    there -= usize::from(!record.gone);
                    *record = match entry {
                        None => record.gone(version),
                        Some(entry) if !record.gone => record.updated(entry, version),
                        Some(entry) => EntryHistory {
                            known: record.known,
                            ..EntryHistory::new(entry, version)
                        },
                    };
                    there += usize::from(!record.gone);
                    changed |= before != (record.changed, record.gone);
                }
                (Err(index), Some(entry)) => {
                    let record = EntryHistory::new(entry, version);
                    self.entries.insert(index, (name.into(), record));
                    (there, changed) = (there + 1, true);
                }
                (Err(_), None) => {}
            }
        }
        if changed {
            self.version = version;
            self.forget_gone(last, version);
        }
        changed
    }

    /// Forgets entries that are gone, if there are too many.
    fn forget_gone(&mut self, last: Version, version: Version) {
        let gone = self.entries.iter().filter(|(_, record)| record.gone);
        if gone.count() > DIRECTORY_GONE_MAX {
            self.floor = self.floor.max(last);
            self.entries
                .retain(|(_, record)| !record.gone || record.changed == version);
        }
    }

    /// The version of the last update, for tests.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether there is an entry of this name, for tests.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        let place = self
            .entries
            .binary_search_by(|(other, _)| (**other).cmp(name));
        place.is_ok_and(|index| !self.entries[index].1.gone)
    }

    /// The entries that the directory has now.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        let there = self.entries.iter().filter(|(_, record)| !record.gone);
        there.map(|(name, record)| (name.as_ref(), &record.entry))
    }
}

impl EntryHistory {
    fn new(entry: Entry, version: Version) -> EntryHistory {
        EntryHistory {
            entry,
            known: version,
            created: version,
            rolled: version,
            grown: version,
            changed: version,
            gone: false,
        }
    }

    fn updated(mut self, entry: Entry, version: Version) -> EntryHistory {
        if entry != self.entry {
            self.changed = version;
            match Change::between(&self.entry, &entry) {
                Change::Roll => self.rolled = version,
                Change::Grow => self.grown = version,
                Change::Other => {}
            }
            self.entry = entry;
        }
        self
    }

    fn gone(mut self, version: Version) -> EntryHistory {
        if !mem::replace(&mut self.gone, true) {
            self.changed = version;
        }
        self
    }

    /// The type of the event for a reader that has read up to `seen` and reads towards `target`. What was created or
    /// removed after `target` waits until that is read: an event now would be repeated then, or its removal be missed.
    fn event(&self, seen: Version, target: Version) -> Option<&'static str> {
        if self.changed <= seen || self.created > target {
            None
        } else if self.gone {
            (self.known <= seen && self.changed <= target).then_some("remove")
        } else if self.created > seen {
            Some("create")
        } else if self.rolled > seen {
            Some("roll")
        } else if self.grown > seen {
            Some("grow")
        } else {
            Some("change")
        }
    }
}

impl Cursor {
    /// Writes events of what is new, until [`EVENT_BUFFER`] is reached. True if that is all; false if there may be more.
    pub fn read(&mut self, path: &Path, changelog: &ChangeLog, out: &mut Vec<u8>) -> bool {
        if mem::take(&mut self.lost) || !self.is_within(changelog) {
            write_list(out, path, Some(changelog.truncated));
            self.seen = Version(0);
            self.reading = Some((changelog.version, Box::default()));
        }
        if self.reading.is_none() && self.seen < changelog.version {
            self.reading = Some((changelog.version, Box::default()));
        }
        let Some((target, behind)) = &mut self.reading else {
            return true;
        };
        let first = changelog
            .entries
            .partition_point(|(name, _)| *name <= *behind);
        for (name, record) in &changelog.entries[first..] {
            if out.len() >= EVENT_BUFFER {
                return false;
            }
            if let Some(kind) = record.event(self.seen, *target) {
                // Writing to a Vec cannot fail.
                let _ = write!(
                    out,
                    "event: {kind}\ndata: {}\n\n",
                    Json(name, &record.entry)
                );
                behind.clone_from(name);
            }
        }
        (self.seen, self.reading) = (*target, None);
        self.seen == changelog.version
    }

    /// Writes, once, that there is no such directory: no entry that the client knows exists any more.
    pub fn lose(&mut self, path: &Path, out: &mut Vec<u8>) {
        if !mem::replace(&mut self.lost, true) {
            write_list(out, path, None);
        }
    }

    /// Whether the changelog still knows of everything that this reader has not seen.
    fn is_within(&self, changelog: &ChangeLog) -> bool {
        let reading = self.reading.as_ref().map(|(target, _)| *target);
        // A reader that has seen nothing yet misses nothing.
        let seen = (self.seen > Version(0)).then_some(self.seen);
        (seen.is_some() || reading.is_some())
            && [seen, reading]
                .into_iter()
                .flatten()
                .all(|version| version >= changelog.floor)
    }
}

/// Writes the event `list`: the client must forget all entries, and those that exist follow. `truncated`: there are more than
/// follow; `None`: there is no such directory.
fn write_list(out: &mut Vec<u8>, path: &Path, truncated: Option<bool>) {
    let members = Members(path, truncated.unwrap_or(false));
    let exists = truncated.is_some();
    // The id is that of no file: a client that sends it has had events of this directory.
    let _ = write!(
        out,
        "event: list\nid: -\ndata: {{{members},\"exists\":{exists}}}\n\n"
    );
}
