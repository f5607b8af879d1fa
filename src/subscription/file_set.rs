//! The files of a directory that one event stream follows: by their names, or by patterns.
//!
//! By a pattern a stream follows a file under any name that fits, and several files may change names at the same time. So the
//! listing of the directory decides which file has which name. A member begins the file to which its name leads only if the
//! listing agrees, and goes on where the stream was in that file under its former name.

use std::collections::HashMap;

use arrayvec::ArrayVec;

use super::directory::{Directory, Purpose};
use super::matches::Matches;
use super::name_follower::NameFollower;
use super::selection::{FileSelection, Named};
use crate::http::conditional::ETag;
use crate::http::pattern::Pattern;
use crate::http::position::{Place, Position, Positions};
use crate::http::query::Start;
use crate::http::sse;
use crate::http::target::Path;
use crate::limits::EVENT_FILES_MAX;

/// What follows these files of a directory: members with their names, or, for patterns, the directory where they are found.
pub(crate) fn follow<F>(
    path: &Path,
    patterns: Box<[Pattern]>,
    start: Option<Start>,
    positions: Option<Positions>,
) -> (Vec<NameFollower<F>>, Option<Directory>) {
    let start = start.filter(|_| positions.is_none());
    let names: Option<Vec<&[u8]>> = patterns.iter().map(Pattern::name).collect();
    let Some(names) = names else {
        let purpose = Purpose::Files(FileSelection::new(patterns, start, positions));
        return (Vec::new(), Some(Directory::new(path.clone(), purpose)));
    };
    // Positions of a list of another length belong to other files.
    let positions = positions.filter(|positions| positions.0.len() == names.len());
    let place = |index: usize| positions.as_ref()?.0[index].as_ref();
    let members = names.iter().enumerate();
    let members = members.map(|(index, name)| {
        let place = place(index);
        let late = place.map_or(&[][..], |place| &place.late);
        seek(path, name, place.map(|place| place.at), start).with_late(late)
    });
    (members.collect(), None)
}

fn seek<F>(
    directory: &Path,
    name: &[u8],
    at: Option<Position>,
    start: Option<Start>,
) -> NameFollower<F> {
    NameFollower::sought(directory.entry(name), sse::type_of(name), at, start)
}

/// The same from the former place of the name on. `true`: the file of that place has another name now, so the member begins
/// with the file that came after it.
fn seek_at<F>(
    directory: &Path,
    name: &[u8],
    place: Option<(Place, bool)>,
    start: Option<Start>,
) -> NameFollower<F> {
    match place {
        Some((Place { at, late, .. }, true)) => {
            let member = seek(directory, name, None, None);
            member.behind(at).with_late(&late)
        }
        Some((Place { at, late, .. }, false)) => {
            seek(directory, name, Some(at), start).with_late(&late)
        }
        None => seek(directory, name, None, start),
    }
}

/// Assigns the files that fit to members, by the names that they have in this listing.
pub(crate) fn assign<F>(
    members: &mut Vec<NameFollower<F>>,
    directory: &Path,
    selection: &mut FileSelection,
    matches: &Matches,
    out: &mut Vec<u8>,
) {
    let fitting: Vec<Named<'_>> = matches.files().collect();
    let files = once(&fitting, members, directory);
    for index in 0..members.len() {
        if has_passed_on(members, index, &files, directory) {
            let place = members[index].pass_on();
            place
                .into_iter()
                .for_each(|place| selection.keep(place.into()));
        }
    }
    hand_over_all_late(members, &files, directory, selection);
    for member in members.iter_mut() {
        let name = member.name_in(directory);
        let file = files.iter().find(|(other, _)| *other == name);
        member.listed(file.and_then(|(_, tag)| *tag));
    }
    let first = std::mem::replace(&mut selection.fresh, false);
    let mut waiting = Vec::new();
    for (name, tag) in &files {
        if members
            .iter()
            .any(|member| member.name_in(directory) == *name)
        {
            continue;
        }
        let start = begins_at(selection, name, first);
        let place = selection.take_named(name, *tag, &files);
        let mut member = seek_at(directory, name, place, start);
        if selection.may_fit_again(name) {
            member.remember_late();
        }
        member.listed(*tag);
        if members.len() < EVENT_FILES_MAX {
            members.push(member);
        } else if let Some(index) = dispensable(members, matches, directory) {
            // If the stream follows it again, it goes on from there.
            let place = members[index].place();
            place.into_iter().for_each(|place| selection.keep(place));
            members[index] = member;
        } else {
            // It waits until the client knows that another file is gone and makes room.
            let place = member.place();
            place.into_iter().for_each(|place| selection.keep(place));
            waiting.extend(selection.was_left_out(name).then(|| Box::from(*name)));
        }
    }
    // Including those that new members have brought.
    hand_over_all_late(members, &files, directory, selection);
    if let Some((count, names)) = selection.leave_out(matches.left_out(), waiting) {
        sse::write_full(out, members.len(), count, names);
    }
    selection.forget(&files, matches.version());
}

/// Where the stream begins a file that it does not follow yet. `first`: this is the first listing.
fn begins_at(selection: &FileSelection, name: &[u8], first: bool) -> Option<Start> {
    match selection.start {
        start if first => start,
        // It was there, but the stream followed newer ones: the line that made it one of the newest must not be lost.
        Some(Start::End) if selection.was_left_out(name) => Some(Start::Lines(1)),
        start if selection.was_left_out(name) => start,
        // What comes later is new from its beginning.
        _ => None,
    }
}

/// Calls [`hand_over_late`] for each file of this listing.
fn hand_over_all_late<F>(
    members: &mut [NameFollower<F>],
    files: &[Named<'_>],
    directory: &Path,
    selection: &mut FileSelection,
) {
    for (name, tag) in files {
        let mut names = members.iter().map(|member| member.name_in(directory));
        let follower = names.position(|other| other == *name);
        let follower = follower.unwrap_or(members.len());
        tag.iter()
            .for_each(|&tag| hand_over_late(members, follower, tag, selection));
    }
}

/// Takes the late file with this tag from all members but `follower`, whose name it has now.
pub(crate) fn hand_over_late<F>(
    members: &mut [NameFollower<F>],
    follower: usize,
    etag: ETag,
    selection: &mut FileSelection,
) {
    let others = members.iter_mut().enumerate();
    let others = others.filter(|(index, _)| *index != follower);
    let places = others.filter_map(|(_, member)| member.hand_over_late(etag));
    places.for_each(|place| selection.keep(place.into()));
}

/// Drops the late files of a member which others read under the names that they have now.
pub(crate) fn drop_late<F>(members: &mut [NameFollower<F>], left_by: usize) {
    let read = |member: &NameFollower<F>| member.etag().filter(|_| member.file().is_some());
    let others = members.iter().enumerate();
    let others = others.filter(|(index, _)| *index != left_by);
    let read: ArrayVec<ETag, EVENT_FILES_MAX> =
        others.filter_map(|(_, member)| read(member)).collect();
    for etag in read {
        members[left_by].hand_over_late(etag);
    }
}

/// The member that gives way to a newer file: one whose file the client knows to be gone, else one whose file is not among the
/// newest any more.
fn dispensable<F>(
    members: &[NameFollower<F>],
    matches: &Matches,
    directory: &Path,
) -> Option<usize> {
    let gone = |member: &NameFollower<F>| {
        member.is_known_to_be_gone() && !matches.has(member.name_in(directory))
    };
    let idle = |member: &NameFollower<F>| {
        matches.left_out().has(member.name_in(directory)) && !member.passes_on()
    };
    let gone = members.iter().position(gone);
    gone.or_else(|| members.iter().position(idle))
}

/// Each file under one of its names: the one by which a member follows it, else the first one. A file may have several, and a
/// listing during a rename may show both.
fn once<'a, F>(
    fitting: &[Named<'a>],
    members: &[NameFollower<F>],
    directory: &Path,
) -> Vec<Named<'a>> {
    let follows = |(name, tag): &Named<'_>| {
        let mut members = members.iter();
        members.any(|member| member.etag() == *tag && member.name_in(directory) == *name)
    };
    let mut firsts: HashMap<ETag, Named<'a>> = HashMap::new();
    for file in fitting {
        let Some(tag) = file.1 else {
            continue;
        };
        let first = firsts.entry(tag).or_insert(*file);
        if !follows(first) && follows(file) {
            *first = *file;
        }
    }
    let counts = |file: &&Named<'a>| file.1.is_none_or(|tag| firsts[&tag].0 == file.0);
    fitting.iter().filter(counts).copied().collect()
}

/// Whether the file of a member has another name now, under which no member follows it yet.
fn has_passed_on<F>(
    members: &[NameFollower<F>],
    index: usize,
    files: &[Named<'_>],
    directory: &Path,
) -> bool {
    let tag = members[index].etag();
    let mut files = files.iter().filter(|file| file.1 == tag);
    let has = |member: &NameFollower<F>, name: &[u8]| {
        member.name_in(directory) == name && member.etag() == tag
    };
    let passed = |name| !members.iter().any(|member| has(member, name));
    tag.is_some() && files.any(|(name, _)| passed(name))
}
