//! What the server says on stderr.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::client::{Client, get};
use crate::support::harness::{PATIENCE, Server, TempDir, openrange, until};

#[test]
fn every_answered_request_is_a_line() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.get("/log", &[]);
    let line = server.log().wait_for(&["GET /log", ": 200 "]);
    assert!(
        line.contains(" 10 bytes") && line.contains("127.0.0.1"),
        "{line}"
    );
    client.get("/log", &["Range: bytes=2-4"]);
    server.log().wait_for(&["GET /log", ": 206 ", " 3 "]);
    client.head_of("/log", &[]);
    server.log().wait_for(&["HEAD /log", ": 200 "]);
    client.get("/missing", &[]);
    server.log().wait_for(&["GET /missing", ": 404 "]);
    client.ask("DELETE", "/log", &[]);
    client.response();
    server.log().wait_for(&["DELETE", ": 405 "]);
    client.send("nonsense\r\n\r\n");
    client.response();
    server.log().wait_for(&[": 400 "]);
}

#[test]
fn a_tail_is_a_second_line_when_it_ends_with_bytes_and_reason() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let begin = || {
        let mut client = Client::new(&server);
        client.tail("/log", &["Range: bytes=4-"]);
        assert_eq!(client.take(6), b"456789");
        server.log().wait_for(&["GET /log", ": 206 "]);
        client
    };
    let mut client = begin();
    dir.append("log", "+");
    dir.rename("log", "away");
    client.rest();
    server.log().wait_for(&["/log", "renamed", "7 bytes"]);
    dir.rename("away", "log");
    dir.resize("log", 10);
    drop(begin());
    server.log().wait_for(&["/log", "left", "6 bytes"]);
    let mut client = begin();
    dir.resize("log", 1);
    client.until_end();
    server.log().wait_for(&["/log", "truncated", "6 bytes"]);
    dir.write("log", "0123456789");
    let mut client = begin();
    dir.remove("log");
    client.rest();
    server.log().wait_for(&["/log", "unlinked", "6 bytes"]);
}

#[test]
fn what_a_client_sends_cannot_forge_a_line() {
    let dir = TempDir::new();
    let server = Server::start(&dir);
    get(&server, "/a%0Aforged%0D%1b%5B31m", &[]).assert_error(404);
    let mut client = Client::new(&server);
    client.send("FOR/GED /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.response();
    let line = server.log().wait_for(&["forged", ": 404 "]);
    assert!(
        line.contains("GET /a%0Aforged") && !line.contains('\x1b'),
        "{line:?}"
    );
}

#[test]
fn rust_log_chooses_how_much_is_said() {
    let dir = TempDir::with("log", "x");
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(dir.path()).env("RUST_LOG", "error");
    let mut server = Server::launch(command);
    assert_eq!(get(&server, "/log", &[]).status, 200);
    server.running.signal(rustix::process::Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    assert_eq!(server.log().all(), Vec::<String>::new());
    assert_eq!(server.running.stdout.all().len(), 1, "the announcement");
}

/// Kills the child when the test fails, too.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program with this stderr, and a client of it.
fn start(dir: &TempDir, options: &[&str], stderr: impl Into<Stdio>) -> (Killed, Client) {
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.args(options).arg(dir.path());
    command.stdout(Stdio::piped()).stderr(stderr);
    let mut child = Killed(command.spawn().expect("the binary starts"));
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().expect("stdout"))
        .read_line(&mut line)
        .expect("an announcement");
    let address = line.trim_start_matches("listening on http://");
    let client = Client::to(address.trim_end().trim_end_matches('/'));
    (child, client)
}

/// A terminal with nobody in front of it, and its other end.
fn terminal() -> (OwnedFd, OwnedFd) {
    let (mut ours, mut theirs) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: two numbers to write to; nothing else is asked for.
    let result = unsafe { libc::openpty(&mut ours, &mut theirs, null, null.cast(), null.cast()) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    // SAFETY: both were just opened and belong to nobody.
    unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) }
}

/// poll(2) says of a terminal that there is room when there is not enough.
#[test]
fn a_terminal_or_socket_that_nobody_reads_holds_up_nobody() {
    let dir = TempDir::new();
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    let socket = (OwnedFd::from(ours), OwnedFd::from(theirs));
    for (ours, theirs) in [terminal(), socket] {
        let (mut child, mut client) = start(&dir, &["--threads", "1"], theirs);
        // Some 300 KB.
        for number in 0..3000 {
            assert_eq!(client.get(&format!("/{number}"), &[]).status, 404);
        }
        kill_process(Pid::from_child(&child.0), Signal::TERM).expect("kill");
        assert!(child.0.wait().expect("wait").success());
        drop(ours);
    }
}

/// The line that says why it fails does not wait for a reader either.
#[test]
fn a_second_signal_is_enough_if_nobody_reads() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    let (reader, writer) = std::io::pipe().expect("pipe");
    // Another open file description, so that the server's is not changed.
    let mut full = File::options()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", writer.as_raw_fd()))
        .expect("the pipe");
    let (mut child, mut client) = start(&dir, &[], writer);
    // Whoever does not take what was asked keeps the server from ending by itself.
    client.ask("GET", "/log", &[]);
    client.head();
    while full.write(b"x").is_ok() {}
    let status = until("its end", || {
        kill_process(Pid::from_child(&child.0), Signal::TERM).expect("kill");
        child.0.try_wait().expect("wait")
    });
    assert_eq!(status.code(), Some(1));
    drop(reader);
}

/// Nobody reads, and the pipe is full: clients do not notice, and who reads later is told how many lines are missing.
#[test]
fn a_pipe_that_nobody_reads_holds_up_nobody() {
    let dir = TempDir::new();
    let (mut child, mut client) = start(&dir, &["--threads", "2"], Stdio::piped());
    // A line is a little more than is written at once, so that the last one that finds room is torn.
    let long = "%FF".repeat(1364);
    let mut asked = 0;
    for _ in 0..40 {
        assert_eq!(client.get(&format!("/{long}"), &[]).status, 404);
        asked += 1;
    }
    let (sender, said) = mpsc::channel();
    let mut log = BufReader::new(child.0.stderr.take().expect("stderr"));
    let reader = thread::spawn(move || {
        let mut line = String::new();
        while log.read_line(&mut line).is_ok_and(|count| count > 0) {
            let _ = sender.send(std::mem::take(&mut line));
        }
    });
    let (mut whole, mut lost) = (0, 0);
    let mut count = |line: &str| {
        whole += usize::from(line.contains(" GET /") && line.contains(" 404 "));
        if let Some((before, _)) = line.split_once(" lines of this log were lost") {
            let (date, number) = before.split_once(" WARN ").expect("a line of its own");
            assert_eq!(date.len(), "1994-11-06T08:49:37.123Z".len(), "{line}");
            lost += number.parse::<usize>().expect("a number");
            return true;
        }
        false
    };
    // The next line that finds room says it.
    loop {
        assert_eq!(client.get("/later", &[]).status, 404);
        asked += 1;
        let line = said.recv_timeout(PATIENCE).expect("a line");
        if count(&line) {
            break;
        }
    }
    kill_process(Pid::from_child(&child.0), Signal::TERM).expect("kill");
    assert!(child.0.wait().expect("wait").success());
    reader.join().expect("the reader");
    let torn = said.iter().filter(|line| {
        count(line);
        line.contains("%FF") && !line.contains(" 404 ")
    });
    assert_eq!(torn.count(), 0, "behind the notice");
    assert_eq!(whole + lost, asked);
    assert!(lost > 20, "{lost}");
}
