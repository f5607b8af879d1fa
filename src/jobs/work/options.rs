//! What a worker is asked to do.

use std::ffi::OsString;
use std::path::PathBuf;

/// What `openrange work` is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOptions {
    /// The directory of the jobs.
    pub directory: PathBuf,
    /// `-j`: how many commands run at the same time.
    pub jobs: usize,
    /// `--retry`: how often a job of a worker that died is taken again.
    pub retry: u64,
    /// The command and its arguments.
    pub command: Vec<OsString>,
}
