//! What the connections of a worker hold together.

use crate::limits::CONNECTION_MEMORY_MAX;
use crate::time::Moment;

/// What the worker holds for its connections beyond their slots.
#[derive(Debug, Default)]
pub(super) struct HeldMemory {
    bytes: usize,
    /// What `Worker::shed_memory` remembers.
    pub(super) shedding: Shedding,
}

/// How connections were cut because all together held too much.
#[derive(Debug, Default)]
pub(super) struct Shedding {
    /// When to look at all connections again, if that was in vain.
    pub(super) next: Moment,
    /// When the log may say so again.
    pub(super) may_tell: Moment,
    /// Connections that were cut and of which the log has not said so.
    pub(super) untold: usize,
}

impl HeldMemory {
    /// Brings the sum in step with one connection, which held so much before, and holds so much now.
    pub(super) fn update(&mut self, before: &mut u32, now: usize) {
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        self.bytes = self.bytes + now as usize - std::mem::replace(before, now) as usize;
    }

    /// Whether it is too much.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > CONNECTION_MEMORY_MAX
    }

    /// After it was too much: whether there is enough memory again for a while.
    pub(super) fn is_relieved(&self) -> bool {
        self.bytes <= CONNECTION_MEMORY_MAX / 4 * 3
    }
}
