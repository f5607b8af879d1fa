//! What an event stream remembers of what it follows: little while it rests, and all of it otherwise.

use super::directory::Directory;
use super::name_follower::NameFollower;
use super::names::Names;
use super::resting::Resting;
use crate::http::target::Path;

/// All that a stream follows, in one of two forms.
#[derive(Debug)]
pub(super) enum Follows<F> {
    /// One file that rests.
    Rest(Resting<F>),
    /// Anything else.
    Names(Box<Names<F>>),
}

impl<F> Follows<F> {
    /// All that the stream follows, to change it; a resting file becomes a member again. `path`: the name of that file.
    pub(super) fn names_mut(&mut self, path: &Path) -> &mut Names<F> {
        if let Follows::Rest(_) = self {
            let names = Box::new(Names {
                members: Vec::with_capacity(1),
                directory: None,
                first: 0,
            });
            let rest = std::mem::replace(self, Follows::Names(names));
            if let (Follows::Rest(rest), Follows::Names(names)) = (rest, &mut *self) {
                names.members.push(rest.into_member(path.clone()));
            }
        }
        match self {
            Follows::Names(names) => names,
            Follows::Rest(_) => unreachable!("it was just replaced"),
        }
    }

    /// Changes to the small form, if the stream follows one file and that rests.
    pub(super) fn settle(&mut self) {
        let Follows::Names(names) = self else {
            return;
        };
        if names.directory.is_some() || names.members.len() != 1 {
            return;
        }
        if let Some(rest) = Resting::of(&mut names.members) {
            *self = Follows::Rest(rest);
        }
    }

    /// The names; none while it rests.
    pub(super) fn members(&self) -> &[NameFollower<F>] {
        match self {
            Follows::Names(names) => &names.members,
            Follows::Rest(_) => &[],
        }
    }

    /// The names, to change them; none while it rests.
    pub(super) fn members_mut(&mut self) -> &mut [NameFollower<F>] {
        match self {
            Follows::Names(names) => &mut names.members,
            Follows::Rest(_) => &mut [],
        }
    }

    /// The directory that says which the names are.
    pub(super) fn directory(&self) -> Option<&Directory> {
        match self {
            Follows::Names(names) => names.directory.as_deref(),
            Follows::Rest(_) => None,
        }
    }

    /// The directory that says which the names are, to change what is known of it.
    pub(super) fn directory_mut(&mut self) -> Option<&mut Directory> {
        match self {
            Follows::Names(names) => names.directory.as_deref_mut(),
            Follows::Rest(_) => None,
        }
    }

    /// The file that rests.
    pub(super) fn resting(&self) -> Option<&Resting<F>> {
        match self {
            Follows::Rest(rest) => Some(rest),
            Follows::Names(_) => None,
        }
    }
}
