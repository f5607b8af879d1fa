//! The request line of a head that is refused, as far as it can be read: for the log. Pure.

use crate::limits::LOGGED_FIELD_MAX;

/// Longest method that is taken for one.
const METHOD_MAX: usize = 32;

/// A request line as far as it could be read, in printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    /// The method.
    pub method: Box<str>,
    /// The target without its query, which may have a secret; cut off if it is long.
    pub path: Box<str>,
    /// The version, if it is one of HTTP.
    pub version: Option<Box<str>>,
}

impl RequestLine {
    /// Reads the first line of `bytes`, which begin like a head. `None`: it does not begin with a method and a path.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<RequestLine> {
        let line = bytes
            .trim_ascii_start()
            .split(|&byte| byte == b'\n')
            .next()?;
        let mut words = line.trim_ascii_end().split(|&byte| byte == b' ');
        let (method, target) = (words.next()?, words.next()?);
        let is_method = method.iter().all(u8::is_ascii_uppercase) && method.len() <= METHOD_MAX;
        if !is_method || !target.starts_with(b"/") {
            return None;
        }
        let path = target.split(|byte| b"?#".contains(byte)).next()?;
        let is_version = |word: &&[u8]| {
            let digits = word.strip_prefix(b"HTTP/");
            matches!(digits, Some([b'0'..=b'9', b'.', b'0'..=b'9']))
        };
        let version = words.next().filter(is_version);
        Some(RequestLine {
            method: printable(method),
            path: printable(&path[..path.len().min(LOGGED_FIELD_MAX)]),
            version: version.map(printable),
        })
    }
}

fn printable(bytes: &[u8]) -> Box<str> {
    let mut text = String::new();
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.push_str(&format!("%{byte:02X}")),
            byte if byte.is_ascii_graphic() => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text.into()
}
