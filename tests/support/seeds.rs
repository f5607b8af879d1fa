//! Histories by seed: how many there are, which one failed, and whether they are worth anything.
//!
//! `OPENRANGE_SEEDS=COUNT` for more of them, `OPENRANGE_SEED=FIRST` to begin elsewhere.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

const SEEDS: u64 = 3000;
/// Every planted fault must be found within this many.
const SEEDS_FOR_FAULTS: u64 = 5000;

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().expect(variable))
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

/// Runs the history of each seed. At least one of many histories must come to each of these outcomes.
pub fn run(outcomes: &[&str], history: impl Fn(u64) -> BTreeSet<&'static str>) {
    run_part(1, outcomes, history);
}

/// The same of histories that take longer: of one seed in every `part`, but for a single one.
pub fn run_part(part: u64, outcomes: &[&str], history: impl Fn(u64) -> BTreeSet<&'static str>) {
    let first = number("OPENRANGE_SEED").unwrap_or(1);
    let count = number("OPENRANGE_SEEDS").unwrap_or(SEEDS);
    let count = count.div_ceil(part);
    let many = SEEDS.div_ceil(part);
    println!("first seed: {first}");
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    let start = Instant::now();
    for seed in first..first + count {
        let _name = Name(seed);
        for outcome in history(seed) {
            *reached.entry(outcome).or_default() += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.0} seeds per second", count as f64 / seconds);
    for (outcome, times) in &reached {
        println!("{:5.1} % {outcome}", *times as f64 * 100.0 / count as f64);
    }
    for outcome in outcomes {
        let reached = reached.contains_key(outcome);
        assert!(reached || count < many, "never reached: {outcome}");
    }
}

/// The choices of a history, each below a bound: SplitMix64.
pub fn choices(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Each of these faults makes the history of some seed panic.
pub fn find<F: Debug + Copy>(faults: &[F], history: impl Fn(u64, F)) {
    // Another test may fail meanwhile, and must be heard.
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !QUIET.get() {
            usual(info);
        }
    }));
    for &fault in faults {
        let fails = |seed: &u64| {
            let history = || history(*seed, fault);
            panic::catch_unwind(AssertUnwindSafe(history)).is_err()
        };
        QUIET.set(true);
        let seed = (1..=SEEDS_FOR_FAULTS).find(fails);
        QUIET.set(false);
        println!("{fault:?}: {seed:?}");
        assert!(seed.is_some(), "{fault:?} is not found");
    }
}
