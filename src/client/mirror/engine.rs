//! What a mirror knows of its origin and of its copies, and what is to be fetched next.

use std::collections::BTreeSet;
use std::io;

use super::catalog::Catalog;
use super::complaints::{Complaints, Said};
use super::doubts::Doubts;
use super::further::Further;
use super::listing::Listing;
use super::plan::{Leaving, Links, Listed, Rules, Step, one_name_each, plan};
use super::rule::{End, Rule, Subject};
use super::stage::{Names, stage};
use super::steps::Applied;
use super::tree::Tree;
use crate::client::pause::Pause;
use crate::http::conditional::ETag;
use crate::http::target::encode;
use crate::limits::{CLIENT_LOOK, CLIENT_RETRY, MIRROR_HOT, MIRROR_QUIET};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Moment;

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Which file.
    pub etag: ETag,
    /// Target and query.
    pub target: String,
    /// From there on.
    pub offset: u64,
    /// Up to there; `None`: a tail.
    pub end: Option<u64>,
    /// What is here is only compared: nothing is known to be missing.
    pub compares: bool,
}

/// See the module.
pub struct Engine {
    pub(super) rule: Rule,
    /// The copies.
    pub tree: Tree,
    pub(super) catalog: Catalog,
    /// The directory of the list that is under way.
    pub(super) asked: Box<[u8]>,
    pub(super) listed: SortedMap<ETag, Listed>,
    pub(super) listing: Listing,
    pub(super) further: Further,
    /// What the list before said.
    before: Names,
    doubts: Doubts,
    pub(super) live: Option<ETag>,
    /// Files of which bytes are missing.
    pub(super) behind: BTreeSet<ETag>,
    /// Files whose copies were compared with the origin, with the time of the last write (in seconds since 1970) that the list
    /// before that gave.
    pub(super) compared: SortedMap<ETag, u64>,
    /// Files that grew lately, until when they count as such.
    pub(super) hot: SortedMap<ETag, Moment>,
    /// Files that are not asked for before this time.
    pub(super) held: SortedMap<ETag, (Moment, Pause)>,
    /// Copies of files that no list of the tree names, since when.
    pub(super) missing: SortedMap<ETag, Moment>,
    /// Files that no list names, of which bytes were missing when one named them last.
    pub(super) leaving: SortedMap<ETag, Leaving>,
    /// When the first of them is to be removed.
    pub(super) removal_due: Moment,
    /// When the next list is due.
    pub list_due: Moment,
    /// Late writes are looked for until then.
    pub(super) late_until: Moment,
    pub(super) look: Pause,
    /// How long a mirror of one file rests between two lists while nothing tells of anything new.
    pub(super) quiet: Pause,
    pub(super) retry: Pause,
    refused: SortedSet<Box<[u8]>>,
    /// The directories that are left out; each was told.
    pub(super) left_out: SortedSet<Box<[u8]>>,
    /// Of what has no place in the directory of the mirror now, the names.
    unplaced: SortedSet<Box<[u8]>>,
    pub(super) complaints: Complaints,
    /// Files that were not where the lists say, and how often in a row.
    pub(super) absent: SortedMap<ETag, u32>,
    /// Why there is no list, as it was reported.
    pub(super) outage: Said,
    /// Lines to be shown.
    pub reports: Vec<String>,
    /// It is to end.
    pub end: Option<End>,
    /// A list was applied, and nothing of it waits.
    pub(super) settled: bool,
    /// Some list says something new since then.
    pub(super) changed: bool,
}

impl Engine {
    /// Asks for a list at once.
    #[must_use]
    pub fn new(rule: Rule, tree: Tree, now: Moment) -> Engine {
        Engine {
            catalog: Catalog::new(rule.recursive),
            asked: Box::default(),
            rule,
            tree,
            listed: SortedMap::new(),
            listing: Listing::default(),
            further: Further::default(),
            before: Names::new(),
            doubts: Doubts::default(),
            live: None,
            behind: BTreeSet::new(),
            compared: SortedMap::new(),
            hot: SortedMap::new(),
            held: SortedMap::new(),
            list_due: now,
            late_until: Moment(0),
            look: Pause::new(CLIENT_LOOK),
            quiet: Pause::new(MIRROR_QUIET),
            retry: Pause::new(CLIENT_RETRY),
            refused: SortedSet::new(),
            left_out: SortedSet::new(),
            unplaced: SortedSet::new(),
            complaints: Complaints::default(),
            absent: SortedMap::new(),
            outage: Said::default(),
            reports: Vec::new(),
            end: None,
            missing: SortedMap::new(),
            leaving: SortedMap::new(),
            removal_due: Moment::NEVER,
            settled: false,
            changed: false,
        }
    }

    pub(super) fn apply(&mut self, listing: Listing, now: Moment) {
        if matches!(self.rule.subject, Subject::File(_)) {
            self.follow_generations(&listing, now);
            if self.end.is_some() {
                return;
            }
        }
        self.tell_left_out(&listing.directories);
        for (prefix, cut) in self.catalog.cuts() {
            // No file has such a name.
            if self.refused.insert([prefix, b"/"].concat().into()) {
                let below = match prefix {
                    b"" => String::new(),
                    prefix => format!("{}: ", String::from_utf8_lossy(prefix)),
                };
                let why = cut.why();
                self.reports.push(format!(
                    "{below}{why}: the rest is not mirrored, and nothing is removed"
                ));
            }
        }
        let named = |file: &Listed| (file.name.clone(), file.etag);
        self.doubts.take_list(now);
        self.before = match self.rule.subject {
            Subject::File(_) => self.listing.files.iter().map(named).collect(),
            Subject::Directory(_) => self.catalog.before(),
        };
        self.tree.forget_barred();
        let (locals, foreign) = (self.tree.locals(), self.tree.foreign());
        let mut listed = one_name_each(&listing.files, &locals, &foreign);
        drop(foreign);
        listed.retain(|etag, _| !self.tree.is_out_of_reach(*etag));
        self.warm(&listed, now);
        self.note_leaving(&listed);
        self.listed = listed;
        self.listing = listing;
        self.note_further_names(now);
        let is_under_way = |etag: &ETag| self.tree.under_way.contains(etag);
        self.hot
            .retain(|etag, _| self.listed.contains_key(etag) || is_under_way(etag));
        self.complaints
            .retain(|etag| self.listed.contains_key(&etag) || is_under_way(&etag));
        self.held.retain(|etag, _| self.listed.contains_key(etag));
        self.compared
            .retain(|etag, _| self.listed.contains_key(etag));
        self.absent.retain(|etag, _| self.listed.contains_key(etag));
        self.reconcile(now);
    }

    /// What lists show to have grown will be tailed, as what streams tell of.
    fn warm(&mut self, listed: &SortedMap<ETag, Listed>, now: Moment) {
        if !self.polls() {
            return;
        }
        for file in listed.values() {
            let before = self.listed.get(&file.etag);
            if before.is_some_and(|before| before.size < file.size) {
                self.hot.insert(file.etag, now + MIRROR_HOT);
            }
        }
    }

    /// Makes the names here those of the list, as far as that is possible by now.
    pub(super) fn reconcile(&mut self, now: Moment) {
        let rules = Rules {
            delete: self.rule.delete,
            partial: self.listing.partial,
        };
        let mut files: Vec<Listed> = self.listed.values().cloned().collect();
        self.keep_missing(&mut files, now);
        // One roll after the other, as far as everything is here: each of them makes a copy.
        for _ in 0..=files.len() {
            let locals = self.tree.locals();
            let before = |log: &[u8]| (!self.doubts.are_over(log)).then_some(&self.before);
            let staged = stage(&files, &locals, &before);
            self.doubts.set(&staged.doubtful, now);
            if self.doubts.any() {
                self.list_soon(now);
            }
            let links = Links {
                chosen: &self.listed,
                further: &self.further.names,
            };
            let locals = match self.tree.put_first(&staged.files, &links) {
                true => self.tree.locals(),
                false => locals,
            };
            let steps = plan(&staged.files, &locals, &links, &self.tree.foreign(), rules);
            self.unplaced = SortedSet::new();
            match self.move_on(&staged, &steps, now) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.end = Some(End::Failure(error.to_string()));
                    return;
                }
            }
        }
        self.reports.append(&mut self.tree.reports);
        self.reports.extend(self.further.lines(&self.listed));
        self.behind = self
            .listed
            .values()
            .filter(|file| self.is_behind(file))
            .map(|file| file.etag)
            .collect();
        let named = |local: &super::plan::Local| {
            self.listed.get(&local.etag).is_none_or(|listed| {
                listed.name == local.name
                    || *self.path_of(listed) == *local.name
                    || self.unplaced.contains(&listed.name)
            })
        };
        self.settled = !self.doubts.any() && self.tree.locals().iter().all(named);
    }

    /// True if something was done, so that more may be possible.
    pub(super) fn take_steps(&mut self, steps: &[Step], now: Moment) -> io::Result<bool> {
        let (mut moved, mut failed) = (false, false);
        self.tree.announce(steps)?;
        for step in steps {
            match step {
                Step::Refuse(name) => {
                    self.unplaced.insert(name.clone());
                    if self.refused.insert(name.clone()) {
                        self.reports.push(self.tree.why_refused(name));
                    }
                }
                step => match self.tree.apply(step)? {
                    Applied::Done => moved |= !matches!(step, Step::Seal(..)),
                    Applied::Later => {
                        self.list_soon(now);
                        (moved, failed) = (true, true);
                    }
                    Applied::NoLink(name) => self.further.leave_out(&name),
                    Applied::Barred(name, why) => {
                        self.unplaced.insert(name.clone());
                        if self.refused.insert(name.clone()) {
                            let name = String::from_utf8_lossy(&name);
                            self.reports
                                .push(format!("{name}: {why}; it is left as it is here"));
                        }
                    }
                },
            }
        }
        if moved {
            self.tree.save()?;
        }
        Ok(moved && !failed)
    }

    /// Whether its bytes are to be asked for. A copy that is longer may be one of what the file was before a truncation that
    /// nobody saw; while a connection brings more, it is the list that is older.
    fn is_behind(&self, file: &Listed) -> bool {
        self.tree.size(file.etag).is_some_and(|here| {
            here < file.size || here > file.size && !self.tree.under_way.contains(&file.etag)
        }) || self.is_doubtful(file)
    }

    /// Whether a copy that is as long as its file may have other bytes: the file may have been overwritten since they were
    /// compared. A request for one byte more has the check that shows it.
    fn is_doubtful(&self, file: &Listed) -> bool {
        let is_as_long = file.size > 0 && self.tree.size(file.etag) == Some(file.size);
        let compared = self.compared.get(&file.etag) == Some(&file.modified);
        is_as_long && !compared && !self.tree.under_way.contains(&file.etag)
    }

    /// A file has grown at the origin, in this directory.
    pub fn grown(&mut self, prefix: &[u8], etag: ETag, size: u64, now: Moment) {
        match self.listed.get_mut(&etag) {
            Some(file) => {
                file.size = size;
                self.hot.insert(etag, now + MIRROR_HOT);
                if self.tree.size(etag).is_some_and(|here| here < size) {
                    self.behind.insert(etag);
                }
            }
            None => self.list_soon_of(prefix, now),
        }
    }

    /// Bytes came.
    pub fn received(&mut self, etag: ETag, count: u64, live: bool, now: Moment) {
        self.tree.grown(etag, count);
        self.held.remove(&etag);
        self.found(etag);
        let here = self.tree.size(etag).unwrap_or(0);
        if live {
            self.hot.insert(etag, now + MIRROR_HOT);
        }
        let Some(file) = self.listed.get_mut(&etag) else {
            return;
        };
        if here >= file.size {
            file.size = here;
            self.compared.insert(etag, file.modified);
            self.behind.remove(&etag);
            self.complaints.works(etag);
            // It may have waited for this.
            let (sealed, is_named) = (file.sealed, self.tree.has_the_name(etag, &file.name));
            let links = Links {
                chosen: &self.listed,
                further: &self.further.names,
            };
            let has_lost = !self.listing.partial && self.tree.has_lost_names(etag, &links);
            if !is_named || has_lost {
                self.reconcile(now);
            } else if sealed && let Err(error) = self.take_steps(&[Step::Seal(etag, true)], now) {
                self.end = Some(End::Failure(error.to_string()));
            }
        }
    }

    /// A tail has ended: everything that was written before is here. `why`: as the server says.
    pub fn ended(&mut self, etag: ETag, why: &str, now: Moment) {
        let passed_on = !matches!(why, "" | "shutdown" | "sealed");
        let was_live = passed_on && self.tree.live == Some(etag);
        if was_live {
            self.tree.live = None;
            self.late_until = now + self.rule.late;
        }
        if passed_on {
            self.leaving.remove(&etag);
        }
        self.hot.remove(&etag);
        if was_live && why == "renamed" && matches!(self.rule.subject, Subject::File(_)) {
            // It may be compressed and unlinked before a list shows what was written last: its own tail has that.
            self.live = None;
            self.hot.insert(etag, self.late_until);
        }
        self.list_around(etag, now);
        if matches!(why, "" | "shutdown") {
            self.hold(etag, now);
        }
    }

    /// Whether a file counts as one that grows.
    #[must_use]
    pub fn is_hot(&self, etag: ETag, now: Moment) -> bool {
        self.live == Some(etag) || self.hot.get(&etag).is_some_and(|until| *until > now)
    }

    /// What to fetch next, besides what is `busy`. `tails`: more tails may be opened.
    #[must_use]
    pub fn next_fetch(&self, busy: &[ETag], tails: bool, now: Moment) -> Option<Fetch> {
        let free = |etag: &&ETag| {
            !busy.contains(etag) && self.held.get(etag).is_none_or(|(next, _)| *next <= now)
        };
        if let Some(&etag) = self.behind.iter().find(free) {
            let doubtful = self
                .listed
                .get(&etag)
                .is_some_and(|it| self.is_doubtful(it));
            let tail = tails && !self.rule.once && self.is_hot(etag, now) && !doubtful;
            return self.fetch(etag, tail);
        }
        if !tails || self.rule.once {
            return None;
        }
        let hot = self
            .hot
            .iter()
            .filter(|(_, until)| *until > now)
            .map(|(etag, _)| etag);
        let mut live = self.live.iter().chain(hot);
        let etag =
            live.find(|etag| free(etag) && self.listed.get(etag).is_some_and(|file| !file.sealed))?;
        self.fetch(*etag, true)
    }

    fn fetch(&self, etag: ETag, tail: bool) -> Option<Fetch> {
        let file = self.listed.get(&etag)?;
        let target = match &self.rule.subject {
            Subject::Directory(path) => format!("{path}{}", encode(self.path_of(file))),
            Subject::File(path) if self.live == Some(etag) => path.to_string(),
            Subject::File(path) => format!("{path}?generation={:016x}", etag.0),
        };
        let offset = self.tree.size(etag)?;
        Some(Fetch {
            etag,
            target,
            offset,
            end: (!tail).then_some(file.size.max(offset + 1)),
            compares: !tail && offset >= file.size,
        })
    }

    /// When a file that waits may be asked for again. What may be by now was looked at: it is under way, or nothing is to be
    /// asked for.
    #[must_use]
    pub fn deadline(&self, now: Moment) -> Moment {
        let waits = |etag: &ETag| self.behind.contains(etag) || self.live == Some(*etag);
        let held = self.held.iter().filter(|(etag, _)| waits(etag));
        let next = held.map(|(_, (next, _))| *next);
        let later = next.filter(|next| *next > now);
        later.fold(Moment::NEVER, Moment::min)
    }

    /// Whether everything that was listed is here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let is_file = matches!(self.rule.subject, Subject::File(_));
        let listed = is_file || self.catalog.deadline().is_none();
        let waits = self.rule.once && self.removal_due < Moment::NEVER;
        listed && !waits && self.settled && self.behind.is_empty()
    }
}
