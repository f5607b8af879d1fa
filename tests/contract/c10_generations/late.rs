//! Writers that keep a rolled log open: their lines belong to its generation, and reach whoever follows by event stream.

use std::fs;
use std::io::Write;

use crate::support::client::etag;
use crate::support::harness::{Server, TempDir};
use crate::support::source::Source;

#[test]
fn lines_between_those_of_the_next_file() {
    let dir = TempDir::with("log", "1\n");
    let server = Server::start(&dir);
    let mut writer = dir.open("log");
    let mut write = |text: &str| writer.write_all(text.as_bytes()).expect("write");
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1"]);
    dir.rename("log", "log.1");
    // Nothing has the name yet.
    write("2\n");
    source.expect(&["2"]);
    let place = source.id.clone();
    assert!(!place.contains('.'), "{place}");
    dir.write("log", "");
    source.expect_kind("roll");
    write("late 1\n");
    source.expect(&["late 1"]);
    // First the place in the file that has the name.
    let current = &etag(&server, "/log")[3..19];
    let id = source.id.clone();
    assert!(id.starts_with(&format!("{current}-0.")), "{id}");
    dir.append("log", "new 1\n");
    source.expect(&["new 1"]);
    write("half of ");
    dir.append("log", "new 2\n");
    source.expect(&["new 2"]);
    write("late 2\n");
    source.expect(&["half of late 2"]);
    let place = source.id.clone();
    drop(source);
    write("late 3\n");
    dir.append("log", "new 3\n");
    let mut source = Source::open(&server, "/log", Some(&place));
    assert_eq!(source.id, place);
    let mut lines = [source.next().data, source.next().data];
    lines.sort();
    assert_eq!(lines, ["late 3", "new 3"]);
    write("late 4\n");
    source.expect(&["late 4"]);
    dir.append("log", "new 4\n");
    source.expect(&["new 4"]);
    // Two generations that are written to at the same time.
    let mut second = dir.open("log");
    dir.rename("log.1", "log.2");
    dir.rename("log", "log.1");
    dir.write("log", "newer 1\n");
    source.expect_kind("roll");
    source.expect(&["newer 1"]);
    write("late 5\n");
    source.expect(&["late 5"]);
    second.write_all(b"new 5\n").expect("write");
    source.expect(&["new 5"]);
    assert_eq!(source.id.matches('.').count(), 2, "{}", source.id);
    dir.append("log", "newer 2\n");
    source.expect(&["newer 2"]);
}

/// The file keeps a name that it did not have when it was opened.
#[test]
fn after_a_roll_by_hard_link() {
    let dir = TempDir::with("log", "1\n");
    let server = Server::start(&dir);
    let mut writer = dir.open("log");
    let mut write = |text: &str| writer.write_all(text.as_bytes()).expect("write");
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1"]);
    dir.write(".new", "");
    fs::hard_link(dir.join("log"), dir.join("log.1")).expect("a link");
    dir.rename(".new", "log");
    source.expect_kind("roll");
    dir.append("log", "new 1\n");
    source.expect(&["new 1"]);
    write("late 1\n");
    source.expect(&["late 1"]);
    fs::hard_link(dir.join("log.1"), dir.join("log.2")).expect("a link");
    dir.remove("log.1");
    write("late 2\n");
    source.expect(&["late 2"]);
}

#[test]
fn of_several_files() {
    let dir = TempDir::with("a", "a1\n");
    dir.write("b", "b1\n");
    let server = Server::start(&dir);
    let mut writer = dir.open("a");
    let mut source = Source::of_directory(&server, "/?files=a,b", None);
    let mut lines = [source.next().data, source.next().data];
    lines.sort();
    assert_eq!(lines, ["a1", "b1"]);
    dir.rename("a", "a.1");
    dir.write("a", "a2\n");
    let event = source.next();
    assert_eq!(event.kind, "a/roll");
    assert_eq!(source.next().data, "a2");
    writer.write_all(b"late\n").expect("write");
    let event = source.next();
    assert_eq!((&*event.kind, &*event.data), ("a", "late"));
    let place = source.id.clone();
    drop(source);
    writer.write_all(b"later\n").expect("write");
    let mut source = Source::of_directory(&server, "/?files=a,b", Some(&place));
    assert_eq!(source.next().data, "later");
    dir.append("b", "b2\n");
    assert_eq!(source.next().data, "b2");
}

/// A stream reads on in four earlier files. What the oldest has is read before it is given up for another.
#[test]
fn more_rolls_than_late_files() {
    let dir = TempDir::with("log", "0\n");
    let server = Server::start(&dir);
    let mut writer = dir.open("log");
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["0"]);
    dir.rename("log", "log.1");
    dir.write("log", "1\n");
    source.expect_kind("roll");
    source.expect(&["1"]);
    let place = source.id.clone();
    drop(source);
    writer.write_all(b"late\n").expect("write");
    for roll in 2..9 {
        for number in (1..roll).rev() {
            dir.rename(&format!("log.{number}"), &format!("log.{}", number + 1));
        }
        dir.rename("log", "log.1");
        dir.write("log", format!("{roll}\n"));
    }
    let mut source = Source::open(&server, "/log", Some(&place));
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != "8") {
        let event = source.next();
        if event.kind.is_empty() {
            lines.push(event.data.to_string());
        }
    }
    lines.sort();
    assert_eq!(lines, ["2", "3", "4", "5", "6", "7", "8", "late"]);
}
