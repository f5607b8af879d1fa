//! The connection machine, in the world of the simulation.
#![no_main]

#[path = "../../tests/check/connection.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::connection(bytes));
