//! The input is the decisions of a history of `tests/world`, which asserts what must hold.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "faults are planted by the simulation only")]
#[path = "../../tests/world/mod.rs"]
mod world;

fuzz_target!(|data: &[u8]| {
    let mut bytes = data.iter().copied();
    let mut choose = |below: u64| {
        // Most decisions are among few things.
        let mut number = u64::from(bytes.next().unwrap_or(0));
        if below > 256 {
            number = number << 16
                | u64::from(bytes.next().unwrap_or(0)) << 8
                | u64::from(bytes.next().unwrap_or(0));
        }
        number % below
    };
    world::run(&mut choose, world::Fault::None);
});
