//! `openrange mirror` where something goes wrong: at the origin, on the way, or in its own directory.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::relay::Relay;
use super::{Running, contents, ends_well, url, without_privileges};
use crate::support::harness::{BINARY, Server, TempDir, eventually, pattern};
use crate::support::machine::{in_namespace, skip, succeeds};

const SIZE: usize = 1_500_000;
/// Some two seconds for that.
const SLOWLY: [&str; 2] = ["--max-rate", "700000"];

fn path(directory: &TempDir) -> String {
    directory.path().display().to_string()
}

fn length(file: &File) -> u64 {
    file.metadata().expect("a file").len()
}

fn started(copy: &TempDir, name: &str) -> File {
    eventually("some bytes", || {
        fs::metadata(copy.join(name)).is_ok_and(|copy| copy.len() > 0)
    });
    File::open(copy.join(name)).expect("a copy")
}

#[test]
fn a_file_that_goes_while_it_comes_is_copied_to_its_end() {
    let root = TempDir::new();
    root.write("log", pattern(SIZE));
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), path(&copy));
    let mirror = Running::start(&["mirror", "--delete", SLOWLY[0], SLOWLY[1], &from, &to]);
    let old = started(&copy, "log");
    root.remove("log");
    root.write("log", "another\n");
    let inode = || fs::metadata(copy.join("log")).map(|file| file.ino());
    let before = old.metadata().expect("a file").ino();
    eventually("the next file", || {
        inode().is_ok_and(|inode| inode != before)
    });
    assert_eq!(length(&old), SIZE as u64);
    let expected = vec![("log".to_owned(), b"another\n".to_vec())];
    eventually("its bytes", || contents(copy.path()) == expected);
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn what_is_lost_of_a_file_that_goes_is_said() {
    for delete in [false, true] {
        let root = TempDir::new();
        root.write("log", pattern(SIZE));
        let server = Server::start(&root);
        let relay = Relay::start(&server, |_| {});
        let copy = TempDir::new();
        let (from, to) = (relay.url("/"), path(&copy));
        let more = if delete { &["--delete"][..] } else { &[] };
        let arguments = [&["mirror"], &SLOWLY[..], more, &[&from, &to]].concat();
        let mirror = Running::start(&arguments);
        let old = started(&copy, "log");
        root.remove("log");
        relay.cut();
        mirror.says("log is gone: what it had from byte ");
        let from = length(&old);
        let copy_is = if delete {
            "its copy goes too"
        } else {
            "its copy stays"
        };
        mirror.says(&format!("from byte {from} on is lost; {copy_is}"));
        eventually("that", || copy.join("log").exists() != delete);
        let mut held = Vec::new();
        { old }.read_to_end(&mut held).expect("a copy");
        assert!(pattern(SIZE).starts_with(&held));
        assert_eq!(mirror.err().matches("is lost").count(), 1);
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

/// The generation in the middle of those that a mirror of one file has still to copy.
#[test]
fn a_generation_that_goes_before_all_of_it_came_is_a_gap() {
    for on_gap in ["fail", "oldest"] {
        let root = TempDir::with("log", "first\n");
        let server = Server::start(&root);
        let relay = Relay::start(&server, |_| {});
        let copy = TempDir::new();
        let (from, to) = (relay.url("/log"), path(&copy));
        ends_well(Running::start(&["mirror", "--until-caught-up", &from, &to]));
        root.rename("log", "log.2");
        root.write("log.1", pattern(SIZE));
        root.write("log", "third\n");
        let options = ["mirror", "--until-caught-up", "--on-gap", on_gap];
        let arguments = [&options[..], &SLOWLY, &[&from, &to]].concat();
        let mut mirror = Running::start(&arguments);
        eventually("the second one", || {
            copy.join("log.1").exists() && started(&copy, "log").metadata().is_ok()
        });
        root.remove("log.1");
        relay.cut();
        eventually("an end", || mirror.is_over());
        let (code, _, err) = mirror.end();
        assert_eq!(code, Some(if on_gap == "fail" { 3 } else { 0 }), "{err}");
        assert_eq!(err.matches("is lost").count(), 1, "{err}");
    }
}

#[test]
fn a_file_that_moves_between_two_lists_is_moved() {
    let root = TempDir::new();
    ["a", "b"].iter().for_each(|name| root.mkdir(name));
    root.write("a/stays", "stays\n");
    root.write("b/stays", "stays too\n");
    root.write("b/log", "a line\n");
    let server = Server::start(&root);
    let moves = Arc::new(AtomicBool::new(false));
    let (from, to, due) = (root.join("b/log"), root.join("a/log"), Arc::clone(&moves));
    // Its directory of before is listed when it has left, and that of after before it comes.
    let relay = Relay::start(&server, move |line| {
        if line.starts_with("GET /b/ ") && due.swap(false, Ordering::SeqCst) {
            fs::rename(&from, &to).expect("rename");
        }
    });
    let copy = TempDir::new();
    let (from, to) = (relay.url("/"), path(&copy));
    let arguments = [
        "mirror",
        "--recursive",
        "--until-caught-up",
        "--delete",
        &from,
        &to,
    ];
    ends_well(Running::start(&arguments));
    let inode = |name: &str| fs::metadata(copy.join(name)).map(|file| file.ino()).ok();
    let before = inode("b/log");
    assert!(before.is_some());
    moves.store(true, Ordering::SeqCst);
    ends_well(Running::start(&arguments));
    assert_eq!((inode("a/log"), inode("b/log")), (before, None));
    // What is gone goes, without a long wait.
    root.remove("a/log");
    ends_well(Running::start(&arguments));
    assert!(!copy.join("a/log").exists() && copy.join("a/stays").exists());
}

#[test]
fn a_name_that_is_taken_here_keeps_no_mirror_from_its_end() {
    let root = TempDir::with("log", "a line\n");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), path(&copy));
    let arguments = ["mirror", "--until-caught-up", &from, &to];
    ends_well(Running::start(&arguments));
    root.rename("log", "other");
    copy.write("other", "of somebody else\n");
    let err = ends_well(Running::start(&arguments));
    assert!(err.contains("other exists already"), "{err}");
    let names: Vec<_> = contents(copy.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["log", "other"]);
}

/// An origin that lists two files, and refuses each of them in another way; how often it did.
fn refusing() -> (String, Arc<Mutex<[usize; 2]>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let refused = Arc::new(Mutex::new([0; 2]));
    let counts = Arc::clone(&refused);
    thread::spawn(move || {
        let mut streams = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let answer = |stream: &mut TcpStream, status: &str, body: &str| {
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
            };
            let file = |name: &str, digit: &str| {
                let etag = format!("W/\\\"{}\\\"", digit.repeat(16));
                format!(
                    "{{\"path\":\"{name}\",\"kind\":\"file\",\"etag\":\"{etag}\",\"size\":5,\"mtime\":1,\"sealed\":false}}"
                )
            };
            if head.starts_with("GET / ") && head.contains("event-stream") {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
                let _ = stream.write_all(head.as_bytes());
                streams.push(stream);
            } else if head.starts_with("GET / ") {
                let entries = [file("a", "1"), file("b", "2")].join(",");
                answer(
                    &mut stream,
                    "200 OK",
                    &format!("{{\"truncated\":false,\"entries\":[{entries}]}}"),
                );
            } else {
                let index = usize::from(head.starts_with("GET /b"));
                let status = ["500 Internal Server Error", "403 Forbidden"][index];
                answer(&mut stream, status, "no\n");
                counts.lock().expect("a lock")[index] += 1;
            }
        }
    });
    (url, refused)
}

#[test]
fn files_that_fail_are_named_once_each() {
    let (url, refused) = refusing();
    let copy = TempDir::new();
    let mirror = Running::start(&["mirror", &url, &path(&copy)]);
    eventually("five refusals of each", || {
        refused
            .lock()
            .expect("a lock")
            .iter()
            .all(|&count| count >= 5)
    });
    let err = mirror.err();
    for line in ["a: 500: no; trying again", "b: 403: no; trying again"] {
        assert_eq!(err.matches(line).count(), 1, "{err}");
    }
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn files_that_others_put_in_the_place_of_copies_are_not_touched() {
    let root = TempDir::with("sealed", "a line\n");
    root.write("removed", "a line\n");
    root.write("renamed", "a line\n");
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("chmod");
    };
    mode(&root.join("sealed"), 0o444);
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mirror = Running::start(&["mirror", "--delete", &url(&server, "/"), &path(&copy)]);
    mirror.says("caught up");
    for name in ["sealed", "removed", "renamed"] {
        copy.write(".own", "of somebody else\n");
        mode(&copy.join(".own"), 0o444);
        copy.rename(".own", name);
    }
    mode(&root.join("sealed"), 0o644);
    root.remove("removed");
    root.rename("renamed", "again");
    root.write("last", "a line\n");
    eventually("what came last", || copy.join("last").exists());
    eventually("the file under its new name", || {
        fs::read(copy.join("again")).is_ok_and(|bytes| bytes == b"a line\n")
    });
    mirror.says("sealed exists already and is not a copy");
    for name in ["sealed", "removed", "renamed"] {
        let own = copy.join(name);
        assert_eq!(fs::read(&own).expect("a file"), b"of somebody else\n");
        let mode = fs::metadata(&own).expect("a file").mode();
        assert_eq!(mode & 0o777, 0o444, "{name}");
    }
    assert_eq!(mirror.stop().0.code(), Some(0));
}

/// Traced, where strace is installed.
#[test]
fn the_mode_of_a_copy_is_set_by_its_descriptor() {
    let root = TempDir::with("log", "a line\n");
    fs::set_permissions(root.join("log"), Permissions::from_mode(0o444)).expect("chmod");
    let server = Server::start(&root);
    let (copy, home) = (TempDir::new(), TempDir::new());
    let trace = home.join("trace").display().to_string();
    if !succeeds("strace", &["-o", &trace, "true"]) {
        return skip("no strace");
    }
    let calls = "trace=chmod,fchmod,fchmodat,?fchmodat2";
    let mut command = Command::new("strace");
    command.args(["-f", "-e", calls, "-o", &trace, BINARY]);
    command.args([
        "mirror",
        "--until-caught-up",
        &url(&server, "/"),
        &path(&copy),
    ]);
    assert!(command.status().expect("strace").success());
    let mode = fs::metadata(copy.join("log")).expect("a copy").mode();
    assert_eq!(mode & 0o222, 0);
    let trace = fs::read_to_string(&trace).expect("a trace");
    assert!(trace.contains("fchmod("), "{trace}");
    let by_name = ["chmodat(", "chmodat2(", " chmod("];
    assert!(!by_name.iter().any(|call| trace.contains(call)), "{trace}");
}

#[test]
fn directories_that_cannot_be_used_here_are_named_and_the_others_go_on() {
    let root = TempDir::with("log", "a line\n");
    for directory in ["closed", "fixed", "moved"] {
        root.mkdir(directory);
        root.write(&format!("{directory}/log"), format!("of {directory}\n"));
    }
    let server = Server::start(&root);
    let copy = TempDir::new();
    let mode = |name: &str, mode| {
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(copy.join(name), mode).expect("chmod");
    };
    copy.mkdir("fixed");
    mode("fixed", 0o555);
    let (from, to) = (url(&server, "/"), path(&copy));
    let arguments = [
        "mirror",
        "--recursive",
        "--until-caught-up",
        "--delete",
        &from,
        &to,
    ];
    let Some(mirror) = without_privileges(&arguments) else {
        return;
    };
    let err = ends_well(mirror);
    assert!(err.contains("fixed/log: Permission denied"), "{err}");
    let read = |name: &str| fs::read_to_string(copy.join(name)).unwrap_or_default();
    assert_eq!(
        (read("log"), read("closed/log")),
        ("a line\n".into(), "of closed\n".into())
    );
    // Copies in a directory that cannot be read, or changed, stay known and stay there.
    mode("closed", 0);
    mode("moved", 0o555);
    root.append("closed/log", "more\n");
    root.append("log", "more\n");
    root.rename("moved/log", "log.of-moved");
    let err = ends_well(without_privileges(&arguments).expect("as before"));
    assert!(
        err.contains("closed/ cannot be read here (Permission denied"),
        "{err}"
    );
    assert!(err.contains("log.of-moved: Permission denied"), "{err}");
    assert_eq!(
        (read("log"), read("moved/log")),
        ("a line\nmore\n".into(), "of moved\n".into())
    );
    ["closed", "fixed", "moved"]
        .iter()
        .for_each(|name| mode(name, 0o755));
    let err = ends_well(without_privileges(&arguments).expect("as before"));
    assert_eq!(read("closed/log"), "of closed\nmore\n", "{err}");
    assert_eq!(
        (read("fixed/log"), read("log.of-moved")),
        ("of fixed\n".into(), "of moved\n".into())
    );
    assert_eq!(err.lines().count(), 0, "{err}");
}

#[test]
fn a_sealed_copy_is_flushed_also_by_those_who_may_not_write_it() {
    let root = TempDir::with("log", "a line\n");
    fs::set_permissions(root.join("log"), Permissions::from_mode(0o444)).expect("chmod");
    let server = Server::start(&root);
    let copy = TempDir::new();
    let (from, to) = (url(&server, "/"), path(&copy));
    let arguments = ["mirror", "--fsync", "--until-caught-up", &from, &to];
    if let Some(mirror) = without_privileges(&arguments) {
        ends_well(mirror);
    }
}

#[test]
fn a_copy_moves_to_another_file_system_with_every_byte() {
    in_namespace(
        module_path!(),
        "a_copy_moves_to_another_file_system_with_every_byte",
        || {
            let root = TempDir::new();
            root.write("log", pattern(SIZE));
            root.mkdir("mounted");
            root.write("mounted/other", "a line\n");
            let server = Server::start(&root);
            let copy = TempDir::new();
            copy.mkdir("mounted");
            let mounted = copy.join("mounted").display().to_string();
            assert!(succeeds("mount", &["-t", "tmpfs", "tmpfs", &mounted]));
            let (from, to) = (url(&server, "/"), path(&copy));
            let mirror = Running::start(&["mirror", "--recursive", "--delete", &from, &to]);
            mirror.says("caught up");
            let same = |name: &str| {
                let here = fs::read(copy.join(name)).unwrap_or_default();
                here == fs::read(root.join(name)).expect("a file")
            };
            for round in 0..3 {
                root.append("log", format!("line {round}\n"));
                eventually("a line", || same("log"));
                root.rename("log", "mounted/log");
                root.append("mounted/log", "late\n");
                root.write("log", "next\n");
                eventually("the move", || same("mounted/log") && same("log"));
                root.append("mounted/log", "later\n");
                eventually("what comes there", || same("mounted/log"));
                root.remove("log");
                eventually("an end", || !copy.join("log").exists());
                root.rename("mounted/log", "log");
                eventually("the way back", || same("log"));
                eventually("that", || !copy.join("mounted/log").exists());
            }
            assert_eq!(mirror.stop().0.code(), Some(0));
            let hidden = fs::read_dir(&mounted).expect("a directory").count();
            assert_eq!(hidden, 1);
        },
    );
}
