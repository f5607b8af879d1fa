//! What a poller reports of a descriptor.

/// What the poller is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Bytes or a FIN have come.
    pub readable: bool,
    /// The socket takes bytes.
    pub writable: bool,
}
