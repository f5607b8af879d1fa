//! File systems that fail, die, or change below the server: the streams that need them are cut, visibly; the rest lives.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::support::client::Ending;
use crate::support::directory::{TempDir, append};
use crate::support::fuse::Fuse;
use crate::support::harness::Server;
use crate::support::machine::{in_namespace, skip, succeeds};
use crate::support::tail::{End, Tail};
use crate::support::waiting::eventually;

const BEGIN: &[u8] = b"begin\n";
/// More than goes by copy at once.
const BIG: usize = 500_000;
const OPTIONS: [&str; 4] = ["--threads", "1", "--poll-interval", "20"];

fn complete(reason: &str) -> End {
    End::Complete(reason.into())
}

/// `local` on an ordinary file system, and the directory `mounted`.
fn root_with_directory() -> TempDir {
    let root = TempDir::new();
    append(&root.join("local"), BEGIN);
    fs::create_dir(root.join("mounted")).expect("mkdir");
    root
}

fn mount_fuse(root: &TempDir) -> Option<Fuse> {
    Fuse::mount(&root.join("mounted"))
        .inspect_err(|error| skip(&format!("no FUSE: {error}")))
        .ok()
}

fn assert_cut(tail: &mut Tail, body: &[u8], why: &str) {
    assert_eq!(*tail.end(), End::Cut, "{why}");
    assert!(tail.was_reset(), "{why}: closed");
    assert!(tail.body == body, "{why}: other bytes");
}

/// Somebody who must not notice.
fn lives_on(root: &TempDir, server: &Server, local: &mut Tail) {
    append(&root.join("local"), b"more\n");
    let written = fs::read(root.join("local")).expect("a file");
    local.wait_for(written.len());
    assert!(local.body == written && server.get("/local", &[]).body == written);
    assert_eq!(server.get("/", &[]).status, 200);
}

/// Answers begin, since the first bytes can be read, and break off where that ends. HTTP/1.0 shows that it is a reset,
/// which is all that such a client is told by.
#[test]
fn reads_that_fail() {
    const BAD: u64 = 300_000;
    in_namespace(module_path!(), "reads_that_fail", || {
        let root = root_with_directory();
        let Some(fuse) = mount_fuse(&root) else {
            return;
        };
        fuse.state().create("big", &[b'x'; BIG]);
        fuse.state().create("other", BEGIN);
        let server = Server::with(root.path(), &OPTIONS);
        let mut local = server.tail("/local", 0);
        let mut other = server.tail("/mounted/other", 0);
        for error in [libc::EIO, libc::ESTALE, libc::ENOTCONN, libc::EACCES] {
            fuse.state().create("log", BEGIN);
            let mut tail = server.tail("/mounted/log", 0);
            tail.wait_for(BEGIN.len());
            let fail = |name: &str, from| fuse.state().file(name).reads_fail = Some((from, error));
            fail("big", BAD);
            fail("log", BEGIN.len() as u64);
            fuse.state().file("log").bytes.extend(b"cannot be read\n");
            assert_cut(&mut tail, BEGIN, &format!("error {error}"));
            for range in ["none", "bytes=100000-400000", "bytes=0-"] {
                let mut client = server.connect();
                let request = format!("GET /mounted/big HTTP/1.0\r\nRange: {range}\r\n\r\n");
                client.send(request.as_bytes());
                let head = client.head();
                assert!(head.status < 300, "{head:?}");
                let (_, ending) = client.until_end();
                assert_eq!(ending, Ending::Reset, "error {error}: the end of {range}");
            }
            let begin = "Range: bytes=0-99999";
            assert_eq!(server.get("/mounted/big", &[begin]).body.len(), 100_000);
            let written = {
                let mut state = fuse.state();
                let other = &mut state.file("other").bytes;
                other.extend(b"more\n");
                other.len()
            };
            other.wait_for(written);
            lives_on(&root, &server, &mut local);
            // Repaired.
            fuse.state().file("big").reads_fail = None;
            fuse.state().file("log").reads_fail = None;
            assert_eq!(server.get("/mounted/big", &[]).body.len(), BIG);
            let tag = tail.head.etag();
            let mut resumed = Tail::open(
                server.connect(),
                "/mounted/log",
                BEGIN.len() as u64,
                &[&format!("If-Match: {tag}")],
            );
            resumed.wait_for(b"cannot be read\n".len());
        }
    });
}

/// What the kernel cannot report is found by polling: growth, ends, truncation, and a file that cannot be looked at.
#[test]
fn changes_behind_a_mount() {
    in_namespace(module_path!(), "changes_behind_a_mount", || {
        let root = root_with_directory();
        let Some(fuse) = mount_fuse(&root) else {
            return;
        };
        let names = ["renamed", "unlinked", "replaced", "truncated", "fails"];
        for name in names {
            fuse.state().create(name, BEGIN);
        }
        let server = Server::with(root.path(), &OPTIONS);
        let mut local = server.tail("/local", 0);
        let mut tails = names.map(|name| server.tail(&format!("/mounted/{name}"), 0));
        let mut expected = BEGIN.to_vec();
        for more in [&b"more\n"[..], &[b'x'; BIG], b"last\n"] {
            for name in names {
                fuse.state().file(name).bytes.extend(more);
            }
            expected.extend(more);
            for (tail, name) in tails.iter_mut().zip(names) {
                tail.wait_for(expected.len());
                assert!(tail.body == expected, "{name}: other bytes");
            }
        }
        {
            let mut state = fuse.state();
            state.names.remove("renamed");
            for name in ["unlinked", "replaced"] {
                state.file(name).links = 0;
            }
            state.names.remove("unlinked");
            state.create("replaced", b"the next file\n");
            state.file("truncated").bytes.truncate(1);
            state.file("fails").looks_fail = Some(libc::EIO);
        }
        for (tail, name) in tails.iter_mut().zip(names) {
            match name {
                "truncated" | "fails" => assert_cut(tail, &expected, name),
                _ => assert_eq!(*tail.end(), complete(name)),
            }
            assert!(tail.body == expected, "{name}: other bytes");
        }
        let answer = |name: &str| server.get(&format!("/mounted/{name}"), &[]);
        assert_eq!(answer("renamed").status, 404);
        assert_eq!(answer("replaced").body, b"the next file\n");
        assert_ne!(answer("truncated").etag(), tails[3].head.etag());
        assert_eq!(answer("fails").status, 500);
        lives_on(&root, &server, &mut local);
        assert_eq!(server.log().count("may not report every write"), 1);
    });
}

/// A directory that cannot be read, though a file in it can: nobody knows whose name it is. Without memory to look,
/// nothing is known yet.
#[test]
fn directory_that_fails() {
    in_namespace(module_path!(), "directory_that_fails", || {
        let root = root_with_directory();
        let Some(fuse) = mount_fuse(&root) else {
            return;
        };
        fuse.state().create("log", BEGIN);
        let server = Server::with(root.path(), &OPTIONS);
        let mut local = server.tail("/local", 0);
        for (error, status) in [(libc::EIO, 500), (libc::ESTALE, 500), (libc::EACCES, 403)] {
            let mut tail = server.tail("/mounted/log", 0);
            tail.wait_for(BEGIN.len());
            fuse.state().lookups_fail = Some(error);
            assert_cut(&mut tail, BEGIN, &format!("error {error}"));
            assert_eq!(server.get("/mounted/log", &[]).status, status);
            lives_on(&root, &server, &mut local);
            fuse.state().lookups_fail = None;
        }
        let mut tail = server.tail("/mounted/log", 0);
        fuse.state().lookups_fail = Some(libc::ENOMEM);
        assert_eq!(server.get("/mounted/log", &[]).status, 503);
        fuse.state().file("log").bytes.extend(b"more\n");
        tail.wait_for(b"begin\nmore\n".len());
        fuse.state().file("log").links = 0;
        fuse.state().names.remove("log");
        fuse.state().lookups_fail = None;
        assert_eq!(*tail.end(), complete("unlinked"));
    });
}

/// The process behind a FUSE mount is killed: ENOTCONN everywhere, for ever.
#[test]
fn file_system_that_dies() {
    in_namespace(module_path!(), "file_system_that_dies", || {
        let root = root_with_directory();
        let Some(mut fuse) = mount_fuse(&root) else {
            return;
        };
        fuse.state().create("log", BEGIN);
        // More than the sockets of a client that does not read can hold.
        fuse.state().create("big", &vec![b'x'; 32 << 20]);
        let server = Server::with(root.path(), &OPTIONS);
        let mut local = server.tail("/local", 0);
        let mut tail = server.tail("/mounted/log", 0);
        tail.wait_for(BEGIN.len());
        let mut downloads = ["none", "bytes=0-"].map(|range| {
            let mut client = server.connect();
            let request = format!("GET /mounted/big HTTP/1.0\r\nRange: {range}\r\n\r\n");
            client.send(request.as_bytes());
            assert!(client.head().status < 300);
            client
        });
        fuse.die();
        assert_cut(&mut tail, BEGIN, "dead");
        for download in &mut downloads {
            assert!(download.until_end().1 == Ending::Reset, "a proper end");
        }
        assert_eq!(server.get("/mounted/log", &[]).status, 500);
        lives_on(&root, &server, &mut local);
        drop(fuse);
        assert_eq!(server.get("/mounted/log", &[]).status, 404);
        let fuse = mount_fuse(&root).expect("mounted before");
        fuse.state().create("log", BEGIN);
        let mut again = server.tail("/mounted/log", 0);
        fuse.state().file("log").bytes.extend(b"more\n");
        again.wait_for(b"begin\nmore\n".len());
        lives_on(&root, &server, &mut local);
    });
}

/// A file system that does not answer holds up its worker, and `/health` says so.
#[test]
fn file_system_that_hangs() {
    in_namespace(module_path!(), "file_system_that_hangs", || {
        let root = root_with_directory();
        let Some(fuse) = mount_fuse(&root) else {
            return;
        };
        fuse.state().create("log", BEGIN);
        let private = TempDir::new();
        let admin = private.join("admin");
        let option = format!("--admin=unix:{}", admin.display());
        let server = Server::with(root.path(), &["--threads", "1", &option]);
        let health = || {
            let mut client = UnixStream::connect(&admin).expect("a connection");
            let request = b"GET /health HTTP/1.0\r\n\r\n";
            client.write_all(request).expect("a request");
            let mut answer = String::new();
            client.read_to_string(&mut answer).expect("an answer");
            answer
        };
        let well = |answer: &str| answer.starts_with("HTTP/1.1 200 ");
        assert!(well(&health()));
        // Whoever looks at what it holds keeps it from answering.
        let held = fuse.state();
        let mut client = server.connect();
        client.ask("GET", "/mounted/log", &[]);
        eventually("the worker hangs", || {
            let answer = health();
            assert!(well(&answer) || answer.ends_with("a worker does not answer\n"));
            !well(&answer)
        });
        drop(held);
        assert_eq!(client.response().body, BEGIN);
        eventually("it is well again", || well(&health()));
    });
}

fn mount(arguments: &[&str], place: &Path) {
    let place = place.to_str().expect("UTF-8");
    assert!(
        succeeds("mount", &[arguments, &[place]].concat()),
        "mount {arguments:?}"
    );
}

/// Read-only and back: nobody is disturbed.
#[test]
fn file_system_remounted() {
    in_namespace(module_path!(), "file_system_remounted", || {
        let root = root_with_directory();
        let mounted = root.join("mounted");
        mount(&["-t", "tmpfs", "tmpfs"], &mounted);
        append(&mounted.join("log"), BEGIN);
        let server = Server::with(root.path(), &[]);
        let mut local = server.tail("/local", 0);
        let mut tail = server.tail("/mounted/log", 0);
        mount(&["-o", "remount,bind,ro"], &mounted);
        let write = File::options().append(true).open(mounted.join("log"));
        assert!(write.is_err(), "it can still be written");
        let mut later = server.tail("/mounted/log", 0);
        assert_eq!(server.get("/mounted/log", &[]).body, BEGIN);
        lives_on(&root, &server, &mut local);
        mount(&["-o", "remount,bind,rw"], &mounted);
        append(&mounted.join("log"), b"more\n");
        fs::remove_file(mounted.join("log")).expect("unlink");
        for tail in [&mut tail, &mut later] {
            assert_eq!(*tail.end(), complete("unlinked"));
            assert_eq!(tail.body, b"begin\nmore\n");
        }
    });
}

/// Another directory over the one on the way: the name leads elsewhere, until that is taken away.
#[test]
fn directory_mounted_over() {
    in_namespace(module_path!(), "directory_mounted_over", || {
        let root = root_with_directory();
        let (mounted, above) = (root.join("mounted"), root.join("above"));
        fs::create_dir(&above).expect("mkdir");
        append(&above.join("log"), b"another file\n");
        append(&mounted.join("log"), BEGIN);
        let below = File::options().append(true).open(mounted.join("log"));
        let below = below.expect("a file");
        // Mounting makes no event; one of the file makes the server look.
        let rouse = || below.set_permissions(Permissions::from_mode(0o644));
        let server = Server::with(root.path(), &[]);
        let mut local = server.tail("/local", 0);
        let mut tail = server.tail("/mounted/log", 0);
        mount(&["--bind", above.to_str().expect("UTF-8")], &mounted);
        (&below).write_all(b"last\n").expect("a write");
        rouse().expect("chmod");
        assert_eq!(*tail.end(), complete("renamed"));
        assert_eq!(tail.body, b"begin\nlast\n");
        let mut other = server.tail("/mounted/log", 0);
        assert_ne!(other.head.etag(), tail.head.etag());
        lives_on(&root, &server, &mut local);

        assert!(succeeds(
            "umount",
            &["-l", mounted.to_str().expect("UTF-8")]
        ));
        append(&above.join("log"), b"more\n");
        fs::set_permissions(above.join("log"), Permissions::from_mode(0o600)).expect("chmod");
        assert_eq!(*other.end(), complete("renamed"));
        assert_eq!(other.body, b"another file\nmore\n");
        let again = server.tail("/mounted/log", 0);
        assert_eq!(again.head.etag(), tail.head.etag());
        lives_on(&root, &server, &mut local);
    });
}
