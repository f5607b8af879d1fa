//! What the server saw is certain, is kept by `--history`, and comes before what names and times suggest.

use std::fs;
use std::time::Duration;

use openrange::limits::GENERATIONS_HOLE_QUIET;
use rustix::process::Signal;

use super::select::tag;
use super::streams::is_gap;
use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir};
use crate::support::source::Source;

fn list(server: &Server, name: &str) -> String {
    let response = get(server, &format!("/{name}?generations"), &[]);
    assert_eq!(response.status, 200, "{response:?}");
    String::from_utf8(response.body).expect("JSON")
}

fn paths(server: &Server, name: &str) -> Vec<String> {
    let text = list(server, name);
    let parts = text.split("\"path\":\"").skip(2);
    parts
        .map(|part| part[1..part.find('"').expect("its end")].to_owned())
        .collect()
}

fn eventually(is: impl FnMut() -> bool) {
    crate::support::waiting::eventually("what was seen", is);
}

/// Somebody follows the log to its end, whatever it is.
fn follow(server: &Server) -> Client {
    let mut client = Client::new(server);
    client.tail("/log", &["Range: bytes=0-"]);
    client
}

/// The log is renamed to this, which the server sees, and another file takes its place.
fn roll(dir: &TempDir, server: &Server, name: &str, next: &str) {
    let mut client = follow(server);
    dir.rename("log", name);
    dir.write("log", next);
    client.rest();
}

#[test]
fn any_name_and_order() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let mut client = follow(&server);
    // Two in one breath, to names that say nothing, or the wrong thing.
    dir.rename("log", "saved");
    dir.write("log", "two\n");
    dir.rename("log", "log.7");
    dir.write("log", "three\n");
    client.rest();
    roll(&dir, &server, "log.8", "four\n");
    dir.touch("saved", Duration::from_secs(1));
    dir.touch("log.7", Duration::from_secs(100));
    assert_eq!(paths(&server, "log"), ["saved", "log.7", "log.8", "log"]);
    assert_eq!(tag(&server, "/saved").len(), 16);
}

/// What is created beside a log is no generation of it; a link to a file that had the name is.
#[test]
fn created_beside() {
    let dir = TempDir::with("log", "one\n");
    dir.write("log.3", "three\n");
    let server = Server::start(&dir);
    let _client = follow(&server);
    dir.write("log.2", "another topic\n");
    fs::hard_link(dir.join("log"), dir.join("log.1")).expect("a link");
    // A number that is missing in a directory that was left alone needs no second look.
    let paths_at_rest = || {
        dir.touch(".", GENERATIONS_HOLE_QUIET * 2);
        paths(&server, "log")
    };
    eventually(|| paths_at_rest() == ["log.3", "log"]);
    dir.remove("log");
    eventually(|| paths_at_rest() == ["log.3", "log.1"]);
    // A compressed copy is always one.
    dir.write("log.4.gz", "zipped");
    assert_eq!(paths_at_rest(), ["log.4.gz", "log.3", "log.1"]);
}

#[test]
fn what_a_copy_was_before() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["one"]);
    let one = tag(&server, "/log");
    dir.rename("log", "log.1");
    dir.write("log", "two\n");
    source.expect_kind("roll");
    source.expect(&["two"]);
    dir.append("log.1", "late\n");
    dir.write("log.1.gz", "zipped");
    assert_eq!(paths(&server, "log"), ["log.1", "log"], "not complete yet");
    dir.remove("log.1");
    dir.rename("log.1.gz", "log.2.gz");
    let copy = tag(&server, "/log.2.gz");
    let expected = format!(
        "\"compressed\":\"gzip\",\"current\":false,\"original\":{{\"etag\":\"W/\\\"{one}\\\"\",\"size\":9}}"
    );
    eventually(|| list(&server, "log").contains(&expected));
    let response = get(&server, &format!("/log?generation={one}"), &[]);
    response.assert_error(404);
    let text = String::from_utf8(response.body.clone()).expect("text");
    assert!(
        text.contains("compressed") && text.contains("/log.2.gz"),
        "{text}"
    );
    let response = get(&server, &format!("/log?generation={copy}"), &[]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, &b"zipped"[..])
    );
}

/// Makes a compressed copy of `log.1`, as compressors do: the copy gets the time of its last write.
fn compress(dir: &TempDir) {
    let original = fs::metadata(dir.join("log.1")).expect("a file");
    dir.write("log.1.gz", "zipped");
    let copy = fs::File::options().write(true).open(dir.join("log.1.gz"));
    let written = original.modified().expect("a time");
    copy.and_then(|copy| copy.set_modified(written))
        .expect("its time");
    dir.remove("log.1");
}

/// The size before a file was compressed is the last that the server has seen, not that at its roll. If nobody has seen what
/// was written last, a reader who had all of the rest is told that something is missing.
#[test]
fn written_to_before_it_was_compressed() {
    for (late, seen) in [(true, false), (true, true), (false, true)] {
        let dir = TempDir::with("log", "one\n");
        let server = Server::start(&dir);
        let mut source = Source::open(&server, "/log", None);
        source.expect(&["one"]);
        let place = source.id.clone();
        dir.rename("log", "log.1");
        dir.write("log", "two\n");
        source.expect_kind("roll");
        source.expect(&["two"]);
        assert_eq!(paths(&server, "log"), ["log.1", "log"]);
        if !seen {
            drop(source);
            server.running.signal(Signal::STOP);
            dir.append("log.1", "late\n");
        } else {
            if late {
                dir.append("log.1", "late\n");
                source.expect(&["late"]);
            }
            server.running.signal(Signal::STOP);
        }
        // Both are done before the server looks.
        compress(&dir);
        server.running.signal(Signal::CONT);
        eventually(|| paths(&server, "log") == ["log.1.gz", "log"]);
        let size = if late && seen { 9 } else { 4 };
        let expected = format!("\"size\":{size}}}");
        let text = list(&server, "log");
        assert!(!seen || text.contains(&expected), "{text}");
        let mut source = Source::open(&server, "/log", Some(&place));
        let notice = source.expect_kind("roll");
        assert_eq!(is_gap(&notice), late, "seen: {seen}, {notice}");
        source.expect(&["two"]);
    }
}

/// The name of a copy says nothing either if its file had been renamed to one that does not.
#[test]
fn copies_under_any_name() {
    let dir = TempDir::with("log", "one\n");
    let kept = TempDir::new();
    let history = kept.join("history");
    let options = ["--history", history.to_str().expect("UTF-8")];
    let server = Server::with(&dir, &options);
    let one = tag(&server, "/log");
    roll(&dir, &server, "log.old", "two\n");
    dir.write("other.gz", "of another topic");
    dir.write("log.old.gz", "zipped");
    assert_eq!(paths(&server, "log"), ["log.old", "log"]);
    dir.remove("log.old");
    eventually(|| paths(&server, "log") == ["log.old.gz", "log"]);
    let copy = tag(&server, "/log.old.gz");
    let mut client = Client::new(&server);
    client.tail(&format!("/log?generation={copy}"), &["Range: bytes=0-"]);
    assert_eq!(client.take(6), b"zipped");
    dir.rename("log.old.gz", "archive.gz");
    dir.append("archive.gz", "more");
    assert_eq!(client.take(4), b"more");
    eventually(|| fs::read_to_string(&history).is_ok_and(|text| text.contains("compressed ")));
    let check = |server: &Server| {
        assert_eq!(paths(server, "log"), ["archive.gz", "log"]);
        let expected = format!(
            "\"compressed\":\"gzip\",\"current\":false,\"original\":{{\"etag\":\"W/\\\"{one}\\\"\",\"size\":4}}"
        );
        let text = list(server, "log");
        assert!(text.contains(&expected), "{text}");
        let response = get(server, &format!("/log?generation={one}"), &[]);
        response.assert_error(404);
        let text = String::from_utf8(response.body).expect("text");
        assert!(
            text.contains("compressed") && text.contains("/archive.gz"),
            "{text}"
        );
    };
    check(&server);
    drop(server);
    check(&Server::with(&dir, &options));
}

#[test]
fn an_old_directory() {
    let dir = TempDir::with("log", "three\n");
    dir.mkdir("sub/old");
    dir.rename("log", "sub/log");
    dir.write("sub/old/log.2", "one\n");
    dir.write("sub/log.1", "two\n");
    dir.write("sub/old/other.1", "");
    let server = Server::with(&dir, &["--old-dir", "old"]);
    let expected = ["sub/old/log.2", "sub/log.1", "sub/log"];
    assert_eq!(paths(&server, "sub/log"), expected);
    let one = tag(&server, "/sub/old/log.2");
    let two = tag(&server, "/sub/log.1");
    let mut client = Client::new(&server);
    client.tail(&format!("/sub/log?generation={two}"), &["Range: bytes=0-"]);
    assert_eq!(client.take(4), b"two\n");
    dir.rename("sub/log.1", "sub/old/log.1");
    dir.append("sub/old/log.1", "late\n");
    assert_eq!(client.take(5), b"late\n");
    let response = get(&server, &format!("/sub/log?generation={one}"), &[]);
    assert_eq!(response.field("Content-Location"), "/sub/old/log.2");
    drop(server);
    let without = Server::start(&dir);
    assert_eq!(paths(&without, "sub/log"), ["sub/log"]);
}

#[test]
fn across_restarts() {
    let dir = TempDir::with("log", "one\n");
    let kept = TempDir::new();
    let history = kept.join("history");
    let options = ["--history", history.to_str().expect("UTF-8")];
    let server = Server::with(&dir, &options);
    let one = tag(&server, "/log");
    roll(&dir, &server, "saved", "two\n");
    let two = tag(&server, "/log");
    let mut client = follow(&server);
    dir.resize("log", 1);
    client.until_end();
    let now = tag(&server, "/log");
    assert_ne!(now, two);
    eventually(|| {
        let text = fs::read_to_string(&history).expect("the history");
        text.contains("roll log ") && text.contains("truncated ")
    });
    drop(server);
    let server = Server::with(&dir, &options);
    assert_eq!(tag(&server, "/log"), now, "it was truncated");
    assert_eq!(paths(&server, "log"), ["saved", "log"]);
    let response = get(&server, &format!("/log?generation={one}"), &[]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, &b"one\n"[..])
    );
    let response = get(&server, &format!("/log?generation={two}"), &[]);
    response.assert_error(404);
    assert!(response.body.starts_with(b"this generation was truncated"));
    drop(server);
    // Without it nothing of that is known.
    let server = Server::start(&dir);
    assert_eq!(paths(&server, "log"), ["log"]);
}

#[test]
fn a_history_that_cannot_be_used() {
    let dir = TempDir::with("log", "");
    let kept = TempDir::with("other", "precious\n");
    let other = kept.join("other");
    let other = other.to_str().expect("UTF-8");
    let run = |file: &str| {
        let root = dir.path().to_str().expect("UTF-8");
        let arguments = ["--listen", "127.0.0.1:0", "--history", file, root];
        let (code, text) = crate::support::harness::run(&arguments);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(file) && text.contains("--history"), "{text}");
    };
    run(other);
    assert_eq!(fs::read(kept.join("other")).expect("it"), b"precious\n");
    run("/nowhere/history");
    let history = kept.join("history");
    let history = history.to_str().expect("UTF-8");
    let _server = Server::with(&dir, &["--history", history]);
    run(history);
}
