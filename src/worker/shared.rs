//! What all workers share.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::admission::Admission;
use super::hints::Hints;
use super::upload::{Jobs, Writing};
use crate::connection::Timeouts;
use crate::follow::polls::PollTerms;
use crate::http::authorization::Tokens;
use crate::http::cors::Cors;
use crate::http::host::Hosts;
use crate::log::access_log::AccessLog;
use crate::os::network::Network;
use crate::os::unix_queues::UnixQueues;
use crate::response::DelimiterKey;
use crate::store::sent_dates::SentDates;
use crate::store::writable::Writable;
use crate::versioned::Versioned;

/// What all workers share.
pub struct Shared {
    /// How long the server waits for a request head, and for the next request.
    pub timeouts: Timeouts,
    /// `--send-timeout`; zero: never.
    pub send_timeout: Duration,
    /// `--min-rate`; zero: none.
    pub min_rate: u64,
    /// The socket with which workers ask the kernel how much of what was sent on a unix socket is unread; `None`: there is
    /// no unix socket, or the kernel does not tell.
    pub unix_queues: Option<UnixQueues>,
    /// `--grace`
    pub grace: Duration,
    /// `--wait-max`; zero: no request waits for a name.
    pub wait_max: Duration,
    /// `--poll-interval` and `--settle`
    pub polls: PollTerms,
    /// Where the worker tells other servers what has happened (`--peer`).
    pub hints: Option<Hints>,
    /// `--max-connections`
    pub max_connections: usize,
    /// Connections above it that a worker holds only to answer 503.
    pub refused_max: usize,
    /// Most files that a worker keeps open because clients often request them.
    pub cached_files: usize,
    /// Dates that responses had while a write could still get the same one.
    pub sent_dates: SentDates,
    /// Most files that a worker keeps open because clients append to them again and again.
    pub appenders: usize,
    /// `--trusted-proxy`
    pub trusted_proxies: Vec<Network>,
    /// `--cors`
    pub cors: Option<Cors>,
    /// `--host`, or what takes its place.
    pub hosts: Hosts,
    /// The same at the listener of `--admin`.
    pub admin_hosts: Hosts,
    /// `--write`
    pub writing: Option<Writing>,
    /// `--jobs`
    pub jobs: Option<Jobs>,
    /// What the sandbox permits `--write`, `--jobs` and `--intake`; `None`: there is no sandbox.
    pub writable: Option<Arc<Writable>>,
    /// `--access-log`
    pub access_log: Option<Arc<AccessLog>>,
    /// `--token-file`
    pub tokens: Option<Arc<Versioned<Tokens>>>,
    /// Makes the delimiters of multipart responses unpredictable.
    pub delimiter_key: DelimiterKey,
    /// Counts the connections of all workers, and admits new ones.
    pub admission: Admission,
    /// How many signals to end have come. From the first one on everything under way comes to its end; the second one cuts
    /// it.
    pub signals: AtomicUsize,
}
