//! Symbolic links that lead out of the served directory: whether the server follows those that come back, and what the
//! log says of the others.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::target::Path;
use crate::limits::REFUSED_LINKS_MAX;

/// `--follow-links`, and the names that were refused. Clones share these names.
#[derive(Debug, Clone, Default)]
pub struct Links {
    /// A link may leave the root if it ends inside it.
    pub inside: bool,
    refused: Arc<Mutex<HashSet<Box<[u8]>>>>,
}

impl Links {
    /// With `--follow-links inside`, or without.
    #[must_use]
    pub fn new(inside: bool) -> Links {
        Links {
            inside,
            refused: Arc::default(),
        }
    }

    /// A name leads out of the root. The log says so once for each name, up to [`REFUSED_LINKS_MAX`] of them.
    pub(super) fn refuse(&self, name: &[u8]) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= REFUSED_LINKS_MAX || !refused.insert(name.into()) {
            return;
        }
        let path = Path {
            name: name.into(),
            slash: false,
        };
        let hint = if self.inside {
            "it is not followed"
        } else {
            "the server does not follow it; --follow-links inside follows those that end inside ROOT"
        };
        log::warn!("a symbolic link on the way of {path} leads out of ROOT: {hint}");
    }
}
