//! Whole files, and what all finite answers have in common.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use crate::support::client::{Client, Ending, Response, get, head_of};
use crate::support::harness::{Server, TempDir, pattern};

const GIB: u64 = 1 << 30;

#[test]
fn a_whole_file_has_its_length_and_all_fields() {
    let dir = TempDir::with("log", "one\ntwo\n");
    let server = Server::start(&dir);
    let response = get(&server, "/log", &[]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (200, b"one\ntwo\n".as_slice())
    );
    assert_fields_of_a_finite_answer(&response);
    assert_eq!(response.field("Content-Length"), "8");
    assert_eq!(response.field("Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(response.get("Content-Range"), None);
}

pub fn assert_fields_of_a_finite_answer(response: &Response) {
    assert_eq!(response.field("Accept-Ranges"), "bytes");
    assert_eq!(response.field("Cache-Control"), "no-cache");
    assert_eq!(response.field("X-Content-Type-Options"), "nosniff");
    let etag = response.field("ETag");
    assert!(
        etag.starts_with("W/\"") && etag.ends_with('"') && etag.len() > 4,
        "{etag}"
    );
    assert!(response.field("Last-Modified").ends_with(" GMT"));
    assert_eq!(response.get("Transfer-Encoding"), None);
    assert_eq!(response.get("X-Accel-Buffering"), None);
}

#[test]
fn an_empty_file_is_an_empty_answer() {
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let response = client.get("/log", &[]);
    assert_eq!(
        (response.status, response.field("Content-Length")),
        (200, "0")
    );
    for range in ["bytes=0-0", "bytes=-5", "bytes=1-", "bytes=0-0,1-1"] {
        let response = client.get("/log", &[&format!("Range: {range}")]);
        response.assert_error(416);
        assert_eq!(response.field("Content-Range"), "bytes */0", "{range}");
    }
}

#[test]
fn the_media_type_is_told_by_extension_or_content() {
    let files: &[(&str, &[u8], &str)] = &[
        ("page.html", b"x", "text/html; charset=utf-8"),
        ("UPPER.HTML", b"x", "text/html; charset=utf-8"),
        ("notes.txt", b"x", "text/plain; charset=utf-8"),
        ("data.json", b"{}", "application/json"),
        ("picture.png", b"x", "image/png"),
        ("style.css", b"x", "text/css; charset=utf-8"),
        (
            "text",
            "Gr\u{fc}\u{df}e\n".as_bytes(),
            "text/plain; charset=utf-8",
        ),
        ("binary", b"\x00\x01\x02", "application/octet-stream"),
        ("not-utf8", b"\xff\xfe\xfd", "application/octet-stream"),
        (
            "text.unknown-extension",
            b"words\n",
            "text/plain; charset=utf-8",
        ),
    ];
    let dir = TempDir::new();
    for (name, contents, _) in files {
        dir.write(name, contents);
    }
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for (name, _, expected) in files {
        let head = client.head_of(&format!("/{name}"), &[]);
        assert_eq!(head.field("Content-Type"), *expected, "{name}");
    }
}

#[test]
fn head_says_what_get_would() {
    let dir = TempDir::with("log", pattern(1000));
    let server = Server::start(&dir);
    let ranges = [
        "",
        "X: y",
        "Range: bytes=1-5",
        "Range: bytes=-3",
        "Range: bytes=0-1,5-6",
    ];
    let ranges = ranges
        .into_iter()
        .chain(["Range: bytes=2000-3000", "Range: lines=1-2"]);
    // All on one connection: a body after a HEAD would be taken for the next answer.
    let mut client = Client::new(&server);
    for range in ranges {
        let fields: &[&str] = if range.is_empty() { &[] } else { &[range] };
        let head = client.head_of("/log", fields);
        let got = client.get("/log", fields);
        assert_eq!(head.status, got.status, "{range}");
        let but_date = |fields: &[(String, String)]| -> Vec<(String, String)> {
            let fields = fields.iter().filter(|(name, _)| name != "Date");
            fields.cloned().collect()
        };
        assert_eq!(but_date(&head.fields), but_date(&got.fields), "{range}");
    }
    for target in ["/nothing", "/"] {
        let head = client.head_of(target, &[]);
        let got = client.get(target, &[]);
        assert_eq!(head.status, got.status);
        assert_eq!(head.field("Content-Length"), got.field("Content-Length"));
    }
}

#[test]
fn a_whole_answer_is_the_snapshot_even_if_the_file_grows() {
    let contents = pattern(8 << 20);
    let dir = TempDir::with("log", &contents);
    let server = Server::start(&dir);
    let mut client = Client::slow(&server);
    client.ask("GET", "/log", &[]);
    let head = client.head();
    assert_eq!(head.field("Content-Length"), (8 << 20).to_string());
    dir.append("log", "more");
    assert!(client.raw(8 << 20) == contents);
    let next = client.get("/log", &["Range: bytes=8388608-8388700"]);
    assert_eq!(next.body, b"more", "nothing of it went before");
}

#[test]
fn offsets_beyond_4_gib_are_exact() {
    let size = 5 * GIB + 3;
    let dir = TempDir::with("log", "");
    dir.resize("log", size);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .open(dir.join("log"))
        .expect("open");
    file.seek(SeekFrom::Start(size - 6)).expect("seek");
    file.write_all(b"ending").expect("write");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    assert_eq!(
        client.head_of("/log", &[]).field("Content-Length"),
        size.to_string()
    );
    let response = client.get("/log", &["Range: bytes=-8"]);
    assert_eq!(response.body, b"\0\0ending");
    let response = client.get(
        "/log",
        &[&format!("Range: bytes={}-{}", size - 5, size + 5)],
    );
    assert_eq!(response.body, b"nding");
    assert_eq!(
        response.field("Content-Range"),
        format!("bytes {}-{}/{size}", size - 5, size - 1)
    );
    let response = client.get("/log", &["Range: bytes=4294967296-4294967297"]);
    assert_eq!(response.body, b"\0\0");
    let head = client.tail("/log", &[&format!("Range: bytes={}-", size - 2)]);
    assert_eq!(
        head.field("Content-Range"),
        format!("bytes {}-9007199254740991/*", size - 2)
    );
    dir.append("log", "!");
    assert_eq!(client.take(3), b"ng!");
}

#[test]
fn a_promised_byte_that_is_gone_resets_the_connection() {
    let dir = TempDir::with("log", "");
    dir.resize("log", 64 << 20);
    for field in [
        "X: y",
        "Range: bytes=1-63000000",
        "Range: bytes=0-40000000,50000000-60000000",
    ] {
        dir.resize("log", 64 << 20);
        let server = Server::start(&dir);
        let mut client = Client::slow(&server);
        client.ask("GET", "/log", &[field]);
        let length: usize = client
            .head()
            .field("Content-Length")
            .parse()
            .expect("a length");
        client.raw(1);
        dir.resize("log", 1 << 20);
        let (rest, ending) = client.until_end();
        assert_eq!(ending, Ending::Reset, "{field}");
        assert!(rest.len() + 1 < length, "{field}");
    }
}

#[test]
fn a_modification_time_in_the_future_is_told_as_now() {
    let dir = TempDir::with("log", "x");
    let file = std::fs::File::open(dir.join("log")).expect("open");
    file.set_modified(std::time::SystemTime::now() + Duration::from_secs(1 << 20))
        .expect("touch");
    let server = Server::start(&dir);
    let head = head_of(&server, "/log", &[]);
    assert_eq!(
        head.field("Last-Modified"),
        head.field("Date"),
        "RFC 9110 section 8.8.2.1"
    );
}
