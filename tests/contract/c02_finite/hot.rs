//! Files that are asked for often are kept open: never staler for it, not many, and not for long.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::client::{Client, Response};
use crate::support::harness::{Server, TempDir, until};

/// ext2 to ext4, tmpfs, XFS, btrfs: there files are kept open. In other places there is nothing to test.
const LOCAL: [u64; 4] = [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e];

fn local(dir: &TempDir) -> bool {
    let kind = rustix::fs::statfs(dir.path()).expect("statfs").f_type as u64;
    let local = LOCAL.contains(&(kind & 0xffff_ffff));
    if !local {
        eprintln!("skipped: files of {kind:x} are not kept open");
    }
    local
}

/// One worker, so that every request meets the same kept files.
fn start(dir: &TempDir) -> Server {
    Server::with(dir, &["--threads", "1"])
}

/// What the server has open below the directory.
fn open(server: &Server, dir: &TempDir) -> Vec<PathBuf> {
    let own = format!("/proc/{}/fd", server.running.id());
    let links = fs::read_dir(own).expect("descriptors").flatten();
    links
        .filter_map(|link| fs::read_link(link.path()).ok())
        .filter_map(|path| Some(path.strip_prefix(dir.path()).ok()?.to_owned()))
        .filter(|path| !path.as_os_str().is_empty())
        .collect()
}

/// Asks until the file is kept open, which takes a while if it is new.
fn heat(client: &mut Client, server: &Server, dir: &TempDir, target: &str, name: &str) -> Response {
    until("a kept file", || {
        let response = client.get(target, &[]);
        // By the next answer the descriptors of that request are closed.
        client.get("/nothing", &[]).assert_error(404);
        let kept = open(server, dir).iter().any(|open| open == name);
        kept.then_some(response)
    })
}

/// What is done to a file that is kept open, and what a request must see then.
struct Deed {
    target: &'static str,
    /// The file that is kept open for it.
    name: &'static str,
    act: fn(&TempDir),
    see: fn(&mut Client, &Response, &str),
}

const DEEDS: &[Deed] = &[
    Deed {
        target: "/appended",
        name: "appended",
        act: |dir| dir.append("appended", "more"),
        see: |client, before, target| {
            let now = client.get(target, &[]);
            assert_eq!(now.body, b"0123456789more");
            assert_eq!(now.field("ETag"), before.field("ETag"));
            assert_ne!(now.field("Last-Modified"), before.field("Last-Modified"));
        },
    },
    Deed {
        target: "/truncated",
        name: "truncated",
        act: |dir| dir.resize("truncated", 3),
        see: |client, before, target| {
            let now = client.get(target, &[]);
            assert_eq!(now.body, b"012");
            assert_ne!(now.field("ETag"), before.field("ETag"), "it was seen");
        },
    },
    Deed {
        target: "/overwritten",
        name: "overwritten",
        act: |dir| {
            let file = fs::OpenOptions::new()
                .write(true)
                .open(dir.join("overwritten"));
            std::os::unix::fs::FileExt::write_all_at(&file.expect("open"), &[0; 10], 0)
                .expect("write");
        },
        see: |client, before, target| {
            let now = client.get(target, &[]);
            assert_eq!(now.body, [0; 10]);
            assert!(before.field("Content-Type").starts_with("text/"));
            assert_eq!(now.field("Content-Type"), "application/octet-stream");
        },
    },
    Deed {
        target: "/replaced",
        name: "replaced",
        act: |dir| dir.rename("other", "replaced"),
        see: |client, before, target| {
            let now = client.get(target, &[]);
            assert_eq!(now.body, b"another");
            assert_ne!(now.field("ETag"), before.field("ETag"));
        },
    },
    Deed {
        target: "/unlinked",
        name: "unlinked",
        act: |dir| dir.remove("unlinked"),
        see: |client, _, target| client.get(target, &[]).assert_error(404),
    },
    Deed {
        target: "/touched",
        name: "touched",
        act: |dir| dir.touch("touched", Duration::from_secs(1_000_000)),
        see: |client, before, target| {
            let now = client.get(target, &[]);
            assert_ne!(now.field("Last-Modified"), before.field("Last-Modified"));
        },
    },
    Deed {
        target: "/sealed",
        name: "sealed",
        act: |dir| dir.chmod("sealed", 0o444),
        see: |client, _, target| {
            let now = client.head_of(target, &["Range: bytes=0-"]);
            assert_eq!(now.field("Content-Range"), "bytes 0-9/10");
        },
    },
    Deed {
        target: "/forbidden",
        name: "forbidden",
        act: |dir| dir.chmod("forbidden", 0),
        see: |client, _, target| {
            client.get(target, &[]).assert_error(403);
        },
    },
    Deed {
        target: "/moved/file",
        name: "moved/file",
        act: |dir| dir.rename("moved", "away"),
        see: |client, _, target| client.get(target, &[]).assert_error(404),
    },
    Deed {
        target: "/link/file",
        name: "one/file",
        act: |dir| {
            dir.remove("link");
            dir.symlink("two", "link");
        },
        see: |client, _, target| assert_eq!(client.get(target, &[]).body, b"of two"),
    },
    Deed {
        target: "/site/",
        name: "site/index.html",
        act: |dir| dir.remove("site/index.html"),
        see: |client, _, target| {
            let now = client.get(target, &[]);
            assert!(String::from_utf8_lossy(&now.body).contains("page.html"));
        },
    },
    Deed {
        target: "/fifo",
        name: "fifo",
        act: |dir| {
            dir.remove("fifo");
            dir.mkdir("fifo");
        },
        see: |client, _, target| assert_eq!(client.get(target, &[]).status, 301),
    },
];

#[test]
fn a_kept_file_is_never_stale() {
    let dir = TempDir::with("other", "another");
    for directory in ["moved", "one", "two", "site"] {
        dir.mkdir(directory);
    }
    dir.symlink("one", "link");
    dir.write("two/file", "of two");
    dir.write("site/page.html", "x");
    for deed in DEEDS {
        dir.write(deed.name, "0123456789");
    }
    if !local(&dir) {
        return;
    }
    let server = start(&dir);
    let mut client = Client::new(&server);
    for deed in DEEDS {
        let before = heat(&mut client, &server, &dir, deed.target, deed.name);
        assert_eq!(before.body, b"0123456789", "{}", deed.target);
        (deed.act)(&dir);
        (deed.see)(&mut client, &before, deed.target);
    }
}

#[test]
fn a_kept_file_that_is_no_longer_asked_for_is_let_go() {
    let dir = TempDir::with("page", "x");
    dir.write("removed", "x");
    if !local(&dir) {
        return;
    }
    let server = start(&dir);
    let mut client = Client::new(&server);
    heat(&mut client, &server, &dir, "/page", "page");
    until("no open file", || {
        open(&server, &dir).is_empty().then_some(())
    });
    // One that is removed without anybody asking for it again does not keep its space.
    heat(&mut client, &server, &dir, "/removed", "removed");
    dir.remove("removed");
    until("no open file", || {
        open(&server, &dir).is_empty().then_some(())
    });
}

#[test]
fn a_kept_file_can_be_followed() {
    let dir = TempDir::with("log", "one");
    if !local(&dir) {
        return;
    }
    let server = start(&dir);
    let mut client = Client::new(&server);
    heat(&mut client, &server, &dir, "/log", "log");
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(tail.take(3), b"one");
    assert_eq!(client.get("/log", &[]).body, b"one");
    dir.append("log", "two");
    assert_eq!(tail.take(3), b"two");
    assert_eq!(client.get("/log", &[]).body, b"onetwo");
    dir.remove("log");
    assert_eq!(tail.rest().0, b"");
    client.get("/log", &[]).assert_error(404);
    until("no open file", || {
        open(&server, &dir).is_empty().then_some(())
    });
}

#[test]
fn few_files_are_kept_and_none_for_a_crawl() {
    let dir = TempDir::new();
    let names: Vec<String> = (0..40).map(|number| format!("f{number}")).collect();
    for name in &names {
        dir.write(name, "x");
    }
    if !local(&dir) {
        return;
    }
    // One descriptor in 32.
    let server = Server::limited(&dir, 320, &[]);
    let mut client = Client::new(&server);
    heat(&mut client, &server, &dir, "/f0", "f0");
    // By now all of them are old enough.
    for name in &names[1..] {
        client.get(&format!("/{name}"), &[]);
        client.get("/f0", &[]);
    }
    let others = open(&server, &dir).len() - 1;
    assert_eq!(others, 0, "after one request for each");
    until("as many as may be", || {
        for name in &names {
            client.get(&format!("/{name}"), &[]);
            let count = open(&server, &dir).len();
            assert!(count <= 10 + 1, "{count} files, one of them of the request");
        }
        (open(&server, &dir).len() == 10).then_some(())
    });
}
