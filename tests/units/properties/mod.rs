//! What holds for every input of a pure module. The fuzz targets make inputs, `corpora` replays those that are kept.
#![allow(dead_code, reason = "each fuzz target uses one of them")]

pub mod conditional;
pub mod date;
pub mod events;
pub mod follower;
pub mod oracle;
pub mod range;
pub mod request;
pub mod response;
pub mod target;
