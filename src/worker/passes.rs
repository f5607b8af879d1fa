//! By what subscriptions were let in. A token that is removed or expires ends what it has opened; a response that ends by
//! itself is complete all the same.

use std::collections::HashMap;
use std::time::Duration;

use super::Worker;
use super::timers::Timer;
use crate::http::authorization::{Credentials, Right};
use crate::http::target::Path;
use crate::limits::TOKENS_INTERVAL;

/// What a client has shown, and for what.
pub struct Pass {
    pub(super) credentials: Credentials,
    pub(super) path: Option<Path>,
    pub(super) right: Right,
}

/// The passes of the subscriptions of a worker, by their slots. Empty where there are no tokens.
#[derive(Default)]
pub struct Passes {
    by_slot: HashMap<usize, Pass>,
    /// The table of tokens that they were last compared with.
    version: usize,
    /// When the next token expires has to be found out.
    plan: bool,
}

impl Passes {
    /// A subscription has begun.
    pub(super) fn keep(&mut self, slot: usize, pass: Pass) {
        self.by_slot.insert(slot, pass);
        self.plan = true;
    }

    /// The response of a slot has ended.
    pub(super) fn forget(&mut self, slot: usize) {
        self.by_slot.remove(&slot);
    }
}

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
