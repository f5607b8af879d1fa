//! Directories that event streams follow: what is in them, told not more often than it can be looked at cheaply.

use std::os::fd::AsFd;
use std::rc::Rc;

use super::registry::Topics;
use super::watcher::TopicId;
use crate::http::target::Path;
use crate::limits::{DIRECTORY_PAUSE, DIRECTORY_PAUSE_ENTRY};
use crate::resource::Resource;
use crate::store::listing::{self, Form};
use crate::store::lookup::{Other, failed};
use crate::subscription::changelog::{ChangeLog, Version};
use crate::subscription::directory::Listed;
use crate::time::Moment;

/// What is in a directory, as far as it was looked at.
#[derive(Default)]
pub(crate) struct Directory {
    /// `None`: it could not be looked at yet, or not any more.
    changelog: Option<ChangeLog>,
    /// It could not be read when it was looked at last.
    unreadable: bool,
    /// Something has happened in it since.
    changed: bool,
    /// It is not looked at again before.
    next: Moment,
}

impl Topics {
    /// The topic of a directory; its watches are in place.
    ///
    /// # Errors
    /// Why there is none, as it is answered.
    pub fn follow_directory(&mut self, path: &Path) -> Result<TopicId, Other> {
        if let Some(&key) = self.by_name.get(&*path.name)
            && self.topics[key].directory.is_some()
        {
            return Ok(key);
        }
        let name: Rc<[u8]> = Rc::from(&*path.name);
        let directory = self.lookups.find_again(&name, true)?;
        let (key, _) = self.follow(&name, directory)?;
        Ok(key)
    }

    /// What is in a directory that is followed, looked at now if something has happened and its pause is over.
    pub fn read_directory(&mut self, key: TopicId, path: &Path, now: Moment) -> Listed<'_> {
        let topic = &mut self.topics[key];
        let Some(directory) = &mut topic.directory else {
            return Listed::Nothing;
        };
        if (directory.changelog.is_none() || directory.changed) && directory.next <= now {
            let files = self.lookups.files();
            match listing::read(files, topic.file.as_fd(), path, Form::Topics) {
                Ok(listing) => {
                    self.version += 1;
                    let version = Version(self.version);
                    let entries = u32::try_from(listing.entries.len()).unwrap_or(u32::MAX);
                    directory.next = now + DIRECTORY_PAUSE + DIRECTORY_PAUSE_ENTRY * entries;
                    (directory.changed, directory.unreadable) = (false, false);
                    let changelog = directory
                        .changelog
                        .get_or_insert_with(|| ChangeLog::new(version));
                    changelog.update(listing.entries, listing.truncated, version);
                }
                Err(error) => {
                    directory.next = now + DIRECTORY_PAUSE;
                    let found = unlisted(&failed(error, &path.name));
                    directory.unreadable = matches!(found, Listed::Nothing);
                    if directory.unreadable {
                        directory.changelog = None;
                    } else if directory.changelog.is_some() {
                        // What was told may still be so.
                        self.note_change(key);
                    }
                }
            }
        }
        match self.topics[key].directory.as_deref() {
            Some(Directory {
                changelog: Some(changelog),
                ..
            }) => Listed::Entries(changelog),
            Some(Directory {
                unreadable: true, ..
            }) => Listed::Nothing,
            _ => Listed::Unknown,
        }
    }

    /// Something has happened in a directory.
    pub(crate) fn note_change(&mut self, key: TopicId) {
        if let Some(directory) = &mut self.topics[key].directory {
            directory.changed = true;
            if !self.untold.contains(&key) {
                self.untold.push(key);
            }
        }
    }

    /// When [`Topics::tell_directories`] has something to do.
    #[must_use]
    pub fn next_directory(&self) -> Moment {
        let next = |key: &TopicId| {
            self.topics
                .get(*key)?
                .directory
                .as_ref()
                .map(|directory| directory.next)
        };
        let next = self.untold.iter().filter_map(next);
        next.min().unwrap_or(Moment::NEVER)
    }

    /// Has those driven who follow directories in which something has happened and whose pause is over.
    pub fn tell_directories(&mut self, now: Moment) {
        if self.untold.is_empty() {
            return;
        }
        for key in std::mem::take(&mut self.untold) {
            match self
                .topics
                .get(key)
                .and_then(|topic| topic.directory.as_ref())
            {
                Some(directory) if directory.next <= now => self.fan_out(key),
                Some(_) => self.untold.push(key),
                None => {}
            }
        }
    }
}

/// What is told of a directory that could not be looked up or read: temporary trouble tells nothing of it.
pub(crate) fn unlisted(found: &Other) -> Listed<'static> {
    match found {
        Resource::Busy => Listed::Unknown,
        _ => Listed::Nothing,
    }
}
