//! What the clients say to people, and what they leave behind where nothing was to be had.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::thread;

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Running, run, unix_url, url};
use crate::support::harness::{Server, TempDir, eventually, openrange};

#[test]
fn a_connection_that_comes_back_is_reported() {
    let root = TempDir::with("log", "a\n");
    let socket = root.join(".socket");
    let listen = format!("unix:{}", socket.display());
    let start = || Server::with(&root, &["--listen", &listen]);
    let server = start();
    let follow = Running::start(&["follow", &unix_url(&socket, "/log")]);
    follow.has("a\n");
    assert_eq!(follow.err(), "");
    drop(server);
    follow.says("trying again");
    root.append("log", "b\n");
    let _server = start();
    follow.has("a\nb\n");
    follow.says("connected again");
}

fn names(directory: &TempDir) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(directory.path()).expect("a directory");
    entries
        .map(|entry| entry.expect("an entry").file_name())
        .collect()
}

#[test]
fn what_is_not_there_leaves_nothing_behind() {
    let root = TempDir::with("log", "a\n");
    let server = Server::start(&root);
    let home = TempDir::new();
    let (state, copies) = (home.join("state"), home.join("copies/here"));
    let [state, copies] = [&state, &copies].map(|path| path.to_str().expect("UTF-8"));
    let (file, directory) = (url(&server, "/lgo"), url(&server, "/lgo/"));
    for arguments in [
        &["follow", "--fail", "--state", state, &file][..],
        &["mirror", "--fail", &file, copies],
        &["mirror", "--fail", &directory, copies],
    ] {
        let (code, _, err) = run(arguments);
        assert_eq!(code, Some(1), "{err}");
        assert!(names(&home).is_empty(), "{arguments:?}: {:?}", names(&home));
    }
    for arguments in [
        &["follow", "--state", state, &file][..],
        &["mirror", &directory, copies],
    ] {
        let running = Running::start(arguments);
        running.says("404");
        assert_eq!(running.stop().0.code(), Some(0));
        assert!(names(&home).is_empty(), "{arguments:?}: {:?}", names(&home));
    }
    // Once the URL is right, both are there.
    let right = url(&server, "/log");
    let (code, _, err) = run(&["follow", "--until-caught-up", "--state", state, &right]);
    assert_eq!(code, Some(0), "{err}");
    let (code, _, err) = run(&["mirror", "--until-caught-up", &right, copies]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        fs::read(home.join("copies/here/log")).expect("a copy"),
        b"a\n"
    );
    // A place where no state can be is an error before anything is asked.
    let (code, _, err) = run(&["follow", "--state", "/nowhere/at/all", &right]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("/nowhere/at/all"), "{err}");
}

/// A server that lists one file and refuses it.
#[test]
fn a_mirror_says_why_a_file_is_refused() {
    const LIST: &str = "{\"path\":\"/\",\"truncated\":false,\"entries\":[{\"name\":\"log\",\"path\":\"log\",\"kind\":\"file\",\
                        \"size\":5,\"mtime\":1,\"etag\":\"W/\\\"0123456789abcdef\\\"\",\"sealed\":false}]}";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}/", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                head.push(byte[0]);
            }
            let (status, body) = match head.starts_with(b"GET /log ") {
                true => ("403 Forbidden", "the token does not cover /log\n"),
                false => ("200 OK", LIST),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    let copies = TempDir::new();
    let mirror = Running::start(&["mirror", &origin, copies.path().to_str().expect("UTF-8")]);
    mirror.says("log: 403: the token does not cover /log; trying again");
}

/// A terminal: what is written to it, and its other side.
fn terminal() -> (File, OwnedFd) {
    let (mut main, mut side) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: both descriptors are written, and nothing else is asked for.
    let result =
        unsafe { libc::openpty(&raw mut main, &raw mut side, null, null.cast(), null.cast()) };
    assert_eq!(result, 0, "openpty");
    // SAFETY: they are new, and nobody else's.
    unsafe { (File::from_raw_fd(main), OwnedFd::from_raw_fd(side)) }
}

#[test]
fn progress_is_one_line_on_a_terminal_and_nothing_elsewhere() {
    let root = TempDir::with("log", "12345\n");
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let (code, _, err) = run(&["follow", "--progress", "--until-caught-up", &log]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    let quiet = Running::start(&["follow", "--progress", &log]);
    let (mut main, side) = terminal();
    let mut child = openrange(&["follow", "--progress", &log])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(side)
        .spawn()
        .expect("the binary");
    let mut shown = String::new();
    // Position, lag and rate.
    let mut buffer = [0; 4096];
    while !["at 6", "0 B behind", "B/s"]
        .iter()
        .all(|part| shown.contains(part))
    {
        let count = main.read(&mut buffer).expect("a line");
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(!shown.contains('\n'), "{shown:?}");
    assert!(shown.starts_with("\r\x1b[K"), "{shown:?}");
    let _ = child.kill();
    let _ = child.wait();
    eventually("its bytes", || quiet.out() == "12345\n");
    assert_eq!(quiet.err(), "");
}

/// A mirror that cannot write a copy says which one, and ends.
#[test]
fn a_copy_that_may_not_grow() {
    let root = TempDir::with("log", "x".repeat(100_000));
    let server = Server::start(&root);
    for target in ["/", "/log"] {
        let copy = TempDir::new();
        let mut command = openrange(&["mirror", &url(&server, target)]);
        command.arg(copy.path());
        let limit = Rlimit {
            current: Some(50_000),
            maximum: Some(50_000),
        };
        let set = move || setrlimit(Resource::Fsize, limit).map_err(Into::into);
        // SAFETY: setrlimit is async-signal-safe.
        unsafe { command.pre_exec(set) };
        let mut mirror = Running::of(command);
        eventually("an end", || mirror.is_over());
        let (code, _, err) = mirror.end();
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains("log: File too large"), "{err}");
        let copied = fs::read(copy.join("log")).expect("a copy");
        assert_eq!(copied.len(), 50_000);
    }
}

/// Names of the origin neither begin lines of their own nor command a terminal.
#[test]
fn a_name_is_no_line_and_no_command() {
    let name = "a\u{1b}]0;title\u{7}\nopenrange: all is well\u{9b}2J";
    let shown = "a\u{fffd}]0;title\u{fffd}\u{fffd}openrange: all is well\u{fffd}2J";
    let root = TempDir::with(name, "a line\n");
    root.mkdir(&format!("of-{name}"));
    let server = Server::start(&root);
    let copies = TempDir::with(name, "of somebody else\n");
    let to = copies.path().to_str().expect("UTF-8");
    let (code, _, err) = run(&["mirror", "--until-caught-up", &url(&server, "/"), to]);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<&str> = err.split('\n').collect();
    assert_eq!(lines.len(), 3, "{err:?}");
    assert!(
        lines[0].contains(&format!("of-{shown}/ is a directory")),
        "{err:?}"
    );
    assert!(
        lines[1].contains(&format!("{shown} exists already")),
        "{err:?}"
    );
}

/// A link to a state is not replaced by one, and whoever uses the state by its own name notices the other.
#[test]
fn a_state_behind_a_link() {
    let root = TempDir::with("log", "x\n");
    let server = Server::start(&root);
    let home = TempDir::new();
    let log = url(&server, "/log");
    let [state, link] = ["state", "link"].map(|name| home.join(name).display().to_string());
    let by_name = ["follow", "--until-caught-up", "--state", &state, &log];
    assert_eq!(run(&by_name).1, "x\n");
    std::os::unix::fs::symlink("state", &link).expect("a link");
    root.append("log", "y\n");
    let second = Running::start(&["follow", "--state", &link, &log]);
    second.has("y\n");
    assert_eq!(run(&by_name).0, Some(4));
    assert!(second.stop().0.success());
    assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
    assert_eq!(run(&by_name), (Some(0), String::new(), String::new()));
}
