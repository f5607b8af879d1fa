//! The watches of topics: at the file, and at every entry on the way to it.

use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Once;
use std::time::Instant;

use super::directory::Directory;
use super::polls::PollTerms;
use super::topic::Topic;
use super::watcher::{Place, TopicId, Watch};
use crate::http::target::Path;
use crate::limits::{DIRECTORY_SLICE, POLL_FAST};
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
    pub(super) fn place(
        &mut self,
        key: TopicId,
        topic: &mut Topic,
        files: &Files,
        terms: PollTerms,
    ) {
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
        let mut steps = 0;
        let walked = files.walk(&topic.name, |directory, entry| {
            steps += 1;
            match self.watch.add_entry(directory, entry, key) {
                Ok(place) => places.push(place),
                Err(error) => failure = Some(error),
            }
        });
        // A way that crosses a directory twice watches one entry twice; the watch goes back once.
        let mut unique: Vec<Place> = Vec::new();
        for place in places {
            if !unique.contains(&place) {
                unique.push(place);
            }
        }
        let tells = topic.file.tells_of_changes();
        if let Some(error) = &failure {
            if error.kind() != ErrorKind::Unsupported {
                warn_unwatched(error);
            }
        } else if !tells {
            warn_polled(topic, terms);
        }
        // A way that cannot be walked to its end mostly leads nowhere any more, and then the next look finds that.
        let tree = topic.tree_is_watched();
        self.set_watched(topic, failure.is_none() && tells && tree && walked.is_ok());
        if let Ok(place) = walked
            && !topic.watched
        {
            note_home(topic, files, place.as_fd(), steps);
        }
        let former: Vec<Place> = std::mem::replace(&mut topic.places, unique);
        for place in former {
            if !topic.watches(&place) {
                self.watch.remove(&place, key);
            }
        }
    }

    /// Watches where the links in a directory lead now, for a slice of time. Their events are those of the directory. False:
    /// some are left.
    pub(super) fn place_links(&mut self, key: TopicId, topic: &mut Topic, files: &Files) -> bool {
        let Some(mut links) = topic.directory.as_deref_mut().map(Directory::take_links) else {
            return true;
        };
        let begun = Instant::now();
        let mut again = Vec::new();
        let slash: &[u8] = if topic.name.is_empty() { b"" } else { b"/" };
        while let Some(name) = links.next_moved() {
            let below = [&topic.name, slash, &*name].concat();
            // What the directory itself watches is given back with it.
            let mut places = self.way(key, &below, files);
            places.retain(|place| !topic.places.contains(place));
            if !links.is_placed(&name, &places) {
                // Something may have happened there before it was watched.
                again.push(name.clone());
            }
            let unused = links.place(&name, places).into_iter();
            for unused in unused.filter(|place| !topic.places.contains(place)) {
                self.watch.remove(&unused, key);
            }
            if begun.elapsed() >= DIRECTORY_SLICE {
                break;
            }
        }
        let all = !links.any_moved();
        if let Some(directory) = &mut topic.directory {
            directory.links = links;
            directory.changed.extend(again);
        }
        all
    }

    /// Watches a file and the way to it, as far as that can be watched.
    fn way(&mut self, key: TopicId, name: &[u8], files: &Files) -> Vec<Place> {
        let mut places: Vec<Place> = Vec::new();
        let mut add = |place: std::io::Result<Place>| {
            // The others are looked at now and then all the same.
            if let Ok(place) = place
                && !places.contains(&place)
            {
                places.push(place);
            }
        };
        let target = files.walk(name, |directory, entry| {
            add(self.watch.add_entry(directory, entry, key));
        });
        if let Ok(target) = target {
            add(self.watch.add_file(target.as_fd(), key));
        }
        places
    }

    /// inotify reports everything that matters to a topic, or it must be polled.
    pub(super) fn set_watched(&mut self, topic: &mut Topic, watched: bool) {
        self.unwatched = self.unwatched + usize::from(topic.watched) - usize::from(watched);
        topic.watched = watched;
    }

    /// Takes back the watches of a topic that is gone.
    pub(super) fn give_back(&mut self, key: TopicId, topic: &mut Topic) {
        let mut places = std::mem::take(&mut topic.places);
        if let Some(directory) = &mut topic.directory {
            places.extend(directory.take_links().into_places());
            places.extend(directory.tree.take_all());
        }
        for place in places {
            self.watch.remove(&place, key);
        }
    }

    /// Takes back the watches of a topic that nobody follows any more.
    pub(super) fn forget(&mut self, key: TopicId, mut topic: Topic) {
        self.give_back(key, &mut topic);
        self.set_watched(&mut topic, true);
    }
}

/// A name was followed to this place in so many steps: if links led there, and it is the file, that is where the file is.
fn note_home(topic: &mut Topic, files: &Files, place: BorrowedFd<'_>, steps: usize) {
    if topic.file.is_at(place) {
        let components = topic.name.split(|byte| *byte == b'/').count();
        let home = (steps > components).then(|| files.name_of(&topic.file));
        topic.home = home.flatten().map(Vec::into_boxed_slice);
    }
}

fn warn_unwatched(error: &std::io::Error) {
    let hint = match error.kind() {
        ErrorKind::StorageFull => "raise fs.inotify.max_user_watches",
        ErrorKind::PermissionDenied => "see the permissions of directories",
        // A name went away meanwhile; without a /proc, through which every watch is placed, there is no name.
        ErrorKind::NotFound if std::path::Path::new("/proc/self/fd").exists() => return,
        ErrorKind::NotFound => "there is no /proc",
        _ => "the kernel refuses the watch",
    };
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::warn!("cannot watch every file ({error}; {hint}): such files are polled");
    });
}

fn warn_polled(topic: &Topic, terms: PollTerms) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let path = Path {
            name: topic.name.as_ref().into(),
            slash: false,
        };
        let system = topic.file.file_system();
        let (least, most) = (POLL_FAST.min(terms.interval), terms.interval);
        log::warn!(
            "{path} is on {system}, which may not report every write: its files are polled, every {} ms while they grow \
             and every {} ms while they rest",
            least.as_millis(),
            most.as_millis()
        );
    });
}
