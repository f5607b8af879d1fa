//! Which names an event stream follows.

use std::collections::HashMap;

use super::directory::Wanted;
use super::topics::Topics;
use super::watcher::TopicId;
use crate::http::pattern::Pattern;

/// Which topics the event streams follow, by their slots. A tail follows one, which its slot knows.
#[derive(Default)]
pub struct EventSubscriptions(HashMap<usize, StreamTopics>);

/// The topics of one event stream.
#[derive(Default)]
struct StreamTopics {
    directory: Option<(TopicId, Wanted)>,
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

    /// A stream follows this directory from now on, and wants this of it.
    pub(crate) fn follow_directory(
        &mut self,
        slot: usize,
        topic: Option<TopicId>,
        files: Option<&[Pattern]>,
        topics: &mut Topics,
    ) {
        let joined = &mut self.0.entry(slot).or_default().directory;
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

    /// A stream is over.
    pub(crate) fn leave(&mut self, slot: usize, topics: &mut Topics) {
        if let Some(joined) = self.0.remove(&slot) {
            if let Some((topic, wanted)) = joined.directory {
                topics.want_directory(topic, &wanted, false);
                topics.leave(topic, slot);
            }
            for topic in joined.files.into_iter().flatten() {
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
