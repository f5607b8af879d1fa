//! What may go wrong at the start, and behind it: nothing is half-started, and nobody else decides how long it takes.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{FlockOperation, flock};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use crate::support::client::get;
use crate::support::harness::{Running, Server, TempDir, openrange, run, until};
use crate::support::machine::{is_root, skip};

fn limit(command: &mut Command, resource: Resource, value: u64) {
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    let set = move || setrlimit(resource, limit).map_err(Into::into);
    // SAFETY: setrlimit is async-signal-safe.
    unsafe { command.pre_exec(set) };
}

/// Each thread that the system refuses is one line and status 1, before anything is announced; nothing is left behind.
#[test]
fn refused_threads() {
    if !is_root() {
        return skip("only root can start a program as a user who has no other processes");
    }
    let (dir, run) = (TempDir::with("log", "x"), TempDir::new());
    fs::set_permissions(run.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
    // Where that user may read it.
    let program = run.join("openrange");
    // By a process of its own: else a program that another test starts just then has the copy open for writing, and nobody
    // can run it (ETXTBSY).
    let binary = env!("CARGO_BIN_EXE_openrange");
    let copied = Command::new("cp").arg(binary).arg(&program).status();
    assert!(copied.expect("cp").success());
    let socket = run.join("socket");
    // Of this process alone: those of a user are counted together, also those that another run of these tests has started.
    let user = 50_000 + std::process::id() % 10_000;
    let mut started = false;
    for threads in 1..=8 {
        let mut command = Command::new(&program);
        command
            .args(["--threads", "3", "--access-log", "/dev/null"])
            .args(["--admin", &format!("unix:{}", run.join("admin").display())])
            .args(["--listen", &format!("unix:{}", socket.display())])
            .arg(dir.path())
            .env_remove("RUST_LOG");
        command.uid(user).gid(user);
        limit(&mut command, Resource::Nproc, threads);
        let mut running = Running::new(command);
        let lines = until("an end or an announcement", || {
            let lines = running.stdout.all();
            (!lines.is_empty() || socket_gone(&mut running)).then_some(lines)
        });
        if !lines.is_empty() {
            started = true;
            running.stdout.wait_for(&["admin on "]);
            running.signal(Signal::TERM);
            assert_eq!(running.wait().code(), Some(0));
            continue;
        }
        assert_eq!(running.wait().code(), Some(1), "{threads} threads");
        assert_eq!(running.stdout.all(), [""; 0]);
        let said = running.stderr.all();
        assert_eq!(said.len(), 1, "{said:#?}");
        assert!(said[0].contains("cannot"), "{said:#?}");
        assert!(!socket.exists() && !run.join("admin").exists());
    }
    assert!(started, "no limit was enough");
}

fn socket_gone(running: &mut Running) -> bool {
    !running.stderr.all().is_empty() && running.ended().is_some()
}

/// Anybody who may open the directory of a socket can lock it.
#[test]
fn a_locked_directory() {
    let (dir, run) = (TempDir::with("log", "x"), TempDir::new());
    let lock = File::open(run.path()).expect("the directory");
    flock(&lock, FlockOperation::LockExclusive).expect("a lock");
    let address = format!("unix:{}", run.join("socket").display());
    let mut command = openrange(&["--listen", &address]);
    command.arg(dir.path());
    let server = Server::launch(command);
    server.log().wait_for(&["another process keeps", "locked"]);
}

/// A server whose queue is full is alive.
#[test]
fn a_socket_with_a_full_queue() {
    let (dir, run) = (TempDir::new(), TempDir::new());
    let path = run.join("socket");
    let listener = net::socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    net::bind(&listener, &SocketAddrUnix::new(&path).expect("a name")).expect("bind");
    net::listen(&listener, 0).expect("listen");
    let _first = UnixStream::connect(&path).expect("a connection");
    let flags = net::SocketFlags::NONBLOCK;
    let second = net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    let name = SocketAddrUnix::new(&path).expect("a name");
    assert!(net::connect(second.expect("a socket"), &name).is_err());
    let mut command = openrange(&["--listen", &format!("unix:{}", path.display())]);
    command.arg(dir.path());
    let mut running = Running::new(command);
    assert_eq!(running.wait().code(), Some(1));
    let said = running.stderr.all();
    assert!(said[0].contains("a server is listening there"), "{said:#?}");
    assert!(path.exists());
}

/// The mode is that of the socket from its first moment, whatever the umask.
#[test]
fn modes_of_sockets() {
    let (dir, run) = (TempDir::new(), TempDir::new());
    for (mode, umask) in [(0o600, 0o022), (0o666, 0o077), (0o000, 0), (0o777, 0o777)] {
        let path = run.join(format!("socket-{mode:o}"));
        let mut command = openrange(&["--listen"]);
        command.arg(format!("unix:{},mode={mode:o}", path.display()));
        command.arg(dir.path());
        let set = move || {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
            Ok(())
        };
        // SAFETY: umask is async-signal-safe.
        unsafe { command.pre_exec(set) };
        let _server = Server::launch(command);
        let found = fs::symlink_metadata(&path).expect("a socket").permissions();
        assert_eq!(found.mode() & 0o7777, mode, "{mode:o} with umask {umask:o}");
    }
}

/// A file that may not grow any more is a failed write and not the end of the server.
#[test]
fn a_log_at_the_largest_size() {
    let (dir, logs) = (TempDir::with("log", "x"), TempDir::new());
    let path = logs.join("access");
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--access-log"]);
    command.arg(&path).arg(dir.path());
    limit(&mut command, Resource::Fsize, 1000);
    let server = Server::launch(command);
    for _ in 0..100 {
        assert_eq!(get(&server, "/log", &[]).status, 200);
    }
    server.log().wait_for(&["cannot write the access log"]);
    assert_eq!(fs::metadata(&path).expect("a log").len(), 1000);
    let said = server.log().all();
    let said = said.iter().filter(|line| line.contains("cannot write"));
    assert_eq!(said.count(), 1);

    let path = logs.join("stderr");
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(dir.path());
    command.env("RUST_LOG", "info");
    let file = File::create(&path).expect("a file");
    let redirect = move || {
        // SAFETY: integers only.
        match unsafe { libc::dup2(file.as_raw_fd(), 2) } {
            2 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        }
    };
    // SAFETY: dup2 is async-signal-safe.
    unsafe { command.pre_exec(redirect) };
    limit(&mut command, Resource::Fsize, 1000);
    let mut server = Server::launch(command);
    for _ in 0..100 {
        assert_eq!(get(&server, "/log", &[]).status, 200);
    }
    assert_eq!(fs::metadata(&path).expect("a log").len(), 1000);
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
}

/// The root of the file system is a directory like others, wherever the server was started.
#[test]
fn the_root_of_the_file_system() {
    let dir = TempDir::with("log", "x\n");
    let path = fs::canonicalize(dir.join("log")).expect("a path");
    for root in ["/", "//", "/tmp/.."] {
        let mut command = openrange(&["--listen", "127.0.0.1:0", root]);
        command.current_dir(dir.path());
        let server = Server::launch(command);
        let response = get(&server, path.to_str().expect("UTF-8"), &[]);
        assert_eq!(response.status, 200, "{root}");
    }
}

/// Whoever starts it, the error is the only line.
#[test]
fn one_line_says_what_cannot_be_used() {
    let dir = TempDir::new();
    dir.mkdir("closed");
    dir.chmod("closed", 0);
    let (code, err) = run(&[
        "--listen",
        "127.0.0.1:0",
        &dir.join("closed").display().to_string(),
    ]);
    assert_eq!(code, Some(1));
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(err.contains("closed"), "{err}");
}
