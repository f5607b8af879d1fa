//! DIR of `openrange work` and `openrange hooks`, and what people read of it.

use std::fmt::Display;
use std::path::Path;

use log::info;

use super::files::{JobDirectory, QUEUE};

/// Opens it.
///
/// # Errors
/// One line.
pub fn open(path: &Path) -> Result<JobDirectory, String> {
    JobDirectory::open(path).map_err(|error| unusable(path, &error))
}

/// The message that it cannot be used.
#[cold]
#[must_use]
pub fn unusable(path: &Path, error: &dyn Display) -> String {
    let path = path.display();
    format!("cannot use {path}: {error}; DIR must be the directory of --jobs")
}

/// Logs it if there is no queue: DIR may be another directory.
#[cold]
pub fn note_missing_queue(directory: &JobDirectory, path: &Path) {
    if !directory.exists(QUEUE) {
        info!(
            "{}: there is no file queue yet; the server makes it for the first job: check that DIR is the directory of its \
             --jobs",
            path.display()
        );
    }
}
