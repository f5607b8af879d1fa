//! What ends a tail, what does not, and what is delivered before.

use std::fs;
use std::io::Write;
use std::time::Duration;

use crate::support::client::{Client, get, request};
use crate::support::harness::{Server, TempDir, pattern};

type Deed = fn(&TempDir);

/// A tree in which `dir/sub/log` is followed under every name that leads to it.
fn tree() -> TempDir {
    let dir = TempDir::new();
    dir.mkdir("dir/sub");
    dir.write("dir/sub/log", "first ");
    dir.write("dir/sub/other", "other");
    dir.write("new", "of another file");
    dir.symlink("dir/sub/log", "link");
    dir.symlink("dir/sub", "way");
    dir
}

/// What is followed, what is done, and the reasons that may be told.
const ENDS: &[(&str, Deed, &[&str])] = &[
    (
        "/dir/sub/log",
        |dir| dir.remove("dir/sub/log"),
        &["unlinked"],
    ),
    (
        "/dir/sub/log",
        |dir| dir.rename("dir/sub/log", "dir/sub/log.1"),
        &["renamed"],
    ),
    (
        "/dir/sub/log",
        |dir| dir.rename("dir/sub/log", "away"),
        &["renamed"],
    ),
    (
        "/dir/sub/log",
        |dir| dir.rename("new", "dir/sub/log"),
        &["replaced"],
    ),
    (
        "/dir/sub/log",
        |dir| dir.rename("dir/sub", "dir/bus"),
        &["renamed"],
    ),
    ("/dir/sub/log", |dir| dir.rename("dir", "rid"), &["renamed"]),
    (
        "/dir/sub/log",
        |dir| dir.chmod("dir/sub/log", 0o444),
        &["sealed"],
    ),
    (
        "/dir/sub/log",
        |dir| fs::remove_dir_all(dir.join("dir")).expect("rm -r"),
        &["unlinked"],
    ),
    (
        "/dir/sub/log",
        delete_and_recreate,
        &["unlinked", "replaced"],
    ),
    (
        "/dir/sub/log",
        rename_and_recreate,
        &["renamed", "replaced"],
    ),
    (
        "/dir/sub/log",
        another_file_system_tree,
        &["renamed", "replaced"],
    ),
    ("/link", |dir| dir.remove("dir/sub/log"), &["unlinked"]),
    (
        "/link",
        |dir| dir.rename("dir/sub/log", "away"),
        &["renamed"],
    ),
    ("/link", |dir| dir.remove("link"), &["unlinked", "renamed"]),
    ("/link", |dir| dir.rename("link", "knil"), &["renamed"]),
    ("/link", repoint, &["replaced", "renamed", "unlinked"]),
    ("/way/log", |dir| dir.rename("dir", "rid"), &["renamed"]),
    (
        "/way/log",
        |dir| dir.remove("way"),
        &["unlinked", "renamed"],
    ),
    (
        "/way/log",
        |dir| dir.rename("new", "dir/sub/log"),
        &["replaced"],
    ),
    (
        "/way/log",
        |dir| dir.chmod("dir/sub/log", 0o400),
        &["sealed"],
    ),
];

#[test]
fn a_tail_ends_when_its_uri_no_longer_names_its_file() {
    for (row, (target, deed, reasons)) in ENDS.iter().enumerate() {
        let dir = tree();
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::new(&server);
        let head = client.tail(target, &["Range: bytes=0-", "TE: trailers"]);
        assert_eq!(head.field("Trailer"), "Tail-End");
        assert_eq!(client.take(6), b"first ");
        let mut plain = Client::new(&server);
        plain.tail(target, &["Range: bytes=3-"]);
        // Not waited for: it must be delivered before the end all the same.
        dir.append("dir/sub/log", "last");
        deed(&dir);
        let (body, trailers) = client.rest();
        assert_eq!(body, b"last", "row {row}, {target}");
        let [(name, reason)] = trailers.as_slice() else {
            panic!("trailers {trailers:?}")
        };
        assert_eq!(name, "Tail-End");
        assert!(
            reasons.contains(&reason.as_str()),
            "row {row}, {target}: {reason}"
        );
        assert_eq!(
            plain.rest(),
            (b"st last".to_vec(), Vec::new()),
            "row {row}, {target}"
        );
        // The connections may be used again.
        for client in [&mut client, &mut plain] {
            assert_eq!(client.get("/", &[]).status, 200, "row {row}");
        }
    }
}

fn delete_and_recreate(dir: &TempDir) {
    dir.remove("dir/sub/log");
    dir.write("dir/sub/log", "of the next file");
}

fn rename_and_recreate(dir: &TempDir) {
    dir.rename("dir/sub/log", "dir/sub/log.1");
    dir.write("dir/sub/log", "of the next file");
}

/// The same names, but in another directory.
fn another_file_system_tree(dir: &TempDir) {
    dir.mkdir("next/sub");
    dir.write("next/sub/log", "of the next file");
    dir.rename("dir", "former");
    dir.rename("next", "dir");
}

fn repoint(dir: &TempDir) {
    dir.symlink("dir/sub/other", "new-link");
    dir.rename("new-link", "link");
}

#[test]
fn bytes_written_after_the_roll_to_the_old_file_are_not_waited_for() {
    let dir = TempDir::with("log", "one");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(3), b"one");
    let mut file = dir.open("log");
    dir.rename("log", "log.1");
    assert_eq!(client.rest().0, b"", "though a writer still holds it open");
    std::io::Write::write_all(&mut file, b"two").expect("write");
    assert_eq!(client.get("/log.1", &[]).body, b"onetwo");
}

#[test]
fn what_leaves_the_name_and_the_file_alone_ends_nothing() {
    let deeds: &[Deed] = &[
        |dir| dir.touch("dir/sub/log", Duration::from_secs(1000)),
        |dir| dir.chmod("dir/sub/log", 0o600),
        |dir| dir.chmod("dir/sub/log", 0o200),
        |dir| dir.chmod("dir/sub/log", 0o466),
        |dir| dir.rename("dir/sub/other", "dir/sub/another"),
        |dir| dir.rename("dir/sub/other", "other"),
        |dir| dir.remove("dir/sub/other"),
        |dir| dir.write("dir/sub/brand-new", "x"),
        |dir| dir.rename("way", "yaw"),
        |dir| fs::hard_link(dir.join("dir/sub/log"), dir.join("hard")).expect("link"),
        unlink_another_name,
        rename_another_name,
        |dir| dir.rename("link", "knil"),
        away_and_back,
        |dir| dir.chmod("dir/sub", 0o700),
    ];
    for (row, deed) in deeds.iter().enumerate() {
        let dir = tree();
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::new(&server);
        client.tail("/dir/sub/log", &["Range: bytes=0-"]);
        assert_eq!(client.take(6), b"first ");
        let mut file = dir.open("dir/sub/log");
        deed(&dir);
        // The second round would find an end that the deed has brought about behind the first.
        for round in ["second ", "third"] {
            std::io::Write::write_all(&mut file, round.as_bytes()).expect("write");
            assert_eq!(client.take(round.len()), round.as_bytes(), "row {row}");
        }
        dir.remove("dir/sub/log");
        assert_eq!(client.rest().0, b"", "row {row}: and then it ends");
    }
}

fn unlink_another_name(dir: &TempDir) {
    fs::hard_link(dir.join("dir/sub/log"), dir.join("hard")).expect("link");
    dir.remove("hard");
}

fn rename_another_name(dir: &TempDir) {
    fs::hard_link(dir.join("dir/sub/log"), dir.join("dir/sub/hard")).expect("link");
    dir.rename("dir/sub/hard", "hard");
}

/// A rename to the very same file is nothing at all, says rename(2).
fn away_and_back(dir: &TempDir) {
    fs::hard_link(dir.join("dir/sub/log"), dir.join("hard")).expect("link");
    dir.rename("hard", "dir/sub/log");
}

#[test]
fn of_two_hard_links_only_the_followed_one_counts() {
    let dir = TempDir::with("one", "x");
    fs::hard_link(dir.join("one"), dir.join("two")).expect("link");
    let server = Server::with(&dir, &["--threads", "1"]);
    let [mut one, mut two] = ["/one", "/two"].map(|target| {
        let mut client = Client::new(&server);
        client.tail(target, &["Range: bytes=0-", "TE: trailers"]);
        assert_eq!(client.take(1), b"x");
        client
    });
    dir.append("two", "y");
    dir.remove("one");
    let (body, trailers) = one.rest();
    assert_eq!(
        (body.as_slice(), trailers[0].1.as_str()),
        (b"y".as_slice(), "unlinked")
    );
    dir.append("two", "z");
    assert_eq!(two.take(2), b"yz", "the other name goes on");
    dir.remove("two");
    assert_eq!(two.rest().0, b"");
}

#[test]
fn one_file_under_several_names_is_followed_under_each() {
    let dir = tree();
    let server = Server::with(&dir, &["--threads", "2"]);
    let mut clients: Vec<_> = (0..12)
        .map(|number| {
            let mut client = Client::new(&server);
            client.tail(
                ["/dir/sub/log", "/link", "/way/log"][number % 3],
                &["Range: bytes=0-"],
            );
            client
        })
        .collect();
    dir.remove("link");
    for (number, client) in clients
        .iter_mut()
        .enumerate()
        .filter(|(number, _)| number % 3 == 1)
    {
        assert_eq!(
            client.rest().0,
            b"first ",
            "client {number} of the link ends"
        );
    }
    dir.append("dir/sub/log", "second");
    for (number, client) in clients
        .iter_mut()
        .enumerate()
        .filter(|(number, _)| number % 3 != 1)
    {
        assert_eq!(client.take(12), b"first second", "client {number}");
    }
}

#[test]
fn the_end_comes_after_a_backlog_that_is_still_under_way() {
    let dir = TempDir::with("log", crate::support::harness::pattern(4 << 20));
    let server = Server::start(&dir);
    let mut client = Client::slow(&server);
    client.tail("/log", &["Range: bytes=0-", "TE: trailers"]);
    client.take(1);
    dir.append("log", "last");
    dir.rename("log", "away");
    let (body, trailers) = client.rest();
    assert_eq!(body.len(), (4 << 20) - 1 + 4);
    assert!(body.ends_with(b"last"));
    assert_eq!(trailers[0].1, "renamed");
}

#[test]
fn a_request_behind_a_tail_is_answered_after_its_end() {
    let dir = TempDir::with("log", "one");
    dir.write("next", "two");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let tail = request("GET", "/log", &["Range: bytes=0-"]);
    client.send(tail.clone() + &request("GET", "/next", &[]) + &request("HEAD", "/next", &[]));
    assert_eq!(client.head().status, 206);
    assert_eq!(client.take(3), b"one");
    // Also one that comes in pieces while the tail is asleep.
    client.send("GET /ne");
    dir.append("log", "!");
    assert_eq!(client.take(1), b"!");
    client.send("xt HTTP/1.1\r\nHost: localhost\r\n\r\n");
    dir.remove("log");
    assert_eq!(client.rest().0, b"");
    assert_eq!(client.response().body, b"two");
    assert_eq!(client.head().field("Content-Length"), "3");
    assert_eq!(client.response().body, b"two");
}

#[test]
fn connection_close_on_a_tail_ends_the_connection_with_it() {
    let dir = TempDir::with("log", "one");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let head = client.tail("/log", &["Range: bytes=0-", "Connection: close"]);
    assert_eq!(head.field("Connection"), "close");
    dir.remove("log");
    assert_eq!(client.rest().0, b"one");
    client.assert_closed();
}

/// A program that has the file open may write on after the seal: a slow follower is done all the same.
#[test]
fn what_is_written_to_a_sealed_file_comes_too_late() {
    let dir = TempDir::new();
    dir.write("log", pattern(16 * 1024 * 1024));
    let mut writer = fs::OpenOptions::new()
        .append(true)
        .open(dir.join("log"))
        .expect("a file");
    dir.write("other", "x");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut slow = Client::slow(&server);
    slow.tail("/log", &["Range: bytes=0-"]);
    let in_a_later_turn = || {
        for _ in 0..2 {
            assert_eq!(get(&server, "/other", &[]).status, 200);
        }
    };
    dir.chmod("log", 0o444);
    in_a_later_turn();
    writer.write_all(b"late\n").expect("a write");
    in_a_later_turn();
    let (bytes, _) = slow.rest();
    assert_eq!(bytes.len(), 16 * 1024 * 1024);
}
