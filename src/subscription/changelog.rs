//! The entries of a directory as topics: in JSON, and as events that tell what has become of them.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::mem;

use crate::http::conditional::ETag;
use crate::http::date::Date;
use crate::http::list_query::ListQuery;
use crate::http::target::{Path, encode};
use crate::job::JobState;
use crate::limits::{DIRECTORY_GONE_MAX, EVENT_BUFFER, LISTING_MAX};

/// An entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When its content was last changed.
    pub modified: Date,
    /// What it is.
    pub kind: Kind,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// Nobody may write it: it is complete.
        sealed: bool,
        /// Its identity, if that was asked for and could be found out.
        tag: Option<ETag>,
        /// How far the job is whose answer it is.
        job: Option<JobState>,
    },
}

impl Entry {
    /// Who the file is, if it is one.
    pub(crate) fn tag(&self) -> Option<ETag> {
        match self.kind {
            Kind::File { tag, .. } => tag,
            Kind::Directory => None,
        }
    }

    fn size(&self) -> Option<u64> {
        match self.kind {
            Kind::File { size, .. } => Some(size),
            Kind::Directory => None,
        }
    }

    /// The type of the event that reports the change from `before` to this.
    fn change(&self, before: &Entry) -> Change {
        let same = self.tag() == before.tag() && self.size().is_some() == before.size().is_some();
        match same {
            false => Change::Roll,
            true if self.size() > before.size() => Change::Grow,
            true => Change::Other,
        }
    }
}

/// An entry as a member of a JSON array, or the data of an event.
#[derive(Debug, Clone, Copy)]
pub struct Json<'a>(pub &'a [u8], pub &'a Entry);

impl fmt::Display for Json<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Json(name, entry) = self;
        let (name, path) = (Quoted(name), encode(name));
        let seconds = entry.modified.seconds();
        match &entry.kind {
            Kind::Directory => write!(
                out,
                "{{\"name\":{name},\"path\":\"{path}/\",\"kind\":\"directory\",\"size\":null,\
                 \"mtime\":{seconds},\"etag\":null,\"sealed\":null}}"
            ),
            Kind::File {
                size,
                sealed,
                tag,
                job,
            } => {
                write!(
                    out,
                    "{{\"name\":{name},\"path\":\"{path}\",\"kind\":\"file\",\"size\":{size},\
                     \"mtime\":{seconds},\"etag\":"
                )?;
                match tag {
                    Some(tag) => write!(out, "\"W/\\\"{:016x}\\\"\"", tag.0)?,
                    None => out.write_str("null")?,
                }
                write!(out, ",\"sealed\":{sealed}")?;
                match job {
                    Some(job) => write!(out, ",\"job\":\"{job}\"}}"),
                    None => out.write_char('}'),
                }
            }
        }
    }
}

/// A page of a directory, in JSON, of `count` entries in all. `next`: how the page after this one is asked for. The only page
/// says neither: it is complete.
#[must_use]
pub fn list(
    path: &Path,
    entries: &[(Box<[u8]>, Entry)],
    count: usize,
    next: Option<&ListQuery>,
) -> String {
    let mut json = String::new();
    let members = Members(path, next.is_some());
    // Writing to a String cannot fail.
    let _ = write!(json, "{{{members}");
    let _ = match next {
        Some(next) => write!(json, ",\"count\":{count},\"next\":\"{next}\""),
        None if count > entries.len() => write!(json, ",\"count\":{count},\"next\":null"),
        None => Ok(()),
    };
    json.push_str(",\"entries\":[");
    for (index, (name, entry)) in entries.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(json, "{comma}\n{}", Json(name, entry));
    }
    json.push_str("\n]}\n");
    json
}

/// What is said of a directory itself.
struct Members<'a>(&'a Path, bool);

impl fmt::Display for Members<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Members(path, truncated) = self;
        let name = [b"/", path.name.as_ref()].concat();
        let name = Quoted(&name);
        write!(
            out,
            "\"name\":{name},\"path\":\"{path}\",\"truncated\":{truncated}"
        )
    }
}

/// A name as a JSON string (RFC 8259 section 7); bytes that are not UTF-8 are U+FFFD.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_char('"')?;
        for character in String::from_utf8_lossy(self.0).chars() {
            match character {
                '"' | '\\' => write!(out, "\\{character}")?,
                control if control.is_control() => write!(out, "\\u{:04x}", u32::from(control))?,
                other => out.write_char(other)?,
            }
        }
        out.write_char('"')
    }
}

/// A moment in the life of a [`ChangeLog`]: later ones are larger, and none is given again, to whatever changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version(pub u64);

/// The entries of a directory and what became of each when, so that every reader can be told what is new to him, however
/// far behind he is. What a reader costs is a [`Cursor`].
#[derive(Debug)]
pub struct ChangeLog {
    /// In order, with those that are gone.
    entries: Vec<(Box<[u8]>, EntryHistory)>,
    /// A reader that has read up to an earlier version begins again.
    floor: Version,
    version: Version,
    truncated: bool,
}

#[derive(Debug, Clone, Copy)]
struct EntryHistory {
    /// As it is, or was before it went.
    entry: Entry,
    /// A reader that has read less does not know of it.
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

/// Up to where somebody has read a [`ChangeLog`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Everything up to this version; 0: nothing.
    seen: Version,
    /// Reading towards that version: what comes behind this name is still to be read.
    reading: Option<(Version, Box<[u8]>)>,
    /// There is no such directory, and the reader knows.
    lost: bool,
}

impl ChangeLog {
    /// A changelog of a directory of which nothing is known yet, at this version, which is larger than any before it and than 0.
    #[must_use]
    pub fn new(version: Version) -> ChangeLog {
        ChangeLog {
            entries: Vec::new(),
            floor: version,
            version,
            truncated: false,
        }
    }

    /// Notes what is there now. `list`: in order.
    pub fn update(&mut self, list: Vec<(Vec<u8>, Entry)>, truncated: bool, version: Version) {
        debug_assert!(
            list.is_sorted_by(|left, right| left.0 < right.0),
            "in order"
        );
        let last = mem::replace(&mut self.version, version);
        // That is told at the beginning only.
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

    /// Notes what has become of some names; `None`: nobody has it. What there is no room for is not told, as at the end of a
    /// listing that was cut. False if nothing has changed.
    pub fn patch(
        &mut self,
        changes: impl IntoIterator<Item = (Vec<u8>, Option<Entry>)>,
        version: Version,
    ) -> bool {
        let mut there = self.entries().count();
        let last = self.version;
        let mut changed = false;
        for (name, entry) in changes {
            let place = self
                .entries
                .binary_search_by(|(other, _)| (**other).cmp(&name));
            match (place, entry) {
                (Ok(index), entry) => {
                    let record = &mut self.entries[index].1;
                    let before = (record.changed, record.gone);
                    there -= usize::from(!record.gone);
                    *record = match entry {
                        None => record.gone(version),
                        Some(entry) if !record.gone => record.updated(entry, version),
                        Some(_) if there >= LISTING_MAX => *record,
                        Some(entry) => EntryHistory {
                            known: record.known,
                            ..EntryHistory::new(entry, version)
                        },
                    };
                    there += usize::from(!record.gone);
                    changed |= before != (record.changed, record.gone);
                }
                (Err(index), Some(entry)) if there < LISTING_MAX => {
                    let record = EntryHistory::new(entry, version);
                    self.entries.insert(index, (name.into(), record));
                    (there, changed) = (there + 1, true);
                }
                (Err(_), Some(_)) => {
                    changed |= !self.truncated;
                    if !mem::replace(&mut self.truncated, true) {
                        self.floor = version;
                    }
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

    /// Of the last look at it.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether there is an entry of this name.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        let place = self
            .entries
            .binary_search_by(|(other, _)| (**other).cmp(name));
        place.is_ok_and(|index| !self.entries[index].1.gone)
    }

    /// The entries that are there.
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
            match entry.change(&self.entry) {
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

    /// The directory is not there: nothing that was told is true any more. Writes that once.
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

/// All that was told before is void, and all entries that are there follow. `truncated`: more than are told; `None`: there
/// is no such directory.
fn write_list(out: &mut Vec<u8>, path: &Path, truncated: Option<bool>) {
    let members = Members(path, truncated.unwrap_or(false));
    let exists = truncated.is_some();
    // The id is that of no file: a client that sends it has had events of this directory.
    let _ = write!(
        out,
        "event: list\nid: -\ndata: {{{members},\"exists\":{exists}}}\n\n"
    );
}
