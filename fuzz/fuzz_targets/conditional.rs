//! Conditional fields and whether a second is over; see the check for the form of the input.
#![no_main]

#[path = "../../tests/check/conditional.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::conditional(bytes));
