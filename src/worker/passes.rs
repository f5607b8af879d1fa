//! The tokens by which subscriptions were let in. A token that is removed or expires ends what it has opened; a
//! response that ends by itself is complete all the same.

use std::collections::HashMap;

use crate::http::authorization::{Credentials, Right};
use crate::http::target::Path;

/// What a client has shown, and for what.
pub struct Pass {
    pub(super) credentials: Credentials,
    pub(super) path: Option<Path>,
    pub(super) right: Right,
}

/// The passes of the subscriptions of a worker, by their slots. Empty where there are no tokens.
#[derive(Default)]
pub struct Passes {
    pub(super) by_slot: HashMap<usize, Pass>,
    /// The version of the tokens that they were last compared with.
    pub(super) version: usize,
    /// The worker has to find out when the next token expires.
    pub(super) plan: bool,
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
