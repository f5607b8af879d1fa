//! Histories of streams of a directory, of several of its files, and of files that fit a pattern, by seed: the machine and
//! the clients are real, the directory, the kernel's news of it and the sockets are not.

use std::collections::BTreeSet;

use crate::support::random::Random;
use crate::support::seeds;
use crate::worlds::group::{Fault, World};

fn run(seed: u64, fault: Fault) -> BTreeSet<&'static str> {
    let mut random = Random::new(seed);
    World::new(&mut |below| random.below(below), fault).run()
}

/// What at least one of many histories comes to.
const OUTCOMES: [&str; 14] = [
    "entries",
    "names",
    "pattern",
    "HTTP/1.0",
    "line",
    "part",
    "roll",
    "roll in the middle of a file",
    "nowhere",
    "truncate",
    "came again",
    "listing in the middle of a change",
    "new name of a file that is followed",
    "list anew",
];

#[test]
fn every_history_keeps_the_promises() {
    seeds::run(&OUTCOMES, |seed| run(seed, Fault::None));
}

#[test]
fn every_planted_fault_is_found() {
    let faults = [
        Fault::ForgetDirectory,
        Fault::ForgetLost,
        Fault::LoseTheFirst,
        Fault::StaleMeasure,
        Fault::StaleRead,
        Fault::StaleBook,
        Fault::RepeatAfterShortSend,
        Fault::ForgetTime,
        Fault::ForgetPlaces,
    ];
    seeds::find(&faults, |seed, fault| {
        run(seed, fault);
    });
}
