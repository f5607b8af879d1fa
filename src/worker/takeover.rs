//! Connections on which nothing is under way pass from the workers whose place others take to those.

use super::Worker;
use super::slot::Slot;
use super::succession::Passing;
use crate::connection::Connection;

impl Worker {
    /// Takes the connections of those whose place this worker takes.
    pub(super) fn take_arrivals(&mut self) {
        for passing in self.arrivals.take() {
            self.take_in(passing);
        }
    }

    /// Takes the last of them.
    pub(super) fn close_entrance(&mut self) {
        for passing in self.arrivals.close() {
            self.take_in(passing);
        }
    }

    fn take_in(&mut self, passing: Passing) {
        let now = self.context.now;
        let machine = match passing.served {
            true => Connection::between_requests(now),
            false => Connection::new(now),
        };
        let mut slot = Slot::new(passing.stream, passing.peer, machine, true, now);
        slot.awaits_source = passing.awaits_source;
        // The last response may be on its way in the kernel.
        slot.has_unacked = slot.stream.unacknowledged() > 0;
        slot.unacked.open(now);
        self.insert(slot);
    }

    /// Gives the connections on which nothing is under way to the workers that take the place of this one, if there are any.
    pub(super) fn pass_on(&mut self) {
        if !self.succession.has_begun() {
            return;
        }
        // Else one that is over could seem idle, or its key could pass to another.
        self.reap();
        let idle = |(key, slot): (usize, &Slot)| self.may_pass(key, slot).then_some((key, ()));
        let idle: Vec<(usize, ())> = self.slots.iter().filter_map(idle).collect();
        for (.., slot) in self.remove_all(idle) {
            let passing = Passing {
                awaits_source: slot.awaits_source,
                served: slot.machine.has_served(),
                peer: slot.peer,
                stream: slot.stream,
            };
            if let Err(passing) = self.succession.pass_on(passing) {
                self.take_in(passing);
            }
        }
    }

    /// Of a connection that does not count, or has sent a part of something, this worker knows more than it can pass on.
    fn may_pass(&self, key: usize, slot: &Slot) -> bool {
        let is_idle = slot.machine.is_between_requests() && !self.context.clients.has_head(key);
        slot.counted && is_idle
    }
}
