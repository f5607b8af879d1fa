//! The topics of one worker: found by name or as a generation, and who follows each.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};
use std::rc::Rc;

use slab::Slab;

use super::topic::{SlotId, Topic};
use super::watcher::TopicId;
use crate::store::file::{Id, OpenFile};

/// Topics by their keys. Those that are gone are found by nothing else.
#[derive(Default)]
pub(super) struct Registry {
    topics: Slab<Topic>,
    by_name: HashMap<Rc<[u8]>, TopicId>,
    /// Topics of generations: the name of the family, and the file.
    by_generation: HashMap<(Rc<[u8]>, Id), TopicId>,
}

impl Registry {
    /// A topic of a name, or of a generation of a family.
    pub(super) fn insert(
        &mut self,
        name: &Rc<[u8]>,
        file: &Rc<OpenFile>,
        family: Option<Rc<[u8]>>,
    ) -> TopicId {
        let key = self.topics.insert(Topic::new(name, file, family.clone()));
        let former = match family {
            Some(family) => self.by_generation.insert((family, file.id()), key),
            None => self.by_name.insert(Rc::clone(name), key),
        };
        if let Some(former) = former {
            debug_assert!(!self.topics.contains(former), "two topics of one name");
        }
        key
    }

    /// Takes a topic out.
    pub(super) fn remove(&mut self, key: TopicId) -> Topic {
        self.unmap(key);
        self.topics.remove(key)
    }

    /// A topic is found no more by its name, or as a generation.
    pub(super) fn unmap(&mut self, key: TopicId) {
        let topic = &self.topics[key];
        match &topic.family {
            Some(family) => {
                let place = (Rc::clone(family), topic.file.id());
                if self.by_generation.get(&place) == Some(&key) {
                    self.by_generation.remove(&place);
                }
            }
            None if self.by_name.get(&topic.name) == Some(&key) => {
                self.by_name.remove(&topic.name);
            }
            None => {}
        }
    }

    /// A topic that is found no more by its name, or as a generation, is found again, unless another one took its place.
    pub(super) fn map_again(&mut self, key: TopicId) -> bool {
        let topic = &self.topics[key];
        match &topic.family {
            Some(family) => {
                let place = (Rc::clone(family), topic.file.id());
                *self.by_generation.entry(place).or_insert(key) == key
            }
            None => {
                let name = Rc::clone(&topic.name);
                *self.by_name.entry(name).or_insert(key) == key
            }
        }
    }

    /// The topic of a name.
    pub(super) fn named(&self, name: &[u8]) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    /// The topic of a generation.
    pub(super) fn generation(&self, family: &Rc<[u8]>, file: Id) -> Option<TopicId> {
        let place = (Rc::clone(family), file);
        self.by_generation.get(&place).copied()
    }

    pub(super) fn get(&self, key: TopicId) -> Option<&Topic> {
        self.topics.get(key)
    }

    /// A topic that is not gone.
    pub(super) fn live(&mut self, key: TopicId) -> Option<&mut Topic> {
        self.get_mut(key).filter(|topic| topic.gone.is_none())
    }

    pub(super) fn get_mut(&mut self, key: TopicId) -> Option<&mut Topic> {
        self.topics.get_mut(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TopicId, &Topic)> {
        self.topics.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    /// A connection follows a topic from now on.
    pub(super) fn join(&mut self, key: TopicId, slot: usize) {
        let (slot, topic) = (narrow(slot), &mut self.topics[key]);
        if let Err(index) = topic.tails.binary_search(&slot) {
            topic.tails.insert(index, slot);
            topic.file.add_follower();
        }
    }

    /// A connection no longer follows it.
    pub(super) fn leave(&mut self, key: TopicId, slot: usize) {
        let (slot, topic) = (narrow(slot), &mut self.topics[key]);
        if let Ok(index) = topic.tails.binary_search(&slot) {
            topic.tails.remove(index);
            topic.file.remove_follower();
        }
    }

    /// Whether a topic is there and nobody follows it.
    pub(super) fn is_unused(&self, key: TopicId) -> bool {
        self.get(key).is_some_and(|topic| topic.tails.is_empty())
    }
}

impl Index<TopicId> for Registry {
    type Output = Topic;

    fn index(&self, key: TopicId) -> &Topic {
        &self.topics[key]
    }
}

impl IndexMut<TopicId> for Registry {
    fn index_mut(&mut self, key: TopicId) -> &mut Topic {
        &mut self.topics[key]
    }
}

/// The number of a connection, or of a topic, in four bytes.
pub(super) fn narrow(number: usize) -> SlotId {
    SlotId::try_from(number).expect("fewer than 2^32 connections and topics")
}
