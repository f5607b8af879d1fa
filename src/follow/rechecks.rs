//! The queue of topics that the worker must check, a slice of them a turn.

use std::collections::VecDeque;

use super::registry::Registry;
use super::topic::{Recheck, Topic};
use super::watcher::TopicId;

/// The queue. Each topic is in it at most once, with the largest check and the first reason for it.
#[derive(Default)]
pub(super) struct Rechecks(VecDeque<TopicId>);

impl Rechecks {
    /// Adds a topic.
    pub(super) fn add(&mut self, key: TopicId, topic: &mut Topic, recheck: Recheck) {
        match &mut topic.look {
            None => {
                topic.look = Some(recheck);
                self.0.push_back(key);
            }
            Some(waiting @ (Recheck::Sweep | Recheck::Name(None))) => {
                if recheck != Recheck::Sweep {
                    *waiting = recheck;
                }
            }
            Some(Recheck::Name(Some(_))) => {}
        }
    }

    /// Takes the next topic and what to check. Skips topics that have ended since, and a topic that got the key of one and is in
    /// the queue for a second time.
    pub(super) fn next(&mut self, registry: &mut Registry) -> Option<(TopicId, Recheck)> {
        loop {
            let key = self.0.pop_front()?;
            if let Some(recheck) = registry.live(key).and_then(|topic| topic.look.take()) {
                return Some((key, recheck));
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
