//! Directories that event streams follow: looks at them, a slice in each turn, and sends news to their followers.

use std::mem;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::directory::{Directory, Wanted, slice};
use super::directory_look::Progress;
use super::site::Site;
use super::topics::Topics;
use super::watcher::TopicId;
use crate::http::pattern::Pattern;
use crate::http::target::{Path, last_component};
use crate::limits::{
    DIRECTORY_NAMES_MAX, DIRECTORY_SETTLE, DIRECTORY_SLICE, TREE_DEPTH_MAX, TREE_DIRECTORIES_MAX,
};
use crate::os::sys;
use crate::resource::Resource;
use crate::store::lookup::{Other, failed};
use crate::subscription::changelog::Version;
use crate::subscription::directory::Listed;
use crate::time::Moment;

impl Topics {
    /// The topic of a directory; its watches are in place.
    ///
    /// # Errors
    /// Why there is none, as the response says.
    pub fn follow_directory(&mut self, path: &Path) -> Result<TopicId, Other> {
        if let Some(key) = self.registry.named(&path.name)
            && self.registry[key].directory.is_some()
        {
            return Ok(key);
        }
        let name: Rc<[u8]> = Rc::from(&*path.name);
        let directory = self.lookups.find_again(&name, true)?;
        let (key, _) = self.follow(&name, directory)?;
        Ok(key)
    }

    /// What is in a directory is wanted by one stream more, or by one less.
    pub(crate) fn want_directory(&mut self, key: TopicId, wanted: &Wanted, more: bool) {
        let topic = self.registry.get_mut(key);
        match topic.and_then(|topic| topic.directory.as_mut()) {
            Some(directory) if more => directory.want(wanted),
            Some(directory) => {
                directory.unwant(wanted);
                for place in directory.trim_tree() {
                    self.watches.watch.remove(&place, key);
                }
            }
            None => {}
        }
    }

    /// What is in a directory that is followed, looked at now if something has happened and its pause is over. `files`: what
    /// of it is wanted, see `Wanted`.
    pub fn read_directory(
        &mut self,
        key: TopicId,
        files: Option<&[Pattern]>,
        now: Moment,
    ) -> Listed<'_> {
        let Some(directory) = &mut self.registry[key].directory else {
            return Listed::Nothing;
        };
        if !directory.knows(files) && directory.look.is_none() {
            directory.rescan = true;
        }
        if directory.is_busy() {
            match directory.due() <= now {
                true => self.look_at_directory(key, now),
                false => self.note_unreported(key),
            }
        }
        let directory = self.registry[key].directory.as_deref();
        directory.map_or(Listed::Nothing, |directory| directory.listed(files))
    }

    /// The last version of the files in a directory that fit, if it is known. `None` in it: of no directory.
    pub(crate) fn version_of(
        &self,
        key: TopicId,
        files: Option<&[Pattern]>,
    ) -> Option<Option<Version>> {
        let directory = self.registry.get(key)?.directory.as_ref()?;
        let shared = files.and_then(|patterns| directory.matches.get(patterns));
        let shared = shared.filter(|shared| shared.scanned);
        Some(shared.map(|shared| shared.matches.version()))
    }

    /// Looks at a directory for a slice of time. If that brings news, its followers get them.
    fn look_at_directory(&mut self, key: TopicId, now: Moment) {
        let topic = &mut self.registry[key];
        let begun = cost(topic.file.is_remote());
        let Some(directory) = topic.directory.as_deref_mut() else {
            return;
        };
        let files = self.lookups.files();
        let version = Version(self.version + 1);
        let path = Path {
            name: topic.name.as_ref().into(),
            slash: true,
        };
        let mut site = Site {
            files,
            file: topic.file.as_fd(),
            path: &path,
            watch: &mut self.watches.watch,
            key,
        };
        let result = match directory.found.take() {
            Some(news) => Ok(Progress::Done(news)),
            None => slice(directory, &mut site, version, now),
        };
        for place in directory.tree.take_unused() {
            self.watches.watch.remove(&place, key);
        }
        if directory.tree.is_newly_cut() {
            log::warn!(
                "below {path} there are more than {TREE_DIRECTORIES_MAX} directories, or more than {TREE_DEPTH_MAX} on the way \
                 to one: the event streams of this tree leave the others out"
            );
        }
        let news = match result {
            Ok(Progress::Slice) => {
                directory.spent += cost(topic.file.is_remote()) - begun;
                return self.note_unreported(key);
            }
            Ok(Progress::Done(news)) => news,
            Err(error) => {
                let found = unlisted(&failed(error, &path.name));
                give_up_look(directory, matches!(found, Listed::Nothing))
            }
        };
        self.version += 1;
        let all = self.watches.place_links(key, topic, files);
        let spent = cost(topic.file.is_remote()) - begun;
        let Some(directory) = topic.directory.as_deref_mut() else {
            return;
        };
        directory.spent += spent;
        if !all {
            directory.found = Some(news);
            return self.note_unreported(key);
        }
        directory.rest(now);
        let more = directory.must_look();
        if topic.watched && !topic.tree_is_watched() {
            self.watches.set_watched(topic, false);
            self.plan_poll(key);
        }
        if more {
            self.note_unreported(key);
        }
        if news {
            self.fan_out(key);
        }
    }

    /// Something has happened in a directory, and it is not known in which entries.
    pub(crate) fn note_change(&mut self, key: TopicId) {
        if let Some(directory) = &mut self.registry[key].directory {
            (directory.rescan, directory.unsure) = (true, true);
            self.note_news(key);
        }
    }

    /// In a directory, or below it, directories have come or gone.
    pub(super) fn note_directories(&mut self, key: TopicId) {
        let topic = self.registry.get_mut(key);
        let directory = topic.and_then(|topic| topic.directory.as_mut());
        if let Some(directory) = directory.filter(|directory| directory.is_tree()) {
            directory.rescan = true;
            self.note_news(key);
        }
    }

    /// Something has happened to a file to which a link in a directory leads.
    pub(super) fn note_links(&mut self, key: TopicId) {
        let topic = self.registry.get_mut(key);
        if let Some(directory) = topic.and_then(|topic| topic.directory.as_mut()) {
            directory.links_changed = true;
            self.note_news(key);
        }
    }

    /// Something has happened to an entry of a directory.
    pub(crate) fn note_entry(&mut self, key: TopicId, name: Box<[u8]>) {
        let topic = self.registry.get_mut(key);
        let Some(directory) = topic.and_then(|topic| topic.directory.as_mut()) else {
            return;
        };
        let hidden = last_component(&name).starts_with(b".");
        if hidden || !directory.is_wanted(&name) {
            return;
        }
        if directory.changed.len() < DIRECTORY_NAMES_MAX {
            directory.changed.insert(name);
        } else {
            directory.rescan = true;
        }
        self.note_news(key);
    }

    fn note_news(&mut self, key: TopicId) {
        if let Some(directory) = self.registry[key].directory.as_mut()
            && !self.unreported.contains(&key)
        {
            directory.noted = true;
            self.unreported.push(key);
        }
    }

    fn note_unreported(&mut self, key: TopicId) {
        if !self.unreported.contains(&key) {
            self.unreported.push(key);
        }
    }

    /// When [`Topics::tell_directories`] has something to do.
    #[must_use]
    pub fn next_directory(&self) -> Moment {
        let next = |key: &TopicId| {
            self.registry
                .get(*key)?
                .directory
                .as_ref()
                .map(|directory| directory.due())
        };
        let next = self.unreported.iter().filter_map(next);
        next.min().unwrap_or(Moment::NEVER)
    }

    /// Looks at the directories in which something has happened and whose pause is over, each for a slice of time.
    pub fn tell_directories(&mut self, now: Moment) {
        if self.unreported.is_empty() {
            return;
        }
        let begun = Instant::now();
        for key in mem::take(&mut self.unreported) {
            let topic = self.registry.get_mut(key);
            let Some(directory) = topic.and_then(|topic| topic.directory.as_mut()) else {
                continue;
            };
            // A roll is a rename and a creation: a look between the two would find the name gone.
            if mem::take(&mut directory.noted) {
                directory.next = directory.next.max(now + DIRECTORY_SETTLE);
            }
            match directory.due() <= now && begun.elapsed() < DIRECTORY_SLICE {
                true => self.look_at_directory(key, now),
                false => self.note_unreported(key),
            }
        }
    }
}

/// Ends a look that has failed. `lost`: what was found before counts no more. True if that is news.
fn give_up_look(directory: &mut Directory, lost: bool) -> bool {
    directory.look = None;
    // What clients know may still be true, if the trouble is temporary.
    (directory.rescan, directory.unsure) = (!lost, !lost);
    if lost {
        directory.entries = None;
        let shared = directory.matches.values_mut();
        shared.for_each(|shared| shared.scanned = false);
    }
    lost && !mem::replace(&mut directory.unreadable, lost)
}

/// What looks cost so far: processor time, since a busy machine makes no look dearer; where other machines answer, all of the
/// time, since the worker waits for them.
fn cost(remote: bool) -> Duration {
    match remote {
        true => sys::monotonic(),
        false => sys::thread_time(),
    }
}

/// What followers learn of a directory that could not be looked up or read: a temporary failure says nothing about it.
pub(crate) fn unlisted(found: &Other) -> Listed<'static> {
    match found {
        Resource::Busy | Resource::Overloaded => Listed::Unknown,
        _ => Listed::Nothing,
    }
}
