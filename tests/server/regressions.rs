//! Faults that were found in the running server, each by a test of the same form: what happened, as small as it can be.

#[path = "regressions/contention.rs"]
mod contention;
#[path = "regressions/pipelined.rs"]
mod pipelined;
#[path = "regressions/responses.rs"]
mod responses;
#[path = "regressions/shutdown.rs"]
mod shutdown;
#[path = "regressions/truncated.rs"]
mod truncated;

use std::fs::{self, File, FileTimes};
use std::time::SystemTime;

use rustix::process::Signal;

use super::client::Client;
use super::harness::{Server, TempDir, until};

/// Stops the server, so that everything done until [`thaw`] reaches it at once.
fn freeze(server: &Server) {
    server.running.signal(Signal::STOP);
    let tasks = format!("/proc/{}/task", server.running.id());
    until("all threads to be stopped", || {
        let mut tasks = fs::read_dir(&tasks).expect("its threads");
        tasks
            .all(|task| stopped(&task.expect("a thread")))
            .then_some(())
    });
}

fn stopped(task: &fs::DirEntry) -> bool {
    let stat = fs::read_to_string(task.path().join("stat")).expect("stat");
    stat.rsplit(") ")
        .next()
        .is_some_and(|rest| rest.starts_with('T'))
}

/// As touch(1): both times. One alone is another event.
fn touch(dir: &TempDir, name: &str) {
    let now = SystemTime::now();
    let times = FileTimes::new().set_accessed(now).set_modified(now);
    let file = File::open(dir.join(name));
    file.and_then(|file| file.set_times(times))
        .expect("utimensat");
}

fn thaw(server: &Server) {
    server.running.signal(Signal::CONT);
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
