//! Histories of streams of a directory, of several of its files, and of files that fit a pattern, by seed: the machine and
//! the clients are real, the directory, the kernel's news of it and the sockets are not.
//!
//! `OPENRANGE_SEEDS=COUNT` for more of them, `OPENRANGE_SEED=FIRST` to begin elsewhere.

mod group;
#[path = "oracle/random.rs"]
mod random;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};

use group::{Fault, World};
use random::Random;

const SEEDS: u64 = 3000;
/// Every planted fault must be found within so many.
const SEEDS_FOR_FAULTS: u64 = 1000;

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().expect(variable))
}

fn run(seed: u64, fault: Fault) -> BTreeSet<&'static str> {
    let mut random = Random::new(seed);
    World::new(&mut |below| random.below(below), fault).run()
}

/// Says which seed it was when a history panics.
struct Name(u64);

impl Drop for Name {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failing seed: OPENRANGE_SEED={} OPENRANGE_SEEDS=1", self.0);
        }
    }
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
    let first = number("OPENRANGE_SEED").unwrap_or(1);
    let count = number("OPENRANGE_SEEDS").unwrap_or(SEEDS);
    println!("first seed: {first}");
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in first..first + count {
        let _name = Name(seed);
        for outcome in run(seed, Fault::None) {
            *reached.entry(outcome).or_default() += 1;
        }
    }
    for (outcome, times) in &reached {
        println!("{:5.1} % {outcome}", *times as f64 * 100.0 / count as f64);
    }
    for outcome in OUTCOMES {
        let reached = reached.contains_key(outcome);
        assert!(reached || count < SEEDS, "never reached: {outcome}");
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
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
    // The other test may fail meanwhile, and must be heard.
    QUIET.set(true);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !QUIET.get() {
            usual(info);
        }
    }));
    let found = faults.map(|fault| {
        let finds = |seed: &u64| {
            let history = || run(*seed, fault);
            panic::catch_unwind(AssertUnwindSafe(history)).is_err()
        };
        (fault, (1..=SEEDS_FOR_FAULTS).find(finds))
    });
    QUIET.set(false);
    for (fault, seed) in found {
        println!("{fault:?}: {seed:?}");
        assert!(seed.is_some(), "{fault:?} is not found");
    }
}
