//! `--send-timeout`: a client that takes nothing is reset, one that takes little is not.

use crate::support::client::{Client, Ending};
use crate::support::harness::{Server, TempDir};

fn serve(dir: &TempDir) -> Server {
    Server::with(dir, &["--send-timeout", "1"])
}

#[test]
fn a_client_that_takes_nothing_of_much_is_reset() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    let server = serve(&dir);
    let fields = [
        "X: y",
        "Range: bytes=0-",
        "Range: bytes=1-60000000",
        "Range: bytes=0-30000000,40000000-60000000",
    ];
    let clients = fields.map(|field| {
        let mut client = Client::slow(&server);
        client.ask("GET", "/log", &[field]);
        client
    });
    for (field, mut client) in fields.into_iter().zip(clients) {
        client.wait_hang_up();
        let (rest, ending) = client.until_end();
        assert_eq!(ending, Ending::Reset, "{field}");
        assert!(rest.len() < 60_000_000, "{field}");
    }
}

#[test]
fn a_client_that_takes_nothing_of_a_few_records_is_reset() {
    let dir = TempDir::with("log", "");
    let server = serve(&dir);
    let mut client = Client::with_buffer(&server, 1);
    client.tail("/log", &["Range: bytes=0-"]);
    // More than its kernel takes, less than ours holds: the socket stays writable all the time.
    for _ in 0..40 {
        dir.append("log", [b'x'; 500]);
    }
    server.log().wait_for(&["tail of /log ended"]);
    assert_eq!(client.until_end().1, Ending::Reset);
}

/// Nor do those who are sent what another one was sent.
#[test]
fn clients_that_take_nothing_of_what_they_share_are_reset() {
    let dir = TempDir::with("log", "");
    let server = Server::with(&dir, &["--send-timeout", "1", "--threads", "1"]);
    let mut clients = [(); 6].map(|()| Client::with_buffer(&server, 1));
    for client in &mut clients {
        client.tail("/log", &["Range: bytes=0-"]);
    }
    // When this one is cut, the others have been found to owe nothing.
    dir.write("other", [b'x'; 20_000]);
    let mut stalled = Client::with_buffer(&server, 1);
    stalled.tail("/other", &["Range: bytes=0-"]);
    server.log().wait_for(&["tail of /other ended"]);
    for _ in 0..40 {
        dir.append("log", [b'x'; 500]);
    }
    for mut client in clients {
        client.wait_hang_up();
        assert_eq!(client.until_end().1, Ending::Reset);
    }
}

#[test]
fn an_idle_tail_owes_nothing_and_stays() {
    let dir = TempDir::with("log", "");
    let server = serve(&dir);
    let mut idle = Client::new(&server);
    idle.tail("/log", &["Range: bytes=0-"]);
    dir.append("log", "one");
    let mut stalled = Client::with_buffer(&server, 1);
    stalled.tail("/log", &["Range: bytes=0-"]);
    dir.append("log", [b'x'; 20_000]);
    assert_eq!(idle.take(20_003).len(), 20_003);
    // When the stalled one is cut, the other has been silent for as long.
    server.log().wait_for(&["tail of /log ended"]);
    dir.append("log", "two");
    assert_eq!(idle.take(3), b"two");
}

#[test]
fn zero_means_never() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 8 << 20);
    let server = Server::with(&dir, &["--send-timeout", "0"]);
    let mut client = Client::slow(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    // Longer than the shortest timeout that there is.
    let clock = Server::with(&dir, &["--header-timeout", "1"]);
    Client::new(&clock).response().assert_error(408);
    assert_eq!(client.take(8 << 20).len(), 8 << 20);
}

/// A response that the socket has taken is not one that the client has taken.
#[test]
fn a_client_that_takes_nothing_of_a_finite_response_is_reset() {
    let dir = TempDir::with("log", [b'x'; 60_000]);
    let options = ["--send-timeout", "1", "--idle-timeout", "300"];
    let server = Server::with(&dir, &options);
    let requests = [
        "GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /log HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-50000\r\n\r\n",
        "GET /log HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /log HTTP/1.0\r\n\r\n",
    ];
    let clients = requests.map(|request| {
        let mut client = Client::with_buffer(&server, 1);
        client.send(request);
        client
    });
    for (request, mut client) in requests.into_iter().zip(clients) {
        client.wait_hang_up();
        assert_eq!(client.until_end().1, Ending::Reset, "{request}");
    }
    assert_eq!(server.log().count("took nothing"), requests.len());
}

/// A client that takes its time for a response is not idle, and its connection has not ended.
#[test]
fn a_client_that_takes_a_finite_response_slowly_gets_all_of_it() {
    let dir = TempDir::with("log", [b'x'; 60_000]);
    let options = ["--send-timeout", "100", "--idle-timeout", "0.1"];
    let server = Server::with(&dir, &options);
    let before = sockets(&server);
    let mut clients = ["Connection: keep-alive", "Connection: close"].map(|field| {
        let mut client = Client::with_buffer(&server, 1);
        client.ask("GET", "/log", &[field]);
        client
    });
    // It comes after them, waits for longer than an idle client and one that lingers, and is closed.
    let clock = Server::with(&dir, &["--header-timeout", "3"]);
    Client::new(&clock).response().assert_error(408);
    assert_eq!(sockets(&server), before + 2, "both are there");
    for client in &mut clients {
        assert_eq!(client.response().body.len(), 60_000);
        client.assert_closed();
    }
}

fn sockets(server: &Server) -> usize {
    let descriptors = std::fs::read_dir(server.running.proc("fd")).expect("descriptors");
    let targets = descriptors
        .flatten()
        .map(|entry| std::fs::read_link(entry.path()));
    let is_socket = |target: &std::path::PathBuf| target.to_string_lossy().starts_with("socket:");
    targets.flatten().filter(is_socket).count()
}
