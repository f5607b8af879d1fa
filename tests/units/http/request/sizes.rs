//! Heads that are too large, too slow, or not there yet.

use openrange::http::head::Status;
use openrange::http::request::Refusal;
use openrange::http::request::Refusal::{HeadTooLarge, Malformed, TargetTooLong};
use openrange::http::request::parse;
use openrange::limits::{FIELDS_MAX, HEAD_MAX, TARGET_MAX};

use super::{accepted, read, refused, with_fields, with_line};

/// A request with so many fields, Host included.
fn fields(count: usize) -> Vec<u8> {
    with_fields(&vec!["X: y"; count - 1].join("\r\n").into_bytes())
}

/// A request whose head has so many bytes.
fn head(length: usize) -> Vec<u8> {
    let rest = with_fields(b"X: ").len();
    let head = with_fields(format!("X: {}", "y".repeat(length - rest)).as_bytes());
    assert_eq!(head.len(), length);
    head
}

/// A request whose target has so many bytes.
fn target(length: usize) -> Vec<u8> {
    with_line(format!("GET /{} HTTP/1.1", "y".repeat(length - 1)).as_bytes())
}

#[test]
fn the_largest_that_are_taken() {
    accepted(&fields(FIELDS_MAX));
    accepted(&head(HEAD_MAX));
    accepted(&target(TARGET_MAX));
    // Empty lines before the request count as part of its head.
    let blank = "\r\n".repeat(100).into_bytes();
    accepted(&[blank.as_slice(), &head(HEAD_MAX - 200)].concat());
}

#[test]
fn the_smallest_that_are_too_large() {
    refused(&fields(FIELDS_MAX + 1), HeadTooLarge);
    refused(&head(HEAD_MAX + 1), HeadTooLarge);
    refused(&target(TARGET_MAX + 1), TargetTooLong);
    refused(&fields(2 * FIELDS_MAX), HeadTooLarge);
    refused(&head(4 * HEAD_MAX), HeadTooLarge);
    let blank = "\r\n".repeat(100).into_bytes();
    refused(
        &[blank.as_slice(), &head(HEAD_MAX - 199)].concat(),
        HeadTooLarge,
    );
    // A request line that fills the window is told as a long target, whatever it would have become.
    refused(&target(2 * HEAD_MAX), TargetTooLong);
    refused(&vec![b'A'; HEAD_MAX], TargetTooLong);
}

#[test]
fn a_line_that_is_wrong_is_not_waited_for() {
    // The limits come after the line ends: what is certain to be wrong is refused at once.
    let table: &[(&[u8], &str)] = &[
        (b"GET / HTTP/1.1\n", "bare LF in the head"),
        (b"\n", "bare LF in the head"),
        (b"GET / HTTP/1.1\r\nX: y\rz", "bare CR in the head"),
        (b"\r\r", "bare CR in the head"),
    ];
    for (head, why) in table {
        assert_eq!(read(head), Err(Malformed(why)), "{}", head.escape_ascii());
    }
}

#[test]
fn prefixes_are_not_there_yet() {
    let whole = b"\r\n\r\nGET /f?q HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\nTE: trailers\r\n\r\n";
    for length in 0..whole.len() {
        assert_eq!(parse(&whole[..length]), Ok(None), "{length} bytes");
    }
    assert!(parse(whole).unwrap().is_some());
    let largest = head(HEAD_MAX);
    for length in [HEAD_MAX - 1, HEAD_MAX - 2, HEAD_MAX - 3, HEAD_MAX - 4] {
        assert_eq!(parse(&largest[..length]), Ok(None), "{length} bytes");
    }
    for waiting in [
        &b""[..],
        b"\r",
        b"\r\n",
        b"\r\n\r",
        b"\r\n\r\n",
        b"G",
        b"GET / HTTP/1.1\r",
        b"GET / HTTP/1.1\r\n\r",
    ] {
        assert_eq!(read(waiting), Ok(None), "{}", waiting.escape_ascii());
    }
}

#[test]
fn statuses() {
    let table: [(Refusal, Status, u16); 7] = [
        (Malformed("why"), Status::BadRequest, 400),
        (Refusal::TooSlow, Status::RequestTimeout, 408),
        (TargetTooLong, Status::UriTooLong, 414),
        (HeadTooLarge, Status::FieldsTooLarge, 431),
        (Refusal::UnknownCoding, Status::NotImplemented, 501),
        (Refusal::TooManyConnections, Status::ServiceUnavailable, 503),
        (Refusal::Version, Status::VersionNotSupported, 505),
    ];
    for (refusal, status, code) in table {
        assert_eq!(refusal.explain().0, status);
        assert_eq!(status.code(), code);
        assert!(!refusal.explain().1.is_empty());
    }
    assert_eq!(Malformed("why").explain().1, "why");
    // The texts name the limits in digits.
    assert!(TargetTooLong.explain().1.contains(&TARGET_MAX.to_string()));
    assert!(HeadTooLarge.explain().1.contains(&HEAD_MAX.to_string()));
    assert!(HeadTooLarge.explain().1.contains(&FIELDS_MAX.to_string()));
}
