//! A request target.
#![no_main]

#[path = "../../tests/check/target.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::target(bytes));
