//! Events of the files of a tree: `**` in the list of files.

use std::time::Duration;

use openrange::limits::{TREE_DEPTH_MAX, TREE_DIRECTORIES_MAX};

use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::machine::skip;
use crate::support::source::{ACCEPT, Source};

/// A tree of three directories with a log in each.
fn tree() -> TempDir {
    let dir = TempDir::with("top.log", "top\n");
    dir.mkdir("a/b");
    dir.write("a/one.log", "one\n");
    dir.write("a/b/two.log", "two\n");
    dir.write("a/b/two.txt", "not meant\n");
    dir
}

/// The next events, in order of their files.
fn sorted(source: &mut Source, count: usize) -> Vec<(String, String)> {
    let events = (0..count).map(|_| source.next());
    let mut events: Vec<_> = events.map(|event| (event.kind, event.data)).collect();
    events.sort();
    events
}

fn pairs(events: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = events.iter();
    let owned = owned.map(|(kind, data)| ((*kind).to_owned(), (*data).to_owned()));
    owned.collect()
}

/// How many inodes the server watches.
fn watches(server: &Server) -> usize {
    let descriptors = std::fs::read_dir(server.running.proc("fdinfo")).expect("a /proc");
    let texts = descriptors.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    texts.map(|text| text.matches("inotify wd:").count()).sum()
}

/// A file that has got another name goes on under it. What is written at once may still come under the former one.
fn assert_goes_on(source: &mut Source, dir: &TempDir, name: &str, kind: &str) {
    let mut lines = 0;
    for round in 0.. {
        dir.append(name, format!("line {round}\n"));
        let event = loop {
            let event = source.next();
            if !event.kind.contains('/') {
                break event;
            }
        };
        assert_eq!(event.data, format!("line {round}"));
        lines += u32::from(event.kind == kind);
        if lines == 2 {
            return;
        }
    }
}

#[test]
fn files_of_all_directories_are_followed() {
    let dir = tree();
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=**/*.log", None);
    let expected = [
        ("a%2Fb%2Ftwo.log", "two"),
        ("a%2Fone.log", "one"),
        ("top.log", "top"),
    ];
    assert_eq!(sorted(&mut source, 3), pairs(&expected));
    for (name, kind) in [
        ("a/b/two.log", "a%2Fb%2Ftwo.log"),
        ("top.log", "top.log"),
        ("a/one.log", "a%2Fone.log"),
    ] {
        dir.append(name, "more\n");
        source.expect_events(&[(kind, "more")]);
    }
    // New files, and a roll.
    dir.write("a/b/new.log", "new\n");
    source.expect_events(&[("a%2Fb%2Fnew.log", "new")]);
    dir.rename("a/one.log", "a/one.old");
    dir.append_new("a/one.log", "next\n");
    source.expect_kind("a%2Fone.log/roll");
    source.expect_events(&[("a%2Fone.log", "next")]);
    // A file that moves to another directory of the tree goes on there.
    dir.rename("a/b/two.log", "a/two.log");
    assert_goes_on(&mut source, &dir, "a/two.log", "a%2Ftwo.log");
}

#[test]
fn directories_join_and_leave() {
    let dir = tree();
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=**/*.log,!old", None);
    sorted(&mut source, 3);
    // A directory that comes later, with one below it, made here or moved here.
    dir.mkdir("c/d");
    dir.write("c/d/three.log", "three\n");
    source.expect_events(&[("c%2Fd%2Fthree.log", "three")]);
    dir.append("c/d/three.log", "again\n");
    source.expect_events(&[("c%2Fd%2Fthree.log", "again")]);
    let away = TempDir::below(dir.path().parent().expect("a parent"));
    away.mkdir("e");
    away.write("e/four.log", "four\n");
    std::fs::rename(away.join("e"), dir.join("a/e")).expect("a rename");
    source.expect_events(&[("a%2Fe%2Ffour.log", "four")]);
    dir.append("a/e/four.log", "again\n");
    source.expect_events(&[("a%2Fe%2Ffour.log", "again")]);
    // One that gets another name: its file goes on.
    dir.rename("a/e", "f");
    assert_goes_on(&mut source, &dir, "f/four.log", "f%2Ffour.log");
    // One that is excluded, and one that leaves.
    dir.mkdir("old");
    dir.write("old/five.log", "never\n");
    std::fs::rename(dir.join("f"), away.join("g")).expect("a rename");
    while source.next().kind != "f%2Ffour.log/roll" {}
    away.append("g/four.log", "nobody follows it\n");
    dir.append("top.log", "last\n");
    // That an earlier name has ended may be told late.
    let last = loop {
        let event = source.next();
        if !event.kind.ends_with("/roll") {
            break event;
        }
    };
    assert_eq!((&*last.kind, &*last.data), ("top.log", "last"));
}

/// Ids are of files, wherever these are when the client comes back.
#[test]
fn a_client_goes_on_after_a_restart() {
    let dir = tree();
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=**/*.log", None);
    sorted(&mut source, 3);
    let id = source.id.clone();
    drop((source, server));
    dir.append("a/one.log", "meanwhile\n");
    dir.rename("a/b", "b");
    dir.append("b/two.log", "moved\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=**/*.log", Some(&id));
    let expected = [("a%2Fone.log", "meanwhile"), ("b%2Ftwo.log", "moved")];
    assert_eq!(sorted(&mut source, 2), pairs(&expected));
}

/// The newest of the whole tree are followed, and the other kinds of lists of the same directory go on as before.
#[test]
fn the_newest_of_the_tree_are_followed() {
    const DAY: Duration = Duration::from_secs(86_400);
    let dir = TempDir::new();
    for number in 0..40u32 {
        let name = format!("{}/{number:02}.log", number % 4);
        dir.mkdir(&(number % 4).to_string());
        dir.write(&name, format!("{number}\n"));
        dir.touch(&name, DAY * (number + 1));
    }
    dir.write("here.txt", "here\n");
    let server = Server::start(&dir);
    let mut flat = Source::of_directory(&server, "/?files=*", None);
    flat.expect_events(&[("here.txt", "here")]);
    let mut entries = Source::of_directory(&server, "/", None);
    let mut source = Source::of_directory(&server, "/?files=**/*.log", None);
    let full = source.expect_kind("/full");
    assert!(
        full.contains("\"left_out\":8,\"names\":[\"0%2F32.log\""),
        "{full}"
    );
    sorted(&mut source, 32);
    dir.append("3/39.log", "now\n");
    source.expect_kind("/full");
    source.expect_events(&[("3%2F39.log", "39"), ("3%2F39.log", "now")]);
    let list = entries.expect_kind("list");
    assert!(list.contains("\"truncated\":false"), "{list}");
    let kinds = sorted(&mut entries, 5);
    assert!(
        kinds
            .iter()
            .all(|(kind, data)| kind == "create" && !data.contains("log")),
        "{kinds:?}"
    );
    dir.append("here.txt", "more\n");
    flat.expect_events(&[("here.txt", "more")]);
    entries.expect_kind("grow");
}

/// Neither too many directories nor too deep ones are read, and the log says so.
#[test]
fn a_tree_has_bounds() {
    let dir = TempDir::with("top.log", "top\n");
    let deep = |depth: usize| "d/".repeat(depth);
    dir.mkdir(&deep(TREE_DEPTH_MAX + 1));
    let last = format!("{}last.log", deep(TREE_DEPTH_MAX));
    dir.write(&last, "last\n");
    dir.write(
        &format!("{}beyond.log", deep(TREE_DEPTH_MAX + 1)),
        "beyond\n",
    );
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=**/*.log", None);
    let mut lines = [source.next().data, source.next().data];
    lines.sort();
    assert_eq!(lines, ["last", "top"]);
    server.running.stderr.wait_for(&["leave the others out"]);
    dir.append(&last, "again\n");
    assert_eq!(source.next().data, "again");
    for number in 0..TREE_DIRECTORIES_MAX {
        dir.mkdir(&format!("d/{number}"));
    }
    dir.append("top.log", "still\n");
    source.expect_events(&[("top.log", "still")]);
}

/// Every line comes all the same where the kernel refuses watches.
#[test]
fn where_nothing_can_be_watched_a_tree_is_polled() {
    let dir = tree();
    let options = ["--threads", "1", "--poll-interval", "50"];
    let script = "echo 2 > /proc/sys/user/max_inotify_watches";
    let server = match Server::in_namespace(script, dir.path(), &options) {
        Ok(server) => server,
        Err(why) => return skip(why.trim()),
    };
    let mut source = Source::of_directory(&server, "/?files=**/*.log", None);
    sorted(&mut source, 3);
    dir.append("a/b/two.log", "more\n");
    source.expect_events(&[("a%2Fb%2Ftwo.log", "more")]);
    dir.mkdir("c");
    dir.write("c/three.log", "three\n");
    source.expect_events(&[("c%2Fthree.log", "three")]);
}

/// A symbolic link to a directory is not a part of the tree: it might lead in a circle.
#[test]
fn links_to_directories_are_left_out() {
    let dir = tree();
    dir.symlink("..", "a/b/up");
    dir.symlink("/etc", "etc");
    dir.symlink("a", "z");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=**,!*.txt", None);
    let kinds = sorted(&mut source, 3);
    assert!(
        kinds.iter().all(|(kind, _)| kind.ends_with(".log")),
        "{kinds:?}"
    );
    dir.append("a/one.log", "more\n");
    source.expect_events(&[("a%2Fone.log", "more")]);
}

/// Watches that only a tree needs go with its last stream.
#[test]
fn watches_are_only_where_they_are_needed() {
    let dir = tree();
    dir.mkdir("c/d");
    dir.mkdir("old/e");
    let server = Server::with(&dir, &["--threads", "1"]);
    let idle = watches(&server);
    let mut one = Source::of_directory(&server, "/?files=a/b/**", None);
    sorted(&mut one, 2);
    let first = watches(&server);
    // The root, two directories and two files.
    assert_eq!(first, idle + 5);
    let two = Source::of_directory(&server, "/?files=**/*.none,!old", None);
    eventually("c and c/d are watched too", || {
        watches(&server) == first + 2
    });
    drop(two);
    eventually("c and c/d are not watched any more", || {
        watches(&server) == first
    });
    drop(one);
    eventually("nothing is watched any more", || watches(&server) == idle);
}

/// What is for the workers of jobs only is not for everybody who may read above it.
#[test]
fn requests_of_jobs_are_in_no_tree_for_others() {
    let dir = tree();
    dir.mkdir("in/jobs");
    let tokens = TempDir::with("tokens", "reader / r\nwriter / rw\n");
    let tokens = tokens.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--jobs", "/in/jobs", "--token-file", &tokens]);
    let ask = |target: &str, token: &str| {
        let token = format!("Authorization: Bearer {token}");
        Client::new(&server)
            .head_of(target, &[ACCEPT, &token])
            .status
    };
    for (target, reader) in [
        ("/?files=**", 403),
        ("/in/?files=**/queue", 403),
        ("/in/jobs/?files=**", 403),
        ("/?files=in/*/*,a/**", 403),
        ("/?files=a/**", 200),
        ("/?files=**,!jobs", 200),
        ("/a/?files=**", 200),
    ] {
        assert_eq!(
            (ask(target, "reader"), ask(target, "writer")),
            (reader, 200),
            "{target}"
        );
    }
}
