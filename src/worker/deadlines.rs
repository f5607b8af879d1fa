//! Which connection's time is up next: an ordered set with at most one entry for each connection.

use std::collections::BTreeSet;

use crate::time::{Due, Moment};

/// Slots in the order of their deadlines. A slot remembers its deadline, so that its entry can be taken out again.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeSet<Due>);

impl Deadlines {
    /// Sets the one entry of a slot, whose entry so far is `armed`; [`Moment::NEVER`] is no entry. Returns what is armed
    /// now.
    ///
    /// A later moment than the armed one changes nothing: when the armed one comes, the worker asks the connection for its
    /// deadline again. So a busy connection moves its entry once in a timeout, and not with each request.
    #[must_use]
    pub fn arm(&mut self, slot: usize, armed: Moment, wanted: Moment) -> Moment {
        if wanted >= armed && wanted != Moment::NEVER || wanted == armed {
            return armed;
        }
        self.replace(slot, armed, wanted);
        wanted
    }

    #[cold]
    fn replace(&mut self, slot: usize, armed: Moment, wanted: Moment) {
        if armed != Moment::NEVER {
            self.0.remove(&Due::new(armed, slot));
        }
        if wanted != Moment::NEVER {
            self.0.insert(Due::new(wanted, slot));
        }
    }

    /// The next deadline.
    #[must_use]
    pub fn next(&self) -> Moment {
        let first = self.0.first();
        first.map_or(Moment::NEVER, |entry| entry.moment())
    }

    /// Takes out the first slot whose deadline has come.
    pub fn pop(&mut self, now: Moment) -> Option<usize> {
        if self.next() > now {
            return None;
        }
        self.0.pop_first().map(|entry| entry.number())
    }
}
