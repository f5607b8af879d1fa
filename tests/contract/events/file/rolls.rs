//! The name passes to another file: everything of the old one first, then a notice, then everything of the new one.

use super::{Server, Source, TempDir, etag, thread};

/// Puts a next file into the place of the log; why its followers are told so.
type Roll = fn(&TempDir, &str) -> &'static str;

fn rename_and_create(dir: &TempDir, next: &str) -> &'static str {
    dir.rename("log", "log.1");
    dir.write("log", next);
    "renamed"
}

fn unlink_and_create(dir: &TempDir, next: &str) -> &'static str {
    dir.remove("log");
    dir.write("log", next);
    "unlinked"
}

fn rename_over(dir: &TempDir, next: &str) -> &'static str {
    dir.write("next", next);
    dir.rename("next", "log");
    "replaced"
}

const ROLLS: [Roll; 3] = [rename_and_create, unlink_and_create, rename_over];

#[test]
fn each_way_to_roll() {
    for roll in ROLLS {
        let dir = TempDir::with("log", "1\n");
        let server = Server::start(&dir);
        let mut source = Source::open(&server, "/log", None);
        source.expect(&["1"]);
        for round in 0..5 {
            dir.append("log", "2\nthe end");
            let reason = roll(&dir, "a\nb");
            source.expect(&["2"]);
            // A line that has no end and will get none.
            assert_eq!(source.expect_kind("part"), "the end");
            let notice = source.expect_kind("roll");
            let tag = etag(&server, "/log");
            // The look at the name may come between the two steps.
            let told =
                |reason: &str| notice == format!("{{\"reason\":{reason:?},\"etag\":{tag:?}}}");
            assert!(told(reason) || told("replaced"), "round {round}: {notice}");
            assert_eq!(source.offset(), 0);
            source.expect(&["a"]);
            dir.append("log", "b\n");
            source.expect(&["bb"]);
        }
    }
}

#[test]
fn a_name_that_leads_nowhere_for_a_while() {
    let dir = TempDir::with("log", "1\nhalf");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/log", None);
    source.expect(&["1"]);
    dir.remove("log");
    assert_eq!(source.expect_kind("part"), "half");
    let place = source.id.clone();
    assert_eq!(
        source.expect_kind("roll"),
        "{\"reason\":\"unlinked\",\"etag\":null}"
    );
    // No other place: there the client would go on.
    assert_eq!(source.id, place);
    dir.mkdir("log");
    dir.rename("log", "directory");
    dir.write("log", "2\n");
    let notice = source.expect_kind("roll");
    let expected = format!(
        "{{\"reason\":\"created\",\"etag\":{:?}}}",
        etag(&server, "/log")
    );
    assert_eq!(notice, expected);
    source.expect(&["2"]);
}

#[test]
fn a_directory_on_the_way_is_replaced() {
    let dir = TempDir::new();
    dir.mkdir("a");
    dir.mkdir("b");
    dir.write("a/log", "1\n");
    dir.write("b/log", "2\n");
    dir.symlink("a", "current");
    let server = Server::start(&dir);
    let mut source = Source::open(&server, "/current/log", None);
    source.expect(&["1"]);
    dir.append("a/log", "1.1\n");
    dir.symlink("b", "next");
    dir.rename("next", "current");
    source.expect(&["1.1"]);
    source.expect_kind("roll");
    source.expect(&["2"]);
    dir.append("a/log", "nobody's\n");
    dir.append("b/log", "2.1\n");
    source.expect(&["2.1"]);
}

/// Followers of a log that is rolled by somebody who waits for nobody but that each file has been reached.
#[test]
fn every_line_once_through_many_rolls() {
    const FILES: usize = 60;
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let (reached, reaches) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (server, reached) = (&server, reached.clone());
            scope.spawn(move || {
                let mut source = Source::open(server, "/log", None);
                let (mut file, mut line) = (0, 0);
                reached.send(()).expect("a writer");
                while (file, line) != (FILES - 1, 5) {
                    let event = source.next();
                    match &*event.kind {
                        "roll" if event.data.contains("null") => {}
                        "roll" => {
                            assert_eq!(line, 5, "rolled before the end of file {file}");
                            (file, line) = (file + 1, 0);
                            reached.send(()).expect("a writer");
                        }
                        _ => {
                            assert_eq!(event.data, format!("{file}.{line}"));
                            line += 1;
                        }
                    }
                }
            });
        }
        for file in 0..FILES {
            for _ in 0..4 {
                reaches
                    .recv_timeout(crate::support::harness::PATIENCE)
                    .expect("a follower");
            }
            for line in 0..4 {
                dir.append("log", format!("{file}.{line}\n"));
            }
            // The last one without its end, in every third.
            let end = if file % 3 == 0 { "" } else { "\n" };
            dir.append("log", format!("{file}.4{end}"));
            if file + 1 < FILES {
                ROLLS[file % 3](&dir, "");
            } else {
                dir.append("log", "\n");
            }
        }
    });
}
