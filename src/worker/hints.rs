//! Hints between servers of the same files: those that this worker sends, and those that it gets.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::action::ParsedHead;
use crate::hint::{Hint, HintKind};
use crate::http::write::{Change, Verb};
use crate::limits::PEER_QUEUE_MAX;

/// Where workers leave hints for other servers.
#[derive(Debug, Clone)]
pub struct Hints(SyncSender<Hint>);

impl Hints {
    /// Hints go to this sender.
    #[must_use]
    pub fn new(sender: SyncSender<Hint>) -> Hints {
        Hints(sender)
    }

    /// Sends a hint about a name. If the queue is full, it drops the hint: the others find the change by themselves, later.
    pub fn tell(&self, name: &[u8], kind: HintKind) {
        let _ = self.0.try_send(Hint {
            name: name.into(),
            kind,
        });
    }
}

/// Sends other servers a hint about what a client has written, whether somebody follows it here or not.
pub(super) fn tell_written(hints: &Hints, asked: &ParsedHead) {
    let Some(write) = asked.as_ref().ok().filter(|asked| asked.writes()) else {
        return;
    };
    let write = write.write_head();
    let kind = match write.verb {
        Verb::Post | Verb::Patch => HintKind::Changed,
        Verb::Put | Verb::Move | Verb::Delete => HintKind::Rolled,
    };
    if let Some(path) = write.path() {
        hints.tell(&path.name, kind);
    }
    if let Ok(Change::Move { destination, .. }) = &write.change {
        hints.tell(&destination.name, HintKind::Rolled);
    }
}

/// Hints that have arrived for a worker, which it has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Arrived(Vec<Arc<Hint>>);

impl Arrived {
    /// Adds a hint, unless there are too many: then the worker checks the file at the next interval.
    pub(super) fn add(&mut self, hint: &Arc<Hint>) {
        if self.0.len() < PEER_QUEUE_MAX && !self.0.contains(hint) {
            self.0.push(Arc::clone(hint));
        }
    }

    /// Takes all hints.
    pub(super) fn take(&mut self) -> Vec<Arc<Hint>> {
        std::mem::take(&mut self.0)
    }
}
