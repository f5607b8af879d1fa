//! A tail of a generation: of the file, wherever its family keeps it.

use std::fs;

use rustix::process::Signal;

use super::select::tag;
use crate::support::client::Client;
use crate::support::harness::{Server, TempDir};

const OPEN: &[&str] = &["Range: bytes=0-", "TE: trailers"];

fn follow(server: &Server, tag: &str) -> Client {
    let mut client = Client::new(server);
    let head = client.tail(&format!("/log?generation={tag}"), OPEN);
    assert_eq!(head.field("ETag"), format!("W/\"{tag}\""));
    client
}

fn ends(client: &mut Client, why: &str) {
    let (rest, trailers) = client.rest();
    assert_eq!(String::from_utf8_lossy(&rest), "");
    assert_eq!(trailers, [("Tail-End".to_owned(), why.to_owned())]);
}

#[test]
fn across_renames_with_what_is_written_late() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log");
    let mut writer = dir.open("log");
    let mut write =
        |text: &str| std::io::Write::write_all(&mut writer, text.as_bytes()).expect("write");
    let mut early = follow(&server, &one);
    assert_eq!(early.take(4), b"one\n");
    dir.rename("log", "log.1");
    dir.write("log", "new\n");
    write("late\n");
    assert_eq!(early.take(5), b"late\n");
    let mut late = follow(&server, &one);
    assert_eq!(late.take(9), b"one\nlate\n");
    for (from, to) in [
        ("log.1", "log.2"),
        ("log.2", "log-20240101"),
        ("log-20240101", "log"),
    ] {
        dir.rename(from, to);
        write(to);
        for client in [&mut early, &mut late] {
            assert_eq!(client.take(to.len()), to.as_bytes());
        }
    }
    dir.remove("log");
    write("last");
    for client in [&mut early, &mut late] {
        // It is not told whether what is written to a file without a name comes before the end.
        let (rest, trailers) = client.rest();
        assert!(["", "last"].contains(&&*String::from_utf8_lossy(&rest)));
        assert_eq!(trailers, [("Tail-End".to_owned(), "unlinked".to_owned())]);
    }
}

/// The server learns of both at once.
#[test]
fn renamed_and_removed_while_the_server_was_stopped() {
    let dir = TempDir::with("log.1", "one\n");
    dir.write("log", "new\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log.1");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    server.running.signal(Signal::STOP);
    dir.rename("log.1", "log.2");
    dir.remove("log.2");
    server.running.signal(Signal::CONT);
    ends(&mut client, "unlinked");
}

/// Nobody else follows the name.
#[test]
fn under_any_name_that_it_was_seen_to_get() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    dir.rename("log", "elsewhere");
    dir.write("log", "new\n");
    dir.append("elsewhere", "late\n");
    assert_eq!(client.take(5), b"late\n");
    let get = || server.get(&format!("/log?generation={one}"), &[]);
    assert_eq!(get().field("Content-Location"), "/elsewhere");
    dir.remove("elsewhere");
    ends(&mut client, "unlinked");
    let gone = get();
    assert_eq!(gone.status, 404);
    let reason = String::from_utf8_lossy(&gone.body);
    assert!(reason.contains("gone"), "{reason}");
}

#[test]
fn out_of_the_family() {
    let dir = TempDir::with("log", "");
    dir.write("log.1", "one\n");
    dir.mkdir("archive");
    let server = Server::start(&dir);
    let one = tag(&server, "/log.1");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    // The server did not see that it had the name.
    dir.rename("log.1", "saved");
    ends(&mut client, "renamed");
    dir.rename("saved", "log.1");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    dir.rename("log.1", "archive/log.1");
    ends(&mut client, "renamed");
    dir.rename("archive/log.1", "log.1");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    dir.rename("log.1", ".log.1");
    ends(&mut client, "renamed");
    dir.rename(".log.1", "log.1");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    dir.append("log.1", "more\n");
    dir.chmod("log.1", 0o444);
    assert_eq!(client.take(5), b"more\n");
    ends(&mut client, "sealed");
    let mut client = Client::new(&server);
    let response = client.get(&format!("/log?generation={one}"), &["Range: bytes=4-"]);
    assert_eq!(response.field("Content-Range"), "bytes 4-8/9");
}

/// What had the name keeps its place in the family under any name beside it.
#[test]
fn under_any_name() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log");
    let mut name = Client::new(&server);
    name.tail("/log", OPEN);
    let mut client = follow(&server, &one);
    assert_eq!(client.take(4), b"one\n");
    dir.rename("log", "saved");
    assert_eq!(name.rest().0, b"one\n");
    dir.append("saved", "late\n");
    assert_eq!(client.take(5), b"late\n");
    let mut client = follow(&server, &one);
    assert_eq!(client.take(9), b"one\nlate\n");
}

/// A roll that gives the file a further name, and then takes the first one away.
#[test]
fn across_rolls_by_hard_link() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log");
    let mut writer = dir.open("log");
    let mut write =
        |text: &str| std::io::Write::write_all(&mut writer, text.as_bytes()).expect("write");
    let mut early = follow(&server, &one);
    assert_eq!(early.take(4), b"one\n");
    dir.write(".new", "new\n");
    fs::hard_link(dir.join("log"), dir.join("log.1")).expect("a link");
    dir.rename(".new", "log");
    write("late\n");
    assert_eq!(early.take(5), b"late\n");
    let mut late = follow(&server, &one);
    assert_eq!(late.take(9), b"one\nlate\n");
    fs::hard_link(dir.join("log.1"), dir.join("log.2")).expect("a link");
    dir.remove("log.1");
    write("later\n");
    for client in [&mut early, &mut late] {
        assert_eq!(client.take(6), b"later\n");
    }
    dir.remove("log.2");
    for client in [&mut early, &mut late] {
        ends(client, "unlinked");
    }
}
