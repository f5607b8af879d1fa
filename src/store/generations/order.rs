//! The generations of a name in order, and where some are missing. Pure.
//!
//! What was seen comes first. Otherwise names decide, and between a numbered and a dated series the time of the last write:
//! logrotate keeps that time, also on the file that it compresses.

use std::collections::{HashMap, HashSet};

use super::family::{Compression, Kinship, Series};
pub use super::gaps::Gap;
use super::gaps::{Known, gaps};
use crate::http::conditional::ETag;
use crate::sorted::{SortedSet, sort_by, sort_by_key};

/// The time of the last write: seconds since 1970, and nanoseconds.
pub type Modified = (i64, u32);

/// A file of the family, as a look at the directory found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name below ROOT.
    pub path: Box<[u8]>,
    /// Its own tag; of a compressed file, that of its compressed content.
    pub etag: ETag,
    /// Bytes.
    pub size: u64,
    /// When it was last written.
    pub modified: Modified,
    /// Nobody may write it.
    pub sealed: bool,
    /// How its name is related; `None`: it has the name itself, or it had it when that was seen.
    pub kinship: Option<Kinship>,
    /// What compressed it, if it is no kin by its name but a copy of a file that was seen.
    pub copied: Option<Compression>,
    /// It has the name now.
    pub current: bool,
}

impl Member {
    /// What compressed it.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        match self.kinship {
            Some(kinship) => kinship.compression,
            None => self.copied,
        }
    }

    fn number(&self) -> Option<u32> {
        match self.kinship?.series {
            Series::Number(number) => Some(number),
            Series::Date(_) => None,
        }
    }
}

/// A file before it was compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Original {
    /// Its tag.
    pub etag: ETag,
    /// Its bytes, as far as the server knows.
    pub size: u64,
    /// That was measured after the file had lost the name of the log: nothing was written since, most likely.
    pub is_final: bool,
}

impl Original {
    /// What two workers know of one file: the larger size is the later one.
    pub(super) fn or(self, other: Original) -> Original {
        let is_same = (self.etag, self.size) == (other.etag, other.size);
        match self.etag == other.etag && self.size > other.size {
            true => self,
            false => Original {
                is_final: other.is_final || is_same && self.is_final,
                ..other
            },
        }
    }
}

/// A file that was seen to have the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor {
    /// Its tag.
    pub etag: ETag,
    /// Bytes, when it was looked at last.
    pub size: u64,
    /// Its inode number, by which a listing finds it under any name.
    pub inode: u64,
    /// No other file had the name between the one before and this.
    pub direct: bool,
    /// When it was found to have the name: what was last written before that is older.
    pub noted: Modified,
}

/// What was seen of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The files that had the name, oldest first.
    pub line: Vec<Ancestor>,
    /// Compressed files by their own tags.
    pub originals: HashMap<ETag, Original>,
    /// Files that were created under their own names, and are nobody's generations.
    pub born: HashSet<ETag>,
}

impl Seen {
    /// The place of a file among those that were seen.
    #[must_use]
    pub fn place(&self, etag: ETag) -> Option<usize> {
        self.line.iter().rposition(|ancestor| ancestor.etag == etag)
    }

    /// The place of a file, or of that which it was before it was compressed.
    fn place_of(&self, member: &Member) -> Option<usize> {
        let original = self.originals.get(&member.etag);
        self.place(original.map_or(member.etag, |original| original.etag))
    }

    /// The file that came directly after another, if that was seen.
    #[must_use]
    pub fn next(&self, etag: ETag) -> Option<ETag> {
        let next = self.line.get(self.place(etag)? + 1)?;
        next.direct.then_some(next.etag)
    }

    /// Whether nothing came between the files at these places.
    fn is_direct(&self, before: usize, after: usize) -> bool {
        before + 1 == after && self.line[after].direct
    }

    /// Whether every file that came between those at these places was seen.
    fn is_watched(&self, before: usize, after: usize) -> bool {
        self.line[before + 1..=after].iter().all(|file| file.direct)
    }
}

/// A generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// The file.
    pub member: Member,
    /// What it was before it was compressed, if that was seen.
    pub original: Option<Original>,
    /// What is missing between the one before and this.
    pub gap: Option<Gap>,
}

/// The generations of a name, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain(pub Vec<Generation>);

/// What comes after a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next<'a> {
    /// The next one that can be read as it was written; `None`: there is none yet.
    pub generation: Option<&'a Generation>,
    /// Something between the two is missing or compressed.
    pub gap: bool,
}

impl Chain {
    /// Brings these files into order.
    #[must_use]
    pub fn new(members: Vec<Member>, seen: &Seen) -> Chain {
        let members = by_name(without_copies(members, seen));
        let members = as_seen(members, seen);
        let known = members.iter().map(|member| Known {
            number: member.number(),
            place: seen.place_of(member),
        });
        let known: Vec<_> = known.collect();
        let gaps = gaps(&known, |before, after| seen.is_direct(before, after));
        let generations = members.into_iter().zip(gaps);
        let generations = generations.map(|(member, gap)| Generation {
            original: seen.originals.get(&member.etag).copied(),
            member,
            gap,
        });
        Chain(generations.collect())
    }

    /// Whether something is missing.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        self.0.iter().any(|generation| generation.gap.is_some())
    }

    /// The generation with this tag.
    #[must_use]
    pub fn find(&self, etag: ETag) -> Option<&Generation> {
        let index = self.index(etag)?;
        self.0.get(index)
    }

    pub(super) fn index(&self, etag: ETag) -> Option<usize> {
        let mut generations = self.0.iter();
        generations.position(|generation| generation.member.etag == etag)
    }

    /// The generation after the one with this tag, if that is there.
    #[must_use]
    pub fn successor(&self, etag: ETag) -> Option<&Generation> {
        self.0.get(self.index(etag)? + 1)
    }

    /// The compressed copy of a file that is not there any more.
    #[must_use]
    pub fn compressed_copy(&self, etag: ETag) -> Option<&Generation> {
        let is_copy = |generation: &&Generation| {
            let original = generation.original.as_ref();
            original.is_some_and(|original| original.etag == etag)
        };
        self.0.iter().find(is_copy)
    }

    /// The oldest one that can be read as it was written.
    #[must_use]
    pub fn oldest(&self) -> Option<&Generation> {
        let mut generations = self.0.iter();
        generations.find(|generation| generation.member.compression().is_none())
    }

    /// What comes after the file with this tag, which may be gone: whether all of that was read, the caller knows.
    #[must_use]
    pub fn after(&self, etag: ETag, seen: &Seen) -> Next<'_> {
        match self.index(etag) {
            Some(index) => {
                let gap = self.0.get(index + 1).is_some_and(|next| next.gap.is_some());
                self.next_from(index + 1, gap)
            }
            None => match seen.place(etag) {
                Some(place) => self.after_place(place, seen),
                // A client with a tag that nobody remembers was away for long: the files that are kept are newer, most
                // likely.
                None => self.next_from(0, true),
            },
        }
    }

    /// What comes after a file that is gone, or compressed. What was never seen itself is newer if it was written to later.
    fn after_place(&self, place: usize, seen: &Seen) -> Next<'_> {
        let place_of = |generation: &Generation| seen.place_of(&generation.member);
        let is_older = |generation: &Generation| match place_of(generation) {
            Some(other) => other < place,
            None => {
                generation.member.modified < seen.line[place].noted && !generation.member.current
            }
        };
        let start = self
            .0
            .iter()
            .rposition(is_older)
            .map_or(0, |index| index + 1);
        match self.0.get(start).and_then(place_of) {
            // Its own compressed copy.
            Some(other) if other == place => {
                let gap = self.0.get(start + 1).is_some_and(|next| next.gap.is_some());
                self.next_from(start + 1, gap)
            }
            Some(other) => self.next_from(start, other > place + 1),
            None => self.next_from(start, false),
        }
    }

    /// `gap`: something before `start` is missing.
    fn next_from(&self, start: usize, mut gap: bool) -> Next<'_> {
        for generation in self.0.iter().skip(start) {
            if generation.member.compression().is_none() {
                return Next {
                    generation: Some(generation),
                    gap,
                };
            }
            gap = true;
        }
        Next {
            generation: None,
            gap,
        }
    }
}

/// A compressed copy counts only when the file itself is gone: a compressor removes it last.
fn without_copies(members: Vec<Member>, seen: &Seen) -> Vec<Member> {
    let plain = || {
        members
            .iter()
            .filter(|member| member.compression().is_none())
    };
    let series: SortedSet<Series> = plain()
        .filter_map(|member| Some(member.kinship?.series))
        .collect();
    let tags: HashSet<ETag> = plain().map(|member| member.etag).collect();
    let is_copy = |member: &Member| {
        let same = || (member.kinship).is_some_and(|kinship| series.contains(&kinship.series));
        let original = seen.originals.get(&member.etag);
        member.compression().is_some()
            && (same() || original.is_some_and(|it| tags.contains(&it.etag)))
    };
    let kept: Vec<bool> = members.iter().map(|member| !is_copy(member)).collect();
    let members = members.into_iter().zip(kept);
    members
        .filter_map(|(member, kept)| kept.then_some(member))
        .collect()
}

/// In the order that names and times tell; those of which the name tells nothing come last.
fn by_name(members: Vec<Member>) -> Vec<Member> {
    let (mut numbered, mut dated, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for member in members {
        match member.kinship.map(|kinship| kinship.series) {
            Some(Series::Number(number)) => numbered.push((u32::MAX - number, member)),
            Some(Series::Date(stamp)) => dated.push((stamp, member)),
            None => others.push((member.current, member)),
        }
    }
    let numbered = sorted(numbered);
    let dated = sorted(dated);
    let mut members = merged(numbered, dated);
    members.extend(sorted(others));
    members
}

fn sorted<K: Ord>(mut members: Vec<(K, Member)>) -> Vec<Member> {
    sort_by(&mut members, |(left, one), (right, other)| {
        let order = left.cmp(right).then(one.modified.cmp(&other.modified));
        order.then_with(|| one.path.cmp(&other.path))
    });
    members.into_iter().map(|(_, member)| member).collect()
}

/// Two series, each in its own order, by the time of the last write.
fn merged(one: Vec<Member>, other: Vec<Member>) -> Vec<Member> {
    let mut members = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    loop {
        let from_one = match (one.peek(), other.peek()) {
            (Some(left), Some(right)) => left.modified <= right.modified,
            (left, _) => left.is_some(),
        };
        let next = if from_one { one.next() } else { other.next() };
        match next {
            Some(member) => members.push(member),
            None => return members,
        }
    }
}

/// What was seen comes before what names say: files that were seen change places among themselves, and those of which the
/// name says nothing go next to those they were seen with. The file that has the name is last.
fn as_seen(members: Vec<Member>, seen: &Seen) -> Vec<Member> {
    let (current, members): (Vec<_>, Vec<_>) = members.into_iter().partition(|it| it.current);
    let (named, others): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|it| it.kinship.is_some());
    let mut members = reordered(named, seen);
    let mut others: Vec<_> = others
        .into_iter()
        .map(|it| (seen.place_of(&it), it))
        .collect();
    sort_by_key(&mut others, |(place, _)| *place);
    let watched = watched_from(current.first(), seen);
    for (place, member) in others {
        let index = index_for(&members, &member, place, seen, watched);
        members.insert(index, member);
    }
    members.extend(current);
    members
}

fn reordered(members: Vec<Member>, seen: &Seen) -> Vec<Member> {
    let places: Vec<_> = members.iter().map(|member| seen.place_of(member)).collect();
    let mut members: Vec<_> = members.into_iter().map(Some).collect();
    let slots: Vec<usize> = (0..members.len())
        .filter(|&index| places[index].is_some())
        .collect();
    let mut order = slots.clone();
    sort_by_key(&mut order, |&index| places[index]);
    let mut known: Vec<_> = order.iter().map(|&index| members[index].take()).collect();
    for (slot, member) in slots.into_iter().zip(&mut known) {
        members[slot] = member.take();
    }
    members.into_iter().flatten().collect()
}

/// From this place on every file that had the name was seen, up to the one that has it now.
fn watched_from(current: Option<&Member>, seen: &Seen) -> Option<usize> {
    let last = seen.place_of(current?)?;
    let first = seen.line.iter().rposition(|file| !file.direct).unwrap_or(0);
    (last + 1 == seen.line.len()).then_some(first)
}

/// Where a file belongs of which the name says nothing: between those that were seen before and after it. If every file
/// between the two was seen, only compressed copies of those come between; otherwise the time of the last write decides. No
/// file that was never seen comes after the first one that was `watched`, however late it was written to.
fn index_for(
    members: &[Member],
    member: &Member,
    place: Option<usize>,
    seen: &Seen,
    watched: Option<usize>,
) -> usize {
    let is_seen = |index: usize| Some((index, seen.place_of(&members[index])?));
    let known = || (0..members.len()).filter_map(is_seen);
    // It may be of one of those that were seen.
    let is_unknown_copy =
        |member: &&Member| member.compression().is_some() && seen.place_of(member).is_none();
    let (mut start, mut end) = (0, members.len());
    if let Some(place) = place {
        let before = known().rfind(|(_, other)| *other < place);
        if let Some((index, other)) = before {
            start = index + 1;
            if seen.is_direct(other, place) {
                return start;
            }
            if seen.is_watched(other, place) {
                let copies = members[start..].iter().take_while(is_unknown_copy);
                end = start + copies.count();
            }
        }
        let behind = known().find(|(index, other)| *index >= start && *other > place);
        if let Some((index, other)) = behind {
            end = end.min(index);
            if seen.is_direct(place, other) {
                return end;
            }
        }
        let all_seen = behind.is_some_and(|(_, other)| seen.is_watched(place, other));
        if all_seen || watched.is_some_and(|first| first <= place) {
            let copies = members[start..end].iter().rev().take_while(is_unknown_copy);
            start = end - copies.count();
        }
    }
    let later = |other: &Member| other.modified > member.modified;
    let found = members[start..end].iter().position(later);
    found.map_or(end, |index| start + index)
}
