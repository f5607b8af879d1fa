//! The lists of the directories of a tree, of which only those are requested again that may have changed. Pure.
//!
//! A directory is named by its prefix: empty for the one that is mirrored, or a path below it with a slash at its end.

use super::complaints::Said;
use super::listing::{Listing, Page};
use super::pages::{Cut, Pages, Turned};
use super::plan::Listed;
use super::stage::Names;
use crate::client::pause::Pause;
use crate::limits::{
    CLIENT_RETRY, MIRROR_DEPTH, MIRROR_DIRECTORIES_MAX, MIRROR_LISTS_AGAIN, MIRROR_LISTS_MAX,
    MIRROR_POLL, MIRROR_STREAMS,
};
use crate::sorted::{SortedMap, SortedSet};
use crate::store::generations::families::split;
use crate::time::Moment;

/// See the module.
pub struct Catalog {
    recursive: bool,
    pub(super) parts: SortedMap<Box<[u8]>, Part>,
    /// Directories that are left out.
    left_out: Vec<Box<[u8]>>,
    /// The directory that was listed last.
    cursor: Box<[u8]>,
    /// A page of its list is here, and another one is to be requested.
    turning: bool,
    /// A union was made since a list was requested last.
    pass_over: bool,
    /// When directories are due of which no stream tells everything, and how long they rest then.
    poll_due: Moment,
    poll: Pause,
}

pub(super) struct Part {
    pub(super) listing: Listing,
    /// The files of the list before.
    before: Vec<Listed>,
    /// Pages of the next list that are here.
    pages: Option<Pages>,
    /// The latest list had so many, of so many bytes.
    size: (usize, usize),
    /// Why it is not whole.
    cut: Option<Cut>,
    /// Lists of several pages in a row that named other files than the one before.
    unlike: u32,
    /// The stream of events does not tell of all files.
    untold: bool,
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
    /// The pause before it is requested again because a directory that it names is gone.
    vanished: Pause,
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
            turning: false,
            pass_over: false,
            poll_due: Moment(0),
            poll: Pause::new(MIRROR_POLL),
        };
        catalog.add(Box::default());
        catalog
    }

    fn add(&mut self, prefix: Box<[u8]>) {
        let part = Part {
            listing: Listing::default(),
            before: Vec::new(),
            pages: None,
            size: (0, 0),
            cut: None,
            unlike: 0,
            untold: false,
            due: true,
            pending: false,
            listed: false,
            closed: false,
            since: Moment(0),
            held: Moment(0),
            retry: Pause::new(CLIENT_RETRY),
            vanished: Pause::new(CLIENT_RETRY),
            trouble: Said::default(),
            fresh: false,
        };
        self.parts.insert(prefix, part);
    }

    /// The next directory to be listed: one of which a page has just come, or that was never listed, else each in its turn. What failed
    /// waits for its pause.
    #[must_use]
    pub fn next(&self, now: Moment) -> Option<&[u8]> {
        let due = |fits: &dyn Fn(&[u8], &Part) -> bool| {
            let mut parts = self.parts.iter();
            let found = parts
                .find(|(prefix, part)| part.is_wanted() && part.held <= now && fits(prefix, part));
            found.map(|(prefix, _)| &**prefix)
        };
        due(&|prefix, _| self.turning && *prefix == *self.cursor)
            .or_else(|| due(&|_, part| !part.listed))
            .or_else(|| due(&|prefix, _| prefix > &*self.cursor))
            .or_else(|| due(&|_, _| true))
    }

    /// When the next list may be requested; `None`: none is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        let wanted = self.parts.values().filter(|part| part.is_wanted());
        wanted.map(|part| part.held).min()
    }

    /// Whether each directory was listed later than that, or, if there are `streams`, has one that tells of no change since its
    /// list. A list that was requested in the same millisecond may be older.
    #[must_use]
    pub fn is_listed_after(&self, moment: Moment, streams: bool) -> bool {
        self.parts.values().enumerate().all(|(index, part)| {
            let told = streams && part.is_told(index) && !part.due && !part.pending;
            told || part.since > moment
        })
    }

    /// Whether a directory was listed later than that, or cannot be listed.
    #[must_use]
    pub fn is_listed_again(&self, prefix: &[u8], moment: Moment) -> bool {
        let part = self.parts.get(prefix);
        part.is_none_or(|part| part.closed || part.since > moment)
    }

    /// Whether every directory was listed.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.values().all(|part| part.listed)
    }

    /// The next page of the list of a directory is requested; returns its query. What changes after the first one was requested
    /// needs another list.
    pub fn begin(&mut self, prefix: &[u8], now: Moment) -> &str {
        if std::mem::take(&mut self.pass_over) {
            for part in self.parts.values_mut() {
                part.fresh = false;
            }
        }
        (self.cursor, self.turning) = (prefix.into(), false);
        let Some(part) = self.parts.get_mut(prefix) else {
            return "";
        };
        (part.pending, part.fresh) = (true, true);
        part.pages.take_if(|pages| pages.count == 0);
        part.due &= part.pages.is_some();
        part.pages.get_or_insert_with(|| Pages::new(now)).query()
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

    /// Directories that were not listed later than that are to be listed again.
    pub fn mark_older(&mut self, moment: Moment) {
        for part in self.parts.values_mut() {
            part.due |= part.since <= moment && !part.pending;
        }
    }

    /// The directories of the latest lists are to be listed again: do they say the same?
    pub fn mark_fresh(&mut self) {
        for part in self.parts.values_mut() {
            part.due |= part.fresh;
        }
    }

    /// Directories are to be listed of which no stream tells everything, but for those of which a list is under way or has just
    /// come.
    pub fn mark_untold(&mut self, now: Moment) {
        for (index, part) in self.parts.values_mut().enumerate() {
            part.due |= !part.is_told(index) && !part.pending && part.held <= now;
        }
    }

    /// The same, if it is time to. False: it is not.
    pub fn poll(&mut self, now: Moment) -> bool {
        let is_due = self.poll_due <= now;
        if is_due {
            self.poll_due = self.poll.begin(now);
            self.mark_untold(now);
        }
        is_due
    }

    /// When that is.
    #[must_use]
    pub fn poll_due(&self) -> Moment {
        self.poll_due
    }

    /// Whether there are any.
    #[must_use]
    pub fn has_untold(&self) -> bool {
        let mut parts = self.parts.values().enumerate();
        parts.any(|(index, part)| !part.is_told(index))
    }

    /// A stream of events has begun. `all`: it tells of all files of its directory.
    pub fn told(&mut self, prefix: &[u8], all: bool) {
        if let Some(part) = self.parts.get_mut(prefix) {
            part.untold = !all;
        }
    }

    /// A page of the list of a directory is here, of so many bytes. True if it is the last one, and the list says something
    /// new; `None`: there are more.
    pub fn page(&mut self, prefix: &[u8], page: Page, size: usize) -> Option<bool> {
        let held = |(other, part): &(Box<[u8]>, Part)| {
            // The list that is on its way takes the place of the one that is here.
            let listed = usize::from(**other != *prefix) * part.size.1;
            listed + part.pages.as_ref().map_or(0, |pages| pages.bytes)
        };
        let held: usize = self.parts.iter().map(held).sum();
        let Some(part) = self.parts.get_mut(prefix) else {
            return Some(false);
        };
        let mut pages = part.pages.take().unwrap_or(Pages::new(part.since));
        match pages.add(page, size, MIRROR_LISTS_MAX.saturating_sub(held)) {
            Turned::More => {
                (part.pages, self.turning) = (Some(pages), true);
                None
            }
            Turned::Over(cut) => {
                part.cut = cut;
                part.size = (pages.count, pages.bytes);
                part.since = pages.begun;
                Some(self.list(prefix, pages.into_listing()))
            }
        }
    }

    /// A list of several pages is not requested again for some time, which is longer the longer it took.
    pub fn rest(&mut self, prefix: &[u8], now: Moment, times: u32) {
        if let Some(part) = self.parts.get_mut(prefix)
            && part.size.0 > 1
        {
            part.held = now + (now - part.since) * times;
        }
    }

    /// A list of several pages may lack a file that was renamed meanwhile: another one is to say the same, unless some have
    /// been unlike each other.
    pub fn list_again(&mut self, prefix: &[u8]) {
        let Some(part) = self.parts.get_mut(prefix) else {
            return;
        };
        let named = |file: &Listed| (file.name.clone(), file.etag);
        let names = |files: &[Listed]| -> Vec<_> { files.iter().map(named).collect() };
        let unlike = part.size.0 > 1 && names(&part.before) != names(&part.listing.files);
        part.unlike = if unlike { part.unlike + 1 } else { 0 };
        part.due |= unlike && part.unlike < MIRROR_LISTS_AGAIN;
    }

    /// Whether the list of some directory came in several pages.
    #[must_use]
    pub fn has_pages(&self) -> bool {
        self.parts.values().any(|part| part.size.0 > 1)
    }

    /// The list of a directory, with names relative to it. True if it says something new.
    fn list(&mut self, prefix: &[u8], listing: Listing) -> bool {
        let children = listing.directories.iter();
        let children: Vec<Box<[u8]>> = children
            .map(|name| [prefix, name, b"/"].concat().into())
            .collect();
        let named: SortedSet<&[u8]> = children.iter().map(|child| &**child).collect();
        let is_below = |other: &[u8]| other.len() > prefix.len() && other.starts_with(prefix);
        // Of a name below this directory, the length of what is in it.
        let child = |other: &[u8]| {
            let slash = other[prefix.len()..].iter().position(|&byte| byte == b'/');
            prefix.len() + slash.map_or(0, |slash| slash + 1)
        };
        let lasts = |other: &[u8]| named.contains(&other[..child(other)]);
        // Those that are further down stay left out, unless they went with a child.
        self.left_out
            .retain(|other| !is_below(other) || (child(other) < other.len() && lasts(other)));
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
        part.held = Moment(0);
        part.trouble.clear();
        part.retry.reset();
        if is_new {
            self.poll_due = self.poll_due.min(part.since + MIRROR_POLL.0);
            self.poll.reset();
            part.vanished.reset();
        }
        is_new
    }

    /// A directory is gone with all below it. No stream tells of what the list that names it has seen, if that lasted a moment
    /// only: it is requested again, but not for ever if it always names that directory.
    pub fn gone(&mut self, prefix: &[u8], now: Moment) {
        self.parts.retain(|other, _| !other.starts_with(prefix));
        self.left_out.retain(|other| !other.starts_with(prefix));
        let (above, _) = split(prefix.strip_suffix(b"/").unwrap_or(prefix));
        if let Some(part) = self.parts.get_mut(above)
            && !part.vanished.is_longest()
        {
            (part.due, part.held) = (true, part.held.max(part.vanished.begin(now)));
        }
    }

    /// A directory cannot be listed: what it has stays as it was.
    pub fn closed(&mut self, prefix: &[u8]) {
        if let Some(part) = self.parts.get_mut(prefix) {
            part.close();
            part.pages = None;
        }
    }

    /// A directory cannot be listed now, and is to be after a pause; the pages that are here stay. The others do not wait for
    /// it.
    pub fn failed(&mut self, prefix: &[u8], now: Moment) {
        if let Some(part) = self.parts.get_mut(prefix) {
            part.close();
            part.held = part.retry.begin(now);
        }
    }

    /// The next page of the directory that is mirrored is to be requested again; `anew`: all of them.
    pub fn again(&mut self, anew: bool) {
        if let Some(part) = self.parts.get_mut(&b""[..]) {
            part.due |= anew;
            part.pages.take_if(|_| anew);
        }
    }

    /// Whether this was not yet reported of a directory since it was listed.
    pub fn is_new_trouble(&mut self, prefix: &[u8], line: &str) -> bool {
        let part = self.parts.get_mut(prefix);
        part.is_some_and(|part| part.trouble.is_new(line))
    }

    /// Directories whose lists lack something, and why.
    pub fn cuts(&self) -> impl Iterator<Item = (&[u8], Cut)> {
        let parts = self.parts.iter();
        parts.filter_map(|(prefix, part)| Some((&**prefix, part.cut?)))
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
            let paths = part.listing.paths.iter();
            let paths = paths.map(|(etag, name)| (*etag, [prefix, &**name].concat().into()));
            union.paths.extend(paths);
        }
        // A limit leaves out what may have been here before.
        union.partial |= self.recursive && !self.left_out.is_empty();
        union
    }
}

impl Part {
    /// A page of it is to be requested.
    fn is_wanted(&self) -> bool {
        self.due || self.pages.is_some()
    }

    /// Whether a stream tells of everything in it, as that with this number.
    fn is_told(&self, index: usize) -> bool {
        index < MIRROR_STREAMS && !self.untold
    }

    fn close(&mut self) {
        (self.listed, self.closed, self.pending) = (true, true, false);
    }
}
