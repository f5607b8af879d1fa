//! Hints between heads: those that this worker sends, and those that it gets.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::action::ParsedHead;
use crate::hint::{Hint, News};
use crate::http::write::{Change, Verb};
use crate::limits::PEER_QUEUE_MAX;

/// Where workers say what other heads should look at.
#[derive(Debug, Clone)]
pub struct Hints(SyncSender<Hint>);

impl Hints {
    /// Hints go to this sender.
    #[must_use]
    pub fn new(sender: SyncSender<Hint>) -> Hints {
        Hints(sender)
    }

    /// Sends a hint of a name. If the queue is full, it drops the hint: the others look by themselves, later.
    pub fn tell(&self, name: &[u8], what: News) {
        let _ = self.0.try_send(Hint {
            name: name.into(),
            what,
        });
    }
}

/// Sends other servers a hint of what a client has written, whether somebody follows it here or not.
pub(super) fn tell_written(hints: &Hints, asked: &ParsedHead) {
    let Some(write) = asked.as_ref().ok().filter(|asked| asked.writes()) else {
        return;
    };
    let write = write.write_head();
    let what = match write.verb {
        Verb::Post | Verb::Patch => News::Changed,
        Verb::Put | Verb::Move | Verb::Delete => News::Rolled,
    };
    if let Some(path) = write.path() {
        hints.tell(&path.name, what);
    }
    if let Ok(Change::Move { destination, .. }) = &write.change {
        hints.tell(&destination.name, News::Rolled);
    }
}

/// Hints that came for a worker and that it has not taken.
#[derive(Debug, Default)]
pub(super) struct Arrived(Vec<Arc<Hint>>);

impl Arrived {
    /// One more, unless there are too many: then the server looks at its file at the next interval.
    pub(super) fn add(&mut self, hint: &Arc<Hint>) {
        if self.0.len() < PEER_QUEUE_MAX && !self.0.contains(hint) {
            self.0.push(Arc::clone(hint));
        }
    }

    /// All of them.
    pub(super) fn take(&mut self) -> Vec<Arc<Hint>> {
        std::mem::take(&mut self.0)
    }
}
