//! Symbolic links in directories that are followed: what happens where they lead happens elsewhere, so that is watched too.

use std::collections::HashMap;
use std::mem;

use super::watcher::Place;
use crate::http::etag::ETag;
use crate::limits::DIRECTORY_LINKS_MAX;
use crate::subscription::entry::Entry;

/// The links of one directory.
#[derive(Default)]
pub struct Links {
    links: HashMap<Box<[u8]>, Link>,
    /// What is watched, and because of how many links.
    places: HashMap<Place, usize>,
    /// The names of those that lead elsewhere than when that was watched.
    moved: Vec<Box<[u8]>>,
}

#[derive(Default)]
struct Link {
    /// The file that it leads to now.
    tag: Option<ETag>,
    /// What is watched: the file, and the entries on the way to it.
    places: Vec<Place>,
    /// It leads elsewhere than when that was watched.
    moved: bool,
    /// It is no link any more.
    gone: bool,
}

impl Links {
    /// A name was looked at. `link`: it is a symbolic link.
    pub fn note(&mut self, name: &[u8], link: bool, entry: Option<&Entry>) {
        let known = self.links.contains_key(name);
        if !known && (!link || self.links.len() >= DIRECTORY_LINKS_MAX) {
            return;
        }
        let tag = entry.and_then(Entry::tag);
        let known = self.links.entry(name.into()).or_default();
        // One that leads nowhere may soon lead somewhere else.
        let moved = known.places.is_empty() || known.tag != tag || tag.is_none() || !link;
        (known.tag, known.gone) = (tag, !link);
        if moved && !mem::replace(&mut known.moved, true) {
            self.moved.push(name.into());
        }
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = Box<[u8]>> {
        self.links.keys().cloned()
    }

    /// Whether something is watched because of one of them.
    pub(super) fn watch(&self, place: &Place) -> bool {
        self.places.contains_key(place)
    }

    /// All that is watched.
    pub(super) fn into_places(self) -> impl Iterator<Item = Place> {
        self.places.into_keys()
    }

    /// Whether some of them lead elsewhere than when that was watched.
    pub(super) fn any_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// The name of one that leads elsewhere than when that was watched.
    pub fn next_moved(&mut self) -> Option<Box<[u8]>> {
        let name = self.moved.pop()?;
        if let Some(link) = self.links.get_mut(&name) {
            link.moved = false;
        }
        Some(name)
    }

    /// Whether because of this one these places, and no others, are watched.
    pub fn is_placed(&self, name: &[u8], places: &[Place]) -> bool {
        let link = self.links.get(name);
        link.is_some_and(|link| link.places == places)
    }

    /// Because of this one these places are watched now, each of them once; returns those that are not needed any more.
    pub fn place(&mut self, name: &[u8], places: Vec<Place>) -> Vec<Place> {
        let Some(link) = self.links.get_mut(name) else {
            return places;
        };
        let mut former = mem::take(&mut link.places);
        for place in &places {
            *self.places.entry(place.clone()).or_default() += 1;
        }
        if link.gone {
            former.extend(places);
            self.links.remove(name);
        } else {
            link.places = places;
        }
        former.retain(|place| self.give_up(place));
        former
    }

    /// One link needs this place no more. True: none does.
    fn give_up(&mut self, place: &Place) -> bool {
        let Some(count) = self.places.get_mut(place) else {
            return true;
        };
        *count -= 1;
        let unused = *count == 0;
        if unused {
            self.places.remove(place);
        }
        unused
    }
}
