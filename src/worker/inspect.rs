//! Reports of workers about themselves: numbers that each has counted in plain cells of its own, and a walk over its
//! connections, a slice a turn, so that a report delays nobody. While nobody asks for one, a turn costs one load of a flag.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::durations::Durations;
use super::hints::Arrived;
use crate::hint::Hint;
use crate::http::head::Status;
use crate::http::target::Path;
use crate::limits::ASKS_MAX;
use crate::os::epoll::Waker;
use crate::os::sockets::Peer;
use crate::subscription::end::End;

/// What a worker counts from its start on.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Connections that were accepted, those above the limit included.
    pub accepted: u64,
    /// Connections above the limit.
    pub refused: u64,
    /// Bytes that sockets have taken.
    pub sent: u64,
    /// Responses by status, in the order of [`Status::ALL`].
    pub answers: [u64; Status::ALL.len()],
    /// Ends of subscriptions by reason, in the order of [`End::ALL`].
    pub ends: [u64; End::ALL.len()],
    /// Times that inotify has lost events.
    pub overflows: u64,
    /// Failures of accept(2), by listener.
    pub accept_errors: Vec<u64>,
    /// How long requests took.
    pub durations: Durations,
}

impl Counters {
    /// Counters at zero, for so many listeners.
    pub(super) fn of(listeners: usize) -> Counters {
        Counters {
            accept_errors: vec![0; listeners],
            ..Counters::default()
        }
    }

    fn add(&mut self, other: &Counters) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.sent += other.sent;
        self.overflows += other.overflows;
        self.durations.add(&other.durations);
        let listeners = self.accept_errors.len().max(other.accept_errors.len());
        self.accept_errors.resize(listeners, 0);
        for (mine, theirs) in self.accept_errors.iter_mut().zip(&other.accept_errors) {
            *mine += theirs;
        }
        let pairs = self.answers.iter_mut().zip(&other.answers);
        for (mine, theirs) in pairs.chain(self.ends.iter_mut().zip(&other.ends)) {
            *mine += theirs;
        }
    }
}

/// States of connections, as they are reported.
pub const STATES: [&str; 6] = [
    "reading",
    "sending",
    "tail-sending",
    "tailing",
    "closing",
    "waiting",
];

/// The report of one worker, or of all together.
#[derive(Debug, Default)]
pub struct Report {
    /// The counters since the start.
    pub counters: Counters,
    /// Connections now by state, in the order of [`STATES`].
    pub states: [u64; STATES.len()],
    /// Files that are followed.
    pub files: u64,
    /// Followed files that are polled.
    pub polled_files: u64,
    /// Connections with event streams.
    pub event_streams: u64,
    /// Bytes that the slowest tail is behind its file.
    pub lag: u64,
    /// The first connections.
    pub clients: Vec<Client>,
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    /// The client.
    pub peer: Peer,
    /// Its state, one of [`STATES`].
    pub state: &'static str,
    /// How long ago it was accepted.
    pub age: Duration,
    /// What it follows.
    pub tail: Option<Following>,
}

/// How far a tail is.
#[derive(Debug)]
pub struct Following {
    /// The name.
    pub path: Path,
    /// Offset of the next byte.
    pub offset: u64,
    /// Bytes that the file has beyond it.
    pub lag: u64,
}

impl Report {
    /// Adds the report of another worker, with at most so many clients in all.
    pub fn add(&mut self, other: Report, clients: usize) {
        self.counters.add(&other.counters);
        for (mine, theirs) in self.states.iter_mut().zip(&other.states) {
            *mine += theirs;
        }
        self.event_streams += other.event_streams;
        self.files += other.files;
        self.polled_files += other.polled_files;
        self.lag = self.lag.max(other.lag);
        let room = clients.saturating_sub(self.clients.len());
        self.clients.extend(other.clients.into_iter().take(room));
    }
}

/// Asks all workers for reports.
#[derive(Default)]
pub struct Inspector(Mutex<Asked>);

#[derive(Default)]
struct Asked {
    workers: Vec<(Waker, Arc<Mailbox>)>,
    /// What workers have counted that have ended.
    past: Counters,
}

impl Inspector {
    /// Adds a worker, which will answer from now on.
    pub fn add(&self, waker: Waker, mailbox: &Arc<Mailbox>) {
        lock(&self.0).workers.push((waker, Arc::clone(mailbox)));
    }

    /// Removes a worker that ends and has counted this. Questions that wait for it get an empty report.
    pub fn remove(&self, mailbox: &Arc<Mailbox>, counters: Option<Counters>) {
        let mut asked = lock(&self.0);
        asked
            .workers
            .retain(|(_, other)| !Arc::ptr_eq(other, mailbox));
        if let Some(counters) = counters {
            asked.past.add(&counters);
        }
        drop(asked);
        while mailbox.take().is_some() {}
    }

    /// Gives all workers a hint of another server.
    pub fn hint(&self, hint: &Arc<Hint>) {
        for (waker, mailbox) in &lock(&self.0).workers {
            mailbox.put_hint(hint);
            waker.wake();
        }
    }

    /// The report of all workers, with at most so many clients; `None` if a worker does not answer in time.
    #[must_use]
    pub fn ask(&self, clients: usize, patience: Duration) -> Option<Report> {
        let answers = Arc::new(Answers::default());
        let asked = lock(&self.0);
        for (waker, mailbox) in &asked.workers {
            let put = mailbox.put(Ask {
                clients,
                cursor: 0,
                report: Report::default(),
                answers: Arc::clone(&answers),
            });
            if !put {
                return None;
            }
            waker.wake();
        }
        let count = asked.workers.len();
        let mut sum = Report {
            counters: asked.past.clone(),
            ..Report::default()
        };
        drop(asked);
        for report in answers.wait(count, patience)? {
            sum.add(report, clients);
        }
        Some(sum)
    }
}

/// Collects the reports of the workers for one question.
#[derive(Default)]
struct Answers {
    reports: Mutex<Vec<Report>>,
    arrived: Condvar,
}

impl Answers {
    fn wait(&self, count: usize, patience: Duration) -> Option<Vec<Report>> {
        let end = Instant::now() + patience;
        let mut reports = lock(&self.reports);
        while reports.len() < count {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let result = self.arrived.wait_timeout(reports, left);
            reports = result.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(std::mem::take(&mut reports))
    }
}

/// A question to a worker, and as much of the report as there is.
pub(super) struct Ask {
    pub(super) clients: usize,
    /// The next slot to be counted.
    pub(super) cursor: usize,
    pub(super) report: Report,
    answers: Arc<Answers>,
}

/// Dropping a question answers it with what there is: a worker may end in the middle of its report.
impl Drop for Ask {
    fn drop(&mut self) {
        lock(&self.answers.reports).push(std::mem::take(&mut self.report));
        self.answers.arrived.notify_all();
    }
}

/// Questions to one worker.
#[derive(Default)]
pub struct Mailbox {
    any: AtomicBool,
    asks: Mutex<Vec<Ask>>,
    any_hints: AtomicBool,
    hints: Mutex<Arrived>,
}

impl Mailbox {
    /// Whether there are questions, or hints.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire) || self.any_hints.load(Ordering::Acquire)
    }

    fn put_hint(&self, hint: &Arc<Hint>) {
        lock(&self.hints).add(hint);
        self.any_hints.store(true, Ordering::Release);
    }

    /// Hints of other servers.
    pub(super) fn take_hints(&self) -> Vec<Arc<Hint>> {
        if !self.any_hints.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        lock(&self.hints).take()
    }

    fn put(&self, ask: Ask) -> bool {
        let mut asks = lock(&self.asks);
        // A worker that does not answer does not collect questions either.
        if asks.len() >= ASKS_MAX {
            return false;
        }
        asks.push(ask);
        self.any.store(true, Ordering::Release);
        true
    }

    pub(super) fn take(&self) -> Option<Ask> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        let mut asks = lock(&self.asks);
        let ask = asks.pop();
        self.any.store(!asks.is_empty(), Ordering::Release);
        ask
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
