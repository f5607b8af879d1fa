//! How much of what was sent a client has taken, and since when it has taken nothing.

use std::time::Duration;

use crate::time::Moment;

/// What a client has not acknowledged of what was sent: in bytes, or on a unix socket in the kernel's memory for them.
/// Where that memory seems to stand still, the bytes that the other side has not read count as well.
#[derive(Debug, Clone, Copy, Default)]
pub struct UnackedBytes {
    /// What was not acknowledged at the last check, plus what was sent since.
    owed: u32,
    /// Bytes that the other side had not read at the last check of its queue, plus those sent since.
    unread: u32,
    /// When the client last acknowledged something, or had acknowledged everything. For a client with a minimum rate: up to
    /// when what it has taken suffices. In milliseconds modulo 2^32, which are 49 days.
    since: u32,
}

impl UnackedBytes {
    /// The socket has taken these bytes; `amount` is their amount in the unit of [`UnackedBytes::look`].
    pub(super) fn sent(&mut self, bytes: u64, amount: u64) {
        let add = |sum: u32, more| sum.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.owed = add(self.owed, amount);
        self.unread = add(self.unread, bytes);
    }

    /// From now on there is something that the client has not acknowledged.
    pub(super) fn open(&mut self, now: Moment) {
        self.since = milliseconds(now);
    }

    /// How long the client had taken nothing, or too little, at the last check.
    pub(super) fn behind(&self, now: Moment) -> Duration {
        Duration::from_millis(milliseconds(now).wrapping_sub(self.since).into())
    }

    /// Checks how much is not acknowledged, and if that is as much as before, how many bytes the other side has not read.
    /// `rate`: bytes a second that the client must take at least.
    pub(super) fn look(
        &mut self,
        owed: u32,
        unread: impl FnOnce() -> Option<u32>,
        rate: Option<u64>,
        now: Moment,
    ) {
        let mut taken = self.owed.saturating_sub(owed);
        self.owed = owed;
        if taken == 0
            && owed > 0
            && let Some(unread) = unread()
        {
            taken = self.unread.saturating_sub(unread);
            self.unread = unread;
        }
        let now = milliseconds(now);
        self.since = match rate {
            Some(rate) if owed > 0 => {
                let paid = u64::from(taken) * 1000 / rate.max(1);
                let behind = now.wrapping_sub(self.since);
                let behind = behind.saturating_sub(u32::try_from(paid).unwrap_or(u32::MAX));
                now.wrapping_sub(behind)
            }
            _ if owed == 0 || taken > 0 => now,
            _ => self.since,
        };
    }
}

#[allow(clippy::cast_possible_truncation, reason = "modulo 2^32")]
fn milliseconds(moment: Moment) -> u32 {
    moment.0 as u32
}
