//! A size and the value of a Range field; see the property for the form of the input.
#![no_main]

#[path = "../../tests/units/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::range::range(bytes));
