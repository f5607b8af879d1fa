//! Histories of a world of clients, publishers and late news, by seed. The world asserts what must hold after every
//! step; here is how many histories there are, and whether they are worth anything.
//!
//! `OPENRANGE_SEEDS=COUNT` for more of them, `OPENRANGE_SEED=FIRST` to begin elsewhere.

mod world;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::time::Instant;

use world::Fault;

const SEEDS: u64 = 3000;
/// Every planted fault must be found within so many.
const SEEDS_FOR_FAULTS: u64 = 1000;

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().expect(variable))
}

/// SplitMix64.
fn choices(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
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
const OUTCOMES: [&str; 54] = [
    "live tail, all delivered",
    "renamed",
    "unlinked",
    "replaced",
    "sealed",
    "shutdown",
    "client left",
    "cut: truncated or unreadable",
    "cut: client took nothing within the send timeout",
    "cut: too much behind an endless answer",
    "tail",
    "tail with trailers",
    "tail from where the query says",
    "tail in HTTP/1.0",
    "tail of several chunks",
    "HEAD of a tail",
    "multipart",
    "listing",
    "events",
    "events in HTTP/1.0",
    "events of nothing yet",
    "HEAD of events",
    "roll",
    "truncate",
    "part",
    "heartbeat",
    "absence",
    "file that came back",
    "live events, all delivered",
    "events that wait for a file",
    "events of several buffers",
    "truncation that was seen meanwhile",
    "news during a pass",
    "tail that left during a pass",
    "directory that became unreadable",
    "answer behind an ended tail",
    "answer in the same breath as the end of a tail",
    "OK",
    "No Content",
    "Partial Content",
    "Moved Permanently",
    "Not Modified",
    "Bad Request",
    "Forbidden",
    "Not Found",
    "Method Not Allowed",
    "Request Timeout",
    "Precondition Failed",
    "URI Too Long",
    "Range Not Satisfiable",
    "Request Header Fields Too Large",
    "Not Implemented",
    "Service Unavailable",
    "HTTP Version Not Supported",
];

#[test]
fn every_history_keeps_the_promises() {
    let first = number("OPENRANGE_SEED").unwrap_or(1);
    let count = number("OPENRANGE_SEEDS").unwrap_or(SEEDS);
    println!("first seed: {first}");
    let mut reached: BTreeMap<&str, u64> = BTreeMap::new();
    let start = Instant::now();
    for seed in first..first + count {
        let _name = Name(seed);
        for outcome in world::run(&mut choices(seed), Fault::None) {
            *reached.entry(outcome).or_default() += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.0} seeds per second", count as f64 / seconds);
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

/// The first seed whose history finds the fault.
fn finds(fault: Fault) -> Option<u64> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                usual(info);
            }
        }));
    });
    QUIET.set(true);
    let found = (1..=SEEDS_FOR_FAULTS).find(|&seed| {
        let mut choices = choices(seed);
        panic::catch_unwind(AssertUnwindSafe(|| world::run(&mut choices, fault))).is_err()
    });
    QUIET.set(false);
    found
}

#[test]
fn every_planted_fault_is_found() {
    let faults = [
        Fault::IgnoreChanges,
        Fault::SleepWithoutMeasuring,
        Fault::EndWithoutDraining,
        Fault::ForgetChangeWhileSending,
        Fault::ForgetGoneWhileSending,
        Fault::RepeatLineEndAfterShortSend,
        Fault::DoNotCutTruncation,
        Fault::LoseWakeupOnJoin,
        Fault::AnswerOutOfOrder,
        Fault::DropByte,
        Fault::StaleMeasure,
        Fault::ForgetWritable,
        Fault::IgnoreFin,
        Fault::ForgetNewsDuringPass,
        Fault::PassByPosition,
        Fault::ForgetTruncation,
        Fault::StaleDate,
        Fault::ForgetSlash,
        Fault::ShortListing,
        Fault::FollowBeforeDraining,
        Fault::ForgetAbsence,
        Fault::StaleRead,
    ];
    for fault in faults {
        let seed = finds(fault);
        println!("{fault:?}: {seed:?}");
        assert!(seed.is_some(), "{fault:?} is not found");
    }
}
