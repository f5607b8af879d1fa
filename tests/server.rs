//! The real binary, real sockets, real files: what the server promises, subject by subject. Each test has a server and a
//! directory of its own; every wait is bounded, and nothing is timed.

#[path = "server/client.rs"]
mod client;
#[path = "server/harness.rs"]
mod harness;

#[path = "server/broken.rs"]
mod broken;
#[path = "server/command_line.rs"]
mod command_line;
#[path = "server/ends.rs"]
mod ends;
#[path = "server/finite.rs"]
mod finite;
#[path = "server/ranges.rs"]
mod ranges;
#[path = "server/rolls.rs"]
mod rolls;
#[path = "server/tails.rs"]
mod tails;
