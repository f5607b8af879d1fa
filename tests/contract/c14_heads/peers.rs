//! Servers of the same files that tell each other what has happened.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;

use crate::support::directory::{TempDir, append};
use crate::support::harness::{Running, run};
use crate::support::machine::{free_port, is_root, skip, succeeds};
use crate::support::tail::End;
use crate::support::waiting::eventually;

use super::head::Head;

const KEY: &str = "a secret that all servers have\n";

/// A directory, and another view of it through FUSE, of which inotify does not report what is written to the first.
struct Mirrored {
    below: TempDir,
    view: TempDir,
    private: TempDir,
    _bindfs: Running,
}

impl Mirrored {
    fn new() -> Option<Mirrored> {
        if !is_root() || !succeeds("bindfs", &["--version"]) {
            skip("bindfs is not there, or cannot be mounted");
            return None;
        }
        let (below, view, private) = (TempDir::new(), TempDir::new(), TempDir::with("key", KEY));
        let mut command = Command::new("bindfs");
        command.arg("-f").arg(below.path()).arg(view.path());
        let bindfs = Running::new(command);
        append(&below.join("seen"), b"");
        eventually("a mount", || view.join("seen").exists());
        Some(Mirrored {
            below,
            view,
            private,
            _bindfs: bindfs,
        })
    }

    fn head(&self, view: bool, options: &[&str]) -> Head {
        let key = format!("--peer-key={}", self.private.join("key").display());
        let root = if view { &self.view } else { &self.below };
        let slow = ["--threads", "2", "--poll-interval", "3600000", &key];
        Head::start(root.path(), &[&slow, options].concat())
    }
}

impl Drop for Mirrored {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.view.path())
            .status();
    }
}

/// A port at which nobody listens just now.
fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[test]
fn an_append_and_a_roll_are_told() {
    let Some(files) = Mirrored::new() else {
        return;
    };
    append(&files.below.join("log"), b"one\n");
    let address = free_address();
    let there = files.head(true, &["--peer-listen", &address]);
    let here = files.head(false, &["--peer", &address]);
    let mut told = there.tail("/log", 0);
    let mut tells = here.tail("/log", 0);
    told.wait_for(4);
    tells.wait_for(4);
    let received = || there.metric("openrange_peer_hints_received_total");
    let mut expected = b"one\n".to_vec();
    for round in 0..5 {
        let (before, line) = (received(), format!("round {round}\n"));
        append(&files.below.join("log"), line.as_bytes());
        expected.extend(line.as_bytes());
        told.wait_for(expected.len());
        eventually("a hint", || received() > before);
    }
    let before = received();
    fs::rename(files.below.join("log"), files.below.join("log.1")).expect("a rename");
    eventually("a hint", || received() > before);
    // This kind of file system asks for attributes by name: of a file that has lost its name nothing can be known, and a
    // proper end would promise that nothing is missing.
    assert_eq!(*told.end(), End::Cut);
    assert_eq!(told.body, expected);
    assert!(here.metric("openrange_peer_hints_sent_total") >= 6);
    assert_eq!(there.metric("openrange_peer_hints_refused_total"), 0);
}

/// What a client writes is told also when nobody follows it where it is written.
#[test]
fn what_a_client_writes_is_told() {
    let Some(files) = Mirrored::new() else {
        return;
    };
    append(&files.below.join("log"), b"one\n");
    let address = free_address();
    let there = files.head(true, &["--peer-listen", &address]);
    let here = files.head(false, &["--peer", &address, "--write", "/"]);
    let mut told = there.tail("/log", 0);
    told.wait_for(4);
    for (method, fields) in [("POST", &[][..]), ("MOVE", &["Destination: /log.1"])] {
        let received = || there.metric("openrange_peer_hints_received_total");
        let before = received();
        let mut client = here.connect();
        let body = if method == "POST" { "two\n" } else { "" };
        let length = format!("Content-Length: {}", body.len());
        client.ask(method, "/log", &[&[&*length], fields].concat());
        client.send(body);
        assert!(client.response().status < 300);
        eventually("a hint", || received() > before);
    }
    told.end();
    assert_eq!(told.body, b"one\ntwo\n");
}

/// Who has not got the key is not listened to, and the log says so once.
#[test]
fn another_key() {
    let Some(files) = Mirrored::new() else {
        return;
    };
    append(&files.below.join("log"), b"one\n");
    let address = free_address();
    let there = files.head(true, &["--peer-listen", &address]);
    fs::write(files.private.join("key"), "a secret that nobody else has").expect("a key");
    let here = files.head(false, &["--peer", &address]);
    let mut tells = here.tail("/log", 0);
    tells.wait_for(4);
    append(&files.below.join("log"), b"two\n");
    let refused = || there.metric("openrange_peer_hints_refused_total");
    eventually("a refusal", || refused() > 0);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let before = refused();
    for datagram in [&b""[..], b"ORHINT1\n", &[0; 100], &[b'x'; 60_000]] {
        socket.send_to(datagram, &address).expect("a datagram");
    }
    eventually("refusals", || refused() >= before + 4);
    assert_eq!(there.metric("openrange_peer_hints_received_total"), 0);
    assert_eq!(there.log().count("ignored a hint"), 1);
    assert_eq!(there.get("/log", &[]).status, 200);
}

#[test]
fn options_that_do_not_go_together() {
    let dir = TempDir::with("short", "x");
    let short = dir.join("short").display().to_string();
    for (arguments, status, words) in [
        (&["--peer", "127.0.0.1:1"][..], 2, "--peer-key"),
        (&["--peer-listen", "127.0.0.1:0"], 2, "--peer-key"),
        (&["--peer-key", &short], 2, "--peer"),
        (&["--peer", "nowhere"], 2, "--peer nowhere"),
        (
            &["--peer", "127.0.0.1:1", "--peer-key", &short],
            1,
            "16 to 1024",
        ),
        (
            &["--peer", "127.0.0.1:1", "--peer-key", "/missing"],
            1,
            "/missing",
        ),
    ] {
        let (code, said) = run(&[&["--listen", "127.0.0.1:0"], arguments].concat());
        assert_eq!(code, Some(status), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
}
