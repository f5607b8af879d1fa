//! The bytes are the decisions of a history of `tests/world`, or, behind [`GROUP`], of `tests/group`, which assert what must
//! hold.

#[allow(dead_code, reason = "faults are planted by the simulation only")]
#[path = "../group/mod.rs"]
mod group;
#[allow(dead_code, reason = "faults are planted by the simulation only")]
#[path = "../world/mod.rs"]
mod world;

/// The first byte of a history of one stream of a directory.
const GROUP: u8 = b'D';

pub fn connection(bytes: &[u8]) {
    let group = bytes.strip_prefix(&[GROUP]);
    let mut bytes = group.unwrap_or(bytes).iter().copied();
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
    if group.is_some() {
        group::World::new(&mut choose, group::Fault::None).run();
    } else {
        world::run(&mut choose, world::Fault::None);
    }
}
