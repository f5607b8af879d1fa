//! Media types: by the extension of a name, else by the beginning of the content.

use super::target::last_component;

/// Extension (lower case) and type. Text types carry their charset: logs are UTF-8 or close to it.
const BY_EXTENSION: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bin", OCTETS),
    ("bz2", "application/x-bzip2"),
    ("css", "text/css; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("deb", "application/vnd.debian.binary-package"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("htm", HTML),
    ("html", HTML),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", JSON),
    ("jsonl", "application/jsonl"),
    ("log", TEXT),
    ("m3u8", "application/vnd.apple.mpegurl"),
    ("m4a", "audio/mp4"),
    ("map", JSON),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("mkv", "video/matroska"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ndjson", "application/x-ndjson"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("otf", "font/otf"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("tgz", "application/gzip"),
    ("toml", "application/toml"),
    ("ts", "video/mp2t"),
    ("tsv", "text/tab-separated-values; charset=utf-8"),
    ("ttf", "font/ttf"),
    ("txt", TEXT),
    ("wasm", "application/wasm"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
    ("xz", "application/x-xz"),
    ("yaml", "application/yaml"),
    ("yml", "application/yaml"),
    ("zip", "application/zip"),
    ("zst", "application/zstd"),
];

/// What a list of topics is.
pub const JSON: &str = "application/json";
/// What a listing is.
pub const HTML: &str = "text/html; charset=utf-8";
/// What errors and unknown text are.
pub const TEXT: &str = "text/plain; charset=utf-8";
const OCTETS: &str = "application/octet-stream";

/// The type that the extension of a name tells, if it tells one.
#[must_use]
pub fn by_name(name: &[u8]) -> Option<&'static str> {
    let base = last_component(name);
    let dot = base.iter().rposition(|&byte| byte == b'.')?;
    let extension = str::from_utf8(&base[dot + 1..]).ok()?.to_ascii_lowercase();
    let index = BY_EXTENSION
        .binary_search_by(|(known, _)| (*known).cmp(&extension))
        .ok()?;
    Some(BY_EXTENSION[index].1)
}

/// The type that the first bytes of a file tell: text if they are UTF-8 without control characters that no text has.
#[must_use]
pub fn by_content(beginning: &[u8]) -> &'static str {
    let text = match str::from_utf8(beginning) {
        Ok(_) => beginning,
        // The beginning may end inside a character.
        Err(error) if error.error_len().is_none() => &beginning[..error.valid_up_to()],
        Err(_) => return OCTETS,
    };
    let control = |byte: &u8| matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127);
    // All of them, and not until the first one is found: so the compiler looks at many at once.
    if text.iter().fold(false, |any, byte| any | control(byte)) {
        OCTETS
    } else {
        TEXT
    }
}
