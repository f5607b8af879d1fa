//! A request and what was found, to the bytes of a response head and what of the file shall follow it.

mod events;
mod generations;
pub mod written;

use std::fmt;
use std::ops::Range;

use crate::http::authorization::{Challenge, Session};
use crate::http::conditional::{self, Validators, Verdict};
use crate::http::cors::{Cors, EXPOSED_WRITABLE, PREFLIGHT, PREFLIGHT_WRITABLE};
use crate::http::date::Date;
use crate::http::head::{Head, Status};
use crate::http::media;
use crate::http::prefix::Prefixes;
use crate::http::range::{RangeSpec, Resolved};
use crate::http::request::Refusal;
use crate::http::target::{Path, Target};
use crate::http::viewer;
use crate::http::write::ACCEPT_PATCH;
use crate::intent::{FilePart, Intent, ParsedRequest};
use crate::resource::{DirectoryPage, FileInfo, GenerationPlace, Resource};
use crate::subscription::event_stream::Subject;

/// A response: `head` goes out first, then what `body` says.
#[derive(Debug)]
pub struct Response {
    /// The status, for the log.
    pub status: Status,
    /// Status line, fields, empty line, and a body that is not from a file.
    pub head: Vec<u8>,
    /// What of the file follows.
    pub body: Body,
    /// Whether the connection stays after it.
    pub keep_alive: bool,
}

/// What of the file follows a head.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing.
    Nothing,
    /// These bytes.
    Slice(Range<u64>),
    /// The parts of a `multipart/byteranges`.
    Parts(Vec<Part>),
    /// Everything from `at`, for as long as the file lives.
    Tail {
        /// Offset of the first byte.
        at: u64,
        /// In chunks; an HTTP/1.0 client gets the bare bytes.
        chunked: bool,
        /// The client wants the trailer field.
        trailers: bool,
    },
    /// Events of the lines from there on, and of the files that get this name later.
    Events {
        /// The name.
        path: Path,
        /// What of it.
        subject: Subject,
        /// In chunks, as with a tail.
        chunked: bool,
        /// Bytes of events that are in the head's last chunk.
        begun: u32,
    },
}

/// One part: what stands before its bytes, and its bytes. The last one is the closing delimiter and no bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Delimiter and part head.
    pub before: Box<[u8]>,
    /// Bytes of the file.
    pub range: Range<u64>,
}

/// What an access log says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The status.
    pub status: Status,
    /// What follows the head.
    pub follows: Follows,
}

/// How much follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follows {
    /// So many bytes of a file.
    Bytes(u64),
    /// A tail from this offset.
    TailFrom(u64),
    /// Events of a file from this offset.
    EventsFrom(u64),
    /// Events of a directory, or of several files.
    Events,
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.status.code(), self.status.reason())?;
        match self.follows {
            Follows::Bytes(0) => Ok(()),
            Follows::Bytes(count) => write!(out, ", {count} bytes"),
            Follows::TailFrom(at) => write!(out, ", tail from {at}"),
            Follows::EventsFrom(at) => write!(out, ", events from {at}"),
            Follows::Events => out.write_str(", events"),
        }
    }
}

impl Response {
    /// See [`Summary`].
    #[must_use]
    pub fn summary(&self) -> Summary {
        let follows = match &self.body {
            Body::Nothing => Follows::Bytes(0),
            Body::Slice(range) => Follows::Bytes(range.end - range.start),
            Body::Parts(parts) => Follows::Bytes(
                parts
                    .iter()
                    .map(|part| part.range.end - part.range.start)
                    .sum(),
            ),
            Body::Tail { at, .. } => Follows::TailFrom(*at),
            Body::Events { subject, .. } => match subject {
                Subject::File(at) | Subject::Earlier(at) => Follows::EventsFrom(at.offset),
                Subject::Entries | Subject::Files { .. } => Follows::Events,
            },
        };
        Summary {
            status: self.status,
            follows,
        }
    }

    fn new(status: Status, head: Vec<u8>, keep_alive: bool) -> Response {
        Response {
            status,
            head,
            body: Body::Nothing,
            keep_alive,
        }
    }
}

/// What all answers of the server share.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Now.
    pub date: Date,
    /// Who may read across origins.
    pub cors: Option<&'a Cors>,
    /// What may be written.
    pub writable: Option<&'a Prefixes>,
}

impl From<Date> for Terms<'_> {
    fn from(date: Date) -> Self {
        Terms {
            date,
            cors: None,
            writable: None,
        }
    }
}

impl Terms<'_> {
    /// A head with the fields that every answer has. `negotiated`: it depends on the Accept field.
    fn head(&self, status: Status, negotiated: bool) -> Head {
        let head = Head::new(status, self.date);
        let head = match (negotiated, self.cors.is_some_and(Cors::varies)) {
            (false, false) => head,
            (true, false) => head.lines("Vary: Accept\r\n"),
            (false, true) => head.lines("Vary: Origin\r\n"),
            (true, true) => head.lines("Vary: Accept, Origin\r\n"),
        };
        let head = head.lines(self.cors.map_or("", Cors::lines));
        match (self.cors, self.writable) {
            (Some(_), Some(_)) => head.lines(EXPOSED_WRITABLE),
            _ => head,
        }
    }
}

const ALLOW: &str = "Allow: GET, HEAD, OPTIONS\r\n";
const NOT_STORED: &str = "Cache-Control: no-store\r\n";
const FINITE: &str =
    "Accept-Ranges: bytes\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n";
const LIVE: &str = "Accept-Ranges: bytes\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
                    X-Content-Type-Options: nosniff\r\n";
/// Why a request with another Host is refused.
pub const MISDIRECTED: &str =
    "no such host here; the option --host NAME of openrange lets requests address it";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// The answer to a head that was refused; the connection ends after it.
#[must_use]
pub fn refuse<'a>(refusal: Refusal, head_only: bool, terms: impl Into<Terms<'a>>) -> Response {
    let (status, line) = refusal.explain();
    let head = terms.into().head(status, false);
    let head = head.lines("Connection: close\r\n");
    let head = if status == Status::ServiceUnavailable {
        head.lines("Retry-After: 1\r\n")
    } else {
        head
    };
    Response::new(status, text(head, line, head_only), false)
}

/// The response to a request whose name led to this. `keep_alive`: whether the server lets the connection stay if the
/// client does.
#[must_use]
pub fn respond<'a, F>(
    asked: &ParsedRequest,
    found: &Resource<F>,
    keep_alive: bool,
    terms: impl Into<Terms<'a>>,
) -> Response {
    let builder = ResponseBuilder {
        asked,
        keep_alive: keep_alive && asked.request.keep_alive,
        negotiated: asked.request.is_negotiated(),
        generation: None,
        terms: terms.into(),
    };
    match (&asked.intent, found) {
        (_, Resource::Misdirected) => builder.misdirected(),
        (_, Resource::Unauthorized(challenge)) => builder.unauthorized(*challenge),
        (_, Resource::Session(session)) => builder.session(session),
        (Intent::Options(target), _) => builder.options(target),
        (Intent::Write(_) | Intent::Unsupported, _) => builder.not_allowed(),
        (Intent::Nowhere, _) => builder.plain(Status::NotFound, NOT_STORED, "no such file"),
        (_, Resource::Viewer) | (Intent::Viewer(_), Resource::File { .. }) => builder.viewer(),
        (Intent::Events(of), Resource::File { info, .. }) => builder.events(of, Some(info)),
        (Intent::Events(of), Resource::Directory) => builder.events_of_directory(of),
        (Intent::Events(of), Resource::Missing) if of.comes_again() => match of.path.slash {
            true => builder.events_of_directory(of),
            false => builder.events(of, None),
        },
        (Intent::Events(_), Resource::Missing) => builder.events_later("no such file"),
        (Intent::Events(_), Resource::Busy) => builder.events_later("too many open files"),
        (Intent::Read(part) | Intent::Tail(part), Resource::File { info, .. }) => {
            builder.file(part, info)
        }
        (Intent::Read(part) | Intent::Tail(part), Resource::Generation { info, place, .. }) => {
            let generation = Some((&part.path, &**place));
            let builder = ResponseBuilder {
                generation,
                ..builder
            };
            builder.file(part, info)
        }
        (Intent::Read(part) | Intent::Tail(part), Resource::NoGeneration(none)) => {
            builder.no_generation(&part.path, none)
        }
        (Intent::Generations(_), Resource::Generations(list)) => builder.generations(list),
        (_, Resource::Listing(page)) => builder.listing(page),
        (_, Resource::NeedsSlash) => builder.needs_slash(),
        (_, found) => builder.failure(found),
    }
}

/// What all answers to one request share.
#[derive(Clone, Copy)]
struct ResponseBuilder<'a> {
    asked: &'a ParsedRequest,
    keep_alive: bool,
    /// Another Accept field could lead to another answer (RFC 9110 section 12.5.5): `index.html` and the topic list of
    /// its directory have one URL, and so have a file and its viewer.
    negotiated: bool,
    /// The name and the place of the generation that is sent, if one was asked for.
    generation: Option<(&'a Path, &'a GenerationPlace)>,
    terms: Terms<'a>,
}

impl ResponseBuilder<'_> {
    fn options(&self, target: &Target) -> Response {
        let writable = match target {
            Target::Path(path) => self.may_write(path),
            Target::Asterisk | Target::Nowhere => false,
        };
        let head = self.head(Status::NoContent);
        let head = match writable {
            true => head.lines(written::ALLOW).lines(ACCEPT_PATCH),
            false => head.lines(ALLOW),
        };
        let head = head.lines(match self.terms.cors {
            None => "",
            Some(_) if writable => PREFLIGHT_WRITABLE,
            Some(_) => PREFLIGHT,
        });
        Response::new(Status::NoContent, head.finish(b""), self.keep_alive)
    }

    /// A method that is not understood.
    fn not_allowed(&self) -> Response {
        let (allow, line) = match self.terms.writable {
            None => (ALLOW, "only GET, HEAD and OPTIONS"),
            Some(_) => (
                written::ALLOW,
                "only GET, HEAD, OPTIONS, POST, PATCH, PUT, MOVE and DELETE",
            ),
        };
        self.plain(Status::MethodNotAllowed, allow, line)
    }

    fn may_write(&self, path: &Path) -> bool {
        let prefixes = self.terms.writable;
        prefixes.is_some_and(|prefixes| prefixes.find(path).is_some())
    }

    /// What a producer wants to know before it goes on.
    fn upload(&self, head: Head, info: &FileInfo) -> Head {
        let path = self.asked.intent.path();
        match self.asked.head_only() && path.is_some_and(|path| self.may_write(path)) {
            true => head
                .field("Upload-Offset", info.size)
                .lines(written::complete(info.sealed)),
            false => head,
        }
    }

    fn head(&self, status: Status) -> Head {
        let head = self.terms.head(status, self.negotiated);
        let head = match self.generation {
            Some((path, place)) => generations::links(head, path, place),
            None => head,
        };
        match (self.keep_alive, self.asked.request.http10) {
            (false, _) => head.lines("Connection: close\r\n"),
            (true, true) => head.lines("Connection: keep-alive\r\n"),
            (true, false) => head,
        }
    }

    fn plain(&self, status: Status, lines: &'static str, line: &str) -> Response {
        Response::new(
            status,
            text(self.head(status).lines(lines), line, self.asked.head_only()),
            self.keep_alive,
        )
    }

    fn misdirected(&self) -> Response {
        // It says nothing of what was asked for.
        let builder = ResponseBuilder {
            negotiated: false,
            ..*self
        };
        builder.plain(Status::MisdirectedRequest, NOT_STORED, MISDIRECTED)
    }

    fn unauthorized(&self, challenge: Challenge) -> Response {
        let line = match challenge {
            Challenge::Missing => "a bearer token is needed",
            Challenge::Invalid => "this token is not valid here",
            Challenge::Insufficient => "this token does not permit that",
        };
        let status = match challenge {
            Challenge::Missing | Challenge::Invalid => Status::Unauthorized,
            Challenge::Insufficient => Status::Forbidden,
        };
        // It says nothing of what was asked for: all such responses are alike.
        let person = self.asked.request.accept.names_html();
        let builder = ResponseBuilder {
            negotiated: person,
            ..*self
        };
        if person && self.asked.may_log_in() && status == Status::Unauthorized {
            let fields = format!("{}{}", challenge.lines(), *viewer::LOGIN_FIELDS);
            return builder.page_with(
                Status::Unauthorized,
                &fields,
                media::HTML,
                viewer::LOGIN.as_bytes(),
            );
        }
        builder.plain(status, challenge.lines(), line)
    }

    /// To who has logged in, what that opens; who has logged out comes to where it was.
    fn session(&self, session: &Session) -> Response {
        let fields = format!("{}{NOT_STORED}", session.fields);
        if let Intent::LogOut(path) = &self.asked.intent {
            let head = self.head(Status::SeeOther).lines(&fields);
            let head = head.field("Location", format_args!("{path}"));
            let head = text(head, "logged out", self.asked.head_only());
            return Response::new(Status::SeeOther, head, self.keep_alive);
        }
        let body = format!(
            "{{\"here\":{},\"path\":\"{}\"}}\n",
            session.here, session.below
        );
        self.page(&fields, media::JSON, body.as_bytes())
    }

    fn needs_slash(&self) -> Response {
        let path = self.asked.intent.path().map(Path::to_string);
        let path = path.unwrap_or_default();
        let head = self.head(Status::MovedPermanently);
        let head = match &self.asked.request.query {
            Some(query) => head.field("Location", format_args!("{path}/?{query}")),
            None => head.field("Location", format_args!("{path}/")),
        };
        let head = text(
            head.lines(NOT_STORED),
            "a directory: its name ends with a slash",
            self.asked.head_only(),
        );
        Response::new(Status::MovedPermanently, head, self.keep_alive)
    }

    /// What a name led to that is not what was asked for.
    fn failure<F>(&self, found: &Resource<F>) -> Response {
        let (status, lines, line) = match found {
            Resource::Forbidden => (Status::Forbidden, NOT_STORED, "not a readable regular file"),
            Resource::Busy => (
                Status::ServiceUnavailable,
                "Cache-Control: no-store\r\nRetry-After: 1\r\n",
                "too many open files, try again later",
            ),
            Resource::Failed => (
                Status::InternalServerError,
                NOT_STORED,
                "the file system failed, see the server's log",
            ),
            _ => (Status::NotFound, NOT_STORED, "no such file"),
        };
        self.plain(status, lines, line)
    }

    fn viewer(&self) -> Response {
        self.page(&viewer::FIELDS, media::HTML, viewer::PAGE.as_bytes())
    }

    fn listing(&self, page: &DirectoryPage) -> Response {
        let fields = match &page.next {
            Some(next) => format!("{NOT_STORED}Link: <{next}>; rel=\"next\"\r\n"),
            None => NOT_STORED.into(),
        };
        self.page(&fields, page.media, &page.body)
    }

    /// A body that is held in memory.
    fn page(&self, lines: &str, media: &str, body: &[u8]) -> Response {
        self.page_with(Status::Ok, lines, media, body)
    }

    fn page_with(&self, status: Status, lines: &str, media: &str, body: &[u8]) -> Response {
        let head = self
            .head(status)
            .lines(lines)
            .lines("X-Content-Type-Options: nosniff\r\n")
            .field("Content-Type", media)
            .field("Content-Length", body.len() as u64);
        let body = if self.asked.head_only() { b"" } else { body };
        Response::new(status, head.finish(body), self.keep_alive)
    }

    fn file(&self, part: &FilePart, info: &FileInfo) -> Response {
        let whole = match self.judge(info) {
            Verdict::Failed => return self.failed(),
            Verdict::Proceed | Verdict::NotModified if self.has_other_bytes(info) => {
                let line = "the bytes before the range are not those that the client has";
                return self.plain(Status::PreconditionFailed, NOT_STORED, line);
            }
            Verdict::NotModified => {
                let head =
                    validators(self.head(Status::NotModified), info, self.terms.date).lines(FINITE);
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
                let head = validators(head, info, self.terms.date);
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

    fn judge(&self, info: &FileInfo) -> Verdict {
        let file = Validators {
            etag: info.etag,
            modified: info.modified,
            changed: info.changed,
        };
        conditional::judge(&self.asked.request.conditions, &file, self.terms.date)
    }

    /// Whether the file was truncated or written over since the client read what stands before the range.
    fn has_other_bytes(&self, info: &FileInfo) -> bool {
        let asked = self.asked.bytes_before();
        asked.is_some_and(|(_, check)| info.bytes_before != Some(check))
    }

    fn failed(&self) -> Response {
        let line = "not the file that was asked for";
        self.plain(Status::PreconditionFailed, NOT_STORED, line)
    }

    fn slice(&self, status: Status, info: &FileInfo, range: Range<u64>) -> Response {
        let head = self
            .head(status)
            .lines(FINITE)
            .field("Content-Type", info.media);
        let head = validators(head, info, self.terms.date)
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

    /// RFC 9110 section 15.3.7.2. The delimiter is made of the file's tag; readers go by Content-Range all the same.
    fn parts(&self, info: &FileInfo, slices: &[Range<u64>]) -> Response {
        let boundary = format!("openrange-{:016x}-{}", info.etag.0, info.size);
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
            .lines(FINITE)
            .field(
                "Content-Type",
                format_args!("multipart/byteranges; boundary={boundary}"),
            )
            .field("Content-Length", length);
        Response {
            status: Status::PartialContent,
            head: validators(head, info, self.terms.date).finish(b""),
            body: if self.asked.head_only() {
                Body::Nothing
            } else {
                Body::Parts(parts)
            },
            keep_alive: self.keep_alive,
        }
    }

    /// RFC 8673. A HEAD with an open end asks what is there now (section 2.1); everything else is told the last
    /// position that the client named, or would have had to name.
    fn tail(&self, info: &FileInfo, at: u64, last: &str, open: bool) -> Response {
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
            self.terms.date,
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
        let head = if trailers {
            head.lines("Trailer: Tail-End\r\n")
        } else {
            head
        };
        Response {
            status: Status::PartialContent,
            head: head.finish(b""),
            body: if self.asked.head_only() {
                Body::Nothing
            } else {
                Body::Tail {
                    at,
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

/// A modification in the future is told as now (RFC 9110 section 8.8.2.1).
fn validators(head: Head, info: &FileInfo, date: Date) -> Head {
    head.field("ETag", info.etag)
        .field("Last-Modified", info.modified.min(date))
}

fn text(head: Head, line: &str, head_only: bool) -> Vec<u8> {
    let head = head
        .lines("X-Content-Type-Options: nosniff\r\n")
        .field("Content-Type", media::TEXT)
        .field("Content-Length", line.len() as u64 + 1);
    head.finish(
        if head_only {
            String::new()
        } else {
            format!("{line}\n")
        }
        .as_bytes(),
    )
}
