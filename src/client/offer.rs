//! What is offered to whoever takes the bytes of a log.

use crate::http::conditional::ETag;

/// Bytes of a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandOver<'a> {
    /// Which.
    pub generation: ETag,
    /// Where they begin.
    pub offset: u64,
    /// They. Batches are handed over as a whole.
    pub bytes: &'a [u8],
}

/// Which bytes were offered to the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    Late,
    Content,
    Batch(usize),
}
