//! What is wrong with the server as a whole, for `/health`.

use std::sync::{Mutex, PoisonError};

/// The trouble that the server has now, if it has any.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<String>>);

impl Health {
    /// What is wrong, in one line.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    /// Replaces it. True if it has changed.
    pub fn set(&self, trouble: Option<String>) -> bool {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *held != trouble;
        *held = trouble;
        news
    }
}
