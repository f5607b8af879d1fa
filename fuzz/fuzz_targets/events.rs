//! The bytes of a file and the steps in which it grows; see the check for the form of the input.
#![no_main]

#[path = "../../tests/check/events.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::events(bytes));
