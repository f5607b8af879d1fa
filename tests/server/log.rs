//! What the server says on stderr.

use super::client::{Client, get};
use super::harness::{Server, TempDir, openrange};

#[test]
fn every_answered_request_is_a_line() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.get("/log", &[]);
    let line = server.log().wait_for(&["GET /log", "200"]);
    assert!(line.contains("10") && line.contains("127.0.0.1"), "{line}");
    client.get("/log", &["Range: bytes=2-4"]);
    server.log().wait_for(&["GET /log", "206", "3"]);
    client.head_of("/log", &[]);
    server.log().wait_for(&["HEAD /log", "200"]);
    client.get("/missing", &[]);
    server.log().wait_for(&["GET /missing", "404"]);
    client.ask("DELETE", "/log", &[]);
    client.response();
    server.log().wait_for(&["DELETE", "405"]);
    client.send("nonsense\r\n\r\n");
    client.response();
    server.log().wait_for(&["400"]);
}

#[test]
fn a_tail_is_a_second_line_when_it_ends_with_bytes_and_reason() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let begin = || {
        let mut client = Client::new(&server);
        client.tail("/log", &["Range: bytes=4-"]);
        assert_eq!(client.take(6), b"456789");
        server.log().wait_for(&["GET /log", "206"]);
        client
    };
    let mut client = begin();
    dir.append("log", "+");
    dir.rename("log", "away");
    client.rest();
    server.log().wait_for(&["/log", "renamed", "7 bytes"]);
    dir.rename("away", "log");
    dir.resize("log", 10);
    drop(begin());
    server.log().wait_for(&["/log", "left", "6 bytes"]);
    let mut client = begin();
    dir.resize("log", 1);
    client.until_end();
    server.log().wait_for(&["/log", "truncated", "6 bytes"]);
    dir.write("log", "0123456789");
    let mut client = begin();
    dir.remove("log");
    client.rest();
    server.log().wait_for(&["/log", "unlinked", "6 bytes"]);
}

#[test]
fn what_a_client_sends_cannot_forge_a_line() {
    let dir = TempDir::new();
    let server = Server::start(&dir);
    get(&server, "/a%0Aforged%0D%1b%5B31m", &[]).assert_error(404);
    let mut client = Client::new(&server);
    client.send("FOR/GED /x HTTP/1.1\r\nHost: h\r\n\r\n");
    client.response();
    let line = server.log().wait_for(&["forged", "404"]);
    assert!(
        line.contains("GET /a%0Aforged") && !line.contains('\x1b'),
        "{line:?}"
    );
}

#[test]
fn rust_log_chooses_how_much_is_said() {
    let dir = TempDir::with("log", "x");
    let mut command = openrange(&["--listen", "127.0.0.1:0"]);
    command.arg(dir.path()).env("RUST_LOG", "error");
    let mut server = Server::launch(command);
    assert_eq!(get(&server, "/log", &[]).status, 200);
    server.running.signal(rustix::process::Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    assert_eq!(server.log().all(), Vec::<String>::new());
    assert_eq!(server.running.stdout.all().len(), 1, "the announcement");
}
