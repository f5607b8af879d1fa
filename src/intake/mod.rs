//! `--intake`: appends what arrives at a socket to a file, as whole lines.
//!
//! Each intake has a thread of its own, so that it delays no reader, and no other intake if its file system is slow. The
//! thread does one thing after the other: it receives what has come from all senders into one batch ([`framing`] finds the
//! lines in streams), appends the batch by one write (`sink`), and waits for more. A sender holds at most the beginning of
//! a line.

pub mod address;
pub mod framing;
pub mod receiver;
mod senders;
mod sink;
pub mod tally;

pub use address::Intake;
