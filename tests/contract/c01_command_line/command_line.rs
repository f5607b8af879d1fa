//! Arguments, announcements, exit statuses and signals.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use rustix::process::Signal;

use crate::support::client::{Client, Ending, get};
use crate::support::harness::{Running, Server, TempDir, openrange, pattern, until};

/// What a run that ends by itself says.
struct Outcome {
    status: Option<i32>,
    stdout: Vec<String>,
    stderr: Vec<String>,
}

fn run(command: Command) -> Outcome {
    let mut running = Running::new(command);
    let status = running.wait().code();
    Outcome {
        status,
        stdout: running.stdout.all(),
        stderr: running.stderr.all(),
    }
}

#[test]
fn help_and_version_are_printed_on_stdout() {
    for (option, text) in [
        ("--help", "--listen"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let outcome = run(openrange(&[option]));
        assert_eq!(outcome.status, Some(0), "{option}");
        assert!(
            outcome.stdout.iter().any(|line| line.contains(text)),
            "{option}"
        );
        assert_eq!(outcome.stderr, Vec::<String>::new(), "{option}");
    }
    let help = run(openrange(&["--help"])).stdout.join("\n");
    for option in [
        "--listen",
        "--threads",
        "--header-timeout",
        "--idle-timeout",
        "--send-timeout",
        "--max-connections",
        "--grace",
        "--help",
        "--version",
    ] {
        assert!(help.contains(option), "{option}");
    }
}

#[test]
fn wrong_usage_is_one_line_that_names_it_and_status_2() {
    let table: &[(&[&str], &str)] = &[
        (&["--nonsense"], "--nonsense"),
        (&["-x"], "-x"),
        (&["--listen"], "--listen"),
        (&["--listen", "nowhere"], "nowhere"),
        (&["--listen", "127.0.0.1"], "127.0.0.1"),
        (&["--listen", "127.0.0.1:99999"], "99999"),
        (&["--listen", "unix:"], "unix:"),
        (&["--threads", "0"], "--threads"),
        (&["--threads", "many"], "many"),
        (&["--header-timeout", "soon"], "soon"),
        (&["--idle-timeout", "-1"], "-1"),
        (&["--send-timeout", "nan"], "nan"),
        (&["--max-connections", "x"], "--max-connections"),
        (&["--grace", "1e400"], "1e400"),
        (&["a", "b"], "b"),
        (&["serve", "logs"], "did you mean openrange DIR?"),
        (&["help", "follow"], "did you mean openrange --help?"),
        (&["http://h/", "copy"], "did you mean openrange follow URL?"),
        (
            &["follow", "http://h/log?lines=10"],
            "leave out ? or # and what follows; openrange follow --from lines=N begins at the last lines",
        ),
        (&["--old-dir", "../beside"], "--old-dir ../beside"),
        (&["--cors", "x\ny\u{1b}z"], "y"),
        (&["--help=x"], "--help"),
        (&["--version=1"], "--version"),
        (&["-h=x"], "-h"),
        (&["follow", "--help=x"], "--help"),
        (&["--user", "a:b"], "--user a:b: expected the name of"),
        (&["--user", ""], "--user : expected the name of"),
        (&["--token-file", ""], "--token-file : expected a path"),
        (&["--access-log", ""], "--access-log : expected a path"),
        (&["--history", ""], "--history : expected a path"),
        (
            &["--peer-listen", "nowhere"],
            "expected IP:PORT, [IPV6]:PORT or PORT,",
        ),
        (
            &["--peer-listen", "unix:/x"],
            "expected IP:PORT, [IPV6]:PORT or PORT,",
        ),
    ];
    for (arguments, named) in table {
        assert_refused(openrange(arguments), 2, named);
    }
}

fn assert_refused(command: Command, status: i32, named: &str) {
    let outcome = run(command);
    assert_eq!(
        outcome.status,
        Some(status),
        "{named}: {:?}",
        outcome.stderr
    );
    assert_eq!(
        outcome.stdout,
        Vec::<String>::new(),
        "{named}: nothing was announced"
    );
    assert_eq!(outcome.stderr.len(), 1, "{named}: {:?}", outcome.stderr);
    assert!(
        outcome.stderr[0].contains(named),
        "{named}: {:?}",
        outcome.stderr
    );
    assert!(
        !outcome.stderr[0].contains("os error"),
        "in words only: {:?}",
        outcome.stderr
    );
}

#[test]
fn what_cannot_be_served_is_one_line_and_status_1() {
    let dir = TempDir::with("file", "x");
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let taken = taken.local_addr().expect("an address").to_string();
    let path = |name: &str| dir.join(name).display().to_string();
    let unix = |name: &str| format!("unix:{}", path(name));
    let (free, root) = ("127.0.0.1:0", path(""));
    let (missing, below_missing) = (path("missing"), path("missing/file"));
    let intake_taken = format!("tcp:{taken}=/file");
    let intake_nowhere = format!("unix:{}=/file", path("no/directory"));
    let table: &[(&[&str], &str)] = &[
        (&["--listen", free, &path("missing")], "missing"),
        (&["--listen", free, &path("file")], "file"),
        (&["folow"], "did you mean openrange follow?"),
        (&["--listen", free, "wrok"], "did you mean openrange work?"),
        (&["help"], "did you mean openrange --help?"),
        (&["serve"], "did you mean openrange DIR?"),
        (
            &["http://127.0.0.1:1/log"],
            "did you mean openrange follow URL?",
        ),
        (&["--listen", free, "no-such"], "readable directory"),
        (
            &["--listen", &taken, &root],
            "ddress already in use; choose",
        ),
        (&["--listen", &taken, &root], &taken),
        (&["--listen", &unix("no/directory"), &root], "no/directory"),
        (&["--listen", &unix("file"), &root], "file"),
        (&["--listen", &unix(&"long".repeat(100)), &root], "longlong"),
        (&["--listen", "192.0.2.1:0", &root], "192.0.2.1"),
        // The file was forgotten, and the option took the directory to serve.
        (&["--history", &root], "ROOT comes after the FILE of --hist"),
        (&["--access-log", &root], "the FILE of --access-log"),
        (&["--token-file", &root], "the FILE of --token-file"),
        (&["--token-file", &missing, &root], "a token on each line"),
        (
            &["--access-log", &below_missing, &root],
            "in a directory that exists",
        ),
        (
            &["--intake", &intake_taken, &root],
            "receives there: stop it",
        ),
        (&["--intake", &intake_nowhere, &root], "choose another"),
        (&["--user", "nobody-of-that-name", &root], "no such user"),
    ];
    let before = fs::read_dir(dir.path()).expect("a listing").count();
    for (arguments, named) in table {
        // The first listener is a unix socket, which must not stay behind when the second one fails.
        let mut command = openrange(&["--listen", &unix("first")]);
        command.args(*arguments);
        assert_refused(command, 1, named);
        assert!(
            !dir.join("first").exists(),
            "{named}: a socket was left behind"
        );
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a listing").count(), before);
    assert_eq!(fs::read(dir.join("file")).expect("still there"), b"x");
}

#[test]
fn every_listener_is_announced_and_served() {
    let dir = TempDir::with("log", "x");
    let socket = TempDir::new();
    let unix = format!("unix:{}", socket.join("s").display());
    let mut addresses = vec!["127.0.0.1:0", &unix, "localhost:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.push("[::1]:0");
    }
    let mut command = openrange(&[]);
    for address in &addresses {
        command.args(["--listen", address]);
    }
    command.arg(dir.path());
    let server = Server::launch(command);
    let lines = until("all announcements", || {
        let lines = server.running.stdout.all();
        (lines.len() == addresses.len()).then_some(lines)
    });
    assert!(lines.contains(&format!("listening on {unix}")), "{lines:?}");
    for line in lines {
        let address = line.strip_prefix("listening on ").expect("an announcement");
        let address = match address.strip_prefix("http://") {
            Some(address) => address.strip_suffix('/').expect("a URL"),
            None => address,
        };
        assert!(
            !address.ends_with(":0"),
            "{address}: the port that the kernel chose"
        );
        assert_eq!(Client::to(address).get("/log", &[]).body, b"x", "{address}");
    }
}

#[test]
fn the_current_directory_is_the_default_root() {
    let dir = TempDir::with("log", "here");
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--threads", "1"]);
    command.current_dir(dir.path());
    let server = Server::launch(command);
    assert_eq!(get(&server, "/log", &[]).body, b"here");
}

#[test]
fn a_directory_with_the_name_of_a_command_elsewhere_is_served() {
    let dir = TempDir::new();
    for name in ["help", "serve"] {
        dir.mkdir(name);
        dir.write(&format!("{name}/log"), name);
        let mut command = openrange(&["--listen", "127.0.0.1:0", "--threads", "1", name]);
        command.current_dir(dir.path());
        let server = Server::launch(command);
        assert_eq!(get(&server, "/log", &[]).body, name.as_bytes());
    }
}

#[test]
fn a_stale_unix_socket_is_replaced_and_a_live_one_is_not() {
    let dir = TempDir::with("log", "x");
    let socket = TempDir::new();
    let path = socket.join("s");
    drop(UnixListener::bind(&path).expect("a socket that nobody answers"));
    let address = format!("unix:{}", path.display());
    let command = || {
        let mut command = openrange(&["--listen", &address]);
        command.arg(dir.path());
        command
    };
    let mut server = Server::launch(command());
    assert_eq!(get(&server, "/log", &[]).body, b"x");
    assert_refused(command(), 1, &address);
    assert_eq!(
        get(&server, "/log", &[]).body,
        b"x",
        "the first one goes on"
    );
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    assert!(!path.exists(), "its own socket is removed at the end");
}

#[test]
fn a_unix_socket_has_the_mode_that_is_asked_for() {
    let dir = TempDir::with("log", "x");
    let socket = TempDir::new();
    for (mode, expected) in [("0660", 0o660), ("0600", 0o600), ("777", 0o777)] {
        let path = socket.join(mode);
        let address = format!("unix:{},mode={mode}", path.display());
        let mut command = openrange(&["--listen", &address]);
        command.arg(dir.path());
        let server = Server::launch(command);
        let metadata = fs::symlink_metadata(&path).expect("a socket");
        assert_eq!(metadata.permissions().mode() & 0o7777, expected, "{mode}");
        assert_eq!(server.address, format!("unix:{}", path.display()));
        assert_eq!(get(&server, "/log", &[]).body, b"x");
    }
}

#[test]
fn a_file_or_link_where_the_socket_should_be_is_never_removed() {
    let dir = TempDir::new();
    let other = TempDir::with("target", "precious");
    other.symlink("target", "link");
    other.symlink("nowhere", "dangling");
    other.mkdir("directory");
    for name in ["target", "link", "dangling", "directory"] {
        let mut command = openrange(&["--listen", &format!("unix:{}", other.join(name).display())]);
        command.arg(dir.path());
        assert_refused(command, 1, name);
        assert!(other.join(name).symlink_metadata().is_ok(), "{name}");
    }
    assert_eq!(
        fs::read(other.join("target")).expect("still there"),
        b"precious"
    );
}

/// Sends a signal and waits until the server has stopped accepting.
fn stop(server: &Server, signal: Signal) {
    server.running.signal(signal);
    until("the listener to be closed", || {
        Client::try_to(&server.address).err()
    });
}

#[test]
fn a_signal_lets_finite_answers_finish() {
    for signal in [Signal::TERM, Signal::INT] {
        let contents = pattern(8 << 20);
        let dir = TempDir::with("log", &contents);
        let mut server = Server::start(&dir);
        let mut client = Client::slow(&server);
        client.ask("GET", "/log", &[]);
        client.head();
        stop(&server, signal);
        assert!(client.raw(contents.len()) == contents);
        client.assert_closed();
        drop(client);
        assert_eq!(server.running.wait().code(), Some(0));
    }
}

#[test]
fn a_signal_ends_tails_with_all_bytes_and_says_why() {
    let dir = TempDir::with("log", "one ");
    let mut server = Server::start(&dir);
    let mut with_trailers = Client::new(&server);
    with_trailers.tail("/log", &["Range: bytes=0-", "TE: trailers"]);
    let mut plain = Client::new(&server);
    plain.tail("/log", &["Range: bytes=0-"]);
    let mut old = Client::new(&server);
    old.send("GET /log HTTP/1.0\r\nRange: bytes=0-\r\n\r\n");
    old.head();
    let mut idle = Client::new(&server);
    idle.get("/log", &[]);
    dir.append("log", "two");
    server.running.signal(Signal::TERM);
    let (body, trailers) = with_trailers.rest();
    assert_eq!(body, b"one two");
    assert_eq!(trailers, [("Tail-End".to_string(), "shutdown".to_string())]);
    with_trailers.assert_closed();
    assert_eq!(plain.rest(), (b"one two".to_vec(), Vec::new()));
    plain.assert_closed();
    assert_eq!(old.until_end(), (b"one two".to_vec(), Ending::Fin));
    idle.assert_closed();
    drop((with_trailers, plain, old, idle));
    assert_eq!(server.running.wait().code(), Some(0));
}

#[test]
fn the_grace_cuts_a_stalled_client_by_reset() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    let mut server = Server::with(&dir, &["--grace", "1"]);
    let mut finite = Client::slow(&server);
    finite.ask("GET", "/log", &[]);
    finite.head();
    let mut tail = Client::slow(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    server.running.signal(Signal::TERM);
    assert_eq!(
        server.running.wait().code(),
        Some(0),
        "though they never read"
    );
    assert_eq!(finite.until_end().1, Ending::Reset);
    assert_eq!(tail.until_end().1, Ending::Reset);
}

#[test]
fn a_second_signal_ends_at_once() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    // Longer than any test waits.
    let mut server = Server::with(&dir, &["--grace", "100000"]);
    let mut stalled = Client::slow(&server);
    stalled.ask("GET", "/log", &[]);
    stalled.head();
    stop(&server, Signal::TERM);
    server.running.signal(Signal::TERM);
    server.running.wait();
}

#[test]
fn a_closed_stdout_or_stderr_does_not_end_the_server() {
    let dir = TempDir::with("log", "x");
    let socket = TempDir::new();
    let path = socket.join("s");
    let mut command = openrange(&["--listen", &format!("unix:{}", path.display())]);
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    command
        .arg(dir.path())
        .stdout(writer)
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    drop(command);
    // Nobody reads stderr from here on, so every line of the log is an EPIPE.
    drop(child.stderr.take());
    let mut line = [0; 12];
    reader.read_exact(&mut line).expect("the announcement");
    drop(reader);
    let address = format!("unix:{}", path.display());
    let bodies: Vec<_> = (0..3)
        .map(|_| Client::to(&address).get("/log", &[]).body)
        .collect();
    child.kill().expect("it still runs");
    child.wait().expect("wait");
    assert_eq!(bodies, [b"x", b"x", b"x"]);
}
