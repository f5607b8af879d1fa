//! The names that an event stream follows, and the directory that says which they are, if one does.

use super::directory::{Directory, Purpose};
use super::file_set;
use super::followed::Followed;
use super::name_follower::NameFollower;
use crate::action::Action;
use crate::http::position::{Place, Position, Positions};
use crate::limits::EVENT_PLACES_MAX;

/// All that a stream follows, if it is not one file that rests.
#[derive(Debug)]
pub(super) struct Names<F> {
    pub members: Vec<NameFollower<F>>,
    /// Boxed, as most streams have none.
    pub directory: Option<Box<Directory>>,
    /// The index of the member whose turn is next.
    pub first: usize,
}

impl<F> Names<F> {
    /// The member that needs something, and gets the next report. `ending`: members begin no other files.
    pub(super) fn current(&self, ending: bool) -> Option<usize> {
        let count = self.members.len();
        let mut order = (self.first..count).chain(0..self.first.min(count));
        order.find(|&member| match self.members[member].action(member) {
            None => false,
            Some(Action::Follow(_)) => !ending,
            Some(_) => true,
        })
    }

    /// Decides whether the current member begins the file that was found, and from which position. By a pattern it does if the
    /// listing has the file under that name, and no other member reads it. `passed`: the position in the former file of the
    /// name, which has another name now.
    pub(super) fn begin(
        &mut self,
        current: usize,
        found: Followed<F>,
        passed: Option<Position>,
    ) -> (Followed<F>, Option<Position>) {
        let Some(directory) = self.directory.as_deref_mut() else {
            return (found, None);
        };
        let Purpose::Files(selection) = &mut directory.purpose else {
            return (found, None);
        };
        passed
            .into_iter()
            .for_each(|place| selection.keep(place.into()));
        let Followed::File { info, named, .. } = &found else {
            return (found, None);
        };
        let (tag, member) = (Some(info.etag), &self.members[current]);
        let reads = |member: &NameFollower<F>| member.etag() == tag && member.file().is_some();
        let (before, behind) = self.members.split_at(current);
        let is_read = before.iter().chain(&behind[1..]).any(reads);
        // A generation has no name that fits, so no listing says anything of it.
        if *named && !member.accepts(info.etag) || is_read {
            // A further name of a followed file is no reason for another listing.
            directory.again = !self.members.iter().any(|member| member.etag() == tag);
            return (Followed::Unknown, None);
        }
        // Including its own position, if a file comes back to its former name.
        let none = self.members.len();
        file_set::hand_over_late(&mut self.members, none, info.etag, selection);
        let member = &self.members[current];
        let place = selection.take(info.etag);
        let left = member.leaves_for(info.etag);
        left.into_iter()
            .for_each(|left| selection.keep(left.into()));
        (found, place)
    }

    /// What an `id` has before and after the place of a member.
    pub(super) fn other_places(&self, member: usize) -> (String, String) {
        let (before, behind) = self.members.split_at(member);
        let behind = behind.iter().skip(1).map(NameFollower::place);
        let before = before.iter().map(NameFollower::place);
        let selection = self
            .directory
            .as_ref()
            .and_then(|directory| directory.selection());
        // By patterns a place is known by its tag: it needs no order, and there is none without a file.
        let counts = |place: &Option<Place>| selection.is_none() || place.is_some();
        let lost = selection
            .into_iter()
            .flat_map(|selection| selection.places())
            .map(Some);
        let before: Box<[_]> = before.filter(counts).collect();
        let room = EVENT_PLACES_MAX - 1 - before.len();
        let behind = behind.filter(counts).chain(lost).take(room).collect();
        let [mut before, mut behind] = [before, behind].map(|places| Positions(places).to_string());
        if !before.is_empty() {
            before.push(',');
        }
        if !behind.is_empty() {
            behind.insert(0, ',');
        }
        (before, behind)
    }
}
