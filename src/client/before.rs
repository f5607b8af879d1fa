//! The last bytes of a generation that were handed over. A file may be truncated and written again while nobody looks: then
//! its tag is the same, but what precedes the position is not.

use crate::http::position::{CHECKED, Check, checked_from};

/// At most [`CHECKED`] bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before(Vec<u8>);

impl Before {
    /// Reads what [`Before::to_hex`] wrote.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Before> {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let byte = |pair: &[u8; 2]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let is_whole = rest.is_empty() && pairs.len() <= CHECKED;
        let bytes = pairs.iter().map(byte).collect::<Option<_>>()?;
        is_whole.then_some(Before(bytes))
    }

    /// Two hex digits for each byte.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// None are known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These come next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(last(bytes));
        let excess = self.0.len().saturating_sub(CHECKED);
        self.0.drain(..excess);
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
