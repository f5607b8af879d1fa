//! Logs of which two lists in a row did not say the same: a file may be missing in the latest one. Pure.

use crate::limits::{MIRROR_DOUBT, MIRROR_LISTS_AGAIN};
use crate::sorted::{SortedMap, SortedSet};
use crate::time::Moment;

/// See the module. Each log has a time of its own: where several are rolled, one of them is always in doubt.
#[derive(Default)]
pub struct Doubts(SortedMap<Box<[u8]>, Doubt>);

struct Doubt {
    since: Moment,
    /// So many lists have come since.
    lists: u32,
    /// The latest list is believed.
    over: bool,
}

impl Doubts {
    /// Another list has come.
    pub fn take_list(&mut self, now: Moment) {
        self.0.retain(|_, doubt| {
            let goes_on = !doubt.over;
            doubt.lists += 1;
            let is_long_ago = now >= doubt.since + MIRROR_DOUBT;
            doubt.over = is_long_ago && doubt.lists >= MIRROR_LISTS_AGAIN;
            goes_on
        });
    }

    /// Whether the latest list is believed of this log, whatever the one before has said.
    #[must_use]
    pub fn are_over(&self, log: &[u8]) -> bool {
        self.0.get(log).is_some_and(|doubt| doubt.over)
    }

    /// These are the logs that are in doubt now.
    pub fn set(&mut self, logs: &SortedSet<Box<[u8]>>, now: Moment) {
        self.0
            .retain(|log, doubt| doubt.over || logs.contains(&**log));
        for log in logs.iter() {
            let doubt = Doubt {
                since: now,
                lists: 0,
                over: false,
            };
            self.0.get_or_insert(log.clone(), doubt);
        }
    }

    /// Whether there are any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.0.values().any(|doubt| !doubt.over)
    }
}
