//! `multipart/byteranges`, put together and taken apart again (RFC 9110 section 14.6, RFC 2046 section 5.1).

use openrange::dialect::plain;
use openrange::response::{Body, Response, Terms, respond};

use super::parsed::ParsedResponse;
use super::{TEXT, answered, file, now, request};

/// The body as it goes out, of a file whose bytes tell where they stand.
fn sent(answer: &Response) -> Vec<u8> {
    let Body::Parts(parts) = &answer.body else {
        panic!("{answer:?}");
    };
    let mut wire = Vec::new();
    for part in parts {
        wire.extend_from_slice(&part.before);
        wire.extend(part.range.clone().map(|at| (at % 251) as u8));
    }
    wire
}

/// Content-Range and bytes of each part.
fn parts(wire: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    let delimiter = format!("\r\n--{boundary}").into_bytes();
    let mut pieces = Vec::new();
    let mut rest = wire;
    while let Some(at) = rest
        .windows(delimiter.len())
        .position(|window| window == delimiter)
    {
        pieces.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    assert_eq!(rest, b"--\r\n", "the closing delimiter");
    assert_eq!(pieces[0], b"", "nothing before the first part");
    let head = |piece: &[u8]| {
        let piece = piece
            .strip_prefix(b"\r\n")
            .expect("a line end after the delimiter");
        let end = piece
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap();
        let fields = str::from_utf8(&piece[..end]).unwrap();
        let range = fields
            .strip_prefix(&format!("Content-Type: {TEXT}\r\nContent-Range: "))
            .unwrap();
        (range.to_owned(), piece[end + 4..].to_vec())
    };
    pieces[1..].iter().map(|piece| head(piece)).collect()
}

#[test]
fn parts_and_length() {
    let sixteen: Vec<String> = (0..16)
        .map(|part| format!("{}-{}", part * 10, part * 10 + 4))
        .collect();
    let table: [(&str, &[&str]); 4] = [
        ("0-1,5-6", &["0-1", "5-6"]),
        ("900-,0-0", &["900-999", "0-0"]),
        ("-1,3-4,100-120,110-130", &["999-999", "3-4", "100-130"]),
        (
            &sixteen.join(","),
            &sixteen.iter().map(String::as_str).collect::<Vec<_>>(),
        ),
    ];
    for (asked, expected) in table {
        let answer = answered(
            "GET /f",
            &[&format!("Range: bytes={asked}")],
            &file(1_000, false),
        );
        let response = ParsedResponse::of(&answer);
        assert_eq!(response.status, 206);
        assert_eq!(
            response.get("Content-Range"),
            None,
            "not in a multipart (RFC 9110 section 15.3.7.2)"
        );
        let wire = sent(&answer);
        assert_eq!(
            response.get("Content-Length"),
            Some(wire.len().to_string().as_str()),
            "{asked}"
        );
        let boundary = response
            .get("Content-Type")
            .and_then(|media| media.strip_prefix("multipart/byteranges; boundary="))
            .unwrap();
        assert!(
            boundary.len() <= 70
                && boundary
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        );
        let parts = parts(&wire, boundary);
        assert_eq!(parts.len(), expected.len(), "{asked}");
        for ((range, bytes), expected) in parts.iter().zip(expected) {
            assert_eq!(*range, format!("bytes {expected}/1000"));
            let (first, last) = expected.split_once('-').unwrap();
            let whole = first.parse::<u64>().unwrap()..=last.parse().unwrap();
            assert!(
                bytes.iter().copied().eq(whole.map(|at| (at % 251) as u8)),
                "{expected}"
            );
        }
    }
}

#[test]
fn lengths_beyond_32_bits() {
    let answer = answered(
        "GET /f",
        &["Range: bytes=0-4999999999,5500000000-"],
        &file(6_000_000_000, false),
    );
    let Body::Parts(parts) = &answer.body else {
        panic!("{answer:?}");
    };
    let heads: u64 = parts.iter().map(|part| part.before.len() as u64).sum();
    let length = (5_500_000_000 + heads).to_string();
    assert_eq!(
        ParsedResponse::of(&answer).get("Content-Length"),
        Some(length.as_str())
    );
}

#[test]
fn head_tells_the_same_length() {
    let fields = ["Range: bytes=0-1,5-6"];
    let [get, head] = ["GET /f", "HEAD /f"].map(|line| answered(line, &fields, &file(10, false)));
    assert_eq!(
        ParsedResponse::of(&get).get("Content-Length"),
        ParsedResponse::of(&head).get("Content-Length")
    );
    assert_eq!(head.body, Body::Nothing);
}

/// Whoever writes to a file may have read earlier responses, but has not got the key.
#[test]
fn delimiter_of_each_process_and_size() {
    let fields = ["Range: bytes=0-1,5-6"];
    let delimiter = |size, key| {
        let terms = Terms {
            delimiter_key: [key; 16],
            ..Terms::from(now())
        };
        let asked = plain::parse(request("GET /f", "1.1", &fields));
        let answer = respond(&asked, &file(size, false), true, terms);
        let media = ParsedResponse::of(&answer)
            .get("Content-Type")
            .map(str::to_owned);
        media.expect("a media type")
    };
    assert_eq!(delimiter(10, 1), delimiter(10, 1));
    assert_ne!(delimiter(10, 1), delimiter(10, 2));
    assert_ne!(delimiter(10, 1), delimiter(11, 1));
}
