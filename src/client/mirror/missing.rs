//! Files that the lists no longer name: they may have moved, may still be under way, or are gone.

use std::collections::BTreeMap;

use super::engine::Engine;
use super::listing::Listing;
use super::plan::{Leaving, Listed, aside};
use super::room::in_the_way;
use super::rule::{End, Subject};
use crate::client::settings::OnGap;
use crate::http::conditional::ETag;
use crate::limits::{CLIENT_LOOK, MIRROR_SETTLE, MIRROR_TRAVEL};
use crate::sorted::SortedMap;
use crate::time::Moment;

impl Engine {
    /// A connection appends to a copy from now on.
    pub fn begun(&mut self, etag: ETag) {
        self.tree.under_way.insert(etag);
    }

    /// No connection does any more.
    pub fn over(&mut self, etag: ETag, now: Moment) {
        self.tree.under_way.remove(&etag);
        if self.end.is_none() && !self.listed.contains_key(&etag) {
            self.reconcile(now);
        }
    }

    /// A new list: which files does it no longer name, although bytes of them are missing?
    pub(super) fn note_leaving(&mut self, listed: &SortedMap<ETag, Listed>) {
        let is_file = matches!(self.rule.subject, Subject::File(_));
        for file in self.listed.values() {
            if listed.contains_key(&file.etag) {
                continue;
            }
            // Of a directory, files may come and go before anything of them is here.
            let here = self.tree.size(file.etag).or(is_file.then_some(0));
            let is_live = is_file && self.live == Some(file.etag);
            if here.is_some_and(|here| here < file.size || is_live) {
                let leaving = Leaving {
                    name: file.name.clone(),
                    size: (!is_live).then_some(file.size),
                };
                self.leaving.insert(file.etag, leaving);
            }
        }
        self.leaving.retain(|etag, _| !listed.contains_key(etag));
    }

    /// Copies that no list names stay while a connection brings their bytes, and while their files may have moved to a directory
    /// or page that is listed later; those give way to a new file of their name.
    pub(super) fn keep_missing(&mut self, files: &mut Vec<Listed>, now: Moment) {
        self.removal_due = Moment::NEVER;
        let listed = files.iter().map(|file| &file.name);
        let names = listed.chain(self.further.names.keys());
        let names: BTreeMap<Box<[u8]>, usize> =
            names.map(|name| (name.clone(), name.len())).collect();
        let mut missing = SortedMap::new();
        for local in self.tree.locals() {
            if self.listed.contains_key(&local.etag) {
                continue;
            }
            let since = self.missing.get(&local.etag).copied().unwrap_or(now);
            missing.insert(local.etag, since);
            let is_under_way = self.tree.under_way.contains(&local.etag);
            let matters = self.rule.delete || self.leaving.contains_key(&local.etag);
            let travels = matters.then(|| self.travels(since, now)).flatten();
            self.removal_due = self.removal_due.min(travels.unwrap_or(Moment::NEVER));
            if !is_under_way && (travels.is_none() || !self.rule.delete) {
                continue;
            }
            let needed = in_the_way(&names, &local.name).into_iter().min();
            let name = match needed.filter(|_| !is_under_way) {
                Some(needed) => aside(&local.name, needed.min(local.name.len()), local.etag),
                None => local.name,
            };
            files.push(Listed {
                name,
                etag: local.etag,
                size: local.size,
                modified: 0,
                sealed: local.sealed,
            });
        }
        self.missing = missing;
        if self.rule.once && self.removal_due < Moment::NEVER {
            // Nothing else asks for another list.
            self.list_due = self.list_due.min(now + MIRROR_SETTLE);
        }
        self.report_losses(now);
    }

    /// Whether a file that is missing since then may be in a list that is to come; when to look again.
    fn travels(&mut self, since: Moment, now: Moment) -> Option<Moment> {
        let once = self.rule.once;
        let may = match self.rule.subject {
            Subject::File(_) => false,
            Subject::Directory(_) if once => self.rule.delete,
            Subject::Directory(_) => self.rule.recursive || self.catalog.has_pages(),
        };
        let until = if once { since } else { since + MIRROR_TRAVEL };
        let waits = || !self.listing.partial && !self.catalog.is_listed_after(since, !once);
        if !may || now >= until && !waits() {
            return None;
        }
        if once {
            self.catalog.mark_older(since);
        }
        Some(match now < until {
            true => until,
            false => now + CLIENT_LOOK.1,
        })
    }

    /// Says of each file that is gone what is lost of it, when nothing of it can come any more.
    fn report_losses(&mut self, now: Moment) {
        if self.listing.partial {
            return;
        }
        let leaving = std::mem::take(&mut self.leaving);
        for (etag, file) in leaving.iter() {
            let since = self.missing.get(etag).copied();
            let may_come = self.tree.under_way.contains(etag)
                || since.is_some_and(|since| self.travels(since, now).is_some());
            if may_come {
                self.leaving.insert(*etag, file.clone());
                continue;
            }
            let here = self.tree.size(*etag).unwrap_or(0);
            if file.size.is_some_and(|size| size <= here) {
                continue;
            }
            match self.rule.subject {
                Subject::File(_) => self.lose_generation(*etag),
                Subject::Directory(_) => {
                    let name = String::from_utf8_lossy(&file.name);
                    let copy = match self.rule.delete {
                        true => "its copy goes too",
                        false => "its copy stays",
                    };
                    self.reports.push(format!(
                        "{name} is gone: what it had from byte {here} on is lost; {copy}"
                    ));
                }
            }
        }
    }

    /// Of one file: has the name passed on, is a generation gone?
    pub(super) fn follow_generations(&mut self, listing: &Listing, now: Moment) {
        let is_safe = |live: &ETag| {
            // A connection may bring the rest of it.
            listing.all.contains(live)
                || self.tree.under_way.contains(live)
                || self.tree.is_sealed(*live) && self.has_seen_all(listing)
        };
        let gone = self.tree.live.filter(|live| !is_safe(live));
        if let Some(gone) = gone {
            self.listed.remove(&gone);
            self.lose_generation(gone);
            if self.end.is_some() {
                return;
            }
        }
        if self.live != listing.live {
            self.look.reset();
            self.late_until = now + self.rule.late;
        }
        self.live = listing.live;
        self.tree.live = listing.live;
        if !is_same(&self.listing, listing) {
            self.quiet.reset();
        }
        let due = match listing.live {
            None => self.look.begin(now),
            Some(_) if now < self.late_until => now + CLIENT_LOOK.1,
            Some(_) if self.rule.once => Moment::NEVER,
            // A tail tells that its file is rolled. Nothing tells that a sealed one is, or grows again, nor what becomes of the
            // earlier generations.
            Some(_) => self.quiet.begin(now),
        };
        // A tail may have ended since the list was requested.
        self.list_due = self.list_due.min(due);
    }

    /// Whether no generation can have come and passed the name on since the last list, or since the mirror ran last.
    fn has_seen_all(&self, listing: &Listing) -> bool {
        listing.all.iter().all(|etag| {
            listing.live == Some(*etag)
                || self.listing.all.contains(etag)
                || self.tree.size(*etag).is_some()
        })
    }

    /// A generation is gone before all of it was here.
    fn lose_generation(&mut self, gone: ETag) {
        let offset = self.tree.size(gone).unwrap_or(0);
        let lost = format!("generation {gone} is gone: what it had from byte {offset} on is lost");
        match self.rule.on_gap {
            OnGap::Fail => self.end = Some(End::Gap(lost)),
            OnGap::Oldest | OnGap::Latest => self.reports.push(lost),
        }
    }

    /// Removes what has been missing for long enough.
    pub fn remove_missing(&mut self, now: Moment) {
        if self.removal_due <= now {
            self.reconcile(now);
        }
    }
}

/// Whether two lists name the same files in the same state. Of growth a tail tells, unless the file is sealed.
fn is_same(one: &Listing, other: &Listing) -> bool {
    let states = |listing: &Listing| -> Vec<_> {
        let files = listing.files.iter();
        files
            .map(|file| {
                let size = file.sealed.then_some(file.size);
                (file.name.clone(), file.etag, size)
            })
            .collect()
    };
    one.live == other.live && states(one) == states(other)
}
