//! The value of a date field.
#![no_main]

#[path = "../../tests/check/date.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| check::date(bytes));
