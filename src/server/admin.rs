//! The listener of `--admin`, for those who run the server: `/metrics`, `/clients` and `/health`. Blocking and tiny, a
//! thread for each of a few connections, with the same parser as everywhere; it shares nothing with the workers but the
//! questions that it asks them.

use std::fmt::{Display, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Instant, SystemTime};

use log::{debug, warn};

use crate::http::date::Date;
use crate::http::head::{Head, Status};
use crate::http::request::{self, Method, Request};
use crate::limits::{
    ACCEPT_PAUSE, ADMIN_CONNECTIONS_MAX, ADMIN_PATIENCE, ADMIN_STACK, ADMIN_TIMEOUT, CLIENTS_MAX,
    HEAD_MAX,
};
use crate::os::sockets::{Listener, Stream};
use crate::subscription::end::End;
use crate::worker::Shared;
use crate::worker::inspect::{Client, Inspector, Report, STATES};

/// Who answers.
pub struct Admin {
    inspector: Arc<Inspector>,
    shared: Arc<Shared>,
    connections: AtomicUsize,
}

/// An answer: status, media type, body.
type Answer = (Status, &'static str, String);

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// Serves a listener, in a thread that ends with the process.
///
/// # Errors
/// EAGAIN: no thread can be had.
pub fn start(
    listener: Listener,
    inspector: Arc<Inspector>,
    shared: Arc<Shared>,
) -> std::io::Result<()> {
    let admin = Arc::new(Admin {
        inspector,
        shared,
        connections: AtomicUsize::new(0),
    });
    let thread = thread::Builder::new().name("admin".into());
    thread.spawn(move || admin.run(&listener))?;
    Ok(())
}

impl Admin {
    fn run(self: &Arc<Admin>, listener: &Listener) {
        loop {
            match listener.wait_for_one(ADMIN_TIMEOUT) {
                Ok(stream) => self.begin(stream),
                Err(error) => {
                    debug!("accepting at --admin failed: {error}");
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Whoever comes while there are too many is closed.
    fn begin(self: &Arc<Admin>, stream: Stream) {
        let admin = Arc::clone(self);
        if admin.connections.fetch_add(1, Ordering::Relaxed) >= ADMIN_CONNECTIONS_MAX {
            admin.connections.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        let thread = thread::Builder::new().stack_size(ADMIN_STACK);
        let result = thread.spawn(move || {
            admin.serve(&stream);
            admin.connections.fetch_sub(1, Ordering::Relaxed);
        });
        if let Err(error) = result {
            warn!("no thread for a connection at --admin: {error}");
            self.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// One request, one answer.
    fn serve(&self, stream: &Stream) {
        let end = Instant::now() + ADMIN_TIMEOUT;
        let mut input = vec![0; HEAD_MAX];
        let mut filled = 0;
        let (answer, head_only) = loop {
            match stream.receive(&mut input[filled..]) {
                Ok(count) if count > 0 && Instant::now() < end => filled += count,
                // Gone, or too slow.
                _ => return,
            }
            match request::parse(&input[..filled]) {
                Ok(None) => {}
                Ok(Some((request, _))) => {
                    break (self.answer(&request), request.method == Method::Head);
                }
                Err(refusal) => {
                    let (status, line) = refusal.explain();
                    break ((status, TEXT, format!("{line}\n")), false);
                }
            }
        };
        let bytes = write(&answer, head_only);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() && Instant::now() < end + ADMIN_TIMEOUT {
            match stream.send(rest, false) {
                Ok(count) => rest = &rest[count..],
                Err(_) => return,
            }
        }
        stream.shut();
    }

    fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.method, Method::Get | Method::Head) {
            return (Status::MethodNotAllowed, TEXT, "only GET and HEAD\n".into());
        }
        let path = request.path().filter(|path| !path.slash);
        let name = path.map_or(b"".as_slice(), |path| &path.name);
        let clients = match name {
            b"clients" => CLIENTS_MAX,
            b"metrics" | b"health" => 0,
            _ => {
                let line = "there are /metrics, /clients and /health\n";
                return (Status::NotFound, TEXT, line.into());
            }
        };
        let Some(report) = self.inspector.ask(clients, ADMIN_PATIENCE) else {
            let line = "a worker does not answer\n";
            return (Status::ServiceUnavailable, TEXT, line.into());
        };
        match name {
            b"clients" => (Status::Ok, JSON, table(&report)),
            b"metrics" => (Status::Ok, METRICS, metrics(&report)),
            _ if self.shared.signals.load(Ordering::Acquire) > 0 => {
                (Status::ServiceUnavailable, TEXT, "ending\n".into())
            }
            _ => (Status::Ok, TEXT, "ok\n".into()),
        }
    }
}

fn write((status, media, body): &Answer, head_only: bool) -> Vec<u8> {
    let head = Head::new(*status, Date::from(SystemTime::now()))
        .lines("Connection: close\r\nCache-Control: no-store\r\n")
        .lines("X-Content-Type-Options: nosniff\r\n")
        .field("Content-Type", *media)
        .field("Content-Length", body.len() as u64);
    let head = match status {
        Status::MethodNotAllowed => head.lines("Allow: GET, HEAD\r\n"),
        _ => head,
    };
    head.finish(if head_only { b"" } else { body.as_bytes() })
}

/// The text format of Prometheus, version 0.0.4.
fn metrics(report: &Report) -> String {
    let mut out = String::new();
    let counters = &report.counters;
    let one = |value| [("", value)];
    let statuses = Status::ALL.map(|status| status.code());
    let ends = End::ALL.map(End::label);
    let (polled, files) = (report.polled_files, report.files);
    let tails = report.states[2] + report.states[3];
    let mut gauge = |name: &str, label: &str, help: &str, values: &[(&str, u64)]| {
        family(&mut out, name, "gauge", label, help, values);
    };
    let states: Vec<_> = STATES.into_iter().zip(report.states).collect();
    let watched = [("inotify", files - polled), ("clock", polled)];
    gauge("connections", "state", "Connections now.", &states);
    gauge("tails", "", "Tails now.", &one(tails));
    gauge(
        "followed_files",
        "by",
        "Files followed now, by what tells of changes.",
        &watched,
    );
    gauge(
        "slowest_tail_lag_bytes",
        "",
        "Bytes that the slowest tail is behind.",
        &one(report.lag),
    );
    let mut counter = |name: &str, label: &str, help: &str, values: &[(&str, u64)]| {
        family(&mut out, name, "counter", label, help, values);
    };
    let accepted = one(counters.accepted);
    counter(
        "connections_accepted_total",
        "",
        "Connections since the start.",
        &accepted,
    );
    let refused = one(counters.refused);
    counter(
        "connections_refused_total",
        "",
        "Of them above a limit, answered with 503.",
        &refused,
    );
    counter(
        "sent_bytes_total",
        "",
        "Bytes given to sockets.",
        &one(counters.sent),
    );
    let overflows = one(counters.overflows);
    counter(
        "inotify_overflows_total",
        "",
        "Times that inotify lost events.",
        &overflows,
    );
    let ends: Vec<_> = ends.into_iter().zip(counters.ends).collect();
    counter("tail_ends_total", "reason", "Tails that have ended.", &ends);
    let codes = statuses.map(|code| code.to_string());
    let answers: Vec<_> = codes
        .iter()
        .map(String::as_str)
        .zip(counters.answers)
        .collect();
    counter("responses_total", "status", "Answers.", &answers);
    out
}

fn family(
    out: &mut String,
    name: &str,
    kind: &str,
    label: &str,
    help: &str,
    values: &[(&str, u64)],
) {
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "# HELP openrange_{name} {help}\n# TYPE openrange_{name} {kind}\n"
    );
    for (of, value) in values {
        let _ = match label {
            "" => writeln!(out, "openrange_{name} {value}"),
            _ => writeln!(out, "openrange_{name}{{{label}=\"{of}\"}} {value}"),
        };
    }
}

/// JSON; nothing in it needs to be escaped, since paths are percent-encoded.
fn table(report: &Report) -> String {
    let connections: u64 = report.states.iter().sum();
    let mut out = format!("{{\"connections\":{connections},\"clients\":[");
    for (client, separator) in report
        .clients
        .iter()
        .zip([""].into_iter().chain([","].into_iter().cycle()))
    {
        let Client { peer, state, .. } = client;
        let age = client.age.as_secs();
        let _ = write!(
            out,
            "{separator}\n{{\"peer\":\"{peer}\",\"state\":\"{state}\",\"age\":{age}"
        );
        if let Some(tail) = &client.tail {
            let (path, offset, lag) = (&tail.path, tail.offset, tail.lag);
            let _ = write!(
                out,
                ",\"path\":\"{path}\",\"offset\":{offset},\"lag\":{lag}"
            );
        }
        out.push('}');
    }
    out.push_str("\n]}\n");
    out
}

/// The same for people, a line for each client.
pub fn lines(report: &Report) -> impl Iterator<Item = impl Display> {
    report.clients.iter().map(|client| {
        let mut line = format!(
            "client {} {} for {} s",
            client.peer,
            client.state,
            client.age.as_secs()
        );
        if let Some(tail) = &client.tail {
            let _ = write!(
                line,
                ", {} at {}, {} bytes behind",
                tail.path, tail.offset, tail.lag
            );
        }
        line
    })
}
