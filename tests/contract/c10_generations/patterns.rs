//! Event streams of the files that fit a pattern: the generations of each of them whose names do not fit.

use std::collections::BTreeMap;
use std::io::Write;

use super::streams::{is_gap, roll};
use crate::support::harness::{Server, TempDir};
use crate::support::source::Source;

/// Of each file what its events say, until `count` have come: its lines, and `|` for a roll, `!` for one with a gap.
fn told(source: &mut Source, count: usize) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for _ in 0..count {
        let event = source.next();
        let (name, kind) = event.kind.split_once('/').unwrap_or((&event.kind, ""));
        let mark = match kind {
            "" | "part" => event.data.clone(),
            "roll" if is_gap(&event.data) => "!".to_owned(),
            "roll" => "|".to_owned(),
            _ => panic!("{event:?}"),
        };
        told.entry(name.to_owned()).or_default().push(mark);
    }
    told
}

fn expected<const N: usize>(files: [(&str, &[&str]); N]) -> BTreeMap<String, Vec<String>> {
    let lines = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
    files
        .map(|(name, all)| (name.to_owned(), lines(all)))
        .into()
}

#[test]
fn away_over_several_rolls() {
    for restart in [false, true] {
        let dir = TempDir::with("a.log", "a1\n");
        dir.write("b.log", "b1\n");
        let mut server = Server::start(&dir);
        let mut source = Source::of_directory(&server, "/?files=*.log", None);
        assert_eq!(
            told(&mut source, 2),
            expected([("a.log", &["a1"]), ("b.log", &["b1"])])
        );
        let place = source.id.clone();
        drop(source);
        if restart {
            drop(server);
        }
        dir.append("a.log", "a2\na3");
        for line in ["a4\n", "a5\n"] {
            roll(&dir, "a.log");
            dir.write("a.log", line);
        }
        dir.append("b.log", "b2\n");
        server = Server::start(&dir);
        let mut source = Source::of_directory(&server, "/?files=*.log", Some(&place));
        assert_eq!(
            told(&mut source, 7),
            expected([
                ("a.log", &["a2", "a3", "|", "a4", "|", "a5"]),
                ("b.log", &["b2"])
            ])
        );
        dir.append("a.log", "a6\n");
        source.expect_events(&[("a.log", "a6")]);
    }
}

#[test]
fn rolled_and_not_created_yet() {
    let dir = TempDir::with("a.log", "1\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=*.log", None);
    source.expect_events(&[("a.log", "1")]);
    let place = source.id.clone();
    drop(source);
    dir.append("a.log", "2\n");
    roll(&dir, "a.log");
    dir.write("b.log", "other\n");
    let mut source = Source::of_directory(&server, "/?files=*.log", Some(&place));
    source.expect_events(&[("b.log", "other")]);
    // A client may come and go meanwhile.
    let place = source.id.clone();
    drop(source);
    let mut source = Source::of_directory(&server, "/?files=*.log", Some(&place));
    dir.write("a.log", "3\n");
    assert_eq!(
        told(&mut source, 3),
        expected([("a.log", &["2", "|", "3"])])
    );
}

#[test]
fn what_is_gone_is_told() {
    for (pattern, kept) in [("*.log", false), ("*.log", true), ("*.log*", false)] {
        let dir = TempDir::with("a.log", "1\n");
        let server = Server::start(&dir);
        let target = format!("/?files={pattern}");
        let mut source = Source::of_directory(&server, &target, None);
        source.expect_events(&[("a.log", "1")]);
        let place = source.id.clone();
        drop((source, server));
        dir.append("a.log", "2\n");
        for line in ["3\n", "4\n"] {
            roll(&dir, "a.log");
            dir.write("a.log", line);
        }
        // The file that the client knows, and perhaps all that were rolled.
        dir.remove("a.log.2");
        if !kept && pattern == "*.log" {
            dir.remove("a.log.1");
        }
        let server = Server::start(&dir);
        let mut source = Source::of_directory(&server, &target, Some(&place));
        let all = match (pattern, kept) {
            ("*.log*", _) => expected([("a.log", &["!", "4"]), ("a.log.1", &["3"])]),
            (_, true) => expected([("a.log", &["!", "3", "|", "4"])]),
            (_, false) => expected([("a.log", &["!", "4"])]),
        };
        let count = all.values().map(Vec::len).sum();
        assert_eq!(told(&mut source, count), all, "{pattern} {kept}");
    }
}

#[test]
fn slow_over_two_rolls() {
    let line = format!("{}\n", "x".repeat(200));
    let dir = TempDir::with("a.log", line.repeat(50_000));
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=*.log", None);
    let mut other = Source::of_directory(&server, "/?files=*.log&from=end", None);
    // They have begun.
    assert_eq!(source.next().data.len(), 200);
    other.block();
    dir.append("a.log", "last\n");
    other.expect_events(&[("a.log", "last")]);
    for line in ["B\n", "C\n"] {
        roll(&dir, "a.log");
        dir.write("a.log", line);
        // Those who have caught up have it.
        assert_eq!(
            told(&mut other, 2),
            expected([("a.log", &["|", line.trim_end()])])
        );
    }
    for _ in 1..50_000 {
        assert_eq!(source.next().data.len(), 200);
    }
    assert_eq!(
        told(&mut source, 5),
        expected([("a.log", &["last", "|", "B", "|", "C"])])
    );
}

/// A writer keeps a rolled log open, and nothing has the name for a while.
#[test]
fn late_lines() {
    for (pattern, rolled) in [("*.log", "a.log"), ("*.log*", "a.log.1")] {
        let dir = TempDir::with("a.log", "1\n");
        let server = Server::start(&dir);
        let mut writer = dir.open("a.log");
        let target = format!("/?files={pattern}");
        let mut source = Source::of_directory(&server, &target, None);
        source.expect_events(&[("a.log", "1")]);
        roll(&dir, "a.log");
        writer.write_all(b"2\n").expect("write");
        // By the name that the client knows, or by that which it has now: once.
        let event = source.next();
        assert_eq!(event.data, "2", "{event:?}");
        dir.write("a.log", "new\n");
        while source.next().data != "new" {}
        writer.write_all(b"3\n").expect("write");
        source.expect_events(&[(rolled, "3")]);
        let place = source.id.clone();
        drop(source);
        writer.write_all(b"4\n").expect("write");
        let mut source = Source::of_directory(&server, &target, Some(&place));
        source.expect_events(&[(rolled, "4")]);
        dir.append("a.log", "newer\n");
        source.expect_events(&[("a.log", "newer")]);
    }
}

/// How a client misses two rolls.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Misses {
    /// Both come between two looks of the server.
    Connected,
    Away,
    /// The server starts again, and knows only what it finds.
    AwayOverRestart,
}

/// A rolled file has no name that fits, then one that does, while the name that it had first has others.
#[test]
fn leaves_the_pattern_and_fits_again() {
    for misses in [Misses::Connected, Misses::Away, Misses::AwayOverRestart] {
        for (pattern, lost) in [("*,!*.1", false), ("*,!*.1", true), ("*.log,*.2", false)] {
            if misses == Misses::Connected && lost {
                continue;
            }
            let dir = TempDir::with("b.log", "0\n");
            let server = Server::start(&dir);
            let target = format!("/?files={pattern}");
            let mut source = Source::of_directory(&server, &target, None);
            source.expect_events(&[("b.log", "0")]);
            roll(&dir, "b.log");
            dir.write("b.log", "1\n");
            assert_eq!(told(&mut source, 2), expected([("b.log", &["|", "1"])]));
            let place = source.id.clone();
            let mut connected = Some(source).filter(|_| misses == Misses::Connected);
            let mut server = Some(server).filter(|_| misses != Misses::AwayOverRestart);
            if connected.is_some() {
                server.iter().for_each(Server::freeze);
            }
            for line in ["2\n", "3\n"] {
                roll(&dir, "b.log");
                dir.write("b.log", line);
            }
            if lost {
                dir.remove("b.log.1");
            }
            let server = server.get_or_insert_with(|| Server::start(&dir));
            if connected.is_some() {
                server.thaw();
            }
            let mut source = connected
                .take()
                .unwrap_or_else(|| Source::of_directory(server, &target, Some(&place)));
            let all: &[&str] = if lost {
                &["!", "3"]
            } else {
                &["|", "2", "|", "3"]
            };
            let events = told(&mut source, all.len());
            assert_eq!(events, expected([("b.log", all)]), "{pattern} {misses:?}");
            // It goes on in both.
            dir.append("b.log.2", "late\n");
            let event = source.next();
            assert_eq!(event.data, "late", "{event:?}");
            dir.append("b.log", "4\n");
            source.expect_events(&[("b.log", "4")]);
        }
    }
}

/// The server looks at the directory again when the client has taken what it had, and both rolls are over.
#[test]
fn leaves_the_pattern_and_fits_again_while_the_client_is_slow() {
    for pattern in ["*,!*.1", "*.log,*.2"] {
        let line = format!("{}\n", "x".repeat(200));
        let dir = TempDir::with("b.log", line.repeat(50_000));
        let server = Server::start(&dir);
        let mut source = Source::of_directory(&server, &format!("/?files={pattern}"), None);
        assert_eq!(source.next().data.len(), 200);
        for line in ["1\n", "2\n"] {
            roll(&dir, "b.log");
            dir.write("b.log", line);
        }
        for _ in 1..50_000 {
            assert_eq!(source.next().data.len(), 200);
        }
        let all = expected([("b.log", &["|", "1", "|", "2"])]);
        assert_eq!(told(&mut source, 4), all, "{pattern}");
    }
}
