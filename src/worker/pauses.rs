//! Connections that wait for bytes of a file that other machines change: it has had them, and a look or two later it mostly
//! has them again. Others wait for the status of a job whose answer is sealed.

use std::collections::HashMap;
use std::time::Duration;

use crate::limits::READ_AGAIN;
use crate::time::Moment;

/// Slots that wait, since when, and when each tries again.
#[derive(Debug)]
pub struct Pauses {
    /// How long the bytes are waited for.
    patience: Duration,
    slots: HashMap<usize, (Moment, Moment)>,
}

impl Pauses {
    /// Nobody waits. `patience`: how long bytes are waited for.
    #[must_use]
    pub fn new(patience: Duration) -> Pauses {
        Pauses {
            patience,
            slots: HashMap::new(),
        }
    }

    /// A connection has to wait. False if it has waited for too long.
    pub fn begin(&mut self, key: usize, now: Moment) -> bool {
        self.begin_for(key, now, self.patience)
    }

    /// The same for something else, with this patience.
    pub fn begin_for(&mut self, key: usize, now: Moment, patience: Duration) -> bool {
        let (since, next) = self.slots.entry(key).or_insert((now, now));
        *next = now + READ_AGAIN;
        let goes_on = now < *since + patience;
        if !goes_on {
            self.slots.remove(&key);
        }
        goes_on
    }

    /// It has got them, or is gone.
    pub fn end(&mut self, key: usize) {
        if !self.slots.is_empty() {
            self.slots.remove(&key);
        }
    }

    /// Those that may try again, each once.
    pub fn due(&mut self, now: Moment) -> Vec<usize> {
        let mut due = Vec::new();
        for (&key, (_, next)) in &mut self.slots {
            if *next <= now {
                *next = Moment::NEVER;
                due.push(key);
            }
        }
        due
    }

    /// When the first of them may.
    #[must_use]
    pub fn next(&self) -> Moment {
        let moments = self.slots.values().map(|(_, next)| *next);
        moments.min().unwrap_or(Moment::NEVER)
    }
}
