//! Requests with bodies whose end two readers might find at two places, and what must become of each (RFC 9112 sections 6
//! and 7.1). Another request follows each of them.

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its body is this, and the request behind it is the next one.
    Content(&'static str),
    /// It is malformed: 400, or 501 for a coding. The connection ends.
    Refused,
    /// It is refused for another reason, which must not depend on its body. The connection ends.
    Answered(u16),
}

use Outcome::{Answered, Content, Refused};

/// Method, target and version; fields; body.
pub type Row = (&'static str, &'static str, &'static str, Outcome);

pub const POST: &str = "POST /in/t HTTP/1.1";
const PUT: &str = "PUT /in/t HTTP/1.1";
const OLD: &str = "POST /in/t HTTP/1.0";
const CHUNKED: &str = "Transfer-Encoding: chunked";
const HELLO: &str = "5\r\nhello\r\n0\r\n\r\n";
const EXPECT_5: &str = "Expect: 100-continue\r\nContent-Length: 5";

/// Where the head says how its body ends.
pub const FRAMING: &[Row] = &[
    (POST, "Content-Length: 5", "hello", Content("hello")),
    (POST, "Content-Length:5", "hello", Content("hello")),
    (POST, "Content-Length: \t5 \t", "hello", Content("hello")),
    (POST, "content-LENGTH: 005", "hello", Content("hello")),
    (
        POST,
        "Expect: nothing\r\nContent-Length: 5",
        "hello",
        Content("hello"),
    ),
    (
        OLD,
        "Connection: keep-alive\r\nContent-Length: 5",
        "hello",
        Content("hello"),
    ),
    (POST, CHUNKED, HELLO, Content("hello")),
    (PUT, CHUNKED, HELLO, Content("hello")),
    (PUT, CHUNKED, "0;x\r\n\r\n", Content("")),
    (
        POST,
        "transfer-encoding:\tCHUNKED ",
        HELLO,
        Content("hello"),
    ),
    // Two readers do not agree which of the two counts.
    (
        POST,
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
    (
        POST,
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        HELLO,
        Refused,
    ),
    (
        POST,
        "Content-Length: 15\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
    (
        POST,
        "Content-Length: x\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
    (
        POST,
        "Content-Length: 5\r\nTransfer-Encoding: identity",
        "hello",
        Refused,
    ),
    (
        POST,
        "Content-Length: 5\r\nTransfer-Encoding:",
        "hello",
        Refused,
    ),
    (
        POST,
        "Content-Length: 5\r\nContent-Length: 5",
        "hello",
        Refused,
    ),
    (
        POST,
        "Content-Length: 5\r\nContent-Length: 6",
        "hello",
        Refused,
    ),
    (
        POST,
        "Content-Length: 0\r\nContent-Length: 5",
        "hello",
        Refused,
    ),
    (POST, "Content-Length: 5, 5", "hello", Refused),
    (POST, "Content-Length: 5,6", "hello", Refused),
    (POST, "Content-Length: 5,", "hello", Refused),
    (POST, "Content-Length: ,5", "hello", Refused),
    (POST, "Content-Length: +5", "hello", Refused),
    (POST, "Content-Length: -0", "hello", Refused),
    (POST, "Content-Length: -5", "hello", Refused),
    (POST, "Content-Length: 0x5", "hello", Refused),
    (POST, "Content-Length: 5.0", "hello", Refused),
    (POST, "Content-Length: 5e0", "hello", Refused),
    (POST, "Content-Length: 5 5", "hello", Refused),
    (POST, "Content-Length: \"5\"", "hello", Refused),
    (POST, "Content-Length: \u{665}", "hello", Refused),
    (POST, "Content-Length:", "hello", Refused),
    (POST, "Content-Length : 5", "hello", Refused),
    (POST, "Content-Length\t: 5", "hello", Refused),
    (POST, " Content-Length: 5", "hello", Refused),
    (POST, "Content-Length:\r\n 5", "hello", Refused),
    (POST, "X: y\r\n Content-Length: 5", "hello", Refused),
    (POST, "Content-Length: 5\nX: y", "hello", Refused),
    (POST, "Content-Length: 5\rX: y", "hello", Refused),
    (POST, "Content-Length: 5\0", "hello", Refused),
    // 5 more than 64 bits hold.
    (
        POST,
        "Content-Length: 18446744073709551621",
        "hello",
        Answered(413),
    ),
    (
        POST,
        "Content-Length: 99999999999999999999999999",
        "hello",
        Answered(413),
    ),
    (
        POST,
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
    (
        POST,
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
    (POST, "Transfer-Encoding: chunked, chunked", HELLO, Refused),
    (POST, "Transfer-Encoding: chunked, identity", HELLO, Refused),
    (POST, "Transfer-Encoding: identity, chunked", HELLO, Refused),
    (POST, "Transfer-Encoding: gzip, chunked", HELLO, Refused),
    (POST, "Transfer-Encoding: ,chunked", HELLO, Refused),
    (POST, "Transfer-Encoding: identity", HELLO, Refused),
    (POST, "Transfer-Encoding: xchunked", HELLO, Refused),
    (POST, "Transfer-Encoding: chunkedx", HELLO, Refused),
    (POST, "Transfer-Encoding: chunked;q=1", HELLO, Refused),
    (POST, "Transfer-Encoding: \"chunked\"", HELLO, Refused),
    (POST, "Transfer-Encoding: ch\u{212a}unked", HELLO, Refused),
    (POST, "Transfer-Encoding:", HELLO, Refused),
    (POST, "Transfer-Encoding : chunked", HELLO, Refused),
    (POST, "Transfer-Encoding:\u{b}chunked", HELLO, Refused),
    (POST, "Transfer-Encoding:\r\n chunked", HELLO, Refused),
    (
        POST,
        "Transfer-Encoding: chunked\r\n , identity",
        HELLO,
        Refused,
    ),
    (POST, "X: y\nTransfer-Encoding: chunked", HELLO, Refused),
    // An old proxy before the server does not know chunks.
    (OLD, CHUNKED, HELLO, Refused),
    (
        OLD,
        "Connection: keep-alive\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
    (
        OLD,
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        HELLO,
        Refused,
    ),
];

/// Chunked bodies, read by [`CHUNKED`].
pub const CHUNKS: &[(&str, Outcome)] = &[
    ("05\r\nhello\r\n0\r\n\r\n", Content("hello")),
    ("0000000000000005\r\nhello\r\n000\r\n\r\n", Content("hello")),
    ("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", Content("hello")),
    ("5;a\r\nhello\r\n0;b=c\r\n\r\n", Content("hello")),
    ("5;a=\"x;\\\"y\"\r\nhello\r\n0\r\n\r\n", Content("hello")),
    ("5 ;a=b\r\nhello\r\n0\r\n\r\n", Content("hello")),
    ("5;0\r\nhello\r\n0\r\n\r\n", Content("hello")),
    // A chunk may look like the end of a body.
    ("7\r\n0\r\n\r\nGE\r\n0\r\n\r\n", Content("0\r\n\r\nGE")),
    // Trailers say nothing about the body that is over.
    (
        "5\r\nhello\r\n0\r\nContent-Length: 99\r\n\r\n",
        Content("hello"),
    ),
    (
        "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
        Content("hello"),
    ),
    (
        "5\r\nhello\r\n0\r\nHost: evil\r\nX:\r\n\r\n",
        Content("hello"),
    ),
    ("5\nhello\r\n0\r\n\r\n", Refused),
    ("5\rhello\r\n0\r\n\r\n", Refused),
    ("5\r\r\nhello\r\n0\r\n\r\n", Refused),
    ("5\r\nhello\n0\r\n\r\n", Refused),
    ("5\r\nhello\r0\r\n\r\n", Refused),
    ("5\r\nhello0\r\n\r\n", Refused),
    ("5\r\nhello!\r\n0\r\n\r\n", Refused),
    ("6\r\nhello\r\n0\r\n\r\n", Refused),
    ("4\r\nhello\r\n0\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\n\n", Refused),
    ("5\r\nhello\r\n\r\n\r\n", Refused),
    ("\r\n5\r\nhello\r\n0\r\n\r\n", Refused),
    ("+5\r\nhello\r\n0\r\n\r\n", Refused),
    ("-5\r\nhello\r\n0\r\n\r\n", Refused),
    (" 5\r\nhello\r\n0\r\n\r\n", Refused),
    ("5 \r\nhello\r\n0\r\n\r\n", Refused),
    ("5 5\r\nhello\r\n0\r\n\r\n", Refused),
    ("0x5\r\nhello\r\n0\r\n\r\n", Refused),
    ("5,\r\nhello\r\n0\r\n\r\n", Refused),
    ("g\r\nhello\r\n0\r\n\r\n", Refused),
    (";a\r\nhello\r\n0\r\n\r\n", Refused),
    ("10000000000000005\r\nhello\r\n0\r\n\r\n", Refused),
    ("fffffffffffffffff\r\nhello\r\n0\r\n\r\n", Refused),
    // RFC 9112 sets no limit to zeros, but readers have one, and not all the same.
    ("00000000000000005\r\nhello\r\n0\r\n\r\n", Refused),
    ("5;\nhello\r\n0\r\n\r\n", Refused),
    ("5;a\nb\r\nhello\r\n0\r\n\r\n", Refused),
    ("5;a\rb\r\nhello\r\n0\r\n\r\n", Refused),
    ("5;\0\r\nhello\r\n0\r\n\r\n", Refused),
    // No line ends within quotes: for most readers they end the line, for the grammar of quoted strings they are wrong.
    ("5;a=\"\r\n\"\r\nhello\r\n0\r\n\r\n", Refused),
    ("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\nX : y\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\n X: y\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\nX: y\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\nX\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\n: y\r\n\r\n", Refused),
    ("5\r\nhello\r\n0\r\nX: \0\r\n\r\n", Refused),
    // It would come too late.
    (
        "5\r\nhello\r\n0\r\nContent-Digest: sha-256=::\r\n\r\n",
        Refused,
    ),
];

/// Requests that are answered before their body is read, or that should have none: what follows is never a request.
pub const ANSWERED: &[Row] = &[
    (
        "GET /in/none HTTP/1.1",
        "Content-Length: 5",
        "hello",
        Answered(404),
    ),
    (
        "HEAD /in/none HTTP/1.1",
        "Content-Length: 5",
        "hello",
        Answered(404),
    ),
    ("GET /in/none HTTP/1.1", CHUNKED, HELLO, Answered(404)),
    ("GET /in/none HTTP/1.1", EXPECT_5, "hello", Answered(404)),
    (
        "OPTIONS /in/t HTTP/1.1",
        "Content-Length: 5",
        "hello",
        Answered(204),
    ),
    (
        "BREW /in/t HTTP/1.1",
        "Content-Length: 5",
        "hello",
        Answered(405),
    ),
    ("BREW /in/t HTTP/1.1", CHUNKED, HELLO, Answered(405)),
    (
        "DELETE /in/t HTTP/1.1",
        "Content-Length: 5",
        "hello",
        Answered(415),
    ),
    ("DELETE /in/t HTTP/1.1", CHUNKED, HELLO, Answered(415)),
    (
        "MOVE /in/t HTTP/1.1",
        "Destination: /in/u\r\nContent-Length: 5",
        "hello",
        Answered(415),
    ),
    (
        "MOVE /in/t HTTP/1.1",
        "Destination: /in/u\r\nTransfer-Encoding: chunked",
        HELLO,
        Answered(415),
    ),
    (
        "POST /in/t HTTP/1.1",
        "Expect: 100-continue\r\nContent-Length: 2000000",
        "hello",
        Answered(413),
    ),
    ("POST /out/t HTTP/1.1", EXPECT_5, "hello", Answered(403)),
    ("POST /in/sub HTTP/1.1", EXPECT_5, "hello", Answered(403)),
    ("POST /in/no/t HTTP/1.1", EXPECT_5, "hello", Answered(404)),
    (
        "POST /in/t?lines HTTP/1.1",
        EXPECT_5,
        "hello",
        Answered(400),
    ),
    ("PUT /in/no/t HTTP/1.1", EXPECT_5, "hello", Answered(404)),
    (
        "PUT /in/t HTTP/1.1",
        "If-Match: W/\"0\"\r\nExpect: 100-continue\r\nContent-Length: 5",
        "hello",
        Answered(412),
    ),
    (
        "PUT /in/t HTTP/1.1",
        "Upload-Offset: 3\r\nExpect: 100-continue\r\nContent-Length: 5",
        "hello",
        Answered(409),
    ),
    (
        "PUT /in/t HTTP/1.1",
        "Content-Range: bytes 0-4/5\r\nExpect: 100-continue\r\nContent-Length: 5",
        "hello",
        Answered(400),
    ),
    (
        "PUT /in/t HTTP/1.1",
        "Content-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 5",
        "hello",
        Answered(415),
    ),
    ("PATCH /in/t HTTP/1.1", EXPECT_5, "hello", Answered(415)),
    (
        "POST /in/t HTTP/1.1",
        "Origin: http://evil.example\r\nExpect: 100-continue\r\nContent-Length: 5",
        "hello",
        Answered(403),
    ),
    (
        "POST /in/t HTTP/1.1",
        "Origin: http://evil.example\r\nTransfer-Encoding: chunked",
        HELLO,
        Answered(403),
    ),
];

/// All rows.
pub fn rows() -> impl Iterator<Item = Row> {
    let chunks = CHUNKS
        .iter()
        .map(|&(body, outcome)| (POST, CHUNKED, body, outcome));
    FRAMING
        .iter()
        .copied()
        .chain(chunks)
        .chain(ANSWERED.iter().copied())
}

/// The bytes of a row.
pub fn bytes((line, fields, body, _): Row) -> String {
    format!("{line}\r\nHost: localhost\r\n{fields}\r\n\r\n{body}")
}
