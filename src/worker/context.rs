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
use crate::store::appenders::Appenders;
use crate::time::Moment;
use crate::versioned::Reader;

/// What the connections of a worker share while they are driven.
pub struct Context {
    pub(super) topics: Topics,
    /// What is looked for in other threads.
    pub(super) searches: Searches,
    /// Lists of directories that other threads make.
    pub(super) lists: Lists,
    /// Who waits for bytes of a file that other machines change.
    pub(super) pauses: Pauses,
    /// What event streams follow.
    pub(super) event_subscriptions: EventSubscriptions,
    /// Who may read what; `None`: everybody everything.
    pub(super) tokens: Option<Reader<Tokens>>,
    /// Who is behind a proxy.
    pub(super) clients: Clients,
    /// What permitted the subscriptions that go on.
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
    /// Where threads say what they have done.
    pub(super) completions: Arc<Completions>,
    /// Requests so far that waited for the disk: the number of the last one.
    pub(super) commits: u64,
    pub(super) send_buffer: SendBuffer,
    /// How long requests take.
    pub(super) stopwatch: Stopwatch,
    /// What has happened so far.
    pub(super) counters: Counters,
    /// The access log, if there is one.
    pub(super) lines: Option<Lines>,
    /// Where heads are read to; a connection keeps bytes only if its head is incomplete.
    pub(super) input: Box<[u8; HEAD_MAX]>,
    pub(super) date: Date,
    /// How much of that second is over.
    pub(super) nanoseconds: u32,
    pub(super) now: Moment,
    /// `--wait-max`; zero: nothing is waited for.
    pub(super) wait_max: Duration,
    /// Long pages that clients are being sent.
    pub(super) pages: Pages,
    /// A listing was made in this turn. It can take 30 ms, so the next one is made in the next turn.
    pub(super) listed: bool,
}

impl Context {
    /// The moment of this turn.
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
