//! Passes over the tails of topics in which something has happened, a slice of them a turn.

use super::registry::{Slot, Topics};
use super::watcher::Topic as Key;
use crate::limits::PASS_RUN;
use crate::subscription::end::End;

/// A pass over the tails of a topic.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pass {
    /// None is under way.
    Idle,
    /// The next tail is the first one with at least this key, and most likely at this index. `again`: something has
    /// happened since the pass began, so another one must follow.
    From {
        next: Slot,
        index: usize,
        again: bool,
    },
}

/// A tail that is to be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The key of its connection's slot.
    pub slot: usize,
    /// Its topic.
    pub topic: Key,
    /// Why that is gone, if it is.
    pub gone: Option<End>,
}

impl Topics {
    /// The tails of a topic are to be driven.
    pub(crate) fn pass(&mut self, key: Key) {
        let topic = &mut self.topics[key];
        match &mut topic.pass {
            Pass::Idle => {
                topic.pass = Pass::From {
                    next: 0,
                    index: 0,
                    again: false,
                };
                self.passes.push_back(key);
            }
            Pass::From { next: 0, .. } => {}
            Pass::From { again, .. } => *again = true,
        }
    }

    /// The next tail to be driven.
    pub fn next_tail(&mut self) -> Option<Turn> {
        if self.in_a_row >= PASS_RUN {
            self.in_a_row = 0;
            self.passes.rotate_left(usize::from(self.passes.len() > 1));
        }
        while let Some(&key) = self.passes.front() {
            let Some(topic) = self.topics.get_mut(key) else {
                self.passes.pop_front();
                continue;
            };
            let Pass::From { next, index, again } = topic.pass else {
                self.passes.pop_front();
                continue;
            };
            let index = first_from(&topic.tails, next, index);
            if let Some(&slot) = topic.tails.get(index) {
                topic.pass = Pass::From {
                    next: slot + 1,
                    index: index + 1,
                    again,
                };
                self.in_a_row += 1;
                return Some(Turn {
                    slot: slot as usize,
                    topic: key,
                    gone: topic.gone,
                });
            }
            self.passes.pop_front();
            topic.pass = Pass::Idle;
            if again {
                self.pass(key);
            }
        }
        None
    }
}

/// The index of the first of these tails, which are in order, with at least this key. It is looked for only if it is not
/// where it is `expected`, because tails have come or gone.
#[must_use]
pub fn first_from(tails: &[Slot], next: Slot, expected: usize) -> usize {
    let below = expected.checked_sub(1).map(|before| tails.get(before));
    let follows = below.is_none_or(|before| before.is_some_and(|&slot| slot < next));
    if follows && tails.get(expected).is_none_or(|&slot| slot >= next) {
        expected
    } else {
        tails.partition_point(|&slot| slot < next)
    }
}
