//! The forms: who gets events and who does not, what becomes of bytes that are no text, other versions of HTTP.

use super::{ACCEPT, Client, Server, Source, TempDir, start};
use crate::support::client::{Ending, Response};
use openrange::http::position::Check;

#[test]
fn only_who_names_them_gets_events() {
    let dir = TempDir::with("log", "1\n");
    dir.mkdir("sub");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for accept in [
        "Accept: */*",
        "Accept: text/*",
        "Accept: text/html, text/plain",
        "Accept: text/event-stream;q=0",
        "Accept: text/event-stream; Q=0.000, */*",
        "Accept: text/event-streams",
        "X-Accept: text/event-stream",
    ] {
        let response = client.get("/log", &[accept]);
        assert_eq!(
            (response.status, &*response.body),
            (200, &b"1\n"[..]),
            "{accept}"
        );
        assert_eq!(response.field("Content-Type"), "text/plain; charset=utf-8");
    }
    for accept in [
        "Accept: text/event-stream",
        "accept:Text/Event-Stream",
        "Accept: */*, text/event-stream;q=0.1",
        "Accept: text/html\r\nAccept: text/event-stream; charset=utf-8",
    ] {
        let head = Client::new(&server).head_of("/log", &[accept]);
        assert_eq!(head.field("Content-Type"), "text/event-stream", "{accept}");
        // A range is one of the file, and this is not the file.
        let head = Client::new(&server).head_of("/log", &[accept, "Range: bytes=1-"]);
        assert_eq!(
            (head.status, head.get("Content-Range")),
            (200, None),
            "{accept}"
        );
    }
    let mut client = Client::new(&server);
    assert_comes_again(&client.get("/missing", &[ACCEPT]));
    assert_eq!(client.head_of("/missing", &[ACCEPT]).status, 200);
    client
        .get("/log", &[ACCEPT, "If-Match: \"x\""])
        .assert_error(412);
    client.get("/sub", &[ACCEPT]).assert_error(301);
    let head = Client::new(&server).head_of("/sub/", &[ACCEPT]);
    assert_eq!(head.field("Content-Type"), "text/event-stream");
    // Never: a stream is never what somebody has already.
    let head = client.head_of("/log", &[ACCEPT, "If-None-Match: *"]);
    assert_eq!(head.status, 200);
    client.ask("POST", "/log", &[ACCEPT]);
    client.response().assert_error(405);
}

#[test]
fn bytes_that_are_no_text() {
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    for (line, data) in [
        (&b"plain\r\n"[..], "plain"),
        (b"10%\r20%\r100%\n", "10%\n20%\n100%"),
        (b"\xff\xfe\n", "\u{fffd}\u{fffd}"),
        (b"caf\xe9 au lait\n", "caf\u{fffd} au lait"),
        ("\u{feff}ä€😀\n".as_bytes(), "\u{feff}ä€😀"),
        (b"\0\x1b[31m\n", "\0\x1b[31m"),
        (b" data: x\n", " data: x"),
        (b"\n", ""),
    ] {
        let before = source.offset();
        dir.append("log", line);
        source.expect(&[data]);
        // The bytes as they are, by the offsets of the events.
        let range = format!("Range: bytes={before}-{}", source.offset() - 1);
        assert_eq!(Client::new(&server).get("/log", &[&range]).body, line);
    }
}

#[test]
fn long_lines_come_in_parts() {
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    let long = "0123456789abcdeä".repeat(10_000);
    dir.append("log", &long);
    let mut parts = String::new();
    // All that cannot become one event any more is there before the line has its end.
    while long.len() - parts.len() > 16 * 1024 {
        parts += &source.expect_kind("part");
        assert_eq!(source.offset(), parts.len() as u64);
    }
    let within = source.id.clone();
    dir.append("log", "\nnext\n");
    let rest = source.next();
    assert_eq!(rest.kind, "");
    assert_eq!(format!("{parts}{}", rest.data), long);
    source.expect(&["next"]);
    Source::open(&server, "/log", Some(&within)).expect(&[&rest.data, "next"]);
}

#[test]
fn http_1_0_gets_bare_events() {
    let dir = TempDir::with("log", "1\n");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.send(format!(
        "GET /log HTTP/1.0\r\nConnection: keep-alive\r\n{ACCEPT}\r\n\r\n"
    ));
    let head = client.head();
    assert_eq!(head.status, 200);
    assert_eq!(head.get("Transfer-Encoding"), None);
    assert_eq!(head.field("Connection"), "close");
    let start = start(&server, "/log");
    let expected = format!(
        "retry: 1000\nid: {start}\n\nid: {}2-{}\ndata: 1\n\n",
        &start[..17],
        Check::of(b"1\n")
    );
    assert_eq!(
        String::from_utf8(client.raw(expected.len())).expect("UTF-8"),
        expected
    );
    dir.append("log", "2\n");
    let check = Check::of(b"1\n2\n");
    let expected = format!("id: {}4-{check}\ndata: 2\n\n", &start[..17]);
    assert_eq!(
        String::from_utf8(client.raw(expected.len())).expect("UTF-8"),
        expected
    );
    server.running.signal(rustix::process::Signal::TERM);
    assert_eq!(client.until_end(), (Vec::new(), Ending::Fin));
}

#[test]
fn a_head_is_a_head() {
    let dir = TempDir::with("log", "1\n");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for _ in 0..3 {
        let head = client.head_of("/log?lines=3", &[ACCEPT]);
        assert_eq!(head.status, 200);
        assert_eq!(head.field("Content-Type"), "text/event-stream");
        assert_eq!(head.field("Transfer-Encoding"), "chunked");
    }
    assert_eq!(client.get("/log", &[]).body, b"1\n");
}

#[test]
fn events_need_the_token_of_their_file() {
    let dir = TempDir::with("log", "1\n");
    let tokens = TempDir::with("tokens", "good /log\n");
    let tokens = tokens.join("tokens");
    let server = Server::with(&dir, &["--token-file", tokens.to_str().expect("UTF-8")]);
    let mut client = Client::new(&server);
    client.get("/log", &[ACCEPT]).assert_error(401);
    // Whether there is such a file is not told either.
    let place = "Last-Event-ID: 0123456789abcdef-1";
    client.get("/missing", &[ACCEPT, place]).assert_error(401);
    let head = client.head_of("/log", &[ACCEPT, "Authorization: Bearer good"]);
    assert_eq!(head.status, 200);
}

/// An event source fails for good at any other status, and reconnects after this.
pub fn assert_comes_again(response: &Response) {
    assert_eq!(response.status, 200);
    assert_eq!(response.field("Content-Type"), "text/event-stream");
    assert_eq!(response.field("Cache-Control"), "no-store");
    assert_eq!(response.body, b": no such file\nretry: 1000\n\n");
}

/// The end of a line that began before what is searched for line ends would pass for a whole one.
#[test]
fn a_stream_that_begins_in_a_very_long_line_begins_with_the_next() {
    let long = "x".repeat(2 << 20);
    for (content, target) in [
        (long.clone(), "/log?from=end"),
        (long.clone(), "/log?lines=1"),
        (format!("1\n{long}"), "/log?lines=3"),
        (format!("{long}\n{long}"), "/log?lines=1"),
    ] {
        let dir = TempDir::with("log", content);
        let server = Server::start(&dir);
        let mut source = Source::open(&server, target, None);
        let by_list = target.replace("/log?", "/?files=log&");
        let mut listed = Source::of_directory(&server, &by_list, None);
        let place = listed.block();
        assert!(place.starts_with("id: "), "{place}");
        dir.append("log", "the end of it");
        dir.append("log", " comes in pieces\nnext\n");
        source.expect(&["next"]);
        listed.expect_events(&[("log", "next")]);
        // A client that has had no event yet is still in that line.
        let id = Source::open(&server, target, None).id;
        assert_eq!(id.split('-').count(), 2, "{id}");
    }
    let dir = TempDir::with("log", &*long);
    let server = Server::start(&dir);
    let begun = Source::open(&server, "/log?from=end", None);
    let mut again = Source::open(&server, "/log", Some(&begun.id));
    dir.append("log", "y\nnext\n");
    again.expect(&["next"]);
}
