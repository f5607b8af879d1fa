//! What all responses of the server share.

use crate::http::cors::{Cors, EXPOSED_WRITABLE};
use crate::http::date::{Date, Timestamp};
use crate::http::head::{Head, Status};
use crate::http::prefix::{Prefix, Prefixes};

/// What all answers of the server share.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Now.
    pub now: Timestamp,
    /// Who may read across origins.
    pub cors: Option<&'a Cors>,
    /// What may be written.
    pub writable: Option<&'a Prefixes>,
    /// The path of the jobs.
    pub jobs: Option<&'a Prefix>,
    /// The request has waited for what it asks for, up to so many seconds.
    pub waited: Option<u64>,
    /// What makes the delimiters of multipart responses unpredictable: whoever can predict them can write them into a file.
    pub delimiter_key: DelimiterKey,
}

/// Random bytes of a process.
pub type DelimiterKey = [u8; 16];

impl From<Date> for Terms<'_> {
    fn from(date: Date) -> Self {
        Terms {
            now: date.into(),
            cors: None,
            writable: None,
            jobs: None,
            waited: None,
            delimiter_key: DelimiterKey::default(),
        }
    }
}

impl Terms<'_> {
    /// A head with the fields that every answer has. `negotiated`: it depends on the Accept field.
    pub(super) fn head(&self, status: Status, negotiated: bool) -> Head {
        let head = Head::new(status, self.now.date);
        let head = match (negotiated, self.cors.is_some_and(Cors::varies)) {
            (false, false) => head,
            (true, false) => head.lines("Vary: Accept\r\n"),
            (false, true) => head.lines("Vary: Origin\r\n"),
            (true, true) => head.lines("Vary: Accept, Origin\r\n"),
        };
        let head = head.lines(self.cors.map_or("", Cors::lines));
        match (self.cors, self.writable) {
            (Some(_), Some(_)) => head.lines(EXPOSED_WRITABLE),
            _ => head,
        }
    }
}
