//! The names under which the server may be addressed: a page whose name leads to 127.0.0.1 must not read it.

use crate::support::client::{Client, Response};
use crate::support::harness::{Server, TempDir};

fn ask(address: &str, method: &str, target: &str, host: &str) -> Response {
    let mut client = Client::to(address);
    client.send(format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Site: same-origin\r\n\r\n"
    ));
    client.response()
}

const LITERAL: [&str; 7] = [
    "",
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1:8080",
    "192.0.2.1",
    "[::1]",
    "[2001:db8::1]:8080",
];
const NAMES: [&str; 4] = [
    "rebound.example",
    "rebound.example:8080",
    "localhost.example",
    "127.0.0.1.example",
];

fn assert_misdirected(response: &Response, what: &str) {
    response.assert_error(421);
    let line = String::from_utf8(response.body.clone()).expect("text");
    assert!(line.contains("--host NAME"), "{what}: {line}");
}

#[test]
fn on_loopback_only_addresses_and_localhost() {
    let dir = TempDir::with("log", "x");
    let server = Server::start(&dir);
    for host in LITERAL {
        assert_eq!(
            ask(&server.address, "GET", "/log", host).status,
            200,
            "{host}"
        );
    }
    for host in NAMES {
        let response = ask(&server.address, "GET", "/log", host);
        assert_misdirected(&response, host);
        // Nobody learns what is there.
        for target in ["/missing", "/", "/log?view", "/.hidden"] {
            assert_misdirected(&ask(&server.address, "GET", target, host), target);
        }
        for method in ["OPTIONS", "POST", "DELETE", "MOVE"] {
            assert_misdirected(&ask(&server.address, method, "/log", host), method);
        }
    }
    // The authority of a target replaces the field.
    let response = ask(
        &server.address,
        "GET",
        "http://rebound.example/log",
        "localhost",
    );
    assert_misdirected(&response, "absolute-form");
    let response = ask(
        &server.address,
        "GET",
        "http://localhost/log",
        "other.example",
    );
    assert_eq!(response.status, 200);
    // HTTP/1.0 without a Host is no browser.
    let mut client = Client::new(&server);
    client.send("GET /log HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().status, 200);
}

#[test]
fn names_that_are_given() {
    let dir = TempDir::with("log", "x");
    let options = ["--host", "logs.example.org", "--host", "Other."];
    let server = Server::with(&dir, &options);
    for host in LITERAL
        .iter()
        .chain(&["logs.example.org:443", "LOGS.EXAMPLE.ORG", "other"])
    {
        assert_eq!(
            ask(&server.address, "GET", "/log", host).status,
            200,
            "{host}"
        );
    }
    for host in NAMES {
        assert_misdirected(&ask(&server.address, "GET", "/log", host), host);
    }
    drop(server);
    let server = Server::with(&dir, &["--host", "*"]);
    for host in NAMES {
        assert_eq!(
            ask(&server.address, "GET", "/log", host).status,
            200,
            "{host}"
        );
    }
}

/// Where not every page can come, or a token is needed, the name does not matter.
#[test]
fn other_listeners_answer_for_any_name() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--listen", "0.0.0.0:0"]);
    assert_eq!(ask(&server.address, "GET", "/log", NAMES[0]).status, 200);
    drop(server);
    let tokens = TempDir::with("tokens", "secret\n");
    let file = tokens.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--token-file", &file]);
    assert_eq!(ask(&server.address, "GET", "/log", NAMES[0]).status, 401);
    drop(server);
    let socket = tokens.join("socket").display().to_string();
    let server = Server::with(&dir, &["--listen", &format!("unix:{socket}")]);
    let unix = format!("unix:{socket}");
    server.running.stdout.wait_for(&[&unix]);
    assert_eq!(ask(&unix, "GET", "/log", NAMES[0]).status, 200);
    assert_eq!(ask(&server.address, "GET", "/log", NAMES[0]).status, 421);
    // A name that is given is one for all of them.
    drop(server);
    let options = ["--listen", "0.0.0.0:0", "--host", "logs.example.org"];
    let server = Server::with(&dir, &options);
    assert_eq!(ask(&server.address, "GET", "/log", NAMES[0]).status, 421);
}

#[test]
fn the_administrative_listener_too() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--admin", "127.0.0.1:0", "--listen", "0.0.0.0:0"]);
    let line = server.running.stdout.wait_for(&["admin on http://"]);
    let address = line.trim_start_matches("admin on http://");
    let address = address.trim_end_matches('/');
    for target in ["/health", "/clients", "/metrics"] {
        assert_eq!(ask(address, "GET", target, "localhost").status, 200);
        assert_misdirected(&ask(address, "GET", target, NAMES[0]), target);
    }
}
