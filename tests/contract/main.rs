//! The real binary, real sockets, real files: what the server promises, by number of the contract, and what it does beyond.
//! Each test has a server and a directory of its own; every wait is bounded, and nothing is timed. One of it:
//! `cargo test --test contract c04_ends::rolls`.

#[path = "../support/mod.rs"]
mod support;

mod c01_command_line;
mod c02_finite;
mod c03_tails;
mod c04_ends;
mod c05_broken;
mod c06_identity;
mod c07_http;
mod c08_paths;
mod c09_clients;
mod c10_generations;
mod c11_following;
mod c12_writing;
mod c13_jobs;
mod c14_heads;
mod events;
mod operation;
mod regressions;
