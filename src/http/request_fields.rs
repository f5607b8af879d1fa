//! The fields of a request, gathered in one pass: which of them decide something, and how several lines of one field count.

use std::mem;

use super::accept::Accept;
use super::authorization::Credentials;
use super::conditional::Conditions;
use super::cookie::{self, Proof};
use super::host;
use super::position::Check;
use super::prefer::Preferences;
use super::refusal::Refusal;
use super::request_body::Framing;
use super::sse;

/// The context of a request (RFC 9110 section 10.1), and what a proxy adds to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// `X-Forwarded-For`: for whom a proxy asks. Several fields are one list.
    pub forwarded_for: Option<Box<[u8]>>,
    /// `Referer`
    pub referer: Option<Box<[u8]>>,
    /// `User-Agent`
    pub agent: Option<Box<[u8]>>,
}

/// The fields that decide something, gathered in one pass.
#[derive(Default)]
pub(super) struct Fields<'a> {
    pub(super) host: Option<&'a [u8]>,
    content_length: Once<'a>,
    transfer_encoding: Once<'a>,
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    pub(super) trailers: bool,
    pub(super) range: Once<'a>,
    pub(super) conditions: Conditions,
    pub(super) credentials: Credentials,
    pub(super) proofs: Vec<Proof>,
    pub(super) is_page: bool,
    pub(super) context: RequestContext,
    pub(super) accept: Accept,
    pub(super) preferences: Preferences,
    pub(super) events: bool,
    pub(super) last_event: Once<'a>,
}

impl<'a> Fields<'a> {
    /// Takes one line. It passes over fields that decide nothing here.
    ///
    /// # Errors
    /// The field makes the head one that nobody may answer.
    pub(super) fn take(&mut self, name: &str, value: &'a [u8]) -> Result<(), Refusal> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        if is("host") {
            if self.host.replace(value).is_some() {
                return Err(Refusal::Malformed("repeated Host field"));
            }
            if !host::is_well_formed(value) {
                return Err(Refusal::Malformed("malformed Host field"));
            }
        } else if is("connection") {
            self.close |= lists(value, "close");
            self.keep_alive |= lists(value, "keep-alive");
        } else if is("range") {
            self.range.take(value);
        } else if is("last-event-id") {
            self.last_event.take(value);
        } else if is("te") {
            self.trailers |= lists(value, "trailers");
        } else if is("content-length") {
            self.content_length.take(value);
        } else if is("transfer-encoding") {
            self.transfer_encoding.take(value);
        } else if is("authorization") {
            self.credentials = Credentials::parse(mem::take(&mut self.credentials), value);
        } else if is("cookie") {
            cookie::parse(value, &mut self.proofs);
        } else if is("prefer") {
            self.preferences.add(value);
        } else if is("user-agent") {
            self.context.agent = Some(value.into());
        } else if is("referer") {
            self.context.referer = Some(value.into());
        } else if is("x-forwarded-for") {
            join(&mut self.context.forwarded_for, value);
        } else if is("openrange-viewer") {
            self.is_page = value == b"page";
        } else if is("accept") {
            self.accept.add(value);
            self.events |= accepts(value, sse::MEDIA);
        } else if is("if-match") {
            join(&mut self.conditions.if_match, value);
        } else if is("if-none-match") {
            join(&mut self.conditions.if_none_match, value);
        } else if is("if-modified-since") {
            join(&mut self.conditions.if_modified_since, value);
        } else if is("if-unmodified-since") {
            join(&mut self.conditions.if_unmodified_since, value);
        } else if is("if-range") {
            join(&mut self.conditions.if_range, value);
        } else if is("if-bytes-before") {
            let check = Check::parse(value);
            if check.is_none() || self.conditions.if_bytes_before.is_some() {
                return Err(Refusal::Malformed("malformed If-Bytes-Before field"));
            }
            self.conditions.if_bytes_before = check;
        }
        Ok(())
    }

    /// Where the body ends that follows the head (RFC 9112 section 6.3). Everything about which two readers might differ
    /// is refused.
    pub(super) fn body(&self, http10: bool) -> Result<Framing, Refusal> {
        match (&self.content_length, &self.transfer_encoding) {
            (Once::Absent, Once::Absent) => Ok(Framing::Length(0)),
            (Once::One(length), Once::Absent) => match Framing::of_length(length) {
                Some(framing) => Ok(framing),
                None => Err(Refusal::Malformed("malformed Content-Length")),
            },
            (Once::Repeated, Once::Absent) => Err(Refusal::Malformed("repeated Content-Length")),
            (Once::Absent, _) if http10 => Err(Refusal::Malformed("Transfer-Encoding in HTTP/1.0")),
            (Once::Absent, Once::One(coding)) if coding.eq_ignore_ascii_case(b"chunked") => {
                Ok(Framing::Chunked)
            }
            (Once::Absent, Once::One([])) => Err(Refusal::Malformed("empty Transfer-Encoding")),
            (Once::Absent, Once::One(_)) => Err(Refusal::UnknownCoding),
            (Once::Absent, Once::Repeated) => Err(Refusal::Malformed("repeated Transfer-Encoding")),
            (_, Once::One(_) | Once::Repeated) => Err(Refusal::Malformed(
                "both Content-Length and Transfer-Encoding",
            )),
        }
    }
}

/// A field that may be there at most once.
#[derive(Default)]
pub(super) enum Once<'a> {
    #[default]
    Absent,
    One(&'a [u8]),
    Repeated,
}

impl<'a> Once<'a> {
    fn take(&mut self, value: &'a [u8]) {
        *self = if matches!(self, Once::Absent) {
            Once::One(value)
        } else {
            Once::Repeated
        };
    }

    pub(super) fn one(&self) -> Option<&'a [u8]> {
        if let Once::One(value) = self {
            Some(value)
        } else {
            None
        }
    }
}

/// Whether a comma-separated list has this member; parameters of a member (`;q=0.5`) do not matter.
fn lists(value: &[u8], member: &str) -> bool {
    value.split(|&byte| byte == b',').any(|element| {
        let name = element
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(member.as_bytes())
    })
}

/// Whether a list of media ranges names this type, and not with a weight of zero (RFC 9110 section 12.5.1).
fn accepts(value: &[u8], media: &str) -> bool {
    value.split(|&byte| byte == b',').any(|element| {
        let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(media.as_bytes()));
        let zero = |weight: &[u8]| weight.iter().all(|byte| b"0.".contains(byte));
        let refused = |part: &[u8]| match part {
            [b'q' | b'Q', b'=', weight @ ..] => zero(weight),
            _ => false,
        };
        named && !parts.any(refused)
    })
}

/// Several lines of one field are one list (RFC 9110 section 5.3); what is no list becomes invalid by it.
fn join(field: &mut Option<Box<[u8]>>, value: &[u8]) {
    *field = Some(match field.take() {
        Some(before) => [&before, b", ".as_slice(), value].concat().into(),
        None => value.into(),
    });
}
