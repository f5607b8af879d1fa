//! `--access-log`: one line for each answer, to a file that can be exchanged, or to stdout, and never in the way.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::client::{Client, get};
use crate::support::harness::{Running, Server, TempDir, openrange, pattern, until};

/// A directory to serve, one for the log `access`, and its server.
fn serve(options: &[&str]) -> (TempDir, TempDir, Server) {
    let dir = TempDir::with("log", "0123456789");
    let logs = TempDir::new();
    let path = logs.join("access").display().to_string();
    let server = Server::with(&dir, &[&["--access-log", &path], options].concat());
    (dir, logs, server)
}

/// Waits for so many lines. Gives each without its host and its date, which are checked.
fn lines(path: &Path, count: usize) -> Vec<String> {
    let text = until("the lines of the access log", || {
        let text = fs::read_to_string(path).unwrap_or_default();
        (text.lines().count() >= count).then_some(text)
    });
    assert!(text.ends_with('\n') && text.is_ascii(), "{text:?}");
    let lines: Vec<String> = text.lines().map(plain).collect();
    assert_eq!(lines.len(), count, "{lines:?}");
    lines
}

fn plain(line: &str) -> String {
    let rest = line.strip_prefix("127.0.0.1 - - [").expect(line);
    let (date, rest) = rest.split_once("] ").expect(line);
    // 21/Nov/2026:10:59:56 +0000
    let form: String = date
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' => '9',
            b'a'..=b'z' | b'A'..=b'Z' => 'a',
            other => other.into(),
        })
        .collect();
    assert_eq!(form, "99/aaa/9999:99:99:99 +9999", "{line}");
    rest.into()
}

#[test]
fn every_answer_is_a_line() {
    let (dir, logs, server) = serve(&[]);
    dir.mkdir("sub");
    let mut client = Client::new(&server);
    client.get("/log?query", &[]);
    client.get("/log", &["Range: bytes=2-4"]);
    client.head_of("/log", &[]);
    client.get("/sub/../missing", &[]);
    client.get("/sub", &[]);
    client.get("/.hidden", &[]);
    client.get("/a%20b%22%0A%C3%A9", &[]);
    client.ask("OPTIONS", "*", &[]);
    client.response();
    client.ask("DELETE", "/log", &[]);
    client.response();
    let parts = client.get("/log", &["Range: bytes=0-1,5-6"]);
    let page = client.get("/sub/", &["Accept: text/html"]);
    client.send("GET /log HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client.response();
    client.send("GET \"forged\" HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let refusal = client.response();
    let expected = [
        "\"GET /log HTTP/1.1\" 200 10",
        "\"GET /log HTTP/1.1\" 206 3",
        "\"HEAD /log HTTP/1.1\" 200 -",
        "\"GET /missing HTTP/1.1\" 404 13",
        "\"GET /sub HTTP/1.1\" 301 40",
        "\"GET - HTTP/1.1\" 404 13",
        "\"GET /a%20b%22%0A%C3%A9 HTTP/1.1\" 404 13",
        "\"OPTIONS * HTTP/1.1\" 204 -",
        "\"DELETE /log HTTP/1.1\" 405 57",
        &format!("\"GET /log HTTP/1.1\" 206 {}", parts.body.len()),
        &format!("\"GET /sub/ HTTP/1.1\" 200 {}", page.body.len()),
        "\"GET /log HTTP/1.0\" 200 10",
        &format!("\"-\" 400 {}", refusal.body.len()),
    ];
    assert_eq!(lines(&logs.join("access"), expected.len()), expected);
}

/// The line of a tail comes with its end, and counts the bytes of the file; what is cut counts what went out.
#[test]
fn a_tail_is_a_line_when_it_ends() {
    let (dir, logs, server) = serve(&["--threads", "1"]);
    let path = logs.join("access");
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=4-", "TE: trailers"]);
    assert_eq!(tail.take(6), b"456789");
    get(&server, "/log", &[]);
    assert_eq!(lines(&path, 1), ["\"GET /log HTTP/1.1\" 200 10"]);
    dir.append("log", "abc");
    dir.rename("log", "log.1");
    tail.rest();
    assert_eq!(lines(&path, 2)[1], "\"GET /log HTTP/1.1\" 206 9");
    // The connection stays, with another request behind the tail that ends.
    dir.write("next", "x");
    tail.ask("GET", "/next", &["Range: bytes=1-"]);
    tail.head();
    tail.ask("GET", "/next", &[]);
    dir.remove("next");
    tail.rest();
    tail.response().assert_error(404);
    assert_eq!(
        lines(&path, 4)[2..],
        [
            "\"GET /next HTTP/1.1\" 206 -",
            "\"GET /next HTTP/1.1\" 404 13"
        ]
    );
    // A client that leaves, and one that is cut.
    let mut left = Client::new(&server);
    left.tail("/log.1", &["Range: bytes=0-"]);
    assert_eq!(left.take(13).len(), 13);
    drop(left);
    assert_eq!(lines(&path, 5)[4], "\"GET /log.1 HTTP/1.1\" 206 13");
    dir.write("big", pattern(8 << 20));
    let mut cut = Client::slow(&server);
    cut.ask("GET", "/big", &[]);
    cut.head();
    dir.resize("big", 0);
    cut.until_end();
    let last = lines(&path, 6).pop().expect("a line");
    let bytes = last
        .strip_prefix("\"GET /big HTTP/1.1\" 200 ")
        .expect("big");
    let bytes: usize = bytes.parse().expect("a number");
    assert!(bytes < 8 << 20, "{bytes}");
}

#[test]
fn the_end_of_the_server_is_logged_too() {
    let (_dir, logs, mut server) = serve(&[]);
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(tail.take(10).len(), 10);
    server.running.signal(Signal::TERM);
    drop(tail.rest());
    drop(tail);
    assert_eq!(server.running.wait().code(), Some(0));
    let text = fs::read_to_string(logs.join("access")).expect("a log");
    assert!(text.ends_with("206 10\n"), "{text:?}");
}

/// As logrotate does it, and inside the sandbox.
#[test]
fn a_signal_opens_the_file_again() {
    let (_dir, logs, server) = serve(&["--threads", "1"]);
    let path = logs.join("access");
    let mut client = Client::new(&server);
    client.get("/log", &[]);
    lines(&path, 1);
    logs.rename("access", "access.1");
    client.get("/log", &[]);
    assert_eq!(lines(&logs.join("access.1"), 2).len(), 2);
    server.running.signal(Signal::HUP);
    server.log().wait_for(&["SIGHUP", "access log", "access"]);
    client.get("/missing", &[]);
    assert_eq!(lines(&path, 1), ["\"GET /missing HTTP/1.1\" 404 13"]);
    assert_eq!(lines(&logs.join("access.1"), 2).len(), 2);
    let mode = fs::metadata(&path).expect("a file");
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o640
    );
    // One that cannot be opened: the server keeps writing to the old one.
    logs.rename("access", "access.2");
    logs.mkdir("access");
    server.running.signal(Signal::HUP);
    server
        .log()
        .wait_for(&["SIGHUP", "still writing to the old file"]);
    client.get("/log", &[]);
    assert_eq!(lines(&logs.join("access.2"), 2).len(), 2);
}

#[test]
fn stdout_is_a_dash() {
    let dir = TempDir::with("log", "0123456789");
    let mut server = Server::with(&dir, &["--access-log", "-"]);
    get(&server, "/log", &[]);
    let line = server.running.stdout.wait_for(&["GET /log"]);
    assert_eq!(plain(&line), "\"GET /log HTTP/1.1\" 200 10");
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    assert_eq!(server.running.stdout.all().len(), 2);
}

/// Nobody reads, and the pipe is full: clients do not notice, and the log says what was lost.
#[test]
fn a_full_pipe_holds_up_nobody() {
    let dir = TempDir::new();
    let (mut reader, writer) = std::io::pipe().expect("pipe");
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--threads", "2"]);
    command.args(["--access-log", "-"]).arg(dir.path());
    command.stdout(writer).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    drop(command);
    let mut reader_of_line = BufReader::with_capacity(1, &mut reader);
    let mut line = String::new();
    reader_of_line.read_line(&mut line).expect("announcement");
    let address = line.trim_start_matches("listening on http://");
    let address = address.trim_end().trim_end_matches('/');
    let mut log = BufReader::new(child.stderr.take().expect("stderr"));
    let (sender, said) = std::sync::mpsc::channel();
    let log = std::thread::spawn(move || {
        let mut line = String::new();
        while log.read_line(&mut line).is_ok_and(|count| count > 0) {
            if line.contains("access log") {
                let _ = sender.send(std::mem::take(&mut line));
            }
            line.clear();
        }
    });
    // Each line is as long as it gets: more than fits into the pipe and what may wait for it.
    let long = "%00".replace("00", "FF").repeat(1300);
    let mut client = Client::to(address);
    let mut asked = 0;
    let first = loop {
        assert_eq!(client.get(&format!("/{long}"), &[]).status, 404);
        asked += 1;
        if let Ok(line) = said.try_recv() {
            break line;
        }
    };
    assert!(first.contains("WARN") && first.contains("lines are lost"));
    // Somebody reads again: whole lines, and the number of those that are missing.
    let reader = std::thread::spawn(move || {
        let mut all = String::new();
        reader.read_to_string(&mut all).expect("text");
        all
    });
    let lost = said
        .recv_timeout(crate::support::harness::PATIENCE)
        .expect("a line");
    assert!(lost.contains("lines of the access log were lost"), "{lost}");
    let words: Vec<&str> = lost.split_whitespace().collect();
    let at = words.iter().position(|word| *word == "lines").expect(&lost);
    let lost: usize = words[at - 1].parse().expect("a number");
    assert_eq!(client.get("/", &[]).status, 200);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::TERM)
        .expect("kill");
    assert!(child.wait().expect("wait").success());
    let all = reader.join().expect("the reader");
    log.join().expect("the log");
    let count = all.lines().filter(|line| line.contains(&long)).count();
    assert_eq!(count + lost, asked);
    let last = all.lines().last().expect("a line");
    assert!(last.contains("GET / "), "{last}");
}

/// The same with a reader that goes away, and a device that is full: said once, and the server serves.
#[test]
fn a_write_that_fails_is_said_once() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--access-log", "/dev/full", "--no-sandbox"]);
    for _ in 0..20 {
        assert_eq!(get(&server, "/log", &[]).status, 200);
    }
    server.log().wait_for(&["cannot write the access log"]);
    let said = |line: &&String| line.contains("access log");
    assert_eq!(server.log().all().iter().filter(said).count(), 1);
}

#[test]
fn an_unusable_file_is_one_line_and_status_1() {
    let dir = TempDir::new();
    let root = dir.path().display().to_string();
    let logs = TempDir::new();
    logs.mkdir("directory");
    assert!(
        Command::new("mkfifo")
            .arg(logs.join("fifo"))
            .status()
            .is_ok_and(|status| status.success())
    );
    for name in ["missing/file", "directory", "fifo"] {
        let path = logs.join(name).display().to_string();
        let command = openrange(&["--listen", "127.0.0.1:0", "--access-log", &path, &root]);
        let mut running = Running::new(command);
        assert_eq!(running.wait().code(), Some(1), "{name}");
        let lines = running.stderr.all();
        assert!(lines.len() == 1 && lines[0].contains(&path), "{lines:?}");
    }
}
