//! From a target to a file, and never out of the root.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use rustix::fs::{FileType, Mode};

use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir, openrange, until};

#[test]
fn a_target_is_decoded_once() {
    let dir = TempDir::new();
    dir.mkdir("sub");
    let files = [
        "plain",
        "with space",
        "per%cent",
        "per%41",
        "q?mark",
        "ha#sh",
        "pl+us",
        "col:on",
        "Gr\u{fc}n",
        "sub/x",
    ];
    for name in files {
        dir.write(name, name);
    }
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let table = [
        ("/plain", "plain"),
        ("/pl%61in", "plain"),
        ("/plain?query", "plain"),
        ("/plain?../../etc/passwd", "plain"),
        ("//plain", "plain"),
        ("/./plain", "plain"),
        ("/sub/../plain", "plain"),
        ("/sub/%2e%2E/plain", "plain"),
        ("/sub//x", "sub/x"),
        ("/with%20space", "with space"),
        ("/per%25cent", "per%cent"),
        ("/per%2541", "per%41"),
        ("/q%3Fmark", "q?mark"),
        ("/ha%23sh", "ha#sh"),
        ("/pl+us", "pl+us"),
        ("/col:on", "col:on"),
        ("/Gr%C3%BCn", "Gr\u{fc}n"),
    ];
    for (target, name) in table {
        let response = client.get(target, &[]);
        assert_eq!(
            (response.status, response.body.as_slice()),
            (200, name.as_bytes()),
            "{target}"
        );
    }
}

#[test]
fn a_target_that_leaves_the_root_or_hides_something_is_refused() {
    let outer = TempDir::with("secret", "secret");
    outer.mkdir("root/sub");
    outer.write("root/log", "x");
    outer.write("root/.hidden", "secret");
    outer.mkdir("root/.git");
    outer.write("root/.git/config", "secret");
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(outer.join("root"));
    let server = Server::launch(command);
    let targets = [
        "/..",
        "/../secret",
        "/../root/log",
        "/sub/../../secret",
        "/%2e%2e/secret",
        "/sub/..%2f..%2fsecret",
        "/..%2fsecret",
        "/sub%2f../log",
        "/%2flog",
        "/sub%2Fx",
        "/..%5csecret",
        "/log%00",
        "/log%00.txt",
        "/%00",
        "/.hidden",
        "/%2ehidden",
        "/.git/config",
        "/.git/",
        "/.git",
        "/sub/../.hidden",
        "/...",
        "/log/",
        "/log/.",
        "/log/x",
        "/log%",
        "/log%4",
        "/log%zz",
        "/missing",
        "/missing/",
        "/missing/x",
        "/%252e%252e/secret",
        "http://here/../secret",
        "/sub/.",
        "/LOG",
    ];
    for target in targets {
        let response = get(&server, target, &[]);
        if target == "/sub/." {
            assert!([200, 301].contains(&response.status), "this one is there");
            continue;
        }
        assert!(
            [400, 404].contains(&response.status),
            "{target}: {:?}",
            response.head
        );
        response.assert_error(response.status);
    }
}

#[test]
fn symbolic_links_are_followed_within_the_root_only() {
    let outer = TempDir::with("secret", "secret");
    outer.mkdir("root/sub/deep");
    outer.write("root/log", "inside");
    outer.write("root/sub/file", "inside");
    for (target, name) in [
        (Path::new("log"), "to-file"),
        (Path::new("sub"), "to-directory"),
        (Path::new("../log"), "sub/up"),
        (Path::new("../../log"), "sub/deep/up"),
        (Path::new("to-file"), "to-link"),
        (Path::new("../secret"), "out"),
        (Path::new("../root/log"), "out-and-in"),
        (Path::new("../../secret"), "sub/out"),
        (Path::new(".."), "parent"),
        (Path::new("/etc/passwd"), "absolute"),
        (Path::new("/proc/self/root"), "magic"),
        (Path::new("loop"), "loop"),
        (Path::new("pong"), "ping"),
        (Path::new("ping"), "pong"),
        (Path::new("nowhere"), "dangling"),
        (Path::new("out"), "to-out"),
    ] {
        outer.symlink(target, &format!("root/{name}"));
    }
    outer.symlink(outer.join("secret"), "root/absolute-out");
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(outer.join("root"));
    let server = Server::launch(command);
    let mut client = Client::new(&server);
    for target in [
        "/to-file",
        "/to-directory/file",
        "/sub/up",
        "/sub/deep/up",
        "/to-link",
        "/to-directory/deep/up",
    ] {
        assert_eq!(client.get(target, &[]).body, b"inside", "{target}");
        client.tail(target, &["Range: bytes=0-"]);
        assert_eq!(client.take(6), b"inside", "{target}");
        client = Client::new(&server);
    }
    let refused = [
        "/out",
        "/out-and-in",
        "/sub/out",
        "/parent/secret",
        "/parent/",
        "/absolute",
        "/magic/etc/passwd",
        "/loop",
        "/ping",
        "/dangling",
        "/absolute-out",
        "/to-out",
        "/loop/x",
    ];
    for target in refused {
        for fields in [&[][..], &["Range: bytes=0-"]] {
            let response = client.get(target, fields);
            assert!(
                [403, 404].contains(&response.status),
                "{target}: {}",
                response.status
            );
            response.assert_error(response.status);
        }
    }
}

fn make(dir: &TempDir, name: &str, kind: FileType) {
    let path = dir.join(name);
    rustix::fs::mknodat(rustix::fs::CWD, path, kind, Mode::from_raw_mode(0o666), 0).expect("mknod");
}

#[test]
fn what_is_no_regular_file_is_403_and_never_blocks() {
    let dir = TempDir::with("log", "x");
    make(&dir, "fifo", FileType::Fifo);
    make(&dir, "socket", FileType::Socket);
    dir.symlink("fifo", "link");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut client = Client::new(&server);
    for target in ["/fifo", "/socket", "/link"] {
        for fields in [&[][..], &["Range: bytes=0-"], &["Range: bytes=0-5"]] {
            client.get(target, fields).assert_error(403);
        }
        assert_eq!(client.head_of(target, &[]).status, 403);
    }
    assert_eq!(client.get("/log", &[]).body, b"x");
}

#[test]
fn a_writer_that_waits_at_a_fifo_is_not_let_through() {
    let dir = TempDir::new();
    make(&dir, "fifo", FileType::Fifo);
    let server = Server::start(&dir);
    let (sender, thread_name) = mpsc::channel();
    let path = dir.join("fifo");
    let through = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&through);
    let writer = thread::spawn(move || {
        let name = std::fs::read_link("/proc/thread-self").expect("a link");
        sender.send(name).expect("the test waits");
        let mut fifo = File::create(path)?;
        flag.store(true, Ordering::SeqCst);
        fifo.write_all(b"for the true reader")
    });
    let status = Path::new("/proc")
        .join(thread_name.recv().expect("a thread"))
        .join("stat");
    until("the writer to wait", || {
        let status = std::fs::read_to_string(&status).ok()?;
        status.contains(") S ").then_some(())
    });
    // Many, so that a writer that is let through has the time to say so.
    for _ in 0..100 {
        for fields in [&[][..], &["Range: bytes=0-"]] {
            get(&server, "/fifo", fields).assert_error(403);
        }
    }
    assert!(!through.load(Ordering::SeqCst), "the server opened it");
    assert_eq!(
        std::fs::read(dir.join("fifo")).expect("read"),
        b"for the true reader"
    );
    writer.join().expect("the writer").expect("its write");
}

#[test]
fn what_cannot_be_read_is_403() {
    let dir = TempDir::with("closed", "secret");
    dir.chmod("closed", 0o000);
    dir.mkdir("sub");
    dir.write("sub/log", "secret");
    dir.chmod("sub", 0o000);
    dir.write("open", "x");
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(dir.path());
    // SAFETY: prctl is async-signal-safe. Root could read everything: the program is started without these powers.
    unsafe {
        command.pre_exec(|| {
            const CAP_DAC_OVERRIDE: libc::c_ulong = 1;
            const CAP_DAC_READ_SEARCH: libc::c_ulong = 2;
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0);
            Ok(())
        });
    }
    let server = Server::launch(command);
    let mut client = Client::new(&server);
    for target in ["/closed", "/sub/log", "/sub/"] {
        for fields in [&[][..], &["Range: bytes=0-"]] {
            client.get(target, fields).assert_error(403);
        }
    }
    assert_eq!(client.get("/open", &[]).body, b"x");
    dir.chmod("sub", 0o700);
}
