//! Heads that are refused, and bodies that are never read as requests.

use crate::support::client::{Client, request};
use crate::support::harness::{Server, TempDir};

/// Sends bytes with a whole request behind them, which must not be answered: after a refusal, nobody knows where the
/// next request begins.
fn assert_refused(server: &Server, bytes: &[u8], statuses: &[u16]) {
    let mut client = Client::new(server);
    // The server may have answered and closed before everything is out.
    let _ = client.try_send(bytes);
    let _ = client.try_send(request("GET", "/log", &["X-Hidden: 1"]));
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]).into_owned();
    let response = client.response();
    assert!(
        statuses.contains(&response.status),
        "{text:?}: {:?}",
        response.head
    );
    response.assert_error(response.status);
    assert_eq!(response.field("Connection"), "close", "{text:?}");
    client.shut();
    let (rest, _) = client.until_end();
    assert_eq!(String::from_utf8_lossy(&rest), "", "{text:?}");
}

fn serve() -> (TempDir, Server) {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    (dir, server)
}

#[test]
fn what_rfc_9112_forbids_is_refused() {
    let (_dir, server) = serve();
    let heads: &[&[u8]] = &[
        b"GET /log HTTP/1.1\nHost: localhost\n\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        b"GET /log HTTP/1.1\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\n\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n",
        b"GET /log HTTP/1.1\rHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX: a\r\n\tb\r\n\r\n",
        b"GET /log HTTP/1.1\r\n Host: localhost\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost : h\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost\t: h\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX y: z\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\n: y\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX: a\x01b\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX: a\x7fb\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nX\x80: y\r\n\r\n",
        b"GET /l\0og HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /l\x01og HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /l og HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET\t/log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET  /log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /log  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.1 \r\nHost: localhost\r\n\r\n",
        b"GET /log\r\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.1x\r\nHost: localhost\r\n\r\n",
        b"GET /log http/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1\r\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.10\r\nHost: localhost\r\n\r\n",
        b"GET /log FTP/1.1\r\nHost: localhost\r\n\r\n",
        b" GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"G=T /log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"G(T /log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.1\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost\r\nHost: other\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: h h\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: localhost:8x\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: [::1\r\n\r\n",
        b"GET /log HTTP/1.1\r\nHost: ::1\r\n\r\n",
        b"GET http://localhost:8x/log HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /log HTTP/1.1\r\n\r\n",
    ];
    for head in heads {
        assert_refused(&server, head, &[400]);
    }
}

#[test]
fn another_major_version_is_505() {
    let (_dir, server) = serve();
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/9.9"] {
        let head = format!("GET /log {version}\r\nHost: localhost\r\n\r\n");
        assert_refused(&server, head.as_bytes(), &[505]);
    }
}

#[test]
fn contradictory_or_malformed_lengths_are_refused() {
    let (_dir, server) = serve();
    let fields = [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: five",
        "Content-Length:",
        "Content-Length: 5.0",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:",
    ];
    for fields in fields {
        for method in ["GET", "POST"] {
            let head = format!("{method} /log HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n");
            assert_refused(&server, head.as_bytes(), &[400, 501]);
        }
    }
    let old = b"GET /log HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_refused(&server, old, &[400, 501]);
}

#[test]
fn a_head_has_at_most_16_kib_and_100_fields() {
    let (_dir, server) = serve();
    let padded = |size: usize| {
        let frame = request("GET", "/log", &["X: "]);
        request(
            "GET",
            "/log",
            &[&format!("X: {}", "x".repeat(size - frame.len()))],
        )
    };
    let fields = |count: usize| {
        let lines: Vec<_> = (1..count).map(|number| format!("X-{number}: y")).collect();
        request(
            "GET",
            "/log",
            &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    for most in [padded(16 * 1024), fields(100)] {
        let mut client = Client::new(&server);
        client.send(most);
        assert_eq!(client.response().status, 200);
    }
    let endless_field = format!(
        "GET /log HTTP/1.1\r\nHost: localhost\r\nX: {}",
        "x".repeat(100_000)
    );
    let endless_fields = format!(
        "GET /log HTTP/1.1\r\nHost: localhost\r\n{}",
        "X: y\r\n".repeat(20_000)
    );
    for more in [
        padded(16 * 1024 + 1),
        fields(101),
        fields(500),
        endless_field,
        endless_fields,
    ] {
        assert_refused(&server, more.as_bytes(), &[431]);
    }
}

#[test]
fn a_target_has_at_most_4_kib() {
    let (_dir, server) = serve();
    let target = |len: usize| format!("/{}", "x".repeat(len - 1));
    let mut client = Client::new(&server);
    client.get(&target(4096), &[]).assert_error(404);
    let query = format!("/log?{}", "x".repeat(4096 - 5));
    assert_eq!(client.get(&query, &[]).status, 200);
    for len in [4097, 10_000, 16_384, 40_000] {
        assert_refused(
            &server,
            request("GET", &target(len), &[]).as_bytes(),
            &[414],
        );
    }
}

/// One empty line is ignored (RFC 9112 section 2.2), and more; but a head of nothing else is none.
#[test]
fn empty_lines_before_a_request() {
    let (_dir, server) = serve();
    let request = request("GET", "/log", &[]);
    for count in [1, 8_000] {
        let mut client = Client::new(&server);
        client.send("\r\n".repeat(count) + &request);
        assert_eq!(client.response().status, 200, "{count}");
    }
    // The last of them begins its request line, which is short.
    for count in [8_190, 8_192, 8_193, 20_000] {
        let text = "\r\n".repeat(count) + &request;
        assert_refused(&server, text.as_bytes(), &[400]);
    }
}

#[test]
fn a_head_that_does_not_come_in_time_is_408() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--header-timeout", "1"]);
    let mut clients: Vec<_> = [
        "",
        "GET /log HTTP/1.1\r\nHo",
        "\r\n",
        "GET /log HTTP/1.1\r\nHost: localhost\r\nX: y\r\n",
    ]
    .map(|part| {
        let mut client = Client::new(&server);
        client.send(part);
        (part, client)
    })
    .into();
    let mut second = Client::new(&server);
    assert_eq!(second.get("/log", &[]).status, 200);
    second.send("GET /l");
    clients.push(("a second request", second));
    for (part, mut client) in clients {
        let response = client.response();
        response.assert_error(408);
        assert_eq!(response.field("Connection"), "close", "{part:?}");
        client.assert_closed();
    }
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--idle-timeout", "1"]);
    let mut client = Client::new(&server);
    assert_eq!(client.get("/log", &[]).status, 200);
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=1-"]);
    client.assert_closed();
    dir.append("log", "y");
    assert_eq!(tail.take(1), b"y", "a tail is not idle");
}

#[test]
fn a_body_is_not_read_and_the_connection_ends() {
    let (_dir, server) = serve();
    let hidden = request("GET", "/log", &[]);
    let length = hidden.len();
    let bodies = [
        format!("Content-Length: {length}\r\n\r\n{hidden}"),
        format!("Content-Length: 5\r\n\r\nhello{hidden}"),
        format!("Content-Length: 99999999999999999999999999\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: CHUNKED\r\n\r\n{hidden}"),
        format!("Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{hidden}"),
    ];
    for (method, status) in [
        ("GET", 200),
        ("OPTIONS", 204),
        ("POST", 405),
        ("PUT", 405),
        ("HEAD", 200),
    ] {
        for body in &bodies {
            let mut client = Client::new(&server);
            client.send(format!(
                "{method} /log HTTP/1.1\r\nHost: localhost\r\n{body}"
            ));
            let head = if method == "HEAD" {
                client.head()
            } else {
                client.response().head
            };
            assert_eq!(head.status, status, "{method} {body:?}");
            assert_eq!(head.field("Connection"), "close", "{method} {body:?}");
            client.assert_closed();
        }
    }
}

#[test]
fn a_large_body_does_not_cost_the_client_its_answer() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    client.send("POST /log HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n");
    // Most of this comes after the answer, to a server that has closed its side.
    for _ in 0..30 {
        client.send([b'x'; 100_000]);
    }
    client.response().assert_error(405);
    client.assert_closed();
}

#[test]
fn a_length_of_zero_is_no_body() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    for length in ["0", "000"] {
        let response = client.get("/log", &[&format!("Content-Length: {length}")]);
        assert_eq!((response.status, response.get("Connection")), (200, None));
    }
}

#[test]
fn expect_gets_the_final_answer() {
    let (_dir, server) = serve();
    let mut client = Client::new(&server);
    let response = client.get("/log", &["Expect: 100-continue"]);
    assert_eq!(response.status, 200, "and no 100 before");
}
