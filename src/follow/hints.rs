//! Hints between servers of the same files: what happens to followed files here, for the others to check (for each file at most once in a while),
//! and what the others report.

use super::topics::Topics;
use super::watcher::TopicId;
use crate::hint::{Hint, HintKind};
use crate::limits::PEER_PAUSE;
use crate::time::{Due, Moment};

impl Topics {
    /// Collects hints from now on: there are other servers.
    pub fn collect_hints(&mut self) {
        self.pending_hints.wanted = true;
    }

    /// Something has happened to the file of a topic, or to its name.
    pub(super) fn note_for_peers(&mut self, key: TopicId, kind: HintKind) {
        if !self.pending_hints.wanted {
            return;
        }
        let Some(topic) = self.registry.get_mut(key) else {
            return;
        };
        if topic.directory.is_none() && topic.hint.replace(kind).is_none() {
            let at = topic
                .hinted
                .map_or(self.now, |last| self.now.max(last + PEER_PAUSE));
            self.pending_hints.topics.insert(Due::new(at, key));
        }
    }

    /// The next hint that may be sent now.
    pub fn next_hint(&mut self) -> Option<Hint> {
        if let Some(hint) = self.pending_hints.left.pop() {
            return Some(hint);
        }
        while let Some(due) = self.pending_hints.topics.first().copied() {
            if due.moment() > self.now {
                return None;
            }
            self.pending_hints.topics.pop_first();
            let topic = self.registry.get_mut(due.number());
            if let Some((topic, kind)) =
                topic.and_then(|topic| topic.hint.take().map(|kind| (topic, kind)))
            {
                topic.hinted = Some(self.now);
                let name = topic.name.as_ref().into();
                return Some(Hint { name, kind });
            }
        }
        None
    }

    /// When [`Topics::next_hint`] has one.
    #[must_use]
    pub fn next_hint_at(&self) -> Moment {
        if !self.pending_hints.left.is_empty() {
            return self.now;
        }
        let first = self.pending_hints.topics.first();
        first.map_or(Moment::NEVER, |due| due.moment())
    }

    /// Another server hints that something has happened to a name.
    pub fn take_hint(&mut self, hint: &Hint) {
        if hint.kind == HintKind::Rolled {
            self.lookups.files().forget_names();
        }
        if let Some(key) = self.registry.named(&hint.name) {
            self.look_soon(key);
        }
        let slash = hint.name.iter().rposition(|&byte| byte == b'/');
        let (directory, own) = match slash {
            Some(slash) => (&hint.name[..slash], &hint.name[slash + 1..]),
            None => (&[][..], &hint.name[..]),
        };
        if let Some(key) = self.registry.named(directory) {
            self.note_entry(key, own.into());
        }
        if self.any_absent() {
            self.poll_absent();
        }
    }
}
