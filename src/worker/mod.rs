//! One thread: wait, mark, drive, rearm, reap.
//!
//! Events only mark connections; then each marked one is driven once, and removal comes last, so that no key is used
//! again while something still refers to it. Poller, topics, slots and deadlines know nothing of each other: [`Worker`]
//! joins them by the keys of slots. Nothing is shared with other workers but [`Shared`], which the hot path does not
//! touch.

mod accept;
mod accounting;
pub mod admission;
pub mod builder;
pub mod clients;
pub mod completions;
pub mod context;
pub mod deadlines;
pub mod drive;
pub mod durations;
mod ending;
mod event_streams;
mod fault;
mod generations;
mod held_memory;
pub mod hints;
pub mod inspect;
mod job_rights;
mod jobs;
pub mod lists;
mod open;
pub mod pages;
pub mod pauses;
mod permits;
mod queue;
mod refusals;
mod report;
mod revocation;
pub mod searches;
pub mod send;
pub mod shared;
mod shared_chunk;
pub mod slot;
mod stalls;
mod subscribers;
pub mod succession;
mod takeover;
pub mod timers;
mod together;
mod unacked;
pub mod upload;
mod waiting;
mod write_decision;
mod writing;

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use log::warn;
use slab::Slab;

use crate::http::date::Timestamp;
use crate::limits::{BULK_SLICE, SWEEP_INTERVAL};
use crate::os::epoll::{Poll, Token};
use crate::os::sockets::Listener;
use crate::readiness::Interest;
use crate::time::Moment;
use completions::{Completion, Completions};
use context::Context;
use deadlines::Deadlines;
use drive::Outcome;
use fault::Fault;
use held_memory::HeldMemory;
use inspect::{Ask, Counters, Mailbox};
use queue::Queue;
use shared::Shared;
use slot::Slot;
use succession::{Arrivals, Succession};
use timers::{Timer, Timers};

/// One thread's loop and everything it owns.
pub struct Worker {
    shared: Arc<Shared>,
    poll: Poll,
    listeners: Vec<Listener>,
    /// What is wrong with each of them.
    faults: Vec<Option<Fault>>,
    slots: Slab<Slot>,
    context: Context,
    deadlines: Deadlines,
    queue: Queue,
    /// Slots to be removed at the end of this turn.
    leaving: Vec<(usize, bool)>,
    /// What all connections hold beyond their slots.
    held: HeldMemory,
    /// Connections above the limit, which get 503, in order.
    refused: VecDeque<usize>,
    start: Instant,
    /// Turns in a row in which a connection was accepted, since a look for one more found none.
    accepted_singly: u32,
    /// Nobody was accepted in the last turn that could: see [`Worker::leavers_first`].
    were_first: bool,
    timers: Timers,
    succession: Arc<Succession>,
    arrivals: Arc<Arrivals>,
    mailbox: Arc<Mailbox>,
    completions: Arc<Completions>,
    /// A question that is being answered.
    asked: Option<Ask>,
}

impl Worker {
    /// Serves until the server is to end, or other workers have taken over, and the last connection is gone. Returns what it
    /// has counted.
    ///
    /// # Errors
    /// If the poller fails, which it never should.
    pub fn run(mut self) -> io::Result<Counters> {
        while !self.is_ending() || !self.slots.is_empty() {
            self.poll.wait(self.timeout())?;
            self.begin_turn();
            self.mark();
            self.check_signals();
            self.take_arrivals();
            self.take_completions();
            self.take_hints();
            self.keep_time();
            self.check_permits();
            self.drive_due();
            self.drive_fanout();
            self.inspect();
            self.shed_memory();
            self.reap();
            self.end_turn();
            self.plan_sweeps();
            self.plan_permit_check();
        }
        Ok(self.counters())
    }

    /// How long to wait for events: not at all while there is unfinished work.
    fn timeout(&self) -> Option<Duration> {
        let asked = self.asked.is_some() || self.mailbox.any() || self.completions.any();
        if !self.queue.is_empty() || self.context.topics.busy() || asked {
            return Some(Duration::ZERO);
        }
        let moments = [
            self.timers.next(),
            // When to ask a connection whether its time is up.
            self.deadlines.next(),
            // When to close files that nobody asks for any more.
            self.context.topics.lookups.deadline(),
            self.context.appenders.deadline(),
            self.context.pauses.next(),
            self.context.topics.next_hint_at(),
            // When to report what has happened in a directory.
            self.context.topics.next_directory(),
        ];
        let next = moments.into_iter().min().unwrap_or(Moment::NEVER);
        (next != Moment::NEVER).then(|| next - self.moment())
    }

    fn moment(&self) -> Moment {
        Moment::default() + self.start.elapsed()
    }

    /// The only place where clocks are read.
    fn begin_turn(&mut self) {
        let now = Instant::now();
        self.context.stopwatch.begin_turn(now);
        self.context.now = Moment::default() + now.duration_since(self.start);
        let Timestamp { date, nanoseconds } = SystemTime::now().into();
        (self.context.date, self.context.nanoseconds) = (date, nanoseconds);
        let now = self.context.now;
        self.context.topics.begin_turn(now, date);
        self.context.appenders.begin_turn(now);
    }

    /// What connections have shared in a turn is not used after it without another look: an answer is never older than
    /// its request. Only a pass that goes on in the next turn keeps the bytes that it sends.
    fn end_turn(&mut self) {
        self.context.topics.end_turn();
        self.context.listed = false;
        if let Some(lines) = &mut self.context.lines {
            lines.flush();
        }
        if !self.context.topics.busy() {
            self.context.send_buffer.forget();
        }
    }

    /// Takes what the poller found. Nothing is served here.
    fn mark(&mut self) {
        let mut listeners = Vec::new();
        let mut changed = false;
        for ready in self.poll.ready() {
            match ready.token {
                Token::Watch => changed = true,
                Token::Listener(index) => listeners.push(index),
                Token::Slot(key) => {
                    if let Some(slot) = self.slots.get_mut(key) {
                        slot.readable |= ready.readable;
                        // The poller reports only one thing of a connection that it does not watch: it is broken.
                        if slot.armed == Interest::NONE {
                            slot.machine.peer_gone(self.context.now);
                        }
                        self.queue.push(slot, key);
                    }
                }
            }
        }
        if !listeners.is_empty() && !self.leavers_first() {
            for index in listeners {
                self.accept_some(index);
            }
        }
        if changed {
            self.context.topics.read_changes();
        }
    }

    /// Wakes those for whom a thread has done something.
    fn take_completions(&mut self) {
        for completion in self.completions.take() {
            match completion {
                Completion::Generations { number, answer } => {
                    let waiting = self.context.searches.finish(number, &answer);
                    if let Some((key, slot)) =
                        waiting.and_then(|key| Some((key, self.slots.get_mut(key)?)))
                    {
                        slot.machine.resource_is_ready();
                        self.queue.push(slot, key);
                    }
                }
                Completion::List { number, made } => {
                    for key in self.context.lists.finish(number, &made) {
                        let slot = &mut self.slots[key];
                        slot.machine.resource_is_ready();
                        self.queue.push(slot, key);
                    }
                }
                Completion::Commit {
                    slots,
                    number,
                    result,
                } => {
                    for key in slots {
                        if let Some(slot) = self.slots.get_mut(key)
                            && writing::committed(slot, number, result)
                        {
                            self.queue.push(slot, key);
                        }
                    }
                }
            }
        }
    }

    /// Checks what other servers hint at, and sends them hints about what has happened here.
    fn take_hints(&mut self) {
        for hint in self.mailbox.take_hints() {
            self.context.topics.take_hint(&hint);
        }
        if let Some(hints) = &self.shared.hints {
            while let Some(hint) = self.context.topics.next_hint() {
                hints.tell(&hint.name, hint.kind);
            }
        }
    }

    /// Does everything whose time has come.
    fn keep_time(&mut self) {
        let now = self.context.now;
        if self.timers.is_due(Timer::Accept, now) {
            self.resume();
        }
        if self.timers.is_due(Timer::Listeners, now) {
            self.watch_again();
        }
        while let Some(key) = self.deadlines.pop(now) {
            let slot = &mut self.slots[key];
            slot.deadline = Moment::NEVER;
            drive::receive_in_time(slot, key, &mut self.context);
            if slot.machine.deadline(&self.shared.timeouts) <= now {
                if slot.is_being_delivered(self.shared.send_timeout) {
                    slot.machine.wait_for_delivery(now);
                } else {
                    slot.machine.timer_fired(now);
                    event_streams::follow_late(slot, key, &mut self.context);
                }
            }
            self.queue.push(slot, key);
        }
        for key in self.context.pauses.due(now) {
            self.queue.push(&mut self.slots[key], key);
        }
        if self.timers.is_due(Timer::CheckUnacked, now) {
            self.check_unacked();
        }
        self.sweep();
        if self.timers.is_due(Timer::Cut, now) {
            for (key, slot) in &mut self.slots {
                slot.machine.cut(now);
                self.queue.push(slot, key);
            }
        }
    }

    fn sweep(&mut self) {
        let now = self.context.now;
        let topics = &mut self.context.topics;
        topics.poll();
        if self.timers.is_due(Timer::PollNames, now) {
            topics.poll_absent();
        }
        if self.timers.is_due(Timer::SweepFiles, now) {
            topics.sweep();
        }
        topics.tell_directories(now);
    }

    /// Says when to look next, after everything else: the first topic may have come in this very turn, and nothing may
    /// ever happen again.
    fn plan_sweeps(&mut self) {
        let now = self.context.now;
        let topics = &self.context.topics;
        self.timers.set(Timer::PollFiles, topics.next_poll());
        let absent = topics.any_absent();
        let interval = self.shared.polls.interval;
        self.timers.repeat(Timer::PollNames, absent, interval, now);
        let sweeps = topics.any();
        self.timers
            .repeat(Timer::SweepFiles, sweeps, SWEEP_INTERVAL, now);
    }

    fn drive_due(&mut self) {
        let waiting = std::mem::take(&mut self.queue.waiting);
        let sending: Vec<usize> = {
            let count = BULK_SLICE.min(self.queue.sending.len());
            self.queue.sending.drain(..count).collect()
        };
        for &key in waiting.iter().chain(&sending) {
            let slot = &mut self.slots[key];
            slot.due = false;
            drive::receive(slot, key, &mut self.context);
        }
        together::write(&waiting, &mut self.slots, &mut self.context);
        // A connection that has more to do than its share comes again in the next turn.
        for key in waiting.into_iter().chain(sending) {
            self.drive(key);
        }
    }

    fn drive(&mut self, key: usize) {
        let slot = &mut self.slots[key];
        let outcome = drive::drive(slot, key, &mut self.context);
        self.rearm(key, outcome);
    }

    /// Brings poller, deadlines and topics in step with the state a connection is in now.
    fn rearm(&mut self, key: usize, outcome: Outcome) {
        let slot = &mut self.slots[key];
        accounting::finish_response(slot, key, &mut self.context);
        match outcome {
            Outcome::Leave { abort } => return self.leaving.push((key, abort)),
            Outcome::Again => self.queue.push(slot, key),
            Outcome::Blocked | Outcome::Paused => {}
        }
        let interest = match outcome {
            Outcome::Paused => Interest::NONE,
            _ => slot.machine.interest(),
        };
        if interest != slot.armed {
            match self
                .poll
                .modify(slot.stream.as_fd(), Token::Slot(key), interest)
            {
                Ok(()) => slot.armed = interest,
                Err(error) => {
                    warn!("cannot watch a connection: {error}");
                    return self.leaving.push((key, true));
                }
            }
        }
        slot.deadline = self.deadlines.arm(
            key,
            slot.deadline,
            slot.machine.deadline(&self.shared.timeouts),
        );
        self.held.update(&mut slot.held, slot.machine.held());
        if slot.has_unacked && !self.timers.is_set(Timer::CheckUnacked) {
            self.plan_unacked_check(true);
        }
    }

    /// Removes what is over.
    fn reap(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let leaving = std::mem::take(&mut self.leaving);
        for (key, abort, slot) in self.remove_all(leaving) {
            self.release(key, slot.counted, slot.peer);
            if abort {
                slot.stream.reset();
            }
        }
        self.resume();
    }

    /// Forgets connections, which nobody closes by that. Nothing refers to their keys any more when this returns, also those
    /// that have used up their share of the turn and are queued for the next one.
    fn remove_all<T>(&mut self, keys: Vec<(usize, T)>) -> Vec<(usize, T, Slot)> {
        let removed = keys
            .into_iter()
            .filter_map(|(key, with)| Some((key, with, self.remove(key)?)))
            .collect();
        self.queue.keep(|key| self.slots.contains(key));
        removed
    }

    fn remove(&mut self, key: usize) -> Option<Slot> {
        let mut slot = self.slots.try_remove(key)?;
        self.held.update(&mut slot.held, 0);
        accounting::log_access(&mut slot, None, &mut self.context);
        let _ = self.deadlines.arm(key, slot.deadline, Moment::NEVER);
        self.poll.remove(slot.stream.as_fd());
        if let Some(topic) = slot.topic {
            self.context.topics.leave(topic as usize, key);
        }
        self.context.topics.stop_waiting(key);
        self.context.searches.forget(key);
        self.context.lists.forget(key);
        self.context.permits.forget(key);
        self.context.clients.remove(key);
        self.context.stopwatch.forget(key);
        self.context.pauses.end(key);
        self.context
            .event_subscriptions
            .leave(key, &mut self.context.topics);
        Some(slot)
    }
}
