//! A directory that event streams follow: read once for all of them, and not more often than that is cheap.
//!
//! The watcher says which entries have changed, and a *look* at the directory stats only these. A look is a scan of the whole
//! directory when a stream wants what none wanted before, when events were lost, and now and then all the same. However long
//! a look takes, one turn does only a slice of it.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::directory_look::{Found, Look, Progress};
use super::links::Links;
use super::site::{Site, Surroundings};
use super::tree::Tree;
use super::watcher::Place;
use crate::http::pattern::{self, Pattern};
use crate::limits::{DIRECTORY_PAUSE, DIRECTORY_PAUSE_FACTOR, DIRECTORY_SLICE, LISTING_MAX};
use crate::sorted::sort_by;
use crate::store::errors::is_exhausted;
use crate::store::listing::Scan;
use crate::subscription::changelog::{ChangeLog, Version};
use crate::subscription::directory::Listed;
use crate::subscription::entry::Entry;
use crate::subscription::matches::{Matches, Patched};
use crate::time::Moment;

/// What a stream wants of a directory: the files that fit one of these, or all entries.
pub(crate) type Wanted = Option<Box<[Pattern]>>;

/// The entries of a directory, as far as streams want them and the last look has found them.
#[derive(Default)]
pub(crate) struct Directory {
    /// `None`: no stream wants it, or it could not be read yet, or can no longer.
    pub(super) entries: Option<ChangeLog>,
    /// Streams that want all entries.
    pub(super) listeners: usize,
    /// The files that fit, by the patterns.
    pub(super) matches: HashMap<Box<[Pattern]>, Shared>,
    /// The last look could not read it.
    pub(super) unreadable: bool,
    /// Names that have changed since the last look.
    pub(super) changed: HashSet<Box<[u8]>>,
    /// Something has happened where a link in it leads: the next look is at all links.
    pub(super) links_changed: bool,
    /// The next look must be a scan.
    pub(super) rescan: bool,
    /// Something has happened to the directory itself: a look at single names is not enough.
    pub(super) unsure: bool,
    /// The look under way.
    pub(super) look: Option<Look>,
    /// All names were looked at, and where links lead is not watched yet. True if there is news.
    pub(super) found: Option<bool>,
    /// How long the look under way has taken so far.
    pub(super) spent: Duration,
    /// The next look does not begin before this moment.
    pub(super) next: Moment,
    /// The next scan does not begin before this moment.
    pub(super) next_scan: Moment,
    /// The look under way is a scan.
    scanning: bool,
    /// Something has happened in this turn.
    pub(super) noted: bool,
    /// Its entries that are symbolic links, and what is watched because of each.
    pub(super) links: Links,
    /// The directories below it, if a stream wants files there.
    pub(super) tree: Tree,
}

/// The files that fit a list of patterns.
pub(super) struct Shared {
    pub(super) matches: Matches,
    /// Streams that want them.
    pub(super) followers: usize,
    /// A scan has found them.
    pub(super) scanned: bool,
}

impl Directory {
    /// Takes its links out.
    pub(super) fn take_links(&mut self) -> Links {
        mem::take(&mut self.links)
    }

    /// Adds a stream that wants this.
    pub(crate) fn want(&mut self, wanted: &Wanted) {
        match wanted {
            None => self.listeners += 1,
            Some(patterns) => {
                let shared = self.matches.entry(patterns.clone());
                let shared = shared.or_insert_with(|| Shared {
                    matches: Matches::new(patterns.clone()),
                    followers: 0,
                    scanned: false,
                });
                shared.followers += 1;
            }
        }
    }

    /// Removes such a stream; forgets what no stream wants any more.
    pub(crate) fn unwant(&mut self, wanted: &Wanted) {
        let Some(patterns) = wanted else {
            self.listeners -= 1;
            if self.listeners == 0 {
                self.entries = None;
            }
            return;
        };
        if let Some(shared) = self.matches.get_mut(patterns) {
            shared.followers -= 1;
            if shared.followers == 0 {
                self.matches.remove(patterns);
            }
        }
    }

    pub(super) fn knows(&self, files: Option<&[Pattern]>) -> bool {
        match files {
            None => self.entries.is_some(),
            Some(patterns) => self
                .matches
                .get(patterns)
                .is_some_and(|shared| shared.scanned),
        }
    }

    pub(super) fn listed(&self, files: Option<&[Pattern]>) -> Listed<'_> {
        let known = match files {
            None => self.entries.as_ref().map(Listed::Entries),
            Some(patterns) => {
                let shared = self.matches.get(patterns).filter(|shared| shared.scanned);
                shared.map(|shared| Listed::Files(&shared.matches))
            }
        };
        match known {
            Some(known) => known,
            None if self.unreadable => Listed::Nothing,
            None => Listed::Unknown,
        }
    }

    /// Whether somebody wants files below the directories in it.
    pub(super) fn is_tree(&self) -> bool {
        let mut wanted = self.matches.keys();
        wanted.any(|patterns| pattern::are_of_tree(patterns))
    }

    /// Whether somebody wants all entries, of which this is one.
    fn is_listed(&self, name: &[u8]) -> bool {
        self.listeners > 0 && !name.contains(&b'/')
    }

    /// Whether somebody wants to know of this name.
    pub(super) fn is_wanted(&self, name: &[u8]) -> bool {
        self.is_listed(name)
            || self
                .matches
                .values()
                .any(|shared| shared.matches.fits(name))
    }

    /// Whether something has happened to entries, and it is known to which.
    fn any_changed(&self) -> bool {
        !self.changed.is_empty() || self.links_changed
    }

    /// Whether a look is under way.
    fn is_looking(&self) -> bool {
        self.look.is_some() || self.found.is_some()
    }

    /// Whether there must be another look.
    pub(super) fn must_look(&self) -> bool {
        self.rescan || self.any_changed()
    }

    /// Whether there must be another look, or one is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.must_look() || self.is_looking()
    }

    /// When the next look may begin. A scan that must wait does not delay a look at changed names.
    pub(super) fn due(&self) -> Moment {
        let is_scan = self.rescan && (self.unsure || !self.any_changed());
        match is_scan && !self.is_looking() {
            true => self.next.max(self.next_scan),
            false => self.next,
        }
    }

    /// Ends a look. The pause until the next one of its kind grows with the time that it took: seconds after a scan of thousands
    /// of names, next to nothing after a look at a few.
    pub(super) fn rest(&mut self, now: Moment) {
        let pause = mem::take(&mut self.spent) * DIRECTORY_PAUSE_FACTOR;
        self.next = now + DIRECTORY_PAUSE;
        match mem::take(&mut self.scanning) {
            true => self.next_scan = self.next + pause,
            false => self.next = self.next + pause,
        }
    }

    /// Begins the look that is needed, if none is under way.
    pub(super) fn begin(&mut self, directory: &impl AsFd, now: Moment) -> Result<(), Errno> {
        if self.look.is_some() {
            return Ok(());
        }
        self.scanning = self.rescan && self.next_scan <= now;
        if !self.scanning {
            let mut names = mem::take(&mut self.changed);
            if mem::take(&mut self.links_changed) {
                names.extend(self.links.names());
            }
            let names = names.into_iter().collect();
            let entries = Vec::new();
            self.look = Some(Look::Changed { names, entries });
            return Ok(());
        }
        (self.rescan, self.unsure) = (false, false);
        let scan = Scan::begin(directory.as_fd(), None)?;
        self.changed.clear();
        self.links_changed = false;
        self.tree.begin();
        let known = self.entries.iter().flat_map(|entries| entries.entries());
        let known: Vec<&[u8]> = known.map(|(name, _)| name).collect();
        let known_count = known.len();
        let followed = self
            .matches
            .values()
            .flat_map(|shared| shared.matches.files());
        let names = known.into_iter().chain(followed.map(|(name, _)| name));
        let unseen = names.map(Box::from);
        let found = Found {
            entries: Vec::new(),
            room: LISTING_MAX.saturating_sub(known_count),
            truncated: false,
            unseen: unseen.collect(),
        };
        self.look = Some(Look::Scan { scan, found });
        for shared in self.matches.values_mut() {
            shared.matches.begin();
        }
        Ok(())
    }

    /// Looks at one more name.
    pub(super) fn step(
        &mut self,
        place: &mut impl Surroundings,
        version: Version,
    ) -> Result<Progress, Errno> {
        match self.look.take() {
            None => return Ok(Progress::Done(false)),
            Some(Look::Scan {
                mut scan,
                mut found,
            }) => match scan.next_name() {
                Some(name) => {
                    let (name, is_directory) = name?;
                    if is_directory && self.is_read(&name) {
                        self.tree.find(&name);
                    }
                    let known = found.unseen.remove(&*name);
                    self.take(name, known, place, &mut found)?;
                    self.look = Some(Look::Scan { scan, found });
                }
                None => match self.tree.next() {
                    Some(name) => {
                        let below = self.enter(name, place)?;
                        let scan = below.unwrap_or(scan);
                        self.look = Some(Look::Scan { scan, found });
                    }
                    None => {
                        let names = found.unseen.drain().collect();
                        self.look = Some(Look::Missing { names, found });
                    }
                },
            },
            Some(Look::Missing {
                mut names,
                mut found,
            }) => match names.pop() {
                Some(name) => {
                    self.take(name.into_vec(), true, place, &mut found)?;
                    self.look = Some(Look::Missing { names, found });
                }
                None => return Ok(Progress::Done(self.scanned(found, version))),
            },
            Some(Look::Changed {
                mut names,
                mut entries,
            }) => match names.pop() {
                Some(name) => {
                    if self.is_wanted(&name) {
                        let (found, link) = place.entry(&name)?;
                        self.links.note(&name, link, found.as_ref());
                        entries.push((name.into_vec(), found));
                    }
                    self.look = Some(Look::Changed { names, entries });
                }
                None => return Ok(Progress::Done(self.patched(entries, version))),
            },
        }
        Ok(Progress::Slice)
    }

    /// Forgets directories below this one that nobody wants any more. Returns what was watched in them.
    pub(super) fn trim_tree(&mut self) -> Vec<Place> {
        let wanted = &self.matches;
        let is_read = |name: &[u8]| {
            let mut wanted = wanted.keys();
            wanted.any(|patterns| pattern::may_mean_below(patterns, name))
        };
        self.tree.retain(is_read);
        self.tree.take_unused()
    }

    /// Whether files below this directory may be wanted.
    fn is_read(&self, name: &[u8]) -> bool {
        let mut wanted = self.matches.keys();
        wanted.any(|patterns| pattern::may_mean_below(patterns, name))
    }

    /// Goes on with a directory below this one. It is watched first, so that nothing falls in between. `None`: it is gone, or
    /// cannot be read.
    fn enter(
        &mut self,
        name: Box<[u8]>,
        place: &mut impl Surroundings,
    ) -> Result<Option<Scan>, Errno> {
        let Some(directory) = place.open(&name)? else {
            return Ok(None);
        };
        let watched = place.watch(directory.as_fd(), &name);
        let scan = match Scan::begin(directory.as_fd(), Some(&name)) {
            Err(error) if is_exhausted(error) => return Err(error),
            scan => scan.ok(),
        };
        self.tree.place(name, watched);
        Ok(scan)
    }

    /// Takes a name that a scan has found. `known`: it was there before.
    fn take(
        &mut self,
        name: Vec<u8>,
        known: bool,
        place: &mut impl Surroundings,
        found: &mut Found,
    ) -> Result<(), Errno> {
        let mut wanted = self.matches.values_mut();
        let fits = wanted.any(|shared| shared.matches.fits(&name));
        let listed = self.is_listed(&name) && (known || found.room > 0);
        found.truncated |= self.is_listed(&name) && !listed;
        if !fits && !listed {
            return Ok(());
        }
        let (entry, link) = place.entry(&name)?;
        self.links.note(&name, link, entry.as_ref());
        let Some(entry) = entry else {
            return Ok(());
        };
        for shared in self.matches.values_mut() {
            if shared.matches.fits(&name) {
                shared.matches.offer(&name, &entry);
            }
        }
        if listed {
            found.room -= usize::from(!known);
            found.entries.push((name, entry));
        }
        Ok(())
    }

    /// All names were looked at. True if there is news.
    fn scanned(&mut self, found: Found, version: Version) -> bool {
        self.tree.finish();
        let mut news = mem::take(&mut self.unreadable);
        for shared in self.matches.values_mut() {
            news |= shared.matches.finish(version) || !shared.scanned;
            shared.scanned = true;
        }
        if self.listeners > 0 {
            let mut entries = found.entries;
            // Of a name that was found twice the later look counts.
            entries.reverse();
            sort_by(&mut entries, |left, right| left.0.cmp(&right.0));
            entries.dedup_by(|later, first| later.0 == first.0);
            let entries_log = self.entries.get_or_insert_with(|| ChangeLog::new(version));
            entries_log.update(entries, found.truncated, version);
            news = true;
        }
        news
    }

    /// Names in which something had happened were looked at. True if there is news.
    fn patched(&mut self, entries: Vec<(Vec<u8>, Option<Entry>)>, version: Version) -> bool {
        let mut news = false;
        for shared in self.matches.values_mut().filter(|shared| shared.scanned) {
            for (name, entry) in &entries {
                if !shared.matches.fits(name) {
                    continue;
                }
                match shared.matches.patch(name, entry.as_ref(), version) {
                    Patched::Same => {}
                    Patched::Changed => news = true,
                    Patched::Rescan => self.rescan = true,
                }
            }
        }
        match &mut self.entries {
            Some(known) => {
                let here = entries.into_iter();
                let here: Vec<_> = here.filter(|(name, _)| !name.contains(&b'/')).collect();
                // Others, which were not listed, may have their places; only a scan shows which.
                let is_gone = |(_, entry): &(_, Option<Entry>)| entry.is_none();
                self.rescan |= known.is_truncated() && here.iter().any(is_gone);
                known.patch(here, version) || news
            }
            None => news,
        }
    }
}

/// One slice of a look.
pub(super) fn slice(
    directory: &mut Directory,
    site: &mut Site<'_>,
    version: Version,
    now: Moment,
) -> Result<Progress, Errno> {
    let begun = Instant::now();
    directory.begin(&site.file, now)?;
    loop {
        match directory.step(site, version)? {
            Progress::Slice if begun.elapsed() < DIRECTORY_SLICE => {}
            progress => return Ok(progress),
        }
    }
}
