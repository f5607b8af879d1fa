//! Server-sent events of one file: what comes, where it goes on, and what happens when the name passes to another file.

use std::thread;

use rustix::process::Signal;

use crate::support::client::{Client, etag};
use crate::support::harness::{Server, TempDir, until};
use crate::support::source::{ACCEPT, Source};

pub mod forms;
mod rolls;

/// The id of the start of the file that has this name now.
fn start(server: &Server, target: &str) -> String {
    let tag = etag(server, target);
    let digits = tag.trim_start_matches("W/\"").trim_end_matches('"');
    format!("{digits}-0")
}

#[test]
fn lines_are_events_as_they_come() {
    let dir = TempDir::with("log", "one\ntwo\nthr");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    assert_eq!(source.id, start(&server, "/log"));
    source.expect(&["one", "two"]);
    assert_eq!(source.offset(), 8);
    dir.append("log", "ee\n");
    source.expect(&["three"]);
    assert_eq!(source.offset(), 14);
    dir.append("log", "\n4\n5\n");
    source.expect(&["", "4", "5"]);
    // In pieces, each of which is seen before the next.
    let other = dir.open("log");
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=19-"]);
    for piece in ["s", "i", "x", "\n", "seven\n"] {
        use std::io::Write;
        (&other).write_all(piece.as_bytes()).expect("append");
        assert_eq!(tail.take(piece.len()), piece.as_bytes());
    }
    source.expect(&["six", "seven"]);
    for number in 0..200 {
        dir.append("log", format!("line {number}\n"));
        source.expect(&[&format!("line {number}")]);
    }
}

#[test]
fn a_client_goes_on_behind_the_event_that_it_had() {
    let dir = TempDir::with("log", "a\nbb\nccc\nd");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    let mut events = vec![source.id.clone()];
    for _ in 0..3 {
        events.push(source.next().id);
    }
    drop(source);
    dir.append("log", "ddd\ne\n");
    let lines = ["a", "bb", "ccc", "dddd", "e"];
    for (had, id) in events.iter().enumerate() {
        let mut source = Source::open(&server, "/log", Some(id));
        assert_eq!(source.id, *id);
        source.expect(&lines[had..]);
        let by_query = format!("/log?last-event-id={id}");
        Source::open(&server, &by_query, None).expect(&lines[had..]);
        // The browser's own id is newer than the page's address; a new start counts only without one.
        let mut source = Source::open(&server, &format!("{by_query}&lines=1"), Some(&events[1]));
        source.expect(&lines[1..]);
    }
    // A field that is not ours is no reason to refuse a browser for good.
    for strange in ["", "17", "0123-4"] {
        Source::open(&server, "/log", Some(strange)).expect(&lines);
    }
}

#[test]
fn a_place_in_an_earlier_file_goes_on_there() {
    let dir = TempDir::with("log", "old 1\nold 2\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["old 1"]);
    let old = source.id.clone();
    drop(source);
    dir.rename("log", "log.1");
    // Nothing has the name: it comes again and waits.
    let mut waiting = Source::open(&server, "/log", Some(&old));
    assert_eq!(waiting.id, old);
    waiting.expect(&["old 2"]);
    dir.write("log", "new 1\nnew 2\n");
    let mut source = Source::open(&server, "/log", Some(&old));
    assert_eq!(source.id, old);
    source.expect(&["old 2"]);
    for source in [&mut source, &mut waiting] {
        let expected = format!(
            "{{\"reason\":\"renamed\",\"etag\":{:?}}}",
            etag(&server, "/log")
        );
        assert_eq!(source.expect_kind("roll"), expected);
        source.expect(&["new 1", "new 2"]);
    }
}

#[test]
fn a_client_that_waits_goes_on_if_its_own_file_comes_back() {
    let dir = TempDir::with("log", "1\n2\n3\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1", "2"]);
    dir.rename("log", "away");
    let mut waiting = Source::open(&server, "/log", Some(&source.id));
    dir.rename("away", "log");
    waiting.expect(&["3"]);
    dir.append("log", "4\n");
    waiting.expect(&["4"]);
    source.expect(&["3", "4"]);
}

/// Of the lines that the client has none comes again.
#[test]
fn an_earlier_file_that_has_the_name_again_goes_on_where_it_was() {
    let dir = TempDir::with("log", "1\n2\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1", "2"]);
    for round in ["3", "4", "5"] {
        dir.rename("log", "log.1");
        dir.write("log", format!("new {round}\n"));
        source.expect_kind("roll");
        source.expect(&[&*format!("new {round}")]);
        dir.rename("log", &format!("other-{round}"));
        dir.rename("log.1", "log");
        source.expect_kind("roll");
        dir.append("log", format!("{round}\n"));
        source.expect(&[round]);
    }
}

#[test]
fn a_place_beyond_the_end_is_that_of_a_truncated_file() {
    let dir = TempDir::with("log", "1\n2\n");
    let server = Server::start(&dir);
    let begin = start(&server, "/log");
    let beyond = begin.replace("-0", "-5");
    let mut source = Source::open(&server, "/log", Some(&beyond));
    assert_eq!(source.id, begin);
    let tag = etag(&server, "/log");
    assert_eq!(
        source.expect_kind("truncate"),
        format!("{{\"etag\":{tag:?}}}")
    );
    source.expect(&["1", "2"]);
}

#[test]
fn truncation_is_an_event_and_the_file_begins_again() {
    let dir = TempDir::with("log", "one\ntwo\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["one", "two"]);
    let before = etag(&server, "/log");
    for round in 0..3 {
        dir.resize("log", 0);
        let notice = source.expect_kind("truncate");
        let tag = etag(&server, "/log");
        assert_eq!(notice, format!("{{\"etag\":{tag:?}}}"), "round {round}");
        assert_ne!(tag, before);
        assert_eq!(source.id, start(&server, "/log"));
        dir.append("log", "again\n");
        source.expect(&["again"]);
    }
    // Who was away is told too.
    let id = source.id.clone();
    dir.resize("log", 0);
    source.expect_kind("truncate");
    dir.append("log", "and again\n");
    let mut source = Source::open(&server, "/log", Some(&id));
    source.expect_kind("roll");
    source.expect(&["and again"]);
}

#[test]
fn starts() {
    let dir = TempDir::with("log", "1\n2\n3\n4\nunfin");
    let server = Server::start(&dir);
    for (query, lines) in [
        ("", &["1", "2", "3", "4"][..]),
        ("?lines=2", &["3", "4"]),
        ("?lines=4", &["1", "2", "3", "4"]),
        ("?lines=5", &["1", "2", "3", "4"]),
        ("?lines=99999999999999999999", &["1", "2", "3", "4"]),
        ("?lines=0", &[]),
        ("?from=end", &[]),
        ("?from=end&lines=1", &["4"]),
        ("?some=thing&lines=1", &["4"]),
    ] {
        let mut source = Source::open(&server, &format!("/log{query}"), None);
        source.expect(lines);
        assert_eq!(source.offset(), 8, "{query}");
        // Whole lines only.
        if query == "?from=end" {
            dir.append("log", "ished\n");
            source.expect(&["unfinished"]);
            dir.resize("log", 8);
            source.expect_kind("truncate");
            dir.append("log", "unfin");
        }
    }
    let mut client = Client::new(&server);
    client.ask("GET", "/log?lines=x", &[ACCEPT]);
    client.response().assert_error(400);
}

#[test]
fn the_last_lines_of_a_long_file() {
    let all: Vec<String> = (0..40_000).map(|number| format!("line {number}")).collect();
    let text = all.join("\n") + "\n";
    // Beyond what is looked through, so it begins with the first line that begins there.
    assert!(text.len() > 400_000);
    let dir = TempDir::with("log", text.repeat(3));
    let server = Server::start(&dir);
    let last: Vec<&str> = all[30_000..].iter().map(String::as_str).collect();
    Source::open(&server, "/log?lines=10000", None).expect(&last);
    let mut source = Source::open(&server, "/log?lines=120000", None);
    let first = source.offset();
    let searched = 3 * text.len() as u64 - (1 << 20);
    assert!((searched..searched + 20).contains(&first), "{first}");
    let line = source.next();
    assert!(all.contains(&line.data), "{line:?}");
    // One line that is longer than that.
    dir.write("long", vec![b'x'; (1 << 20) + 5]);
    let mut source = Source::open(&server, "/long?lines=1", None);
    assert_eq!(source.offset(), (1 << 20) + 5);
    dir.append("long", "\nnext\n");
    source.expect(&["next"]);
}

#[test]
fn a_slow_client_gets_every_line() {
    let lines: Vec<String> = (0..60_000)
        .map(|number| format!("{number} {}", "x".repeat(number % 300)))
        .collect();
    let dir = TempDir::with("log", lines.join("\n") + "\n");
    let server = Server::start(&dir);
    let mut client = Client::slow(&server);
    client.ask("GET", "/log", &[ACCEPT]);
    assert_eq!(client.head().status, 200);
    // Others are served meanwhile, and the file goes on.
    Source::open(&server, "/log?lines=1", None).expect(&[lines.last().expect("lines")]);
    dir.append("log", "the end\n");
    let mut source = Source::over(client);
    source.block();
    for line in &lines {
        source.expect(&[line]);
    }
    source.expect(&["the end"]);
}

#[test]
fn the_end_of_the_server_is_the_end_of_the_stream() {
    let dir = TempDir::with("log", "1\n2\nunfinished");
    let mut server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1", "2"]);
    dir.write("gone", "");
    let mut waiting = Source::open(&server, "/gone", None);
    dir.remove("gone");
    assert!(waiting.expect_kind("roll").contains("null"));
    dir.append("log", " line\n3\nnot");
    server.running.signal(Signal::TERM);
    source.expect(&["unfinished line", "3"]);
    assert_eq!(source.client.rest().0, b"", "no half of a line");
    assert_eq!(waiting.client.rest().0, b"");
    assert!(server.running.wait().success());
    // The next server knows the place.
    let server = Server::start(&dir);
    dir.append("log", " yet\n");
    Source::open(&server, "/log", Some(&source.id)).expect(&["not yet"]);
}

#[test]
fn a_sealed_file_is_delivered_and_the_stream_stays_for_the_next() {
    let dir = TempDir::with("log", "1\n2");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1"]);
    dir.chmod("log", 0o444);
    assert_eq!(source.expect_kind("part"), "2");
    assert_eq!(source.offset(), 3);
    // To one that comes later too.
    let mut later = Source::open(&server, "/log", None);
    later.expect(&["1"]);
    assert_eq!(later.expect_kind("part"), "2");
    dir.write("next", "3\n");
    dir.rename("next", "log");
    for source in [&mut source, &mut later] {
        let notice = source.expect_kind("roll");
        assert!(notice.contains("\"reason\":\"replaced\""), "{notice}");
        source.expect(&["3"]);
    }
}

#[test]
fn the_log_tells_of_streams() {
    let dir = TempDir::with("log", "1\n");
    let access = dir.join("access");
    let access = access.to_str().expect("UTF-8").to_owned();
    let server = Server::with(&dir, &["--access-log", &access]);
    let mut source = Source::open(&server, "/log?lines=1", None);
    source.expect(&["1"]);
    server
        .log()
        .wait_for(&["GET /log?", ": 200 OK, events from 0"]);
    dir.remove("log");
    source.expect_kind("roll");
    drop(source);
    // Of the beginning, a line, and the notice, whatever the file is called by then.
    let bytes = 36 + 41 + "event: roll\ndata: {\"reason\":\"unlinked\",\"etag\":null}\n\n".len();
    let expected = format!("events of /log ended: client left, {bytes} bytes");
    server.log().wait_for(&[&expected]);
    let line = until("a line in the access log", || {
        let text = std::fs::read_to_string(dir.join("access")).ok()?;
        text.lines().next().map(str::to_owned)
    });
    assert!(
        line.ends_with(&format!("\"GET /log HTTP/1.1\" 200 {bytes}")),
        "{line}"
    );
}

/// Many pages, each of which comes again as it likes, have every line once.
#[test]
fn many_that_come_again_and_again() {
    const LINES: usize = 400;
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    thread::scope(|scope| {
        for number in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut source = Source::open(server, "/log", None);
                for line in 0..LINES {
                    source.expect(&[&format!("line {line}")]);
                    if line % 16 == number {
                        source = Source::open(server, "/log", Some(&source.id));
                    }
                }
            });
        }
        for line in 0..LINES {
            dir.append("log", format!("line {line}"));
            dir.append("log", "\n");
        }
    });
}
