//! Heads that are refused.

use super::head::Status;

/// Why a head is not a request that could be answered. After each of these the connection is closed: where the next
/// request begins is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400, with what is wrong.
    Malformed(&'static str),
    /// 408
    TooSlow,
    /// 414
    TargetTooLong,
    /// 431
    HeadTooLarge,
    /// 501
    UnknownCoding,
    /// 503
    TooManyConnections,
    /// 505
    Version,
}

impl Refusal {
    /// The status and one line for the client and the log.
    #[must_use]
    pub fn explain(self) -> (Status, &'static str) {
        match self {
            Refusal::Malformed(what) => (Status::BadRequest, what),
            Refusal::TooSlow => (
                Status::RequestTimeout,
                "the request head did not arrive in time",
            ),
            Refusal::TargetTooLong => (
                Status::UriTooLong,
                "the request target is longer than 4096 bytes",
            ),
            Refusal::HeadTooLarge => (
                Status::FieldsTooLarge,
                "the request head is larger than 16384 bytes or 100 fields",
            ),
            Refusal::UnknownCoding => (
                Status::NotImplemented,
                "the transfer coding is not supported",
            ),
            Refusal::TooManyConnections => (
                Status::ServiceUnavailable,
                "too many connections, try again later",
            ),
            Refusal::Version => (
                Status::VersionNotSupported,
                "this server speaks HTTP/1.0 and HTTP/1.1",
            ),
        }
    }
}
