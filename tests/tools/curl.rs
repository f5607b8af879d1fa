//! curl as the client: what it makes of the server's answers, and which exit status it ends with. Where there is no curl,
//! each test says so and passes.

use std::process::{Command, Stdio};

use crate::support::client::Client;
use crate::support::harness::{PATIENCE, Running, Server, TempDir, pattern};

/// Transfers that ended before all was there: curl tells of some of them by one status, of others by the other.
const CUT: [i32; 2] = [18, 56];

fn curl(arguments: &[&str]) -> Option<Command> {
    let there = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !there.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no curl here");
        return None;
    }
    let mut command = Command::new("curl");
    // -q: whatever the user's .curlrc says.
    command.args([
        "-q",
        "-sS",
        "--noproxy",
        "*",
        "--max-time",
        &PATIENCE.as_secs().to_string(),
    ]);
    command.args(arguments);
    Some(command)
}

/// Runs it to its end: exit status, stdout, stderr.
fn run(command: Option<Command>) -> Option<(i32, Vec<u8>, String)> {
    let output = command?.stdin(Stdio::null()).output().expect("curl runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((
        output.status.code().expect("no signal"),
        output.stdout,
        said,
    ))
}

#[test]
fn a_tail_arrives_line_by_line_and_ends_with_status_0() {
    for version in ["--http1.1", "--http1.0"] {
        let dir = TempDir::with("log", "one\n");
        let server = Server::start(&dir);
        let Some(command) = curl(&["-N", "-r", "0-", version, &server.url("/log")]) else {
            return;
        };
        let mut curl = Running::new(command);
        curl.stdout.wait_for(&["one"]);
        for line in ["two", "three"] {
            dir.append("log", format!("{line}\n"));
            curl.stdout.wait_for(&[line]);
        }
        dir.append("log", "last\n");
        dir.remove("log");
        assert_eq!(
            curl.wait().code(),
            Some(0),
            "{version}: {:?}",
            curl.stderr.all()
        );
        assert_eq!(
            curl.stdout.all(),
            ["one", "two", "three", "last"],
            "{version}"
        );
    }
}

#[test]
fn a_cut_tail_is_an_error_to_curl() {
    for version in ["--http1.1", "--http1.0"] {
        let dir = TempDir::with("log", "one\n");
        let server = Server::start(&dir);
        let Some(command) = curl(&["-N", "-r", "0-", version, &server.url("/log")]) else {
            return;
        };
        let mut curl = Running::new(command);
        curl.stdout.wait_for(&["one"]);
        dir.resize("log", 0);
        let status = curl.wait().code().expect("no signal");
        assert!(
            CUT.contains(&status),
            "{version}: {status}, {:?}",
            curl.stderr.all()
        );
    }
}

#[test]
fn a_cut_download_is_an_error_to_curl() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    let server = Server::start(&dir);
    let url = server.url("/log");
    let Some(command) = curl(&[
        "--limit-rate",
        "1M",
        "-D",
        "/dev/stderr",
        "-o",
        "/dev/null",
        &url,
    ]) else {
        return;
    };
    let mut curl = Running::new(command);
    curl.stderr.wait_for(&["HTTP/1.1 200"]);
    dir.resize("log", 0);
    let status = curl.wait().code().expect("no signal");
    assert!(CUT.contains(&status), "{status}, {:?}", curl.stderr.all());
}

#[test]
fn a_download_that_was_broken_off_is_resumed() {
    let contents = pattern(300_000);
    let dir = TempDir::with("log", &contents);
    dir.chmod("log", 0o444);
    let server = Server::start(&dir);
    let here = TempDir::with("part", &contents[..123_456]);
    let part = here.join("part").display().to_string();
    let resume = || run(curl(&["-C", "-", "-o", &part, &server.url("/log")]));
    let Some((status, _, said)) = resume() else {
        return;
    };
    assert_eq!(status, 0, "{said}");
    assert!(std::fs::read(&part).expect("read") == contents);
    resume();
    assert!(
        std::fs::read(&part).expect("read") == contents,
        "once more changes nothing"
    );
}

/// Arguments before the URL, and what curl writes to stdout.
type Row = (&'static [&'static str], &'static str);

fn assert_rows(rows: &[Row]) {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    for (arguments, expected) in rows {
        let url = server.url("/log");
        let arguments = [*arguments, &[url.as_str()]].concat();
        let Some((status, stdout, said)) = run(curl(&arguments)) else {
            return;
        };
        assert_eq!(status, 0, "{arguments:?}: {said}");
        assert_eq!(String::from_utf8_lossy(&stdout), *expected, "{arguments:?}");
    }
    assert_eq!(Client::new(&server).get("/log", &[]).status, 200);
}

#[test]
fn ranges_are_as_curl_shows_them() {
    assert_rows(&[
        (&[], "0123456789"),
        (&["-r", "2-4"], "234"),
        (&["-r", "-3"], "789"),
        (&["--http1.0", "-r", "2-4"], "234"),
    ]);
}

#[test]
fn statuses_are_as_curl_shows_them() {
    const NOWHERE: &str = "-o/dev/null";
    const CODE: &str = "-w%{http_code}";
    assert_rows(&[
        (&[NOWHERE, CODE, "-r", "11-"], "416"),
        (&[NOWHERE, CODE, "-X", "DELETE"], "405"),
        (&[NOWHERE, CODE, "-d", "a body"], "405"),
        (&[NOWHERE, CODE, "-T", "/proc/self/stat"], "405"),
        (
            &[NOWHERE, CODE, "-X", "OPTIONS", "--request-target", "*"],
            "204",
        ),
    ]);
}

#[test]
fn curl_uses_its_connection_again() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let url = server.url("/log");
    let arguments = ["-w", " %{num_connects} ", &url, &url];
    let Some((status, stdout, said)) = run(curl(&arguments)) else {
        return;
    };
    assert_eq!(status, 0, "{said}");
    assert_eq!(
        String::from_utf8_lossy(&stdout),
        "0123456789 1 0123456789 0 "
    );
}

#[test]
fn curl_shows_the_head_of_an_open_end() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let url = server.url("/log");
    let Some((status, stdout, said)) = run(curl(&["-I", "-r", "3-", &url])) else {
        return;
    };
    assert_eq!(status, 0, "{said}");
    let head = String::from_utf8_lossy(&stdout);
    assert!(
        head.starts_with("HTTP/1.1 206 ") && head.contains("Content-Range: bytes 3-9/*\r\n"),
        "{head}"
    );
    assert_eq!(Client::new(&server).get("/log", &[]).body, b"0123456789");
}

#[test]
fn curl_speaks_over_a_unix_socket() {
    let dir = TempDir::with("log", "one\n");
    let socket = TempDir::new();
    let path = socket.join("s").display().to_string();
    let mut command = crate::support::harness::openrange(&["--listen", &format!("unix:{path}")]);
    command.arg(dir.path());
    let server = Server::launch(command);
    assert!(server.address.starts_with("unix:"));
    let Some(command) = curl(&["-N", "-r", "0-", "--unix-socket", &path, "http://here/log"]) else {
        return;
    };
    let mut curl = Running::new(command);
    curl.stdout.wait_for(&["one"]);
    dir.append("log", "two\n");
    dir.rename("log", "away");
    assert_eq!(curl.wait().code(), Some(0), "{:?}", curl.stderr.all());
    assert_eq!(curl.stdout.all(), ["one", "two"]);
}
