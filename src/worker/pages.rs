//! Long pages (lists) on their way to clients. Each stays in memory until the last of its clients has it.

use std::sync::{Arc, Weak};

use crate::limits::LISTINGS_MAX;

/// The long pages on their way to the clients of a worker.
#[derive(Default)]
pub struct Pages(Vec<Weak<[u8]>>);

impl Pages {
    /// Admits a response with this page. False: too many other pages are in memory already.
    pub fn admit(&mut self, page: &Arc<[u8]>) -> bool {
        self.0.retain(|page| page.strong_count() > 0);
        let is_same = |held: &Weak<[u8]>| std::ptr::addr_eq(held.as_ptr(), Arc::as_ptr(page));
        if self.0.iter().any(is_same) {
            return true;
        }
        let has_room = self.0.len() < LISTINGS_MAX;
        if has_room {
            self.0.push(Arc::downgrade(page));
        }
        has_room
    }
}
