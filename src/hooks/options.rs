//! What `openrange hooks` is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use super::callback::Origin;
use super::pauses::Pauses;
use crate::client::tls::Trust;

/// What `openrange hooks` is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookOptions {
    /// The directory of the jobs.
    pub directory: PathBuf,
    /// `--allow`: who may get notifications.
    pub allow: Vec<Origin>,
    /// `--ca-file`: whose certificates are believed, if an origin is one of TLS.
    pub trust: Option<Trust>,
    /// `--secret`: the file with the secrets.
    pub secret: PathBuf,
    /// `--state`: the file that says what was sent.
    pub state: PathBuf,
    /// `--pauses`: between attempts.
    pub pauses: Pauses,
    /// `--timeout`: for one attempt.
    pub timeout: Duration,
    /// Give up what is not needed.
    pub sandbox: bool,
}
