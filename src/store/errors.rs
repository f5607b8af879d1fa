//! What errors of the file system say of a name.

use rustix::io::Errno;

/// Whether a look-up that failed so says that there is no such name, or that it leads out of the root.
pub(super) fn is_missing(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::NAMETOOLONG
    )
}

/// Whether something failed for want of descriptors or memory, which says nothing of what was asked for.
#[must_use]
pub fn is_exhausted(error: Errno) -> bool {
    matches!(error, Errno::MFILE | Errno::NFILE | Errno::NOMEM)
}
