//! What a mirror does so that its names become those of the origin: pure, from two lists of files. Files are the same by tag:
//! what was renamed there is renamed here.

use std::collections::BTreeMap;

use crate::http::conditional::ETag;
use crate::sorted::{SortedMap, SortedSet};

/// A file of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, relative to the directory of the mirror.
    pub name: Box<[u8]>,
    /// Which file.
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// It is complete.
    pub sealed: bool,
}

/// A file of the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name.
    pub name: Box<[u8]>,
    /// Of which file it is a copy.
    pub etag: ETag,
    /// Bytes that it has.
    pub size: u64,
    /// Nobody may write it.
    pub sealed: bool,
}

/// A file that no list names any more, although not all of it was here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// The name that it had.
    pub name: Box<[u8]>,
    /// Bytes that it had; `None`: nobody knows how many came at its end.
    pub size: Option<u64>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give a copy another name, which no file has.
    Rename(ETag, Box<[u8]>),
    /// Remove a copy of what the origin has removed.
    Remove(ETag),
    /// Make an empty copy, of a name that no file has.
    Create(ETag, Box<[u8]>),
    /// Make a copy one that nobody may write, or one that the owner may.
    Seal(ETag, bool),
    /// A file that the mirror has not made has this name.
    Refuse(Box<[u8]>),
}

/// How to plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Remove what the origin has removed.
    pub delete: bool,
    /// The list may lack files.
    pub partial: bool,
}

struct Plan<'a> {
    wanted: SortedMap<ETag, Listed>,
    locals: SortedMap<ETag, Local>,
    /// Which copy has which name.
    places: BTreeMap<Box<[u8]>, ETag>,
    foreign: &'a dyn Fn(&[u8]) -> bool,
    rules: Rules,
    refused: SortedSet<Box<[u8]>>,
    steps: Vec<Step>,
}

/// The steps, in an order in which each is possible. A copy moves when it is complete: its reader here must not lose what its
/// reader there has got. `foreign`: whether there is a file of this name that is no copy.
#[must_use]
pub fn plan(
    listed: &[Listed],
    locals: &[Local],
    foreign: &dyn Fn(&[u8]) -> bool,
    rules: Rules,
) -> Vec<Step> {
    let mut plan = Plan {
        wanted: one_name_each(listed, locals),
        locals: locals
            .iter()
            .map(|local| (local.etag, local.clone()))
            .collect(),
        places: locals
            .iter()
            .map(|local| (local.name.clone(), local.etag))
            .collect(),
        foreign,
        rules,
        refused: SortedSet::new(),
        steps: Vec::new(),
    };
    plan.moves();
    plan.creates();
    plan.removes();
    plan.seals();
    let Plan {
        mut steps, refused, ..
    } = plan;
    steps.extend(refused.into_iter().map(Step::Refuse));
    steps
}

/// One name for each file: of several (links), the one that its copy has, else the one that is least deep, else the first in
/// order.
#[must_use]
pub fn one_name_each(listed: &[Listed], locals: &[Local]) -> SortedMap<ETag, Listed> {
    let copies: SortedMap<ETag, &[u8]> = locals
        .iter()
        .map(|local| (local.etag, &*local.name))
        .collect();
    let rank = |file: &Listed| {
        let has = copies.get(&file.etag) == Some(&&*file.name);
        let depth = file.name.iter().filter(|&&byte| byte == b'/').count();
        (!has, depth)
    };
    let mut ordered: Vec<&Listed> = listed.iter().collect();
    ordered.sort_by(|one, other| {
        let of_files = one.etag.cmp(&other.etag);
        let of_names = of_files.then_with(|| rank(one).cmp(&rank(other)));
        of_names.then_with(|| one.name.cmp(&other.name))
    });
    ordered.dedup_by_key(|file| file.etag);
    let named = |file: &Listed| (file.etag, file.clone());
    ordered.into_iter().map(named).collect()
}

/// The names that are left out because their files have other ones, and those.
#[must_use]
pub fn further_names<'a>(
    listed: &'a [Listed],
    chosen: &'a SortedMap<ETag, Listed>,
) -> SortedMap<Box<[u8]>, &'a [u8]> {
    let further = listed.iter().filter_map(|file| {
        let name = &*chosen.get(&file.etag)?.name;
        (*file.name != *name).then(|| (file.name.clone(), name))
    });
    further.collect()
}

/// The name of a copy that gives way to another one.
#[must_use]
pub fn aside(name: &[u8], etag: ETag) -> Box<[u8]> {
    [name, format!(".{:016x}", etag.0).as_bytes()]
        .concat()
        .into()
}

/// The hidden name of a copy that is between two names.
#[must_use]
pub fn moving_name(etag: ETag) -> String {
    format!(".openrange-moving-{:016x}", etag.0)
}

impl Plan<'_> {
    /// The name that a copy is to get, if it may move now.
    fn target(&self, etag: ETag) -> Option<&[u8]> {
        let (local, listed) = (self.locals.get(&etag)?, self.wanted.get(&etag)?);
        let moves = local.name != listed.name && local.size >= listed.size;
        (moves && !self.refused.contains(&listed.name)).then_some(&listed.name)
    }

    fn moves(&mut self) {
        loop {
            let movable: Vec<ETag> = self
                .locals
                .keys()
                .copied()
                .filter(|&etag| self.target(etag).is_some())
                .collect();
            let before = (self.steps.len(), self.refused.len());
            for &etag in &movable {
                let Some(target) = self.target(etag).map(Box::<[u8]>::from) else {
                    continue;
                };
                if self.make_room(&target) {
                    self.rename(etag, target);
                }
            }
            if (self.steps.len(), self.refused.len()) != before {
                continue;
            }
            // Whatever is left waits for another one: for one that is not complete, or in a circle.
            let Some(etag) = movable.into_iter().find(|&etag| self.is_in_circle(etag)) else {
                return;
            };
            self.rename(etag, moving_name(etag).into_bytes().into());
        }
    }

    fn is_in_circle(&self, start: ETag) -> bool {
        let mut etag = start;
        for _ in 0..=self.locals.len() {
            let Some(next) = self.target(etag).and_then(|target| self.places.get(target)) else {
                return false;
            };
            if *next == start {
                return true;
            }
            etag = *next;
        }
        false
    }

    /// Whether a name is free, or is now. A copy of what is no longer at the origin gives way.
    fn make_room(&mut self, name: &[u8]) -> bool {
        match self.places.get(name).copied() {
            None if (self.foreign)(name) => {
                self.refused.insert(name.into());
                false
            }
            None => true,
            Some(holder) if self.wanted.contains_key(&holder) => false,
            // Perhaps it is only not listed.
            Some(_) if self.rules.partial => false,
            Some(holder) if self.rules.delete => {
                self.remove(holder);
                true
            }
            Some(holder) => {
                let aside = aside(name, holder);
                let free = !self.places.contains_key(&*aside) && !(self.foreign)(&aside);
                if free {
                    self.rename(holder, aside);
                }
                free
            }
        }
    }

    fn rename(&mut self, etag: ETag, name: Box<[u8]>) {
        if let Some(local) = self.locals.get_mut(&etag) {
            self.places.remove(&local.name);
            self.places.insert(name.clone(), etag);
            local.name.clone_from(&name);
            self.steps.push(Step::Rename(etag, name));
        }
    }

    fn remove(&mut self, etag: ETag) {
        if let Some(local) = self.locals.remove(&etag) {
            self.places.remove(&local.name);
            self.steps.push(Step::Remove(etag));
        }
    }

    fn creates(&mut self) {
        let missing: Vec<Listed> = self
            .wanted
            .values()
            .filter(|listed| !self.locals.contains_key(&listed.etag))
            .cloned()
            .collect();
        for listed in missing {
            if self.make_room(&listed.name) {
                self.places.insert(listed.name.clone(), listed.etag);
                self.steps
                    .push(Step::Create(listed.etag, listed.name.clone()));
            }
        }
    }

    fn removes(&mut self) {
        if !self.rules.delete || self.rules.partial {
            return;
        }
        let gone = self
            .locals
            .keys()
            .copied()
            .filter(|etag| !self.wanted.contains_key(etag));
        for etag in gone.collect::<Vec<_>>() {
            self.remove(etag);
        }
    }

    /// A copy is sealed while all of a sealed file is here: one that lacks bytes must be writable.
    fn seals(&mut self) {
        for (etag, local) in &self.locals {
            if let Some(listed) = self.wanted.get(etag) {
                let seal = listed.sealed && local.size >= listed.size;
                if seal != local.sealed {
                    self.steps.push(Step::Seal(*etag, seal));
                }
            }
        }
    }
}
