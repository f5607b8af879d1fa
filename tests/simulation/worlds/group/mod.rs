//! A deterministic world for one stream of a directory or of several of its files. Every decision comes from one function, so
//! that a seed or a fuzzer's bytes are a whole history.
//!
//! [`world`] plays the server, [`disk`] is what there is to read, [`reader`] is the client and says what it must never see.

mod disk;
mod reader;
mod world;

pub use world::{Fault, World};
