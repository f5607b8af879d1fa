//! Histories of a world of clients, publishers and late news, by seed. The world asserts what must hold after every
//! step.

use crate::support::seeds;
use crate::worlds::world::{self, Fault};

/// What at least one of many histories comes to.
const OUTCOMES: [&str; 58] = [
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
    "shared chunk",
    "shared chunk, some of it",
    "shared events",
    "shared events, some of them",
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
    seeds::run(&OUTCOMES, |seed| {
        world::run(&mut seeds::choices(seed), Fault::None)
    });
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
    seeds::find(&faults, |seed, fault| {
        world::run(&mut seeds::choices(seed), fault);
    });
}
