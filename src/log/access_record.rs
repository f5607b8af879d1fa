//! What the access log will say of an answer that is on its way, and the line when it is complete.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use super::access_log::AccessLog;
use crate::connection::ParsedHead;
use crate::http::date::Date;
use crate::http::head::append_number;
use crate::limits::{ACCESS_LOG_BURST, LOGGED_FIELD_MAX};
use crate::os::address::append_ipv4;
use crate::os::sockets::Peer;
use crate::response::Summary;

/// An answer that is on its way.
pub struct Record {
    /// The request line, in printable ASCII without quotes.
    request: Box<str>,
    /// The client.
    client: Peer,
    /// `Referer` and `User-Agent`, as they stand between quotes, if they are logged.
    referer_and_agent: Option<(Box<str>, Box<str>)>,
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
    let version = match asked.request.http10 {
        true => "HTTP/1.0",
        false => "HTTP/1.1",
    };
    [asked.request.method.name(), &target, version].join(" ")
}

/// A field as written between quotes, truncated if it is long; a dash if there is none.
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

    /// Of this answer, whose head has so many bytes.
    #[must_use]
    pub fn begin(
        &self,
        asked: &ParsedHead,
        client: Peer,
        user: Option<Box<str>>,
        summary: Summary,
        head: u64,
    ) -> Record {
        let context = asked.as_ref().ok().map(|asked| &asked.request.context);
        let referer_and_agent = || {
            let referer = context.and_then(|context| context.referer.as_deref());
            let agent = context.and_then(|context| context.agent.as_deref());
            (quoted(referer), quoted(agent))
        };
        Record {
            request: request_line(asked, self.combined).into(),
            client,
            referer_and_agent: self.combined.then(referer_and_agent),
            user,
            status: summary.status.code(),
            head,
            sent: 0,
        }
    }

    /// Adds the line of an answer that is over; `tail`: the bytes that a tail has delivered.
    pub fn add(&mut self, record: &Record, tail: Option<u64>, date: Date) {
        let bytes = tail.unwrap_or(record.sent.saturating_sub(record.head));
        let line = &mut self.bytes;
        append_client(line, record.client);
        let user = record.user.as_deref().unwrap_or("-");
        append(line, &[b" - ", user.as_bytes(), b" ["]);
        append(line, &[&date.common_log(), b"] \""]);
        append(line, &[record.request.as_bytes(), b"\" "]);
        append_number(line, record.status.into());
        line.push(b' ');
        match bytes {
            0 => line.push(b'-'),
            _ => append_number(line, bytes),
        }
        if let Some((referer, agent)) = &record.referer_and_agent {
            append(line, &[b" \"", referer.as_bytes(), b"\" \""]);
            append(line, &[agent.as_bytes(), b"\""]);
        }
        line.push(b'\n');
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

fn append(line: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| line.extend_from_slice(part));
}

fn append_client(line: &mut Vec<u8>, client: Peer) {
    match client {
        Peer::Ip(IpAddr::V4(address), _) => append_ipv4(line, address),
        // Writing to a Vec cannot fail.
        Peer::Ip(address, _) => drop(write!(line, "{address}")),
        Peer::Unix => line.extend_from_slice(b"unix:"),
    }
}
