//! Why accept(2) gives no connection.

use rustix::io::Errno;

/// Why a listener gives no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAccepted {
    /// None waits.
    NoneWaits,
    /// The one that waited was gone already; another may wait behind it.
    Gone(Errno),
    /// There is no descriptor or no memory for it: the system, this process or its user has run out of them.
    NoRoom(Errno),
    /// It accepts none for as long as this lasts, and the poller would report it again and again: somebody has shut the
    /// socket down (EINVAL), or something forbids the call (EPERM, EACCES).
    Unable(Errno),
}

impl From<Errno> for NotAccepted {
    fn from(error: Errno) -> NotAccepted {
        match error {
            Errno::AGAIN => NotAccepted::NoneWaits,
            Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM => {
                NotAccepted::NoRoom(error)
            }
            // The last ones are those of the network that accept(2) names: the connection had them.
            Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NONET
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::OPNOTSUPP => NotAccepted::Gone(error),
            _ => NotAccepted::Unable(error),
        }
    }
}
