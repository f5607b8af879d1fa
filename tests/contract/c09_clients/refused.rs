//! More clients than there may be: all are told, and those who are there are served.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::client::{Client, get};
use crate::support::harness::{PATIENCE, Server, TempDir, until};

/// How each of so many clients that ask at the same time is answered: by a status, or 0 if it is closed.
fn ask_all(server: &Server, count: usize) -> (Vec<Client>, Vec<u16>) {
    let mut clients: Vec<Client> = (0..count).map(|_| Client::new(server)).collect();
    for client in &mut clients {
        // Whoever was refused already may be closed already.
        let _ = client.try_ask("GET", "/log", &[]);
    }
    // For all of them together.
    let end = Instant::now() + PATIENCE;
    let status = |client: &mut Client| {
        let left = end.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        let stream = client.stream();
        stream.set_read_timeout(Some(left)).expect("a timeout");
        client.try_response().map_or(0, |response| response.status)
    };
    let statuses = clients.iter_mut().map(status).collect();
    (clients, statuses)
}

/// None waits for those who were refused before it, though these do not close their side.
#[test]
fn refused_at_the_descriptor_limit() {
    let dir = TempDir::with("log", "x");
    let server = Server::limited(&dir, 64, &[]);
    let (clients, statuses) = ask_all(&server, 400);
    let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
    assert!(count(200) > 10, "{statuses:?}");
    assert!(count(503) > 300, "{statuses:?}");
    drop(clients);
    assert_eq!(get(&server, "/log", &[]).status, 200);
    assert!(
        !server
            .log()
            .all()
            .iter()
            .any(|line| line.contains("cannot accept"))
    );
}

/// Also if the server sees both at once.
#[test]
fn whoever_leaves_makes_room_for_who_comes_then() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--threads", "1", "--max-connections", "2"]);
    let [mut stays, mut leaves] = [(); 2].map(|()| Client::new(&server));
    for client in [&mut stays, &mut leaves] {
        assert_eq!(client.get("/log", &[]).status, 200);
    }
    server.freeze();
    drop(leaves);
    let mut comes = Client::new(&server);
    comes.ask("GET", "/log", &[]);
    server.thaw();
    assert_eq!(comes.response().status, 200);
    // One that is too many is refused, though somebody asks at the same time.
    server.freeze();
    stays.ask("GET", "/log", &[]);
    let mut refused = Client::new(&server);
    server.thaw();
    refused.response().assert_error(503);
    assert_eq!(stays.response().status, 200);
}

/// When the descriptors are gone before the limit is reached, accepting goes on when the first one ends.
#[test]
fn descriptors_for_fewer_than_the_limit() {
    let dir = TempDir::with("log", "x");
    let server = Server::limited(&dir, 40, &["--max-connections", "1000"]);
    let mut clients: Vec<Client> = (0..60).map(|_| Client::new(&server)).collect();
    server.log().wait_for(&["cannot accept a connection"]);
    let last = clients.pop().expect("a client");
    drop(clients);
    // Descriptors for files may be short for a moment longer: such a 503 closes its connection.
    let mut waiting = Some(last);
    until("a file", || {
        let mut client = waiting.take().unwrap_or_else(|| Client::new(&server));
        (client.get("/log", &[]).status == 200).then_some(())
    });
}

/// Whoever never completes a request does not hold up the end of the server.
#[test]
fn half_a_head_at_the_end() {
    let dir = TempDir::with("log", "x");
    let options = ["--grace", "1000", "--header-timeout", "1000"];
    let mut server = Server::with(&dir, &options);
    let mut first = Client::new(&server);
    first.send("GET /log HTTP/1.1\r\nHost: x\r\n");
    let mut second = Client::new(&server);
    assert_eq!(second.get("/log", &[]).status, 200);
    second.send("GET /l");
    // Both heads have come.
    assert_eq!(get(&server, "/log", &[]).status, 200);
    server.running.signal(Signal::TERM);
    assert_eq!(first.response().status, 408);
    assert_eq!(second.response().status, 408);
    assert_eq!(server.running.wait().code(), Some(0));
}
