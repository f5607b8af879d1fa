//! Which connection's time is up next: an ordered set with at most one entry for each connection.

use std::collections::BTreeSet;

use crate::time::Moment;

/// (moment, slot) in order. The slot remembers its moment, to take the entry out again.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeSet<(Moment, usize)>);

impl Deadlines {
    /// Sets the one entry of a slot, whose entry so far is `armed`; [`Moment::NEVER`] is no entry. Gives what is armed
    /// now.
    ///
    /// A later moment than the armed one changes nothing: when the armed one comes, the connection is asked again.
    /// So a connection that is busy moves its entry once in a timeout and not with each request.
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
            self.0.remove(&(armed, slot));
        }
        if wanted != Moment::NEVER {
            self.0.insert((wanted, slot));
        }
    }

    /// The next moment at which somebody must be asked.
    #[must_use]
    pub fn next(&self) -> Moment {
        self.0.first().map_or(Moment::NEVER, |(moment, _)| *moment)
    }

    /// Takes out the first slot whose moment has come; its entry is gone.
    pub fn pop(&mut self, now: Moment) -> Option<usize> {
        let (moment, _) = self.0.first()?;
        if *moment > now {
            return None;
        }
        self.0.pop_first().map(|(_, slot)| slot)
    }
}
