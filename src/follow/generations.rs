//! Topics of files that are followed as generations of a name: wherever the family keeps them.
//!
//! The worker watches such a topic like any other, by the name that its file has now. When that name no longer leads to the
//! file, it looks for the file; the topic ends only if the file has left the family or has no name any more.

use std::rc::Rc;

use rustix::io::Errno;

use super::look_up::Lookup;
use super::rolls::{Entry, Sight};
use super::topics::Topics;
use super::watcher::TopicId;
use crate::http::conditional::ETag;
use crate::http::target::last_component;
use crate::intent::{FilePart, ParsedRequest};
use crate::limits::FOLLOW_TRIES;
use crate::resource::{FileInfo, GenerationPlace, Resource};
use crate::store::file::OpenFile;
use crate::store::generations::fact::Holder;
use crate::store::generations::families::split;
use crate::store::generations::links::name_in_family;
use crate::store::generations::order::Modified;
use crate::store::lookup::{self, failed};
use crate::store::root::{Files, Node};

/// Reads of the inotify queue in a row, some thousand events each.
const READS_MAX: usize = 16;

/// A file as it is remembered.
pub(crate) fn holder(file: &OpenFile) -> Holder {
    Holder {
        etag: file.tag(),
        inode: file.id().inode(),
        size: file.cached_stat().map_or(0, |stat| stat.size),
    }
}

/// Looks at the entries of the directory of a log.
impl Sight for &Files {
    fn holder(&mut self, name: &Rc<[u8]>, entry: &Entry) -> Option<Holder> {
        Some(self.measure(name, entry)?.0)
    }

    fn measure(&mut self, name: &Rc<[u8]>, entry: &Entry) -> Option<(Holder, Modified)> {
        let (directory, _) = split(name);
        Files::measure(self, &[directory, &entry.1].concat())
    }

    fn last_size(&mut self, etag: ETag) -> Option<u64> {
        Files::last_size(self, etag)
    }
}

/// A generation that is followed: its file, what is known of it, and its topic.
type Followed = (Rc<OpenFile>, FileInfo, TopicId);

impl Topics {
    /// Observes what becomes of a followed name, and remembers which file has it.
    pub(super) fn observe(&mut self, key: TopicId) {
        let topic = &self.registry[key];
        let (name, holder) = (Rc::clone(&topic.name), holder(&topic.file));
        // The last step of the way. Behind a symbolic link other files have other names.
        let own = last_component(&name);
        let place = topic.places.last();
        let entry = place.and_then(|place| self.watches.watch.add_log(place));
        if let Some(entry) = &entry
            && !self.rolls.is_settled(entry)
        {
            // What came before it is reported first, so the history has both in order.
            self.read_changes();
        }
        self.families.history.note_holder(&name, holder);
        if let Some(entry) = entry {
            if *entry.1 != *own {
                return self.watches.watch.remove_log(&entry);
            }
            if !self.rolls.accounts_for(&entry, holder) {
                // It may have got the name by a roll that is still in the queue.
                self.read_changes();
            }
            if let Some(dropped) = self.rolls.follow(&entry, &name, holder) {
                self.watches.watch.remove_log(&dropped);
            }
        }
    }

    /// Identifies the files that were rolled, and tells the history.
    pub(super) fn settle_rolls(&mut self) {
        for _ in 0..READS_MAX {
            let mut files = self.lookups.files();
            self.rolls
                .identify(|name, entry| Sight::holder(&mut files, name, entry));
            // What happened before they were identified is in the queue by now.
            if !self.take_changes() {
                let files = self.lookups.files();
                return self.rolls.confirm(&self.families.history, files);
            }
        }
    }

    /// The topic of a generation of `name`, which was just found at `path`.
    pub(crate) fn follow_generation(
        &mut self,
        name: &[u8],
        path: &[u8],
        file: &Rc<OpenFile>,
    ) -> (TopicId, Rc<OpenFile>) {
        let family: Rc<[u8]> = name.into();
        if let Some(key) = self.registry.generation(&family, file.id()) {
            let held = &self.registry[key].file;
            if !held.is_copied(file) {
                return (key, Rc::clone(held));
            }
            self.registry.unmap(key);
        }
        let key = self.registry.insert(&Rc::from(path), file, Some(family));
        // Its watches are placed first: so whatever happens to the name from now on makes an event, or is seen here.
        self.place(key);
        self.check_name(key, None);
        let topic = &self.registry[key];
        if *topic.name == *name && topic.gone.is_none() {
            // It belongs to the family under whatever name it gets next, if that is seen.
            self.observe(key);
        }
        (key, Rc::clone(file))
    }

    /// The file of a name with this tag, if it is at this place. If it may be answered with a tail, its watches are in
    /// place before its size is measured.
    pub(crate) fn look_up_generation(
        &mut self,
        asked: &ParsedRequest,
        part: &FilePart,
        place: GenerationPlace,
        etag: ETag,
    ) -> Option<Lookup> {
        let (name, path) = (&part.path.name, &place.path.name);
        let found = match asked.subscribes() {
            true => self
                .find_generation(name, path, etag)?
                .map(|(file, info, topic)| (file, info, Some(topic))),
            false => self.identified(name, path, etag)?.and_then(|file| {
                let info = file.info()?;
                Ok((file, info, None))
            }),
        };
        let started = found.and_then(|(file, mut info, topic)| {
            let start = lookup::start(part.start, false, &file, &info);
            let before = lookup::bytes_before(asked, &file);
            let read = start.and_then(|start| Ok((start, before?)));
            match read {
                Ok((start, before)) => {
                    (info.start, info.bytes_before) = (start, before);
                    info.date_is_shared = self.lookups.is_date_shared(asked, path, &info);
                }
                Err(error) => {
                    topic
                        .into_iter()
                        .for_each(|topic| self.drop_if_unused(topic));
                    return Err(error);
                }
            }
            Ok((file, info, topic))
        });
        match started {
            Ok((file, info, topic)) if info.etag == etag => {
                let place = Box::new(place);
                let found = Resource::Generation { file, info, place };
                Some(Lookup { found, topic })
            }
            // It was truncated just now.
            Ok((_, _, topic)) => {
                topic
                    .into_iter()
                    .for_each(|topic| self.drop_if_unused(topic));
                None
            }
            Err(error) => Some(failed(error, path).into()),
        }
    }

    /// The file of a name with this tag, to be followed, if it is at this place.
    pub(crate) fn find_generation(
        &mut self,
        name: &[u8],
        path: &[u8],
        etag: ETag,
    ) -> Option<Result<Followed, Errno>> {
        let file = match self.identified(name, path, etag)? {
            Ok(file) => file,
            Err(error) => return Some(Err(error)),
        };
        if let Some(key) = self.registry.generation(&Rc::from(name), file.id())
            && self.registry[key].file.is_unsealed()
        {
            // Its tails end where it was sealed; those that come now do not.
            self.registry.unmap(key);
        }
        let (topic, file) = self.follow_generation(name, path, &file);
        let info = file.info();
        if !info.as_ref().is_ok_and(|info| info.etag == etag) {
            self.drop_if_unused(topic);
        }
        match info {
            Ok(info) if info.etag != etag => None,
            info => Some(info.map(|info| (file, info, topic))),
        }
    }

    /// The file of a name with this tag, if it is at this place.
    fn identified(
        &self,
        name: &[u8],
        path: &[u8],
        etag: ETag,
    ) -> Option<Result<Rc<OpenFile>, Errno>> {
        let id = self.lookups.files().identify(path).ok()?;
        // A topic's file remembers its size, so that a truncation shows.
        let held = self.registry.generation(&Rc::from(name), id);
        let held = held.or(self.registry.named(path));
        let held = held.map(|key| Rc::clone(&self.registry[key].file));
        let held = held.filter(|file| !file.is_unsealed());
        match self.lookups.files().find(path, held.as_ref()) {
            Ok(Node::File(file)) => (file.tag() == etag).then_some(Ok(file)),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(error) => Some(Err(error)),
        }
    }

    /// Whether the file of a topic is not followed any more.
    pub(crate) fn is_gone(&self, key: TopicId) -> bool {
        self.registry[key].gone.is_some()
    }

    /// Finds the file of a generation under the name that it has now, and watches that. False if it is in the family no
    /// more, or the topic is that of a name.
    pub(super) fn rehome(&mut self, key: TopicId) -> bool {
        for _ in 0..FOLLOW_TRIES {
            let topic = &self.registry[key];
            let Some(family) = topic.family.clone() else {
                return false;
            };
            let files = self.lookups.files();
            let path = name_in_family(files, &self.families, &family, &topic.file);
            let Some(path) = path else {
                return false;
            };
            self.registry[key].name = Rc::from(&*path);
            self.place(key);
            let found = self.lookups.files().identify(&path);
            if found.is_ok_and(|id| id == self.registry[key].file.id()) {
                return true;
            }
        }
        false
    }
}
