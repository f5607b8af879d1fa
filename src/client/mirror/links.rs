//! Copies with several names, as their files have them at the origin: hard links of one file. Pure.
//!
//! One name of each counts: it is the one that [`super::stage`] and [`super::plan`] move. The others follow when the copy is
//! where it is to be; a copy never loses the name that counts to them.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::{Plan, State, Step};
use super::room::names_in_the_way;
use crate::http::conditional::ETag;
use crate::store::generations::family::bases;

impl Plan<'_> {
    pub(super) fn find_gained(&mut self) {
        let mut gained = BTreeMap::<ETag, Vec<Box<[u8]>>>::new();
        for (name, known) in self.links.further.iter() {
            let has = |etag| self.further.get(name) == Some(&etag);
            match known.state {
                State::Wanted if !has(known.etag) => {
                    gained.entry(known.etag).or_default().push(name.clone());
                }
                State::Unsure => drop(self.unsure.insert(known.etag)),
                State::Wanted | State::LeftOut(_) => {}
            }
        }
        self.gained = gained;
    }

    /// Copies give up their further names that have no room beside this one. False if one of them stays.
    pub(super) fn further_give_way(&mut self, name: &[u8]) -> bool {
        let further = names_in_the_way(&self.further, name).into_iter();
        let further: Vec<Box<[u8]>> = further.map(Box::from).collect();
        further.into_iter().all(|name| {
            let holder = self.further.get(&name).copied();
            holder.is_none_or(|holder| self.give_way(holder, &name))
        })
    }

    /// Whether there is room for a name beside those of all copies.
    pub(super) fn is_unused(&self, name: &[u8]) -> bool {
        [&self.places, &self.further]
            .iter()
            .all(|names| names_in_the_way(names, name).is_empty())
    }

    /// A copy gives up a further name that another one is to have, if its reader under this name loses nothing. True if it is
    /// free then.
    fn give_way(&mut self, holder: ETag, name: &[u8]) -> bool {
        let gives_way = match self.links.chosen.get(&holder) {
            Some(_) => self.may_lose(holder, name),
            // Bytes of it may still come.
            None => !self.wanted.contains_key(&holder),
        };
        if gives_way {
            self.lose(holder, name);
        }
        gives_way
    }

    /// Whether a copy is to have a further name no more: when all of it is here, and it is known which ones it gets instead.
    fn may_lose(&self, etag: ETag, name: &[u8]) -> bool {
        let size = self.locals.get(&etag).map(|local| local.size);
        let listed = self.links.chosen.get(&etag).map(|file| file.size);
        self.links.has_lost(etag, name) && size >= listed && !self.unsure.contains(&etag)
    }

    /// Takes a further name from a copy: if it has got another one at the origin, it is renamed to that.
    fn lose(&mut self, etag: ETag, name: &[u8]) {
        let gained = self.gained.get(&etag).into_iter().flatten();
        let free = |to: &&[u8]| self.is_unused(to) && !(self.foreign)(to);
        let of_this = |to: &&[u8]| !is_generation(to, name);
        let free = gained.map(|to| &**to).filter(free);
        let to = free.min_by_key(of_this).map(Box::<[u8]>::from);
        self.further.remove(name);
        if let Some(local) = self.locals.get_mut(&etag) {
            local.further.retain(|other| **other != *name);
        }
        let Some(to) = to else {
            self.steps.push(Step::Unlink(etag, name.into()));
            return;
        };
        self.has_further(etag, &to);
        self.steps.push(Step::Relink(etag, name.into(), to));
    }

    fn has_further(&mut self, etag: ETag, name: &[u8]) {
        self.further.insert(name.into(), etag);
        if let Some(local) = self.locals.get_mut(&etag) {
            local.further.push(name.into());
        }
        if let Some(gained) = self.gained.get_mut(&etag) {
            gained.retain(|other| **other != *name);
        }
    }

    /// Gives the copies their further names, and takes those that they are to have no more. A list that may lack files takes
    /// none.
    pub(super) fn links(&mut self) {
        for (etag, names) in self.gained.clone() {
            for name in names {
                let local = self.locals.get(&etag);
                let has = |etag| self.further.get(&name) == Some(&etag);
                if local.is_none_or(|local| local.name == name) || has(etag) {
                    continue;
                }
                // What it has lost may be renamed to this one.
                let room = self.make_room(&name);
                if !room || self.is_refused(&name) {
                    continue;
                }
                match self.lost_to(etag, &name) {
                    Some(from) => self.lose(etag, &from),
                    None => {
                        self.has_further(etag, &name);
                        self.steps.push(Step::Link(etag, name));
                    }
                }
            }
        }
        if self.rules.partial {
            return;
        }
        let held: Vec<(Box<[u8]>, ETag)> = self
            .further
            .iter()
            .filter(|(name, etag)| self.may_lose(**etag, name))
            .map(|(name, etag)| (name.clone(), *etag))
            .collect();
        if held.is_empty() {
            return;
        }
        // Another file gets such a name at once, or later.
        let chosen = self.links.chosen.values();
        let named: BTreeSet<&[u8]> = chosen.map(|file| &*file.name).collect();
        for (name, etag) in held {
            if !named.contains(&*name) && !self.links.further.contains_key(&name) {
                self.lose(etag, &name);
            }
        }
    }

    /// A further name that a copy is to have no more, and that may become this one.
    fn lost_to(&self, etag: ETag, name: &[u8]) -> Option<Box<[u8]>> {
        let local = self.locals.get(&etag)?;
        let lost = local.further.iter();
        let lost = lost.filter(|lost| !self.rules.partial && self.may_lose(etag, lost));
        lost.min_by_key(|lost| !is_generation(name, lost)).cloned()
    }
}

/// Whether a name is one of an earlier generation of a log.
pub(super) fn is_generation(name: &[u8], log: &[u8]) -> bool {
    bases(name).any(|base| *base == *log)
}
