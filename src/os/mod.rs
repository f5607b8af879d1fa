//! The kernel, one facility a room. Nothing here knows HTTP connections; [`files`] knows what a file means to HTTP.

pub mod files;
pub mod inherited;
pub mod lines;
pub mod listing;
pub mod poll;
pub mod privileges;
pub mod socket;
pub mod stderr;
mod sys;
pub mod truncations;
pub mod watch;

pub use sys::monotonic;
