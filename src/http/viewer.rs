//! The viewer: a page that follows files in a browser. One document without any outside resource; it asks for the files
//! themselves as every other client does.

use std::sync::LazyLock;

use super::base64;
use super::packed::{Packed, pack, trim, unpack};

/// Its parts, in the order in which they stand in the document.
const SOURCE: &str = concat!(
    include_str!("../viewer/head.html"),
    include_str!("../viewer/style.css"),
    include_str!("../viewer/body.html"),
    include_str!("../viewer/ask.js"),
    include_str!("../viewer/text.js"),
    include_str!("../viewer/time.js"),
    include_str!("../viewer/lines.js"),
    include_str!("../viewer/feed.js"),
    include_str!("../viewer/topic.js"),
    include_str!("../viewer/window.js"),
    include_str!("../viewer/merged.js"),
    include_str!("../viewer/search.js"),
    include_str!("../viewer/view.js"),
    include_str!("../viewer/select.js"),
    include_str!("../viewer/main.js"),
    include_str!("../viewer/tail.html"),
);

#[allow(
    long_running_const_eval,
    reason = "the compiler goes through 100 KB of text, in some seconds"
)]
const PACKED: Packed<{ SOURCE.len() }> = pack(&squeeze(SOURCE.as_bytes()));

static TRIMMED: [u8; PACKED.1] = trim(&PACKED);

/// The document.
pub static PAGE: LazyLock<String> = LazyLock::new(|| {
    let page = unpack(&TRIMMED).and_then(|page| String::from_utf8(page).ok());
    page.expect("what was packed, in which whole lines are left out, so it stays UTF-8")
});

/// The page that takes a token, for whoever may not see what was asked for. It tells nothing of that.
pub const LOGIN: &str = include_str!("../viewer/login.html");

/// Its fields, but for those that every refusal has.
pub static LOGIN_FIELDS: LazyLock<String> = LazyLock::new(|| policy(LOGIN));

/// Its fields. Only the script and the style that are in it may act, named by their hashes, and they may ask only this
/// server. Trusted types: nothing of a file can become markup, even by mistake.
pub static FIELDS: LazyLock<String> =
    LazyLock::new(|| format!("Cache-Control: no-store\r\n{}", policy(&PAGE)));

/// Leaves out what only people need who read the source: indentation, and lines that are a comment. Returns the bytes and
/// how many of them count.
const fn squeeze<const N: usize>(source: &[u8]) -> Packed<N> {
    let mut squeezed = [0; N];
    let (mut read, mut written) = (0, 0);
    while read < N {
        while read < N && source[read] == b' ' {
            read += 1;
        }
        let comment = read + 1 < N && source[read] == b'/' && source[read + 1] == b'/';
        while read < N {
            let byte = source[read];
            read += 1;
            if !comment {
                squeezed[written] = byte;
                written += 1;
            }
            if byte == b'\n' {
                break;
            }
        }
    }
    (squeezed, written)
}

/// The fields of a document with one script and one style of its own.
fn policy(page: &str) -> String {
    let (script, style) = (hash(page, "script"), hash(page, "style"));
    format!(
        "Content-Security-Policy: default-src 'none'; script-src '{script}'; style-src '{style}'; \
         img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'\r\n\
         Referrer-Policy: no-referrer\r\n"
    )
}

/// The hash by which a policy names an element of the document (Content Security Policy Level 3, section 2.3.1).
fn hash(page: &str, tag: &str) -> String {
    let inside = page
        .split_once(&format!("<{tag}"))
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
    let (text, _) = inside.expect("a document with a script and a style");
    let digest = hmac_sha256::Hash::hash(text.as_bytes());
    format!("sha256-{}", base64::encode(&digest))
}
