//! Events of several files over one connection.

use super::harness::{Server, TempDir};
use super::source::Source;

/// Lines of whatever files, up to this one.
fn lines_until(source: &mut Source, last: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != last) {
        let event = source.next();
        println!("{event:?}");
        if !event.kind.contains('/') {
            lines.push(event.data);
        }
    }
    lines
}

/// Each of these once, in whatever order the files come.
fn assert_once(mut lines: Vec<String>, rounds: usize) {
    lines.sort();
    let mut expected: Vec<String> = (0..rounds).map(|round| format!("line {round}")).collect();
    expected.push("end".to_owned());
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn several_files_of_a_directory() {
    let dir = TempDir::with("a.log", "1\n2\n");
    dir.write("b.log", "one\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log,b.log", None);
    source.expect_events(&[("a.log", "1"), ("a.log", "2"), ("b.log", "one")]);
    dir.append("b.log", "two\n");
    source.expect_events(&[("b.log", "two")]);
    dir.append("a.log", "3\n");
    source.expect_events(&[("a.log", "3")]);
}

const ROUNDS: usize = 12;

/// Renamed as soon as its line was seen, sooner than the directory is looked at again.
#[test]
fn a_rotation_within_a_pattern_repeats_nothing() {
    let dir = TempDir::with("a.log", "line 0\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log*", None);
    let mut lines = lines_until(&mut source, "line 0");
    for round in 1..ROUNDS {
        dir.rename("a.log", &format!("a.log.{round}"));
        dir.append_new("a.log", format!("line {round}\n"));
        lines.extend(lines_until(&mut source, &format!("line {round}")));
    }
    dir.write("a.log.end", "end\n");
    lines.extend(lines_until(&mut source, "end"));
    assert_once(lines, ROUNDS);
}

/// a.log.1 to a.log.2, a.log to a.log.1, a new a.log, and each time the directory has been looked at before.
#[test]
fn a_cascade_within_a_pattern_repeats_nothing() {
    let dir = TempDir::with("a.log", "line 0\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log*", None);
    let mut lines = lines_until(&mut source, "line 0");
    for round in 1..ROUNDS {
        for old in (1..round).rev() {
            dir.rename(&format!("a.log.{old}"), &format!("a.log.{}", old + 1));
        }
        dir.rename("a.log", "a.log.1");
        dir.append_new("a.log", format!("line {round}\n"));
        lines.extend(lines_until(&mut source, &format!("line {round}")));
        // As soon as this one is followed, everything has been looked at.
        dir.write("a.log.mark", format!("mark {round}\n"));
        lines.extend(lines_until(&mut source, &format!("mark {round}")));
        dir.rename("a.log.mark", &format!("old mark {round}"));
    }
    dir.write("a.log.end", "end\n");
    lines.extend(lines_until(&mut source, "end"));
    lines.retain(|line| !line.starts_with("mark"));
    assert_once(lines, ROUNDS);
}

/// The client comes again behind each line, and the files have other names by then.
#[test]
fn an_id_holds_for_a_file_whatever_its_name_is_then() {
    let dir = TempDir::with("a.log", "line 0\n");
    let server = Server::start(&dir);
    let mut lines = Vec::new();
    let mut id: Option<String> = None;
    for round in 0..ROUNDS {
        let mut source = Source::of_directory(&server, "/?files=a.log*", id.as_deref());
        lines.extend(lines_until(&mut source, &format!("line {round}")));
        id = Some(source.id.clone());
        drop(source);
        dir.rename("a.log", &format!("a.log.{round}"));
        dir.append_new("a.log", format!("line {}\n", round + 1));
    }
    dir.write("a.log.end", "end\n");
    let mut source = Source::of_directory(&server, "/?files=a.log*", id.as_deref());
    lines.extend(lines_until(&mut source, "end"));
    assert_once(lines, ROUNDS + 1);
}
