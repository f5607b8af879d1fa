//! Which files of a directory an event stream follows, and where it was in those that have lost their names.

use super::changelog::Version;
use crate::http::etag::ETag;
use crate::http::pattern::Pattern;
use crate::http::position::{NameHash, Place, Position, Positions};
use crate::http::query::Start;
use crate::http::sse;
use crate::limits::{EVENT_PLACE_AWAITED, EVENT_PLACE_MISSED, EVENT_PLACES_MAX};

/// The files that an event stream follows.
#[derive(Debug)]
pub(crate) struct FileSelection {
    pub(super) patterns: Box<[Pattern]>,
    /// Where those are begun that are there at first.
    pub(super) start: Option<Start>,
    /// Places after what the client has of files that nobody follows now, and how often listings missed these.
    places: Vec<(Place, u8)>,
    /// Of the last listing.
    version: Version,
    /// Names of files that are not followed, as the client knows them.
    pub(super) told: Vec<Box<[u8]>>,
    /// No file has been begun yet.
    pub(super) fresh: bool,
}

impl FileSelection {
    pub(super) fn new(
        patterns: Box<[Pattern]>,
        start: Option<Start>,
        positions: Option<Positions>,
    ) -> FileSelection {
        let mut selection = FileSelection {
            patterns,
            start,
            places: Vec::new(),
            version: Version::default(),
            told: Vec::new(),
            fresh: true,
        };
        let positions = positions.map_or_else(Box::default, |positions| positions.0);
        for place in positions.iter().flatten() {
            selection.keep(place.clone());
        }
        selection
    }

    /// Remembers a place in a file that has lost its name. Files only grow: of two places the later one counts.
    pub fn keep(&mut self, place: Place) {
        let before = self.take(place.at.etag);
        if self.places.len() == EVENT_PLACES_MAX {
            self.places.remove(0);
        }
        let later = before.filter(|before| before.offset > place.at.offset);
        let at = later.unwrap_or(place.at);
        self.places.push((Place { at, ..place }, 0));
    }

    /// The place in a file that somebody follows from now on, the later one if it was left by two names.
    pub fn take(&mut self, etag: ETag) -> Option<Position> {
        let left = self.places.iter_mut().filter_map(|(place, _)| {
            let is_it = |late: &&Position| late.etag == etag;
            let late = *place.late.iter().find(is_it)?;
            place.late = place.late.iter().filter(|it| !is_it(it)).copied().collect();
            Some(late)
        });
        let left = left.max_by_key(|late| late.offset);
        let mut places = self.places.iter();
        let index = places.position(|(place, _)| place.at.etag == etag);
        let place = index.map(|index| self.places.remove(index).0.at);
        left.into_iter().chain(place).max_by_key(|at| at.offset)
    }

    /// The place of a name: in the file that it has, or in one that it had and that has no other name here.
    pub(super) fn take_named(
        &mut self,
        name: &[u8],
        tag: Option<ETag>,
        files: &[Named<'_>],
    ) -> Option<Place> {
        let hash = Some(NameHash::of(sse::type_of(name).as_bytes()));
        let is_others = |etag| tag != Some(etag) && has(files, etag);
        let index = self
            .places
            .iter()
            .position(|(place, _)| place.name == hash && !is_others(place.at.etag))?;
        Some(self.places.remove(index).0)
    }

    /// Whether the client knows that the stream does not follow a file of this name.
    pub(super) fn was_left_out(&self, name: &[u8]) -> bool {
        self.told.iter().any(|told| **told == *name)
    }

    /// Of the last listing.
    pub fn version(&self) -> Version {
        self.version
    }

    /// All that are remembered.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.places.iter().map(|(place, _)| place.clone())
    }

    /// Forgets places in files that have left the directory, or have no name that fits.
    pub(super) fn forget(&mut self, files: &[Named<'_>], version: Version) {
        if std::mem::replace(&mut self.version, version) == version {
            return;
        }
        for (place, missed) in &mut self.places {
            *missed = if has(files, place.at.etag) {
                0
            } else {
                *missed + 1
            };
        }
        self.places.retain(|(place, missed)| {
            *missed
                < match place.name {
                    Some(_) => EVENT_PLACE_AWAITED,
                    None => EVENT_PLACE_MISSED,
                }
        });
    }
}

/// A name, and the file that has it.
pub(super) type Named<'a> = (&'a [u8], Option<ETag>);

fn has(files: &[Named<'_>], etag: ETag) -> bool {
    files.iter().any(|(_, tag)| *tag == Some(etag))
}
