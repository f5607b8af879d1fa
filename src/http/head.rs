//! The head of a response: [`Status`] and a writer of fields (RFC 9112 sections 4 and 5).

use std::fmt;
use std::io::Write;

use super::conditional::ETag;
use super::date::Date;

/// The status codes this server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 9110 section 15")]
pub enum Status {
    Ok,
    Created,
    Accepted,
    NoContent,
    PartialContent,
    MovedPermanently,
    SeeOther,
    NotModified,
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    NotAcceptable,
    RequestTimeout,
    Conflict,
    PreconditionFailed,
    ContentTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    MisdirectedRequest,
    UnprocessableContent,
    FieldsTooLarge,
    InternalServerError,
    NotImplemented,
    ServiceUnavailable,
    VersionNotSupported,
    InsufficientStorage,
}

impl Status {
    /// All of them, each at its index (`status as usize`).
    pub const ALL: [Status; 29] = [
        Status::Ok,
        Status::Created,
        Status::Accepted,
        Status::NoContent,
        Status::PartialContent,
        Status::MovedPermanently,
        Status::SeeOther,
        Status::NotModified,
        Status::BadRequest,
        Status::Unauthorized,
        Status::Forbidden,
        Status::NotFound,
        Status::MethodNotAllowed,
        Status::NotAcceptable,
        Status::RequestTimeout,
        Status::Conflict,
        Status::PreconditionFailed,
        Status::ContentTooLarge,
        Status::UriTooLong,
        Status::UnsupportedMediaType,
        Status::RangeNotSatisfiable,
        Status::MisdirectedRequest,
        Status::UnprocessableContent,
        Status::FieldsTooLarge,
        Status::InternalServerError,
        Status::NotImplemented,
        Status::ServiceUnavailable,
        Status::VersionNotSupported,
        Status::InsufficientStorage,
    ];

    /// The three digits.
    #[must_use]
    pub fn code(self) -> u16 {
        self.line().0
    }

    /// The reason phrase.
    #[must_use]
    pub fn reason(self) -> &'static str {
        &self.line().1["200 ".len()..]
    }

    /// The code, and how it stands in a status line.
    fn line(self) -> (u16, &'static str) {
        match self {
            Status::Ok => (200, "200 OK"),
            Status::Created => (201, "201 Created"),
            Status::Accepted => (202, "202 Accepted"),
            Status::NoContent => (204, "204 No Content"),
            Status::PartialContent => (206, "206 Partial Content"),
            Status::MovedPermanently => (301, "301 Moved Permanently"),
            Status::SeeOther => (303, "303 See Other"),
            Status::NotModified => (304, "304 Not Modified"),
            Status::BadRequest => (400, "400 Bad Request"),
            Status::Unauthorized => (401, "401 Unauthorized"),
            Status::Forbidden => (403, "403 Forbidden"),
            Status::NotFound => (404, "404 Not Found"),
            Status::MethodNotAllowed => (405, "405 Method Not Allowed"),
            Status::NotAcceptable => (406, "406 Not Acceptable"),
            Status::RequestTimeout => (408, "408 Request Timeout"),
            Status::Conflict => (409, "409 Conflict"),
            Status::PreconditionFailed => (412, "412 Precondition Failed"),
            Status::ContentTooLarge => (413, "413 Content Too Large"),
            Status::UriTooLong => (414, "414 URI Too Long"),
            Status::UnsupportedMediaType => (415, "415 Unsupported Media Type"),
            Status::RangeNotSatisfiable => (416, "416 Range Not Satisfiable"),
            Status::MisdirectedRequest => (421, "421 Misdirected Request"),
            Status::UnprocessableContent => (422, "422 Unprocessable Content"),
            Status::FieldsTooLarge => (431, "431 Request Header Fields Too Large"),
            Status::InternalServerError => (500, "500 Internal Server Error"),
            Status::NotImplemented => (501, "501 Not Implemented"),
            Status::ServiceUnavailable => (503, "503 Service Unavailable"),
            Status::VersionNotSupported => (505, "505 HTTP Version Not Supported"),
            Status::InsufficientStorage => (507, "507 Insufficient Storage"),
        }
    }
}

/// The value of a field. It must be printable ASCII: everything that comes from outside is encoded by its type. Only for
/// rare ones by `format_args!`, which takes more time than all the rest of a head.
pub trait Value {
    /// Writes it.
    fn append(self, bytes: &mut Vec<u8>);
}

impl Value for &str {
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }
}

impl Value for u64 {
    fn append(self, bytes: &mut Vec<u8>) {
        append_number(bytes, self);
    }
}

/// Appends a number in decimal digits.
pub fn append_number(bytes: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut start, mut rest) = (digits.len(), number);
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            return bytes.extend_from_slice(&digits[start..]);
        }
    }
}

impl Value for Date {
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.imf_fixdate());
    }
}

impl Value for ETag {
    fn append(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.text());
    }
}

impl Value for fmt::Arguments<'_> {
    fn append(self, bytes: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = bytes.write_fmt(self);
    }
}

/// A response head being written.
pub struct Head(Vec<u8>);

impl Head {
    /// Room for any head of this server but that of a redirect to a long name, so that it is allocated once.
    const USUAL: usize = 512;

    /// Status line and `Date`, which every response has.
    #[must_use]
    pub fn new(status: Status, date: Date) -> Head {
        let head = Head(Vec::with_capacity(Head::USUAL));
        head.lines("HTTP/1.1 ")
            .lines(status.line().1)
            .lines("\r\n")
            .field("Date", date)
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Value) -> Head {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        let start = self.0.len();
        value.append(&mut self.0);
        debug_assert!(
            self.0[start..]
                .iter()
                .all(|byte| matches!(byte, b' '..=b'~'))
        );
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Adds lines that are the same in many responses, each ending in CRLF.
    #[must_use]
    pub fn lines(mut self, lines: &str) -> Head {
        self.0.extend_from_slice(lines.as_bytes());
        self
    }

    /// The empty line, and a body that fits behind it.
    #[must_use]
    pub fn finish(mut self, body: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(b"\r\n");
        self.0.extend_from_slice(body);
        self.0
    }
}
