//! The connection machine, in the world of the simulation.
#![no_main]

#[path = "../../tests/support"]
mod support {
    pub mod reader;
}
#[path = "../../tests/simulation/worlds/mod.rs"]
mod worlds;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| worlds::connection(bytes));
