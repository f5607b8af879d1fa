//! Generations that were compressed and unlinked while late bytes could still come: the list of generations tells how long they
//! were, if the server saw that, and so whether something is lost.

use std::collections::VecDeque;

use super::pause::Pause;
use super::position::LatePlace;
use crate::limits::{CLIENT_DOCUMENT_MAX, CLIENT_LATE_LOOK};
use crate::time::Moment;

/// Those of which that is not known yet. The first one is asked for.
#[derive(Debug, Default)]
pub(super) struct Gone {
    entries: VecDeque<Entry>,
    /// What has come of the list, while it is asked for.
    document: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Entry {
    place: LatePlace,
    /// A request after this time is the last one.
    give_up: Moment,
    next: Moment,
    pause: Pause,
}

impl Gone {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A response is under way.
    pub fn is_asked(&self) -> bool {
        self.document.is_some()
    }

    /// A request is under way from now on.
    pub fn ask(&mut self) {
        self.document = Some(Vec::new());
    }

    /// The response does not come.
    pub fn abandon(&mut self) {
        self.document = None;
    }

    /// When the list is to be asked for.
    pub fn due(&self) -> Moment {
        let first = self.entries.front();
        first.map_or(Moment::NEVER, |entry| entry.next)
    }

    pub fn add(&mut self, place: LatePlace, give_up: Moment, now: Moment) {
        self.entries.push_back(Entry {
            place,
            give_up,
            next: now,
            pause: Pause::new(CLIENT_LATE_LOOK),
        });
    }

    pub fn take(&mut self, content: &[u8]) {
        if let Some(document) = &mut self.document {
            let room = CLIENT_DOCUMENT_MAX - document.len();
            document.extend_from_slice(&content[..content.len().min(room)]);
        }
    }

    /// The document, which is complete.
    pub fn document(&mut self) -> Vec<u8> {
        self.document.take().unwrap_or_default()
    }

    /// The list did not come, which was asked for at this time: it is asked for again. Or the first one, if that was the last
    /// attempt.
    pub fn failed(&mut self, asked: Moment, now: Moment) {
        match self.entries.front_mut() {
            Some(entry) if asked < entry.give_up => entry.next = entry.pause.begin(now),
            _ => drop(self.entries.pop_front()),
        }
    }

    /// The list came. The place of which it tells.
    pub fn told(&mut self) -> Option<LatePlace> {
        Some(self.entries.pop_front()?.place)
    }
}
