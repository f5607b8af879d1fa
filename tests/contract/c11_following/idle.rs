//! What `openrange mirror` does while nothing happens: it waits.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Running;
use super::relay::Relay;
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::machine::{skip, succeeds};

/// More than the lists, the connection and some lines need.
const WAITS_MAX: usize = 500;

/// Traced, where strace is installed. A connection broke, and the tail is up again: its file does not wait for anything more.
#[test]
fn a_mirror_of_a_quiet_file_rests_after_an_outage() {
    let root = TempDir::with("log", "1\n");
    let server = Server::start(&root);
    let (copy, home) = (TempDir::new(), TempDir::new());
    let trace = home.join("trace").display().to_string();
    if !succeeds("strace", &["-o", &trace, "true"]) {
        return skip("no strace");
    }
    let [lists, tails] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&lists), Arc::clone(&tails));
    let relay = Relay::start(&server, move |line| {
        let count = match line.contains("?generations") {
            true => &counts.0,
            false => &counts.1,
        };
        count.fetch_add(1, Ordering::SeqCst);
    });
    let to = copy.path().display().to_string();
    let mirror = Running::start(&["mirror", "--late", "0", &relay.url("/log"), &to]);
    mirror.says("caught up");
    root.append("log", "2\n");
    eventually("a tail", || {
        fs::read(copy.join("log")).is_ok_and(|bytes| bytes == b"1\n2\n")
    });
    let before = tails.load(Ordering::SeqCst);
    relay.cut();
    eventually("another tail", || tails.load(Ordering::SeqCst) > before);
    let calls = "trace=epoll_wait,epoll_pwait,epoll_pwait2";
    let mut command = Command::new("strace");
    let traced = mirror.child.id().to_string();
    command.args(["-f", "-e", calls, "-o", &trace, "-p", &traced]);
    let strace = Running::of(command);
    strace.says("attached");
    let before = lists.load(Ordering::SeqCst);
    eventually("another list", || lists.load(Ordering::SeqCst) > before);
    let traced = fs::read_to_string(&trace).expect("a trace");
    strace.stop();
    assert_eq!(mirror.stop().0.code(), Some(0));
    let waits = traced.lines().count();
    assert!(waits < WAITS_MAX, "{waits} waits");
}
