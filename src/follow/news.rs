//! What has happened to followed files that other heads should look at, each at most once in a while.

use super::topics::Topics;
use super::watcher::TopicId;
use crate::hint::{Hint, News};
use crate::limits::PEER_PAUSE;
use crate::time::{Due, Moment};

impl Topics {
    /// Whatever happens from now on goes to the others.
    pub fn collect_news(&mut self) {
        self.untold_news.wanted = true;
    }

    /// Something has happened to the file of a topic, or to its name.
    pub(super) fn note_for_peers(&mut self, key: TopicId, what: News) {
        if !self.untold_news.wanted {
            return;
        }
        let Some(topic) = self.registry.get_mut(key) else {
            return;
        };
        if topic.directory.is_none() && topic.news.replace(what).is_none() {
            let at = topic
                .told
                .map_or(self.now, |told| self.now.max(told + PEER_PAUSE));
            self.untold_news.topics.insert(Due::new(at, key));
        }
    }

    /// News that may be sent now.
    pub fn next_news(&mut self) -> Option<Hint> {
        if let Some(hint) = self.untold_news.left.pop() {
            return Some(hint);
        }
        while let Some(due) = self.untold_news.topics.first().copied() {
            if due.moment() > self.now {
                return None;
            }
            self.untold_news.topics.pop_first();
            let topic = self.registry.get_mut(due.number());
            if let Some((topic, what)) =
                topic.and_then(|topic| topic.news.take().map(|what| (topic, what)))
            {
                topic.told = Some(self.now);
                let name = topic.name.as_ref().into();
                return Some(Hint { name, what });
            }
        }
        None
    }

    /// When [`Topics::next_news`] has something.
    #[must_use]
    pub fn news_at(&self) -> Moment {
        if !self.untold_news.left.is_empty() {
            return self.now;
        }
        let first = self.untold_news.topics.first();
        first.map_or(Moment::NEVER, |due| due.moment())
    }

    /// Another head says that something has happened to a name.
    pub fn take_hint(&mut self, hint: &Hint) {
        if hint.what == News::Rolled {
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
