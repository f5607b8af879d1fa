//! The bytes of a file and the steps in which it grows; see the property for the form of the input.
#![no_main]

#[path = "../../tests/units/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| properties::events::events(bytes));
