//! What the kernel reports of watches, and for whom.

use inotify::EventMask;

use super::rolls::{Entry, Happened};
use crate::subscription::end::End;

/// A followed name of this worker.
pub type TopicId = usize;

/// A name of this worker that leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbsenceId(pub u32);

/// For whom an entry of a directory is watched. In eight bytes: every followed name has one for each step of its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watcher {
    /// For a followed name.
    Topic(u32),
    /// For a name that leads nowhere.
    Absence(AbsenceId),
}

impl From<TopicId> for Watcher {
    fn from(topic: TopicId) -> Watcher {
        Watcher::Topic(u32::try_from(topic).expect("fewer than 2^32 topics"))
    }
}

impl From<AbsenceId> for Watcher {
    fn from(absence: AbsenceId) -> Watcher {
        Watcher::Absence(absence)
    }
}

impl Watcher {
    pub(super) fn topic(self) -> Option<TopicId> {
        match self {
            Watcher::Topic(topic) => Some(topic as TopicId),
            Watcher::Absence(_) => None,
        }
    }

    /// It must look again; `why`: if its name no longer leads to its file, then probably for this reason.
    pub(super) fn look_again(self, why: Option<End>) -> Change {
        match self {
            Watcher::Topic(topic) => Change::LookAgain(topic as TopicId, why),
            Watcher::Absence(absence) => Change::MayHaveCome(absence),
        }
    }
}

/// What the kernel reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The file may have another size.
    Grew(TopicId),
    /// In this directory something has happened to an entry, or to the content of its file.
    Content(TopicId, Box<[u8]>),
    /// In this directory, or below it, something has happened to a directory.
    Directories(TopicId),
    /// The name may lead elsewhere; if it does, then probably for this reason.
    LookAgain(TopicId, Option<End>),
    /// A name that led nowhere may lead somewhere.
    MayHaveCome(AbsenceId),
    /// Something happened to an entry of a directory with logs in it.
    Entry(Entry, Happened),
    /// A directory with logs in it is watched no longer.
    DirectoryGone(i32),
    /// Events were lost: anything may have happened.
    Everything,
}

/// What has become of an entry, of those things that a roll is made of.
pub(super) fn happened(mask: EventMask, cookie: u32) -> Option<Happened> {
    if mask.contains(EventMask::ISDIR) {
        None
    } else if mask.contains(EventMask::CREATE) {
        Some(Happened::Created)
    } else if mask.contains(EventMask::DELETE) {
        Some(Happened::Deleted)
    } else if mask.contains(EventMask::MOVED_FROM) {
        Some(Happened::MovedFrom(cookie))
    } else if mask.contains(EventMask::MOVED_TO) {
        Some(Happened::MovedTo(cookie))
    } else {
        None
    }
}

/// Why a name may no longer lead to its file.
pub(super) fn why(mask: EventMask) -> Option<End> {
    if mask.intersects(EventMask::MOVED_FROM | EventMask::MOVE_SELF) {
        Some(End::Renamed)
    } else if mask.contains(EventMask::DELETE) {
        Some(End::Unlinked)
    } else if mask.contains(EventMask::MOVED_TO) {
        Some(End::Replaced)
    } else {
        None
    }
}
