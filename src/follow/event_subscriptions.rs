//! Which names an event stream follows.

use std::collections::HashMap;

use super::registry::Topics;
use super::watcher::TopicId;

/// Which topics the event streams follow, by their slots. A tail follows one, which its slot knows.
#[derive(Default)]
pub struct EventSubscriptions(HashMap<usize, StreamTopics>);

/// The topics of one event stream.
#[derive(Default)]
struct StreamTopics {
    directory: Option<TopicId>,
    /// By the number of the name.
    files: Vec<Option<TopicId>>,
}

impl EventSubscriptions {
    /// A stream follows this topic by its first name.
    pub(crate) fn join(&mut self, slot: usize, topic: TopicId) {
        self.0.entry(slot).or_default().files = vec![Some(topic)];
    }

    /// The topic that a stream follows by its name with this number.
    pub(crate) fn file(&mut self, slot: usize, member: usize) -> &mut Option<TopicId> {
        let files = &mut self.0.entry(slot).or_default().files;
        if files.len() <= member {
            files.resize(member + 1, None);
        }
        &mut files[member]
    }

    /// The topic of the directory that a stream follows.
    pub(crate) fn directory(&mut self, slot: usize) -> &mut Option<TopicId> {
        &mut self.0.entry(slot).or_default().directory
    }

    /// A stream is over.
    pub(crate) fn leave(&mut self, slot: usize, topics: &mut Topics) {
        if let Some(joined) = self.0.remove(&slot) {
            let files = joined.files.into_iter().flatten();
            for topic in files.chain(joined.directory) {
                topics.leave(topic, slot);
            }
        }
    }

    /// Which one of the names of a subscriber leads to this topic. That of a tail is 0; the directory of an event stream is
    /// none of its names.
    pub(crate) fn name(&self, slot: usize, topic: TopicId) -> Option<usize> {
        match self.0.get(&slot) {
            None => Some(0),
            Some(joined) => joined.files.iter().position(|&file| file == Some(topic)),
        }
    }
}
