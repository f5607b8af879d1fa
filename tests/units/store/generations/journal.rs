//! `--history FILE`: what is written there is known after a restart, whatever else stands in the file.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use openrange::http::conditional::ETag;
use openrange::limits::HISTORY_FILE_MAX;
use openrange::store::generations::fact::{Fact, Holder, Sighting, Truncated};
use openrange::store::generations::journal::{load, open};
use openrange::store::generations::order::Original;

use crate::support::directory::TempDir;
use crate::support::waiting::eventually;

const TITLE: &str = "openrange history 1\n";

fn sighting(file: u64) -> Sighting {
    Sighting {
        holder: Holder {
            etag: ETag(file),
            inode: 10 + file,
            size: 100 + file,
        },
        noted: (1000, 7),
    }
}

fn facts() -> Vec<Fact> {
    vec![
        Fact::Roll {
            name: b"d/a log\n"[..].into(),
            from: sighting(1),
            to: sighting(2),
        },
        Fact::Born(ETag(0xb)),
        Fact::Compressed {
            copy: ETag(0xc),
            inode: Some(12),
            original: Original {
                etag: ETag(1),
                size: 101,
                is_final: false,
            },
        },
        // As an earlier build wrote it.
        Fact::Compressed {
            copy: ETag(0xd),
            inode: None,
            original: Original {
                etag: ETag(1),
                size: 101,
                is_final: true,
            },
        },
        Fact::Truncated {
            identity: u64::MAX,
            truncated: Truncated {
                number: 4,
                before: 3,
                size: 2,
                latest: 1,
            },
        },
    ]
}

const TEXT: &str = "openrange history 1\n\
    roll d/a%20log%0A 0000000000000001 11 101 1000.000000007 0000000000000002 12 102 1000.000000007\n\
    born 000000000000000b\n\
    compressed-early 000000000000000c 0000000000000001 101 12\n\
    compressed 000000000000000d 0000000000000001 101\n\
    truncated ffffffffffffffff 4 3 2 1\n";

fn in_memory() -> (TempDir, PathBuf) {
    let dir = TempDir::in_memory();
    let path = dir.join("history");
    (dir, path)
}

#[test]
fn what_a_file_says() {
    let (_dir, path) = in_memory();
    assert_eq!(load(&path), Ok(Vec::new()), "nothing is there");
    for (text, expected) in [
        ("", Ok(Vec::new())),
        (TITLE, Ok(Vec::new())),
        (TEXT, Ok(facts())),
        // Lines that nobody can read, and one that was not written whole.
        (
            "openrange history 1\nborn 1\nfuture 7\nborn 000000000000000b\nborn 000000",
            Ok(vec![Fact::Born(ETag(0xb))]),
        ),
        ("born 000000000000000b\n", Err("it is not a history")),
        ("\n", Err("it is not a history")),
        ("openrange history 2\n", Err("it is not a history")),
    ] {
        fs::write(&path, text).expect("a file");
        match (load(&path), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (found, _) => panic!("{found:?}: {text}"),
        }
    }
    let (dir, _) = in_memory();
    let why = load(dir.path()).expect_err("a directory");
    assert!(why.contains("--history"), "{why}");
}

#[test]
fn a_file_is_begun_anew_and_then_appended_to() {
    let (dir, path) = in_memory();
    fs::write(&path, "openrange history 1\nborn 000000000000000b\nwrong\n").expect("a file");
    let (journal, sender) = open(&path, &facts()).expect("a journal");
    assert_eq!(fs::read_to_string(&path).expect("text"), TEXT);
    // Nobody else writes there meanwhile.
    let why = open(&path, &[]).map(|_| ()).expect_err("it is used");
    assert!(why.contains("another server uses it"), "{why}");
    assert_eq!(fs::read_to_string(&path).expect("text"), TEXT);
    journal.start().expect("a thread");
    for fact in facts() {
        sender.send(fact).expect("a journal");
    }
    end(sender, &path);
    let expected = [facts(), facts()].concat();
    assert_eq!(load(&path), Ok(expected));
    let beside = fs::read_dir(dir.path()).expect("a directory").count();
    assert_eq!(beside, 1);
}

/// Waits for the thread, which has the file until it has written everything.
fn end(sender: SyncSender<Fact>, path: &std::path::Path) {
    drop(sender);
    let file = fs::File::open(path).expect("a file");
    let free = rustix::fs::FlockOperation::NonBlockingLockShared;
    eventually("the journal is written", || {
        rustix::fs::flock(&file, free).is_ok()
    });
}

/// A full history takes no more, but keeps what it has.
#[test]
fn the_file_is_bounded() {
    let (_dir, path) = in_memory();
    let line = format!("{}\n", Fact::Born(ETag(7))).len() as u64;
    let (journal, sender) = open(&path, &[]).expect("a journal");
    let file = fs::OpenOptions::new().write(true).open(&path);
    let file = file.expect("a file");
    // Of two lines one fits.
    let before = HISTORY_FILE_MAX - line;
    file.set_len(before).expect("a sparse file");
    journal.start().expect("a thread");
    for _ in 0..2 {
        sender.send(Fact::Born(ETag(7))).expect("a journal");
    }
    end(sender, &path);
    assert_eq!(file.metadata().expect("a file").len(), HISTORY_FILE_MAX);
}
