//! `http::request`: which heads are refused and with what, what the others mean, and that it makes no difference in
//! which pieces they arrive.

mod accepted;
mod fields;
mod lines;
mod sizes;

use crate::properties::request as check;
use openrange::http::request::{Refusal, Request, parse};

/// The rest of a request that is in order.
const REST: &[u8] = b"\r\nHost: a\r\n\r\n";

/// `line` as the request line of an otherwise good request.
fn with_line(line: &[u8]) -> Vec<u8> {
    [line, REST].concat()
}

/// A good request with these bytes (field lines without the last CRLF) after its Host field.
fn with_fields(fields: &[u8]) -> Vec<u8> {
    [b"GET /f HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n\r\n"].concat()
}

/// Parses, at once and byte by byte; under Miri, for which that would be hours, at once.
fn read(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    if cfg!(miri) {
        parse(bytes)
    } else {
        check::request(bytes)
    }
}

/// Checks one refusal; also with the next request behind it, which must not matter.
fn refused(head: &[u8], expected: Refusal) {
    let what = head[..head.len().min(300)].escape_ascii();
    assert_eq!(read(head), Err(expected), "{what}");
    let more = [head, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    assert_eq!(read(&more), Err(expected), "with a request behind: {what}");
}

/// What a good head says; its length must be exactly its own.
fn accepted(head: &[u8]) -> Request {
    let what = head[..head.len().min(300)].escape_ascii();
    let more = [head, b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    match read(&more) {
        Ok(Some((request, length))) => {
            assert_eq!(length, head.len(), "{what}");
            request
        }
        other => panic!("{other:?} for {what}"),
    }
}
