//! Dates of last modification that responses had while their second was not over: a later write in that second keeps the date.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::conditional::{ETag, SETTLED_SECONDS};
use crate::http::date::{Date, Timestamp};
use crate::http::position::fnv;
use crate::limits::SENT_DATES_MAX;
use crate::resource::FileInfo;

/// What each such date was first sent with, so that a date that clients have with different content proves nothing. Clones
/// share it.
#[derive(Debug, Clone, Default)]
pub struct SentDates(Arc<Mutex<Sent>>);

#[derive(Debug, Default)]
struct Sent {
    /// By name, of which the key is a hash: two names with the same one give a 304 too few.
    states: HashMap<u64, State>,
    /// Seconds of which some were forgotten.
    forgotten: Option<RangeInclusive<Date>>,
}

/// What a name had at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    etag: ETag,
    modified: Timestamp,
    size: u64,
}

impl SentDates {
    /// Whether a client may have the date of this file with other content, because a response under this name had that date
    /// and its second was not over. Notes this response if that is so now.
    #[must_use]
    pub fn is_shared(&self, name: &[u8], info: &FileInfo, now: Date) -> bool {
        let state = State {
            etag: info.etag,
            modified: info.modified,
            size: info.size,
        };
        let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let date = info.modified.date;
        let name = fnv(&[name]);
        let first = sent.states.get(&name);
        if let Some(first) = first.filter(|first| first.modified.date == date) {
            return *first != state;
        }
        if !is_settled(info, now) {
            sent.note(name, state);
        }
        sent.forgotten
            .as_ref()
            .is_some_and(|seconds| seconds.contains(&date))
    }
}

/// Whether no write can get the same date any more.
#[must_use]
pub fn is_settled(info: &FileInfo, now: Date) -> bool {
    // One second more than whole ones tell apart.
    info.modified.date.seconds() + SETTLED_SECONDS < now.seconds()
}

impl Sent {
    fn note(&mut self, name: u64, state: State) {
        if self.states.len() >= SENT_DATES_MAX && !self.states.contains_key(&name) {
            let dates = self.states.values().map(|state| state.modified.date);
            let dates = dates.chain(
                self.forgotten
                    .iter()
                    .flat_map(|seconds| [*seconds.start(), *seconds.end()]),
            );
            self.forgotten = dates
                .clone()
                .min()
                .zip(dates.max())
                .map(|(first, last)| first..=last);
            self.states.clear();
        }
        self.states.insert(name, state);
    }
}
