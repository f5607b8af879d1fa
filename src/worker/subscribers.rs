//! Subscribers whose topics have something new: a slice of them is woken and driven in each turn, and what the first one was
//! sent goes to the others that rest at the same place.

use std::time::Instant;

use super::drive::Outcome;
use super::shared_chunk::{Rest, SharedChunks};
use super::{Worker, accounting};
use crate::follow::absences::Purpose;
use crate::follow::fanout::NextSubscriber;
use crate::limits::{FANOUT_SLICE, FANOUT_TIME};

impl Worker {
    /// Continues the passes over the subscribers of topics, a slice a turn.
    pub(super) fn drive_fanout(&mut self) {
        self.context.topics.look_at_some();
        self.wake_those_who_wait();
        let mut chunks = SharedChunks::default();
        let begun = Instant::now();
        for _ in 0..FANOUT_SLICE {
            let Some(turn) = self.context.topics.next_subscriber() else {
                break;
            };
            let key = turn.slot;
            if turn.gone.is_none() && self.share(key, &chunks) {
                continue;
            }
            let start = Rest::of(&self.slots[key]);
            if self.wake(turn) {
                self.drive(key);
                let (slot, send_buffer) = (&self.slots[key], &self.context.send_buffer);
                if let Some(start) = start {
                    chunks.keep(slot, start, send_buffer);
                }
                // What one of them needs may take long.
                if begun.elapsed() > FANOUT_TIME {
                    break;
                }
            } else {
                // A list that it shares may be its own by now.
                let slot = &mut self.slots[key];
                self.held.update(&mut slot.held, slot.machine.held());
                // A tail in the middle of something comes by itself. If the file was truncated, it may have regrown by then.
                self.context.topics.look_at_file(turn.topic);
            }
        }
    }

    /// Wakes the requests whose names lead somewhere now: they look them up again.
    fn wake_those_who_wait(&mut self) {
        for _ in 0..FANOUT_SLICE {
            let Some((key, purpose)) = self.context.topics.next_woken() else {
                return;
            };
            let slot = &mut self.slots[key];
            match purpose {
                Purpose::Request => slot.machine.look_again(),
                Purpose::Name(name) => slot.machine.may_be_there(Some(name as usize)),
                Purpose::Directory => slot.machine.may_be_there(None),
            }
            self.queue.push(slot, key);
        }
    }

    /// Sends a subscriber the bytes that were made for others at the same place. False if it must be driven instead.
    fn share(&mut self, key: usize, chunks: &SharedChunks) -> bool {
        let slot = &mut self.slots[key];
        let Some(taken) = chunks.send(slot, &self.context.send_buffer, self.context.now) else {
            return false;
        };
        accounting::count_sent(slot, taken.count, None, &mut self.context);
        if taken.full {
            self.rearm(key, Outcome::Blocked);
        }
        true
    }

    /// Reports to a subscription what has happened. True if it slept and must be driven.
    fn wake(&mut self, turn: NextSubscriber) -> bool {
        let machine = &mut self.slots[turn.slot].machine;
        if machine.is_patient() {
            machine.look_again();
            return true;
        }
        if !machine.is_tail() {
            return false;
        }
        match turn.gone {
            None => match self
                .context
                .topics
                .version_of(turn.topic, machine.patterns())
            {
                Some(version) => machine.directory_changed(version),
                None => machine.changed(),
            },
            Some(why) if why.is_loss() => {
                machine.broke(why, self.context.now);
                true
            }
            Some(why) => {
                let names = &self.context.event_subscriptions;
                match names.name(turn.slot, turn.topic) {
                    Some(name) => machine.name_lost(name, why),
                    None => machine.changed(),
                }
            }
        }
    }
}
