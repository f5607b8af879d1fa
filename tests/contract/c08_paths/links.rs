//! Symbolic links that leave ROOT: refused and named, or followed if they end inside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir, until};
use crate::support::seccomp::Lack;

/// As /var/log looks where containers are run.
fn logs() -> TempDir {
    let dir = TempDir::new();
    for name in [
        "root",
        "root/containers",
        "root/pods",
        "root/pods/1",
        "other",
    ] {
        dir.mkdir(name);
    }
    dir.write("root/pods/1/0.log", "inside");
    dir.write("other/secret", "outside");
    let path = |name: &str| dir.join(name);
    dir.symlink(path("root/pods/1/0.log"), "root/containers/absolute");
    dir.symlink("../../root/pods/1/0.log", "root/containers/around");
    dir.symlink("../pods/1/0.log", "root/containers/relative");
    // By way of another absolute link, and of one outside.
    dir.symlink(path("root/containers/absolute"), "root/containers/twice");
    dir.symlink(path("root"), "other/back");
    dir.symlink(path("other/back/pods/1/0.log"), "root/containers/through");
    dir.symlink(path("root/pods"), "root/all");
    dir.symlink(path("other/secret"), "root/containers/outside");
    dir.symlink(path("root/../other/secret"), "root/containers/up");
    dir.symlink(path("other/missing"), "root/containers/missing");
    dir.symlink("/etc/passwd", "root/containers/passwd");
    dir.symlink("/proc/self/root/etc/passwd", "root/containers/magic");
    dir.symlink("/proc/self/cwd", "root/containers/cwd");
    dir.symlink(path("root/containers/loop"), "root/containers/loop");
    dir
}

const COME_BACK: [&str; 5] = [
    "/containers/absolute",
    "/containers/around",
    "/containers/twice",
    "/containers/through",
    "/all/1/0.log",
];
const LEAVE: [&str; 7] = ["outside", "up", "missing", "passwd", "magic", "cwd", "loop"];

fn check(dir: &TempDir, server: &Server) {
    for target in COME_BACK {
        assert_eq!(get(server, target, &[]).body, b"inside", "{target}");
    }
    for name in LEAVE {
        get(server, &format!("/containers/{name}"), &[]).assert_error(404);
    }
    server
        .log()
        .wait_for(&["/containers/outside", "leads out of ROOT"]);
    let list = get(server, "/containers/", &["Accept: application/json"]);
    let list = String::from_utf8(list.body.clone()).expect("text");
    for name in ["absolute", "around", "relative", "twice", "through"] {
        assert!(list.contains(&format!("\"{name}\"")), "{name}: {list}");
    }
    for name in LEAVE {
        assert!(!list.contains(&format!("\"{name}\"")), "{name}: {list}");
    }
    // A tail by such a name ends when the link leads elsewhere.
    let mut tail = Client::new(server);
    tail.tail("/containers/absolute", &["Range: bytes=0-"]);
    dir.append("root/pods/1/0.log", " and more");
    assert_eq!(tail.take(15), b"inside and more");
    dir.write("root/next", "next");
    dir.symlink(dir.join("root/next"), "root/containers/new");
    dir.rename("root/containers/new", "root/containers/absolute");
    assert_eq!(tail.rest().0, b"");
    assert_eq!(get(server, "/containers/absolute", &[]).body, b"next");
}

#[test]
fn that_come_back() {
    let dir = logs();
    let server = Server::with(dir.join("root"), &["--follow-links", "inside"]);
    check(&dir, &server);
}

#[test]
fn that_come_back_without_openat2() {
    let dir = logs();
    let lacks: &[Lack] = &[(libc::SYS_openat2, libc::ENOSYS)];
    match Server::without(lacks, dir.join("root"), &["--follow-links", "inside"]) {
        Ok(server) => check(&dir, &server),
        Err(why) => crate::support::machine::skip(&why),
    }
}

/// By default none is followed; each is named once.
#[test]
fn that_leave() {
    let dir = logs();
    let server = Server::start(dir.join("root"));
    for _ in 0..3 {
        for target in COME_BACK {
            get(&server, target, &[]).assert_error(404);
        }
        assert_eq!(get(&server, "/containers/relative", &[]).body, b"inside");
    }
    for target in COME_BACK {
        let what = format!("a symbolic link on the way of {target} leads out of ROOT");
        assert_eq!(server.log().count(&what), 1, "{target}");
    }
    assert!(server.log().count("--follow-links inside") >= 5);
}

/// However links and directories change hands meanwhile, nothing from outside is ever served.
#[test]
fn that_change_hands() {
    let dir = logs();
    let server = Server::with(dir.join("root"), &["--follow-links", "inside"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..100_000 {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                dir.symlink(dir.join("other"), "root/next");
                dir.rename("root/next", "root/all");
                dir.symlink(dir.join("root/pods/1"), "root/next");
                dir.rename("root/next", "root/all");
                dir.rename("root/pods/1", "other/1");
                dir.rename("other/1", "root/pods/1");
            }
        });
        let mut seen = 0;
        let mut client = Client::new(&server);
        until("enough answers", || {
            for target in ["/all/0.log", "/all/secret", "/containers/through"] {
                let response = client.get(target, &[]);
                match response.status {
                    200 => assert_eq!(response.body, b"inside", "{target}"),
                    // 403: the file was moved out of ROOT after it was found, and the sandbox says no.
                    status => assert!(matches!(status, 403 | 404), "{target}: {status}"),
                }
                seen += usize::from(response.status == 200);
            }
            (seen > 200).then_some(())
        });
        over.store(true, Ordering::Relaxed);
    });
}
