//! A roll of numbered files is many renames: what a mirror that has done only some of them leaves behind is no gap.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::{Running, contents, rotate, run, unix_url, url};
use crate::support::harness::{Server, TempDir, eventually};

/// A copy, and somebody who follows it and is away most of the time.
struct Copied {
    directory: TempDir,
    home: TempDir,
}

impl Copied {
    fn new() -> Copied {
        Copied {
            directory: TempDir::new(),
            home: TempDir::new(),
        }
    }

    fn path(&self) -> &str {
        self.directory.path().to_str().expect("UTF-8")
    }

    /// Brings it up to date.
    fn mirror(&self, origin: &str) {
        let (code, _, err) = run(&["mirror", "--until-caught-up", origin, self.path()]);
        assert_eq!(code, Some(0), "{err}");
    }

    /// A server that has seen nothing, and a follower that takes its position up again: its exit code, and the lines.
    fn follow(&self) -> (Option<i32>, String) {
        let [socket, state] = ["socket", "state"].map(|name| self.home.join(name));
        let listen = format!("unix:{}", socket.display());
        let _server = Server::with(&self.directory, &["--listen", &listen, "--tags", "xattr"]);
        let log = unix_url(&socket, "/log");
        let state = state.to_str().expect("UTF-8");
        let (code, mut out, _) = run(&["follow", "--until-caught-up", "--state", state, &log]);
        // How many late bytes are here is a matter of time.
        out.retain(|letter| letter != 'x');
        (code, out)
    }

    /// Follows the first of six generations, and leaves a copy in which `log.3` is free: the mirror has moved what was there,
    /// but what is to move there waits for a megabyte. `log.1`, which is to be `log.2`, waits for that. `next`: copies of this one,
    /// with the URLs of their origins.
    fn stop_amid_a_roll(&self, root: &TempDir, origin: &str, next: &[(&Copied, &str)]) {
        root.write("log", "five\n");
        self.mirror(origin);
        assert_eq!(self.follow(), (Some(0), "five\n".into()));
        for (copied, origin) in next {
            copied.mirror(origin);
            assert_eq!(copied.follow(), (Some(0), "five\n".into()));
        }
        for line in ["four\n", "three\n", "two\n", "one\n", "zero\n"] {
            rotate(root, "log");
            root.write("log", line);
        }
        self.mirror(origin);
        for (copied, origin) in next {
            copied.mirror(origin);
        }
        root.append("log.2", "x".repeat(1_000_000));
        rotate(root, "log");
        root.write("log", "new\n");
        let mirror = Running::start(&["mirror", "--max-rate", "1000", origin, self.path()]);
        let file = |name: &str| self.directory.join(name);
        eventually(&format!("a free number; {:?}", mirror.err()), || {
            file("log.6").exists() && !file("log.3").exists()
        });
        // Dropped, it is killed.
    }
}

#[test]
fn a_number_that_a_killed_mirror_has_left_free_is_no_gap() {
    let root = TempDir::new();
    let server = Server::start(&root);
    let origin = url(&server, "/");
    let copied = Copied::new();
    copied.stop_amid_a_roll(&root, &origin, &[]);
    let lines = "four\nthree\ntwo\none\nzero\n";
    assert_eq!(copied.follow(), (Some(0), lines.into()));

    copied.mirror(&origin);
    assert!(copied.directory.join("log.3").exists());
    assert!(!copied.directory.join(".openrange-moves").exists());
    assert_eq!(copied.follow(), (Some(0), "new\n".into()));
}

/// A copy of such a copy gives the files the names that they are to have, and so does one of the log alone.
#[test]
fn copies_of_such_a_copy_have_no_free_number() {
    let root = TempDir::new();
    let server = Server::start(&root);
    let (origin, copied) = (url(&server, "/"), Copied::new());
    let middle = Server::with(&copied.directory, &["--tags", "xattr"]);
    let paths = [url(&middle, "/"), url(&middle, "/log")];
    let lasts = [Copied::new(), Copied::new()];
    let next = [(&lasts[0], &*paths[0]), (&lasts[1], &*paths[1])];
    copied.stop_amid_a_roll(&root, &origin, &next);
    let lines = "four\nthree\ntwo\none\nzero\n";
    for (last, origin) in next {
        last.mirror(origin);
        assert_eq!(last.follow(), (Some(0), lines.into()), "{origin}");
    }
    // One that is new copies all of it.
    let new = Copied::new();
    new.mirror(&paths[0]);
    for (number, line) in (1..=6).rev().zip(["five\n", "four\n", "three\n", "two\n"]) {
        let text = fs::read_to_string(new.directory.join(format!("log.{number}")));
        assert!(text.expect("a copy").starts_with(line), "{line}");
    }
    copied.mirror(&origin);
    for (last, origin) in next {
        last.mirror(origin);
        assert_eq!(last.follow(), (Some(0), "new\n".into()), "{origin}");
        assert_eq!(contents(last.directory.path()), contents(root.path()));
    }
}

#[test]
fn what_is_gone_from_such_a_copy_is_a_gap() {
    let root = TempDir::new();
    let server = Server::start(&root);
    let copied = Copied::new();
    copied.stop_amid_a_roll(&root, &url(&server, "/"), &[]);
    copied.directory.remove("log.1");
    assert_eq!(copied.follow().0, Some(3));
}

/// What is written down of a file that has another name by now, or of another file, counts for nothing.
#[test]
fn names_that_others_have_changed_say_what_they_are() {
    let copied = Copied::new();
    let root = &copied.directory;
    root.write("log", "two\n");
    copied.follow();
    rotate(root, "log");
    root.write("log", "zero\n");
    root.rename("log.1", "log.2");
    let inode = root.join("log.2").metadata().expect("a file").ino();
    let name = "log%2E2";
    for moves in [
        format!("{inode} log%2E4 log%2E1\n"),
        format!("1 {name} log%2E1\n"),
        format!("{inode} {name} log%2E1"),
        format!("nonsense\n{inode} {name} log%2E1\n"),
        format!("{inode} {name} other%2E1\n"),
    ] {
        root.write(".openrange-moves", &moves);
        assert_eq!(copied.follow().0, Some(3), "{moves}");
    }
    root.write(".openrange-moves", format!("{inode} {name} log%2E1\n"));
    assert_eq!(copied.follow(), (Some(0), "zero\n".into()));
}
