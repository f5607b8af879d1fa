//! What the log says at the start because an operator may not expect it.

use std::fs;

use crate::support::client::get;
use crate::support::harness::{Server, TempDir, openrange, run};

#[test]
fn a_port_alone_is_on_all_interfaces_and_the_log_says_so() {
    let dir = TempDir::with("log", "x");
    for port in ["0", ":0"] {
        let mut command = openrange(&["--listen", port]);
        command.arg(dir.path());
        let server = Server::launch(command);
        let (_, port) = server.address.rsplit_once(':').expect("a port");
        let local = format!("127.0.0.1:{port}");
        server
            .log()
            .wait_for(&["WARN", "all interfaces", "everybody"]);
        let mut client = crate::support::client::Client::to(&local);
        assert_eq!(client.get("/log", &[]).status, 200);
    }
}

#[test]
fn a_file_as_root_is_answered_with_its_directory() {
    let dir = TempDir::with("log", "x");
    let path = dir.join("log").display().to_string();
    let (status, said) = run(&["--listen", "127.0.0.1:0", &path]);
    assert_eq!(status, Some(1));
    let advice = format!("serve its directory: openrange {}", dir.path().display());
    assert!(said.contains(&advice), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// Root without its capabilities obeys permissions as anybody does.
#[test]
fn what_cannot_be_written_is_a_warning_with_its_reason() {
    let dir = TempDir::with("log", "x");
    for name in ["in", "jobs", "lines"] {
        dir.mkdir(name);
        dir.chmod(name, 0o555);
    }
    let options = ["--write", "/in", "--intake", "tcp:127.0.0.1:0=/lines/t"];
    let server = Server::with(&dir, &options);
    for option in ["--write /in", "--intake tcp:127.0.0.1:0=/lines/t"] {
        let denied = "Permission denied";
        let line = server.log().wait_for(&["WARN", option, denied]);
        let uid = format!("uid {}", rustix::process::geteuid().as_raw());
        let wanted = ["mode 0555", &uid];
        assert!(wanted.iter().all(|part| line.contains(part)), "{line}");
    }
    dir.chmod("in", 0o755);
    let server = Server::with(&dir, &["--write", "/in"]);
    server.log().wait_for(&["serving"]);
    assert_eq!(server.log().count("cannot be written"), 0);
}

#[test]
fn few_descriptors_are_a_warning() {
    let dir = TempDir::with("log", "x");
    let server = Server::limited(&dir, 256, &[]);
    server.log().wait_for(&["WARN", "256 descriptors"]);
    let asked = Server::limited(&dir, 3000, &["--max-connections", "100"]);
    get(&asked, "/log", &[]);
    asked.log().wait_for(&["GET /log"]);
    assert_eq!(asked.log().count("descriptors"), 0);
    let asked = Server::limited(&dir, 3000, &["--max-connections", "4000"]);
    asked.log().wait_for(&["WARN", "3000 descriptors"]);
}

#[test]
fn files_of_the_server_below_root_are_a_warning() {
    let dir = TempDir::with("tokens", "abc\n");
    fs::create_dir(dir.join("sub")).expect("mkdir");
    let outside = TempDir::with("tokens", "abc\n");
    let path = |dir: &TempDir, name: &str| dir.join(name).display().to_string();
    let (tokens, log) = (path(&dir, "tokens"), path(&dir, "sub/access"));
    let server = Server::with(&dir, &["--token-file", &tokens, "--access-log", &log]);
    server
        .log()
        .wait_for(&["WARN", "--token-file", "below ROOT", "/tokens"]);
    server
        .log()
        .wait_for(&["WARN", "--access-log", "below ROOT", "/sub/access"]);
    let (tokens, log) = (path(&outside, "tokens"), path(&dir, ".access"));
    let server = Server::with(&dir, &["--token-file", &tokens, "--access-log", &log]);
    server.log().wait_for(&["serving"]);
    assert_eq!(server.log().count("below ROOT"), 0);
}
