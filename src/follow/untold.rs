//! News of followed files that other servers do not have yet.

use std::collections::BTreeSet;

use super::topic::Topic;
use crate::hint::Hint;
use crate::time::Due;

/// Topics that have news, and when these may be sent.
#[derive(Debug, Default)]
pub(super) struct Untold {
    /// Somebody wants to know.
    pub(super) wanted: bool,
    pub(super) topics: BTreeSet<Due>,
    /// What is left of topics that are gone.
    pub(super) left: Vec<Hint>,
}

impl Untold {
    /// A topic goes.
    pub(super) fn leave(&mut self, topic: &Topic) {
        self.left.extend(topic.news.map(|what| Hint {
            name: topic.name.as_ref().into(),
            what,
        }));
    }
}
