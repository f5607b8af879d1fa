//! Histories of a follower and an origin, by seed: rolls, late writers, cuts at every byte, restarts of either side, lost
//! generations. What was handed over, in order, is what was written, once.

mod directory;
mod origin;
mod rolls;
mod search;
mod server;
mod sink;
mod world;

use std::sync::LazyLock;

use crate::support::seeds;

/// What is planted to see whether the judge finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The origin names the next but one as the successor.
    SkipSuccessor,
    /// A tail ends before its last bytes, and the generation cannot be asked for.
    EndEarly,
    /// A tail does not end when its name passes on.
    NeverEnd,
    /// Generations that are there are denied.
    DenyGeneration,
    /// `If-Match` counts for nothing.
    IgnoreIfMatch,
    /// A tail begins before the place that it says.
    WrongRange,
    /// A finite range has other bytes.
    OtherContent,
    /// The end of a connection is not told.
    ForgetHangUp,
    /// The state of an earlier time is found.
    StaleState,
    /// The saved state has no late generations.
    ForgetLate,
    /// The saved state is ahead.
    SaveAhead,
    /// A state is not saved, but said to be.
    LoseSave,
    /// The clock stands still.
    StopClock,
    /// The connection for late lines is forgotten.
    IgnoreLate,
    /// Bytes get lost on the way.
    DropSegment,
    /// Less is said to be handed over than was.
    TellLess,
    /// The real server does not hear of entries of the directory.
    ForgetNames,
    /// It does not hear of writes.
    ForgetGrowth,
    /// A truncation that was seen is not.
    ForgetTruncation,
    /// What stands before a range is not looked at.
    IgnoreCheck,
    /// A look at a directory in which something happens counts.
    SearchTornLooks,
    /// Higher numbers and earlier dates count as newer.
    ReverseNumbers,
    /// The file that has the name comes next, whatever is between.
    SkipToCurrent,
    /// The size of a generation is what was seen earlier.
    StaleSize,
    /// Compressed copies count as the files that they are of.
    CompressedCounts,
    /// Rolls are told although what was found may be of another time.
    ConfirmEarly,
    /// Less is said to be sent than was.
    RepeatAfterShortSend,
    /// The tag is that of the name.
    TagOfName,
}

const OUTCOMES: [&str; 15] = [
    "late line",
    "late line between others",
    "unlinked while it was tailed",
    "sealed",
    "truncated",
    "deleted",
    "connection lost",
    "shutdown",
    "crash",
    "killed",
    "stopped",
    "gap",
    "gap passed",
    "everything handed over",
    "several generations",
];

/// Prints what happens, with `OPENRANGE_TRACE` in the environment.
fn trace(line: impl FnOnce() -> String) {
    static TRACES: LazyLock<bool> = LazyLock::new(|| std::env::var_os("OPENRANGE_TRACE").is_some());
    if *TRACES {
        println!("{}", line().replace("[108, 111, 103]", "log"));
    }
}

#[test]
fn what_is_handed_over_is_what_was_written() {
    seeds::run(&OUTCOMES, |seed| {
        world::run(&mut seeds::choices(seed), Fault::None, false)
    });
}

#[test]
fn every_planted_fault_of_a_follower_is_found() {
    let faults = [
        Fault::SkipSuccessor,
        Fault::EndEarly,
        Fault::NeverEnd,
        Fault::DenyGeneration,
        Fault::IgnoreIfMatch,
        Fault::WrongRange,
        Fault::OtherContent,
        Fault::ForgetHangUp,
        Fault::StaleState,
        Fault::ForgetLate,
        Fault::SaveAhead,
        Fault::LoseSave,
        Fault::StopClock,
        Fault::IgnoreLate,
        Fault::DropSegment,
        Fault::TellLess,
    ];
    seeds::find(&faults, |seed, fault| {
        world::run(&mut seeds::choices(seed), fault, false);
    });
}

/// What at least one of many histories with the real server comes to.
const OUTCOMES_OF_MACHINES: [&str; 6] = [
    "copied and truncated",
    "compressed",
    "renamed to another name",
    "events lost",
    "late line between others",
    "several generations",
];

#[test]
fn machine_against_machine() {
    seeds::run(&[&OUTCOMES[..], &OUTCOMES_OF_MACHINES].concat(), |seed| {
        world::run(&mut seeds::choices(seed), Fault::None, true)
    });
}

#[test]
fn every_planted_fault_between_machines_is_found() {
    let faults = [
        Fault::ForgetHangUp,
        Fault::StaleState,
        Fault::ForgetLate,
        Fault::SaveAhead,
        Fault::LoseSave,
        Fault::StopClock,
        Fault::IgnoreLate,
        Fault::DropSegment,
        Fault::TellLess,
        Fault::ForgetNames,
        Fault::ForgetGrowth,
        Fault::ForgetTruncation,
        Fault::IgnoreCheck,
        Fault::SearchTornLooks,
        Fault::ReverseNumbers,
        Fault::SkipToCurrent,
        Fault::StaleSize,
        Fault::CompressedCounts,
        Fault::ConfirmEarly,
        Fault::RepeatAfterShortSend,
        Fault::TagOfName,
    ];
    seeds::find(&faults, |seed, fault| {
        world::run(&mut seeds::choices(seed), fault, true);
    });
}
