//! The entity tag of a file (RFC 9110 section 8.8.3).

use std::fmt;

/// The identity of a file as a weak entity tag, written `W/"0123456789abcdef"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ETag(pub u64);

impl ETag {
    /// 16 lower-case hex digits: the only spelling that this server writes and knows.
    pub(super) fn digits(self) -> [u8; 16] {
        std::array::from_fn(|i| b"0123456789abcdef"[(self.0 >> (60 - 4 * i)) as usize & 15])
    }

    /// Reads 16 hex digits, in the only spelling that there is.
    #[must_use]
    pub fn from_digits(digits: &[u8]) -> Option<ETag> {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 16 || !digits.iter().all(is_digit) {
            return None;
        }
        let digits = str::from_utf8(digits).ok()?;
        u64::from_str_radix(digits, 16).ok().map(ETag)
    }

    /// The tag as it is written.
    #[must_use]
    pub fn text(self) -> [u8; 20] {
        let mut text = *b"W/\"0123456789abcdef\"";
        text[3..19].copy_from_slice(&self.digits());
        text
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(str::from_utf8(&self.text()).expect("ASCII"))
    }
}
