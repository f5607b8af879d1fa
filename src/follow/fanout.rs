//! Passes over the tails of topics in which something has happened, a slice of them a turn.

use std::collections::VecDeque;

use super::registry::Registry;
use super::topic::{Fanout, SlotId, Topic};
use super::watcher::TopicId;
use crate::limits::FANOUT_RUN;
use crate::subscription::end::End;

/// A subscriber that must be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextSubscriber {
    /// The key of its connection's slot.
    pub slot: usize,
    /// Its topic.
    pub topic: TopicId,
    /// Why that is gone, if it is.
    pub gone: Option<End>,
}

/// Topics with a pass over their subscribers under way, in turn.
#[derive(Default)]
pub(super) struct Fanouts {
    topics: VecDeque<TopicId>,
    /// Subscribers of the first of them that were driven in a row.
    in_a_row: usize,
}

impl Fanouts {
    /// The subscribers of a topic must be driven.
    pub(super) fn add(&mut self, key: TopicId, topic: &mut Topic) {
        match &mut topic.fanout {
            Fanout::Idle => {
                topic.fanout = Fanout::From {
                    next: 0,
                    index: 0,
                    again: false,
                };
                self.topics.push_back(key);
            }
            Fanout::From { next: 0, .. } => {}
            Fanout::From { again, .. } => *again = true,
        }
    }

    /// The next subscriber to be driven.
    pub(super) fn next(&mut self, registry: &mut Registry) -> Option<NextSubscriber> {
        if self.in_a_row >= FANOUT_RUN {
            self.in_a_row = 0;
            self.topics.rotate_left(usize::from(self.topics.len() > 1));
        }
        while let Some(&key) = self.topics.front() {
            let Some(topic) = registry.get_mut(key) else {
                self.topics.pop_front();
                continue;
            };
            let Fanout::From { next, index, again } = topic.fanout else {
                self.topics.pop_front();
                continue;
            };
            let index = first_from(&topic.tails, next, index);
            if let Some(&slot) = topic.tails.get(index) {
                topic.fanout = Fanout::From {
                    next: slot + 1,
                    index: index + 1,
                    again,
                };
                self.in_a_row += 1;
                return Some(NextSubscriber {
                    slot: slot as usize,
                    topic: key,
                    gone: topic.gone,
                });
            }
            self.topics.pop_front();
            topic.fanout = Fanout::Idle;
            if again {
                self.add(key, topic);
            }
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }
}

/// The index of the first of these tails, which are in order, with at least this key. It is looked for only if it is not
/// where it is `expected`, because tails have come or gone.
#[must_use]
pub fn first_from(tails: &[SlotId], next: SlotId, expected: usize) -> usize {
    let below = expected.checked_sub(1).map(|before| tails.get(before));
    let follows = below.is_none_or(|before| before.is_some_and(|&slot| slot < next));
    if follows && tails.get(expected).is_none_or(|&slot| slot >= next) {
        expected
    } else {
        tails.partition_point(|&slot| slot < next)
    }
}
