//! What a client sends first.
#![no_main]

#[path = "../../tests/units/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = properties::request::request(bytes);
});
