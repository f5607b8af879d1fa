//! `openrange mirror` of one file that is sealed: no tail tells what becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Running, contents, rotate, url};
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
