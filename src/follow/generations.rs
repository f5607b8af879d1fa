//! Topics of files that are followed as generations of a name: wherever the family keeps them.
//!
//! Such a topic is watched like any other, by the name that its file has now. When that name no longer leads to the file,
//! the file is looked for, and its topic ends only if it has left the family or has no name any more.

use std::rc::Rc;

use rustix::io::Errno;

use super::registry::{Lookup, Topics};
use super::watcher::TopicId;
use crate::http::conditional::ETag;
use crate::intent::FilePart;
use crate::limits::FOLLOW_TRIES;
use crate::resource::{GenerationPlace, Resource};
use crate::store::file::OpenFile;
use crate::store::generations::history::Holder;
use crate::store::lookup::{self, failed};
use crate::store::root::Node;

/// A file as it is remembered.
pub(crate) fn holder(file: &OpenFile) -> Holder {
    Holder {
        etag: file.tag(),
        inode: file.id().inode(),
        size: file.cached_stat().map_or(0, |stat| stat.size),
    }
}

impl Topics {
    /// The topic of a generation of `name`, which was just found at `path`.
    pub(crate) fn follow_generation(
        &mut self,
        name: &[u8],
        path: &[u8],
        file: &Rc<OpenFile>,
    ) -> (TopicId, Rc<OpenFile>) {
        let family: Rc<[u8]> = name.into();
        if let Some(&key) = self.by_generation.get(&(Rc::clone(&family), file.id())) {
            return (key, Rc::clone(&self.topics[key].file));
        }
        let key = self.insert(&Rc::from(path), file, Some(family));
        // Its watches are placed first: so whatever happens to the name from now on makes an event, or is seen here.
        self.place(key);
        self.check_name(key, None);
        (key, Rc::clone(file))
    }

    /// The file of a name with this tag, if it is at this place. If it may be answered with a tail, its watches are in
    /// place before its size is measured.
    pub(crate) fn look_up_generation(
        &mut self,
        part: &FilePart,
        place: GenerationPlace,
        etag: ETag,
        subscribes: bool,
    ) -> Option<Lookup> {
        let (name, path) = (&part.path.name, &place.path.name);
        let id = self.lookups.files().identify(path).ok()?;
        // A topic's file remembers its size, so that a truncation shows.
        let held = self.by_generation.get(&(Rc::from(&**name), id));
        let held = held.or(self.by_name.get(&**path));
        let held = held.map(|&key| Rc::clone(&self.topics[key].file));
        let file = match self.lookups.files().find(path, held.as_ref()) {
            Ok(Node::File(file)) => file,
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => return None,
            Err(error) => return Some(failed(error, path).into()),
        };
        if file.tag() != etag {
            return None;
        }
        let (topic, file) = match subscribes {
            true => {
                let (topic, file) = self.follow_generation(name, path, &file);
                (Some(topic), file)
            }
            false => (None, file),
        };
        let info = file.info().and_then(|mut info| {
            info.start = lookup::start(part.start, false, &file, &info)?;
            Ok(info)
        });
        let found = match info {
            Ok(info) if info.etag == etag => Resource::Generation {
                file,
                info,
                place: Box::new(place),
            },
            // It was truncated just now.
            Ok(_) => {
                topic
                    .into_iter()
                    .for_each(|topic| self.drop_if_unused(topic));
                return None;
            }
            Err(error) => {
                topic
                    .into_iter()
                    .for_each(|topic| self.drop_if_unused(topic));
                return Some(failed(error, path).into());
            }
        };
        Some(Lookup { found, topic })
    }

    /// Finds the file of a generation under the name that it has now, and watches that. False if it is in the family no
    /// more, or the topic is that of a name.
    pub(super) fn rehome(&mut self, key: TopicId) -> bool {
        for _ in 0..FOLLOW_TRIES {
            let topic = &self.topics[key];
            let Some(family) = topic.family.clone() else {
                return false;
            };
            let Some(path) = self.lookups.files().name_of(&topic.file) else {
                return false;
            };
            if !self.families.has(&family, &path, topic.file.tag()) {
                return false;
            }
            self.topics[key].name = Rc::from(&*path);
            self.place(key);
            let found = self.lookups.files().identify(&path);
            if found.is_ok_and(|id| id == self.topics[key].file.id()) {
                return true;
            }
        }
        false
    }
}
