//! The request target: a percent-encoded path to the name of a file below the served root, or a refusal
//! (RFC 9112 section 3.2, RFC 3986).

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode, percent_encode};

/// Everything but the unreserved characters and the slash: what a path in a `Location`, a link or a log line needs.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// What would end a quoted field of a log, or a line. Bytes that are not ASCII are always encoded.
const UNSAFE_IN_LOG: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'\\');

/// A decoded path: components joined by single slashes, none of them empty, `.`, `..` or hidden; without a leading
/// slash, so the empty path is the root itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path {
    /// The bytes of the name; any byte but NUL.
    pub name: Box<[u8]>,
    /// Whether the target ended with a slash, so that it names a directory.
    pub slash: bool,
}

impl Path {
    /// The served directory itself.
    #[must_use]
    pub fn root() -> Path {
        Path {
            name: Box::default(),
            slash: true,
        }
    }

    /// The path of an entry of this directory.
    #[must_use]
    pub fn entry(&self, name: &[u8]) -> Path {
        let slash: &[u8] = if self.name.is_empty() { b"" } else { b"/" };
        Path {
            name: [&self.name, slash, name].concat().into(),
            slash: false,
        }
    }

    /// The last component; empty for the root.
    #[must_use]
    pub fn last(&self) -> &[u8] {
        last_component(&self.name)
    }
}

/// The last component of a name.
#[must_use]
pub fn last_component(name: &[u8]) -> &[u8] {
    name.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// What a target asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A path that may exist.
    Path(Path),
    /// `*`, the server itself (only with OPTIONS).
    Asterisk,
    /// A name that begins with a dot or contains an encoded slash: never there, 404.
    Nowhere,
}

/// Why a target is refused with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Neither a path, an `http` URI nor `*`.
    Form,
    /// A character that RFC 3986 wants percent-encoded.
    Character,
    /// A percent sign without two hex digits, or an encoded NUL.
    Encoding,
    /// `..` above the root.
    Outside,
}

impl Invalid {
    /// One line for the client.
    #[must_use]
    pub fn explain(self) -> &'static str {
        match self {
            Invalid::Form => "the request target is neither a path nor an http URI",
            Invalid::Character => "character in the request target that must be percent-encoded",
            Invalid::Encoding => "invalid percent-encoding in the request target",
            Invalid::Outside => "the request target leaves the served directory",
        }
    }
}

/// Decodes a request target once.
///
/// # Errors
/// [`Invalid`] if no server should guess what was meant.
pub fn decode(target: &[u8]) -> Result<Target, Invalid> {
    if target == b"*" {
        return Ok(Target::Asterisk);
    }
    let query = target.iter().position(|&byte| byte == b'?');
    let (before, query) = target.split_at(query.unwrap_or(target.len()));
    let wrong = !before.iter().all(|&byte| allowed(byte))
        || !query.iter().all(|&byte| allowed_in_query(byte));
    if wrong {
        return Err(Invalid::Character);
    }
    let path = path_of(target).ok_or(Invalid::Form)?;
    let end = path
        .iter()
        .position(|&byte| byte == b'?')
        .unwrap_or(path.len());
    decode_path(&path[..end])
}

/// The query of a request target, without its question mark.
#[must_use]
pub fn query(target: &[u8]) -> Option<&[u8]> {
    let mark = target.iter().position(|&byte| byte == b'?')?;
    Some(&target[mark + 1..])
}

/// The authority of a target in absolute form, which replaces the Host field (RFC 9112 section 3.2.2).
#[must_use]
pub fn authority(target: &[u8]) -> Option<&[u8]> {
    let rest = after_scheme(target)?;
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    Some(&rest[..end.unwrap_or(rest.len())])
}

/// The path of an origin-form or absolute-form target.
fn path_of(target: &[u8]) -> Option<&[u8]> {
    if target.starts_with(b"/") {
        return Some(target);
    }
    let rest = after_scheme(target)?;
    match rest.iter().position(|byte| matches!(byte, b'/' | b'?')) {
        Some(0) => None,
        Some(end) if rest[end] == b'/' => Some(&rest[end..]),
        _ => (!rest.is_empty()).then_some(b"/"),
    }
}

fn after_scheme(target: &[u8]) -> Option<&[u8]> {
    let schemes = [b"http://".as_slice(), b"https://"];
    schemes.into_iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// RFC 3986 characters of a path or query, and the square brackets, which browsers send bare.
fn allowed(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        )
}

/// Of what RFC 3986 wants encoded, browsers send these bare in a query (URL Standard, "query percent-encode set").
fn allowed_in_query(byte: u8) -> bool {
    allowed(byte) || matches!(byte, b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}

fn decode_path(path: &[u8]) -> Result<Target, Invalid> {
    if is_plain(path) {
        let name = path[1..].strip_suffix(b"/").unwrap_or(&path[1..]);
        return Ok(Target::Path(Path {
            name: name.into(),
            slash: path.ends_with(b"/"),
        }));
    }
    let mut components: Vec<Vec<u8>> = Vec::new();
    let mut slash = false;
    for segment in path.split(|&byte| byte == b'/').skip(1) {
        let segment = decode_segment(segment)?;
        slash = matches!(segment.as_slice(), b"" | b"." | b"..");
        match segment.as_slice() {
            b"" | b"." => {}
            b".." => drop(components.pop().ok_or(Invalid::Outside)?),
            _ => components.push(segment),
        }
    }
    if components
        .iter()
        .any(|name| name.starts_with(b".") || name.contains(&b'/'))
    {
        return Ok(Target::Nowhere);
    }
    Ok(Target::Path(Path {
        name: components.join(&b'/').into(),
        slash,
    }))
}

/// Whether a path is as it is decoded, as most are: nothing encoded, no empty component, none that begins with a dot.
fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    path.iter().all(|&byte| {
        let plain = byte != b'%' && (before != b'/' || !matches!(byte, b'/' | b'.'));
        before = byte;
        plain
    })
}

fn decode_segment(segment: &[u8]) -> Result<Vec<u8>, Invalid> {
    let mut rest = segment;
    while let Some(percent) = rest.iter().position(|&byte| byte == b'%') {
        match rest.get(percent + 1..percent + 3) {
            Some(hex) if hex.iter().all(u8::is_ascii_hexdigit) && hex != b"00" => {
                rest = &rest[percent + 3..]
            }
            _ => return Err(Invalid::Encoding),
        }
    }
    Ok(percent_decode(segment).collect())
}

/// What a log says of a target that is not decoded for anything else; `None`: it names what is never served.
#[must_use]
pub fn for_log(target: &[u8]) -> Option<String> {
    match decode(target) {
        Ok(Target::Path(path)) => Some(path.to_string()),
        Ok(Target::Asterisk) => Some("*".into()),
        Ok(Target::Nowhere) => None,
        Err(_) => Some(query_for_log(target).to_string()),
    }
}

/// A query as a log has it: as it came, but for what could be taken for something else there.
pub fn query_for_log(query: &[u8]) -> impl fmt::Display {
    percent_encode(query, UNSAFE_IN_LOG)
}

/// Percent-encodes a name for a link.
pub fn encode(name: &[u8]) -> impl fmt::Display {
    percent_encode(name, ESCAPED)
}

impl fmt::Display for Path {
    /// The path as a URI reference with a leading slash, in ASCII.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.slash && !self.name.is_empty() {
            "/"
        } else {
            ""
        };
        write!(out, "/{}{end}", encode(&self.name))
    }
}
