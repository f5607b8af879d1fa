//! The end of a worker: it accepts no more connections, and what is under way comes to its end or is cut.

use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use super::Worker;
use super::timers::Timer;
use crate::limits::BACKLOG;

/// No queue is longer: others may fill it for as long as it is emptied.
const DRAIN_MAX: usize = BACKLOG as usize + 1;

impl Worker {
    /// Whether it accepts no connections any more and lets those that are there come to their end.
    pub(super) fn is_ending(&self) -> bool {
        self.timers.is_set(Timer::Cut)
    }

    pub(super) fn check_signals(&mut self) {
        let signals = self.shared.signals.load(Ordering::Acquire);
        let ends = signals > 0 || self.succession.has_begun();
        if ends && !self.is_ending() {
            self.stop();
        }
        if signals > 1 {
            self.timers.set(Timer::Cut, self.context.now);
        }
    }

    /// Stops accepting (each queue is emptied first, if closing the listener would reset what is in it) and lets
    /// everything that is under way come to its end.
    fn stop(&mut self) {
        let now = self.context.now;
        self.timers.set(Timer::Cut, now + self.shared.grace);
        for index in 0..self.listeners.len() {
            if !self.listeners[index].lent() && !self.succession.has_begun() {
                self.accept(index, DRAIN_MAX);
            }
        }
        for listener in self.listeners.drain(..) {
            self.poll.remove(listener.as_fd());
        }
        self.close_entrance();
        // Requests that have come are served, and in a turn of their own: they may be younger than what this one has
        // looked up.
        self.end_turn();
        for (key, slot) in &mut self.slots {
            slot.readable = true;
            self.queue.push(slot, key);
        }
        self.drive_due();
        // Writes count too whose events are not read yet.
        self.context.topics.forget_all();
        self.pass_on();
        for (key, slot) in &mut self.slots {
            if slot.machine.drain(now) {
                self.queue.push(slot, key);
            }
        }
    }
}
