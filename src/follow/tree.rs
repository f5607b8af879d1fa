//! The directories below one that a stream follows as a tree: `?files=**`. What happens in each is watched for the topic of
//! the directory above, and a scan of that one reads them all.

use std::collections::{HashMap, HashSet};
use std::mem;

use super::watcher::Place;
use crate::limits::{TREE_DEPTH_MAX, TREE_DIRECTORIES_MAX};

/// The directories of a tree, by their names below the one at its top.
#[derive(Default)]
pub(crate) struct Tree {
    /// What is watched in each; `None`: the kernel refuses the watch.
    places: HashMap<Box<[u8]>, Option<Place>>,
    /// Those that the scan has found.
    found: HashSet<Box<[u8]>>,
    /// Of these, those that it has not read yet.
    unread: Vec<Box<[u8]>>,
    /// What need not be watched any more.
    unused: Vec<Place>,
    /// The scan has left out some: there are too many, or they are too deep.
    cut: bool,
    /// Somebody knows that.
    said: bool,
}

impl Tree {
    /// A scan begins.
    pub(super) fn begin(&mut self) {
        self.found.clear();
        self.unread.clear();
        self.cut = false;
    }

    /// The scan has found a directory.
    pub(super) fn find(&mut self, name: &[u8]) {
        let depth = 1 + name.iter().filter(|&&byte| byte == b'/').count();
        if depth > TREE_DEPTH_MAX || self.found.len() >= TREE_DIRECTORIES_MAX {
            self.cut = true;
        } else if self.found.insert(name.into()) {
            self.unread.push(name.into());
        }
    }

    /// The next directory to be read.
    pub(super) fn next(&mut self) -> Option<Box<[u8]>> {
        self.unread.pop()
    }

    /// This is watched now in a directory.
    pub(super) fn place(&mut self, name: Box<[u8]>, place: Option<Place>) {
        let differs = |former: &Place| place.as_ref() != Some(former);
        let former = self.places.get_mut(&*name).and_then(Option::take);
        self.unused.extend(former.filter(differs));
        self.places.insert(name, place);
    }

    /// Forgets all but these directories.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&[u8]) -> bool) {
        self.found.retain(|name| is_wanted(name));
        self.unread.retain(|name| is_wanted(name));
        let gone = self.places.extract_if(|name, _| !is_wanted(name));
        self.unused.extend(gone.filter_map(|(_, place)| place));
    }

    /// The scan has read all directories.
    pub(super) fn finish(&mut self) {
        let gone = self.places.extract_if(|name, _| !self.found.contains(name));
        self.unused.extend(gone.filter_map(|(_, place)| place));
        self.found = HashSet::new();
        self.said &= self.cut;
    }

    /// Whether some directories are left out. Says so once.
    pub(super) fn is_newly_cut(&mut self) -> bool {
        self.cut && !mem::replace(&mut self.said, true)
    }

    /// Whether the kernel reports what happens in all of them.
    pub(super) fn is_watched(&self) -> bool {
        self.places.values().all(Option::is_some)
    }

    /// What need not be watched any more.
    pub(super) fn take_unused(&mut self) -> Vec<Place> {
        mem::take(&mut self.unused)
    }

    /// Everything that is watched: nobody wants the tree any more.
    pub(super) fn take_all(&mut self) -> Vec<Place> {
        let mut all = self.take_unused();
        all.extend(mem::take(&mut self.places).into_values().flatten());
        *self = Tree::default();
        all
    }
}
