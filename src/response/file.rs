//! A file, or what of it: whole, a slice, several parts, or a tail.

use std::ops::Range;

use hmac_sha256::HMAC;

use super::builder::{ResponseBuilder, text};
use super::fields::{CHUNKED, FINITE, FOR_EVER, FOR_EVER_PRIVATE, LIVE, NOT_STORED};
use super::message::{Body, Part, Response};
use crate::http::authorization::Credentials;
use crate::http::conditional::{self, Validators, Verdict};
use crate::http::date::Date;
use crate::http::head::{Head, Status};
use crate::http::range::{RangeSpec, Resolved};
use crate::intent::{FilePart, Intent};
use crate::resource::FileInfo;

impl ResponseBuilder<'_> {
    pub(super) fn file(&self, part: &FilePart, info: &FileInfo) -> Response {
        let whole = match self.judge(info) {
            Verdict::Failed => return self.failed(),
            Verdict::Proceed | Verdict::NotModified if self.has_other_bytes(info) => {
                return self.has_changed(info);
            }
            Verdict::NotModified => {
                let head = validators(self.head(Status::NotModified), info, self.terms.now.date)
                    .lines(self.caching(info));
                return Response::new(Status::NotModified, head.finish(b""), self.keep_alive);
            }
            Verdict::ProceedWhole => true,
            Verdict::Proceed => false,
        };
        let asked = part.range.as_ref();
        let started = info.start.map(|start| match asked {
            Some(asked) => asked.not_before(start),
            None => RangeSpec::open(start),
        });
        match started
            .as_ref()
            .or(asked)
            .filter(|_| !whole)
            .map(|asked| asked.resolve(info.size, info.sealed))
        {
            None | Some(Resolved::Whole) => self.slice(Status::Ok, info, 0..info.size),
            Some(Resolved::Unsatisfiable) => {
                let head = self
                    .head(Status::RangeNotSatisfiable)
                    .field("Content-Range", format_args!("bytes */{}", info.size))
                    .lines("Accept-Ranges: bytes\r\nCache-Control: no-store\r\n");
                let head = validators(head, info, self.terms.now.date);
                let head = text(
                    head,
                    "the range begins beyond the end of the file",
                    self.asked.head_only(),
                );
                Response::new(Status::RangeNotSatisfiable, head, self.keep_alive)
            }
            Some(Resolved::Slices(slices)) => match slices.as_slice() {
                [only] => self.slice(Status::PartialContent, info, only.clone()),
                _ => self.parts(info, &slices),
            },
            Some(Resolved::Tail { at, last, open }) => self.tail(info, at, &last, open),
        }
    }

    /// Who may keep a finite response, and for how long. A name may lead to another file at any time.
    fn caching(&self, info: &FileInfo) -> &'static str {
        let by_tag = match &self.asked.intent {
            Intent::Read(part) | Intent::Tail(part) => part.generation.is_some(),
            _ => false,
        };
        match (by_tag && info.sealed, &self.asked.request.credentials) {
            (false, _) => FINITE,
            (true, Credentials::None) => FOR_EVER,
            // Who has no token may not have it from a cache either.
            (true, _) => FOR_EVER_PRIVATE,
        }
    }

    pub(super) fn judge(&self, info: &FileInfo) -> Verdict {
        let file = Validators {
            etag: info.etag,
            modified: info.modified,
            date_is_shared: info.date_is_shared,
            changed: info.changed,
        };
        conditional::judge(&self.asked.request.conditions, &file, self.terms.now)
    }

    /// Whether the file was truncated or overwritten since the client read the bytes before the range.
    pub(super) fn has_other_bytes(&self, info: &FileInfo) -> bool {
        let asked = self.asked.bytes_before();
        asked.is_some_and(|(_, check)| info.bytes_before != Some(check))
    }

    /// The tag says that it is the same file, unlike where If-Match fails.
    fn has_changed(&self, info: &FileInfo) -> Response {
        let line = "the bytes before the range are not those that the client has";
        let head = self.head(Status::PreconditionFailed).lines(NOT_STORED);
        let head = head.field("ETag", info.etag);
        Response::new(
            Status::PreconditionFailed,
            text(head, line, self.asked.head_only()),
            self.keep_alive,
        )
    }

    pub(super) fn failed(&self) -> Response {
        let line = "not the file that was asked for";
        self.plain(Status::PreconditionFailed, NOT_STORED, line)
    }

    pub(super) fn slice(&self, status: Status, info: &FileInfo, range: Range<u64>) -> Response {
        let head = self
            .head(status)
            .lines(self.caching(info))
            .field("Content-Type", info.media);
        let head = validators(head, info, self.terms.now.date)
            .field("Content-Length", range.end - range.start);
        let head = self.upload(head, info);
        let head = match status {
            Status::PartialContent => {
                head.field("Content-Range", &*content_range(&range, info.size))
            }
            _ => head,
        };
        let body = if self.asked.head_only() {
            Body::Nothing
        } else {
            Body::Slice(range)
        };
        Response {
            status,
            head: head.finish(b""),
            body,
            keep_alive: self.keep_alive,
        }
    }

    /// RFC 9110 section 15.3.7.2. Readers go by Content-Range, but some only by the delimiter.
    pub(super) fn parts(&self, info: &FileInfo, slices: &[Range<u64>]) -> Response {
        let boundary = self.boundary(info);
        let mut parts: Vec<Part> = slices
            .iter()
            .map(|range| {
                let before = format!(
                    "\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                    info.media,
                    content_range(range, info.size)
                );
                Part {
                    before: before.into_bytes().into(),
                    range: range.clone(),
                }
            })
            .collect();
        parts.push(Part {
            before: format!("\r\n--{boundary}--\r\n").into_bytes().into(),
            range: 0..0,
        });
        let length: u64 = parts
            .iter()
            .map(|part| part.before.len() as u64 + (part.range.end - part.range.start))
            .sum();
        let head = self
            .head(Status::PartialContent)
            .lines(self.caching(info))
            .field(
                "Content-Type",
                format_args!("multipart/byteranges; boundary={boundary}"),
            )
            .field("Content-Length", length);
        Response {
            status: Status::PartialContent,
            head: validators(head, info, self.terms.now.date).finish(b""),
            body: if self.asked.head_only() {
                Body::Nothing
            } else {
                Body::Parts(parts)
            },
            keep_alive: self.keep_alive,
        }
    }

    /// What no part has in it (RFC 2046 section 5.1.1): nobody can know it before the file has this size, nor by what it was
    /// at another size.
    fn boundary(&self, info: &FileInfo) -> String {
        let file = [info.etag.0.to_be_bytes(), info.size.to_be_bytes()].concat();
        let code = HMAC::mac(&file, self.terms.delimiter_key);
        let digits = code[..12].iter().map(|byte| format!("{byte:02x}"));
        format!("openrange-{}", digits.collect::<String>())
    }

    /// RFC 8673. A HEAD with an open end asks for the current end (section 2.1); the range of everything else ends with
    /// the last position that the client named, or would have had to name.
    pub(super) fn tail(&self, info: &FileInfo, at: u64, last: &str, open: bool) -> Response {
        let chunked = !self.asked.request.http10;
        let keep_alive = self.keep_alive && chunked;
        let head = ResponseBuilder {
            keep_alive,
            ..*self
        }
        .head(Status::PartialContent)
        .lines(LIVE);
        let head = validators(
            head.field("Content-Type", info.media),
            info,
            self.terms.now.date,
        );
        let head = self.upload(head, info);
        let head = if self.asked.head_only() && open && at < info.size {
            head.field(
                "Content-Range",
                format_args!("bytes {at}-{}/*", info.size - 1),
            )
        } else {
            head.field("Content-Range", format_args!("bytes {at}-{last}/*"))
        };
        let head = if chunked { head.lines(CHUNKED) } else { head };
        let trailers = self.asked.request.trailers && chunked;
        let head = match self.asked.intent.path() {
            Some(path) => self.announce(head, trailers, path),
            None => head,
        };
        Response {
            status: Status::PartialContent,
            head: head.finish(b""),
            body: if self.asked.head_only() {
                Body::Nothing
            } else {
                Body::Tail {
                    at,
                    size: info.size,
                    chunked,
                    trailers,
                }
            },
            keep_alive,
        }
    }
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// A modification in the future is reported as now (RFC 9110 section 8.8.2.1).
pub(super) fn validators(head: Head, info: &FileInfo, date: Date) -> Head {
    head.field("ETag", info.etag)
        .field("Last-Modified", info.modified.date.min(date))
}
