//! Whole files and finite ranges.

use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use super::client::{Client, Ending, Response, get, head_of};
use super::harness::{Server, TempDir, pattern};

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

fn assert_fields_of_a_finite_answer(response: &Response) {
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
fn one_range_is_206_with_those_bytes() {
    let contents = pattern(1000);
    let dir = TempDir::with("log", &contents);
    let server = Server::start(&dir);
    let huge = "9".repeat(400);
    let table: &[(&str, std::ops::Range<usize>)] = &[
        ("bytes=0-0", 0..1),
        ("bytes=0-999", 0..1000),
        ("bytes=5-9", 5..10),
        ("bytes=999-999", 999..1000),
        ("bytes=990-5000", 990..1000),
        ("bytes=0000005-0009", 5..10),
        ("bytes=-1", 999..1000),
        ("bytes=-1000", 0..1000),
        ("bytes=-5000", 0..1000),
        (&format!("bytes=-{huge}"), 0..1000),
        ("bytes=-18446744073709551617", 0..1000),
        ("bytes=10-999999999998", 10..1000),
        ("BYTES=5-9", 5..10),
        // A set that is one range in the end.
        ("bytes=0-4,5-9", 0..10),
        ("bytes=5-9,0-6", 0..10),
        ("bytes=0-,5-9", 0..1000),
        ("bytes=1-2,2000-3000", 1..3),
    ];
    let mut client = Client::new(&server);
    for (range, expected) in table {
        let response = client.get("/log", &[&format!("Range: {range}")]);
        assert_eq!(response.status, 206, "{range}");
        let content_range = format!("bytes {}-{}/1000", expected.start, expected.end - 1);
        assert_eq!(response.field("Content-Range"), content_range, "{range}");
        assert_eq!(response.body, contents[expected.clone()], "{range}");
        assert_fields_of_a_finite_answer(&response);
    }
}

#[test]
fn a_range_that_is_no_range_is_ignored() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let ranges = [
        "lines=1-2",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=1-2,x",
        "bytes= ,",
        "bytes=1--2",
        "bytes:1-2",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=18446744073709551617-5",
        "",
        "bytes =1-2",
    ];
    for range in ranges {
        let response = client.get("/log", &[&format!("Range: {range}")]);
        assert_eq!(
            (response.status, response.body.as_slice()),
            (200, b"0123456789".as_slice()),
            "{range:?}"
        );
    }
}

#[test]
fn an_unsatisfiable_range_is_416_with_the_size() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let huge = format!("bytes={}-", "9".repeat(400));
    let ranges = [
        "bytes=10-10",
        "bytes=10-20",
        "bytes=11-",
        "bytes=-0",
        "bytes=10-11,12-13",
        "bytes=18446744073709551615-",
        "bytes=18446744073709551616-",
        "bytes=18446744073709551616-18446744073709551617",
        "bytes=11-99999999999999",
        &huge,
    ];
    for range in ranges {
        let response = client.get("/log", &[&format!("Range: {range}")]);
        response.assert_error(416);
        assert_eq!(response.field("Content-Range"), "bytes */10", "{range}");
    }
}

/// The parts of a multipart/byteranges: Content-Range and bytes of each.
fn parts(response: &Response) -> Vec<(String, Vec<u8>)> {
    assert_eq!(response.status, 206, "{:?}", response.head);
    assert_eq!(
        response.get("Content-Range"),
        None,
        "only the parts have one"
    );
    let media = response.field("Content-Type");
    let boundary = media
        .strip_prefix("multipart/byteranges; boundary=")
        .expect(media);
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
    let mut rest = [b"\r\n", response.body.as_slice()].concat();
    // The first delimiter may stand at the very beginning or after an empty preamble.
    if rest.starts_with(b"\r\n\r\n--") {
        rest.drain(..2);
    }
    let mut parts = Vec::new();
    loop {
        let after = rest
            .strip_prefix(delimiter.as_bytes())
            .expect("a delimiter");
        if after.starts_with(b"--") {
            assert_eq!(after, b"--\r\n");
            return parts;
        }
        let head_end = after
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a part head");
        let head = String::from_utf8(after[..head_end].to_vec()).expect("text");
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .expect(&head)
                .to_string()
        };
        assert_eq!(field("Content-Type: "), "application/octet-stream");
        let body = &after[head_end + 4..];
        let end = body
            .windows(delimiter.len())
            .position(|bytes| bytes == delimiter.as_bytes());
        let end = end.expect("the next delimiter");
        parts.push((field("Content-Range: "), body[..end].to_vec()));
        rest = body[end..].to_vec();
    }
}

#[test]
fn several_ranges_are_parts_in_the_order_asked_and_merged() {
    let contents = pattern(1000);
    let dir = TempDir::with("log", &contents);
    let server = Server::start(&dir);
    let table: &[(&str, &[std::ops::Range<usize>])] = &[
        ("bytes=0-1,5-6", &[0..2, 5..7]),
        ("bytes=5-6,0-1", &[5..7, 0..2]),
        ("bytes=0-1 , 5-6,,", &[0..2, 5..7]),
        ("bytes=0-1,900-", &[0..2, 900..1000]),
        ("bytes=-1,0-0", &[999..1000, 0..1]),
        ("bytes=0-5,4-9,20-30", &[0..10, 20..31]),
        ("bytes=0-4,5-9,20-30", &[0..10, 20..31]),
        ("bytes=0-1,1000-,5-6", &[0..2, 5..7]),
        ("bytes=0-1,5-99999999999999999999999", &[0..2, 5..1000]),
    ];
    let mut client = Client::new(&server);
    for (range, expected) in table {
        let found = parts(&client.get("/log", &[&format!("Range: {range}")]));
        let expected: Vec<_> = expected
            .iter()
            .map(|range| {
                (
                    format!("bytes {}-{}/1000", range.start, range.end - 1),
                    contents[range.clone()].to_vec(),
                )
            })
            .collect();
        assert_eq!(found, expected, "{range}");
    }
}

#[test]
fn sixteen_parts_after_merging_are_the_most() {
    let contents = pattern(1000);
    let dir = TempDir::with("log", &contents);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let set = |count: usize| {
        let ranges: Vec<_> = (0..count)
            .map(|i| format!("{}-{}", i * 10, i * 10 + 1))
            .collect();
        format!("Range: bytes={}", ranges.join(","))
    };
    assert_eq!(parts(&client.get("/log", &[&set(16)])).len(), 16);
    let response = client.get("/log", &[&set(17)]);
    assert_eq!((response.status, response.body), (200, contents.clone()));
    let merged = client.get("/log", &[&format!("{},0-998", set(40))]);
    assert_eq!(
        (merged.status, merged.body.len()),
        (206, 999),
        "many that are one"
    );
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
