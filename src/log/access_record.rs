//! What the access log will say of an answer that is on its way, and the line when it is complete.

use std::io::Write;
use std::sync::Arc;

use super::access_log::AccessLog;
use crate::connection::ParsedHead;
use crate::http::date::Date;
use crate::limits::{ACCESS_LOG_BURST, LOGGED_FIELD_MAX};
use crate::os::sockets::Peer;
use crate::response::Summary;

/// An answer that is on its way.
pub struct Record {
    /// The request line, in printable ASCII without quotes.
    request: Box<str>,
    /// The client.
    client: Peer,
    /// `Referer` and `User-Agent`, as they stand between quotes, if they are logged.
    told: Option<(Box<str>, Box<str>)>,
    /// The name of the token that the client has shown.
    user: Option<Box<str>>,
    status: u16,
    /// Bytes of the head.
    head: u64,
    /// Bytes that went out, head included.
    pub sent: u64,
}

/// The request line as the client sent it, but for its path, which is in its shortest form. Of a head that was refused it
/// has no query. What could not be read is a dash.
fn request_line(asked: &ParsedHead, combined: bool) -> String {
    let asked = match asked {
        Ok(asked) => asked,
        Err(refused) => {
            return refused.line.as_ref().map_or("-".into(), |line| {
                let words = [Some(&line.method), Some(&line.path), line.version.as_ref()];
                let words: Vec<&str> = words.into_iter().flatten().map(|word| &**word).collect();
                words.join(" ")
            });
        }
    };
    let target = match combined {
        true => asked.target_for_log("-"),
        false => asked.path_for_log("-"),
    };
    let method = asked.request.method.name();
    let minor = u8::from(!asked.request.http10);
    format!("{method} {target} HTTP/1.{minor}")
}

/// A field as it stands between quotes, cut off if it is long; a dash if there is none.
fn quoted(field: Option<&[u8]>) -> Box<str> {
    let Some(field) = field else {
        return "-".into();
    };
    let mut text = String::new();
    for &byte in &field[..field.len().min(LOGGED_FIELD_MAX)] {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            // As Apache and nginx do.
            _ => text.push_str(&format!("\\x{byte:02X}")),
        }
    }
    text.into()
}

/// Lines of this turn.
pub struct Lines {
    log: Arc<AccessLog>,
    bytes: Vec<u8>,
    /// The Combined Log Format: with the query, the referrer and the program of the client.
    combined: bool,
}

impl Lines {
    /// None yet.
    pub fn new(log: Arc<AccessLog>) -> Lines {
        Lines {
            combined: log.is_combined(),
            log,
            bytes: Vec::new(),
        }
    }

    /// Of this answer, which begins with these bytes.
    #[must_use]
    pub fn begin(
        &self,
        asked: &ParsedHead,
        client: Peer,
        user: Option<Box<str>>,
        summary: Summary,
        start: &[u8],
    ) -> Record {
        let head = start.windows(4).position(|end| end == b"\r\n\r\n");
        let told = asked.as_ref().ok().map(|asked| &asked.request.told);
        let told = || {
            let referer = told.and_then(|told| told.referer.as_deref());
            let agent = told.and_then(|told| told.agent.as_deref());
            (quoted(referer), quoted(agent))
        };
        Record {
            request: request_line(asked, self.combined).into(),
            client,
            told: self.combined.then(told),
            user,
            status: summary.status.code(),
            head: head.map_or(0, |head| head as u64 + 4),
            sent: 0,
        }
    }

    /// Adds the line of an answer that is over; `tail`: the bytes that a tail has delivered.
    pub fn add(&mut self, record: &Record, tail: Option<u64>, date: Date) {
        let bytes = tail.unwrap_or(record.sent.saturating_sub(record.head));
        let (request, status) = (&record.request, record.status);
        // Writing to a Vec cannot fail.
        let _ = match record.client {
            Peer::Ip(address, _) => write!(self.bytes, "{address}"),
            Peer::Unix => write!(self.bytes, "unix:"),
        };
        let date = date.common_log();
        let user = record.user.as_deref().unwrap_or("-");
        let _ = write!(self.bytes, " - {user} [{date}] \"{request}\" {status} ");
        let _ = match bytes {
            0 => self.bytes.write_all(b"-"),
            _ => write!(self.bytes, "{bytes}"),
        };
        let _ = match &record.told {
            Some((referer, agent)) => writeln!(self.bytes, " \"{referer}\" \"{agent}\""),
            None => writeln!(self.bytes),
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
