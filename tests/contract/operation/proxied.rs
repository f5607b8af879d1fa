//! Clients behind proxies: `X-Forwarded-For`, the PROXY protocol, and what the logs say of them.

use std::fs;

use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, openrange};

fn launch(arguments: &[&str], dir: &TempDir) -> Server {
    let mut command = openrange(arguments);
    command.arg(dir.path());
    Server::launch(command)
}

#[test]
fn only_a_trusted_proxy_is_believed() {
    let dir = TempDir::with("log", "x");
    let listen = ["--listen", "127.0.0.1:0"];
    let field = "X-Forwarded-For: 203.0.113.9, 192.0.2.7, 10.1.2.3";
    for (trusted, expected) in [
        (&[][..], "127.0.0.1:"),
        (&["192.0.2.0/24"][..], "127.0.0.1:"),
        // From the end, the first that is no proxy.
        (&["127.0.0.1"][..], "10.1.2.3 GET"),
        (&["127.0.0.0/8", "10.0.0.0/8"][..], "192.0.2.7 GET"),
        (&["0.0.0.0/0"][..], "203.0.113.9 GET"),
    ] {
        let mut arguments = listen.to_vec();
        for network in trusted {
            arguments.extend(["--trusted-proxy", network]);
        }
        let server = launch(&arguments, &dir);
        Client::new(&server).get("/log", &[field]);
        server
            .log()
            .wait_for(&[&format!("INFO {expected}"), "/log: 200"]);
    }
    let server = launch(
        &["--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"],
        &dir,
    );
    for (field, expected) in [
        (
            "X-Forwarded-For: [2001:db8::1]:4711",
            "[2001:db8::1]:4711 GET /log?1",
        ),
        ("X-Forwarded-For: 2001:db8::1", "2001:db8::1 GET /log?2"),
        ("X-Forwarded-For: 1.2.3.4, unknown", "127.0.0.1:"),
        (
            "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8",
            "5.6.7.8 GET /log?4",
        ),
    ] {
        let number = server.log().count("GET /log?") + 1;
        Client::new(&server).get(&format!("/log?{number}"), &[field]);
        let line = server.log().wait_for(&[&format!("/log?{number}: 200")]);
        assert!(line.contains(expected), "{field}: {line}");
    }
    // The end of a tail is for the same client.
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-", "X-Forwarded-For: 1.2.3.4"]);
    drop(tail);
    server.log().wait_for(&["INFO 1.2.3.4 tail of /log ended"]);
}

#[test]
fn combined_lines() {
    let dir = TempDir::with("log", "0123456789");
    let logs = TempDir::new();
    let path = logs.join("access").display().to_string();
    let mut server = launch(
        &[
            "--listen",
            "127.0.0.1:0",
            "--trusted-proxy=127.0.0.1",
            "--access-log",
            &path,
            "--access-log-format",
            "combined",
        ],
        &dir,
    );
    let long = format!("User-Agent: {}", "x".repeat(1000));
    let mut client = Client::new(&server);
    client.get(
        "/log?q=1",
        &[
            "User-Agent: a \"b\" \\",
            "Referer: http://x/",
            "X-Forwarded-For: 1.2.3.4",
        ],
    );
    client.get("/log", &[&long]);
    client.get("/log", &[]);
    client.send("nonsense\r\n\r\n");
    client.response();
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    let text = fs::read_to_string(&path).expect("the access log");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("1.2.3.4 - - ["), "{text}");
    let end = r#"] "GET /log?q=1 HTTP/1.1" 200 10 "http://x/" "a \"b\" \\""#;
    assert!(lines[0].ends_with(end), "{text}");
    let end = format!("\"-\" \"{}\"", "x".repeat(512));
    assert!(lines[1].ends_with(&end), "{text}");
    assert!(
        lines[2].ends_with("\"GET /log HTTP/1.1\" 200 10 \"-\" \"-\""),
        "{text}"
    );
    assert!(
        lines[3].contains("\"-\" 400") && lines[3].ends_with("\"-\" \"-\""),
        "{text}"
    );
}

fn v2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
    let mut head = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    head.extend([command, family]);
    head.extend(u16::try_from(addresses.len()).expect("short").to_be_bytes());
    head.extend(addresses);
    head
}

const REQUEST: &str = "GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n";

#[test]
fn a_proxy_header_names_the_client() {
    let dir = TempDir::with("log", "x");
    let server = launch(&["--listen", "127.0.0.1:0,proxy"], &dir);
    let four = [203, 0, 113, 9, 127, 0, 0, 1, 0x12, 0x34, 0x1f, 0x90];
    let mut six = [0; 36];
    six[..2].copy_from_slice(&[0x20, 0x01]);
    six[15] = 1;
    six[33] = 9;
    let long = [&four[..], &[4; 300]].concat();
    let heads: &[(Vec<u8>, &str)] = &[
        (
            b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n".to_vec(),
            "203.0.113.7:4711",
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 4711 80\r\n".to_vec(),
            "[2001:db8::1]:4711",
        ),
        (b"PROXY UNKNOWN whatever\r\n".to_vec(), "127.0.0.1:"),
        (v2(0x21, 0x11, &four), "203.0.113.9:4660"),
        (v2(0x21, 0x11, &long), "203.0.113.9:4660"),
        (v2(0x21, 0x21, &six), "[2001::1]:9"),
        (v2(0x20, 0, &[]), "127.0.0.1:"),
    ];
    for (head, expected) in heads {
        let before = server.log().count("GET /log");
        // With the request at once, and byte by byte before it.
        let mut client = Client::new(&server);
        client.send([head, REQUEST.as_bytes()].concat());
        assert_eq!(client.response().status, 200);
        // Only the connection has the header, and not each request.
        assert_eq!(client.get("/log", &[]).status, 200);
        let mut client = Client::new(&server);
        for byte in head {
            client.send([*byte]);
        }
        client.send(REQUEST);
        assert_eq!(client.response().status, 200);
        let lines = server.log().all();
        let lines: Vec<_> = lines
            .iter()
            .filter(|line| line.contains("GET /log"))
            .collect();
        assert_eq!(lines.len(), before + 3);
        for line in &lines[before..] {
            assert!(line.contains(&format!("INFO {expected}")), "{line}");
        }
    }
}

#[test]
fn what_is_no_proxy_header_is_refused() {
    let dir = TempDir::with("log", "x");
    let server = launch(&["--listen", "127.0.0.1:0,proxy"], &dir);
    for bytes in [
        REQUEST.as_bytes(),
        b"PROXY TCP4 1.2.3 127.0.0.1 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 127.0.0.1 65536 2\r\n",
        &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 100]].concat(),
        &v2(0x21, 0x11, &[1, 2, 3]),
        &v2(0x31, 0x11, &[0; 12]),
        &v2(0x21, 0x12, &[0; 12]),
        &v2(0x21, 0x11, &[0; 5000])[..16],
    ] {
        let mut client = Client::new(&server);
        client.send(bytes);
        client.assert_closed();
    }
    server
        .log()
        .wait_for(&["WARN 127.0.0.1:", "refused: it sends no PROXY header"]);
    assert_eq!(server.log().count("GET /log"), 0);
    // Whoever is not trusted may not speak for others.
    let options = [
        "--listen",
        "127.0.0.1:0,proxy",
        "--trusted-proxy",
        "192.0.2.1",
    ];
    let server = launch(&options, &dir);
    let mut client = Client::new(&server);
    client.send(format!("PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\n{REQUEST}"));
    client.assert_closed();
    server
        .log()
        .wait_for(&["refused: it is no --trusted-proxy"]);
    // And where none is expected, the log says what came.
    let server = launch(&["--listen", "127.0.0.1:0"], &dir);
    let mut client = Client::new(&server);
    client.send(format!("PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\n{REQUEST}"));
    assert_eq!(client.response().status, 400);
    server
        .log()
        .wait_for(&["refused", "PROXY header", "--listen ADDR,proxy"]);
}

#[test]
fn the_limit_of_an_address_is_that_of_the_client() {
    let dir = TempDir::with("log", "x");
    let options = [
        "--listen",
        "127.0.0.1:0,proxy",
        "--max-connections-per-address",
        "2",
    ];
    let server = launch(&options, &dir);
    let connect = |address: &str| {
        let mut client = Client::new(&server);
        client.send(format!("PROXY TCP4 {address} 127.0.0.1 1 2\r\n{REQUEST}"));
        client
    };
    let mut two = [connect("203.0.113.1"), connect("203.0.113.1")];
    for client in &mut two {
        assert_eq!(client.response().status, 200);
    }
    connect("203.0.113.1").assert_closed();
    assert_eq!(connect("203.0.113.2").response().status, 200);
    drop(two);
    crate::support::harness::until("a free place", || {
        let mut client = connect("203.0.113.1");
        client.try_response().ok().map(|response| response.status)
    });
}
