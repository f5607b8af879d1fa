//! What was under way when a signal came.

use rustix::process::Signal;

use super::long_directory;
use crate::support::client::{Client, Ending, get, request};
use crate::support::harness::{Server, TempDir, pattern};

#[test]
fn an_answer_that_its_client_has_not_read_yet_is_not_lost_to_a_reset() {
    let contents = pattern(100_000);
    let dir = TempDir::with("log", &contents);
    let mut server = Server::with(&dir, &["--threads", "1"]);
    let mut client = Client::slow(&server);
    let mut other = Client::new(&server);
    client.ask("GET", "/log", &[]);
    // In turn: when the second request is answered, the kernel has all of the first answer.
    other.get("/log", &["Range: bytes=0-0"]);
    server.running.signal(Signal::TERM);
    // In turn again: both connections were idle, and this one is closed last.
    other.assert_closed();
    client.send(request("GET", "/log", &[]));
    assert_eq!(client.head().status, 200);
    assert!(client.raw(contents.len()) == contents);
    client.assert_closed();
    drop((client, other));
    assert_eq!(server.running.wait().code(), Some(0));
}

#[test]
fn a_request_that_came_in_the_turn_of_the_signal_is_answered() {
    let dir = TempDir::with("log", "1234");
    long_directory(&dir, "long");
    let mut server = Server::with(&dir, &["--threads", "1"]);
    let mut busy: Vec<_> = (0..8).map(|_| Client::new(&server)).collect();
    let mut client = Client::new(&server);
    client.get("/log", &[]);
    server.freeze();
    for busy in &mut busy {
        busy.send(request("GET", "/long/", &[]));
    }
    server.thaw();
    // The others of this turn keep the server from noticing what comes now.
    assert_eq!(busy[0].head().status, 200);
    client.send(request("GET", "/log", &[]));
    server.running.signal(Signal::TERM);
    assert_eq!(client.response().body, b"1234");
    client.assert_closed();
    drop((client, busy));
    assert_eq!(server.running.wait().code(), Some(0));
}

#[test]
fn a_second_signal_cuts_visibly_also_without_chunks() {
    let dir = TempDir::with("log", pattern(20 << 20));
    let mut server = Server::with(&dir, &["--grace", "100000"]);
    let mut stalled = Client::slow(&server);
    stalled.send("GET /log HTTP/1.0\r\nRange: bytes=0-\r\n\r\n");
    assert_eq!(stalled.head().status, 206);
    assert_eq!(get(&server, "/log", &["Range: bytes=0-0"]).status, 206);
    server.running.signal(Signal::TERM);
    server.log().wait_for(&["signal 15: "]);
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(1));
    assert_eq!(stalled.until_end().1, Ending::Reset);
}
