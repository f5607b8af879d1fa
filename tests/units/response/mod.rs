//! `response`: the head of every kind of response, for every kind of client.

mod cases;
mod everywhere;
mod multipart;
mod parsed;
mod terms;
mod written;

use openrange::dialect::plain;
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::request::{Request, parse};
use openrange::resource::{FileInfo, Resource};
use openrange::response::{Response, respond};

/// A moment well after [`MODIFIED`].
const NOW: i64 = 784_111_777 + 3_600;
const NOW_TEXT: &str = "Sun, 06 Nov 1994 09:49:37 GMT";
const MODIFIED: i64 = 784_111_777;
const MODIFIED_TEXT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const TAG: &str = "W/\"0123456789abcdef\"";
const TEXT: &str = "text/plain; charset=utf-8";

fn now() -> Date {
    Date::from_seconds(NOW)
}

fn info(size: u64, sealed: bool) -> FileInfo {
    FileInfo {
        size,
        sealed,
        modified: Date::from_seconds(MODIFIED).into(),
        date_is_shared: false,
        changed: Date::from_seconds(MODIFIED),
        etag: ETag(0x0123_4567_89ab_cdef),
        media: TEXT,
        start: None,
        bytes_before: None,
    }
}

fn file(size: u64, sealed: bool) -> Resource<()> {
    Resource::File {
        file: (),
        info: info(size, sealed),
    }
}

/// A request by its line up to the version, and its field lines.
fn request(line: &str, version: &str, fields: &[&str]) -> Request {
    let mut head = format!("{line} HTTP/{version}\r\nHost: a\r\n");
    for field in fields.iter().filter(|field| !field.is_empty()) {
        head.push_str(&format!("{field}\r\n"));
    }
    let parsed = parse(format!("{head}\r\n").as_bytes());
    parsed
        .unwrap_or_else(|why| panic!("{why:?}: {head}"))
        .unwrap()
        .0
}

/// The answer to a kept-alive HTTP/1.1 request.
fn answered(line: &str, fields: &[&str], found: &Resource<()>) -> Response {
    respond(
        &plain::parse(request(line, "1.1", fields)),
        found,
        true,
        now(),
    )
}
