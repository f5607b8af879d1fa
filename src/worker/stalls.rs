//! Clients that take nothing, or too little: those that have not acknowledged what was sent are found and cut, and so is the
//! longest stalled when all connections together hold too much memory.

use std::cmp::Reverse;
use std::time::Duration;

use log::{info, warn};

use super::Worker;
use super::timers::Timer;
use crate::connection::State;
use crate::limits::{
    ACKNOWLEDGED_INTERVAL, CONNECTION_MEMORY_MAX, MIN_RATE_PATIENCE, SHED_INTERVAL,
    SHED_TOLD_INTERVAL,
};
use crate::os::sockets::Stream;
use crate::os::unix_queues::UnixQueues;
use crate::sorted::sort_by_key;
use crate::subscription::end::End;

impl Worker {
    /// Cuts clients that have acknowledged nothing of what was sent for longer than the send timeout. Writability alone
    /// does not tell: a few records fit into a stalled client's buffer forever.
    pub(super) fn check_unacked(&mut self) {
        let now = self.context.now;
        let mut open = false;
        for (key, slot) in &mut self.slots {
            if !slot.has_unacked {
                continue;
            }
            let owed = match slot.machine.state() {
                // A client that sends a body has its own deadline, and is not idle.
                State::ReadingBody(_) => 0,
                _ => slot.stream.unacknowledged(),
            };
            // Nobody else can free the space of a file that is removed and open here.
            let rate = self.shared.min_rate;
            let pins = rate > 0 && owed > 0 && slot.machine.any_file(|file| file.is_removed());
            let queues = self.shared.unix_queues.as_ref();
            let unread = || unread_by_peer(queues, &slot.stream);
            slot.unacked.look(owed, unread, pins.then_some(rate), now);
            slot.has_unacked = owed > 0;
            let patience = match self.shared.send_timeout {
                Duration::ZERO if pins => MIN_RATE_PATIENCE,
                Duration::ZERO => Duration::MAX,
                timeout => timeout,
            };
            if slot.has_unacked && slot.unacked.behind(now) >= patience {
                // The end of a subscription has its line.
                if !slot.machine.is_tail() {
                    let why = if pins { End::TooSlow } else { End::Stalled };
                    info!("{} {}", slot.peer, why.word());
                }
                if pins {
                    slot.machine.too_slow(now);
                } else {
                    slot.machine.stalled(now);
                }
                self.queue.push(slot, key);
            }
            open |= slot.has_unacked;
        }
        self.plan_unacked_check(open);
    }

    /// Sets the timer of [`Worker::check_unacked`] if a client has not acknowledged everything.
    pub(super) fn plan_unacked_check(&mut self, open: bool) {
        let (patience, needed) = match (self.shared.send_timeout, self.shared.min_rate) {
            (Duration::ZERO, rate) => (MIN_RATE_PATIENCE, rate > 0),
            (timeout, _) => (timeout, true),
        };
        let interval = (patience / 4).clamp(ACKNOWLEDGED_INTERVAL.0, ACKNOWLEDGED_INTERVAL.1);
        let now = self.context.now;
        self.timers
            .repeat(Timer::CheckUnacked, open && needed, interval, now);
    }

    /// Has the longest stalled connections give way if all together hold too much.
    pub(super) fn shed_memory(&mut self) {
        let now = self.context.now;
        if !self.held.is_full() || now < self.held.shedding.next {
            return;
        }
        let holders = self.slots.iter().filter(|(_, slot)| slot.held > 0);
        let mut holders: Vec<(Duration, usize)> = holders
            .map(|(key, slot)| (slot.stalled_for(now), key))
            .collect();
        sort_by_key(&mut holders, |&holder| Reverse(holder));
        let mut count = 0;
        for (_, key) in holders {
            // A good deal at once: to look at all connections takes its time.
            if self.held.is_relieved() {
                break;
            }
            let slot = &mut self.slots[key];
            if slot.machine.give_way(now) {
                self.held.update(&mut slot.held, 0);
                self.queue.push(slot, key);
                count += 1;
            }
        }
        if !self.held.is_relieved() {
            // The others hold what will be used in a moment.
            self.held.shedding.next = now + SHED_INTERVAL;
        }
        self.held.shedding.untold += count;
        if self.held.shedding.untold > 0 && now >= self.held.shedding.may_tell {
            let count = std::mem::take(&mut self.held.shedding.untold);
            self.held.shedding.may_tell = now + SHED_TOLD_INTERVAL;
            warn!(
                "connections hold more than {} MiB: the server cuts the {count} that have stalled for longest",
                CONNECTION_MEMORY_MAX >> 20
            );
        }
    }
}

fn unread_by_peer(queues: Option<&UnixQueues>, stream: &Stream) -> Option<u32> {
    if stream.counts_bytes() {
        return None;
    }
    queues?.unread_by_peer(stream)
}
