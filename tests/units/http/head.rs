//! `http::head`: status lines and fields as they stand on the wire.

use openrange::http::date::Date;
use openrange::http::head::{Head, Status};

const STATUSES: [(Status, u16, &str); 18] = [
    (Status::Ok, 200, "OK"),
    (Status::NoContent, 204, "No Content"),
    (Status::PartialContent, 206, "Partial Content"),
    (Status::MovedPermanently, 301, "Moved Permanently"),
    (Status::NotModified, 304, "Not Modified"),
    (Status::BadRequest, 400, "Bad Request"),
    (Status::Forbidden, 403, "Forbidden"),
    (Status::NotFound, 404, "Not Found"),
    (Status::MethodNotAllowed, 405, "Method Not Allowed"),
    (Status::RequestTimeout, 408, "Request Timeout"),
    (Status::PreconditionFailed, 412, "Precondition Failed"),
    (Status::UriTooLong, 414, "URI Too Long"),
    (Status::RangeNotSatisfiable, 416, "Range Not Satisfiable"),
    (
        Status::FieldsTooLarge,
        431,
        "Request Header Fields Too Large",
    ),
    (Status::InternalServerError, 500, "Internal Server Error"),
    (Status::NotImplemented, 501, "Not Implemented"),
    (Status::ServiceUnavailable, 503, "Service Unavailable"),
    (
        Status::VersionNotSupported,
        505,
        "HTTP Version Not Supported",
    ),
];

#[test]
fn status_lines() {
    for (status, code, reason) in STATUSES {
        assert_eq!((status.code(), status.reason()), (code, reason));
        let head = Head::new(status, Date::from_seconds(784_111_777)).finish(b"");
        let expected =
            format!("HTTP/1.1 {code} {reason}\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n");
        assert_eq!(head, expected.as_bytes());
    }
}

#[test]
fn fields_stand_in_the_order_given() {
    let head = Head::new(Status::Ok, Date::from_seconds(0))
        .field("A", 1)
        .lines("B: 2\r\nC: 3\r\n")
        .field("D", format_args!("{}-{}", 4, 5))
        .finish(b"body\r\n");
    let expected = b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
        A: 1\r\nB: 2\r\nC: 3\r\nD: 4-5\r\n\r\nbody\r\n";
    assert_eq!(head, expected);
}

#[test]
fn numbers_have_all_their_digits_and_no_others() {
    let powers = (0..20).map(|exponent| 10_u64.pow(exponent));
    let around = powers.flat_map(|power| [power - 1, power, power + 1]);
    for number in around.chain([1024, 4_294_967_296, u64::MAX - 1, u64::MAX]) {
        let head = Head::new(Status::Ok, Date::from_seconds(0))
            .field("A", number)
            .finish(b"");
        let head = String::from_utf8(head).expect("ASCII");
        assert!(
            head.ends_with(&format!("\r\nA: {number}\r\n\r\n")),
            "{head}"
        );
    }
}
