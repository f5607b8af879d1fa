//! Histories of clients that write, by seed: the machine and the client's bytes are real, the file, the disk and the socket
//! are not.

use std::collections::BTreeSet;

use crate::support::random::Random;
use crate::support::seeds;
use crate::worlds::writes::{Fault, World};

fn run(seed: u64, fault: Fault) -> BTreeSet<&'static str> {
    let mut random = Random::new(seed);
    World::new(&mut |below| random.below(below), fault).run()
}

/// What at least one of many histories comes to.
const OUTCOMES: [&str; 11] = [
    "accepted",
    "refused",
    "malformed",
    "not permitted",
    "stored",
    "postponed",
    "committed",
    "invited",
    "left",
    "cut",
    "time",
];

#[test]
fn every_history_keeps_the_promises() {
    seeds::run(&OUTCOMES, |seed| run(seed, Fault::None));
}

#[test]
fn every_planted_fault_is_found() {
    let faults = [
        Fault::LoseByte,
        Fault::StoreTwice,
        Fault::AnswerEarly,
        Fault::WriteTwice,
    ];
    seeds::find(&faults, |seed, fault| {
        run(seed, fault);
    });
}
