//! What a mirror does so that its names become those of the origin: pure, from two lists of files. Files are the same by tag:
//! what was renamed there is renamed here.

use std::collections::{BTreeMap, BTreeSet};

use super::room::in_the_way;
use crate::http::conditional::ETag;
use crate::sorted::{SortedMap, SortedSet, sort_by};
use crate::time::Moment;

/// A file of the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, relative to the directory of the mirror.
    pub name: Box<[u8]>,
    /// Which file.
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// The second of the last write, since 1970.
    pub modified: u64,
    /// It is complete.
    pub sealed: bool,
}

/// A file of the mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Its name.
    pub name: Box<[u8]>,
    /// Others that it has (hard links).
    pub further: Vec<Box<[u8]>>,
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
    /// Give a copy one more name, which no file has.
    Link(ETag, Box<[u8]>),
    /// Take a further name from a copy.
    Unlink(ETag, Box<[u8]>),
    /// Give a copy another name instead of that further one.
    Relink(ETag, Box<[u8]>, Box<[u8]>),
    /// Remove a copy of what the origin has removed, with all of its names.
    Remove(ETag),
    /// Make an empty copy, of a name that no file has.
    Create(ETag, Box<[u8]>),
    /// Make a copy one that nobody may write, or one that the owner may.
    Seal(ETag, bool),
    /// There is no place for this name: a file that the mirror has not made is there, below it, or where its directories are
    /// to be.
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

/// A further name of a file in the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Of which file.
    pub etag: ETag,
    /// The lists name it since then.
    pub since: Moment,
    /// What becomes of it.
    pub state: State,
}

/// What becomes of a further name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Lists that came at different moments named it: perhaps the file has moved meanwhile.
    Unsure,
    /// Its copy gets it.
    Wanted,
    /// Its copy cannot have it. `true`: that was said.
    LeftOut(bool),
}

/// What the lists say of files with several names.
#[derive(Clone, Copy)]
pub struct Links<'a> {
    /// The name that counts of each file.
    pub chosen: &'a SortedMap<ETag, Listed>,
    /// The others.
    pub further: &'a SortedMap<Box<[u8]>, Known>,
}

impl Links<'_> {
    /// Whether the lists have this file, but not under this name.
    #[must_use]
    pub fn has_lost(&self, etag: ETag, name: &[u8]) -> bool {
        let other = |file: &Listed| *file.name != *name;
        self.chosen.get(&etag).is_some_and(other)
            && self
                .further
                .get(name)
                .is_none_or(|known| known.etag != etag)
    }
}

/// The plan as far as it is made.
pub(super) struct Plan<'a> {
    pub(super) wanted: SortedMap<ETag, Listed>,
    pub(super) locals: SortedMap<ETag, Local>,
    /// Which copy has which name.
    pub(super) places: BTreeMap<Box<[u8]>, ETag>,
    /// Which one has it as a further name.
    pub(super) further: BTreeMap<Box<[u8]>, ETag>,
    /// Names that copies are to get besides those that they have.
    pub(super) gained: BTreeMap<ETag, Vec<Box<[u8]>>>,
    /// Files of which it is not yet sure which names they have.
    pub(super) unsure: BTreeSet<ETag>,
    pub(super) links: &'a Links<'a>,
    pub(super) foreign: &'a dyn Fn(&[u8]) -> bool,
    pub(super) rules: Rules,
    refused: SortedSet<Box<[u8]>>,
    pub(super) steps: Vec<Step>,
}

/// The steps, in an order in which each is possible. A copy moves when it is complete: its reader here must not lose what its
/// reader there has got. `foreign`: whether something that is no copy is in the way of this name.
#[must_use]
pub fn plan(
    listed: &[Listed],
    locals: &[Local],
    links: &Links<'_>,
    foreign: &dyn Fn(&[u8]) -> bool,
    rules: Rules,
) -> Vec<Step> {
    let further = locals.iter().flat_map(|local| {
        let names = local.further.iter();
        names.map(|name| (name.clone(), local.etag))
    });
    let mut plan = Plan {
        wanted: one_name_each(listed, locals, foreign),
        locals: locals
            .iter()
            .map(|local| (local.etag, local.clone()))
            .collect(),
        places: locals
            .iter()
            .map(|local| (local.name.clone(), local.etag))
            .collect(),
        further: further.collect(),
        gained: BTreeMap::new(),
        unsure: BTreeSet::new(),
        links,
        foreign,
        rules,
        refused: SortedSet::new(),
        steps: Vec::new(),
    };
    plan.find_gained();
    plan.moves();
    plan.creates();
    plan.links();
    plan.removes();
    plan.seals();
    let Plan {
        mut steps, refused, ..
    } = plan;
    steps.extend(refused.into_iter().map(Step::Refuse));
    steps
}

/// The name that counts of each file: of several (links), one that is free or its copy's, that of the copy before its further
/// ones; else the one that is least deep, the shortest (a log before its earlier generations), the first in order.
#[must_use]
pub fn one_name_each(
    listed: &[Listed],
    locals: &[Local],
    foreign: &dyn Fn(&[u8]) -> bool,
) -> SortedMap<ETag, Listed> {
    let copies: SortedMap<ETag, &Local> = locals.iter().map(|local| (local.etag, local)).collect();
    let rank = |file: &&Listed| {
        let has = copies.get(&file.etag).map_or(2, |copy| match () {
            () if copy.name == file.name => 0,
            () if copy.further.contains(&file.name) => 1,
            () => 2,
        });
        let depth = file.name.iter().filter(|&&byte| byte == b'/').count();
        let order = (depth, file.name.len(), file.name.clone());
        (foreign(&file.name), has, order)
    };
    let mut ordered: Vec<&Listed> = listed.iter().collect();
    sort_by(&mut ordered, |one, other| one.etag.cmp(&other.etag));
    let chosen = ordered.chunk_by(|one, other| one.etag == other.etag);
    let chosen = chosen.filter_map(|names| match names {
        [name] => Some(*name),
        names => names.iter().copied().min_by_key(rank),
    });
    let named = |file: &Listed| (file.etag, file.clone());
    chosen.map(named).collect()
}

/// The names of files besides those that count.
#[must_use]
pub fn further_names(
    listed: &[Listed],
    chosen: &SortedMap<ETag, Listed>,
) -> SortedMap<Box<[u8]>, ETag> {
    let further = listed.iter().filter_map(|file| {
        let name = &chosen.get(&file.etag)?.name;
        (file.name != *name).then(|| (file.name.clone(), file.etag))
    });
    further.collect()
}

/// The name of a copy that gives way to another one: the tag comes behind that many bytes, which the other one needs.
#[must_use]
pub fn aside(name: &[u8], needed: usize, etag: ETag) -> Box<[u8]> {
    let (needed, rest) = name.split_at(needed);
    [needed, format!(".{:016x}", etag.0).as_bytes(), rest]
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

    /// Whether a copy is in its own way, or in that of others that are in its way, and each of them could move.
    fn is_in_circle(&self, start: ETag) -> bool {
        let (mut reached, mut pending) = (SortedSet::new(), vec![start]);
        while let Some(etag) = pending.pop() {
            let Some(target) = self.target(etag) else {
                if self.stays(etag) {
                    return false;
                }
                continue;
            };
            let others = in_the_way(&self.places, target).into_iter();
            pending.extend(others.filter(|other| reached.insert(*other)));
        }
        reached.contains(&start)
    }

    /// Whether a copy does not give way; one may be only not listed.
    fn stays(&self, etag: ETag) -> bool {
        self.wanted.contains_key(&etag) || self.rules.partial
    }

    /// Whether a name is free, or is now. Copies of what is no longer at the origin give way.
    pub(super) fn make_room(&mut self, name: &[u8]) -> bool {
        if (self.foreign)(name) {
            self.refused.insert(name.into());
            return false;
        }
        let holders = in_the_way(&self.places, name);
        if holders.iter().any(|holder| self.stays(*holder)) || !self.further_give_way(name) {
            return false;
        }
        if self.rules.delete {
            holders.into_iter().for_each(|holder| self.remove(holder));
            return true;
        }
        let Some(names) = self.names_aside(name, &holders) else {
            return false;
        };
        for (holder, aside) in holders.into_iter().zip(names) {
            self.rename(holder, aside);
        }
        true
    }

    /// The names of copies that give way to this one; `None`: they are taken. What was in one directory stays together.
    fn names_aside(&self, name: &[u8], holders: &[ETag]) -> Option<Vec<Box<[u8]>>> {
        let first = *holders.iter().min().unwrap_or(&ETag(0));
        let is_free = |aside: &[u8]| self.is_unused(aside) && !(self.foreign)(aside);
        let aside = |holder: &ETag| {
            let old = &self.locals.get(holder)?.name;
            let mut names = [first, *holder]
                .into_iter()
                .map(|tag| aside(old, old.len().min(name.len()), tag));
            names.find(|aside| is_free(aside))
        };
        holders.iter().map(aside).collect()
    }

    pub(super) fn is_refused(&self, name: &[u8]) -> bool {
        self.refused.contains(name)
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
            for name in &local.further {
                self.further.remove(name);
            }
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
