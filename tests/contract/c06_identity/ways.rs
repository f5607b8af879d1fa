//! Dates of files that are reached by way of links and directories, where others may have been before.

use crate::support::client::{get, head_of};
use crate::support::harness::{Server, TempDir, until};

/// What is asked for, and what happens after a client has got it.
type Case = (&'static str, fn(&TempDir), u16);

const CASES: &[Case] = &[
    ("/link", |_| {}, 304),
    (
        "/link",
        |dir| {
            dir.symlink("second/log", "other");
            dir.rename("other", "link");
        },
        200,
    ),
    ("/way/log", |_| {}, 304),
    (
        "/way/log",
        |dir| {
            dir.remove("way");
            dir.symlink("second", "way");
        },
        200,
    ),
    // What else happens in a directory on the way says nothing of a file.
    ("/first/log", |dir| dir.write("first/new", "new"), 304),
    (
        "/first/log",
        |dir| {
            dir.rename("first", "former");
            dir.rename("second", "first");
        },
        200,
    ),
];

/// Two files that were written in the same second, and links to the first one.
fn twins() -> TempDir {
    let dir = TempDir::new();
    dir.mkdir("first");
    dir.mkdir("second");
    dir.symlink("first/log", "link");
    dir.symlink("first", "way");
    dir.symlink("first/log", "probe");
    until("two files of the same second", || {
        dir.write("first/log", "one");
        dir.write("second/log", "two");
        let modified = |name| {
            let file = std::fs::metadata(dir.join(name));
            std::os::unix::fs::MetadataExt::mtime(&file.expect("a file"))
        };
        (modified("first/log") == modified("second/log")).then_some(())
    });
    dir
}

#[test]
fn a_date_alone_does_not_stand_for_what_a_name_led_to_before() {
    for (target, deed, status) in CASES {
        let dir = twins();
        let server = Server::start(&dir);
        let date = until("a date that proves something", || {
            let head = head_of(&server, "/probe", &[]);
            let date = format!("If-Modified-Since: {}", head.field("Last-Modified"));
            let tag = format!("If-None-Match: {}", head.field("ETag"));
            (head_of(&server, "/probe", &[&tag, &date]).status == 304).then_some(date)
        });
        // Nobody has asked for this name yet: the server remembers what it sent when the date was new.
        deed(&dir);
        let later = get(&server, target, &[&date]);
        assert_eq!(later.status, *status, "{target}");
        assert!(*status == 304 || later.body == b"two");
    }
}
