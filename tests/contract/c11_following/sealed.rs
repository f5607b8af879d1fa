//! `openrange mirror` of files that are sealed: no tail tells what becomes of them, and their copies cannot be written.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use super::{Running, contents, ends_well, rotate, url, without_privileges};
use crate::support::harness::{Server, TempDir, eventually};

/// Starts a mirror that does not wait for late writes: nothing but a seal, or a tail, tells when it lists again.
fn mirror(server: &Server, copy: &TempDir, more: &[&str]) -> Running {
    let (log, to) = (url(server, "/log"), copy.path().to_str().expect("UTF-8"));
    let mirror = Running::start(&[&["mirror", "--late", "0"], more, &[&log, to]].concat());
    mirror.says("caught up");
    mirror
}

fn has(copy: &TempDir, mirror: &Running, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
        .collect();
    let what = format!("{expected:?}, but {:?}", mirror.err());
    eventually(&what, || contents(copy.path()) == expected);
}

fn is_sealed(copy: &TempDir) {
    eventually("a seal", || {
        let found = fs::metadata(copy.join("log"));
        found.is_ok_and(|file| file.permissions().mode() & 0o222 == 0)
    });
}

#[test]
fn a_sealed_file_goes_on_and_is_rolled() {
    for sealed_before in [false, true] {
        let root = TempDir::with("log", "1\n");
        let server = Server::start(&root);
        let copy = TempDir::new();
        if sealed_before {
            root.chmod("log", 0o444);
        }
        let mirror = mirror(&server, &copy, &[]);
        has(&copy, &mirror, &[("log", "1\n")]);
        root.chmod("log", 0o444);
        is_sealed(&copy);
        root.chmod("log", 0o644);
        root.append("log", "2\n");
        has(&copy, &mirror, &[("log", "1\n2\n")]);
        root.chmod("log", 0o444);
        is_sealed(&copy);
        rotate(&root, "log");
        root.write("log", "3\n");
        has(&copy, &mirror, &[("log", "3\n"), ("log.1", "1\n2\n")]);
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

/// All of it is here: that it is gone is no gap.
#[test]
fn a_sealed_file_is_removed() {
    let root = TempDir::with("log", "1\n");
    root.chmod("log", 0o444);
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy, &["--delete"]);
    is_sealed(&copy);
    root.remove("log");
    mirror.says("404: no such file");
    root.write("log", "2\n");
    has(&copy, &mirror, &[("log", "2\n")]);
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn earlier_generations_get_other_names_and_go() {
    let root = TempDir::with("log", "1\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = mirror(&server, &copy, &["--delete"]);
    rotate(&root, "log");
    root.write("log", "2\n");
    has(&copy, &mirror, &[("log", "2\n"), ("log.1", "1\n")]);
    root.rename("log.1", "log.5");
    has(&copy, &mirror, &[("log", "2\n"), ("log.5", "1\n")]);
    root.remove("log.5");
    has(&copy, &mirror, &[("log", "2\n")]);
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// A file was written last so many seconds ago; whoever has it open may write it, also if it is sealed.
fn written(root: &TempDir, name: &str, seconds: u64) {
    let file = File::open(root.join(name)).expect("a file");
    let time = SystemTime::now() - Duration::from_secs(seconds);
    file.set_modified(time).expect("a time");
}

/// Whoever is not root cannot open a sealed copy to write it: it is compared all the same, and begins again if it must.
#[test]
fn a_sealed_copy_is_compared_also_by_those_who_may_not_write_it() {
    let root = TempDir::with("log", "a line\n");
    root.write("open", "a line\n");
    written(&root, "log", 300);
    root.chmod("log", 0o444);
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), copy.path().display().to_string());
    let once = ["mirror", "--until-caught-up", &from, &to];
    // What is written over it, and what the mirror says.
    for (text, expected) in [
        ("a line\n", ""),
        ("a line\n", ""),
        (
            "A LINE\n",
            "log was truncated or overwritten; its copy begins again",
        ),
        ("A LINE\nand more\n", ""),
        // The server knows that it was longer: it is another file.
        ("less\n", ""),
    ] {
        root.chmod("log", 0o644);
        fs::write(root.join("log"), text).expect("a file");
        root.chmod("log", 0o444);
        let Some(mirror) = without_privileges(&once) else {
            return;
        };
        let err = ends_well(mirror);
        assert_eq!(
            err.lines().count(),
            usize::from(!expected.is_empty()),
            "{err}"
        );
        assert!(err.contains(expected), "{err}");
        assert_eq!(fs::read_to_string(copy.join("log")).expect("a copy"), text);
        is_sealed(&copy);
    }
}

/// The list that shows that a file is sealed has another time than the one before: its copy is compared once more.
#[test]
fn a_copy_is_sealed_and_compared_at_once() {
    let root = TempDir::with("log", "1\n");
    written(&root, "log", 300);
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), copy.path().display().to_string());
    let Some(mirror) = without_privileges(&["mirror", &from, &to]) else {
        return;
    };
    mirror.says("caught up");
    for number in 2..4 {
        root.append("log", format!("{number}\n"));
        root.chmod("log", 0o444);
        is_sealed(&copy);
        written(&root, "log", 100 * number);
        // Whatever comes next is copied after it.
        let next = format!("next-{number}");
        root.write(&next, "a line\n");
        eventually("the next file", || {
            fs::read(copy.join(&next)).is_ok_and(|bytes| bytes == b"a line\n")
        });
        root.chmod("log", 0o644);
    }
    root.append("log", "4\n");
    eventually("what came last", || {
        fs::read(copy.join("log")).is_ok_and(|bytes| bytes == b"1\n2\n3\n4\n")
    });
    let err = mirror.err();
    assert_eq!(err.lines().count(), 1, "{err}");
    assert_eq!(mirror.stop().0.code(), Some(0));
}
