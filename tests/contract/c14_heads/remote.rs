//! Files that other machines change, on a file system that says of them what network file systems say: sizes that come
//! before the bytes or go back, names that change before the last bytes come, numbers that pass to other files.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::client::Ending;
use crate::support::directory::TempDir;
use crate::support::fuse::Fuse;
use crate::support::machine::{in_namespace, skip};
use crate::support::tail::{End, Tail};
use crate::support::waiting::eventually;

use super::head::Head;

const BEGIN: &[u8] = b"the first line of this log, long enough to be known again by its bytes\n";
const MORE: &[u8] = b"one more line\n";
const OPTIONS: [&str; 4] = ["--threads", "1", "--poll-interval", "50"];

/// A mounted directory of a server, where it can be had.
fn with_mount(test: &str, body: impl FnOnce(&TempDir, &Fuse)) {
    in_namespace(module_path!(), test, || {
        let root = TempDir::new();
        root.mkdir("mounted");
        match Fuse::mount(&root.join("mounted")) {
            Ok(fuse) => body(&root, &fuse),
            Err(error) => skip(&format!("no FUSE: {error}")),
        }
    });
}

fn written(fuse: &Fuse) -> Vec<u8> {
    fuse.state().file("log").bytes.clone()
}

fn append(fuse: &Fuse, bytes: &[u8]) {
    fuse.state().file("log").bytes.extend(bytes);
}

fn assert_has(tail: &mut Tail, bytes: &[u8]) {
    tail.wait_for(bytes.len());
    assert_eq!(tail.body, bytes);
}

/// Waits until the server has looked at files so many more times than now.
fn looked_at(server: &Head, times: u64) {
    let looks = || server.metric("openrange_remote_looks_total");
    let enough = looks() + times;
    eventually("looks", || looks() >= enough);
}

/// What is announced and not there is not sent, also not as zeros, and comes when it is there.
#[test]
fn a_size_before_its_data() {
    with_mount("a_size_before_its_data", |root, fuse| {
        fuse.state().create("log", BEGIN);
        fuse.state().create("empty", b"");
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        let mut empty = server.tail("/mounted/empty", 0);
        assert_has(&mut tail, BEGIN);
        for announced in [1, 100, 5_000, 1_000_000, 10_000_000_000] {
            let before = written(fuse);
            for name in ["log", "empty"] {
                let mut state = fuse.state();
                let file = state.file(name);
                file.announced = Some(file.bytes.len() as u64 + announced);
            }
            looked_at(&server, 4);
            // Others have old pages in the memory of this kernel.
            let pages = std::fs::read(root.join("mounted/log"));
            assert!(announced > 1_000_000 || pages.is_ok());
            let whole = server.get("/mounted/log", &[]);
            assert_eq!((whole.status, &whole.body), (200, &before), "{announced}");
            let part = server.get("/mounted/log", &["Range: bytes=5-99999999"]);
            assert_eq!((part.status, &part.body[..]), (206, &before[5..]));
            assert_eq!(tail.body, before, "{announced}");
            for name in ["log", "empty"] {
                let mut state = fuse.state();
                let file = state.file(name);
                file.bytes.extend(MORE);
                file.announced = None;
            }
            assert_has(&mut tail, &[&before, MORE].concat());
            let body = empty.body.len() + MORE.len();
            empty.wait_for(body);
            assert!(!empty.body.contains(&0));
        }
    });
}

/// Somebody else who looks at the file all the time makes the kernel believe in the size, and give zeros.
#[test]
fn a_size_before_its_data_that_others_look_at() {
    with_mount(
        "a_size_before_its_data_that_others_look_at",
        |root, fuse| {
            fuse.state().create("log", BEGIN);
            let server = Head::start(root.path(), &OPTIONS);
            let mut tail = server.tail("/mounted/log", 0);
            assert_has(&mut tail, BEGIN);
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        let _ = std::fs::metadata(root.join("mounted/log"));
                    }
                });
                for announced in [100, 5_000, 1_000_000] {
                    let before = written(fuse);
                    let size = before.len() as u64 + announced;
                    fuse.state().file("log").announced = Some(size);
                    looked_at(&server, 4);
                    let whole = server.get("/mounted/log", &[]);
                    let mut state = fuse.state();
                    let file = state.file("log");
                    file.bytes.extend(MORE);
                    file.announced = None;
                    drop(state);
                    if (whole.status, &whole.body) != (200, &before) {
                        over.store(true, Ordering::Relaxed);
                        panic!("{announced}: {} bytes", whole.body.len());
                    }
                    tail.wait_for(before.len() + MORE.len());
                }
                over.store(true, Ordering::Relaxed);
            });
            assert_eq!(tail.body, written(fuse));
        },
    );
}

/// Zeros that somebody has written come all the same.
#[test]
fn zeros_that_are_there() {
    with_mount("zeros_that_are_there", |root, fuse| {
        fuse.state().create("log", BEGIN);
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        assert_has(&mut tail, BEGIN);
        append(
            fuse,
            &[b"zeros: ", &[0; 20_000][..], b"!", &[0; 7]].concat(),
        );
        let expected = written(fuse);
        assert_has(&mut tail, &expected);
        assert_eq!(server.get("/mounted/log", &[]).body, expected);
        append(fuse, MORE);
        assert_has(&mut tail, &written(fuse));
    });
}

/// A size that goes back for a moment is an old answer; one that stays is a truncation.
#[test]
fn a_size_that_goes_back() {
    with_mount("a_size_that_goes_back", |root, fuse| {
        fuse.state().create("log", BEGIN);
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        assert_has(&mut tail, BEGIN);
        append(fuse, MORE);
        let before = written(fuse);
        assert_has(&mut tail, &before);
        fuse.state().file("log").announced = Some(3);
        looked_at(&server, 4);
        assert!(server.metric("openrange_remote_second_looks_total") > 0);
        append(fuse, MORE);
        fuse.state().file("log").announced = None;
        assert_has(&mut tail, &[&before, MORE].concat());
        let tag = tail.head.etag().to_owned();
        assert_eq!(server.get("/mounted/log", &[]).etag(), tag);
        fuse.state().file("log").bytes.truncate(3);
        assert_eq!(*tail.end(), End::Cut);
        assert_ne!(server.get("/mounted/log", &[]).etag(), tag);
    });
}

/// Something else was written where the follower has read already, and no look has shown that the file was shorter between.
#[test]
fn bytes_that_are_others_by_now() {
    with_mount("bytes_that_are_others_by_now", |root, fuse| {
        fuse.state().create("log", &[BEGIN, MORE].concat());
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        let before = written(fuse);
        assert_has(&mut tail, &before);
        let other = [BEGIN, b"SOMETHING ELSE", MORE, MORE].concat();
        fuse.state().file("log").bytes = other;
        assert_eq!(*tail.end(), End::Cut);
        assert_eq!(tail.body, before, "bytes of the other");
    });
}

/// The number of the file passes to another one, which is longer.
#[test]
fn another_file_under_the_same_number() {
    with_mount("another_file_under_the_same_number", |root, fuse| {
        fuse.state().create("log", BEGIN);
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        assert_has(&mut tail, BEGIN);
        let tag = tail.head.etag().to_owned();
        let other = [b"another file: ", BEGIN, MORE].concat();
        fuse.state().file("log").bytes = other.clone();
        assert_eq!(*tail.end(), End::Cut);
        assert_eq!(tail.body, BEGIN, "bytes of the other");
        let resumed = format!("If-Match: {tag}");
        let resumed = server.get("/mounted/log", &["Range: bytes=5-", &resumed]);
        assert_eq!(resumed.status, 412);
        assert_eq!(server.get("/mounted/log", &[]).body, other);
    });
}

/// Bytes that come after the name has gone belong to the file, and come before the end.
#[test]
fn the_last_bytes_after_a_rename() {
    the_last_bytes_after("the_last_bytes_after_a_rename", "renamed");
}

#[test]
fn the_last_bytes_after_an_unlink() {
    the_last_bytes_after("the_last_bytes_after_an_unlink", "unlinked");
}

#[test]
fn the_last_bytes_after_a_replacement() {
    the_last_bytes_after("the_last_bytes_after_a_replacement", "replaced");
}

fn the_last_bytes_after(test: &str, gone: &str) {
    with_mount(test, |root, fuse| {
        fuse.state().create("log", BEGIN);
        let settle = ["--settle", "1500"];
        let options = [&OPTIONS[..], &settle].concat();
        let server = Head::start(root.path(), &options);
        let mut tail = server.tail("/mounted/log", 0);
        assert_has(&mut tail, BEGIN);
        let inode = {
            let mut state = fuse.state();
            let inode = state.names.remove("log").expect("a log");
            match gone {
                "unlinked" => state.file_of(inode).links = 0,
                "replaced" => {
                    state.file_of(inode).links = 0;
                    state.create("log", b"the next file\n");
                }
                _ => {}
            }
            inode
        };
        eventually("the name is seen to be gone", || {
            server.metric("openrange_late_ends_total") > 0
        });
        // Whoever comes now gets the next file, or none.
        let next = server.get("/mounted/log", &[]);
        assert_eq!(next.status, if gone == "replaced" { 200 } else { 404 });
        fuse.state().file_of(inode).bytes.extend(MORE);
        tail.wait_for(BEGIN.len() + MORE.len());
        fuse.state().file_of(inode).bytes.extend(MORE);
        assert_eq!(*tail.end(), End::Complete(gone.into()));
        assert_eq!(tail.body, [BEGIN, MORE, MORE].concat());
    });
}

/// Whichever of the looks at a name it is before which another file takes it: the end is that, and not a broken file.
#[test]
fn a_name_that_passes_on_between_two_looks() {
    with_mount("a_name_that_passes_on_between_two_looks", |root, fuse| {
        let options = [&OPTIONS[..], &["--settle", "0"]].concat();
        let server = Head::start(root.path(), &options);
        for looks in 0..16 {
            fuse.state().create("log", BEGIN);
            let mut tail = server.tail("/mounted/log", 0);
            assert_has(&mut tail, BEGIN);
            fuse.state().replaced = Some((looks, "log", b"another file\n".into()));
            let end = End::Complete("replaced".into());
            assert_eq!(*tail.end(), end, "before look {looks}");
        }
    });
}

/// A name that was gone for a moment is no end.
#[test]
fn a_name_that_comes_back() {
    with_mount("a_name_that_comes_back", |root, fuse| {
        fuse.state().create("log", BEGIN);
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        assert_has(&mut tail, BEGIN);
        let inode = fuse.state().names.remove("log").expect("a log");
        eventually("the name is seen to be gone", || {
            server.metric("openrange_late_ends_total") > 0
        });
        fuse.state().names.insert("log", inode);
        // Nothing tells of an end that does not come: it would come within two seconds.
        std::thread::sleep(Duration::from_millis(2500));
        append(fuse, MORE);
        assert_has(&mut tail, &[BEGIN, MORE].concat());
    });
}

/// Bytes that were promised and are gone for a moment.
#[test]
fn promised_bytes_are_waited_for() {
    const BIG: usize = 24 << 20;
    with_mount("promised_bytes_are_waited_for", |root, fuse| {
        let bytes: Vec<u8> = (0..BIG).map(|at| (at % 251) as u8 + 1).collect();
        fuse.state().create("log", &bytes);
        let server = Head::start(root.path(), &OPTIONS);
        for range in ["none", "bytes=0-"] {
            let mut client = server.connect();
            client.ask("GET", "/mounted/log", &[]);
            let head = (range == "none").then(|| client.head());
            let mut tail = (range != "none").then(|| server.tail("/mounted/log", 0));
            {
                let mut state = fuse.state();
                let file = state.file("log");
                file.announced = Some(BIG as u64);
                file.bytes.truncate(BIG / 2);
            }
            // Nothing tells that the server waits for them. If it has not met the gap yet, nothing is shown, and nothing fails.
            std::thread::sleep(Duration::from_millis(300));
            {
                let mut state = fuse.state();
                let file = state.file("log");
                (file.announced, file.bytes) = (None, bytes.clone());
            }
            match &mut tail {
                None => {
                    assert_eq!(head.expect("a head").status, 200);
                    assert!(client.take(BIG) == bytes);
                }
                Some(tail) => {
                    tail.wait_for(BIG);
                    assert!(tail.body == bytes);
                }
            }
        }
        // They do not come again.
        let mut client = server.connect();
        client.ask("GET", "/mounted/log", &[]);
        client.head();
        {
            let mut state = fuse.state();
            let file = state.file("log");
            file.announced = Some(BIG as u64);
            file.bytes.truncate(BIG / 2);
        }
        let (body, ending) = client.until_end();
        assert_eq!(ending, Ending::Reset);
        assert!(body.len() < BIG + 1000);
    });
}

/// Another machine has removed the file, and with it its bytes.
#[test]
fn a_stale_file_is_called_so() {
    with_mount("a_stale_file_is_called_so", |root, fuse| {
        fuse.state().create("log", BEGIN);
        let server = Head::start(root.path(), &OPTIONS);
        let mut tail = server.tail("/mounted/log", 0);
        assert_has(&mut tail, BEGIN);
        fuse.state().file("log").looks_fail = Some(libc::ESTALE);
        assert_eq!(*tail.end(), End::Cut);
        server.log().wait_for(&["tail of /mounted/log", "ESTALE"]);
        assert!(server.metric("openrange_stale_files_total") > 0);
    });
}
