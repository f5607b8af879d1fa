//! ROOT is removed, made again, replaced or mounted over.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir, openrange, until};
use crate::support::machine::{self, skip};

/// A server of `root` below a directory, and the address of its second listener.
fn serve(dir: &TempDir, options: &[&str]) -> (Server, String) {
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    command.args(options).arg(dir.join("root"));
    let server = Server::launch(command);
    let line = server.running.stdout.wait_for(&["admin on http://"]);
    let admin = line.trim_start_matches("admin on http://");
    (server, admin.trim_end_matches('/').to_string())
}

fn health(admin: &str) -> (u16, String) {
    let response = Client::to(admin).get("/health", &[]);
    (
        response.status,
        String::from_utf8(response.body.clone()).expect("text"),
    )
}

/// By itself within seconds, or with SIGHUP at once.
#[test]
fn removed_and_made_again() {
    for (options, signal) in [(&[][..], false), (&[], true), (&["--no-sandbox"], true)] {
        let dir = TempDir::new();
        dir.mkdir("root");
        dir.write("root/log", "one");
        let (server, admin) = serve(&dir, options);
        let mut tail = Client::new(&server);
        tail.tail("/log", &["Range: bytes=0-", "TE: trailers"]);
        assert_eq!(health(&admin).0, 200);
        fs::remove_dir_all(dir.join("root")).expect("removed");
        assert_eq!(tail.rest().0, b"one");
        server.log().wait_for(&["ROOT is gone"]);
        let (status, line) = health(&admin);
        assert_eq!(status, 503);
        assert!(line.contains("ROOT is gone"), "{line}");
        get(&server, "/log", &[]).assert_error(404);
        dir.mkdir("root");
        dir.write("root/log", "another");
        if signal {
            server.running.signal(Signal::HUP);
        }
        server.log().wait_for(&["another directory has the name"]);
        until("the new directory", || {
            (get(&server, "/log", &[]).body == b"another").then_some(())
        });
        assert_eq!(health(&admin), (200, "ok\n".into()));
        // It ends as any other server.
        let mut tail = Client::new(&server);
        tail.tail("/log", &["Range: bytes=0-"]);
        let mut server = server;
        server.running.signal(Signal::TERM);
        assert_eq!(tail.rest().0, b"another");
        assert_eq!(server.running.wait().code(), Some(0));
    }
}

/// What is under way comes to its end, all bytes first; nobody who connects meanwhile is refused.
#[test]
fn replaced_under_its_clients() {
    let dir = TempDir::new();
    dir.mkdir("root");
    dir.write("root/log", "old");
    dir.write("root/big", "");
    dir.resize("root/big", 20 << 20);
    dir.mkdir("next");
    dir.write("next/log", "new");
    let (server, admin) = serve(&dir, &["--grace", "1000"]);
    let mut slow = Client::slow(&server);
    slow.ask("GET", "/big", &[]);
    slow.head();
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(tail.take(3), b"old");
    dir.rename("root", "before");
    dir.rename("next", "root");
    dir.append("before/log", " and its end");
    server.running.signal(Signal::HUP);
    assert_eq!(tail.rest().0, b" and its end");
    until("the new directory", || {
        (get(&server, "/log", &[]).body == b"new").then_some(())
    });
    assert_eq!(slow.raw(20 << 20).len(), 20 << 20);
    // What the former workers have counted is not forgotten.
    let response = Client::to(&admin).get("/metrics", &[]);
    let text = String::from_utf8(response.body).expect("text");
    assert!(
        text.contains("openrange_tail_ends_total{reason=\"shutdown\"} 1"),
        "{text}"
    );
}

/// A mount makes no event.
#[test]
fn mounted_over() {
    machine::in_namespace(module_path!(), "mounted_over", || {
        let dir = TempDir::new();
        dir.mkdir("root");
        dir.write("root/log", "below");
        let server = Server::start(dir.join("root"));
        assert_eq!(get(&server, "/log", &[]).body, b"below");
        if !mount(&dir.join("root")) {
            return skip("nothing can be mounted");
        }
        dir.write("root/log", "above");
        until("what is mounted", || {
            (get(&server, "/log", &[]).body == b"above").then_some(())
        });
    });
}

fn mount(place: &Path) -> bool {
    let place = place.to_str().expect("UTF-8");
    machine::succeeds("mount", &["-t", "tmpfs", "tmpfs", place])
}

/// A directory that may not be read changes nothing, and the log says so once.
#[test]
fn replaced_by_something_else() {
    let dir = TempDir::new();
    dir.mkdir("root");
    dir.write("root/log", "one");
    let (server, admin) = serve(&dir, &[]);
    dir.rename("root", "before");
    dir.write("root", "a file");
    for _ in 0..3 {
        server.running.signal(Signal::HUP);
    }
    server.log().wait_for(&["cannot be served"]);
    assert_eq!(get(&server, "/log", &[]).body, b"one");
    assert_eq!(health(&admin).0, 503);
    dir.remove("root");
    dir.rename("before", "root");
    server.log().wait_for(&["ROOT is there again"]);
    assert_eq!(health(&admin).0, 200);
    let said = server.log().all();
    let said = said.iter().filter(|line| line.contains("cannot be served"));
    assert_eq!(said.count(), 1);
}
