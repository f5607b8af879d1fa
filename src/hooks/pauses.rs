//! How long a target is left alone that did not take a notification.

use std::time::Duration;

use crate::limits::{HOOK_PAUSES, HOOK_RETRY_AFTER_MAX};

/// Pauses before the second attempt, the third and so on; the last one is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pauses(Vec<Duration>);

impl Default for Pauses {
    fn default() -> Pauses {
        Pauses(HOOK_PAUSES.map(Duration::from_secs).into())
    }
}

impl Pauses {
    /// Of this list.
    ///
    /// # Panics
    /// If there is none in it.
    #[must_use]
    pub fn new(list: Vec<Duration>) -> Pauses {
        assert!(!list.is_empty(), "at least one pause");
        Pauses(list)
    }

    /// The pause after so many attempts.
    #[must_use]
    pub fn after(&self, attempts: u32) -> Duration {
        let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        self.0[index.min(self.0.len() - 1)]
    }

    /// No target is left alone for longer, whatever it asks for.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.0
            .iter()
            .copied()
            .fold(HOOK_RETRY_AFTER_MAX, Duration::max)
    }
}
