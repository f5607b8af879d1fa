//! The files of a directory that fit a list of patterns: one listing, and one match, for all streams that ask for the same
//! list. Every name in the directory is looked at; of the files that fit, the newest are followed.

use std::collections::HashSet;

use super::changelog::Version;
use super::entry::{Entry, Kind};
use crate::http::etag::ETag;
use crate::http::pattern::{self, Pattern};
use crate::limits::{EVENT_FILES_MAX, EVENT_IDLE_SECONDS, EVENT_NAMES_MAX, LISTING_MAX};
use crate::sorted::sort_by;

/// Those that are followed, and how many are not.
#[derive(Debug)]
pub struct Matches {
    patterns: Box<[Pattern]>,
    /// In order of their names. At most [`EVENT_FILES_MAX`] files, each under all of its names that were found.
    files: Vec<Match>,
    /// Names of files that fit and are not followed, the newest first; not all of them, if there are very many.
    left_out: Vec<Box<[u8]>>,
    /// Of the last change of names or tags.
    version: Version,
    /// What a scan has found so far.
    gathered: Vec<Match>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Match {
    name: Box<[u8]>,
    tag: Option<ETag>,
    /// Seconds since 1970 of the last modification.
    modified: u64,
}

/// What has become of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    /// It makes no difference.
    Same,
    /// Other names or tags are followed.
    Changed,
    /// Another file may be one of the newest: the whole directory must be scanned to know.
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

impl Matches {
    /// Of a directory that has not been scanned yet.
    #[must_use]
    pub fn new(patterns: Box<[Pattern]>) -> Matches {
        Matches {
            patterns,
            files: Vec::new(),
            left_out: Vec::new(),
            version: Version::default(),
            gathered: Vec::new(),
        }
    }

    /// Whether a file of this name is one of them.
    #[must_use]
    pub fn fits(&self, name: &[u8]) -> bool {
        pattern::mean(&self.patterns, name)
    }

    /// A scan begins.
    pub fn begin(&mut self) {
        self.gathered.clear();
    }

    /// The scan has found this.
    pub fn offer(&mut self, name: &[u8], entry: &Entry) {
        self.gathered.extend(Match::of(name, entry));
        if self.gathered.len() >= 2 * LISTING_MAX {
            self.sort_gathered();
            self.gathered.truncate(LISTING_MAX);
        }
    }

    /// The scan is over. True if other names or tags are followed than before.
    pub fn finish(&mut self, version: Version) -> bool {
        self.sort_gathered();
        let (mut files, mut left_out) = (Vec::new(), Vec::new());
        let mut tags = HashSet::new();
        // A directory that is scanned while a name changes hands may give it twice.
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
        let before: HashSet<&[u8]> = self.left_out.iter().map(|name| &**name).collect();
        // In which order they would be next is no news.
        let others =
            left_out.len() != before.len() || left_out.iter().any(|name| !before.contains(&**name));
        let differs = others || !same(&files, &self.files);
        if others {
            self.left_out = left_out;
        }
        (self.files, self.gathered) = (files, Vec::new());
        if differs || self.version == Version::default() {
            self.version = version;
        }
        differs
    }

    /// The newest first. Of two, one that is followed already counts as newer, unless it has been idle for long.
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

    /// Something has happened to this name, which is this now; `None`: nobody has it.
    pub fn patch(&mut self, name: &[u8], entry: Option<&Entry>, version: Version) -> Patched {
        let found = entry.and_then(|entry| Match::of(name, entry));
        let place = self.files.binary_search_by(|file| (*file.name).cmp(name));
        match (place, found) {
            (Err(_), None) => Patched::Same,
            (Ok(index), Some(found)) if self.files[index].tag == found.tag => {
                self.files[index] = found;
                Patched::Same
            }
            _ if !self.left_out.is_empty() => Patched::Rescan,
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

    /// Of the last change.
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
    pub fn left_out(&self) -> &[Box<[u8]>] {
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
