//! What an intake has received, and what it has lost: counted by its thread, read by whoever reports it.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that one thread changes.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to it.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// What it is now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// See the module. All but `senders` count from the start of the server.
#[derive(Debug, Default)]
pub struct Tally {
    /// Connections now.
    pub senders: Count,
    /// Lines that came, appended or not.
    pub lines: Count,
    /// Bytes that came.
    pub bytes: Count,
    /// Datagrams that came.
    pub datagrams: Count,
    /// How often a line or a datagram was cut because it was too long.
    pub cut: Count,
    /// Senders that were refused, or had to give way to others after a long silence.
    pub refused: Count,
    /// Lines that came and could not be appended.
    pub lost: Count,
    /// Datagrams that the kernel dropped because the buffer of the socket was full.
    pub dropped: Count,
}
