//! Ends subscriptions whose tokens are no longer valid.

use std::time::Duration;

use super::Worker;
use super::permits::Permit;
use super::timers::Timer;
use crate::limits::TOKENS_INTERVAL;

impl Worker {
    /// Ends the subscriptions whose tokens are no longer valid, before anything is sent in this turn.
    pub(super) fn check_permits(&mut self) {
        let Some(tokens) = &mut self.context.tokens else {
            return;
        };
        let (permits, now, date) = (
            &mut self.context.permits,
            self.context.now,
            self.context.date,
        );
        let (version, tokens) = tokens.get_with_version();
        let expired = self.timers.is_due(Timer::Tokens, now);
        if permits.version != version || expired {
            permits.version = version;
            permits.plan = true;
            let is_valid = |permit: &Permit| {
                let (credentials, path) = (&permit.credentials, permit.path.as_ref());
                tokens.permit(credentials, path, permit.right, date).is_ok()
            };
            let ended = permits.by_slot.extract_if(|_, permit| !is_valid(permit));
            for (key, _) in ended {
                let slot = &mut self.slots[key];
                slot.machine.revoked(now);
                self.queue.push(slot, key);
            }
        }
    }

    /// Sets the timer for the next check, after everything else: a subscription may have begun in this very turn.
    pub(super) fn plan_permit_check(&mut self) {
        let permits = &mut self.context.permits;
        let Some(tokens) = self.context.tokens.as_mut().filter(|_| permits.plan) else {
            return;
        };
        permits.plan = false;
        let (now, date) = (self.context.now, self.context.date);
        let expiry = tokens.get().next_expiry(date);
        match expiry.filter(|_| !permits.by_slot.is_empty()) {
            Some(until) => {
                let left = until.seconds().saturating_sub(date.seconds());
                let wait = TOKENS_INTERVAL.min(Duration::from_secs(left));
                self.timers.set(Timer::Tokens, now + wait);
            }
            None => self.timers.clear(Timer::Tokens),
        }
    }
}
