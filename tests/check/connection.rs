//! The bytes are the decisions of a history of `tests/world`, which asserts what must hold.

#[allow(dead_code, reason = "faults are planted by the simulation only")]
#[path = "../world/mod.rs"]
mod world;

pub fn connection(bytes: &[u8]) {
    let mut bytes = bytes.iter().copied();
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
}
