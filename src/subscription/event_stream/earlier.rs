//! The earlier files of the names that a stream follows.

use super::EventStream;
use crate::http::conditional::ETag;
use crate::http::target::Path;
use crate::subscription::followed::Followed;
use crate::subscription::name_follower::NameFollower;
use crate::time::Moment;

impl<F> EventStream<F> {
    /// Takes the result of the search for an earlier file that the client knows.
    pub fn late_found(&mut self, found: Followed<F>, now: Moment) {
        self.current_mut().late_found(found, now);
    }

    /// Earlier files to which somebody may still append, and the names that they had.
    pub fn late_files(&self) -> impl Iterator<Item = (&Path, &F)> {
        self.follows
            .members()
            .iter()
            .flat_map(NameFollower::late_files)
    }

    /// The earlier files for which `is` holds left the family of generations: what they have now is the last of them.
    pub fn late_over(&mut self, is: impl Fn(&F) -> bool) {
        let members = self.follows.members_mut().iter_mut();
        members.for_each(|member| member.late_over(&is));
    }

    /// Whether another member than this one follows the file already. By patterns a file is followed once; in a list each name
    /// has its own files.
    pub fn follows_elsewhere(&self, member: usize, etag: ETag, path: &[u8]) -> bool {
        let members = self.follows.members().iter().enumerate();
        let mut others = members.filter(|(index, _)| *index != member);
        self.follows.directory().is_some() && others.any(|(_, other)| other.follows(etag, path))
    }
}
