//! What a poller reports of a descriptor.

/// What the poller is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Bytes or a FIN have come.
    pub readable: bool,
    /// There is room to send.
    pub writable: bool,
}
