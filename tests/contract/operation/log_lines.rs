//! What a line of the log has: time, level, what was asked, why it was refused; and how much is said.

use std::os::unix::fs::PermissionsExt;

use openrange::http::json_value::Value;

use crate::support::client::{Client, Response, get};
use crate::support::harness::{Server, TempDir, openrange};

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

fn launch(dir: &TempDir, options: &[&str], variable: Option<&str>) -> Server {
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.args(options).arg(dir.path());
    if let Some(variable) = variable {
        command.env("RUST_LOG", variable);
    }
    Server::launch(command)
}

#[test]
fn a_line_has_time_level_and_the_whole_target() {
    let dir = TempDir::with("log", "x");
    let server = launch(&dir, &[], None);
    get(&server, "/log?lines=1&a=%22", &["Range: bytes=0-0"]);
    let line = server.log().wait_for(&["GET /log?lines=1&a=%22: 206"]);
    let (time, rest) = line.split_once(' ').expect("a time");
    assert!(rest.starts_with("INFO 127.0.0.1:"), "{line}");
    let pattern: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(pattern, "9999-99-99T99:99:99.999Z", "{line}");
}

#[test]
fn a_method_that_is_refused_has_its_path() {
    let dir = TempDir::with("log", "x");
    let server = launch(&dir, &[], None);
    let mut client = Client::new(&server);
    for (method, target, said) in [
        ("BREW", "/tea?hot", "BREW /tea?hot: 405"),
        ("DELETE", "/log", "DELETE /log: 405"),
        ("POST", "/.x", "POST (a hidden name): 405"),
    ] {
        client.ask(method, target, &[]);
        client.response();
        server.log().wait_for(&[said]);
    }
}

#[test]
fn the_log_names_what_a_request_asked_for_that_is_refused() {
    let dir = TempDir::with("log", "x");
    let server = launch(&dir, &[], None);
    let cases = [
        (
            "GET /log?access_token=hush HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            400,
            "GET /log refused, repeated Host field: 400",
        ),
        (
            "GET /lo\u{7f}g\" HTTP/1.1\r\n\r\n",
            400,
            "GET /lo%7Fg%22 refused, ",
        ),
        (
            "GET /log HTTP/1.1\r\nHost: Elsewhere.example:80\r\n\r\n",
            421,
            "GET /log: 421",
        ),
    ];
    for (request, status, said) in cases {
        let mut client = Client::new(&server);
        client.send(request);
        assert_eq!(client.response().status, status, "{request:?}");
        let line = server.log().wait_for(&[said]);
        assert!(!line.contains("hush"), "{line}");
    }
    let line = server.log().wait_for(&[": 421 "]);
    assert!(
        line.contains("no --host names \"elsewhere.example\""),
        "{line}"
    );
}

#[test]
fn the_log_says_why_and_the_client_does_not_learn_it() {
    let dir = TempDir::with("closed", "x");
    let path = dir.join("closed");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o000)).expect("chmod");
    std::fs::create_dir(dir.join("sub")).expect("mkdir");
    std::os::unix::fs::symlink("/etc/passwd", dir.join("out")).expect("symlink");
    for name in ["gone", "sub/gone"] {
        std::os::unix::fs::symlink("nothing", dir.join(name)).expect("symlink");
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("fifo"), 0o644.into()).expect("mkfifo");
    let server = launch(&dir, &["--follow-links", "inside"], None);
    for (target, status, why) in [
        ("/fifo", 403, "it is a FIFO"),
        ("/closed", 403, "mode 0000"),
        ("/out", 404, "a symbolic link leads out of ROOT"),
        ("/gone", 404, "a symbolic link leads to nothing"),
        ("/sub/gone/log", 404, "a symbolic link leads to nothing"),
    ] {
        let response = get(&server, target, &[]);
        assert_eq!(response.status, status, "{target}");
        assert!(!text(&response).contains(why), "{target}");
        server
            .log()
            .wait_for(&[&format!("GET {target}: {status}"), why]);
    }
    assert_eq!(get(&server, "/nothing", &[]).status, 404);
    let line = server.log().wait_for(&["/nothing"]);
    assert!(
        line.ends_with("bytes") || line.ends_with("Not Found"),
        "{line}"
    );
}

#[test]
fn bytes_of_tls_are_named() {
    let dir = TempDir::new();
    let server = launch(&dir, &[], None);
    let mut client = Client::new(&server);
    client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    let response = client.response();
    assert_eq!(response.status, 400);
    assert!(text(&response).contains("TLS"), "{response:?}");
    server.log().wait_for(&["refused", "TLS", ": 400 "]);
}

#[test]
fn pages_of_the_viewer_are_not_lines() {
    let dir = TempDir::with("log", "0123456789");
    let server = launch(&dir, &[], None);
    let mut client = Client::new(&server);
    client.get("/log", &["Range: bytes=0-1", "Openrange-Viewer: page"]);
    // What is no page of a file is one all the same.
    client.get("/none", &["Range: bytes=0-1", "Openrange-Viewer: page"]);
    client.get("/log", &["Openrange-Viewer: page"]);
    client.get("/last", &[]);
    server.log().wait_for(&["/last"]);
    assert_eq!(server.log().count("GET "), 3, "{:?}", server.log().all());
    let loud = launch(&dir, &["--log-level", "debug"], None);
    get(
        &loud,
        "/log",
        &["Range: bytes=0-1", "Openrange-Viewer: page"],
    );
    loud.log().wait_for(&["DEBUG", "GET /log: 206"]);
}

#[test]
fn json_has_an_object_on_each_line() {
    let dir = TempDir::with("a\"b", "x");
    let mut server = launch(&dir, &["--log-format", "json"], None);
    get(&server, "/a%22b?q", &[]);
    let mut client = Client::new(&server);
    client.tail("/a%22b", &["Range: bytes=0-"]);
    drop(client);
    server.log().wait_for(&["ended"]);
    server.running.signal(rustix::process::Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    for line in server.log().all() {
        let value = Value::parse(line.as_bytes());
        assert!(value.is_some(), "{line}");
    }
    let line = server.log().wait_for(&["\"status\":200"]);
    for part in [
        "\"time\":\"20",
        "\"level\":\"INFO\"",
        "\"message\":\"127.0.0.1:",
        "\"peer\":\"127.0.0.1:",
        "\"method\":\"GET\"",
        "\"target\":\"/a%22b?q\"",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    assert!(!line.contains("why"), "{line}");
    let line = server.log().wait_for(&["\"kind\":\"tail\""]);
    assert!(line.contains("\"bytes\":1"), "{line}");
}

#[test]
fn a_level_that_is_not_understood_silences_nothing() {
    let dir = TempDir::with("log", "x");
    let answered = |server: &Server| {
        get(server, "/log", &[]);
        get(server, "/fifo", &[]);
    };
    // Options, variable: whether requests are logged, and what else is said.
    let table: &[(&[&str], &str, bool, &str)] = &[
        (&[], "loud", true, "RUST_LOG: \"loud\" is ignored"),
        (&[], "hyper=debug", true, "INFO"),
        (&[], "", true, "INFO"),
        (&[], "openrange=info", true, "INFO"),
        (&["--log-level", "info"], "off", true, "INFO"),
    ];
    for (options, variable, lines, said) in table {
        let server = launch(&dir, options, Some(variable));
        answered(&server);
        server.log().wait_for(&[said]);
        if *lines {
            server.log().wait_for(&["GET /log: 200"]);
        }
    }
    for (options, variable) in [
        (&[][..], "warning"),
        (&[], "WARN"),
        (&["--log-level", "warning"], "info"),
    ] {
        let mut server = launch(&dir, options, Some(variable));
        answered(&server);
        server.running.signal(rustix::process::Signal::TERM);
        assert_eq!(server.running.wait().code(), Some(0));
        let log = server.log().all();
        assert!(!log.iter().any(|line| line.contains(" INFO ")), "{log:?}");
    }
}
