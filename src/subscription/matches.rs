//! The files of a directory that fit a list of patterns, matched once for all streams that ask for the same list. A scan
//! offers every name in the directory; of the files that fit, streams follow the newest.

use std::collections::HashSet;
use std::rc::Rc;

use super::changelog::Version;
use super::entry::{Entry, Kind};
use crate::http::etag::ETag;
use crate::http::pattern::{self, Pattern};
use crate::limits::{EVENT_FILES_MAX, EVENT_IDLE_SECONDS, EVENT_NAMES_MAX, LISTING_MAX};
use crate::sorted::sort_by;

/// What the allocation of a name takes beyond its bytes.
const ALLOCATION: usize = 16;

/// The files that streams follow, and the names of those that fit and are left out.
#[derive(Debug)]
pub struct Matches {
    patterns: Box<[Pattern]>,
    /// The followed files in the order of their names: at most [`EVENT_FILES_MAX`], each under all names that were found.
    files: Vec<Match>,
    left_out: Rc<LeftOut>,
    /// The version of the last change of names or tags.
    version: Version,
    /// What the scan under way has found so far.
    gathered: Vec<Match>,
}

/// Names of files that fit and are not followed, the newest first. If there are very many, not all of them. Streams keep the
/// list that they know, so they share it.
#[derive(Debug, Default)]
pub struct LeftOut {
    names: Vec<Box<[u8]>>,
    bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Match {
    name: Box<[u8]>,
    tag: Option<ETag>,
    /// Seconds since 1970 of the last modification.
    modified: u64,
}

/// What the change of one name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    /// Streams follow the same names and tags as before.
    Same,
    /// Streams follow other names or tags.
    Changed,
    /// Another file may be one of the newest now: only a scan of the whole directory tells.
    Rescan,
}

impl Match {
    fn of(name: &[u8], entry: &Entry) -> Option<Match> {
        match entry.kind {
            Kind::Directory => None,
            Kind::File { tag, .. } => Some(Match {
                name: name.into(),
                tag,
                modified: entry.modified.seconds(),
            }),
        }
    }
}

impl LeftOut {
    fn new(names: Vec<Box<[u8]>>) -> LeftOut {
        let fixed = 2 * ALLOCATION + size_of::<Box<[u8]>>() + size_of::<Match>();
        let bytes = names.iter().map(|name| 2 * name.len() + fixed).sum();
        LeftOut { names, bytes }
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[Box<[u8]>] {
        &self.names
    }

    /// Whether this is one of the names.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.names.iter().any(|other| **other == *name)
    }

    /// The share of one stream, of those that keep this list besides [`Matches`], in the bytes that the list takes and that
    /// the next scan takes to gather it again.
    pub(super) fn share(self: &Rc<LeftOut>) -> usize {
        self.bytes / (Rc::strong_count(self) - 1).max(1)
    }
}

impl Matches {
    /// The matches in a directory that was not scanned yet.
    #[must_use]
    pub fn new(patterns: Box<[Pattern]>) -> Matches {
        Matches {
            patterns,
            files: Vec::new(),
            left_out: Rc::default(),
            version: Version::default(),
            gathered: Vec::new(),
        }
    }

    /// Whether this name fits a pattern.
    #[must_use]
    pub fn fits(&self, name: &[u8]) -> bool {
        pattern::mean(&self.patterns, name)
    }

    /// A scan begins.
    pub fn begin(&mut self) {
        self.gathered.clear();
    }

    /// Takes an entry that the scan has found.
    pub fn offer(&mut self, name: &[u8], entry: &Entry) {
        self.gathered.extend(Match::of(name, entry));
        if self.gathered.len() >= 2 * LISTING_MAX {
            self.sort_gathered();
            self.gathered.truncate(LISTING_MAX);
        }
    }

    /// Ends the scan. True if streams follow other names or tags than before.
    pub fn finish(&mut self, version: Version) -> bool {
        self.sort_gathered();
        let (mut files, mut left_out) = (Vec::new(), Vec::new());
        let mut tags = HashSet::new();
        // A scan during a rename may find the same name twice.
        let mut names: HashSet<&[u8]> = HashSet::new();
        for found in &self.gathered {
            let another_name = found.tag.is_some_and(|tag| tags.contains(&tag));
            if !names.insert(&found.name) {
                continue;
            }
            if another_name && files.len() < EVENT_NAMES_MAX {
                files.push(found.clone());
            } else if !another_name && tags.len() < EVENT_FILES_MAX {
                tags.extend(found.tag);
                files.push(found.clone());
            } else if !another_name {
                left_out.push(found.name.clone());
            }
        }
        sort_by(&mut files, |left, right| left.name.cmp(&right.name));
        let before = self.left_out.names.iter();
        let before: HashSet<&[u8]> = before.map(|name| &**name).collect();
        // Their order is no news.
        let others =
            left_out.len() != before.len() || left_out.iter().any(|name| !before.contains(&**name));
        let differs = others || !same(&files, &self.files);
        if others {
            self.left_out = Rc::new(LeftOut::new(left_out));
        }
        (self.files, self.gathered) = (files, Vec::new());
        if differs || self.version == Version::default() {
            self.version = version;
        }
        differs
    }

    /// Sorts what the scan has found, the newest first. A file that streams follow already counts as newer by
    /// [`EVENT_IDLE_SECONDS`].
    fn sort_gathered(&mut self) {
        let followed: HashSet<&[u8]> = self.files.iter().map(|file| &*file.name).collect();
        let age = |file: &Match| match followed.contains(&*file.name) {
            true => file.modified.saturating_add(EVENT_IDLE_SECONDS),
            false => file.modified,
        };
        sort_by(&mut self.gathered, |left, right| {
            let newer = age(right).cmp(&age(left));
            newer.then_with(|| left.name.cmp(&right.name))
        });
    }

    /// Takes the present entry of a name in which something has changed; `None`: the name has none.
    pub fn patch(&mut self, name: &[u8], entry: Option<&Entry>, version: Version) -> Patched {
        let found = entry.and_then(|entry| Match::of(name, entry));
        let place = self.files.binary_search_by(|file| (*file.name).cmp(name));
        match (place, found) {
            (Err(_), None) => Patched::Same,
            (Ok(index), Some(found)) if self.files[index].tag == found.tag => {
                self.files[index] = found;
                Patched::Same
            }
            _ if !self.left_out.names.is_empty() => Patched::Rescan,
            (Err(_), Some(_)) if self.files.len() >= EVENT_FILES_MAX => Patched::Rescan,
            (place, found) => {
                match (place, found) {
                    (Ok(index), Some(found)) => self.files[index] = found,
                    (Ok(index), None) => drop(self.files.remove(index)),
                    (Err(index), found) => self.files.splice(index..index, found).for_each(drop),
                }
                self.version = version;
                Patched::Changed
            }
        }
    }

    /// The version of the last change.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Whether a file that is followed has this name.
    #[must_use]
    pub fn has(&self, name: &[u8]) -> bool {
        self.files.iter().any(|file| *file.name == *name)
    }

    /// The names that are followed, each with the tag of the file that has it.
    pub fn files(&self) -> impl Iterator<Item = (&[u8], Option<ETag>)> {
        self.files.iter().map(|file| (&*file.name, file.tag))
    }

    /// Names of files that fit and are not followed.
    #[must_use]
    pub fn left_out(&self) -> &Rc<LeftOut> {
        &self.left_out
    }
}

/// Whether the names and tags are the same.
fn same(left: &[Match], right: &[Match]) -> bool {
    let names = |files: &[Match]| -> Vec<(Box<[u8]>, Option<ETag>)> {
        files
            .iter()
            .map(|file| (file.name.clone(), file.tag))
            .collect()
    };
    left.len() == right.len() && names(left) == names(right)
}
