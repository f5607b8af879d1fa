//! Streams that cannot go on: they break visibly, and the file is another one afterwards.

use crate::support::client::{Client, Ending, etag, get};
use crate::support::harness::{Server, TempDir, openrange};

#[test]
fn truncation_below_what_was_delivered_resets_the_stream() {
    for (size, request) in [
        (
            0,
            "GET /log HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-\r\nTE: trailers\r\n\r\n",
        ),
        (
            9,
            "GET /log HTTP/1.1\r\nHost: localhost\r\nRange: bytes=5-\r\n\r\n",
        ),
        (
            9,
            "GET /log HTTP/1.1\r\nHost: localhost\r\nRange: bytes=10-\r\n\r\n",
        ),
        (0, "GET /log HTTP/1.0\r\nRange: bytes=0-\r\n\r\n"),
        (9, "GET /log HTTP/1.0\r\nRange: bytes=0-\r\n\r\n"),
    ] {
        let dir = TempDir::with("log", "0123456789");
        let server = Server::start(&dir);
        let mut client = Client::new(&server);
        client.send(request);
        assert_eq!(client.head().status, 206);
        // Delivered for certain, in either form.
        dir.append("log", "!");
        while client.raw(1) != b"!" {}
        dir.resize("log", size);
        let (rest, ending) = client.until_end();
        assert_eq!(ending, Ending::Reset, "{request:?}");
        assert!(
            !rest.windows(5).any(|bytes| bytes == b"0\r\n\r\n"),
            "a zero chunk"
        );
    }
}

#[test]
fn a_cut_stream_over_a_unix_socket_has_no_zero_chunk() {
    let dir = TempDir::with("log", "0123456789");
    let socket = TempDir::new();
    let mut command = openrange(&["--listen", &format!("unix:{}", socket.join("s").display())]);
    command.arg(dir.path());
    let server = Server::launch(command);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(10), b"0123456789");
    dir.resize("log", 3);
    assert_eq!(client.until_end().0, b"");
}

#[test]
fn truncation_to_what_was_delivered_or_above_cuts_nothing() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(10), b"0123456789");
    dir.resize("log", 10);
    for round in ["one", "two"] {
        dir.append("log", round);
        assert_eq!(client.take(3), round.as_bytes());
    }
}

#[test]
fn after_a_truncation_all_workers_tell_another_tag() {
    let dir = TempDir::with("log", "0123456789");
    dir.write("other", "x");
    let server = Server::with(&dir, &["--threads", "2"]);
    let (before, other) = (etag(&server, "/log"), etag(&server, "/other"));
    let mut tags = vec![before.clone()];
    for size in [9, 5, 0] {
        let mut client = Client::new(&server);
        client.tail("/log", &["Range: bytes=0-"]);
        // So that there is something to be seen in the last round too.
        dir.append("log", "!");
        client.take(size + 2);
        dir.resize("log", size as u64);
        assert_eq!(client.until_end().1, Ending::Reset);
        // Connections are spread over the workers.
        let now: Vec<_> = (0..16).map(|_| etag(&server, "/log")).collect();
        assert!(now.iter().all(|tag| *tag == now[0]), "{now:?}");
        assert!(!tags.contains(&now[0]), "{} is not new", now[0]);
        tags.push(now[0].clone());
    }
    let condition = format!("If-Range: {before}");
    let response = get(&server, "/log", &["Range: bytes=0-", &condition]);
    assert_eq!(
        response.status, 200,
        "what the client has is no longer true"
    );
    get(&server, "/log", &[&format!("If-Match: {before}")]).assert_error(412);
    assert_eq!(etag(&server, "/other"), other);
}

#[test]
fn a_truncated_log_can_be_followed_anew() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    for _ in 0..50 {
        let mut client = Client::new(&server);
        client.tail("/log", &["Range: bytes=0-"]);
        assert_eq!(client.take(10), b"0123456789");
        // As `copytruncate` does it.
        dir.resize("log", 0);
        assert_eq!(client.until_end().1, Ending::Reset);
        dir.append("log", "0123456789");
    }
}

#[test]
fn a_stalled_tail_is_cut_when_its_file_is_truncated() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    let server = Server::start(&dir);
    let mut client = Client::slow(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    client.take(1);
    dir.resize("log", 0);
    let (rest, ending) = client.until_end();
    assert_eq!(ending, Ending::Reset);
    assert!(rest.len() < 64 << 20);
}
