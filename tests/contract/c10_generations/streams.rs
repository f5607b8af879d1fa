//! Event streams of readers who were away, or slow, while a log was rolled.

use std::fs;

use crate::support::harness::{Server, TempDir};
use crate::support::machine::{is_root, skip};
use crate::support::source::Source;

/// As logrotate does: the oldest first.
pub fn roll(dir: &TempDir, name: &str) {
    for number in (1..9).rev() {
        let from = format!("{name}.{number}");
        if dir.join(&from).exists() {
            dir.rename(&from, &format!("{name}.{}", number + 1));
        }
    }
    dir.rename(name, &format!("{name}.1"));
}

pub fn is_gap(notice: &str) -> bool {
    notice.contains("\"gap\":true")
}

#[test]
fn away_over_several_rolls() {
    for threads in ["1", "3"] {
        let dir = TempDir::with("log", "1\n2\n");
        let server = Server::with(&dir, &["--threads", threads]);
        let mut source = Source::open(&server, "/log", None);
        source.expect(&["1", "2"]);
        let place = source.id.clone();
        drop(source);
        dir.append("log", "3\n4");
        for file in 0..3 {
            roll(&dir, "log");
            dir.write("log", format!("{file}.1\n{file}.2\n"));
        }
        let mut source = Source::open(&server, "/log", Some(&place));
        assert_eq!(source.id, place);
        source.expect(&["3"]);
        assert_eq!(source.expect_kind("part"), "4");
        for file in 0..3 {
            let notice = source.expect_kind("roll");
            assert!(notice.contains("renamed") && !is_gap(&notice), "{notice}");
            source.expect(&[&format!("{file}.1"), &format!("{file}.2")]);
        }
        dir.append("log", "live\n");
        source.expect(&["live"]);
    }
}

#[test]
fn over_a_restart_and_two_rolls() {
    let dir = TempDir::with("log", "1\n");
    dir.write("log.1", "older\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1"]);
    let place = source.id.clone();
    drop((source, server));
    dir.append("log", "2\n");
    roll(&dir, "log");
    dir.write("log", "3\n");
    roll(&dir, "log");
    dir.write("log", "4\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", Some(&place));
    source.expect(&["2"]);
    for line in ["3", "4"] {
        assert!(!is_gap(&source.expect_kind("roll")));
        source.expect(&[line]);
    }
}

#[test]
fn what_is_gone_is_told() {
    let dir = TempDir::with("log", "1\n");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1"]);
    let place = source.id.clone();
    drop(source);
    for line in ["2", "3", "4"] {
        roll(&dir, "log");
        dir.write("log", format!("{line}\n"));
    }
    // One in between.
    dir.remove("log.2");
    let mut source = Source::open(&server, "/log", Some(&place));
    assert!(is_gap(&source.expect_kind("roll")));
    source.expect(&["3"]);
    assert!(!is_gap(&source.expect_kind("roll")));
    source.expect(&["4"]);
    // Only a compressed copy.
    fs::write(dir.join("log.1.gz"), "compressed").expect("a copy");
    dir.remove("log.1");
    let mut source = Source::open(&server, "/log", Some(&place));
    assert!(is_gap(&source.expect_kind("roll")));
    source.expect(&["4"]);
    // Everything before the oldest one that is kept.
    dir.remove("log.3");
    dir.append("log", "5\n");
    let stranger = "0123456789abcdef-2";
    let mut source = Source::open(&server, "/log", Some(stranger));
    assert!(is_gap(&source.expect_kind("roll")));
    source.expect(&["4", "5"]);
}

#[test]
fn slow_over_two_rolls() {
    let line = format!("{}\n", "x".repeat(200));
    let dir = TempDir::with("log", line.repeat(50_000));
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    roll(&dir, "log");
    dir.write("log", "B\n");
    // Those who have caught up have it.
    let mut other = Source::open(&server, "/log", None);
    other.expect(&["B"]);
    roll(&dir, "log");
    dir.write("log", "C\n");
    assert!(!is_gap(&other.expect_kind("roll")));
    other.expect(&["C"]);
    for _ in 0..50_000 {
        assert_eq!(source.next().data.len(), 200);
    }
    for last in ["B", "C"] {
        assert!(!is_gap(&source.expect_kind("roll")));
        source.expect(&[last]);
    }
}

/// What the server may not read is lost, and the rest comes.
#[test]
fn what_is_unreadable_is_told() {
    if !is_root() {
        return skip("only root can make the server another user");
    }
    for target in ["/log", "/?files=log", "/?files=l*g"] {
        for between in [false, true] {
            let dir = TempDir::with("log", "1\n");
            let server = Server::with(&dir, &["--user", "65534:65534"]);
            let open = |last: Option<&str>| match target {
                "/log" => Source::open(&server, target, last),
                _ => Source::of_directory(&server, target, last),
            };
            let mut source = open(None);
            assert_eq!(source.next().data, "1");
            let place = source.id.clone();
            drop(source);
            if between {
                roll(&dir, "log");
                dir.write("log", "");
            }
            dir.append("log", "lost\n");
            dir.chmod("log", 0o600);
            roll(&dir, "log");
            dir.write("log", "2\n");
            let mut source = open(Some(&place));
            let notice = source.next();
            assert!(is_gap(&notice.data), "{target} {between}: {notice:?}");
            assert_eq!(source.next().data, "2");
            dir.append("log", "live\n");
            assert_eq!(source.next().data, "live");
        }
    }
}

/// Each file of a list.
#[test]
fn several_files() {
    let dir = TempDir::with("a", "a1\n");
    dir.write("b", "b1\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a,b", None);
    let mut first: Vec<String> = (0..2).map(|_| source.next().data).collect();
    first.sort();
    assert_eq!(first, ["a1", "b1"]);
    let place = source.id.clone();
    drop(source);
    for name in ["a", "b"] {
        dir.append(name, format!("{name}2\n"));
        for roll_number in 3..5 {
            roll(&dir, name);
            dir.write(name, format!("{name}{roll_number}\n"));
        }
    }
    let mut source = Source::of_directory(&server, "/?files=a,b", Some(&place));
    let mut got = [Vec::new(), Vec::new()];
    while got.iter().any(|lines| lines.len() < 5) {
        let event = source.next();
        let index = usize::from(!event.kind.starts_with('a'));
        let is_roll = event.kind.ends_with("/roll");
        assert!(!is_gap(&event.data), "{event:?}");
        got[index].push(if is_roll { "roll".into() } else { event.data });
    }
    for (name, got) in ["a", "b"].iter().zip(got) {
        let line = |number| format!("{name}{number}");
        let expected = [line(2), "roll".into(), line(3), "roll".into(), line(4)];
        assert_eq!(got, expected);
    }
}
