//! Faults that were found in the running server, each by a test of the same form: what happened, as small as it can be.

mod contention;
mod pipelined;
mod responses;
mod shutdown;
mod stopped;
mod truncated;

use std::fs::{File, FileTimes};
use std::time::SystemTime;

use crate::support::client::Client;
use crate::support::harness::{Server, TempDir};

/// As touch(1): both times. One alone is another event.
fn touch(dir: &TempDir, name: &str) {
    let now = SystemTime::now();
    let times = FileTimes::new().set_accessed(now).set_modified(now);
    let file = File::open(dir.join(name));
    file.and_then(|file| file.set_times(times))
        .expect("utimensat");
}

/// A tenth of a second of another server's time. Nothing is proved by its passing: it only keeps what is done again and
/// again from being done at once.
fn tick(clock: &Server) {
    Client::new(clock).response().assert_error(408);
}

fn clock(dir: &TempDir) -> Server {
    Server::with(dir, &["--header-timeout", "0.1", "--threads", "1"])
}

/// A directory of which the listing takes its time, and more room than a socket has.
fn long_directory(dir: &TempDir, name: &str) {
    dir.mkdir(name);
    let long = "n".repeat(200);
    for number in 0..1000 {
        dir.write(&format!("{name}/{long}{number}"), "");
    }
}
