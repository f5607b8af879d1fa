//! What code that runs in the server can no longer do: tried in a child of this test that has given up the same.

use std::ffi::{CString, c_long};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use openrange::os::privileges::{self, Keep};
use openrange::os::system_calls::Capability;

use crate::support::harness::{Server, TempDir, append};
use crate::support::machine::{is_root, skip};

/// The directory of the child, which has `root/log` and `beside`.
const INSIDE: &str = "OPENRANGE_TEST_RESTRICTED";

/// Runs the test of that name in a process of its own.
fn in_child(test: &str, body: impl FnOnce(&Path)) {
    if let Some(directory) = std::env::var_os(INSIDE) {
        return body(Path::new(&directory));
    }
    let directory = TempDir::new();
    fs::create_dir(directory.join("root")).expect("mkdir");
    append(&directory.join("root/log"), b"log");
    append(&directory.join("beside"), b"beside");
    let (_, module) = module_path!().split_once("::").expect("a module");
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args([&format!("{module}::{test}"), "--exact", "--nocapture"])
        .env(INSIDE, directory.path())
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("1 passed"), "{said}{failed}");
}

/// What a system call says, without regard to what it would do.
fn refused(what: &str, call: c_long, arguments: [usize; 6]) {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: the pointers among them are null or lead to strings that live on; the call is to be refused before they are
    // looked at.
    let result = unsafe { libc::syscall(call, a, b, c, d, e, f) };
    let error = std::io::Error::last_os_error();
    assert_eq!(result, -1, "{what} is allowed");
    assert_eq!(error.raw_os_error(), Some(libc::EPERM), "{what}");
}

fn path(path: PathBuf) -> CString {
    CString::new(path.as_os_str().as_bytes()).expect("no NUL")
}

#[test]
fn system_calls() {
    in_child("system_calls", |directory| {
        privileges::drop_capabilities().expect("no capabilities");
        privileges::confine_process(&directory.join("root"), [].into_iter(), [].into_iter())
            .expect("Landlock");
        let filtered = privileges::filter_system_calls(&[Capability::Serve]).expect("a filter");
        if !filtered {
            return skip("no filters for system calls");
        }
        let beside = path(directory.join("beside"));
        let at = beside.as_ptr() as usize;
        let here = libc::AT_FDCWD as usize;
        refused("fchmodat", libc::SYS_fchmodat, [here, at, 0o777, 0, 0, 0]);
        refused("fchmod", libc::SYS_fchmod, [0, 0o777, 0, 0, 0, 0]);
        refused("fchownat", libc::SYS_fchownat, [here, at, 0, 0, 0, 0]);
        refused("setxattr", libc::SYS_setxattr, [at, at, at, 1, 0, 0]);
        refused("utimensat", libc::SYS_utimensat, [here, at, 0, 0, 0, 0]);
        refused("renameat2", libc::SYS_renameat2, [here, at, here, at, 0, 0]);
        refused("linkat", libc::SYS_linkat, [here, at, here, at, 0, 0]);
        refused("mkdirat", libc::SYS_mkdirat, [here, at, 0, 0, 0, 0]);
        refused("truncate", libc::SYS_truncate, [at, 0, 0, 0, 0, 0]);
        for family in [
            libc::AF_UNIX,
            libc::AF_INET,
            libc::AF_INET6,
            libc::AF_PACKET,
        ] {
            for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_RAW] {
                let arguments = [family as usize, kind as usize, 0, 0, 0, 0];
                refused("socket", libc::SYS_socket, arguments);
            }
        }
        refused("connect", libc::SYS_connect, [0; 6]);
        refused("bind", libc::SYS_bind, [0; 6]);
        refused("listen", libc::SYS_listen, [0; 6]);
        refused("sendmsg", libc::SYS_sendmsg, [0; 6]);
        let fast_open = libc::MSG_FASTOPEN as usize;
        refused(
            "MSG_FASTOPEN",
            libc::SYS_sendto,
            [0, at, 1, fast_open, at, 16],
        );
        refused("io_uring", libc::SYS_io_uring_setup, [1, 0, 0, 0, 0, 0]);
        refused(
            "fork",
            libc::SYS_clone,
            [libc::SIGCHLD as usize, 0, 0, 0, 0, 0],
        );
        refused("execve", libc::SYS_execve, [at, 0, 0, 0, 0, 0]);
        refused("kill", libc::SYS_kill, [1, 0, 0, 0, 0, 0]);
        refused("ptrace", libc::SYS_ptrace, [0; 6]);
        refused("mount", libc::SYS_mount, [at, at, 0, 0, 0, 0]);
        refused("setsockopt", libc::SYS_setsockopt, [0, 6, 1, at, 4, 0]);
        refused(
            "ioctl",
            libc::SYS_ioctl,
            [0, libc::TIOCSTI as usize, at, 0, 0, 0],
        );
        refused(
            "fcntl",
            libc::SYS_fcntl,
            [0, libc::F_SETOWN as usize, 1, 0, 0, 0],
        );
        let limit = [0, libc::RLIMIT_NOFILE as usize, at, 0, 0, 0];
        refused("prlimit", libc::SYS_prlimit64, limit);
        // What it needs is left, threads too.
        let log = directory.join("root/log");
        let read = thread::spawn(move || fs::read(log));
        assert_eq!(read.join().expect("a thread").expect("a file"), b"log");
        let log = fs::File::open(directory.join("root/log")).expect("a file");
        rustix::fs::fadvise(log, 0, None, rustix::fs::Advice::DontNeed).expect("fadvise");
    });
}

/// A thread that works for clients has ROOT, and the process what is kept besides.
#[test]
fn files() {
    in_child("files", |directory| {
        let (root, kept) = (directory.join("root"), TempDir::new());
        append(&kept.join("tokens"), b"tokens");
        let tokens = kept.join("tokens");
        let keep = [(&*tokens, Keep::Read)];
        privileges::confine_process(&root, keep.into_iter(), std::iter::empty()).expect("Landlock");
        if rustix::fs::openat(
            rustix::fs::CWD,
            "/etc/passwd",
            rustix::fs::OFlags::RDONLY,
            0.into(),
        )
        .is_ok()
        {
            return skip("no Landlock");
        }
        let write = |path: &Path| File::options().append(true).open(path).is_ok();
        assert!(fs::read(&tokens).is_ok() && !write(&tokens));
        assert!(fs::read(root.join("log")).is_ok() && !write(&root.join("log")));
        assert!(File::create(root.join("new")).is_err());
        let opened = File::open(&root).expect("ROOT");
        let beside = directory.join("beside");
        let worker = thread::spawn(move || {
            privileges::confine_thread(Some(opened.as_fd()), false).expect("Landlock");
            assert!(fs::read(root.join("log")).is_ok());
            assert!(fs::read(&tokens).is_err() && fs::read(&beside).is_err());
        });
        worker.join().expect("a worker");
        let (log, beside) = (directory.join("root/log"), directory.join("beside"));
        let mut open = File::open(&log).expect("a file");
        let admin = thread::spawn(move || {
            privileges::confine_thread(None, false).expect("Landlock");
            assert!(fs::read(&log).is_err() && fs::read(&beside).is_err());
            let mut text = String::new();
            open.read_to_string(&mut text).expect("what is open");
            assert_eq!(text, "log");
        });
        admin.join().expect("another thread");
    });
}

/// What sends notifications reads one directory, replaces one file, and connects to the ports that it is to.
#[test]
fn of_a_sender() {
    in_child("of_a_sender", |directory| {
        let state = TempDir::new();
        let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let (listed, other) = (listen(), listen());
        let port = |listener: &TcpListener| listener.local_addr().expect("an address").port();
        let root = directory.join("root");
        let ports = [port(&listed)];
        privileges::confine_sender(&[&root], &state.join("state"), &ports).expect("Landlock");
        if fs::read(directory.join("beside")).is_ok() {
            return skip("no Landlock");
        }
        assert_eq!(fs::read(root.join("log")).expect("a file"), b"log");
        assert!(File::create(root.join("new")).is_err());
        fs::write(state.join("new"), b"1").expect("a new file");
        fs::write(state.join("new"), b"2").expect("the same, truncated");
        fs::rename(state.join("new"), state.join("state")).expect("its name");
        let connect = |port| TcpStream::connect(("127.0.0.1", port));
        connect(ports[0]).expect("a port that is listed");
        // Before ABI 4 Landlock has no say in it.
        match connect(port(&other)) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied),
            Ok(_) => skip("no Landlock for connections"),
        }
    });
}

/// All threads of a server are under the filter and have no capabilities, whoever they are.
#[test]
fn of_the_server() {
    let root = TempDir::new();
    let fields = ["CapInh", "CapPrm", "CapEff", "CapAmb"];
    let server = Server::with(&root, &["--admin", "127.0.0.1:0"]);
    let tasks = fs::read_dir(format!("/proc/{}/task", server.running.id())).expect("threads");
    for task in tasks.flatten() {
        let status = fs::read_to_string(task.path().join("status")).expect("a status");
        let field = |name: &str| {
            let mut lines = status.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            value.expect("a field").trim().to_string()
        };
        assert_eq!(field("Seccomp"), "2");
        for name in fields {
            assert_eq!(field(name), "0000000000000000", "{name}");
        }
        if is_root() {
            assert_eq!(field("CapBnd"), "0000000000000000");
        }
    }
    let server = Server::with(&root, &["--no-sandbox"]);
    assert_eq!(server.running.status("Seccomp"), "0");
}
