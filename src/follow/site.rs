//! The directory of a topic, as a look at it needs it.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;

use super::watcher::{Place, TopicId, Watch};
use crate::http::target::Path;
use crate::store::listing;
use crate::store::root::Files;
use crate::subscription::entry::Entry;

/// What a look needs of the world.
pub(super) trait Surroundings {
    /// What a name leads to, and whether it is a symbolic link.
    fn entry(&self, name: &[u8]) -> Result<(Option<Entry>, bool), Errno>;
    /// Opens a directory; `None`: there is none, or it is not for us.
    fn open(&self, name: &[u8]) -> Result<Option<OwnedFd>, Errno>;
    /// Watches a directory; `None`: the kernel refuses that.
    fn watch(&mut self, directory: BorrowedFd<'_>, name: &[u8]) -> Option<Place>;
}

/// The directory of a topic.
pub(super) struct Site<'a> {
    pub(super) files: &'a Files,
    pub(super) file: BorrowedFd<'a>,
    pub(super) path: &'a Path,
    pub(super) watch: &'a mut Watch,
    pub(super) key: TopicId,
}

impl Surroundings for Site<'_> {
    fn entry(&self, name: &[u8]) -> Result<(Option<Entry>, bool), Errno> {
        listing::entry_below(self.files, self.file, self.path, name)
    }

    fn open(&self, name: &[u8]) -> Result<Option<OwnedFd>, Errno> {
        listing::open_below(self.file, name)
    }

    fn watch(&mut self, directory: BorrowedFd<'_>, name: &[u8]) -> Option<Place> {
        self.watch.add_below(directory, self.key, name).ok()
    }
}
