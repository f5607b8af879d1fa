//! What others may do with a file.

use std::path::Path;

use log::warn;

/// Warns if everybody may read or write this file, which holds secrets.
#[cold]
pub fn warn_if_open(path: &Path, mode: u32) {
    if mode & 0o007 != 0 {
        warn!(
            "everybody on this machine can read or write {path}: chmod 600 {path}",
            path = path.display()
        );
    }
}
