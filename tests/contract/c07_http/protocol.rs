//! HTTP/1.1: methods, targets, versions, connections.

use crate::support::client::{Client, request};
use crate::support::harness::{Server, TempDir};

fn serve() -> (TempDir, Server) {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    (dir, server)
}

fn assert_allows(value: &str) {
    let methods: Vec<_> = value.split(',').map(str::trim).collect();
    for method in ["GET", "HEAD", "OPTIONS"] {
        assert!(methods.contains(&method), "{value}");
    }
    assert_eq!(methods.len(), 3, "{value}");
}

#[test]
fn options_tells_the_methods_and_others_are_405() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for target in ["/log", "/", "/missing", "*", "http://localhost/log"] {
        client.ask("OPTIONS", target, &[]);
        let response = client.response();
        assert_eq!(response.status, 204, "{target}");
        assert_eq!(response.get("Content-Length"), None, "RFC 9110 section 8.6");
        assert_allows(response.field("Allow"));
    }
    let long = "LONG".repeat(50);
    for method in [
        "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "Get", "PRI", "X-y.z!", &long,
    ] {
        for target in ["/log", "/missing"] {
            client.ask(method, target, &[]);
            let response = client.response();
            response.assert_error(405);
            assert_allows(response.field("Allow"));
        }
    }
    client.send("CONNECT here:80 HTTP/1.1\r\nHost: localhost:80\r\n\r\n");
    client.response().assert_error(405);
}

#[test]
fn the_connection_stays_unless_the_client_wants_it_closed() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for _ in 0..3 {
        let response = client.get("/log", &[]);
        assert_eq!((response.status, response.get("Connection")), (200, None));
        client.get("/missing", &[]).assert_error(404);
        client
            .get("/log", &["Range: bytes=90-99"])
            .assert_error(416);
    }
    for close in [
        "Connection: close",
        "connection: CLOSE",
        "Connection: x, close",
        "Connection: keep-alive, close",
    ] {
        let mut client = Client::new(&server);
        assert_eq!(
            client.get("/log", &[close]).field("Connection"),
            "close",
            "{close}"
        );
        client.assert_closed();
    }
}

#[test]
fn http_1_0_closes_unless_the_client_wants_it_kept() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    client.send("GET /log HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, b"0123456789".as_slice())
    );
    client.assert_closed();
    let mut client = Client::new(&server);
    for _ in 0..3 {
        client.send("GET /log HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        assert_eq!(
            response.field("Connection").to_ascii_lowercase(),
            "keep-alive"
        );
        assert_eq!(response.body, b"0123456789");
    }
    client.send("HEAD /log HTTP/1.0\r\n\r\n");
    assert_eq!(client.head().field("Content-Length"), "10");
    client.assert_closed();
}

#[test]
fn a_higher_minor_version_is_read_as_1_1() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for _ in 0..2 {
        client.send("GET /log HTTP/1.9\r\nHost: localhost\r\n\r\n");
        assert_eq!(client.response().status, 200);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (dir, server) = serve();
    for number in 0..40 {
        dir.write(&format!("file{number}"), format!("contents {number}"));
    }
    let mut client = Client::new(&server);
    let mut all = String::new();
    for number in 0..40 {
        all += &request("GET", &format!("/file{number}"), &[]);
        all += &request("HEAD", &format!("/file{number}"), &[]);
        all += &request("GET", &format!("/missing{number}"), &[]);
        all += &request("POST", "/log", &[]);
    }
    client.send(all);
    for number in 0..40 {
        assert_eq!(
            client.response().body,
            format!("contents {number}").as_bytes()
        );
        assert_eq!(client.head().status, 200);
        assert_eq!(client.response().status, 404);
        assert_eq!(client.response().status, 405);
    }
}

#[test]
fn many_pipelined_requests_with_long_answers_are_answered_whole() {
    let dir = TempDir::with("log", crate::support::harness::pattern(200_000));
    let server = Server::start(&dir);
    let mut client = Client::slow(&server);
    let requests =
        request("GET", "/log", &[]).repeat(30) + &request("GET", "/log", &["Connection: close"]);
    client.send(requests);
    for _ in 0..31 {
        assert!(client.response().body == crate::support::harness::pattern(200_000));
    }
    client.assert_closed();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for target in ["/log", "/missing"] {
        for byte in request("GET", target, &["Range: bytes=1-2", "X: y"]).as_bytes() {
            client.send([*byte]);
        }
    }
    assert_eq!(client.response().body, b"12");
    client.response().assert_error(404);
}

#[test]
fn the_target_may_be_an_absolute_uri() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for target in [
        "http://localhost/log",
        "http://127.0.0.2:8080/log",
        "HTTP://LOCALHOST/log",
        "http://[::1]:80/log?x=y",
    ] {
        assert_eq!(client.get(target, &[]).body, b"0123456789", "{target}");
    }
    for target in [
        "http://localhost",
        "http://localhost/",
        "http://localhost?x",
    ] {
        assert_eq!(client.get(target, &[]).status, 200, "{target}: the listing");
    }
}

#[test]
fn field_names_and_blanks_around_values_do_not_matter() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    client.send(
        b"GET /log HTTP/1.1\r\nhOST:localhost\r\nrAnGe:\t bytes=1-2 \t\r\nX:\r\nY: \xff\r\n\r\n",
    );
    assert_eq!(client.response().body, b"12");
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for _ in 0..2 {
        client.send("\r\n\r\n");
        assert_eq!(client.get("/log", &[]).status, 200, "RFC 9112 section 2.2");
    }
}

#[test]
fn a_client_that_says_all_and_then_half_closes_is_answered() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    client.ask("GET", "/log", &[]);
    client.shut();
    assert_eq!(client.response().body, b"0123456789");
    client.assert_closed();
}
