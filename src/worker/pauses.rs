//! Connections that wait for bytes of a file that other machines change: the file had them, cannot deliver them now, and mostly
//! has them again after a try or two. Others wait for the status of a job whose answer is sealed.

use std::collections::HashMap;
use std::time::Duration;

use super::deadlines::Deadlines;
use crate::limits::READ_AGAIN;
use crate::time::Moment;

/// The slots that wait: all tails of a file can be among them, so that no turn looks at each of them.
#[derive(Debug)]
pub struct Pauses {
    /// How long a slot waits for bytes.
    patience: Duration,
    slots: HashMap<usize, Pause>,
    /// When each tries again.
    next: Deadlines,
}

#[derive(Debug)]
struct Pause {
    since: Moment,
    /// Its entry in `next`.
    armed: Moment,
}

impl Pauses {
    /// Nobody waits yet. `patience`: how long a slot waits for bytes.
    #[must_use]
    pub fn new(patience: Duration) -> Pauses {
        Pauses {
            patience,
            slots: HashMap::new(),
            next: Deadlines::default(),
        }
    }

    /// Lets a connection wait. False if it has waited too long already.
    pub fn begin(&mut self, key: usize, now: Moment) -> bool {
        self.begin_for(key, now, self.patience)
    }

    /// The same for something other than bytes, with this patience.
    pub fn begin_for(&mut self, key: usize, now: Moment, patience: Duration) -> bool {
        let pause = self.slots.entry(key).or_insert(Pause {
            since: now,
            armed: Moment::NEVER,
        });
        if now >= pause.since + patience {
            self.end(key);
            return false;
        }
        pause.armed = self.next.arm(key, pause.armed, now + READ_AGAIN);
        true
    }

    /// A connection waits no longer: it has what it waited for, or is gone.
    pub fn end(&mut self, key: usize) {
        if self.slots.is_empty() {
            return;
        }
        if let Some(pause) = self.slots.remove(&key) {
            let _ = self.next.arm(key, pause.armed, Moment::NEVER);
        }
    }

    /// Takes the slots that may try again now.
    pub fn due(&mut self, now: Moment) -> Vec<usize> {
        let mut due = Vec::new();
        while let Some(key) = self.next.pop(now) {
            if let Some(pause) = self.slots.get_mut(&key) {
                pause.armed = Moment::NEVER;
            }
            due.push(key);
        }
        due
    }

    /// When the next slot may try again.
    #[must_use]
    pub fn next(&self) -> Moment {
        self.next.next()
    }
}
