//! Answers that said what they should not.

use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir};

#[test]
fn an_end_is_told_by_its_own_reason_though_another_request_found_it() {
    let dir = TempDir::with("log", "1234");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut first = Client::new(&server);
    first.tail("/log", &["Range: bytes=0-", "TE: trailers"]);
    assert_eq!(first.take(4), b"1234");
    let mut second = Client::new(&server);
    second.get("/log", &[]);
    server.freeze();
    dir.remove("log");
    dir.write("log", "of another file");
    second.ask("GET", "/log", &["Range: bytes=0-"]);
    server.thaw();
    let (body, trailers) = first.rest();
    assert_eq!(body, b"");
    assert_eq!(trailers, [("Tail-End".to_string(), "unlinked".to_string())]);
    assert_eq!(second.head().status, 206);
    assert_eq!(second.take(15), b"of another file");
}

#[test]
fn the_answer_to_a_refused_head_has_no_body() {
    let dir = TempDir::with("log", "1234");
    let server = Server::with(&dir, &["--header-timeout", "1"]);
    let long = "x".repeat(5000);
    let rows = [
        (
            "HEAD /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_string(),
            400,
        ),
        ("HEAD /log HTTP/1.1\r\n\r\n".to_string(), 400),
        ("\r\nHEAD /log HTTP/1.1\r\n\r\n".to_string(), 400),
        (
            format!("HEAD /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
            414,
        ),
        (
            format!(
                "HEAD / HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
                "X: y\r\n".repeat(200)
            ),
            431,
        ),
        (
            "HEAD / HTTP/2.0\r\nHost: localhost\r\n\r\n".to_string(),
            505,
        ),
        ("HEAD /log HTTP/1.1\r\nHo".to_string(), 408),
    ];
    for (head, status) in rows {
        let mut client = Client::new(&server);
        client.send(&head);
        let answer = client.head();
        assert_eq!(answer.status, status, "{:.40}", head);
        assert_ne!(answer.field("Content-Length"), "0", "{:.40}", head);
        client.assert_closed();
        // The same of GET has one.
        let mut client = Client::new(&server);
        client.send(head.replace("HEAD", "GET"));
        client.response().assert_error(status);
    }
}

#[test]
fn the_media_type_does_not_depend_on_who_follows_the_file() {
    let rows: [(&[u8], &str); 2] = [
        (b"\0\x01\x02", "application/octet-stream"),
        (b"text", "text/plain; charset=utf-8"),
    ];
    for (contents, media) in rows {
        let dir = TempDir::with("file", "");
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::new(&server);
        let head = client.tail("/file", &["Range: bytes=0-"]);
        assert_eq!(head.field("Content-Type"), "text/plain; charset=utf-8");
        dir.append("file", contents);
        assert_eq!(client.take(contents.len()), contents);
        let followed = get(&server, "/file", &[]);
        assert_eq!(followed.field("Content-Type"), media);
        let mut another = Client::new(&server);
        let head = another.tail("/file", &["Range: bytes=0-"]);
        assert_eq!(head.field("Content-Type"), media, "of a tail");
        drop((client, another));
        server.log().wait_for(&["tail of /file ended"]);
        assert_eq!(get(&server, "/file", &[]).field("Content-Type"), media);
    }
}
