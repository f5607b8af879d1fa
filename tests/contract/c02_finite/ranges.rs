//! Finite ranges: one, several, none.

use super::finite::assert_fields_of_a_finite_answer;
use crate::support::client::{Client, Response};
use crate::support::harness::{Server, TempDir, pattern};

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

/// Who writes to a log cannot know the delimiter, although its tag and size are no secrets.
#[test]
fn delimiter_differs_between_processes() {
    let dir = TempDir::with("log", pattern(100));
    let medias = [(); 2].map(|()| {
        let server = Server::start(&dir);
        let mut client = Client::new(&server);
        let fields = ["Range: bytes=0-1,5-6"];
        let response = client.get("/log", &fields);
        let head = client.head_of("/log", &fields);
        for name in ["Content-Type", "Content-Length"] {
            assert_eq!(response.field(name), head.field(name));
        }
        response.field("Content-Type").to_owned()
    });
    assert_ne!(medias[0], medias[1]);
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
