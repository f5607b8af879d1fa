//! Which names an event stream follows.

use std::collections::HashMap;
use std::rc::Rc;

use super::directory::Wanted;
use super::registry::narrow;
use super::topic::SlotId;
use super::topics::Topics;
use super::watcher::TopicId;
use crate::http::pattern::Pattern;
use crate::store::file::{Id, OpenFile};

/// Which topics the event streams follow, by their slots, if that is more than one file. There may be tens of thousands of
/// those that follow one file: their slots know its topic, as those of tails do (`only` below), and have no entry here.
#[derive(Default)]
pub struct EventSubscriptions {
    any: HashMap<SlotId, StreamTopics>,
}

/// The topics of one event stream.
#[derive(Default)]
struct StreamTopics {
    directory: Option<(TopicId, Wanted)>,
    /// The topic of each name, by the index of the name in the stream.
    files: Vec<Option<TopicId>>,
    /// The topics of earlier files to which somebody may still append.
    late: Vec<(Id, TopicId)>,
}

impl EventSubscriptions {
    /// A stream follows this topic, or none, by its name with this number. Returns the one that it has followed by it.
    pub(crate) fn replace(
        &mut self,
        slot: usize,
        only: &mut Option<u32>,
        member: usize,
        topic: Option<TopicId>,
    ) -> Option<TopicId> {
        let files = &mut self.topics_of(slot, only).files;
        if files.len() <= member {
            files.resize(member + 1, None);
        }
        let former = std::mem::replace(&mut files[member], topic);
        self.compact(slot, only);
        former
    }

    /// All that it follows, to change it; call [`EventSubscriptions::compact`] after that.
    fn topics_of(&mut self, slot: usize, only: &mut Option<u32>) -> &mut StreamTopics {
        let only = only.take().map(|topic| Some(topic as TopicId));
        let topics = self.any.entry(narrow(slot)).or_default();
        topics.files.extend(only);
        topics
    }

    fn compact(&mut self, slot: usize, only: &mut Option<u32>) {
        let slot = narrow(slot);
        if let Some(topics) = self.any.get(&slot)
            && let (None, [Some(topic)], []) = (&topics.directory, &*topics.files, &*topics.late)
        {
            *only = Some(narrow(*topic));
            self.any.remove(&slot);
        }
    }

    /// A stream follows this directory from now on, and wants this of it.
    pub(crate) fn follow_directory(
        &mut self,
        slot: usize,
        only: &mut Option<u32>,
        topic: Option<TopicId>,
        files: Option<&[Pattern]>,
        topics: &mut Topics,
    ) {
        let joined = &mut self.topics_of(slot, only).directory;
        if joined.as_ref().map(|(topic, _)| *topic) == topic {
            return;
        }
        let wanted = files.map(Box::from);
        if let Some(topic) = topic {
            topics.join(topic, slot);
            topics.want_directory(topic, &wanted, true);
        }
        let joining = topic.map(|topic| (topic, wanted));
        if let Some((former, wanted)) = std::mem::replace(joined, joining) {
            topics.want_directory(former, &wanted, false);
            topics.leave(former, slot);
        }
    }

    /// Whether a stream follows earlier files.
    pub(crate) fn has_late(&self, slot: usize) -> bool {
        let joined = self.any.get(&narrow(slot));
        joined.is_some_and(|joined| !joined.late.is_empty())
    }

    /// A stream follows these earlier files, and no others, so that it hears when they grow. Returns those that are none of
    /// the family any more.
    pub(crate) fn follow_late(
        &mut self,
        slot: usize,
        only: &mut Option<u32>,
        files: &[(Box<[u8]>, Rc<OpenFile>)],
        topics: &mut Topics,
    ) -> Vec<Id> {
        let joined = self.topics_of(slot, only);
        let mut gone = Vec::new();
        for (name, file) in files {
            if joined.late.iter().all(|(id, _)| *id != file.id()) {
                let (topic, _) = topics.follow_generation(name, name, file);
                if topics.is_gone(topic) {
                    topics.drop_if_unused(topic);
                    gone.push(file.id());
                } else {
                    topics.join(topic, slot);
                    joined.late.push((file.id(), topic));
                }
            }
        }
        let wanted = |id: Id| files.iter().any(|(_, file)| file.id() == id);
        let (kept, over) = std::mem::take(&mut joined.late)
            .into_iter()
            .partition(|(id, _)| wanted(*id));
        joined.late = kept;
        let over: Vec<(Id, TopicId)> = over;
        for (_, topic) in over {
            // It may be followed by its name again.
            if !joined.files.contains(&Some(topic)) {
                topics.leave(topic, slot);
            }
        }
        self.compact(slot, only);
        gone
    }

    /// A stream that follows more than one file is over.
    pub(crate) fn leave(&mut self, slot: usize, topics: &mut Topics) {
        let Some(joined) = self.any.remove(&narrow(slot)) else {
            return;
        };
        if let Some((topic, wanted)) = joined.directory {
            topics.want_directory(topic, &wanted, false);
            topics.leave(topic, slot);
        }
        let late = joined.late.into_iter().map(|(_, topic)| topic);
        for topic in joined.files.into_iter().flatten().chain(late) {
            topics.leave(topic, slot);
        }
    }

    /// Which one of the names of a subscriber leads to this topic. The only one is 0; the directory of an event stream is
    /// none of its names.
    pub(crate) fn name(&self, slot: usize, topic: TopicId) -> Option<usize> {
        match self.any.get(&narrow(slot)) {
            None => Some(0),
            Some(joined) => joined.files.iter().position(|&file| file == Some(topic)),
        }
    }
}
