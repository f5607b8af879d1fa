//! Which files of a directory an event stream follows by patterns, and its places in files that nobody follows now.

use std::rc::Rc;

use super::changelog::Version;
use super::matches::LeftOut;
use crate::http::etag::ETag;
use crate::http::pattern::{self, Pattern};
use crate::http::position::{NameHash, Place, Position, Positions};
use crate::http::query::Start;
use crate::http::sse;
use crate::limits::{EVENT_LATE_MAX, EVENT_PLACE_AWAITED, EVENT_PLACE_MISSED, EVENT_PLACES_MAX};

/// The files that an event stream follows.
#[derive(Debug)]
pub(crate) struct FileSelection {
    pub(super) patterns: Box<[Pattern]>,
    /// Where the stream begins the files that are there at first.
    pub(super) start: Option<Start>,
    /// The places in files that no member follows now.
    places: Vec<Left>,
    /// The version of the last listing.
    version: Version,
    /// Names of files that fit and are not followed, as the last event reported them to the client.
    reported_left_out: Rc<LeftOut>,
    /// Names that the event reported besides: of files that wait until the stream has room for them.
    reported_waiting: Box<[Box<[u8]>]>,
    /// The stream has not begun any file yet.
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
            reported_left_out: Rc::default(),
            reported_waiting: Box::default(),
            fresh: true,
        };
        let positions = positions.map_or_else(Box::default, |positions| positions.0);
        for place in positions.iter().flatten() {
            selection.keep(place.clone());
        }
        selection
    }

    /// Remembers a place in a file that no member follows any more. Of two positions in a file the later one counts.
    pub fn keep(&mut self, place: Place) {
        let etag = place.at.etag;
        let later = self.latest(etag).max_by_key(|at| at.offset);
        let at = later.filter(|later| later.offset > place.at.offset);
        self.take_late(etag);
        // The places of other names in the same file stay: they say where those names go on.
        self.places.retain(|left| {
            let of_name = left.place.name.is_some() && left.place.name != place.name;
            left.place.at.etag != etag || of_name
        });
        if self.places.len() == EVENT_PLACES_MAX {
            self.places.remove(0);
        }
        self.places.push(Left::new(Place {
            at: at.unwrap_or(place.at),
            ..place
        }));
    }

    /// The positions in a file that are remembered.
    fn latest(&self, etag: ETag) -> impl Iterator<Item = Position> {
        let all = self.places.iter();
        let all = all.flat_map(|left| left.place.late.iter().chain([&left.place.at]));
        all.copied().filter(move |at| at.etag == etag)
    }

    /// Forgets the positions in a late file.
    fn take_late(&mut self, etag: ETag) {
        for late in self.places.iter_mut().map(|left| &mut left.place.late) {
            if late.iter().any(|at| at.etag == etag) {
                *late = late.iter().filter(|at| at.etag != etag).copied().collect();
            }
        }
    }

    /// Takes the position in a file that a member follows from now on; if two names have left it, the later one. A name that
    /// was in that file goes on with the file that came after it.
    pub fn take(&mut self, etag: ETag) -> Option<Position> {
        let at = self.latest(etag).max_by_key(|at| at.offset);
        self.take_late(etag);
        let mut nameless = Vec::new();
        for mut left in std::mem::take(&mut self.places) {
            if left.place.at.etag == etag && left.place.name.is_none() {
                nameless.extend(left.place.late.iter().copied().map(Place::from));
            } else {
                left.passed |= left.place.at.etag == etag;
                self.places.push(left);
            }
        }
        nameless.into_iter().for_each(|place| self.keep(place));
        at
    }

    /// Takes the place of a name: in the file that it has, or in one that it had. True if that file has another name now.
    pub(super) fn take_named(
        &mut self,
        name: &[u8],
        tag: Option<ETag>,
        files: &[Named<'_>],
    ) -> Option<(Place, bool)> {
        let hash = Some(NameHash::of(sse::type_of(name).as_bytes()));
        let mut places = self.places.iter();
        let index = places.position(|left| left.place.name == hash)?;
        let Left { place, passed, .. } = self.places.remove(index);
        let etag = place.at.etag;
        let later = self.latest(etag).chain([place.at]);
        let at = later.max_by_key(|at| at.offset).unwrap_or(place.at);
        let is_others = passed || tag != Some(etag) && has(files, etag);
        if !is_others {
            self.take(etag);
        } else if !passed {
            self.keep(at.into());
        }
        Some((Place { at, ..place }, is_others))
    }

    /// Whether a file that loses this name in a numbered series fits again later, but not under the next number.
    pub(super) fn may_fit_again(&self, name: &[u8]) -> bool {
        let dot = name.iter().rposition(|&byte| byte == b'.');
        let series = dot.and_then(|dot| {
            let number = str::from_utf8(&name[dot + 1..]).ok()?.parse::<u32>().ok()?;
            Some((&name[..dot], number))
        });
        let (series, number) = series.unwrap_or((name, 0));
        let fits = |by: u32| {
            let numbered = [series, format!(".{}", number.saturating_add(by)).as_bytes()].concat();
            pattern::mean(&self.patterns, &numbered)
        };
        !fits(1) && (2..=EVENT_LATE_MAX as u32 + 1).any(fits)
    }

    /// Whether the client knows that the stream does not follow a file of this name.
    pub(super) fn was_left_out(&self, name: &[u8]) -> bool {
        self.reported_left_out.has(name)
            || self.reported_waiting.iter().any(|other| **other == *name)
    }

    /// Takes the names of files that fit and are not followed now. Returns what an event must report of them: how many there
    /// are, and some of them. `None`: the client knows them, or there are none.
    pub(super) fn leave_out<'a>(
        &'a mut self,
        left_out: &Rc<LeftOut>,
        waiting: Vec<Box<[u8]>>,
    ) -> Option<(usize, impl Iterator<Item = &'a [u8]>)> {
        let before = (&self.reported_left_out, &*self.reported_waiting);
        let known = is_known(before, (left_out, &waiting));
        self.reported_left_out = Rc::clone(left_out);
        self.reported_waiting = waiting.into();
        let (names, waiting) = (self.reported_left_out.names(), &self.reported_waiting);
        let count = names.len() + waiting.len();
        let names = names.iter().chain(waiting).map(|name| &**name);
        (!known && count > 0).then_some((count, names))
    }

    /// Bytes that it holds of lists which grow with the directory: its share of those that streams have in common.
    pub(super) fn held(&self) -> usize {
        self.reported_left_out.share()
    }

    /// The version of the last listing.
    pub fn version(&self) -> Version {
        self.version
    }

    /// All places that are remembered.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.places.iter().map(|left| left.place.clone())
    }

    /// Takes a listing; forgets places in files that several listings in a row have not had.
    pub(super) fn forget(&mut self, files: &[Named<'_>], version: Version) {
        if std::mem::replace(&mut self.version, version) == version {
            return;
        }
        for left in &mut self.places {
            let awaited = !left.passed && has(files, left.place.at.etag);
            left.missed = if awaited { 0 } else { left.missed + 1 };
        }
        self.places.retain(|left| {
            left.missed
                < match left.place.name {
                    Some(_) => EVENT_PLACE_AWAITED,
                    None => EVENT_PLACE_MISSED,
                }
        });
    }
}

/// A place in a file that no member follows now.
#[derive(Debug)]
struct Left {
    place: Place,
    /// How many listings in a row have not had its file.
    missed: u8,
    /// Another member follows the file: the name goes on with the file that came after it.
    passed: bool,
}

impl Left {
    fn new(place: Place) -> Left {
        Left {
            place,
            missed: 0,
            passed: false,
        }
    }
}

/// A list that streams share, and the names that one of them adds to it.
type Extended<'a> = (&'a Rc<LeftOut>, &'a [Box<[u8]>]);

/// Whether a client that knows the names in the one list knows those in the other.
fn is_known(before: Extended<'_>, now: Extended<'_>) -> bool {
    // Mostly it is the same list.
    if Rc::ptr_eq(before.0, now.0) {
        return before.1 == now.1;
    }
    let before = before.0.names().iter().chain(before.1);
    before.eq(now.0.names().iter().chain(now.1))
}

/// A name, and the tag of the file that has it, if that was identified.
pub(super) type Named<'a> = (&'a [u8], Option<ETag>);

fn has(files: &[Named<'_>], etag: ETag) -> bool {
    files.iter().any(|(_, tag)| *tag == Some(etag))
}
