//! When the worker has something to do although no event comes.

use std::time::Duration;

use crate::time::Moment;

/// What there is to do at a moment of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// When to look at followed files of which inotify does not report every change.
    PollFiles,
    /// When to look whether names that led nowhere lead somewhere, where inotify does not tell.
    PollNames,
    /// When to look at every followed file, in case inotify missed something.
    SweepFiles,
    /// When to ask the kernel what clients have acknowledged, for `--send-timeout`.
    CheckUnacked,
    /// When to accept connections again after descriptors ran out.
    Accept,
    /// When to watch listeners again that accepted no connections.
    Listeners,
    /// When a token expires by which a subscription was let in.
    Tokens,
    /// When to cut what is still under way after the first signal.
    Cut,
}

/// One moment for each timer; [`Moment::NEVER`]: it is not set.
#[derive(Debug, Clone)]
pub struct Timers([Moment; Timers::COUNT]);

impl Timers {
    const COUNT: usize = Timer::Cut as usize + 1;

    /// None is set.
    #[must_use]
    pub fn new() -> Timers {
        Timers([Moment::NEVER; Timers::COUNT])
    }

    /// Sets a timer, whether it was set or not.
    pub fn set(&mut self, timer: Timer, at: Moment) {
        self.0[timer as usize] = at;
    }

    /// It does not fire.
    pub fn clear(&mut self, timer: Timer) {
        self.set(timer, Moment::NEVER);
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self, timer: Timer) -> bool {
        self.0[timer as usize] != Moment::NEVER
    }

    /// Whether its moment has come.
    #[must_use]
    pub fn is_due(&self, timer: Timer, now: Moment) -> bool {
        self.is_set(timer) && self.0[timer as usize] <= now
    }

    /// Keeps a timer that repeats at this interval for as long as it is needed: sets it again once it was due.
    pub fn repeat(&mut self, timer: Timer, needed: bool, interval: Duration, now: Moment) {
        if !needed {
            self.clear(timer);
        } else if !self.is_set(timer) || self.is_due(timer, now) {
            self.set(timer, now + interval);
        }
    }

    /// The moment of the first one.
    #[must_use]
    pub fn next(&self) -> Moment {
        self.0.into_iter().min().unwrap_or(Moment::NEVER)
    }
}

impl Default for Timers {
    fn default() -> Timers {
        Timers::new()
    }
}
