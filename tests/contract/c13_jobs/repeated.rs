//! A request for a job that comes again.

use std::fs::{self, File};
use std::io::Write;
use std::thread;

use super::server::accepted;
use crate::support::client::{Client, request};
use crate::support::harness::{Server, TempDir};
use crate::support::machine::succeeds;

/// Far more than a turn compares.
const LONG: usize = 4 << 20;
/// More than a pipe holds.
const BEGINNING: usize = 1 << 20;

#[test]
fn a_long_request_that_comes_again_keeps_nobody_waiting() {
    let dir = TempDir::with("log", "x");
    dir.mkdir("jobs");
    let server = Server::with(&dir, &["--jobs", "/jobs", "--threads", "1"]);
    let (key, body) = ("Idempotency-Key: \"1\"", "x".repeat(LONG));
    let path = accepted(&server, &[key], &body);
    // The server compares no faster than this test lets it read.
    let name = dir.join(format!("{}.request", &path[1..]));
    fs::remove_file(&name).expect("a request");
    assert!(succeeds("mkfifo", &[&name.display().to_string()]));
    let pipe = File::options().read(true).write(true).open(&name);
    let mut pipe = pipe.expect("a pipe");
    let mut again = Client::new(&server);
    let length = format!("Content-Length: {LONG}");
    let fields = ["Prefer: respond-async", key, &length];
    again.send(request("POST", "/jobs", &fields) + &body);
    let (beginning, rest) = body.as_bytes().split_at(BEGINNING);
    pipe.write_all(beginning).expect("a server that reads");
    // Now it compares. It does not see the end before the other client has its response.
    thread::scope(|scope| {
        let writer = scope.spawn(|| (&pipe).write_all(rest));
        let response = Client::new(&server).get("/log", &[]);
        assert_eq!(response.body, b"x");
        writer
            .join()
            .expect("a thread")
            .expect("a server that reads");
    });
    drop(pipe);
    let response = again.response();
    assert_eq!((response.status, response.field("Location")), (202, &*path));
}
