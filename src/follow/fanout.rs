//! Passes over the tails of topics in which something has happened, a slice of them a turn.

use super::registry::{SlotId, Topics};
use super::watcher::TopicId;
use crate::limits::FANOUT_RUN;
use crate::subscription::end::End;

/// A pass over the tails of a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fanout {
    /// None is under way.
    Idle,
    /// The next tail is the first one with at least this key, and most likely at this index. `again`: something has
    /// happened since the pass began, so another one must follow.
    From {
        next: SlotId,
        index: usize,
        again: bool,
    },
}

/// A tail that is to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextSubscriber {
    /// The key of its connection's slot.
    pub slot: usize,
    /// Its topic.
    pub topic: TopicId,
    /// Why that is gone, if it is.
    pub gone: Option<End>,
}

impl Topics {
    /// The tails of a topic are to be driven.
    pub(crate) fn fan_out(&mut self, key: TopicId) {
        let topic = &mut self.topics[key];
        match &mut topic.fanout {
            Fanout::Idle => {
                topic.fanout = Fanout::From {
                    next: 0,
                    index: 0,
                    again: false,
                };
                self.fanouts.push_back(key);
            }
            Fanout::From { next: 0, .. } => {}
            Fanout::From { again, .. } => *again = true,
        }
    }

    /// The next tail to be driven.
    pub fn next_subscriber(&mut self) -> Option<NextSubscriber> {
        if self.in_a_row >= FANOUT_RUN {
            self.in_a_row = 0;
            self.fanouts
                .rotate_left(usize::from(self.fanouts.len() > 1));
        }
        while let Some(&key) = self.fanouts.front() {
            let Some(topic) = self.topics.get_mut(key) else {
                self.fanouts.pop_front();
                continue;
            };
            let Fanout::From { next, index, again } = topic.fanout else {
                self.fanouts.pop_front();
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
            self.fanouts.pop_front();
            topic.fanout = Fanout::Idle;
            if again {
                self.fan_out(key);
            }
        }
        None
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
