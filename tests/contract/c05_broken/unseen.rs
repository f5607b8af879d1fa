//! Truncation and rewriting that the server did not see: what stands before a position tells.

use crate::support::client::{get, head_of};
use crate::support::harness::{Server, TempDir};
use crate::support::source::Source;
use openrange::http::position::Check;

const LINES: &str = "one\ntwo\nthree\n";
/// Behind the second line.
const TWO: usize = 8;

/// The id of the second line.
fn second(server: &Server) -> String {
    let mut source = Source::open(server, "/log", None);
    source.expect(&["one"]);
    source.next().id
}

/// Whoever had lines of what the file was before gets all of it, and is told so.
#[test]
fn events_after_a_restart_do_not_go_on_in_other_content() {
    type Deed = (&'static str, fn(&TempDir), &'static [&'static str]);
    let deeds: &[Deed] = &[
        (
            "truncated and longer again",
            |dir| std::fs::write(dir.join("log"), "ONE\nTWO\nTHREE\nFOUR\n").expect("write"),
            &["ONE", "TWO", "THREE", "FOUR"],
        ),
        (
            "written over",
            |dir| std::fs::write(dir.join("log"), "one\ntwO\nthree\n").expect("write"),
            &["one", "twO", "three"],
        ),
        (
            "truncated to the very position",
            |dir| std::fs::write(dir.join("log"), "uno\ndue\n").expect("write"),
            &["uno", "due"],
        ),
    ];
    for (what, deed, lines) in deeds {
        let dir = TempDir::with("log", LINES);
        let server = Server::start(&dir);
        let id = second(&server);
        drop(server);
        deed(&dir);
        let server = Server::start(&dir);
        let mut source = Source::open(&server, "/log", Some(&id));
        source.expect_kind("truncate");
        source.expect(lines);
        let mut source = Source::of_directory(&server, "/?files=log", Some(&id));
        source.expect_kind("log/truncate");
        assert_eq!(source.next().data, lines[0], "{what}");
    }
}

#[test]
fn events_after_a_restart_go_on_in_the_same_content() {
    let dir = TempDir::with("log", LINES);
    let server = Server::start(&dir);
    let id = second(&server);
    drop(server);
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", Some(&id));
    assert_eq!(source.id, id);
    source.expect(&["three"]);
    for target in ["/?files=log", "/?files=l*"] {
        let mut source = Source::of_directory(&server, target, Some(&id));
        assert_eq!(source.next().data, "three", "{target}");
    }
    // As earlier versions wrote it.
    let without_check = id.rsplit_once('-').expect("a check").0;
    let mut source = Source::open(&server, "/log", Some(without_check));
    source.expect(&["three"]);
}

/// Also while a stream is open: the size alone does not tell.
#[test]
fn events_notice_that_the_file_is_other_content() {
    let dir = TempDir::with("log", LINES);
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["one", "two", "three"]);
    server.freeze();
    std::fs::write(dir.join("log"), "1\n2\n3\n4\n5\n6\n7\n8\n").expect("write");
    server.thaw();
    source.expect_kind("truncate");
    source.expect(&["1", "2", "3", "4", "5", "6", "7", "8"]);
}

#[test]
fn a_range_may_name_what_stands_before_it() {
    let dir = TempDir::with("log", LINES);
    let server = Server::start(&dir);
    let field = |before: &[u8]| format!("If-Bytes-Before: {}", Check::of(before));
    let good = field(&LINES.as_bytes()[..TWO]);
    let bad = field(b"two\none\n");
    let nothing = field(b"");
    let table: &[(&[&str], u16)] = &[
        (&["Range: bytes=8-9", &good], 206),
        (&["Range: bytes=8-9", &bad], 412),
        (&["Range: bytes=8-9", &nothing], 412),
        (&["Range: bytes=0-9", &nothing], 206),
        (&["Range: bytes=0-9", &good], 412),
        // The file has not got what the client says it has.
        (&["Range: bytes=800-900", &good], 412),
        (&["Range: bytes=8-9", "If-None-Match: *", &good], 304),
        (&["Range: bytes=8-9", "If-None-Match: *", &bad], 412),
        // Nothing is said of other ranges.
        (&["Range: bytes=-2", &bad], 206),
        (&["Range: bytes=0-1,5-6", &bad], 206),
        (&[&bad], 200),
        // The range does not count, so what is before it does not.
        (&["Range: bytes=8-9", "If-Range: \"x\"", &bad], 200),
        (&["Range: bytes=8-9", "If-Bytes-Before: 12"], 400),
        (&["Range: bytes=8-9", &good, &good], 400),
    ];
    for (fields, status) in table {
        let response = get(&server, "/log", fields);
        assert_eq!(response.status, *status, "{fields:?}");
        assert_eq!(
            head_of(&server, "/log", fields).status,
            *status,
            "{fields:?}"
        );
    }
    assert_eq!(get(&server, "/log", &["Range: bytes=8-", &bad]).status, 412);
    let mut client = crate::support::client::Client::new(&server);
    client.tail("/log", &["Range: bytes=8-", &good]);
    assert_eq!(client.take(6), b"three\n");
}
