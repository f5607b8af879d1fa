//! Conditional requests (RFC 9110 section 13), with two deliberate departures that follow from what a tag means here.
//!
//! An [`ETag`] names the *file*, not its length: appends keep it, and every byte that a client already has stays true.
//! So `If-Match` and `If-Range` compare weakly (resuming after the last byte is right as long as it is the same file),
//! and `If-None-Match` alone never gives 304 (the file may have grown).

use super::date::{Date, Timestamp};
pub use super::etag::ETag;
use super::position::Check;

/// No later write can carry the time of a modification, even in whole seconds, when it lies so many seconds back.
pub const SETTLED_SECONDS: u64 = 2;

/// The conditional fields of a request, values as received (lists joined by commas).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// If-Match
    pub if_match: Option<Box<[u8]>>,
    /// If-Unmodified-Since
    pub if_unmodified_since: Option<Box<[u8]>>,
    /// If-None-Match
    pub if_none_match: Option<Box<[u8]>>,
    /// If-Modified-Since
    pub if_modified_since: Option<Box<[u8]>>,
    /// If-Range
    pub if_range: Option<Box<[u8]>>,
    /// If-Bytes-Before, of this server's own: what the client has before the first byte of the range.
    pub if_bytes_before: Option<Check>,
}

/// What the conditions say of a file that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Answer as asked.
    Proceed,
    /// If-Range does not match: answer as if there were no Range field.
    ProceedWhole,
    /// 304
    NotModified,
    /// 412
    Failed,
}

/// What conditions compare with: the file as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators {
    /// Which file it is.
    pub etag: ETag,
    /// The time of the last modification (`st_mtime`), which any owner of the file can set.
    pub modified: Timestamp,
    /// A client may have this time, in whole seconds, with other content: a response had it before a write in the same second,
    /// or for another file.
    pub date_is_shared: bool,
    /// The time of the last change of content, names or attributes (`st_ctime`), which nobody can set.
    pub changed: Date,
}

/// Evaluates the conditions in the order of RFC 9110 section 13.2.2, for a GET or HEAD of a file.
#[must_use]
pub fn judge(conditions: &Conditions, file: &Validators, now: Timestamp) -> Verdict {
    if let Some(tags) = &conditions.if_match {
        if !matches(tags, file.etag) {
            return Verdict::Failed;
        }
    } else if let Some(date) = parsed(&conditions.if_unmodified_since)
        && file.modified.date > date
    {
        return Verdict::Failed;
    }
    if unchanged(conditions, file, now) {
        return Verdict::NotModified;
    }
    match &conditions.if_range {
        Some(validator) if !is_current(validator, file.etag) => Verdict::ProceedWhole,
        _ => Verdict::Proceed,
    }
}

/// The same for a page that is there, but has neither a tag nor a date: a list of tags names something else, and only `*`
/// means whatever there is.
#[must_use]
pub fn judge_untagged(conditions: &Conditions) -> Verdict {
    let is_star = |tags: &[u8]| tags == b"*";
    if !conditions.if_match.as_deref().is_none_or(is_star) {
        Verdict::Failed
    } else if conditions.if_none_match.as_deref().is_some_and(is_star) {
        Verdict::NotModified
    } else {
        Verdict::Proceed
    }
}

/// Whether a file with this tag and this time of last modification may be written (RFC 9110 section 13.2.2); `None`: no
/// file has the name.
#[must_use]
pub fn permits_write(conditions: &Conditions, current: Option<(ETag, Date)>) -> bool {
    let etag = current.map(|(etag, _)| etag);
    if let Some(tags) = &conditions.if_match {
        if !etag.is_some_and(|etag| matches(tags, etag)) {
            return false;
        }
    } else if let (Some(date), Some((_, modified))) =
        (parsed(&conditions.if_unmodified_since), current)
        && modified > date
    {
        return false;
    }
    match (&conditions.if_none_match, etag) {
        (Some(tags), Some(etag)) => !matches(tags, etag),
        _ => true,
    }
}

/// Whether the client has the file as it is now. The tag does not tell that nothing was appended; the date does if its
/// second is over and nothing has changed since that second. `cp -p`, `rsync -t`, `touch -r` and `tar` set the time of
/// modification: then the change is later, and the client may have seen what was there before. It does not help to remember
/// how the file was when the server last sent this tag and this date: other clients may have both from before the change.
fn unchanged(conditions: &Conditions, file: &Validators, now: Timestamp) -> bool {
    if conditions
        .if_none_match
        .as_deref()
        .is_some_and(|tags| tags == b"*")
    {
        return true;
    }
    let same_file = conditions
        .if_none_match
        .as_ref()
        .is_none_or(|tags| matches(tags, file.etag));
    let same_second = parsed(&conditions.if_modified_since) == Some(file.modified.date);
    let settled = file.modified.is_before(now, SETTLED_SECONDS);
    let only_one = !file.date_is_shared && file.changed <= file.modified.date;
    same_file && same_second && settled && only_one
}

/// Whether nothing but this time of last modification says that the client has the file.
#[must_use]
pub fn is_date_alone(conditions: &Conditions, modified: Date) -> bool {
    conditions.if_none_match.is_none() && parsed(&conditions.if_modified_since) == Some(modified)
}

fn parsed(value: &Option<Box<[u8]>>) -> Option<Date> {
    value.as_deref().and_then(Date::parse)
}

/// If-Range holds one entity tag or one date. A date never matches: RFC 9110 section 13.1.5 wants a strong one, and that
/// of a file is weak (section 8.8.2.2), since another file may have the same.
fn is_current(validator: &[u8], etag: ETag) -> bool {
    tag(validator).is_some_and(|(opaque, rest)| rest.is_empty() && same(opaque, etag))
}

/// Whether `*` or a list of entity tags contains this one, compared weakly.
fn matches(list: &[u8], etag: ETag) -> bool {
    if list == b"*" {
        return true;
    }
    let mut rest = list;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b",") {
            rest = after;
        } else if let Some((opaque, after)) = tag(rest) {
            if same(opaque, etag) {
                return true;
            }
            rest = after;
        } else {
            return false;
        }
    }
}

/// Splits an entity tag off: its opaque part without quotes, and what follows.
fn tag(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quoted = text
        .strip_prefix(b"W/")
        .unwrap_or(text)
        .strip_prefix(b"\"")?;
    let end = quoted.iter().position(|&byte| byte == b'"')?;
    Some((&quoted[..end], &quoted[end + 1..]))
}

fn same(opaque: &[u8], etag: ETag) -> bool {
    opaque == etag.digits()
}
