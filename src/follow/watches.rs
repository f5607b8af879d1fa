//! The watches of topics: at the file, and at every entry on the way to it.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::sync::Once;

use super::topic::Topic;
use super::watcher::{Place, TopicId, Watch};
use crate::store::root::Files;

/// Places watches and takes them back; it knows how many topics must be polled because they cannot be watched.
pub(super) struct Watches {
    /// inotify.
    pub(super) watch: Watch,
    unwatched: usize,
}

impl Watches {
    /// None is placed.
    pub(super) fn new(watch: Watch) -> Watches {
        Watches {
            watch,
            unwatched: 0,
        }
    }

    /// Topics of which inotify does not report every change.
    pub(super) fn unwatched(&self) -> usize {
        self.unwatched
    }

    /// Watches the file of a topic, and the way to it as it is now.
    pub(super) fn place(&mut self, key: TopicId, topic: &mut Topic, files: &Files) {
        let mut places = Vec::new();
        let mut failure = None;
        let file = topic.file.as_fd();
        let added = if topic.directory.is_some() {
            self.watch.add_directory(file, key)
        } else {
            self.watch.add_file(file, key)
        };
        match added {
            Ok(place) => places.push(place),
            Err(error) => failure = Some(error),
        }
        let walked = files.walk(&topic.name, |directory, entry| {
            match self.watch.add_entry(directory, entry, key) {
                Ok(place) => places.push(place),
                Err(error) => failure = Some(error),
            }
        });
        // A way that crosses a directory twice watches one entry twice; it is given back once.
        let mut unique: Vec<Place> = Vec::new();
        for place in places {
            if !unique.contains(&place) {
                unique.push(place);
            }
        }
        let told = topic.file.tells_of_changes();
        if let Some(error) = &failure {
            if error.kind() != ErrorKind::Unsupported {
                warn_unwatched(error);
            }
        } else if !told {
            warn_remote();
        }
        // A way that cannot be walked to its end mostly leads nowhere any more, and then the next look finds that.
        self.set_watched(topic, failure.is_none() && told && walked.is_ok());
        let former: Vec<Place> = std::mem::replace(&mut topic.places, unique);
        for place in former {
            if !topic.places.contains(&place) {
                self.watch.remove(&place, key);
            }
        }
    }

    /// inotify reports everything that matters to a topic, or it must be polled.
    pub(super) fn set_watched(&mut self, topic: &mut Topic, watched: bool) {
        self.unwatched = self.unwatched + usize::from(topic.watched) - usize::from(watched);
        topic.watched = watched;
    }

    /// Takes back the watches of a topic that is gone.
    pub(super) fn give_back(&mut self, key: TopicId, topic: &mut Topic) {
        for place in std::mem::take(&mut topic.places) {
            self.watch.remove(&place, key);
        }
    }

    /// Takes back the watches of a topic that nobody follows any more.
    pub(super) fn forget(&mut self, key: TopicId, mut topic: Topic) {
        self.give_back(key, &mut topic);
        self.set_watched(&mut topic, true);
    }
}

fn warn_unwatched(error: &std::io::Error) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::warn!(
            "cannot watch every file ({error}; see fs.inotify.max_user_watches and the permissions of directories): \
             such files are polled"
        );
    });
}

fn warn_remote() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::warn!("this file system may not report every write: its files are polled");
    });
}
