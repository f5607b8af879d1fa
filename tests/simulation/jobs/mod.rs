//! The life of jobs by seed: the real tracker, workers and hooks over a real directory, clients that lose their connections,
//! and deaths of each of them between any two system calls.

mod client;
mod hooks;
mod kernel;
mod life;
mod scene;
mod server;
mod stage;
mod worker;

use crate::support::seeds;
use kernel::Fault;

/// What at least one of many lives comes to.
const OUTCOMES: [&str; 20] = [
    "succeeded",
    "failed",
    "killed",
    "timed out",
    "cancelled",
    "abandoned",
    "taken again",
    "left behind",
    "not started",
    "deaths",
    "connection lost",
    "client leaves",
    "too many jobs",
    "postponed",
    "disk full",
    "queue rolled",
    "clock set",
    "status damaged",
    "told",
    "target fails",
];

#[test]
fn every_life_keeps_the_promises() {
    seeds::run_part(5, &OUTCOMES, |seed| scene::run(seed, Fault::None));
}

#[test]
fn every_planted_fault_is_found() {
    let faults = [
        Fault::LockTwice,
        Fault::LinkOver,
        Fault::SealLost,
        Fault::QueueLost,
        Fault::DoneLost,
        Fault::DoneTwice,
        Fault::AnswerCut,
        Fault::RequestLost,
        Fault::Deaf,
        Fault::Clock,
        Fault::LockNotInherited,
        Fault::OtherJob,
        Fault::ToldEarly,
        Fault::ToldWrong,
        Fault::SavedEarly,
    ];
    seeds::find(&faults, |seed, fault| {
        scene::run(seed, fault);
    });
}
