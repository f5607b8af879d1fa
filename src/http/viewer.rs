//! The viewer: a page that follows files in a browser. One document without any outside resource; it asks for the files
//! themselves as every other client does.

/// The document.
pub const PAGE: &str = include_str!("../viewer/index.html");

/// Its fields. Only the script and the style that are in it may act, named by their hashes, and they may ask only this
/// server. Trusted types: nothing of a file can become markup, even by mistake.
pub const FIELDS: &str = "Cache-Control: no-store\r\n\
    Content-Security-Policy: default-src 'none'; \
    script-src 'sha256-wcVn3+SkqdoP5cGJA4eiq9bpTHzIDOCkTskk00q2yek='; \
    style-src 'sha256-XD1iM+wLknLKMcMChFdXF6U9iL68bgfH6RT3UHvEYvM='; \
    img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'\r\n\
    Referrer-Policy: no-referrer\r\n";
