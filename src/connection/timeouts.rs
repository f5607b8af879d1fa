//! How long the machine waits.

use std::time::Duration;

/// How long the machine waits for a client.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// `--header-timeout`
    pub header: Duration,
    /// `--idle-timeout`
    pub idle: Duration,
}
