//! Field lines that many responses have, each ending in CRLF.

pub(super) const ALLOW: &str = "Allow: GET, HEAD, OPTIONS\r\n";

pub(super) const NOT_STORED: &str = "Cache-Control: no-store\r\n";

pub(super) const FINITE: &str =
    "Accept-Ranges: bytes\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n";

/// Of a generation that nobody may write: asked for by its tag, it never changes. Caches take a year for that.
pub(super) const FOR_EVER: &str = "Accept-Ranges: bytes\r\nCache-Control: public, max-age=31536000, immutable\r\n\
                    X-Content-Type-Options: nosniff\r\n";

/// The same, where not everybody may read it.
pub(super) const FOR_EVER_PRIVATE: &str = "Accept-Ranges: bytes\r\nCache-Control: private, max-age=31536000, immutable\r\n\
                    X-Content-Type-Options: nosniff\r\n";

pub(super) const LIVE: &str = "Accept-Ranges: bytes\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n\
                    Incremental: ?1\r\nX-Content-Type-Options: nosniff\r\n";

/// Why a request with another Host is refused.
pub const MISDIRECTED: &str =
    "no such host here; the option --host NAME of openrange lets requests address it";

pub(super) const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// Methods of the path that takes jobs.
pub(super) const ALLOW_JOBS: &str = "Allow: GET, HEAD, OPTIONS, POST\r\n";

/// Methods of the answer of a job.
pub(super) const ALLOW_ANSWER: &str = "Allow: GET, HEAD, OPTIONS, DELETE\r\n";

/// Methods of a name that may be written.
pub(super) const ALLOW_WRITABLE: &str =
    "Allow: GET, HEAD, OPTIONS, POST, PATCH, PUT, MOVE, DELETE\r\n";

/// A field that is a boolean (RFC 9651 section 3.3.6).
pub(super) fn complete(sealed: bool) -> &'static str {
    match sealed {
        true => "Upload-Complete: ?1\r\n",
        false => "Upload-Complete: ?0\r\n",
    }
}
