//! How a connection ends.

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseMode {
    /// Our side must be shut down.
    Shut,
    /// It is; wait for the peer's side, so that the last answer is not lost to a reset.
    Linger {
        /// Bytes that may still come meanwhile.
        left: u32,
    },
    /// At once.
    Now,
    /// By a reset, so that the client sees a broken stream even without chunks.
    Abort,
}
