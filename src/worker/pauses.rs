//! Connections that wait for bytes of a file that other machines change: the file had them, cannot deliver them now, and mostly
//! has them again after a try or two. Others wait for the status of a job whose answer is sealed.

use std::collections::HashMap;
use std::time::Duration;

use crate::limits::READ_AGAIN;
use crate::time::Moment;

/// The slots that wait, with the moment since when each does, and the moment when it tries again.
#[derive(Debug)]
pub struct Pauses {
    /// How long a slot waits for bytes.
    patience: Duration,
    slots: HashMap<usize, (Moment, Moment)>,
}

impl Pauses {
    /// Nobody waits yet. `patience`: how long a slot waits for bytes.
    #[must_use]
    pub fn new(patience: Duration) -> Pauses {
        Pauses {
            patience,
            slots: HashMap::new(),
        }
    }

    /// Lets a connection wait. False if it has waited too long already.
    pub fn begin(&mut self, key: usize, now: Moment) -> bool {
        self.begin_for(key, now, self.patience)
    }

    /// The same for something other than bytes, with this patience.
    pub fn begin_for(&mut self, key: usize, now: Moment, patience: Duration) -> bool {
        let (since, next) = self.slots.entry(key).or_insert((now, now));
        *next = now + READ_AGAIN;
        let goes_on = now < *since + patience;
        if !goes_on {
            self.slots.remove(&key);
        }
        goes_on
    }

    /// A connection waits no longer: it has what it waited for, or is gone.
    pub fn end(&mut self, key: usize) {
        if !self.slots.is_empty() {
            self.slots.remove(&key);
        }
    }

    /// Takes the slots that may try again now.
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

    /// When the next slot may try again.
    #[must_use]
    pub fn next(&self) -> Moment {
        let moments = self.slots.values().map(|(_, next)| *next);
        moments.min().unwrap_or(Moment::NEVER)
    }
}
