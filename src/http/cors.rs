//! Cross-origin requests (the Fetch standard, section "CORS protocol"): what scripts of other sites may read.

use crate::limits::ORIGIN_MAX;

/// Whose scripts may read, as `--cors` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Field lines of every answer.
    lines: Box<str>,
    origin: Box<str>,
    any: bool,
}

/// Besides those of every answer, in the answer to OPTIONS: what a script may ask. Browsers keep it for two hours at
/// most.
pub const PREFLIGHT: &str = "Access-Control-Allow-Methods: GET, HEAD\r\n\
    Access-Control-Allow-Headers: Authorization, If-Bytes-Before, If-Match, If-Modified-Since, If-None-Match, If-Range, \
    If-Unmodified-Since, Last-Event-ID, Prefer, Range\r\n\
    Access-Control-Max-Age: 7200\r\n";

/// Besides the other lines of every answer, where something may be written.
pub const EXPOSED_WRITABLE: &str =
    "Access-Control-Expose-Headers: Location, Upload-Complete, Upload-Offset\r\n";

/// [`PREFLIGHT`] of a name that may be written.
pub const PREFLIGHT_WRITABLE: &str = "Access-Control-Allow-Methods: GET, HEAD, POST, PATCH, PUT, MOVE, DELETE\r\n\
    Access-Control-Allow-Headers: Authorization, Content-Digest, Content-Type, Destination, Idempotency-Key, \
    If-Bytes-Before, If-Match, If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Last-Event-ID, Overwrite, Prefer, Range, \
    Upload-Complete, Upload-Offset\r\n\
    Access-Control-Max-Age: 7200\r\n";

impl Cors {
    /// Reads `*` or an origin as browsers write it: `https://example.org:8443`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(origin: &str) -> Result<Cors, &'static str> {
        let any = origin == "*";
        if !any && !is_origin(origin) {
            return Err("expected * or an origin, like https://example.org");
        }
        let lines = format!(
            "Access-Control-Allow-Origin: {origin}\r\n\
             Access-Control-Expose-Headers: Accept-Ranges, Allow, Content-Length, Content-Location, Content-Range, Date, \
             ETag, Last-Modified, Link, Preference-Applied, Retry-After, WWW-Authenticate\r\n"
        );
        Ok(Cors {
            lines: lines.into(),
            origin: origin.into(),
            any,
        })
    }

    /// The origin, or `*`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Field lines of every answer, each ending in CRLF.
    #[must_use]
    pub fn lines(&self) -> &str {
        &self.lines
    }

    /// Whether the answer is for one origin, so that caches must tell them apart.
    #[must_use]
    pub fn varies(&self) -> bool {
        !self.any
    }
}

/// Scheme, host and perhaps a port in lower case, and nothing behind: browsers compare byte by byte.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= ORIGIN_MAX
        && !scheme.is_empty()
        && !authority.is_empty()
        && scheme
            .bytes()
            .all(|byte| plain(byte) || b"+-.".contains(&byte))
        && authority
            .bytes()
            .all(|byte| plain(byte) || b"-._:[]".contains(&byte))
}
