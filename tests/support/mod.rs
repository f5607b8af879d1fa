//! What the tests of all folders share: the server as a child process, clients, directories, numbers by seed.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

pub mod client;
pub mod common;
pub mod corpus;
pub mod harness;
pub mod pace;
pub mod random;
pub mod seeds;
pub mod source;
