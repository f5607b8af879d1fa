//! What the connections of a worker hold together.

use crate::limits::CONNECTION_MEMORY_MAX;

/// What the worker holds for its connections beyond their slots.
#[derive(Debug, Default)]
pub(super) struct HeldMemory(usize);

impl HeldMemory {
    /// Brings the sum in step with one connection, which held so much before, and holds so much now.
    pub(super) fn update(&mut self, before: &mut u32, now: usize) {
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        self.0 = self.0 + now as usize - std::mem::replace(before, now) as usize;
    }

    /// Whether it is too much.
    pub(super) fn is_full(&self) -> bool {
        self.0 > CONNECTION_MEMORY_MAX
    }

    /// After it was too much: whether there is enough memory again for a while.
    pub(super) fn is_relieved(&self) -> bool {
        self.0 <= CONNECTION_MEMORY_MAX / 4 * 3
    }
}
