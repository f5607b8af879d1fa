//! Hints about followed files that have not been sent to other servers yet.

use std::collections::BTreeSet;

use super::topic::Topic;
use crate::hint::Hint;
use crate::time::Due;

/// Topics that have a hint to send, and when it may be sent.
#[derive(Debug, Default)]
pub(super) struct PendingHints {
    /// There are other servers.
    pub(super) wanted: bool,
    pub(super) topics: BTreeSet<Due>,
    /// The hints of topics that are gone.
    pub(super) left: Vec<Hint>,
}

impl PendingHints {
    /// A topic goes.
    pub(super) fn leave(&mut self, topic: &Topic) {
        self.left.extend(topic.hint.map(|kind| Hint {
            name: topic.name.as_ref().into(),
            kind,
        }));
    }
}
