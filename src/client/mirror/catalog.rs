//! The lists of the directories of a tree, of which only those are requested again that may have changed. Pure.
//!
//! A directory is named by its prefix: empty for the one that is mirrored, or a path below it with a slash at its end.

use super::complaints::Said;
use super::listing::Listing;
use super::plan::Listed;
use super::stage::Names;
use crate::client::pause::Pause;
use crate::limits::{CLIENT_RETRY, MIRROR_DEPTH, MIRROR_DIRECTORIES_MAX, MIRROR_STREAMS};
use crate::sorted::SortedMap;
use crate::time::Moment;

/// See the module.
pub struct Catalog {
    recursive: bool,
    parts: SortedMap<Box<[u8]>, Part>,
    /// Directories that are left out.
    left_out: Vec<Box<[u8]>>,
    /// The directory that was listed last.
    cursor: Box<[u8]>,
    /// When its list was requested.
    begun: Moment,
    /// A union was made since a list was requested last.
    pass_over: bool,
}

struct Part {
    listing: Listing,
    /// The files of the list before.
    before: Vec<Listed>,
    /// The list is to be requested.
    due: bool,
    /// Its request is under way.
    pending: bool,
    /// It is here, or cannot be had for now.
    listed: bool,
    /// It could not be had the last time: the files are those of an earlier one.
    closed: bool,
    /// When the latest list that is here was requested.
    since: Moment,
    /// It is not requested before this time.
    held: Moment,
    retry: Pause,
    /// What was reported of it.
    trouble: Said,
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
            begun: Moment(0),
            pass_over: false,
        };
        catalog.add(Box::default());
        catalog
    }

    fn add(&mut self, prefix: Box<[u8]>) {
        let part = Part {
            listing: Listing::default(),
            before: Vec::new(),
            due: true,
            pending: false,
            listed: false,
            closed: false,
            since: Moment(0),
            held: Moment(0),
            retry: Pause::new(CLIENT_RETRY),
            trouble: Said::default(),
            fresh: false,
        };
        self.parts.insert(prefix, part);
    }

    /// The next directory to be listed: one that never was, else each in its turn. What failed waits for its pause.
    #[must_use]
    pub fn next(&self, now: Moment) -> Option<&[u8]> {
        let due = |fits: &dyn Fn(&[u8], &Part) -> bool| {
            let found = self
                .parts
                .iter()
                .find(|(prefix, part)| part.due && part.held <= now && fits(prefix, part));
            found.map(|(prefix, _)| &**prefix)
        };
        due(&|_, part| !part.listed)
            .or_else(|| due(&|prefix, _| prefix > &*self.cursor))
            .or_else(|| due(&|_, _| true))
    }

    /// When the next list may be requested; `None`: none is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let due = self.parts.values().filter(|part| part.due);
        due.map(|part| part.held).min()
    }

    /// Whether each directory was listed since then, or, if there are `streams`, has one that tells of no change since its list.
    #[must_use]
    pub fn is_listed_since(&self, moment: Moment, streams: bool) -> bool {
        self.parts.values().enumerate().all(|(index, part)| {
            let told = streams && index < MIRROR_STREAMS && !part.due && !part.pending;
            told || part.since >= moment
        })
    }

    /// Whether every directory was listed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.values().all(|part| part.listed)
    }

    /// The list of a directory is requested: what changes from now on needs another one.
    pub fn begin(&mut self, prefix: &[u8], now: Moment) {
        if std::mem::take(&mut self.pass_over) {
            self.parts.retain(|_, part| {
                part.fresh = false;
                true
            });
        }
        if let Some(part) = self.parts.get_mut(prefix) {
            (part.due, part.pending, part.fresh) = (false, true, true);
        }
        self.cursor = prefix.into();
        self.begun = now;
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

    /// Directories that were listed before that are to be listed again.
    pub fn mark_older(&mut self, moment: Moment) {
        self.parts.retain(|_, part| {
            part.due |= part.since < moment && !part.pending;
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
        // Those that are further down stay left out, unless they went with a child.
        let is_child = |other: &[u8]| !other[prefix.len()..other.len() - 1].contains(&b'/');
        self.left_out
            .retain(|other| !is_below(other) || (lasts(other) && !is_child(other)));
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
        let is_new = !part.listed || part.closed || part.listing != listing;
        part.before = std::mem::replace(&mut part.listing, listing).files;
        (part.listed, part.closed, part.pending) = (true, false, false);
        (part.since, part.held) = (self.begun, Moment(0));
        part.trouble.clear();
        part.retry.reset();
        is_new
    }

    /// A directory is not there any more, nor what was below it.
    pub fn gone(&mut self, prefix: &[u8]) {
        self.parts.retain(|other, _| !other.starts_with(prefix));
        self.left_out.retain(|other| !other.starts_with(prefix));
    }

    /// A directory cannot be listed: what it has stays as it was.
    pub fn closed(&mut self, prefix: &[u8]) {
        if let Some(part) = self.parts.get_mut(prefix) {
            (part.listed, part.closed, part.pending) = (true, true, false);
        }
    }

    /// A directory cannot be listed now, and is to be after a pause. The others do not wait for it.
    pub fn failed(&mut self, prefix: &[u8], now: Moment) {
        self.closed(prefix);
        if let Some(part) = self.parts.get_mut(prefix) {
            part.due = true;
            part.held = part.retry.begin(now);
        }
    }

    /// Whether this was not yet reported of a directory since it was listed.
    pub fn is_new_trouble(&mut self, prefix: &[u8], line: &str) -> bool {
        let part = self.parts.get_mut(prefix);
        part.is_some_and(|part| part.trouble.is_new(line))
    }

    /// Whether the server has left out entries of some list.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.parts.values().any(|part| part.listing.partial)
    }

    /// Which file had which name in the list before the latest one, of each directory.
    #[must_use]
    pub fn before(&self) -> Names {
        let files = self.parts.iter().flat_map(|(prefix, part)| {
            let named = |file: &Listed| ([prefix, &*file.name].concat().into(), file.etag);
            part.before.iter().map(named)
        });
        files.collect()
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
            union.partial |= part.listing.partial || part.closed;
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
