//! A worker before it runs: everything that can fail is done before its thread begins.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use slab::Slab;

use super::Worker;
use super::clients::Clients;
use super::completions::Completions;
use super::context::Context;
use super::deadlines::Deadlines;
use super::durations::Stopwatch;
use super::held_memory::HeldMemory;
use super::inspect::{Counters, Mailbox};
use super::lists::Lists;
use super::pages::Pages;
use super::pauses::Pauses;
use super::permits::Permits;
use super::queue::Queue;
use super::searches::Searches;
use super::send::SendBuffer;
use super::shared::Shared;
use super::succession::{Arrivals, Entrance, Succession};
use super::timers::Timers;
use crate::follow::event_subscriptions::EventSubscriptions;
use crate::follow::topics::Topics;
use crate::follow::watcher::Watch;
use crate::http::date::Date;
use crate::limits::{HEAD_MAX, TRUNCATION_DOUBT};
use crate::log::access_record::Lines;
use crate::os::epoll::{Poll, Token, Waker};
use crate::os::sockets::Listener;
use crate::readiness::Interest;
use crate::store::appenders::Appenders;
use crate::store::generations::families::Families;
use crate::store::generations::finder::Finder;
use crate::store::lookup::Lookups;
use crate::store::root::Files;
use crate::time::Moment;
use crate::versioned::Reader;

/// A worker before it is moved to its thread.
pub struct WorkerBuilder {
    shared: Arc<Shared>,
    poll: Poll,
    files: Files,
    listeners: Vec<Listener>,
    succession: Arc<Succession>,
    arrivals: Arc<Arrivals>,
    mailbox: Arc<Mailbox>,
    families: Families,
    finder: Finder,
}

impl WorkerBuilder {
    /// A worker that will serve these files on these listeners, until the server ends or others take its place.
    ///
    /// # Errors
    /// EMFILE and the like: a poller needs three descriptors.
    pub fn new(
        shared: Arc<Shared>,
        files: Files,
        listeners: Vec<Listener>,
        succession: Arc<Succession>,
        families: Families,
        finder: Finder,
    ) -> io::Result<WorkerBuilder> {
        let poll = Poll::new()?;
        for (index, listener) in listeners.iter().enumerate() {
            poll.add(listener, Token::Listener(index), Interest::READABLE)?;
        }
        Ok(WorkerBuilder {
            shared,
            poll,
            files,
            listeners,
            succession,
            arrivals: Arc::default(),
            mailbox: Arc::default(),
            families,
            finder,
        })
    }

    /// Where this worker is asked about itself.
    #[must_use]
    pub fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox)
    }

    /// Where this worker takes the connections of those whose place it takes.
    #[must_use]
    pub fn entrance(&self) -> Entrance {
        Entrance::new(self.poll.waker(), Arc::clone(&self.arrivals))
    }

    /// Wakes this worker from another thread, to look at [`Shared::signals`].
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.poll.waker()
    }

    /// The worker, in its thread.
    ///
    /// # Errors
    /// ENOMEM
    pub fn build(self) -> io::Result<Worker> {
        let WorkerBuilder {
            shared,
            poll,
            files,
            listeners,
            succession,
            arrivals,
            mailbox,
            families,
            finder,
        } = self;
        let completions = Arc::new(Completions::new(poll.waker()));
        let watch = Watch::new();
        if let Some(queue) = watch.queue() {
            poll.add(queue, Token::Watch, Interest::READABLE)?;
        }
        let context = Context {
            topics: topics(&shared, files, watch, families),
            searches: Searches::new(finder, Arc::clone(&completions)),
            lists: Lists::new(Arc::clone(&completions)),
            pauses: Pauses::new(shared.polls.settle.max(TRUNCATION_DOUBT)),
            event_subscriptions: EventSubscriptions::default(),
            tokens: shared.tokens.clone().map(Reader::new),
            clients: Clients::new(Arc::clone(&shared)),
            permits: Permits::default(),
            cors: shared.cors.clone(),
            hosts: shared.hosts.clone(),
            writing: shared.writing.clone(),
            jobs: shared.jobs.clone(),
            hints: shared.hints.clone(),
            appenders: Appenders::new(shared.appenders),
            completions: Arc::clone(&completions),
            commits: 0,
            send_buffer: SendBuffer::new(),
            stopwatch: Stopwatch::new(),
            counters: Counters::of(listeners.len()),
            lines: shared.access_log.clone().map(Lines::new),
            input: input(),
            date: Date::from(SystemTime::now()),
            nanoseconds: 0,
            now: Moment::default(),
            wait_max: shared.wait_max,
            delimiter_key: shared.delimiter_key,
            pages: Pages::default(),
            listed: false,
        };
        Ok(Worker {
            shared,
            poll,
            faults: listeners.iter().map(|_| None).collect(),
            listeners,
            slots: Slab::new(),
            context,
            deadlines: Deadlines::default(),
            queue: Queue::default(),
            leaving: Vec::new(),
            held: HeldMemory::default(),
            refused: VecDeque::new(),
            start: Instant::now(),
            accepted_singly: 0,
            were_first: false,
            timers: Timers::new(),
            succession,
            arrivals,
            mailbox,
            completions,
            asked: None,
        })
    }
}

fn input() -> Box<[u8; HEAD_MAX]> {
    let bytes = vec![0; HEAD_MAX].into_boxed_slice();
    bytes.try_into().expect("of that length")
}

/// What a worker follows; nothing yet.
fn topics(shared: &Shared, files: Files, watch: Watch, families: Families) -> Topics {
    let lookups =
        Lookups::new(files, shared.cached_files).with_sent_dates(shared.sent_dates.clone());
    let mut topics = Topics::new(lookups, watch, families, shared.polls);
    if shared.hints.is_some() {
        topics.collect_hints();
    }
    topics
}
