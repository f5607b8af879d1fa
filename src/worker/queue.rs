//! Which connections are to be driven.

use std::collections::VecDeque;

use super::slot::Slot;
use crate::connection::State;

/// Slots to be driven, each at most once. Those in the middle of an answer come in slices, so that
/// nobody waits for all of them.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: Vec<usize>,
    pub(super) sending: VecDeque<usize>,
}

impl Queue {
    pub(super) fn push(&mut self, slot: &mut Slot, key: usize) {
        if std::mem::replace(&mut slot.due, true) {
            return;
        }
        match slot.machine.state() {
            State::SendingRange(_) => self.sending.push_back(key),
            _ => self.waiting.push(key),
        }
    }

    /// Forgets all others.
    pub(super) fn keep(&mut self, is_there: impl Fn(usize) -> bool) {
        self.waiting.retain(|&key| is_there(key));
        self.sending.retain(|&key| is_there(key));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sending.is_empty()
    }
}
