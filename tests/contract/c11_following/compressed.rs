//! A log that is compressed as soon as it was rolled, as by logrotate with `compress` and without `delaycompress`: its writer
//! may write to it until it is unlinked, and what came last stands in no file that can be read.

use std::io::Write;

use rustix::process::Signal;

use super::{Running, contents, url};
use crate::support::harness::{Server, TempDir, eventually};

#[test]
fn what_was_written_just_before_a_rolled_log_is_unlinked() {
    let root = TempDir::with("log", "first\n");
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let follow = Running::start(&["follow", "--late", "60", &log]);
    let command = ["--linger", "0", &log, "--", "cat"];
    let command = Running::start(&[&["follow", "--late", "60"][..], &command].concat());
    let mut followers = vec![follow, command];
    let mut expected = String::from("first\n");
    for round in 0..3 {
        followers.iter().for_each(|follow| follow.has(&expected));
        let mut writer = root.open("log");
        root.rename("log", "log.1");
        root.write("log", format!("next {round}\n"));
        expected += &format!("next {round}\n");
        // They have passed on.
        followers.iter().for_each(|follow| follow.has(&expected));
        let late = format!("late {round}\nand more\n");
        writer.write_all(late.as_bytes()).expect("write");
        root.write("log.1.gz", format!("a copy of {round}"));
        root.remove("log.1");
        expected += &late;
        followers.iter().for_each(|follow| follow.has(&expected));
        // Nobody knows when a command counts as done, before which there is no tail of another file.
        followers.truncate(1);
    }
    assert_eq!(followers.remove(0).stop().0.code(), Some(0));
}

/// As soon as the copy of the next file is begun, a tail of the former one is open.
#[test]
fn a_mirror_of_one_file_has_it_too() {
    let (root, copies) = (TempDir::with("log", "first\n"), TempDir::new());
    let server = Server::start(&root);
    let directory = copies.path().to_str().expect("UTF-8");
    let mirror = Running::start(&["mirror", "--late", "60", &url(&server, "/log"), directory]);
    let has = |text: &str| {
        let copies = contents(copies.path());
        copies.iter().any(|(_, bytes)| bytes == text.as_bytes())
    };
    eventually("the copy", || has("first\n"));
    eventually("its tail", || server.log().count("GET /log: 206") > 0);
    let mut writer = root.open("log");
    root.rename("log", "log.1");
    root.write("log", "next\n");
    eventually("the next copy", || has("next\n"));
    writer.write_all(b"late\n").expect("write");
    root.write("log.1.gz", "a copy");
    root.remove("log.1");
    eventually("the late line", || has("first\nlate\n"));
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// A follower that did not run meanwhile is too late for its last line. That is a gap, and no silence.
#[test]
fn what_nobody_has_read_of_it_is_a_gap() {
    for on_gap in ["fail", "oldest"] {
        let root = TempDir::with("log", "first\n");
        let server = Server::start(&root);
        let log = url(&server, "/log");
        let follow = Running::start(&["follow", "--late", "60", "--on-gap", on_gap, &log]);
        follow.has("first\n");
        follow.signal(Signal::STOP);
        let mut writer = root.open("log");
        root.rename("log", "log.1");
        root.write("log", "next\n");
        server.log().wait_for(&["tail of /log ended: renamed"]);
        writer.write_all(b"late\n").expect("write");
        let generations = || {
            let body = server.get("/log?generations", &[]).body;
            String::from_utf8(body).expect("JSON")
        };
        eventually("its length", || generations().contains("\"size\":11"));
        root.write("log.1.gz", "a copy");
        root.remove("log.1");
        eventually("its copy", || generations().contains("\"original\""));
        follow.signal(Signal::CONT);
        follow.says("was compressed before its last 5 bytes were read");
        if on_gap == "fail" {
            assert_eq!(follow.end().0, Some(3));
        } else {
            follow.has("first\nnext\n");
            assert_eq!(follow.stop().0.code(), Some(0));
        }
    }
}
