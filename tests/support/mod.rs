//! What the tests of all folders share: the server as a child process ([`harness`]), clients and what they read, directories,
//! numbers by seed.
#![allow(
    dead_code,
    unused_imports,
    reason = "each test binary uses its own part of it"
)]

pub mod client;
pub mod corpus;
pub mod directory;
pub mod fuse;
pub mod harness;
pub mod machine;
pub mod pace;
pub mod random;
pub mod reader;
pub mod running;
pub mod seccomp;
pub mod seeds;
pub mod smuggling;
pub mod source;
pub mod tail;
pub mod waiting;
