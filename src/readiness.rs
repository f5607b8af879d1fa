//! What a poller reports of a descriptor.

/// What the poller is to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interest {
    /// Bytes or a FIN have come.
    pub readable: bool,
    /// The socket takes bytes.
    pub writable: bool,
}

impl Interest {
    /// What has come.
    pub const READABLE: Interest = Interest {
        readable: true,
        writable: false,
    };
    /// Nothing but that the descriptor is broken, which is always told.
    pub const NONE: Interest = Interest {
        readable: false,
        writable: false,
    };
}
