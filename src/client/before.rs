//! The last bytes of a generation that were read. A file may be truncated and written again while nobody looks: then its tag
//! is the same, but what stands before the position is not.

use crate::http::position::{CHECKED, Check, checked_from};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before(Vec<u8>);

impl Before {
    /// These were read next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(last(bytes));
        let excess = self.0.len().saturating_sub(CHECKED);
        self.0.drain(..excess);
    }

    /// The position is another one.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The check of the bytes before `offset`, of which those that are `waiting` came last; `None`: too few are known, or
    /// there are none.
    #[must_use]
    pub fn check(&self, offset: u64, waiting: &[u8]) -> Option<Check> {
        let known = [&self.0, last(waiting)].concat();
        let covered = offset - checked_from(offset);
        (offset > 0 && known.len() as u64 >= covered).then(|| Check::of(&known))
    }
}

fn last(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.len().saturating_sub(CHECKED)..]
}

/// The field that makes the check a condition.
#[must_use]
pub fn field(check: Option<Check>) -> String {
    check.map_or_else(String::new, |check| format!("If-Bytes-Before: {check}\r\n"))
}
