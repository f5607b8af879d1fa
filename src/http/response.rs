//! Bytes to a [`ResponseHead`]: the client's side of RFC 9112. httparse reads the syntax; what a strict reader refuses and
//! it lets pass (two framings, lengths that differ, unknown codings) is refused here.
//!
//! Strictness is what a follower lives by: a response that is not understood to the last field is no source of data.

use super::conditional::ETag;
use super::date::Date;
use crate::limits::{FIELDS_MAX, HEAD_MAX};

/// A whole response head, as far as it matters to a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// The three digits.
    pub status: u16,
    /// How the body is delimited.
    pub framing: Framing,
    /// Another request may follow on the connection.
    pub keep_alive: bool,
    /// `ETag`, if it is one that this kind of server writes.
    pub etag: Option<ETag>,
    /// `Content-Range`, if there is one; `Err` if it cannot be read.
    pub range: Option<ContentRange>,
    /// `Content-Length`, also of a response to HEAD.
    pub length: Option<u64>,
    /// `Retry-After` in seconds, from the `Date` of the response on, if it names a moment.
    pub retry_after: Option<u32>,
    /// The `generation` of the target of `Link: <...>; rel="successor-version"`.
    pub successor: Option<ETag>,
    /// The path of `Content-Location`, as it came; empty: none.
    pub location: Box<str>,
    /// `Content-Type`, in lower case, without parameters.
    pub media: Box<str>,
    /// `Content-Encoding` names something: the body is not the bytes of the file.
    pub coded: bool,
}

/// How a body is delimited (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// By chunks.
    Chunked,
    /// By the end of the connection, which tells nobody whether it is whole.
    UntilClose,
}

/// The value of a `Content-Range` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes A-B/*`: live, or of an unknown length.
    Open {
        /// A
        first: u64,
        /// B
        last: u64,
    },
    /// `bytes A-B/SIZE`
    Slice {
        /// A
        first: u64,
        /// B
        last: u64,
        /// SIZE
        size: u64,
    },
    /// `bytes */SIZE`
    Unsatisfied {
        /// SIZE
        size: u64,
    },
}

/// Parses the response head at the beginning of `bytes`; `to_head`: the request was a HEAD. `now` stands in for the `Date` of a
/// response that has none (RFC 9110 section 6.6.1).
///
/// `Ok(None)`: it is not complete yet. `Ok(Some((head, length)))`: it took `length` bytes.
///
/// # Errors
/// What makes it none.
pub fn parse(
    bytes: &[u8],
    to_head: bool,
    now: Date,
) -> Result<Option<(ResponseHead, usize)>, &'static str> {
    let mut slots = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut slots);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD_MAX => {
            return Err("the response head is too large");
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err("the response has too many fields"),
        Err(_) => return Err("the server sent something that is not HTTP"),
    };
    let (Some(status), Some(minor)) = (response.code, response.version) else {
        return Err("the server sent something that is not HTTP");
    };
    let head = read(status, minor == 0, response.headers, (to_head, now))?;
    Ok(Some((head, length)))
}

fn read(
    status: u16,
    http10: bool,
    fields: &[httparse::Header<'_>],
    (to_head, now): (bool, Date),
) -> Result<ResponseHead, &'static str> {
    let mut head = ResponseHead {
        status,
        framing: Framing::UntilClose,
        keep_alive: !http10,
        etag: None,
        range: None,
        length: None,
        retry_after: None,
        successor: None,
        location: Box::default(),
        media: Box::default(),
        coded: false,
    };
    let mut chunked = false;
    let (mut date, mut retry_at) = (None, None);
    for field in fields {
        let value = str::from_utf8(field.value).unwrap_or_default().trim();
        match field.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let length = number(value).ok_or("malformed Content-Length in the response")?;
                if head.length.is_some_and(|before| before != length) {
                    return Err("two different lengths in the response");
                }
                head.length = Some(length);
            }
            "transfer-encoding" if !value.eq_ignore_ascii_case("chunked") || chunked => {
                return Err("an unknown transfer coding in the response");
            }
            "transfer-encoding" => chunked = true,
            "connection" => head.keep_alive = keeps(value, http10),
            "etag" => head.etag = tag(value),
            "content-range" => {
                let range =
                    content_range(value).ok_or("malformed Content-Range in the response")?;
                if head.range.replace(range).is_some() {
                    return Err("two Content-Range fields in the response");
                }
            }
            "date" => date = Date::parse(field.value.trim_ascii()),
            "retry-after" => {
                (head.retry_after, retry_at) = (seconds(value), Date::parse(value.as_bytes()));
            }
            "link" => head.successor = head.successor.or(link(value, "successor-version")),
            "content-location" => head.location = value.into(),
            "content-encoding" => {
                head.coded |= !value.is_empty() && !value.eq_ignore_ascii_case("identity");
            }
            "content-type" => {
                let media = value.split(';').next().unwrap_or_default();
                head.media = media.trim().to_ascii_lowercase().into();
            }
            _ => {}
        }
    }
    if let Some(at) = retry_at {
        // By the clock of the server, which may differ from this one.
        let seconds = at.seconds().saturating_sub(date.unwrap_or(now).seconds());
        head.retry_after = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
    }
    head.framing = framing(&head, chunked, to_head)?;
    Ok(head)
}

fn framing(head: &ResponseHead, chunked: bool, to_head: bool) -> Result<Framing, &'static str> {
    match (chunked, head.length) {
        (true, Some(_)) => Err("a length and a coding in the response"),
        _ if to_head || matches!(head.status, 100..=199 | 204 | 304) => Ok(Framing::Empty),
        (true, None) => Ok(Framing::Chunked),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::UntilClose),
    }
}

fn keeps(value: &str, http10: bool) -> bool {
    let names = |option: &str| {
        value
            .split(',')
            .any(|word| word.trim().eq_ignore_ascii_case(option))
    };
    !names("close") && (!http10 || names("keep-alive"))
}

/// Digits and nothing else.
fn number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|_| are_digits(digits))
}

/// The same. More than can be counted are as many as can be (RFC 9111 section 1.2.2).
fn seconds(digits: &str) -> Option<u32> {
    are_digits(digits).then(|| digits.parse().unwrap_or(u32::MAX))
}

fn are_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The tag that a field or a state file shows, `W/"0123456789abcdef"`; `None` if no server of this kind wrote it.
#[must_use]
pub fn tag(text: &str) -> Option<ETag> {
    let digits = text.strip_prefix("W/\"")?.strip_suffix('"')?;
    ETag::from_digits(digits.as_bytes())
}

fn content_range(value: &str) -> Option<ContentRange> {
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    if range == "*" {
        return number(size).map(|size| ContentRange::Unsatisfied { size });
    }
    let (first, last) = range.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    if size == "*" {
        // An empty live answer to HEAD ends before it begins.
        return Some(ContentRange::Open { first, last });
    }
    let size = number(size)?;
    (first <= last && last < size).then_some(ContentRange::Slice { first, last, size })
}

/// The `generation` in the target of the link with this relation (RFC 8288).
fn link(value: &str, relation: &str) -> Option<ETag> {
    let mut rest = value;
    while let Some(open) = rest.find('<') {
        let (target, after) = rest[open + 1..].split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        let wanted = |parameter: &str| {
            let text = parameter.trim().trim_end_matches(',').trim_end();
            text.strip_prefix("rel=")
                .is_some_and(|rel| rel.trim_matches('"') == relation)
        };
        if after[..end].split(';').any(wanted) {
            let (_, query) = target.split_once('?')?;
            let mut parameters = query.split('&');
            return parameters.find_map(|parameter| {
                ETag::from_digits(parameter.strip_prefix("generation=")?.as_bytes())
            });
        }
        rest = &after[end..];
    }
    None
}
