//! The lists of the directories of a tree, of which only those are requested again that may have changed. Pure.
//!
//! A directory is named by its prefix: empty for the one that is mirrored, or a path below it with a slash at its end.

use super::listing::Listing;
use super::plan::Listed;
use crate::limits::{MIRROR_DEPTH, MIRROR_DIRECTORIES_MAX};
use crate::sorted::SortedMap;

/// See the module.
pub struct Catalog {
    recursive: bool,
    parts: SortedMap<Box<[u8]>, Part>,
    /// Directories that are left out.
    left_out: Vec<Box<[u8]>>,
    /// The directory that was listed last.
    cursor: Box<[u8]>,
    /// A union was made since a list was requested last.
    pass_over: bool,
}

#[derive(Default)]
struct Part {
    listing: Listing,
    /// The list is to be requested.
    due: bool,
    /// It is here.
    listed: bool,
    /// It is one of those that the latest union was made for.
    fresh: bool,
}

impl Catalog {
    /// Only the directory itself is known, and to be listed. `recursive`: also those below it.
    #[must_use]
    pub fn new(recursive: bool) -> Catalog {
        let mut catalog = Catalog {
            recursive,
            parts: SortedMap::new(),
            left_out: Vec::new(),
            cursor: Box::default(),
            pass_over: false,
        };
        catalog.add(Box::default());
        catalog
    }

    fn add(&mut self, prefix: Box<[u8]>) {
        let part = Part {
            due: true,
            ..Part::default()
        };
        self.parts.insert(prefix, part);
    }

    /// The next directory to be listed: one that never was, else each in its turn.
    #[must_use]
    pub fn next(&self) -> Option<&[u8]> {
        let due = |fits: &dyn Fn(&[u8], &Part) -> bool| {
            let found = self
                .parts
                .iter()
                .find(|(prefix, part)| part.due && fits(prefix, part));
            found.map(|(prefix, _)| &**prefix)
        };
        due(&|_, part| !part.listed)
            .or_else(|| due(&|prefix, _| prefix > &*self.cursor))
            .or_else(|| due(&|_, _| true))
    }

    /// Whether every directory was listed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.values().all(|part| part.listed)
    }

    /// The list of a directory is requested: what changes from now on needs another one.
    pub fn begin(&mut self, prefix: &[u8]) {
        if std::mem::take(&mut self.pass_over) {
            self.parts.retain(|_, part| {
                part.fresh = false;
                true
            });
        }
        if let Some(part) = self.parts.get_mut(prefix) {
            (part.due, part.fresh) = (false, true);
        }
        self.cursor = prefix.into();
    }

    /// A directory is to be listed, if it is known.
    pub fn mark(&mut self, prefix: &[u8]) {
        if let Some(part) = self.parts.get_mut(prefix) {
            part.due = true;
        }
    }

    /// These directories are to be listed.
    pub fn mark_if(&mut self, fits: impl Fn(&[u8]) -> bool) {
        self.parts.retain(|prefix, part| {
            part.due |= fits(prefix);
            true
        });
    }

    /// The directories of the latest lists are to be listed again: do they say the same?
    pub fn mark_fresh(&mut self) {
        self.parts.retain(|_, part| {
            part.due |= part.fresh;
            true
        });
    }

    /// The list of a directory, with names relative to it. True if it says something new.
    pub fn list(&mut self, prefix: &[u8], listing: Listing) -> bool {
        let children = listing.directories.iter();
        let children: Vec<Box<[u8]>> = children
            .map(|name| [prefix, name, b"/"].concat().into())
            .collect();
        let is_below = |other: &[u8]| other.len() > prefix.len() && other.starts_with(prefix);
        let lasts = |other: &[u8]| children.iter().any(|child| other.starts_with(child));
        self.left_out.retain(|other| !is_below(other));
        self.parts
            .retain(|other, _| !is_below(other) || lasts(other));
        let depth = prefix.iter().filter(|&&byte| byte == b'/').count();
        for child in children {
            let free = depth < MIRROR_DEPTH && self.parts.len() < MIRROR_DIRECTORIES_MAX;
            if self.parts.contains_key(&child) {
                continue;
            } else if self.recursive && free {
                self.add(child);
            } else {
                self.left_out.push(child);
            }
        }
        let Some(part) = self.parts.get_mut(prefix) else {
            return false;
        };
        let is_new = !part.listed || part.listing != listing;
        (part.listing, part.listed) = (listing, true);
        is_new
    }

    /// A directory is not there any more, nor what was below it.
    pub fn gone(&mut self, prefix: &[u8]) {
        self.parts.retain(|other, _| !other.starts_with(prefix));
    }

    /// A directory cannot be listed: what it has stays as it was.
    pub fn closed(&mut self, prefix: &[u8]) {
        if let Some(part) = self.parts.get_mut(prefix) {
            (part.listing.partial, part.listed) = (true, true);
        }
    }

    /// The directories, the one that is mirrored first.
    pub fn prefixes(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.keys().map(|prefix| &**prefix)
    }

    /// All lists as one; its directories are those that are left out.
    pub fn union(&mut self) -> Listing {
        let mut union = Listing {
            directories: self.left_out.clone(),
            ..Listing::default()
        };
        self.pass_over = true;
        for (prefix, part) in self.parts.iter() {
            union.partial |= part.listing.partial;
            let files = part.listing.files.iter().map(|file| Listed {
                name: [prefix, &*file.name].concat().into(),
                ..file.clone()
            });
            union.files.extend(files);
        }
        // A limit leaves out what may have been here before.
        union.partial |= self.recursive && !self.left_out.is_empty();
        union
    }
}
