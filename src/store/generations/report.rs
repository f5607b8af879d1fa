//! What a look for the generations of a name has found, and what that says of one of them. Pure.

use std::collections::HashSet;
use std::time::Duration;

use super::families::split;
use super::family::{Compression, compression};
use super::order::{Chain, Generation, Member, Seen};
use crate::http::conditional::ETag;
use crate::http::target::Path;
use crate::resource::{NoGeneration, NoGenerationReason};
use crate::sorted::sort_by_key;

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The generations.
    pub chain: Chain,
    /// What was seen of the name.
    pub seen: Seen,
    /// For so long nothing was renamed, created or removed in the directory; zero: something was, meanwhile or just before.
    pub quiet: Duration,
}

impl Report {
    /// A report on these files, some of which may only look like generations.
    #[must_use]
    pub fn new(members: Vec<Member>, seen: Seen, quiet: Duration) -> Report {
        let members = of_the_family(members, &seen);
        Report {
            chain: Chain::new(members, &seen),
            seen,
            quiet,
        }
    }

    /// Nothing has disturbed the look.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.quiet.is_zero()
    }

    /// Whether it counts, or another look is to be taken: a look at a directory in which something happens counts only if
    /// the `last` one has found the same, and nothing is missing.
    #[must_use]
    pub fn is_sure(&self, last: Option<&Report>) -> bool {
        let same = last.is_some_and(|last| last.chain == self.chain);
        self.is_settled() || same && !self.chain.has_gap()
    }

    /// The tag of what comes after a generation. Of a compressed file that of the file that it was, and of one that is gone
    /// its own, as far as they are known: clients that ask for it learn that something is missing. `None` also if something
    /// is missing of which nothing is known.
    #[must_use]
    pub fn successor(&self, etag: ETag) -> Option<ETag> {
        let next = self.chain.successor(etag)?;
        let original = next.original.map(|original| original.etag);
        let known = self.seen.next(etag).or(original);
        known.or_else(|| next.gap.is_none().then_some(next.member.etag))
    }

    /// Why there is no generation with this tag. `truncated`: a file had it before it was truncated.
    #[must_use]
    pub fn why_not(&self, etag: ETag, truncated: bool) -> NoGeneration {
        let seen = self.seen.place(etag).is_some();
        let reason = match self.chain.compressed_copy(etag) {
            Some(copy) => NoGenerationReason::Compressed(copy.path()),
            None if truncated => NoGenerationReason::Truncated,
            None if seen => NoGenerationReason::Gone,
            None => NoGenerationReason::NeverSeen,
        };
        let first = self.chain.oldest().or(self.chain.0.first());
        // A client that is led past what is lost would not notice the loss.
        let next = self.chain.after(etag, &self.seen);
        let next = next.generation.filter(|_| !next.gap);
        NoGeneration {
            reason,
            first: first.map(|first| first.member.etag),
            successor: next.filter(|_| seen).map(|next| next.member.etag),
        }
    }
}

impl Generation {
    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> Path {
        Path {
            name: self.member.path.clone(),
            slash: false,
        }
    }
}

/// Without what only looks like a generation, and each file by one of its names.
fn of_the_family(mut members: Vec<Member>, seen: &Seen) -> Vec<Member> {
    for member in &mut members {
        member.copied = copied(member, seen);
    }
    members.retain(|member| {
        let was_seen = seen.place(member.etag).is_some();
        let is_kin = member.kinship.is_some_and(|kinship| {
            kinship.compression.is_some() || !seen.born.contains(&member.etag)
        });
        member.current || was_seen || is_kin || member.copied.is_some()
    });
    // A file may have several names, and one that is renamed meanwhile may be read twice.
    sort_by_key(&mut members, |member| {
        (!member.current, member.kinship.is_none())
    });
    let mut tags = HashSet::new();
    members.retain(|member| tags.insert(member.etag));
    members
}

/// What compressed a file, if that was one that was seen to have the name: its copy may be called anything.
fn copied(member: &Member, seen: &Seen) -> Option<Compression> {
    if member.current || member.kinship.is_some() || seen.place(member.etag).is_some() {
        return None;
    }
    let original = seen.originals.get(&member.etag)?;
    seen.place(original.etag)?;
    let (_, own) = split(&member.path);
    compression(own).map(|(_, compression)| compression)
}
