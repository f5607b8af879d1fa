//! How many descriptors there may be, and what they are for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::{
    APPENDERS_MAX, APPENDERS_SHARE, CACHED_FILES_MAX, CACHED_FILES_SHARE, INTAKE_DESCRIPTORS_SHARE,
    INTAKE_SENDERS_MAX, REFUSED_MAX,
};

/// Descriptors that are not connections or served files: standard streams, signals, and for each worker poller, timer,
/// wake-up, inotify, root, and listeners, of which the server keeps one for each worker too.
const OTHERS: u64 = 16;
const OTHERS_OF_WORKER: u64 = 10;

/// Every client needs a descriptor, so the server asks for as many as it may have.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}

/// The hard limit, to which [`raise_limit`] raises the soft one.
#[must_use]
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// How many files may stay open for the next request: a small part of the descriptors for files.
#[must_use]
pub fn cached_files(threads: usize) -> usize {
    let each = limit() / CACHED_FILES_SHARE / threads.max(1) as u64;
    usize::try_from(each)
        .unwrap_or(usize::MAX)
        .min(CACHED_FILES_MAX)
}

/// How many files may stay open for those who append to them again and again.
#[must_use]
pub fn appenders(threads: usize) -> usize {
    let each = limit() / APPENDERS_SHARE / threads.max(1) as u64;
    let (fewest, most) = APPENDERS_MAX;
    usize::try_from(each)
        .unwrap_or(usize::MAX)
        .clamp(fewest, most)
}

/// Three quarters of the descriptors for connections, a quarter for files: tails of one file share one descriptor, and
/// when files run out of descriptors, a request for another gets a 503. Connections above the limit, which
/// get a 503, have descriptors besides.
#[must_use]
pub fn default_connections(threads: usize) -> usize {
    let others = OTHERS + OTHERS_OF_WORKER.saturating_mul(threads as u64);
    let free = limit().saturating_sub(others);
    let refused = (REFUSED_MAX.1 as u64)
        .saturating_mul(threads as u64)
        .min(free / 4);
    usize::try_from((free - refused) / 4 * 3)
        .unwrap_or(usize::MAX)
        .max(1)
}

/// Connections above the limit that each worker holds only to answer 503.
#[must_use]
pub fn refused_connections(threads: usize, connections: usize) -> usize {
    (connections / 4 / threads.max(1)).clamp(REFUSED_MAX.0, REFUSED_MAX.1)
}

/// Connections to one intake.
#[must_use]
pub fn intake_senders() -> usize {
    usize::try_from(limit() / INTAKE_DESCRIPTORS_SHARE)
        .unwrap_or(usize::MAX)
        .clamp(1, INTAKE_SENDERS_MAX)
}
