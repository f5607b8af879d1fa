//! Directories that event streams follow: what is in them, told not more often than it can be looked at cheaply.

use std::os::fd::AsFd;
use std::rc::Rc;

use super::lookup::Other;
use super::topics::Topics;
use crate::connection::{Listed, Moment};
use crate::http::target::Path;
use crate::http::topics::{Book, Version};
use crate::limits::{FOLDER_PAUSE, FOLDER_PAUSE_ENTRY};
use crate::os::listing::{self, Form};
use crate::os::watch::Topic as Key;

/// What is in a directory, as far as it was looked at.
#[derive(Default)]
pub(super) struct Folder {
    /// `None`: it was not looked at yet.
    book: Option<Book>,
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
    pub fn follow_directory(&mut self, path: &Path) -> Result<Key, Other> {
        if let Some(&key) = self.by_name.get(&*path.name)
            && self.topics[key].folder.is_some()
        {
            return Ok(key);
        }
        let name: Rc<[u8]> = Rc::from(&*path.name);
        let directory = self.lookups.find_again(&name, true)?;
        let (key, _) = self.follow(&name, directory)?;
        Ok(key)
    }

    /// What is in a directory that is followed, looked at now if something has happened and its pause is over.
    pub fn read_directory(&mut self, key: Key, path: &Path, now: Moment) -> Listed<'_> {
        let topic = &mut self.topics[key];
        let Some(folder) = &mut topic.folder else {
            return Listed::Nothing;
        };
        if folder.book.is_none() || folder.changed && folder.next <= now {
            let files = self.lookups.files();
            match listing::read(files, topic.file.as_fd(), path, Form::Topics) {
                Ok(listing) => {
                    self.version += 1;
                    let version = Version(self.version);
                    let entries = u32::try_from(listing.entries.len()).unwrap_or(u32::MAX);
                    folder.next = now + FOLDER_PAUSE + FOLDER_PAUSE_ENTRY * entries;
                    folder.changed = false;
                    let book = folder.book.get_or_insert_with(|| Book::new(version));
                    book.update(listing.entries, listing.truncated, version);
                }
                // It is tried again after a pause.
                Err(_) => {
                    folder.next = now + FOLDER_PAUSE;
                    self.note_change(key);
                }
            }
        }
        match self.topics[key]
            .folder
            .as_ref()
            .and_then(|folder| folder.book.as_ref())
        {
            Some(book) => Listed::Book(book),
            None => Listed::Unknown,
        }
    }

    /// Something has happened in a directory.
    pub(super) fn note_change(&mut self, key: Key) {
        if let Some(folder) = &mut self.topics[key].folder {
            folder.changed = true;
            if !self.folders.contains(&key) {
                self.folders.push(key);
            }
        }
    }

    /// When [`Topics::tell_directories`] has something to do.
    #[must_use]
    pub fn next_directory(&self) -> Moment {
        let next = |key: &Key| {
            self.topics
                .get(*key)?
                .folder
                .as_ref()
                .map(|folder| folder.next)
        };
        let next = self.folders.iter().filter_map(next);
        next.min().unwrap_or(Moment::NEVER)
    }

    /// Has those driven who follow directories in which something has happened and whose pause is over.
    pub fn tell_directories(&mut self, now: Moment) {
        if self.folders.is_empty() {
            return;
        }
        for key in std::mem::take(&mut self.folders) {
            match self.topics.get(key).and_then(|topic| topic.folder.as_ref()) {
                Some(folder) if folder.next <= now => self.pass(key),
                Some(_) => self.folders.push(key),
                None => {}
            }
        }
    }
}
