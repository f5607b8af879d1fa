//! The credentials that permitted each subscription. A subscription ends when the token that permitted it is removed or
//! expires; a response that ends by itself is completed all the same.

use std::collections::HashMap;

use crate::http::authorization::{Credentials, Right};
use crate::http::target::Path;

/// The credentials that permitted a subscription, and what they had to permit.
pub struct Permit {
    pub(super) credentials: Credentials,
    pub(super) path: Option<Path>,
    pub(super) right: Right,
}

/// The permits of a worker's subscriptions, by slot. Empty without `--token-file`.
#[derive(Default)]
pub struct Permits {
    pub(super) by_slot: HashMap<usize, Permit>,
    /// The version of the tokens with which all permits were last compared.
    pub(super) version: usize,
    /// The worker must find out when the next of these tokens expires, and set its timer.
    pub(super) plan: bool,
}

impl Permits {
    /// A subscription has begun.
    pub(super) fn keep(&mut self, slot: usize, permit: Permit) {
        self.by_slot.insert(slot, permit);
        self.plan = true;
    }

    /// The response of a slot has ended.
    pub(super) fn forget(&mut self, slot: usize) {
        self.by_slot.remove(&slot);
    }
}
