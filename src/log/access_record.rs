//! What the access log will say of an answer that is on its way, and the line when it is complete.

use std::io::Write;
use std::sync::Arc;

use super::access_log::AccessLog;
use crate::connection::ParsedHead;
use crate::http::date::Date;
use crate::limits::ACCESS_LOG_BURST;
use crate::os::sockets::Peer;
use crate::response::Summary;

/// An answer that is on its way.
pub struct Record {
    /// The request line, in printable ASCII without quotes.
    request: Box<str>,
    /// The name of the token that the client has shown.
    user: Option<Box<str>>,
    status: u16,
    /// Bytes of the head.
    head: u64,
    /// Bytes that went out, head included.
    pub sent: u64,
}

impl Record {
    /// Of this answer, which begins with these bytes.
    pub fn new(
        asked: &ParsedHead,
        user: Option<Box<str>>,
        summary: Summary,
        start: &[u8],
    ) -> Record {
        let head = start.windows(4).position(|end| end == b"\r\n\r\n");
        Record {
            request: request_line(asked).into(),
            user,
            status: summary.status.code(),
            head: head.map_or(0, |head| head as u64 + 4),
            sent: 0,
        }
    }
}

/// As the client sent it, but for the query, and its path in its shortest form. What could not be read is a dash.
fn request_line(asked: &ParsedHead) -> String {
    match asked {
        Ok(asked) => format!(
            "{} {} HTTP/1.{}",
            asked.request.method.name(),
            asked.path_for_log("-"),
            u8::from(!asked.request.http10)
        ),
        Err(_) => "-".into(),
    }
}

/// Lines of this turn.
pub struct Lines {
    log: Arc<AccessLog>,
    bytes: Vec<u8>,
}

impl Lines {
    /// None yet.
    pub fn new(log: Arc<AccessLog>) -> Lines {
        Lines {
            log,
            bytes: Vec::new(),
        }
    }

    /// Adds the line of an answer that is over; `tail`: the bytes that a tail has delivered.
    pub fn add(&mut self, record: &Record, peer: Peer, tail: Option<u64>, date: Date) {
        let bytes = tail.unwrap_or(record.sent.saturating_sub(record.head));
        let (request, status) = (&record.request, record.status);
        // Writing to a Vec cannot fail.
        let _ = match peer {
            Peer::Ip(address, _) => write!(self.bytes, "{address}"),
            Peer::Unix => write!(self.bytes, "unix:"),
        };
        let date = date.common_log();
        let user = record.user.as_deref().unwrap_or("-");
        let _ = write!(self.bytes, " - {user} [{date}] \"{request}\" {status} ");
        let _ = match bytes {
            0 => self.bytes.write_all(b"-\n"),
            _ => writeln!(self.bytes, "{bytes}"),
        };
        if self.bytes.len() > ACCESS_LOG_BURST {
            self.flush();
        }
    }

    /// Hands them over, at the end of the turn at the latest.
    pub fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.log.write(&self.bytes);
            self.bytes.clear();
        }
    }
}
