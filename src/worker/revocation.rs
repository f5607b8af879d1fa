//! Subscriptions whose tokens are valid no more.

use std::time::Duration;

use super::Worker;
use super::passes::Pass;
use super::timers::Timer;
use crate::limits::TOKENS_INTERVAL;

impl Worker {
    /// Ends the subscriptions whose tokens are valid no more, before anything is sent in this turn.
    pub(super) fn check_passes(&mut self) {
        let Some(tokens) = &mut self.context.tokens else {
            return;
        };
        let (passes, now, date) = (
            &mut self.context.passes,
            self.context.now,
            self.context.date,
        );
        let (version, tokens) = tokens.get_with_version();
        let expired = self.timers.is_due(Timer::Tokens, now);
        if passes.version != version || expired {
            passes.version = version;
            passes.plan = true;
            let is_valid = |pass: &Pass| {
                let (credentials, path) = (&pass.credentials, pass.path.as_ref());
                tokens.permit(credentials, path, pass.right, date).is_ok()
            };
            let ended = passes.by_slot.extract_if(|_, pass| !is_valid(pass));
            for (key, _) in ended {
                let slot = &mut self.slots[key];
                slot.machine.revoked(now);
                self.queue.push(slot, key);
            }
        }
    }

    /// Says when to look next, after everything else: a subscription may have come in this very turn.
    pub(super) fn plan_passes(&mut self) {
        let passes = &mut self.context.passes;
        let Some(tokens) = self.context.tokens.as_mut().filter(|_| passes.plan) else {
            return;
        };
        passes.plan = false;
        let (now, date) = (self.context.now, self.context.date);
        let expiry = tokens.get().next_expiry(date);
        match expiry.filter(|_| !passes.by_slot.is_empty()) {
            Some(until) => {
                let left = until.seconds().saturating_sub(date.seconds());
                let wait = TOKENS_INTERVAL.min(Duration::from_secs(left));
                self.timers.set(Timer::Tokens, now + wait);
            }
            None => self.timers.clear(Timer::Tokens),
        }
    }
}
