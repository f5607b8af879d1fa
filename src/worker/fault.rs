//! What is wrong with a listener.

use rustix::io::Errno;

/// Why a listener accepts no connections.
pub(super) struct Fault {
    pub(super) error: Errno,
    /// The poller does not watch it: it would report it again and again, whatever is asked.
    pub(super) unwatched: bool,
}
