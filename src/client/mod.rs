//! Connects out: `openrange follow`, and what it is made of.
//!
//! [`follower::Follower`] is the machine: pure. It gets bytes and the time; it asks for connections, for bytes to send and to
//! hand over, and for its position to be saved. [`exchange`] is HTTP on one connection, [`late`] looks after rolled files,
//! [`lines`] makes batches. [`run`] is the loop that does what the machine asks for, with `transport`, [`tls`], `output`, `command` and
//! [`state_file`].

mod answers;
pub mod before;
mod command;
pub mod end;
pub mod exchange;
pub mod expected;
mod finding;
pub mod follower;
pub mod gauge;
pub mod generations;
mod hand_over;
pub mod in_words;
pub mod late;
mod late_gone;
mod late_sizes;
mod late_tail;
mod late_turns;
pub mod lines;
pub mod mirror;
pub mod offer;
mod output;
pub mod pace;
pub mod pause;
pub mod position;
pub mod progress;
pub mod requests;
pub mod run;
pub mod saves;
mod setbacks;
pub mod settings;
pub mod state;
pub mod state_file;
mod step;
mod stream;
mod tasks;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
pub mod tls;
pub mod transport;
pub mod url;
