//! A server that was killed while it wrote: what it has left is completed or removed by the next one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::FlockOperation;

use super::{names, once, read};
use crate::support::harness::{Server, TempDir, eventually};

const NOTE: &str = "in/.openrange-append-0123456789abcdef";

/// A note that a record of `length` bytes, of which `record` was noted, was to begin at `begin` in a file.
fn note(dir: &TempDir, name: &str, begin: u64, length: usize, record: &[u8]) {
    dir.write(NOTE, noted(dir, name, begin, length, record));
}

/// The bytes of such a note.
fn noted(dir: &TempDir, name: &str, begin: u64, length: usize, record: &[u8]) -> Vec<u8> {
    let inode = dir.join(name).metadata().expect("a file").ino();
    let head = [begin, length as u64, inode].map(u64::to_le_bytes);
    [head.as_flattened(), record].concat()
}

fn notes_in(dir: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("in")).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_note = |path: &PathBuf| path.to_string_lossy().contains("/.openrange-append-");
    paths.filter(is_note).collect()
}

fn start(dir: &TempDir) -> Server {
    Server::with(dir, &["--write", "/in"])
}

#[test]
fn half_a_record_gets_its_other_half() {
    let record = format!("{}\n", "x".repeat(9000));
    let whole = format!("before\n{record}");
    let next = format!("{whole}next\n");
    for (there, noted, expected) in [
        // Cut in the record, at its beginning, and not at all.
        (&whole[..5000], &*record, &*whole),
        (&whole[..8], &record, &whole),
        (&whole[..7], &record, "before\n"),
        (&whole, &record, &whole),
        (&next, &record, &next),
        // What others have written is theirs, and half a note is none.
        ("before\nother\n", &record, "before\nother\n"),
        (&whole[..5000], &record[..100], &whole[..5000]),
        ("before\n", "", "before\n"),
    ] {
        let dir = TempDir::new();
        dir.mkdir("in");
        dir.write("in/t", there);
        note(&dir, "in/t", 7, record.len(), noted.as_bytes());
        // A roll does not matter.
        dir.rename("in/t", "in/t.1");
        let server = start(&dir);
        assert_eq!(read(&dir, "in/t.1"), expected, "{} bytes", there.len());
        assert_eq!(names(&dir, "in"), ["t.1"]);
        assert_eq!(once(&server, "POST", "/in/t.1", &[], "+").status, 204);
        assert_eq!(read(&dir, "in/t.1"), format!("{expected}+"));
    }
}

#[test]
fn of_several_notes_those_count_that_were_written_last() {
    let three = &[(0, "begin"), (5, "middle"), (11, "the end")][..];
    for (there, records, tail, expected) in [
        ("beginmiddlet", three, "", "beginmiddlethe end"),
        // Of records that are written together any may be cut, and those behind it are not there.
        ("beginmi", three, "", "beginmiddle"),
        ("beginmiddle", three, "", "beginmiddle"),
        ("", three, "", ""),
        (
            "beginmiddlet",
            &[(0, "begin"), (5, "middle"), (11, "")],
            "",
            "beginmiddlet",
        ),
        (
            "beginmiddlet",
            &[(11, "the end"), (0, "")],
            "",
            "beginmiddlet",
        ),
        (
            "beginmiddlet",
            &[(11, "that"), (0, ""), (11, "the end")],
            "",
            "beginmiddlethe end",
        ),
        // The server was killed while it wrote the next note: so it had written what the notes before say.
        (
            "beginmiddlet",
            &[(11, "the end")],
            "half of a head",
            "beginmiddlet",
        ),
    ] {
        let dir = TempDir::new();
        dir.mkdir("in");
        dir.write("in/t", there);
        let mut notes = Vec::new();
        for (begin, record) in records {
            notes.extend(noted(&dir, "in/t", *begin, record.len(), record.as_bytes()));
        }
        dir.write(NOTE, [&notes, tail.as_bytes()].concat());
        let _server = start(&dir);
        assert_eq!(read(&dir, "in/t"), expected, "{records:?} {tail}");
        assert_eq!(names(&dir, "in"), ["t"]);
    }
}

#[test]
fn whoever_appends_again_and_again_keeps_its_notes_for_a_moment() {
    let dir = TempDir::new();
    dir.mkdir("in");
    let server = start(&dir);
    let record = "r".repeat(9000);
    let append = |server: &Server| {
        let response = once(server, "POST", "/in/t", &[], &record);
        assert!(matches!(response.status, 201 | 204));
    };
    // A slow machine may be out of that moment each time.
    eventually("notes that stay", || {
        append(&server);
        !notes_in(&dir).is_empty()
    });
    // Who has removed them has not removed those of later records.
    eventually("notes again", || {
        for path in notes_in(&dir) {
            let _ = fs::remove_file(path);
        }
        append(&server);
        !notes_in(&dir).is_empty()
    });
    eventually("no notes", || notes_in(&dir).is_empty());
    eventually("notes once more", || {
        append(&server);
        !notes_in(&dir).is_empty()
    });
    let before = read(&dir, "in/t");
    assert_eq!(before.len() % record.len(), 0);
    drop(server);
    let server = start(&dir);
    assert_eq!(read(&dir, "in/t"), before);
    assert_eq!(names(&dir, "in"), ["t"]);
    // Nor does a server leave any that ends.
    for _ in 0..4 {
        append(&server);
    }
    assert!(server.stop().success());
    assert_eq!(names(&dir, "in"), ["t"]);
}

#[test]
fn the_note_of_a_server_that_lives_is_its_own() {
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.write("in/t", "be");
    note(&dir, "in/t", 0, 5, b"begin");
    let lock = dir.open(NOTE);
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).expect("a lock");
    let server = start(&dir);
    assert_eq!(read(&dir, "in/t"), "be");
    assert!(dir.join(NOTE).exists());
    assert!(server.stop().success());
    drop(lock);
    let _server = start(&dir);
    assert_eq!(read(&dir, "in/t"), "begin");
    assert_eq!(names(&dir, "in"), ["t"]);
}

#[test]
fn a_file_that_is_gone_or_was_never_there_is_no_trouble() {
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.write("in/t", "be");
    note(&dir, "in/t", 0, 5, b"begin");
    dir.write("in/other", "");
    dir.remove("in/t");
    let server = start(&dir);
    assert_eq!(names(&dir, "in"), ["other"]);
    // A record of many pages leaves no note behind.
    let large = "l".repeat(300_000);
    assert_eq!(once(&server, "POST", "/in/t", &[], &large).status, 201);
    assert_eq!(names(&dir, "in"), ["other", "t"]);
    assert_eq!(read(&dir, "in/t"), large);
}

#[test]
fn what_was_received_is_completed_too() {
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.write("in/t", "be");
    note(&dir, "in/t", 0, 6, b"begin\n");
    let _server = Server::with(&dir, &["--intake", "tcp:127.0.0.1:0=/in/t"]);
    assert_eq!(read(&dir, "in/t"), "begin\n");
    assert_eq!(names(&dir, "in"), ["t"]);
}
