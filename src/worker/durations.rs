//! How long requests take: from the complete head to the first byte of the response.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Upper bounds of the classes in which durations are counted.
pub const BOUNDS: [Duration; 11] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(10),
];

/// A histogram.
#[derive(Debug, Clone, Default)]
pub struct Durations {
    /// How many requests fell into each class: the first of [`BOUNDS`] that they did not exceed, else the last class.
    pub counts: [u64; BOUNDS.len() + 1],
    /// The sum of all durations.
    pub sum: Duration,
}

impl Durations {
    fn observe(&mut self, duration: Duration) {
        let class = BOUNDS.partition_point(|bound| *bound < duration);
        self.counts[class] += 1;
        self.sum += duration;
    }

    pub(super) fn add(&mut self, other: &Durations) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }
}

/// Measures the durations of one worker. Most requests are answered in the turn in which they come.
pub struct Stopwatch {
    turn: Instant,
    /// When the requests began that wait for something, by slot.
    waiting: HashMap<usize, Instant>,
    /// A response has begun since [`Stopwatch::note`] was last called.
    pub(super) answered: bool,
}

impl Stopwatch {
    pub(super) fn new() -> Stopwatch {
        Stopwatch {
            turn: Instant::now(),
            waiting: HashMap::new(),
            answered: false,
        }
    }

    /// The heads of this turn are complete from then on.
    pub(super) fn begin_turn(&mut self, now: Instant) {
        self.turn = now;
    }

    /// The request of a slot was driven: its response has begun, or it waits for something.
    pub(super) fn note(&mut self, slot: usize, durations: &mut Durations) {
        if !std::mem::take(&mut self.answered) {
            self.waiting.entry(slot).or_insert(self.turn);
            return;
        }
        let begun = match self.waiting.is_empty() {
            true => None,
            false => self.waiting.remove(&slot),
        };
        durations.observe(begun.unwrap_or(self.turn).elapsed());
    }

    /// Forgets a slot, which is gone.
    pub(super) fn forget(&mut self, slot: usize) {
        self.waiting.remove(&slot);
    }
}
