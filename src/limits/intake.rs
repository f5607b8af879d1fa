//! Limits of `--intake`.

use std::time::Duration;

/// Longest line of a sender to `--intake`; a longer one becomes several. It is what a slow sender holds at most.
pub const INTAKE_LINE_MAX: usize = 64 * 1024;
/// Connections to one intake, unless descriptors are few: with [`INTAKE_LINE_MAX`] each they hold 64 MiB at most.
pub const INTAKE_SENDERS_MAX: usize = 1024;
/// At that limit a new connection takes the place of the one that was silent for longest, if that was silent so long.
pub const INTAKE_SILENCE: Duration = Duration::from_secs(60);
/// One of so many descriptors, of all that the limit allows, may be a connection to one intake.
pub const INTAKE_DESCRIPTORS_SHARE: u64 = 16;
/// Bytes that an intake reads from one sender, before the others have their turn.
pub const INTAKE_READ: usize = 64 * 1024;
/// An intake appends a batch of lines when it has so many bytes, before it receives more: some 1,000 lines for a write.
pub const INTAKE_BATCH: usize = 256 * 1024;
/// Longest datagram that is taken whole: above the largest of UDP, and what a unix socket lets a sender have under way
/// (net.core.wmem_max is 212,992 mostly). Of a longer one the end is lost.
pub const INTAKE_DATAGRAM_MAX: usize = 256 * 1024;
/// Receive buffer (SO_RCVBUF) of a UDP socket, where the kernel keeps what arrives while a batch is written.
/// net.core.rmem_max may allow less.
pub const INTAKE_RECEIVE_BUFFER: usize = 4 * 1024 * 1024;
/// How long an intake goes on to take what had arrived before the end of the server.
pub const INTAKE_END_PATIENCE: Duration = Duration::from_secs(1);
/// Shortest pause between two log lines about what an intake lost.
pub const INTAKE_REPORT_INTERVAL: Duration = Duration::from_secs(10);
