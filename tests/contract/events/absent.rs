//! Names and directories that are missing for long: nobody looks for them again and again, and all the same they are found
//! when they come. The regular sweep comes too late for these tests.

use std::fs;

use crate::support::harness::{Server, TempDir};
use crate::support::machine::skip;
use crate::support::source::{ACCEPT, Source};

fn of(kind: &str) -> String {
    format!("{kind}/roll")
}

/// Takes the event that says that a name leads nowhere.
fn gone(source: &mut Source, name: &str, reason: &str) {
    let data = source.expect_kind(&of(name));
    assert!(data.contains(&format!("\"reason\":\"{reason}\"")), "{data}");
}

#[test]
fn names_that_are_missing_for_long_are_found_when_they_come() {
    let dir = TempDir::with("a", "1\n");
    let server = Server::with(&dir, &["--threads", "2"]);
    let mut streams: Vec<Source> = (0..3)
        .map(|_| Source::of_directory(&server, "/?files=a,b", None))
        .collect();
    for stream in &mut streams {
        stream.expect_events(&[("a", "1")]);
        gone(stream, "b", "missing");
    }
    for round in ["2", "3"] {
        dir.write("new", format!("{round}\n"));
        dir.rename("new", "b");
        for stream in &mut streams {
            stream.expect_kind(&of("b"));
            assert_eq!(stream.expect_kind("b"), round);
        }
        dir.remove("b");
        for stream in &mut streams {
            gone(stream, "b", "unlinked");
        }
    }
    // One stream that ends takes nothing from the others.
    drop(streams.pop());
    dir.write("new", "4\n");
    dir.rename("new", "b");
    for stream in &mut streams {
        stream.expect_kind(&of("b"));
        assert_eq!(stream.expect_kind("b"), "4");
    }
}

#[test]
fn a_directory_that_is_missing_for_long_is_found_when_it_comes() {
    let dir = TempDir::new();
    dir.mkdir("up/d");
    dir.write("up/d/a.log", "1\n");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut by_name = Source::of_directory(&server, "/up/d/?files=a.log", None);
    let mut by_pattern = Source::of_directory(&server, "/up/d/?files=*.log", None);
    for stream in [&mut by_name, &mut by_pattern] {
        stream.expect_events(&[("a.log", "1")]);
    }
    fs::rename(dir.join("up"), dir.join("away")).expect("rename");
    gone(&mut by_name, "a.log", "renamed");
    gone(&mut by_pattern, "a.log", "renamed");
    dir.mkdir("new/d");
    dir.write("new/d/a.log", "2\n");
    dir.rename("new", "up");
    for stream in [&mut by_name, &mut by_pattern] {
        stream.expect_kind(&of("a.log"));
        assert_eq!(stream.expect_kind("a.log"), "2");
    }
}

#[test]
fn where_nothing_can_be_watched_they_are_polled() {
    let dir = TempDir::with("a", "1\n");
    let options = ["--threads", "1", "--poll-interval", "50"];
    let script = "echo 0 > /proc/sys/user/max_inotify_watches";
    let server = match Server::in_namespace(script, dir.path(), &options) {
        Ok(server) => server,
        Err(why) => return skip(why.trim()),
    };
    let mut stream = Source::of_directory(&server, "/?files=a,b", None);
    stream.expect_events(&[("a", "1")]);
    gone(&mut stream, "b", "missing");
    dir.write("new", "2\n");
    dir.rename("new", "b");
    stream.expect_kind(&of("b"));
    assert_eq!(stream.expect_kind("b"), "2");
    // A connection that goes on with something else waits for nothing any more.
    drop(stream);
    assert_eq!(server.get("/b", &["Range: bytes=0-0"]).status, 206);
    assert_eq!(server.get("/c", &[ACCEPT]).status, 200);
}
