//! What servers and connections say, as text for people.

use super::exchange::Broken;

/// Most bytes of a document that are shown.
pub const SHOWN: usize = 200;

/// The first line of a document, as far as it is text for people.
#[must_use]
pub fn first_line(document: &[u8]) -> String {
    let line = document
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
    text.trim().replace(char::is_control, "\u{fffd}")
}

/// What a response says that refuses something. That to HEAD has no document.
#[must_use]
pub fn refusal(status: u16, document: &[u8]) -> String {
    let line = first_line(document);
    match (status, &*line) {
        (401, "") => "401: it takes a valid token".into(),
        (403, "") => "403: the server may not read the file, or does not let this client".into(),
        (_, "") => format!("{status}, without a reason"),
        _ => format!("{status}: {line}"),
    }
}

/// Whether a server says of what was asked for that it is a directory (with 301).
#[must_use]
pub fn is_directory(document: &[u8]) -> bool {
    document.starts_with(b"a directory")
}

/// Why there is no response.
#[must_use]
pub fn broken(why: Broken) -> String {
    match why {
        Broken::Lost(why) => why,
        Broken::Malformed(why) => why.into(),
        Broken::Stale => String::new(),
    }
}
