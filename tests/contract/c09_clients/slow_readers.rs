//! Clients that take their time: who takes something is served, who pins a removed file by a trickle is not, and all
//! together hold no more memory than there is for them.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::{Client, get, request};
use crate::support::harness::{PATIENCE, Server, TempDir, openrange, until};
use crate::support::machine::skip;

/// The server with these options on a unix socket.
fn on_a_unix_socket(dir: &TempDir, sockets: &TempDir, options: &[&str]) -> Server {
    let address = format!("unix:{}", sockets.join("socket").display());
    let mut command = openrange(&["--listen", &address]);
    command.args(options).arg(dir.path());
    Server::launch(command)
}

fn ask(path: &std::path::Path, fields: &str) -> UnixStream {
    let mut stream = UnixStream::connect(path).expect("a connection");
    let request = format!("GET /log HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).expect("a request");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// A few bytes at a time, much less than a buffer of the kernel within a send timeout, are progress; nothing is none.
#[test]
fn steady_readers_of_a_unix_socket() {
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    dir.write("log", vec![b'x'; 4 << 20]);
    let server = on_a_unix_socket(&dir, &sockets, &["--send-timeout", "2"]);
    let path = sockets.join("socket");
    let mut steady = ["", "Range: bytes=0-\r\n"].map(|fields| ask(&path, fields));
    let _stalled = ask(&path, "Range: bytes=0-\r\n");
    let end = Instant::now() + PATIENCE;
    // As long as it takes to cut the one that takes nothing, and half as long again.
    let (mut rounds, mut cut_after) = (0, None);
    while cut_after.is_none_or(|after| rounds < after + after / 2) {
        assert!(Instant::now() < end, "the stalled one is not cut");
        for client in &mut steady {
            client.read_exact(&mut [0; 50]).expect("some bytes");
        }
        thread::sleep(Duration::from_millis(50));
        rounds += 1;
        if cut_after.is_none() && server.log().count("took nothing") > 0 {
            cut_after = Some(rounds);
        }
    }
    assert_eq!(server.log().count("took nothing"), 1);
}

/// A byte now and then is not enough to keep a removed file on the disk.
#[test]
fn a_trickle_of_a_removed_file() {
    let dir = TempDir::new();
    for name in ["tail", "whole", "events", "kept"] {
        dir.write(name, "a line\n".repeat(2 << 20));
    }
    let options = ["--send-timeout", "1", "--min-rate", "1000000"];
    let server = Server::with(&dir, &options);
    let ask = |target: &str, fields: &[&str]| {
        let mut client = Client::slow(&server);
        client.ask("GET", target, fields);
        client.head();
        client
    };
    let mut pinning = [
        ask("/tail", &["Range: bytes=0-"]),
        ask("/whole", &[]),
        ask("/events", &["Accept: text/event-stream"]),
    ];
    let mut kept = ask("/kept", &[]);
    for name in ["tail", "whole", "events"] {
        dir.remove(name);
    }
    let removed = || {
        let descriptors = std::fs::read_dir(server.running.proc("fd")).expect("descriptors");
        let targets = descriptors
            .flatten()
            .map(|entry| std::fs::read_link(entry.path()));
        targets
            .filter(|target| {
                target
                    .as_ref()
                    .is_ok_and(|target| target.to_string_lossy().contains("(deleted)"))
            })
            .count()
    };
    until("all of them to be cut", || {
        for client in pinning.iter_mut().chain([&mut kept]) {
            // Something is taken in each send timeout.
            let _ = client.try_fill(20_000);
        }
        thread::sleep(Duration::from_millis(100));
        (removed() == 0).then_some(())
    });
    assert_eq!(server.log().count("took nothing"), 0);
    until("a line for each", || {
        (server.log().count("less than --min-rate of a removed file") == 3).then_some(())
    });
    // A file that has a name is read as slowly as somebody likes.
    assert!(kept.try_fill(20_000).is_ok_and(|ending| ending.is_none()));
}

/// Half a head, or requests behind a tail, from more clients than there is memory for: the oldest give way, and others are
/// served.
#[test]
fn more_memory_than_there_is() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--threads", "1", "--header-timeout", "1000"]);
    let held = 12 * 1024;
    let count = openrange::limits::CONNECTION_MEMORY_MAX / held + 200;
    let half = format!(
        "GET /log HTTP/1.1\r\nHost: localhost\r\nA: {}",
        "a".repeat(held)
    );
    let mut clients = Vec::new();
    for index in 0..count {
        let Ok(mut client) = Client::try_to(&server.address) else {
            return skip("not enough descriptors");
        };
        if index < 1000 {
            client.tail("/log", &["Range: bytes=0-"]);
        }
        client.send(&half);
        clients.push(client);
    }
    server
        .log()
        .wait_for(&["connections hold more than 64 MiB"]);
    assert_eq!(get(&server, "/log", &[]).body, b"x");
    until("the oldest to be cut", || {
        let cut = server.log().count("cut: connections hold too much memory");
        (cut > 100).then_some(())
    });
}

/// Requests behind one that waits for a file to come: these give way, and nobody who takes what is sent. The log says so now and
/// then, and not in each turn.
#[test]
fn more_memory_than_there_is_behind_requests_that_wait() {
    let dir = TempDir::with("log", "x");
    let options = ["--wait-max", "1000", "--header-timeout", "1000"];
    let server = Server::with(&dir, &[&["--threads", "1"], &options[..]].concat());
    let mut stream = Client::new(&server);
    stream.ask("GET", "/log", &["Accept: text/event-stream"]);
    assert_eq!(stream.head().status, 200);
    let mut half = Client::new(&server);
    let request = request("GET", "/log", &[]);
    half.send(&request[..request.len() - 2]);
    let more = "a".repeat(15 * 1024);
    let count = openrange::limits::CONNECTION_MEMORY_MAX / more.len() + 200;
    let mut clients = Vec::new();
    for _ in 0..count {
        let Ok(mut client) = Client::try_to(&server.address) else {
            return skip("not enough descriptors");
        };
        client.ask("GET", "/missing", &["Range: bytes=0-", "Prefer: wait=900"]);
        let _ = client.try_send(&more);
        clients.push(client);
    }
    server
        .log()
        .wait_for(&["connections hold more than 64 MiB"]);
    for _ in 0..100 {
        assert_eq!(get(&server, "/log", &[]).body, b"x");
    }
    half.send("\r\n");
    assert_eq!(half.response().body, b"x");
    assert_eq!(server.log().count("cut: connections hold"), 0);
    let told = server.log().count("connections hold more than");
    assert!(told < 20, "{told} lines");
}
