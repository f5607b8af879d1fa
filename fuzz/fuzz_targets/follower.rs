//! What servers tell a follower.
#![no_main]

#[path = "../../tests/units/properties/mod.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    properties::follower::follower(bytes);
});
