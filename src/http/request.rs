//! Bytes to a [`Request`], or a [`Refusal`], or "not yet". The only user of httparse.
//!
//! httparse reads the syntax; what RFC 9112 forbids and httparse lets pass (bare line feeds, repeated Host or length
//! fields, unknown codings) is refused here, so that no two readers of the same bytes can disagree about them.

use std::mem::MaybeUninit;

use arrayvec::ArrayString;

use super::accept::Accept;
use super::authorization::Credentials;
use super::conditional::{Conditions, ETag};
use super::host::{self, Host};
use super::list_query::ListQuery;
use super::pattern::Pattern;
use super::position::Positions;
use super::proxy_protocol;
use super::query::{self, Query, Start};
use super::range::{self, RangeSpec};
use super::request_fields::Fields;
use super::target::{self, Path, Target};
use super::write::{Verb, WriteFields, WriteHead};
use crate::limits::{FIELDS_MAX, HEAD_MAX, TARGET_MAX};

pub use super::refusal::Refusal;
pub use super::request_fields::RequestContext;

/// A whole request head, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// With what; `None` if the method is not understood, since then the target is not either.
    pub target: Option<Target>,
    /// The host that it addresses.
    pub host: Host,
    /// What the head of a writing request says, its own target included.
    pub write: Option<Box<WriteHead>>,
    /// The client speaks HTTP/1.0: no chunks, and keep-alive only if it asks.
    pub http10: bool,
    /// The client lets the connection stay, and nothing follows the head that would have to be read as a body.
    pub keep_alive: bool,
    /// `TE: trailers`: the client wants trailer fields.
    pub trailers: bool,
    /// A valid Range field of a GET or HEAD.
    pub range: Option<RangeSpec>,
    /// The conditional fields.
    pub conditions: Conditions,
    /// Who sent it.
    pub credentials: Credentials,
    /// What it would like to get.
    pub accept: Accept,
    /// `Prefer: wait=N`: so many seconds the client gladly waits.
    pub wait: Option<u64>,
    /// The query has `view`.
    pub view: bool,
    /// `Accept` names server-sent events.
    pub events: bool,
    /// The event behind which the client goes on: `Last-Event-ID`, or by the query.
    pub positions: Option<Positions>,
    /// Where the query lets the answer start.
    pub start: Option<Start>,
    /// The files of a directory that an event stream of it follows.
    pub files: Option<Box<[Pattern]>>,
    /// The file with this tag is wanted, under whatever name it has now.
    pub generation: Option<ETag>,
    /// All files are wanted that have the name or had it before: their list.
    pub generations: bool,
    /// Which part of a directory's list is wanted.
    pub list: ListQuery,
    /// What a log says of a target that nothing else was read from; `None` also if it names what is never served.
    pub unread: Option<Box<str>>,
    /// The viewer fetches a page of a file that somebody reads: one of many, of which the log need not tell each.
    pub is_page: bool,
    /// What only logs want to know.
    pub context: RequestContext,
    /// The query as it came, without its question mark.
    pub query: Option<Box<str>>,
}

impl Request {
    /// The path whose file a GET or HEAD asks for.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match (&self.method, &self.target) {
            (Method::Get | Method::Head, Some(Target::Path(path))) => Some(path),
            _ => None,
        }
    }

    /// Whether another Accept field could lead to another response (RFC 9110 section 12.5.5): `index.html` and the list of
    /// its directory have one URL, and so have a file and its viewer.
    #[must_use]
    pub fn is_negotiated(&self) -> bool {
        self.path().is_some_and(|path| path.slash) || self.view
    }

    /// Whether the client is a program that needs links to find the files of a directory, although it sends no `Accept` that
    /// says so: it would find none in plain text.
    #[must_use]
    pub fn follows_links(&self) -> bool {
        let agent = self.context.agent.as_deref().unwrap_or_default();
        let agent = agent.to_ascii_lowercase();
        let named = |name: &&[u8]| agent.windows(name.len()).any(|part| part == *name);
        let names: [&[u8]; 5] = [b"wget", b"httpdirfs", b"kodi", b"rclone", b"lftp"];
        names.iter().any(named)
    }
}

/// A request method (RFC 9110 section 9); names are case-sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of RFC 9110 section 9")]
pub enum Method {
    Get,
    Head,
    Options,
    /// Answered with 405; the beginning of its name, for the log.
    Other(ArrayString<16>),
}

impl Method {
    /// The name, shortened for methods that are not supported.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Other(name) => name,
        }
    }
}

/// Parses the head at the beginning of `bytes`.
///
/// `Ok(None)`: it is not complete yet, and nothing in it is wrong so far. `Ok(Some((request, length)))`: the head took
/// `length` bytes. Linear in the number of bytes given.
///
/// # Errors
/// [`Refusal`] if it is certain that no acceptable head will come.
pub fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>, Refusal> {
    if bytes.starts_with(&TLS_HANDSHAKE) {
        return Err(Refusal::Malformed(
            "the client speaks TLS (https), but this port speaks plain HTTP",
        ));
    }
    if proxy_protocol::is_text(bytes) {
        return Err(Refusal::Malformed(
            "a PROXY header, which this listener does not expect (--listen ADDR,proxy)",
        ));
    }
    let window = &bytes[..bytes.len().min(HEAD_MAX)];
    match end_of_head(window)? {
        Some(end) => read(&window[..end]).map(|request| Some((request, end))),
        None if bytes.len() < HEAD_MAX => Ok(None),
        None => Err(too_large(window)),
    }
}

/// What fills a whole window without an end of the head.
fn too_large(window: &[u8]) -> Refusal {
    let head = window.trim_ascii_start();
    if head.contains(&b'\n') {
        Refusal::HeadTooLarge
    } else if head.len() > TARGET_MAX {
        Refusal::TargetTooLong
    } else {
        Refusal::Malformed("too many empty lines before a request")
    }
}

/// What TLS begins with: a handshake record of version 3 (RFC 8446 section 5.1).
pub const TLS_HANDSHAKE: [u8; 2] = [22, 3];

/// Where the first head ends, the empty line included. Every line must end in CRLF and contain neither elsewhere:
/// RFC 9112 section 2.2 lets a recipient take a bare LF for a line end, and that is how two recipients come to differ.
fn end_of_head(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    let mut start = 0;
    let mut begun = false;
    while let Some(length) = line_length(&bytes[start..]) {
        match bytes[start + length..] {
            [b'\n', ..] => return Err(Refusal::Malformed("bare LF in the head")),
            [b'\r', b'\n', ..] => start += length + 2,
            [b'\r'] => return Ok(None),
            _ => return Err(Refusal::Malformed("bare CR in the head")),
        }
        match (length == 0, begun) {
            (true, true) => return Ok(Some(start)),
            // Empty lines before a request are skipped (RFC 9112 section 2.2).
            (true, false) => {}
            (false, _) => begun = true,
        }
    }
    Ok(None)
}

/// Where the first CR or LF is. Blocks without one are passed over whole: the compiler makes one comparison of each.
fn line_length(bytes: &[u8]) -> Option<usize> {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let (blocks, _) = bytes.as_chunks::<16>();
    let has_none = |block: &&[u8; 16]| !block.iter().fold(false, |any, byte| any | is_end(byte));
    let passed = blocks.iter().take_while(has_none).count() * 16;
    let end = bytes[passed..].iter().position(is_end)?;
    Some(passed + end)
}

fn read(head: &[u8]) -> Result<Request, Refusal> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(head, &mut slots) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => build(&parsed),
        Ok(_) => Err(Refusal::Malformed("malformed request head")),
        Err(error) => other_version(head, error),
    }
}

/// A higher minor version is read as 1.1 (RFC 9110 section 2.5), another major version refused; httparse knows neither.
fn other_version(head: &[u8], error: httparse::Error) -> Result<Request, Refusal> {
    use httparse::Error;
    let start = head
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let line_end = start
        + head[start..]
            .iter()
            .position(|&byte| byte == b'\r')
            .unwrap_or(0);
    let version = head[start..line_end]
        .rsplit(|&byte| byte == b' ')
        .next()
        .unwrap_or_default();
    match (error, version) {
        (Error::Version, [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9']) => {
            let mut head = head.to_vec();
            head[line_end - 1] = b'1';
            read(&head)
        }
        (
            Error::Version,
            [
                b'H',
                b'T',
                b'T',
                b'P',
                b'/',
                b'0' | b'2'..=b'9',
                b'.',
                b'0'..=b'9',
            ],
        ) => Err(Refusal::Version),
        (Error::TooManyHeaders, _) => Err(Refusal::HeadTooLarge),
        (Error::HeaderName, _) => Err(Refusal::Malformed("malformed field name or folded line")),
        (Error::HeaderValue, _) => Err(Refusal::Malformed("control character in a field value")),
        _ => Err(Refusal::Malformed("malformed request line")),
    }
}

fn build(parsed: &httparse::Request<'_, '_>) -> Result<Request, Refusal> {
    let written = parsed.path.unwrap_or_default().as_bytes();
    let http10 = parsed.version == Some(0);
    if written.len() > TARGET_MAX {
        return Err(Refusal::TargetTooLong);
    }
    let mut fields = Fields::default();
    let verb = Verb::parse(parsed.method.unwrap_or_default());
    let mut writing = WriteFields::default();
    for header in parsed.headers.iter() {
        fields.take(header.name, header.value)?;
        if verb.is_some() {
            writing.take(header.name, header.value);
        }
    }
    let framing = fields.body(http10)?;
    if fields.host.is_none() && !http10 {
        return Err(Refusal::Malformed("no Host field"));
    }
    let method = method(parsed.method.unwrap_or_default());
    let reads = matches!(method, Method::Get | Method::Head);
    let target = match method {
        // CONNECT, for one, has no path.
        Method::Other(_) => None,
        _ => Some(decode(written, reads)?),
    };
    let query = if reads {
        query::parse(written).map_err(Refusal::Malformed)?
    } else {
        Query::default()
    };
    let authority = authority(written, fields.host)?;
    let persistent = !fields.close && (!http10 || fields.keep_alive);
    let write = verb
        .map(|verb| Box::new(writing.head(verb, written, authority, framing, http10, persistent)));
    let is_read = target.is_some() || write.as_ref().is_some_and(|write| write.path().is_some());
    let unread = (!is_read).then(|| target::for_log(written)).flatten();
    Ok(Request {
        method,
        target,
        write,
        host: Host::parse(authority.unwrap_or_default()),
        http10,
        keep_alive: framing.is_empty() && persistent,
        trailers: fields.trailers && !http10,
        range: fields.range.one().filter(|_| reads).and_then(range::parse),
        conditions: fields.conditions,
        credentials: fields.credentials.or(fields.proofs),
        accept: fields.accept,
        wait: fields.preferences.wait.filter(|_| reads),
        view: query.view,
        events: fields.events && reads,
        // A browser that comes again sends the field beside the query that it began with.
        positions: fields
            .last_event
            .one()
            .and_then(Positions::parse)
            .or(query.positions),
        start: query.start,
        files: query.files,
        list: query.list,
        generation: query.generation,
        generations: query.generations,
        unread: unread.map(Into::into),
        is_page: fields.is_page && reads,
        context: fields.context,
        query: target::query(written).map(|query| String::from_utf8_lossy(query).into()),
    })
}

/// An authority in the target replaces the Host field (RFC 9112 section 3.2.2).
fn authority<'a>(target: &'a [u8], field: Option<&'a [u8]>) -> Result<Option<&'a [u8]>, Refusal> {
    let named = target::authority(target);
    if !named.is_none_or(|named| host::is_well_formed(host::without_userinfo(named))) {
        return Err(Refusal::Malformed("malformed host in the request target"));
    }
    Ok(named.or(field))
}

fn decode(target: &[u8], reads: bool) -> Result<Target, Refusal> {
    match target::decode(target) {
        Ok(Target::Asterisk) if reads => Err(Refusal::Malformed("the target * is for OPTIONS")),
        Ok(target) => Ok(target),
        Err(invalid) => Err(Refusal::Malformed(invalid.explain())),
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "OPTIONS" => Method::Options,
        other => {
            let mut name = ArrayString::new();
            for letter in other.chars() {
                if name.try_push(letter).is_err() {
                    break;
                }
            }
            Method::Other(name)
        }
    }
}
