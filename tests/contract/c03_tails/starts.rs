//! Where the query lets a tail start, and that it has no effect on other requests.

use crate::support::client::{Client, get, head_of};
use crate::support::harness::{Server, TempDir};

const OPEN_END: &str = "9007199254740991";
/// 23 bytes, lines of 4, 5, 6 and 5 bytes, and one that is not complete.
const LOG: &str = "one\nfour\nseven\nfive\nend";

#[test]
fn a_tail_of_the_last_lines() {
    let dir = TempDir::with("log", LOG);
    let server = Server::start(&dir);
    for (query, range, first) in [
        ("lines=0", "", 20),
        ("lines=1", "", 15),
        ("lines=2", "", 9),
        ("lines=3", "", 4),
        ("lines=4", "", 0),
        ("lines=5", "", 0),
        ("lines=99999999999999999999", "", 0),
        ("from=end", "", 23),
        ("from=end&lines=2", "", 9),
        ("x&lines=2&y=z", "", 9),
        ("lines=2", "Range: bytes=0-", 9),
        ("lines=2", "Range: bytes=11-", 11),
        ("lines=2", "Range: bytes=23-", 23),
        ("from=end", "Range: bytes=0-", 23),
        // Not a range at all (RFC 9110 section 14.2).
        ("lines=2", "Range: lines=0-", 9),
    ] {
        let mut client = Client::new(&server);
        let head = client.tail(
            &format!("/log?{query}"),
            &[range].map(|range| match range {
                "" => "X: y",
                range => range,
            }),
        );
        let expected = format!("bytes {first}-{OPEN_END}/*");
        assert_eq!(head.field("Content-Range"), expected, "{query}, {range}");
        assert_eq!(client.take(23 - first), &LOG.as_bytes()[first..], "{query}");
        dir.append("log", "!");
        assert_eq!(client.take(1), b"!", "{query}");
        dir.write("next", LOG);
        dir.rename("next", "log");
        assert_eq!(client.rest().0, b"");
    }
}

#[test]
fn a_start_with_a_very_large_end() {
    let dir = TempDir::with("log", LOG);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let head = client.tail("/log?lines=1", &["Range: bytes=2-999999999999"]);
    assert_eq!(head.field("Content-Range"), "bytes 15-999999999999/*");
    assert_eq!(client.take(8), b"five\nend");
}

#[test]
fn what_has_an_end_does_not_heed_it() {
    let dir = TempDir::with("log", LOG);
    dir.mkdir("sub");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for (range, body) in [
        ("Range: bytes=0-2", "one"),
        ("Range: bytes=-3", "end"),
        ("Range: bytes=0-2,0-1", "one"),
    ] {
        let response = client.get("/log?lines=1", &[range]);
        assert_eq!(
            (response.status, &*response.body),
            (206, body.as_bytes()),
            "{range}"
        );
    }
    let whole = client.get("/log?lines=1", &["If-Range: \"x\""]);
    assert_eq!((whole.status, &*whole.body), (200, LOG.as_bytes()));
    client
        .get("/log?lines=1", &["If-Match: \"x\""])
        .assert_error(412);
    client
        .get("/log?lines=1", &["Range: bytes=24-"])
        .assert_error(416);
    client.get("/missing?lines=1", &[]).assert_error(404);
    client.get("/sub?lines=1", &[]).assert_error(301);
    assert_eq!(client.get("/sub/?lines=1", &[]).status, 200);
}

#[test]
fn a_sealed_file_ends_there_too() {
    let dir = TempDir::with("log", LOG);
    dir.chmod("log", 0o444);
    dir.write("empty", "");
    dir.chmod("empty", 0o444);
    let server = Server::start(&dir);
    let response = get(&server, "/log?lines=1", &[]);
    assert_eq!(response.field("Content-Range"), "bytes 15-22/23");
    assert_eq!((response.status, &*response.body), (206, &b"five\nend"[..]));
    get(&server, "/log?from=end", &[]).assert_error(416);
    get(&server, "/empty?lines=1", &[]).assert_error(416);
}

/// The file is read backwards in blocks: no line end is missed where they meet.
#[test]
fn lines_that_end_between_two_blocks() {
    const SIZE: usize = 200_000;
    let dir = TempDir::with("log", vec![b'\n'; SIZE]);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for count in [
        1,
        65_534,
        65_535,
        65_536,
        65_537,
        131_072,
        SIZE - 1,
        SIZE,
        SIZE + 1,
    ] {
        let head = client.head_of(&format!("/log?lines={count}"), &[]);
        let first = SIZE.saturating_sub(count);
        let expected = format!("bytes {first}-{}/*", SIZE - 1);
        assert_eq!(head.field("Content-Range"), expected, "{count}");
    }
}

#[test]
fn a_head_tells_where_it_would_start() {
    let dir = TempDir::with("log", LOG);
    let server = Server::start(&dir);
    for (query, range) in [
        ("lines=2", "bytes 9-22/*"),
        ("from=end", "bytes 23-9007199254740991/*"),
    ] {
        let head = head_of(&server, &format!("/log?{query}"), &[]);
        assert_eq!((head.status, head.field("Content-Range")), (206, range));
    }
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let dir = TempDir::with("log", LOG);
    let server = Server::start(&dir);
    for query in [
        "lines",
        "lines=",
        "lines=-1",
        "lines=1.5",
        "lines=ten",
        "lines=1&lines=2",
        "from=start",
        "from=",
        "from=end&from=end",
        "last-event-id=17",
    ] {
        let response = get(&server, &format!("/log?{query}"), &[]);
        response.assert_error(400);
        assert_eq!(response.field("Connection"), "close", "{query}");
    }
    for query in ["line=x", "x=lines=", "Lines=x", "", "&&&", "lines%3Dx"] {
        let response = get(&server, &format!("/log?{query}"), &[]);
        assert_eq!(
            (response.status, &*response.body),
            (200, LOG.as_bytes()),
            "{query}"
        );
    }
}
