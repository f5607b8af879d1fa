//! inotify for one worker: which topics may have grown, and whose names the worker must look up again.
//!
//! A topic is watched at its file (for growth) and at every directory entry on the way to it (for its name): renaming a
//! directory signals nothing on the files in it, only on its own entry. One inode has one watch, whatever names led to
//! it, so a watch knows all its topics. An event never says more than "look again"; what it says of a name only
//! explains why a tail ended. A name that leads nowhere is watched in the same way, as far as there is a way. Facts: inotify(7) and, where that is silent, measured on Linux 6.18.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::Once;

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};

pub use super::change::{AbsenceId, Change, TopicId, Watcher};
use super::change::{happened, why};
use super::rolls::Entry;
use crate::sorted::SortedSet;
use crate::store::file::proc_path;

/// The watches of one worker.
pub struct Watch {
    /// `None`: the kernel gave no instance, and nothing is ever watched.
    inotify: Option<Inotify>,
    watched: HashMap<i32, Watched>,
    /// Directories that are watched only for the rolls of logs that nobody follows any more: what can be done without.
    spare: SortedSet<i32>,
    buffer: Vec<u8>,
}

struct Watched {
    descriptor: WatchDescriptor,
    /// Topics that this file is.
    files: SortedSet<TopicId>,
    /// Names on whose way an entry of this directory is.
    entries: HashMap<Box<[u8]>, SortedSet<Watcher>>,
    /// Topics that this directory is, all of its entries.
    directories: SortedSet<TopicId>,
    /// Topics of a directory above this one, and its name below that, for all of its entries.
    below: HashMap<TopicId, Box<[u8]>>,
    /// Entries of this directory that are logs whose rolls are observed.
    logs: HashSet<Box<[u8]>>,
}

/// One thing that a topic watches; to be given back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    watch: i32,
    of: Of,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    File,
    /// Of a directory.
    Entry(Box<[u8]>),
    Directory,
    /// A directory below that of the topic, which has this name there.
    Below(Box<[u8]>),
}

/// Bytes read from the queue at once: some thousand events without a name.
const BUFFER: usize = 64 * 1024;

/// Everything that happens to the entries of a directory, also that they grow.
const ENTRIES: WatchMask = WatchMask::CREATE
    .union(WatchMask::DELETE)
    .union(WatchMask::MOVED_FROM)
    .union(WatchMask::MOVED_TO)
    .union(WatchMask::MODIFY)
    .union(WatchMask::ATTRIB)
    .union(WatchMask::MOVE_SELF);

impl Watch {
    /// An inotify instance; without one, everything is polled.
    #[must_use]
    pub fn new() -> Watch {
        let inotify = Inotify::init();
        if let Err(error) = &inotify {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                log::warn!(
                    "no inotify instance ({error}; see fs.inotify.max_user_instances): files are polled"
                );
            });
        }
        Watch {
            inotify: inotify.ok(),
            watched: HashMap::new(),
            spare: SortedSet::new(),
            buffer: vec![0; BUFFER],
        }
    }

    /// The queue, for the poller.
    #[must_use]
    pub fn queue(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(Inotify::as_fd)
    }

    /// Watches the file of a topic.
    ///
    /// # Errors
    /// ENOSPC: fs.inotify.max_user_watches; EACCES; ENOENT without a /proc; `Unsupported` without an instance, which was
    /// said already.
    pub fn add_file(&mut self, file: BorrowedFd<'_>, topic: TopicId) -> io::Result<Place> {
        // CLOSE_WRITE would report writes through a mapping, but doubles the events of `echo >>`.
        let mask = WatchMask::MODIFY | WatchMask::ATTRIB | WatchMask::MOVE_SELF;
        let (watch, watched) = self.add(file, mask)?;
        watched.files.insert(topic);
        Ok(Place {
            watch,
            of: Of::File,
        })
    }

    /// Watches one entry of a directory for a name. Never for MODIFY: a directory would report each write to each of
    /// its files.
    ///
    /// # Errors
    /// As [`Watch::add_file`].
    pub fn add_entry(
        &mut self,
        directory: BorrowedFd<'_>,
        entry: &[u8],
        watcher: impl Into<Watcher>,
    ) -> io::Result<Place> {
        let mask =
            WatchMask::CREATE | WatchMask::DELETE | WatchMask::MOVED_FROM | WatchMask::MOVED_TO;
        let (watch, watched) = self.add(directory, mask)?;
        watched
            .entries
            .entry(entry.into())
            .or_default()
            .insert(watcher.into());
        Ok(Place {
            watch,
            of: Of::Entry(entry.into()),
        })
    }

    /// Watches a directory for a topic that is about all of its entries, and about how they grow.
    ///
    /// # Errors
    /// As [`Watch::add_file`].
    pub fn add_directory(
        &mut self,
        directory: BorrowedFd<'_>,
        topic: TopicId,
    ) -> io::Result<Place> {
        let (watch, watched) = self.add(directory, ENTRIES)?;
        watched.directories.insert(topic);
        Ok(Place {
            watch,
            of: Of::Directory,
        })
    }

    /// The same for a topic of a directory above this one, below which it has this name.
    ///
    /// # Errors
    /// As [`Watch::add_file`].
    pub fn add_below(
        &mut self,
        directory: BorrowedFd<'_>,
        topic: TopicId,
        name: &[u8],
    ) -> io::Result<Place> {
        let (watch, watched) = self.add(directory, ENTRIES)?;
        watched.below.insert(topic, name.into());
        Ok(Place {
            watch,
            of: Of::Below(name.into()),
        })
    }

    fn add(&mut self, fd: BorrowedFd<'_>, mask: WatchMask) -> io::Result<(i32, &mut Watched)> {
        // MASK_ADD, though the mask of an inode never changes: without it the kernel sets the mask of a watch that is there
        // already to 0 for a moment, and drops what happens then.
        let mask = mask | WatchMask::MASK_ADD;
        let descriptor = loop {
            let inotify = self.inotify.as_ref().ok_or(io::ErrorKind::Unsupported)?;
            match inotify.watches().add(proc_path(fd), mask) {
                Err(error) if error.kind() == io::ErrorKind::StorageFull && self.spare_one() => {}
                added => break added?,
            }
        };
        let id = descriptor.get_watch_descriptor_id();
        self.spare.remove(&id);
        let watched = self.watched.entry(id).or_insert_with(|| Watched {
            descriptor,
            files: SortedSet::new(),
            entries: HashMap::new(),
            directories: SortedSet::new(),
            below: HashMap::new(),
            logs: HashSet::new(),
        });
        Ok((id, watched))
    }

    /// Gives up the oldest watch that can be done without. False: there is none. The event for that tells its logs.
    fn spare_one(&mut self) -> bool {
        let Some(id) = self.spare.iter().next().copied() else {
            return false;
        };
        self.spare.remove(&id);
        if let (Some(inotify), Some(watched)) = (&self.inotify, self.watched.get(&id)) {
            // EINVAL: the inode is gone, and its watch with it.
            let _ = inotify.watches().remove(watched.descriptor.clone());
        }
        true
    }

    /// Gives a place back; the watch goes with the last one that needs it.
    pub fn remove(&mut self, place: &Place, watcher: impl Into<Watcher>) {
        let watcher = watcher.into();
        let Some(watched) = self.watched.get_mut(&place.watch) else {
            return;
        };
        let mut too_much = false;
        match &place.of {
            Of::File => drop(watcher.topic().map(|topic| watched.files.remove(&topic))),
            // Nobody wants events of each write to each file any more. A mask cannot be made smaller without losing
            // events, so the watch goes; its other topics get an event for that and watch again.
            Of::Directory => {
                let topic = watcher.topic();
                let removed = topic.is_some_and(|topic| watched.directories.remove(&topic));
                too_much = removed && watched.tells_no_entries();
            }
            // The directory may have got another name below that of the topic.
            Of::Below(name) => {
                if let Some(topic) = watcher.topic()
                    && watched.below.get(&topic) == Some(name)
                {
                    watched.below.remove(&topic);
                    too_much = watched.tells_no_entries();
                }
            }
            Of::Entry(entry) => {
                if let Some(watchers) = watched.entries.get_mut(entry) {
                    watchers.remove(&watcher);
                    if watchers.is_empty() {
                        watched.entries.remove(entry);
                    }
                }
            }
        }
        let unused = watched.is_unused();
        if !unused && watched.watchers().next().is_none() {
            self.spare.insert(place.watch);
        }
        if let Some(inotify) = self.inotify.as_ref().filter(|_| unused || too_much) {
            // EINVAL: the inode is gone, and its watch with it.
            let _ = inotify.watches().remove(watched.descriptor.clone());
        }
        if unused {
            self.watched.remove(&place.watch);
        }
    }

    /// Observes what becomes of an entry of a directory that a topic watches, and of what lies beside it; also when the
    /// topic is gone.
    pub fn add_log(&mut self, place: &Place) -> Option<Entry> {
        let Of::Entry(entry) = &place.of else {
            return None;
        };
        let watched = self.watched.get_mut(&place.watch)?;
        watched.logs.insert(entry.clone());
        Some((place.watch, entry.clone()))
    }

    /// A log is observed no longer.
    pub fn remove_log(&mut self, entry: &Entry) {
        let Some(watched) = self.watched.get_mut(&entry.0) else {
            return;
        };
        watched.logs.remove(&entry.1);
        if watched.is_unused() {
            if let Some(inotify) = &self.inotify {
                // EINVAL: the inode is gone, and its watch with it.
                let _ = inotify.watches().remove(watched.descriptor.clone());
            }
            self.watched.remove(&entry.0);
            self.spare.remove(&entry.0);
        }
    }

    /// Reads once from the queue. True if there may be more.
    pub fn read(&mut self, changes: &mut Vec<Change>) -> bool {
        let Some(inotify) = &mut self.inotify else {
            return false;
        };
        let events = match inotify.read_events(&mut self.buffer) {
            Ok(events) => events,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                log::error!("reading inotify events failed: {error}");
                changes.push(Change::Everything);
                return false;
            }
        };
        for event in events {
            if event.mask.contains(EventMask::Q_OVERFLOW) {
                log::warn!(
                    "inotify events were lost (see fs.inotify.max_queued_events): looking at every file"
                );
                changes.push(Change::Everything);
                continue;
            }
            let id = event.wd.get_watch_descriptor_id();
            let Some(watched) = self.watched.get(&id) else {
                continue;
            };
            if event.mask.contains(EventMask::IGNORED) {
                changes.extend(watched.watchers().map(|watcher| watcher.look_again(None)));
                if !watched.logs.is_empty() {
                    changes.push(Change::DirectoryGone(id));
                }
                self.watched.remove(&id);
                self.spare.remove(&id);
            } else if let Some(name) = event.name {
                watched.tell_entry(name.as_bytes(), event.mask, changes);
                if event.mask.intersects(EventMask::MODIFY | EventMask::ATTRIB) {
                    continue;
                }
                if !watched.logs.is_empty()
                    && let Some(what) = happened(event.mask, event.cookie)
                {
                    changes.push(Change::Entry((id, name.as_bytes().into()), what));
                }
                let why = why(event.mask);
                let watchers = watched.entries.get(name.as_bytes()).into_iter().flatten();
                changes.extend(watchers.map(|watcher| watcher.look_again(why)));
            } else if event.mask.contains(EventMask::MODIFY) {
                changes.extend(watched.files.iter().map(|&topic| Change::Grew(topic)));
            } else {
                let why = why(event.mask);
                let topics = watched.files.iter().chain(&watched.directories);
                changes.extend(topics.map(|&topic| Change::LookAgain(topic, why)));
            }
        }
        true
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watched {
    /// Tells those who want to know all of its entries that something has happened to one.
    fn tell_entry(&self, name: &[u8], mask: EventMask, changes: &mut Vec<Change>) {
        let here = self.directories.iter();
        let here = here.map(|&topic| Change::Content(topic, name.into()));
        let below = self.below.iter();
        let below = below.map(|(&topic, prefix)| {
            Change::Content(topic, [&**prefix, b"/", name].concat().into())
        });
        for change in here.chain(below) {
            // A file that is written again and again has events in a row.
            if changes.last() != Some(&change) {
                changes.push(change);
            }
        }
        if mask.contains(EventMask::ISDIR) {
            let topics = self.directories.iter().chain(self.below.keys());
            changes.extend(topics.map(|&topic| Change::Directories(topic)));
        }
    }

    /// Whether nobody wants to know all of its entries.
    fn tells_no_entries(&self) -> bool {
        self.directories.is_empty() && self.below.is_empty()
    }

    fn is_unused(&self) -> bool {
        self.watchers().next().is_none() && self.logs.is_empty()
    }

    fn watchers(&self) -> impl Iterator<Item = Watcher> {
        let directories = self.directories.iter().chain(self.below.keys());
        let topics = self.files.iter().chain(directories);
        let topics = topics.map(|&topic| Watcher::from(topic));
        topics.chain(self.entries.values().flatten().copied())
    }
}
