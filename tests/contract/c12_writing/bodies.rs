//! Bodies that are read: every split of them, what two readers could read in two ways, and clients that are slow or leave.

use std::thread;
use std::time::{Duration, Instant};

use super::{names, read, writable, write};
use crate::support::client::{Client, Ending, request};
use crate::support::harness::{Server, TempDir, eventually};

const CHUNKED: &str = "3;x=y\r\none\r\n1\r\n\n\r\n0\r\nX-Sum: 4\r\n\r\n";

/// Two requests of which the first has a body, by length and in chunks.
fn pairs() -> Vec<String> {
    let get = request("GET", "/in/t", &[]);
    let length = request("POST", "/in/t", &["Content-Length: 4"]);
    let chunked = request("POST", "/in/t", &["Transfer-Encoding: chunked"]);
    vec![
        format!("{length}one\n{get}"),
        format!("{chunked}{CHUNKED}{get}"),
    ]
}

#[test]
fn every_split_of_head_and_body() {
    let (dir, server) = writable(&[]);
    for bytes in pairs() {
        for at in 1..bytes.len() {
            let _ = std::fs::remove_file(dir.join("in/t"));
            let mut client = Client::new(&server);
            let (first, rest) = bytes.as_bytes().split_at(at);
            client.send(first);
            // The server has taken the first part when it is asked by somebody else after that; if it has not, the
            // parts come as one, which is another row.
            client.stream().set_nodelay(true).expect("TCP_NODELAY");
            thread::yield_now();
            client.send(rest);
            let response = client.response();
            assert_eq!(response.status, 201, "split at {at} of {bytes:?}");
            assert_eq!(
                client.response().body,
                b"one\n",
                "split at {at} of {bytes:?}"
            );
            assert_eq!(read(&dir, "in/t"), "one\n");
        }
    }
}

#[test]
fn byte_by_byte() {
    let (dir, server) = writable(&[]);
    for bytes in pairs() {
        let _ = std::fs::remove_file(dir.join("in/t"));
        let mut client = Client::new(&server);
        client.stream().set_nodelay(true).expect("TCP_NODELAY");
        for byte in bytes.as_bytes().chunks(1) {
            client.send(byte);
        }
        assert_eq!(client.response().status, 201);
        assert_eq!(client.response().body, b"one\n");
    }
}

#[test]
fn a_client_that_leaves_at_each_byte() {
    let (dir, server) = writable(&[]);
    for bytes in pairs() {
        let end = bytes.find("GET").expect("the second request") - 1;
        for at in 0..end {
            let mut client = Client::new(&server);
            client.send(&bytes.as_bytes()[..at]);
            drop(client);
        }
    }
    let mut client = Client::new(&server);
    assert_eq!(write(&mut client, "POST", "/in/t", &[], "end").status, 201);
    assert_eq!(read(&dir, "in/t"), "end");
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
}

#[test]
fn pipelined() {
    let (dir, server) = writable(&[]);
    let mut bytes = String::new();
    for number in 0..50 {
        let line = format!("record {number}\n");
        let length = format!("Content-Length: {}", line.len());
        bytes += &request("POST", "/in/t", &[length.as_str()]);
        bytes += &line;
        bytes += &request("GET", "/in/t", &["Range: bytes=-3"]);
    }
    let mut client = Client::new(&server);
    client.send(bytes);
    let mut size = 0;
    for number in 0..50 {
        size += format!("record {number}\n").len();
        assert_eq!(client.response().field("Upload-Offset"), size.to_string());
        let read = client.response();
        let end = format!("{}\n", number % 10);
        assert!(read.body.ends_with(end.as_bytes()), "{read:?}");
    }
    assert_eq!(read(&dir, "in/t").lines().count(), 50);
}

/// Sends bytes with a whole request behind them, which must never be answered.
fn assert_refused(server: &Server, bytes: &str) {
    let mut client = Client::new(server);
    let _ = client.try_send(bytes);
    let _ = client.try_send(request("POST", "/in/smuggled", &["Content-Length: 1"]) + "x");
    let response = client.response();
    assert!(
        [400, 501].contains(&response.status),
        "{bytes:?}: {response:?}"
    );
    assert_eq!(response.field("Connection"), "close", "{bytes:?}");
    client.shut();
    let (rest, _) = client.until_end();
    assert_eq!(String::from_utf8_lossy(&rest), "", "{bytes:?}");
}

#[test]
fn what_two_readers_could_read_in_two_ways() {
    let (dir, server) = writable(&[]);
    let body = "3\r\none\r\n0\r\n\r\n";
    for fields in [
        &["Content-Length: 3", "Transfer-Encoding: chunked"][..],
        &["Transfer-Encoding: chunked", "Content-Length: 3"],
        &["Content-Length: 3", "Content-Length: 3"],
        &["Content-Length: 3", "Content-Length: 4"],
        &["Content-Length: 3,3"],
        &["Content-Length: +3"],
        &["Content-Length: -3"],
        &["Content-Length: 0x3"],
        &["Content-Length: 3 3"],
        &["Content-Length:"],
        &["Transfer-Encoding: identity"],
        &["Transfer-Encoding: chunked, chunked"],
        &["Transfer-Encoding: gzip, chunked"],
        &["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding:"],
        &["Transfer-Encoding : chunked"],
        &["Transfer-Encoding:\x0bchunked"],
    ] {
        assert_refused(&server, &(request("POST", "/in/t", fields) + body));
    }
    for body in [
        "3\none\r\n0\r\n\r\n",
        "3\r\none\n0\r\n\r\n",
        "3\r\none\r\n0\r\n\n",
        "3\r\nones\r\n0\r\n\r\n",
        "0x3\r\none\r\n0\r\n\r\n",
        "+3\r\none\r\n0\r\n\r\n",
        "3 \r\none\r\n0\r\n\r\n",
        "3;\nx\r\none\r\n0\r\n\r\n",
        "10000000000000003\r\none\r\n0\r\n\r\n",
        "3\r\none\r\n0\r\nX\r\n\r\n",
        "3\r\none\r\n0\r\n X: y\r\n\r\n",
        "3\r\none\r\n\r\n\r\n",
        "\r\n3\r\none\r\n0\r\n\r\n",
    ] {
        for method in ["POST", "PUT"] {
            let head = request(method, "/in/t", &["Transfer-Encoding: chunked"]);
            assert_refused(&server, &(head + body));
        }
    }
    let old = "POST /in/t HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_refused(&server, &format!("{old}{body}"));
    assert_eq!(names(&dir, "in"), ["sub"]);
}

#[test]
fn a_request_in_a_body_is_no_request() {
    let (dir, server) = writable(&[]);
    let inner = request("DELETE", "/in/t", &[]);
    let mut client = Client::new(&server);
    let response = write(&mut client, "POST", "/in/t", &[], &inner);
    assert_eq!(response.status, 201);
    assert_eq!(client.get("/in/t", &[]).body, inner.as_bytes());
    // A body of a request that is refused is none either.
    let mut client = Client::new(&server);
    let response = write(&mut client, "POST", "/out/t", &[], &inner);
    assert_eq!(
        (response.status, response.field("Connection")),
        (403, "close")
    );
    client.shut();
    assert_eq!(client.until_end().0, b"");
    let mut client = Client::new(&server);
    let response = write(&mut client, "GET", "/in/t", &[], &inner);
    assert_eq!(
        (response.status, response.field("Connection")),
        (200, "close")
    );
    client.shut();
    assert_eq!(client.until_end().0, b"");
    assert_eq!(read(&dir, "in/t"), inner);
}

#[test]
fn an_old_client() {
    let (dir, server) = writable(&[]);
    let mut client = Client::new(&server);
    client.send("POST /in/t HTTP/1.0\r\nContent-Length: 4\r\n\r\none\n");
    assert_eq!(client.response().status, 201);
    client.assert_closed();
    let mut client = Client::new(&server);
    for _ in 0..2 {
        client.send(
            "POST /in/t HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\ntwo\n",
        );
        let response = client.response();
        assert_eq!(
            (response.status, response.field("Connection")),
            (204, "keep-alive")
        );
    }
    assert_eq!(read(&dir, "in/t"), "one\ntwo\ntwo\n");
}

#[test]
fn a_client_that_shuts_its_side_gets_its_response() {
    let (dir, server) = writable(&[]);
    for (fields, body) in [
        (&["Content-Length: 4"][..], "one\n"),
        (&["Content-Length: 4", "Prefer: fsync"], "two\n"),
    ] {
        let mut client = Client::new(&server);
        client.send(request("POST", "/in/t", fields) + body);
        client.shut();
        assert!(client.response().status < 300);
        client.assert_closed();
    }
    assert_eq!(read(&dir, "in/t"), "one\ntwo\n");
}

#[test]
fn an_invitation_only_if_the_body_is_read() {
    const EXPECT: &str = "Expect: 100-continue";
    const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
    let (dir, server) = writable(&["--append-max", "100"]);
    for (method, fields, body) in [
        ("POST", "Content-Length: 4", "one\n"),
        ("PUT", "Content-Length: 4", "one\n"),
        (
            "POST",
            "Transfer-Encoding: chunked",
            "4\r\none\n\r\n0\r\n\r\n",
        ),
    ] {
        let _ = std::fs::remove_file(dir.join("in/t"));
        let mut client = Client::new(&server);
        client.ask(method, "/in/t", &[EXPECT, fields]);
        assert_eq!(client.raw(CONTINUE.len()), CONTINUE.as_bytes());
        client.send(body);
        assert_eq!(client.response().status, 201);
        assert_eq!(client.get("/in/t", &[]).body, b"one\n");
    }
    let big = "Content-Length: 101";
    for (method, target, fields, status) in [
        ("POST", "/in/t", &[EXPECT, big][..], 413),
        ("POST", "/out/t", &[EXPECT, "Content-Length: 4"], 403),
        ("PUT", "/in/no/t", &[EXPECT, "Content-Length: 4"], 404),
        (
            "PUT",
            "/in/t",
            &[EXPECT, "Content-Length: 4", "If-None-Match: *"],
            412,
        ),
        ("PATCH", "/in/t", &[EXPECT, "Content-Length: 4"], 415),
        ("BREW", "/in/t", &[EXPECT, "Content-Length: 4"], 405),
    ] {
        let mut client = Client::new(&server);
        client.ask(method, target, fields);
        let response = client.response();
        response.assert_error(status);
        assert_eq!(response.field("Connection"), "close");
    }
    // To an old client an interim response would be the response.
    let mut client = Client::new(&server);
    client.send(format!(
        "POST /in/t HTTP/1.0\r\n{EXPECT}\r\nContent-Length: 1\r\n\r\n"
    ));
    client.send("x");
    assert_eq!(client.response().status, 204);
}

#[test]
fn no_progress() {
    let (dir, server) = writable(&["--header-timeout", "0.3"]);
    for (method, framing) in [
        ("POST", "Content-Length: 10"),
        ("PUT", "Content-Length: 10"),
        ("POST", "Transfer-Encoding: chunked"),
    ] {
        let mut client = Client::new(&server);
        client.ask(method, "/in/t", &[framing]);
        client.send("1");
        let response = client.response();
        response.assert_error(408);
        assert_eq!(response.field("Connection"), "close");
        client.assert_closed();
    }
    assert_eq!(names(&dir, "in"), ["sub"]);
    // Whoever makes some is waited for. On a machine that has no time for it a byte may come too late: once more then.
    let is_waited_for = || {
        let _ = std::fs::remove_file(dir.join("in/t"));
        some_progress(&server, Duration::from_millis(300))
    };
    assert!(
        (0..5).any(|_| is_waited_for()),
        "a machine that is too slow"
    );
    assert_eq!(read(&dir, "in/t"), "01234567");
}

/// Sends a body byte by byte. False: one came later than this after the one before, and nothing is known.
fn some_progress(server: &Server, timeout: Duration) -> bool {
    let mut client = Client::new(server);
    let (mut before, mut in_time) = (Instant::now(), true);
    client.ask("POST", "/in/t", &["Content-Length: 8"]);
    for byte in 0..8 {
        // The pace of the client: each byte comes in time, and all of them later than the timeout after the first.
        thread::sleep(Duration::from_millis(100));
        let now = Instant::now();
        let sent = client.try_send(format!("{byte}"));
        in_time &= before.elapsed() < timeout;
        assert!(sent.is_ok() || !in_time, "{sent:?}");
        before = now;
    }
    let status = client.try_response().map(|response| response.status);
    assert!(matches!(status, Ok(201)) || !in_time, "{status:?}");
    in_time
}

#[test]
fn memory_of_bodies() {
    let options = ["--body-memory", "200000", "--append-max", "150000"];
    let (dir, server) = writable(&options);
    let mut first = Client::new(&server);
    first.send(request("POST", "/in/t", &["Content-Length: 140000"]));
    first.send("x".repeat(139_999));
    let mut second = Client::new(&server);
    let length = "Content-Length: 100000";
    let body = "y".repeat(100_000);
    // As soon as the first body is held, there is no memory for the second.
    eventually("a body without memory", || {
        let mut client = Client::new(&server);
        client.ask("POST", "/in/u", &[length, "Expect: 100-continue"]);
        client.raw(12) == b"HTTP/1.1 503"
    });
    second.ask("POST", "/in/u", &["Transfer-Encoding: chunked"]);
    second
        .try_send(format!("{:x}\r\n{body}\r\n", body.len()))
        .ok();
    let response = second.response();
    response.assert_error(503);
    assert_eq!(response.field("Retry-After"), "1");
    // A small one finds room, and so does everything when the first is done.
    let mut third = Client::new(&server);
    assert_eq!(write(&mut third, "POST", "/in/v", &[], "z").status, 201);
    first.send("x");
    assert_eq!(first.response().status, 201);
    assert_eq!(write(&mut third, "POST", "/in/u", &[], &body).status, 201);
    // A body that is stored as it comes takes none.
    let long = "w".repeat(1_000_000);
    assert_eq!(write(&mut third, "PUT", "/in/w", &[], &long).status, 201);
    assert_eq!(names(&dir, "in"), ["sub", "t", "u", "v", "w"]);
}

#[test]
fn the_server_ends_in_the_middle_of_a_body() {
    let (dir, mut server) = writable(&["--grace", "20"]);
    let mut client = Client::new(&server);
    client.ask(
        "POST",
        "/in/t",
        &["Content-Length: 4", "Expect: 100-continue"],
    );
    client.raw(25);
    server.running.signal(rustix::process::Signal::TERM);
    // When nobody accepts any more, every worker knows.
    eventually("it accepts no more", || {
        Client::try_to(&server.address).is_err()
    });
    client.send("one\n");
    let response = client.response();
    assert_eq!(
        (response.status, response.field("Connection")),
        (201, "close")
    );
    assert_eq!(client.until_end().1, Ending::Fin);
    assert!(server.running.wait().success());
    assert_eq!(read(&dir, "in/t"), "one\n");
}

#[test]
fn bodies_over_a_unix_socket() {
    let dir = TempDir::new();
    dir.mkdir("in");
    let address = format!("unix:{}", dir.join("socket").display());
    let server = Server::launch({
        let mut command = crate::support::harness::openrange(&[]);
        command
            .args(["--write", "/in", "--listen", &address])
            .arg(dir.path());
        command
    });
    let mut client = Client::to(&server.address);
    assert_eq!(
        write(&mut client, "POST", "/in/t", &[], "one\n").status,
        201
    );
    let long = "x".repeat(500_000);
    assert_eq!(write(&mut client, "PUT", "/in/u", &[], &long).status, 201);
    assert_eq!(client.get("/in/u", &[]).body.len(), long.len());
}
