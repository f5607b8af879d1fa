//! What a client sends first.
#![no_main]

#[path = "../../tests/check/request.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = check::request(bytes);
});
