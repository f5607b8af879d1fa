//! ROOT is removed, made again, replaced or mounted over.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::c12_writing::once;
use crate::support::client::{Client, get, request};
use crate::support::fuse::Fuse;
use crate::support::harness::{Server, TempDir, openrange, until};
use crate::support::machine::{self, skip};

/// A server of `root` below a directory, and the address of its second listener.
fn serve(dir: &TempDir, options: &[&str]) -> (Server, String) {
    serve_on("127.0.0.1:0", dir, options)
}

fn serve_on(address: &str, dir: &TempDir, options: &[&str]) -> (Server, String) {
    let mut command = openrange(&["--listen", address, "--admin", "127.0.0.1:0"]);
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

/// By itself within seconds.
#[test]
fn removed_and_made_again() {
    remove_and_make_again(&[], false);
}

/// At once.
#[test]
fn removed_and_made_again_with_a_signal() {
    remove_and_make_again(&[], true);
}

#[test]
fn removed_and_made_again_without_a_sandbox() {
    remove_and_make_again(&["--no-sandbox"], true);
}

fn remove_and_make_again(options: &[&str], signal: bool) {
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
    server
        .log()
        .wait_for(&["another directory has the name of ROOT"]);
    until("the new directory", || {
        (get(&server, "/log", &[]).body == b"another").then_some(())
    });
    // What watches over ROOT is done a moment after the new directory is served.
    until("health", || {
        (health(&admin) == (200, "ok\n".into())).then_some(())
    });
    // It ends as any other server.
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    let mut server = server;
    server.running.signal(Signal::TERM);
    assert_eq!(tail.rest().0, b"another");
    assert_eq!(server.running.wait().code(), Some(0));
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

/// A connection on which nothing is under way passes to the new directory: its next request, which may be on its way already,
/// finds it open.
#[test]
fn replaced_between_the_requests_of_a_connection() {
    const HEADER: &str = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";
    for (address, header) in [("127.0.0.1:0", ""), ("127.0.0.1:0,proxy", HEADER)] {
        let dir = TempDir::new();
        dir.mkdir("root");
        dir.write("root/log", "0");
        let (server, admin) = serve_on(address, &dir, &[]);
        let mut clients: Vec<Client> = (0..5).map(|_| Client::new(&server)).collect();
        for client in &mut clients[..3] {
            client.send(header);
            assert_eq!(client.get("/log", &[]).body, b"0");
        }
        for round in 1..4 {
            dir.rename("root", &format!("before-{round}"));
            dir.mkdir("root");
            dir.write("root/log", round.to_string());
            server.running.signal(Signal::HUP);
            until("the new directory", || {
                let mut client = Client::new(&server);
                client.send(header);
                (client.get("/log", &[]).body == round.to_string().as_bytes()).then_some(())
            });
            for client in &mut clients[..3] {
                until("the new directory on an old connection", || {
                    (client.get("/log", &[]).body == round.to_string().as_bytes()).then_some(())
                });
            }
        }
        // So does one that has sent nothing yet.
        for client in &mut clients[3..] {
            client.send(header);
            assert_eq!(client.get("/log", &[]).body, b"3");
        }
        drop(clients);
        until("the last connection is forgotten", || {
            let text = Client::to(&admin).get("/metrics", &[]).body;
            let text = String::from_utf8(text).expect("text");
            text.contains("openrange_connections{state=\"reading\"} 0")
                .then_some(())
        });
    }
}

/// So does one whose requests are all answered, but for which they took its whole share of the turn in which the other directory
/// took the name: 16 requests are as many as are answered in one.
#[test]
fn replaced_while_a_connection_has_its_full_share() {
    const TEST: &str = "replaced_while_a_connection_has_its_full_share";
    machine::in_namespace(module_path!(), TEST, || {
        let dir = TempDir::new();
        dir.mkdir("root/mounted");
        dir.mkdir("next");
        dir.write("next/log", "another");
        let fuse = match Fuse::mount(&dir.join("root/mounted")) {
            Ok(fuse) => fuse,
            Err(error) => return skip(&format!("no FUSE: {error}")),
        };
        let (server, admin) = serve(&dir, &["--threads", "1"]);
        let mut clients: Vec<Client> = (8..=16).map(|_| Client::new(&server)).collect();
        for client in &mut clients {
            client.get("/log", &[]).assert_error(404);
        }
        // As long as the file system does not answer, neither does the worker.
        let file_system = fuse.state();
        let mut blocked = Client::new(&server);
        blocked.ask("GET", "/mounted/missing", &[]);
        until("the worker to wait", || {
            let (status, line) = health(&admin);
            (status == 503 && line.contains("does not answer")).then_some(())
        });
        for (client, count) in clients.iter_mut().zip(8..) {
            client.send(request("GET", "/missing", &[]).repeat(count));
        }
        dir.rename("root", "before");
        dir.rename("next", "root");
        server
            .log()
            .wait_for(&["another directory has the name of ROOT"]);
        drop(file_system);
        blocked.response().assert_error(404);
        for (client, count) in clients.iter_mut().zip(8..) {
            for _ in 0..count {
                client.response().assert_error(404);
            }
            assert_eq!(client.get("/log", &[]).body, b"another");
        }
    });
}

/// The sandbox permits directories, not names: the answer says "later", and everybody who can do something learns why.
#[test]
fn writes_below_a_directory_that_was_replaced_wait_for_a_restart() {
    for replaced in ["root", "root/in"] {
        let dir = TempDir::new();
        dir.mkdir("root/in");
        let (server, admin) = serve(&dir, &["--write", "/in"]);
        assert_eq!(once(&server, "POST", "/in/t", &[], "a").status, 201);
        if server.log().count("no Landlock") > 0 {
            return machine::skip("no Landlock");
        }
        dir.rename(replaced, "before");
        dir.mkdir("root/in");
        dir.write("root/in/t", "b");
        server.running.signal(Signal::HUP);
        let why = ["WARN", "--write /in", "restarted"];
        server.log().wait_for(&why);
        assert_eq!(health(&admin).0, 503);
        assert!(health(&admin).1.contains("--write /in"));
        until("what took the name", || {
            (get(&server, "/in/t", &[]).body == b"b").then_some(())
        });
        for (method, target) in [
            ("POST", "/in/t"),
            ("POST", "/in/new"),
            ("PUT", "/in/new"),
            ("DELETE", "/in/t"),
        ] {
            let body = if method == "DELETE" { "" } else { "c" };
            let response = once(&server, method, target, &[], body);
            assert_eq!(response.status, 503, "{method} {target}");
            assert!(!response.field("Retry-After").is_empty());
            let line = format!("{method} {target}: 503");
            server.log().wait_for(&[&line, "was replaced"]);
        }
        assert_eq!(get(&server, "/in/t", &[]).body, b"b");
        dir.rename(replaced, "after");
        dir.rename("before", replaced);
        server.running.signal(Signal::HUP);
        server.log().wait_for(&["ROOT is there again"]);
        assert_eq!(health(&admin), (200, "ok\n".into()));
        until("writing", || {
            (once(&server, "POST", "/in/t", &[], "d").status == 204).then_some(())
        });
        assert!(get(&server, "/in/t", &[]).body.starts_with(b"ad"));
    }
}

/// Without a sandbox it is as with reading.
#[test]
fn writes_go_on_in_another_root_without_a_sandbox() {
    let dir = TempDir::new();
    dir.mkdir("root/in");
    let (server, admin) = serve(&dir, &["--write", "/in", "--no-sandbox"]);
    assert_eq!(once(&server, "POST", "/in/t", &[], "a").status, 201);
    dir.rename("root", "before");
    dir.mkdir("root/in");
    server.running.signal(Signal::HUP);
    until("the new directory", || {
        (once(&server, "POST", "/in/t", &[], "b").status == 201).then_some(())
    });
    // It may have been looked for while nothing had its name.
    until("health", || {
        (health(&admin) == (200, "ok\n".into())).then_some(())
    });
}

/// The directory above ROOT is watched, and is still when another one has its place: so the server need not wait until it looks.
#[test]
fn the_name_of_root_is_watched() {
    let dir = TempDir::new();
    dir.mkdir("above/root");
    let server = Server::start(dir.join("above/root"));
    let is_watched = || {
        let inode = fs::metadata(dir.join("above")).expect("a directory").ino();
        let watch = format!(" ino:{inode:x} ");
        let files = fs::read_dir(server.running.proc("fdinfo")).expect("descriptors");
        let mut texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
        texts.any(|text| text.contains("inotify") && text.contains(&watch))
    };
    assert!(is_watched());
    for round in 0..3 {
        fs::remove_dir_all(dir.join("above/root")).expect("removed");
        dir.mkdir("above/root");
        dir.write("above/root/log", round.to_string());
        until("the new directory", || {
            (get(&server, "/log", &[]).body == round.to_string().as_bytes()).then_some(())
        });
    }
    dir.rename("above", "before");
    dir.mkdir("above/root");
    until("the new one", || is_watched().then_some(()));
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

/// A file system that does not respond, as that of a server on the network may, keeps no signal waiting.
#[test]
fn mounted_over_by_what_does_not_respond() {
    machine::in_namespace(
        module_path!(),
        "mounted_over_by_what_does_not_respond",
        || {
            let dir = TempDir::new();
            dir.mkdir("root");
            let mut server = Server::start(dir.join("root"));
            // FUSE without a process that answers.
            let device = fs::File::options().read(true).write(true).open("/dev/fuse");
            let Ok(device) = device else {
                return skip("no FUSE");
            };
            let options = "fd=0,rootmode=40000,user_id=0,group_id=0";
            let mounted = Command::new("mount")
                .args(["-i", "-t", "fuse", "-o", options, "none"])
                .arg(dir.join("root"))
                .stdin(device.try_clone().expect("a descriptor"))
                .status();
            if !mounted.expect("mount").success() {
                return skip("nothing can be mounted by FUSE");
            }
            server.running.signal(Signal::HUP);
            server.running.signal(Signal::TERM);
            let ended = server.running.wait();
            drop(device);
            let place = dir.join("root");
            assert!(machine::succeeds(
                "umount",
                &[place.to_str().expect("UTF-8")]
            ));
            assert_eq!(ended.code(), Some(0));
        },
    );
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
