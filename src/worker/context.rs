//! What the connections of a worker share while they are driven.

use std::sync::Arc;
use std::time::Duration;

use super::clients::Clients;
use super::completions::Completions;
use super::durations::Stopwatch;
use super::hints::Hints;
use super::inspect::Counters;
use super::lists::Lists;
use super::pages::Pages;
use super::pauses::Pauses;
use super::permits::Permits;
use super::searches::Searches;
use super::send::SendBuffer;
use super::upload::{Jobs, Writing};
use crate::follow::event_subscriptions::EventSubscriptions;
use crate::follow::topics::Topics;
use crate::http::authorization::Tokens;
use crate::http::cors::Cors;
use crate::http::date::{Date, Timestamp};
use crate::http::host::Hosts;
use crate::intent::ParsedRequest;
use crate::limits::HEAD_MAX;
use crate::log::access_record::Lines;
use crate::response::DelimiterKey;
use crate::store::appenders::Appenders;
use crate::time::Moment;
use crate::versioned::Reader;

/// What the connections of a worker share while they are driven.
pub struct Context {
    pub(super) topics: Topics,
    /// Searches for generations that other threads make.
    pub(super) searches: Searches,
    /// Lists of directories that other threads make.
    pub(super) lists: Lists,
    /// Connections that wait for bytes of a file that other machines change.
    pub(super) pauses: Pauses,
    /// Which topics each event stream follows.
    pub(super) event_subscriptions: EventSubscriptions,
    /// `--token-file`: who may do what. `None`: everybody may read everything.
    pub(super) tokens: Option<Reader<Tokens>>,
    /// The clients behind proxies.
    pub(super) clients: Clients,
    /// The credentials that permitted each subscription under way.
    pub(super) permits: Permits,
    /// `--cors`
    pub(super) cors: Option<Cors>,
    /// `--host`
    pub(super) hosts: Hosts,
    /// `--write`
    pub(super) writing: Option<Writing>,
    /// `--jobs`
    pub(super) jobs: Option<Jobs>,
    /// `--peer`
    pub(super) hints: Option<Hints>,
    /// Files that clients append to again and again.
    pub(super) appenders: Appenders,
    /// Where other threads post their results for this worker.
    pub(super) completions: Arc<Completions>,
    /// How many requests have waited for the disk so far. Each has its number from this count.
    pub(super) commits: u64,
    /// What the worker sends is put together here.
    pub(super) send_buffer: SendBuffer,
    /// Measures how long requests take.
    pub(super) stopwatch: Stopwatch,
    /// What the metrics count.
    pub(super) counters: Counters,
    /// The lines for the access log, if there is one.
    pub(super) lines: Option<Lines>,
    /// The buffer that every read from a socket goes to. A connection copies bytes from it only if its head is incomplete.
    pub(super) input: Box<[u8; HEAD_MAX]>,
    /// The time of this turn by the clock of the system, in seconds.
    pub(super) date: Date,
    /// How much of that second had passed.
    pub(super) nanoseconds: u32,
    /// The time of this turn by the monotonic clock.
    pub(super) now: Moment,
    /// Makes the delimiters of multipart responses unpredictable.
    pub(super) delimiter_key: DelimiterKey,
    /// `--wait-max`; zero: no request waits for a name.
    pub(super) wait_max: Duration,
    /// Long pages that are on their way to clients.
    pub(super) pages: Pages,
    /// A listing was made in this turn. It can take 30 ms, so the next one is made in the next turn.
    pub(super) listed: bool,
}

impl Context {
    /// The time of this turn by the clock of the system.
    pub(super) fn timestamp(&self) -> Timestamp {
        Timestamp {
            date: self.date,
            nanoseconds: self.nanoseconds,
        }
    }

    /// A request was driven: its response has begun, or it waits for something.
    pub(super) fn note_request(&mut self, key: usize) {
        self.stopwatch.note(key, &mut self.counters.durations);
    }

    /// Whether a request asks to write where something may be written.
    pub(super) fn writes(&self, asked: &ParsedRequest) -> bool {
        self.writing.is_some() && asked.writes()
    }
}
