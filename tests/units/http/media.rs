//! `http::media`: types by extension and by content.

use openrange::http::media::{TEXT, by_content, by_name};

#[test]
fn extensions() {
    let table = [
        ("avif", "image/avif"),
        ("bin", "application/octet-stream"),
        ("bz2", "application/x-bzip2"),
        ("css", "text/css; charset=utf-8"),
        ("csv", "text/csv; charset=utf-8"),
        ("deb", "application/vnd.debian.binary-package"),
        ("flac", "audio/flac"),
        ("gif", "image/gif"),
        ("gz", "application/gzip"),
        ("htm", "text/html; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
        ("ico", "image/vnd.microsoft.icon"),
        ("jpeg", "image/jpeg"),
        ("jpg", "image/jpeg"),
        ("js", "text/javascript; charset=utf-8"),
        ("json", "application/json"),
        ("jsonl", "application/jsonl"),
        ("log", "text/plain; charset=utf-8"),
        ("m3u8", "application/vnd.apple.mpegurl"),
        ("m4a", "audio/mp4"),
        ("map", "application/json"),
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
        ("txt", "text/plain; charset=utf-8"),
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
    // Each one: they are looked up by halving, so one out of order hides others.
    for (extension, expected) in table {
        assert_eq!(
            by_name(format!("a.{extension}").as_bytes()),
            Some(expected),
            "{extension}"
        );
    }
}

#[test]
fn names() {
    let text = Some(TEXT);
    let table: [(&[u8], Option<&str>); 14] = [
        (b"a.LOG", text),
        (b"a.Log", text),
        (b"d/a.log", text),
        (b"a.b.log", text),
        (b"a.gz.log", text),
        (b"a.log.1", None),
        (b"a.log.gz", Some("application/gzip")),
        (b"d.log/a", None),
        (b"log", None),
        (b"a.", None),
        (b"a.lo", None),
        (b"a.\xff", None),
        (b"\xff.log", text),
        (b"", None),
    ];
    for (name, expected) in table {
        assert_eq!(by_name(name), expected, "{}", name.escape_ascii());
    }
}

#[test]
fn contents() {
    let table: [(&[u8], bool); 20] = [
        (b"", true),
        (b"a\n", true),
        (b"tab\tcr\r\nff\x0c", true),
        (b"\x08\x0b", true),
        (b"\x07", true),
        (b"\x1b[31mred", true),
        (b"\xef\xbb\xbfBOM", true),
        ("ñ €".as_bytes(), true),
        // The beginning may end inside a character, but not begin there.
        (b"a\xe2\x82", true),
        (b"a\xf0\x9f\x98", true),
        (b"a\xc3", true),
        (b"\x82a", false),
        (b"\xe2\x82a", false),
        (b"a\xc0\x80", false),
        (b"\xff\xfea\0", false),
        (b"a\0b", false),
        (b"\x01", false),
        (b"\x1f\x8b\x08", false),
        (b"\x7fELF", false),
        (b"a\x0eb\xc3", false),
    ];
    for (beginning, text) in table {
        let expected = if text {
            TEXT
        } else {
            "application/octet-stream"
        };
        assert_eq!(
            by_content(beginning),
            expected,
            "{}",
            beginning.escape_ascii()
        );
    }
}

#[test]
fn each_byte_at_each_place() {
    for byte in 0..=127_u8 {
        let expected = !matches!(byte, 0..=6 | 14..=26 | 28..=31 | 127);
        for before in 0..40 {
            let mut content = vec![b'a'; 40];
            content[before] = byte;
            assert_eq!(by_content(&content) == TEXT, expected, "{byte} at {before}");
        }
    }
}
