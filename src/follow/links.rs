//! Symbolic links in directories that are followed: what happens where they lead happens elsewhere, so that is watched too.

use std::collections::HashMap;
use std::mem;

use super::watcher::Place;
use crate::http::etag::ETag;
use crate::limits::DIRECTORY_LINKS_MAX;
use crate::subscription::entry::Entry;

/// The links of one directory.
#[derive(Default)]
pub(crate) struct Links(HashMap<Box<[u8]>, Link>);

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
    /// A name was looked at.
    pub(super) fn note(&mut self, name: &[u8], link: bool, entry: Option<&Entry>) {
        let known = self.0.contains_key(name);
        if !known && (!link || self.0.len() >= DIRECTORY_LINKS_MAX) {
            return;
        }
        let tag = entry.and_then(Entry::tag);
        let known = self.0.entry(name.into()).or_default();
        // One that leads nowhere may soon lead somewhere else.
        known.moved |= known.places.is_empty() || known.tag != tag || tag.is_none() || !link;
        (known.tag, known.gone) = (tag, !link);
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = Box<[u8]>> {
        self.0.keys().cloned()
    }

    /// Whether something is watched because of one of them.
    pub(super) fn watch(&self, place: &Place) -> bool {
        self.0.values().any(|link| link.places.contains(place))
    }

    /// All that is watched.
    pub(super) fn into_places(self) -> impl Iterator<Item = Place> {
        self.0.into_values().flat_map(|link| link.places)
    }

    /// The names of those that lead elsewhere than when that was watched.
    pub(super) fn moved(&mut self) -> Vec<Box<[u8]>> {
        let moved = self
            .0
            .iter_mut()
            .filter_map(|(name, link)| mem::take(&mut link.moved).then(|| name.clone()));
        moved.collect()
    }

    /// Because of this one these places are watched now; returns those that are not needed any more.
    pub(super) fn place(&mut self, name: &[u8], places: Vec<Place>) -> Vec<Place> {
        let Some(link) = self.0.get_mut(name) else {
            return places;
        };
        let mut former = mem::replace(&mut link.places, places);
        if link.gone {
            former.append(&mut link.places);
            self.0.remove(name);
        }
        former.retain(|place| !self.watch(place));
        former
    }
}
