//! The value of a date field.
#![no_main]

#[path = "../../tests/units/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::date::date(bytes));
