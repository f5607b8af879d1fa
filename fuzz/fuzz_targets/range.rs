//! A size and the value of a Range field; see the check for the form of the input.
#![no_main]

#[path = "../../tests/check/range.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::range(bytes));
