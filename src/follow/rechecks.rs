//! Topics that are to be checked, a slice of them a turn.

use std::collections::VecDeque;

use super::registry::Registry;
use super::topic::{Recheck, Topic};
use super::watcher::TopicId;

/// Each topic is in it at most once; the first reason stays.
#[derive(Default)]
pub(super) struct Rechecks(VecDeque<TopicId>);

impl Rechecks {
    /// A topic is to be checked.
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

    /// The next one. A topic that has ended since, or another one with its key, is skipped; that one is in it twice then.
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
