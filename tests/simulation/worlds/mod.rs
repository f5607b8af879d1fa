//! The simulated worlds, which assert what must hold after every step: of connections, and of streams of a directory.
//! Histories come from seeds here, and from the bytes of a fuzzer there.
#![allow(
    dead_code,
    reason = "only the simulation plants faults, only the fuzz target reads bytes"
)]

pub mod group;
pub mod world;
pub mod writes;

/// The first byte of a history of one stream of a directory.
const GROUP: u8 = b'D';

/// The first byte of a history of a client that writes.
const WRITES: u8 = b'W';

/// The bytes are the decisions of a history of [`world`], or, behind [`GROUP`], of [`group`], or, behind [`WRITES`], of
/// [`writes`].
pub fn connection(bytes: &[u8]) {
    let group = bytes.strip_prefix(&[GROUP]);
    let writes = bytes.strip_prefix(&[WRITES]);
    let mut bytes = group.or(writes).unwrap_or(bytes).iter().copied();
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
    } else if writes.is_some() {
        writes::World::new(&mut choose, writes::Fault::None).run();
    } else {
        world::run(&mut choose, world::Fault::None);
    }
}
