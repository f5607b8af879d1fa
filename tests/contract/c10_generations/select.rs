//! `GET /NAME?generation=TAG`: a file under whatever name it has now.

use openrange::http::position::Check;

use crate::support::client::{Client, Response, etag, get, head_of};
use crate::support::harness::{Server, TempDir};

/// The digits of the tag that a file has now.
pub fn tag(server: &Server, target: &str) -> String {
    let etag = etag(server, target);
    etag["W/\"".len()..etag.len() - 1].to_owned()
}

fn generation(server: &Server, tag: &str, fields: &[&str]) -> Response {
    get(server, &format!("/log?generation={tag}"), fields)
}

fn links(response: &Response) -> Vec<String> {
    let links = response.get("Link").unwrap_or_default();
    links
        .split(", ")
        .filter(|link| !link.is_empty())
        .map(str::to_owned)
        .collect()
}

fn link(tag: &str, relation: &str) -> String {
    format!("</log?generation={tag}>; rel=\"{relation}\"")
}

const LATEST: &str = "</log>; rel=\"latest-version\"";

#[test]
fn through_rolls() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log");
    let response = generation(&server, &one, &[]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, &b"one\n"[..])
    );
    assert_eq!(response.field("Content-Location"), "/log");
    assert_eq!(links(&response), [LATEST]);
    dir.rename("log", "log.1");
    let response = generation(&server, &one, &[]);
    assert_eq!(response.field("Content-Location"), "/log.1");
    assert_eq!(links(&response), [LATEST], "nothing came after it yet");
    dir.write("log", "two\n");
    let two = tag(&server, "/log");
    dir.rename("log.1", "log.2");
    dir.rename("log", "log.1");
    dir.write("log", "three\n");
    let three = tag(&server, "/log");
    let response = generation(&server, &one, &[]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, &b"one\n"[..])
    );
    assert_eq!(response.field("ETag"), format!("W/\"{one}\""));
    assert_eq!(response.field("Content-Location"), "/log.2");
    assert_eq!(links(&response), [LATEST, &link(&two, "successor-version")]);
    let response = generation(&server, &two, &["Range: bytes=1-2"]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (206, &b"wo"[..])
    );
    assert_eq!(response.field("Content-Range"), "bytes 1-2/4");
    assert_eq!(
        links(&response),
        [LATEST, &link(&three, "successor-version")]
    );
    assert_eq!(generation(&server, &two, &["Range: bytes=5-"]).status, 416);
    let other = format!("If-Match: W/\"{one}\"");
    assert_eq!(generation(&server, &two, &[&other]).status, 412);
    assert_eq!(generation(&server, &one, &[&other]).status, 200);
    let mut client = Client::new(&server);
    let head = client.head_of(&format!("/log?generation={one}"), &[]);
    assert_eq!((head.status, head.field("Content-Length")), (200, "4"));
    assert_eq!(head.field("Content-Location"), "/log.2");
    // The digits of the tag, as they stand there: a tag is compared byte by byte (RFC 9110 section 8.8.3.2).
    assert_eq!(generation(&server, "0123456789ABCDEF", &[]).status, 400);
    // By another name it is another family.
    dir.write("other", "");
    get(&server, &format!("/other?generation={one}"), &[]).assert_error(404);
}

#[test]
fn what_is_no_tag() {
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    for wrong in [
        "",
        "=",
        "=1",
        "=0123456789abcdeg",
        "=0123456789abcdef0",
        "=W/%220123456789abcdef%22",
        "=+123456789abcdef",
        "=0123456789ABCDEF",
    ] {
        get(&server, &format!("/log?generation{wrong}"), &[]).assert_error(400);
    }
    let twice = "/log?generation=0123456789abcdef&generation=0123456789abcdef";
    get(&server, twice, &[]).assert_error(400);
}

#[test]
fn why_it_is_not_there() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    let absent = |tag: &str, reason: &str| {
        let response = generation(&server, tag, &[]);
        response.assert_error(404);
        assert_eq!(response.field("Cache-Control"), "no-store");
        let text = String::from_utf8(response.body.clone()).expect("text");
        assert!(text.contains(reason), "{reason}: {text}");
        let mut client = Client::new(&server);
        let head = client.head_of(&format!("/log?generation={tag}"), &[]);
        assert_eq!((head.status, head.get("Link")), (404, response.get("Link")));
        links(&response)
    };
    let one = tag(&server, "/log");
    assert_eq!(
        absent("0123456789abcdef", "never seen"),
        [link(&one, "first")]
    );
    // Somebody follows the log, so it is seen what becomes of it.
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    dir.rename("log", "log.1");
    dir.write("log", "two\n");
    client.rest();
    let two = tag(&server, "/log");
    client.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(client.take(4), b"two\n");
    dir.remove("log.1");
    let links = absent(&one, "gone");
    assert_eq!(links[0], link(&two, "first"));
    dir.resize("log", 1);
    client.until_end();
    let now = tag(&server, "/log");
    assert_ne!(now, two);
    assert_eq!(absent(&two, "truncated")[0], link(&now, "first"));
    dir.remove("log");
    let nothing: [String; 0] = [];
    assert_eq!(absent("0123456789abcdef", "never seen"), nothing);
}

#[test]
fn the_bytes_before_a_range_are_a_condition_here_too() {
    let dir = TempDir::with("log", "one\ntwo\n");
    let server = Server::start(&dir);
    let one = tag(&server, "/log");
    let check = |bytes: &str| format!("If-Bytes-Before: {}", Check::of(bytes.as_bytes()));
    for name in ["log", "log.1"] {
        if name != "log" {
            dir.rename("log", name);
        }
        for range in ["Range: bytes=4-7", "Range: bytes=4-"] {
            let is = |bytes| {
                let fields = [range, &check(bytes)];
                head_of(&server, &format!("/log?generation={one}"), &fields)
            };
            assert_eq!(is("one\n").status, 206, "{name}: {range}");
            let other = is("two\n");
            assert_eq!(other.status, 412, "{name}: {range}");
            assert!(other.field("ETag").contains(&one));
        }
    }
}
