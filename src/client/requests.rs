//! The requests of a follower.

use super::before::field;
use super::generations::file_name;
use crate::http::conditional::ETag;
use crate::http::position::Check;
use crate::store::generations::family::kinship;

/// RFC 9110 section 10.1.4: who sends TE names it in Connection.
const TRAILERS: &str = "TE: trailers\r\nConnection: TE\r\n";

/// What all requests for one log have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requests {
    /// The path as it is sent.
    path: Box<str>,
    /// Field lines, each with its line end.
    fields: Box<str>,
}

impl Requests {
    /// Requests for a path. `host`: the value of the Host field; `fields`: further lines, each with its CRLF.
    #[must_use]
    pub fn new(path: &str, host: &str, fields: &str) -> Requests {
        let agent = concat!("User-Agent: openrange/", env!("CARGO_PKG_VERSION"), "\r\n");
        Requests {
            path: path.into(),
            fields: format!("Host: {host}\r\n{agent}{fields}").into(),
        }
    }

    /// Whether a response is of a compressed copy of an earlier generation, by its `Content-Location`.
    #[must_use]
    pub fn is_compressed(&self, location: &str) -> bool {
        let [name, log] = [location, &self.path].map(|path| file_name(path).as_bytes());
        kinship(name, log).is_some_and(|kinship| kinship.compression.is_some())
    }

    fn write(&self, method: &str, query: &str, more: &str) -> Vec<u8> {
        let Requests { path, fields } = self;
        format!("{method} {path}{query} HTTP/1.1\r\n{fields}{more}\r\n").into_bytes()
    }

    /// Everything of the name from there on, as long as it is the name of this generation, and has these bytes before.
    #[must_use]
    pub fn tail(&self, generation: ETag, offset: u64, check: Option<Check>) -> Vec<u8> {
        let before = field(check);
        let more =
            format!("Range: bytes={offset}-\r\nIf-Match: {generation}\r\n{before}{TRAILERS}");
        self.write("GET", "", &more)
    }

    /// Everything of a generation from there on, also what is not written yet, if it has these bytes before.
    #[must_use]
    pub fn rest(&self, generation: ETag, offset: u64, check: Option<Check>) -> Vec<u8> {
        let before = field(check);
        let more = format!("Range: bytes={offset}-\r\n{before}{TRAILERS}");
        self.write("GET", &by_generation(generation), &more)
    }

    /// How long the file of the name is, if it is this generation.
    #[must_use]
    pub fn measure(&self, generation: ETag) -> Vec<u8> {
        self.write("HEAD", "", &format!("If-Match: {generation}\r\n"))
    }

    /// Whether there still is this generation, how long it is, and what follows it.
    #[must_use]
    pub fn locate(&self, generation: ETag) -> Vec<u8> {
        self.write("HEAD", &by_generation(generation), "")
    }

    /// Bytes of a generation, up to `end`, if it has these before.
    #[must_use]
    pub fn slice(&self, generation: ETag, offset: u64, end: u64, check: Option<Check>) -> Vec<u8> {
        let (last, before) = (end.saturating_sub(1), field(check));
        let more = format!("Range: bytes={offset}-{last}\r\n{before}");
        self.write("GET", &by_generation(generation), &more)
    }

    /// Why there is no such generation.
    #[must_use]
    pub fn reason(&self, generation: ETag) -> Vec<u8> {
        self.write("GET", &by_generation(generation), "Range: bytes=0-0\r\n")
    }

    /// The list of generations.
    #[must_use]
    pub fn list(&self) -> Vec<u8> {
        self.write("GET", "?generations", "Accept: application/json\r\n")
    }

    /// Where the last lines begin.
    #[must_use]
    pub fn last_lines(&self, count: u64) -> Vec<u8> {
        self.write("HEAD", &format!("?lines={count}"), "")
    }
}

fn by_generation(generation: ETag) -> String {
    format!("?generation={:016x}", generation.0)
}
