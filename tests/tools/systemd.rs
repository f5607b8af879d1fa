//! Sockets that are passed as systemd passes them, and notices to whoever started the server.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::net::{Shutdown, listen, shutdown};
use rustix::process::Signal;

use crate::support::client::{Client, get};
use crate::support::harness::{PATIENCE, Running, Server, TempDir, openrange, until};
use crate::support::machine::free_port;

const BINARY: &str = env!("CARGO_BIN_EXE_openrange");

/// The program with these descriptors as 3, 4 and so on, and `LISTEN_PID` its own, as systemd does it.
fn activated(sockets: &[&dyn AsFd], arguments: &[&str]) -> Command {
    let mut command = passing(sockets, "LISTEN_PID=$$", arguments);
    command.env("LISTEN_FDS", sockets.len().to_string());
    command
}

/// The same with other words for `LISTEN_PID`, and without `LISTEN_FDS`.
fn passing(sockets: &[&dyn AsFd], pid: &str, arguments: &[&str]) -> Command {
    let script = format!("{pid} exec \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh", BINARY])
        .args(arguments)
        .env_remove("RUST_LOG")
        .env_remove("NOTIFY_SOCKET");
    let given: Vec<i32> = sockets
        .iter()
        .map(|socket| socket.as_fd().as_raw_fd())
        .collect();
    // Room for what happens between fork and exec.
    let mut high = vec![0; given.len()];
    // SAFETY: only fcntl and dup2, which may be called between fork and exec; nothing is allocated.
    unsafe {
        command.pre_exec(move || {
            for (fd, high) in given.iter().zip(&mut high) {
                *high = libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, 100);
            }
            for (target, high) in (3..).zip(&high) {
                if libc::dup2(*high, target) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    command
}

fn tcp() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// The announced addresses, as the client takes them.
fn announced(server: &Server, count: usize) -> Vec<String> {
    let lines = until("all announcements", || {
        let lines = server.running.stdout.all();
        (lines.len() >= count).then_some(lines)
    });
    assert_eq!(lines.len(), count, "{lines:?}");
    lines
        .iter()
        .map(|line| line.strip_prefix("listening on ").expect("announcement"))
        .map(|address| match address.strip_prefix("http://") {
            Some(address) => address.trim_end_matches('/').to_string(),
            None => address.to_string(),
        })
        .collect()
}

#[test]
fn passed_sockets_are_served_instead_of_the_default() {
    let dir = TempDir::with("log", "x");
    let sockets = TempDir::new();
    let path = sockets.join("s");
    let unix = UnixListener::bind(&path).expect("bind");
    let ((first, first_address), (second, second_address)) = (tcp(), tcp());
    let root = dir.path().display().to_string();
    for options in [&["--threads", "3"][..], &["--threads", "1"]] {
        let arguments = [options, &[&root]].concat();
        let mut server = Server::launch(activated(&[&first, &unix, &second], &arguments));
        let expected = [
            first_address.clone(),
            format!("unix:{}", path.display()),
            second_address.clone(),
        ];
        assert_eq!(announced(&server, 3), expected);
        for address in expected {
            let mut client = Client::to(&address);
            assert_eq!(client.get("/log", &[]).body, b"x", "{address}");
            client.tail("/log", &["Range: bytes=1-"]);
            dir.append("log", "y");
            assert_eq!(client.take(1), b"y", "{address}");
            dir.write("log", "x");
        }
        server.running.signal(Signal::TERM);
        assert_eq!(server.running.wait().code(), Some(0));
        assert!(path.exists(), "not ours to remove");
    }
}

#[test]
fn an_address_is_listened_at_besides() {
    let dir = TempDir::with("log", "x");
    let (listener, address) = tcp();
    let root = dir.path().display().to_string();
    let arguments = ["--listen", "127.0.0.1:0", &root];
    let server = Server::launch(activated(&[&listener], &arguments));
    let addresses = announced(&server, 2);
    assert_eq!(addresses[0], address);
    for address in addresses {
        assert_eq!(Client::to(&address).get("/log", &[]).body, b"x");
    }
}

#[test]
fn an_abstract_socket_is_named_with_an_at_sign() {
    let dir = TempDir::with("log", "x");
    let name = format!("openrange-listen-{}", std::process::id());
    let address = UnixAddr::from_abstract_name(&name).expect("a name");
    let listener = UnixListener::bind_addr(&address).expect("bind");
    let root = dir.path().display().to_string();
    let server = Server::launch(activated(&[&listener], &[&root]));
    assert_eq!(announced(&server, 1), [format!("unix:@{name}")]);
}

/// Whoever has lent a socket shuts it down: the server does not spin, serves at the others, and at this one when it listens again.
#[test]
fn a_socket_that_is_shut_down_and_listens_again() {
    let dir = TempDir::with("log", "x");
    let root = dir.path().display().to_string();
    // A port that was asked for stays with its socket.
    let lent = TcpListener::bind(("127.0.0.1", free_port())).expect("bind");
    let (other, _) = tcp();
    let mut server = Server::launch(activated(&[&lent, &other], &["--threads", "2", &root]));
    let addresses = announced(&server, 2);
    assert_eq!(Client::to(&addresses[0]).get("/log", &[]).body, b"x");
    shutdown(&lent, Shutdown::Both).expect("shutdown");
    let told = [&*addresses[0], "accepts no connections"];
    server.log().wait_for(&told);
    let before = server.running.ticks();
    let clock = Server::with(&dir, &["--header-timeout", "2"]);
    Client::new(&clock).response().assert_error(408);
    let used = server.running.ticks() - before;
    assert!(used < 30, "{used} ticks of 10 ms in two seconds");
    assert_eq!(Client::to(&addresses[1]).get("/log", &[]).body, b"x");
    listen(&lent, 16).expect("listen");
    assert_eq!(Client::to(&addresses[0]).get("/log", &[]).body, b"x");
    server.log().wait_for(&["accepts connections again"]);
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    // Once by each worker.
    assert_eq!(server.log().count(told[1]), 2);
}

/// What was meant for another process is none of ours.
#[test]
fn sockets_of_another_process_are_not_taken() {
    let dir = TempDir::with("log", "x");
    let (listener, passed) = tcp();
    let root = dir.path().display().to_string();
    for pid in ["LISTEN_PID=1", ""] {
        let mut command = passing(&[&listener], pid, &["--listen", "127.0.0.1:0", &root]);
        command.env("LISTEN_FDS", "1").env_remove("LISTEN_PID");
        let server = Server::launch(command);
        assert_ne!(announced(&server, 1)[0], passed);
        assert_eq!(get(&server, "/log", &[]).body, b"x");
    }
}

#[test]
fn what_is_no_listener_is_one_line_and_status_1() {
    let dir = TempDir::with("file", "x");
    let root = dir.path().display().to_string();
    let (listener, address) = tcp();
    let file = fs::File::open(dir.join("file")).expect("open");
    let datagrams = UdpSocket::bind("127.0.0.1:0").expect("bind");
    let connected = TcpStream::connect(&address).expect("connect");
    let table: &[(&[&dyn AsFd], &str, &str, &str)] = &[
        (&[&listener], "LISTEN_PID=$$", "2", "descriptor 4"),
        (&[&listener, &file], "LISTEN_PID=$$", "2", "descriptor 4"),
        (&[&datagrams], "LISTEN_PID=$$", "1", "descriptor 3"),
        (&[&connected], "LISTEN_PID=$$", "1", "descriptor 3"),
        (&[&listener], "LISTEN_PID=$$", "4000000000", "descriptor 4"),
        (&[&listener], "LISTEN_PID=$$", "many", "LISTEN_FDS=many"),
        (&[&listener], "LISTEN_PID=me", "1", "LISTEN_PID=me"),
    ];
    for (sockets, pid, count, named) in table {
        let mut command = passing(sockets, pid, &[&root]);
        command.env("LISTEN_FDS", count);
        let mut running = Running::new(command);
        assert_eq!(running.wait().code(), Some(1), "{named}");
        assert_eq!(running.stdout.all(), Vec::<String>::new(), "{named}");
        let lines = running.stderr.all();
        assert!(
            lines.len() == 1 && lines[0].contains(named),
            "{named}: {lines:?}"
        );
    }
}

/// One notice, as lines.
fn notice(socket: &UnixDatagram) -> Vec<String> {
    let mut buffer = [0; 1024];
    let count = socket.recv(&mut buffer).expect("a notice");
    let text = std::str::from_utf8(&buffer[..count]).expect("text");
    text.lines().map(str::to_string).collect()
}

fn monotonic() -> u128 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: one timespec, which outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    u128::try_from(now.tv_sec).expect("after boot") * 1_000_000
        + u128::try_from(now.tv_nsec).expect("of a second") / 1_000
}

#[test]
fn the_service_manager_is_told_of_every_state() {
    let dir = TempDir::with("log", "x");
    let sockets = TempDir::new();
    let path = sockets.join("notify");
    let by_path = UnixDatagram::bind(&path).expect("bind");
    let name = format!("openrange-notify-{}", std::process::id());
    let abstract_name = UnixAddr::from_abstract_name(&name).expect("a name");
    let by_name = UnixDatagram::bind_addr(&abstract_name).expect("bind");
    for (socket, address) in [
        (by_path, path.display().to_string()),
        (by_name, format!("@{name}")),
    ] {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut command = openrange(&["--listen", "127.0.0.1:0"]);
        command.arg(dir.path()).env("NOTIFY_SOCKET", &address);
        let mut server = Server::launch(command);
        assert_eq!(notice(&socket), ["READY=1"], "{address}");
        let before = monotonic();
        server.running.signal(Signal::HUP);
        let reloading = notice(&socket);
        let [state, time] = reloading.as_slice() else {
            panic!("{reloading:?}");
        };
        assert_eq!(state, "RELOADING=1");
        let time = time.strip_prefix("MONOTONIC_USEC=").expect("a time");
        let time: u128 = time.parse().expect("a number");
        assert!(before <= time && time <= monotonic(), "{before} {time}");
        assert_eq!(notice(&socket), ["READY=1"], "{address}");
        assert_eq!(get(&server, "/log", &[]).body, b"x", "SIGHUP ends nothing");
        server.running.signal(Signal::TERM);
        assert_eq!(notice(&socket), ["STOPPING=1"], "{address}");
        assert_eq!(server.running.wait().code(), Some(0));
    }
}

#[test]
fn an_address_for_notices_that_cannot_be_used_is_said() {
    let dir = TempDir::with("log", "x");
    for address in ["/nowhere/at/all", "vsock:2:1", ""] {
        let mut command = openrange(&["--listen", "127.0.0.1:0"]);
        command.arg(dir.path()).env("NOTIFY_SOCKET", address);
        let server = Server::launch(command);
        server.log().wait_for(&["NOTIFY_SOCKET", address]);
        assert_eq!(get(&server, "/log", &[]).body, b"x");
    }
}

const RESTARTS: usize = 8;

/// Connects and asks once. `None`: the connection ended without an answer, as it may when a server ends that has no
/// request yet.
fn ask(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).expect("no connection is ever refused");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = b"GET /log HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    let result = stream
        .write_all(request)
        .and_then(|()| stream.read_to_string(&mut answer));
    match result {
        Ok(_) if answer.is_empty() => None,
        Ok(_) => Some(answer),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe if answer.is_empty() => None,
            _ => panic!("{error} after {answer:?}"),
        },
    }
}

/// Whoever holds the socket keeps the queue: while no server runs, clients wait, and the next server serves them.
#[test]
fn a_restart_refuses_no_connection() {
    let dir = TempDir::with("log", "x");
    let root = dir.path().display().to_string();
    let (listener, address) = tcp();
    let held: OwnedFd = listener.into();
    let address: SocketAddr = address.parse().expect("an address");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut answers = 0;
                    while !done.load(Ordering::Acquire) {
                        if let Some(answer) = ask(address) {
                            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("x"));
                            answers += 1;
                        }
                    }
                    answers
                })
            })
            .collect();
        for _ in 0..RESTARTS {
            let command = activated(&[&held], &["--threads", "2", &root]);
            let mut server = Server::launch(command);
            server.log().wait_for(&["GET /log"]);
            server.running.signal(Signal::TERM);
            assert_eq!(server.running.wait().code(), Some(0));
        }
        // The last clients wait in the queue for it.
        done.store(true, Ordering::Release);
        let _server = Server::launch(activated(&[&held], &[&root]));
        let answers = clients.into_iter().map(|client| client.join());
        let answers: usize = answers.map(|count| count.expect("a client")).sum();
        assert!(answers >= RESTARTS, "{answers}");
    });
}

/// The tool that comes with systemd, where it is installed.
#[test]
fn started_by_systemd_socket_activate() {
    let dir = TempDir::with("log", "x");
    let sockets = TempDir::new();
    let path = sockets.join("s");
    let mut command = Command::new("systemd-socket-activate");
    command.arg("--listen").arg(&path).arg(BINARY);
    command.arg(dir.path()).env_remove("RUST_LOG");
    if Command::new("systemd-socket-activate")
        .arg("--version")
        .output()
        .is_err()
    {
        // Not eprintln!, which the test runner would keep to itself.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: there is no systemd-socket-activate"
        );
        return;
    }
    let running = Running::new(command);
    let address = format!("unix:{}", path.display());
    // Starts the server with the first connection.
    let mut client = until("the socket", || Client::try_to(&address).ok());
    assert_eq!(client.get("/log", &[]).body, b"x");
    running.stdout.wait_for(&["listening on ", &address]);
}
