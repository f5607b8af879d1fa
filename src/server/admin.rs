//! The listener of `--admin`, for those who run the server: `/metrics`, `/clients` and `/health`. One thread that serves
//! all of its connections, with the same parser as everywhere; it shares nothing with the workers but the questions that it
//! asks them. A slow client delays nobody: the thread answers a complete request at once, and when there are too many
//! connections, it closes the oldest one.

use std::collections::VecDeque;
use std::fmt::{Display, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use log::{debug, warn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::health::Health;
use super::intakes::{self, Counted};
use super::metrics::{self, Facts};
use crate::http::date::Date;
use crate::http::head::{Head, Status};
use crate::http::request::{self, Method, Request};
use crate::limits::{
    ACCEPT_PAUSE, ADMIN_BURST, ADMIN_CONNECTIONS_MAX, ADMIN_PATIENCE, ADMIN_TIMEOUT, CLIENTS_MAX,
    HEAD_MAX,
};
use crate::os::privileges;
use crate::os::sockets::{Listener, NotAccepted, Stream};
use crate::os::threads;
use crate::response::MISDIRECTED;
use crate::worker::inspect::{Client, Inspector, Report};
use crate::worker::shared::Shared;

/// Who answers.
pub struct Admin {
    inspector: Arc<Inspector>,
    shared: Arc<Shared>,
    health: Arc<Health>,
    intakes: Vec<Counted>,
    facts: Facts,
}

/// An answer: status, media type, body.
type Answer = (Status, &'static str, String);

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// One connection: a request that is being read, or the answer that goes out.
struct Connection {
    stream: Stream,
    input: Vec<u8>,
    /// Empty until the request is complete.
    output: Vec<u8>,
    sent: usize,
    /// It is closed then.
    deadline: Instant,
    over: bool,
}

impl Admin {
    /// Answers for these workers.
    #[must_use]
    pub fn new(
        inspector: Arc<Inspector>,
        shared: Arc<Shared>,
        health: Arc<Health>,
        intakes: Vec<Counted>,
        facts: Facts,
    ) -> Admin {
        Admin {
            facts,
            inspector,
            shared,
            health,
            intakes,
        }
    }

    /// Serves a listener, in a thread that ends with the process. `confined`: the thread gives up all files.
    ///
    /// # Errors
    /// EAGAIN: no thread can start.
    pub fn start(self, listener: Listener, confined: bool) -> std::io::Result<()> {
        threads::start("admin", None, move || {
            if confined && let Err(error) = privileges::confine_thread(None, false) {
                warn!("--admin keeps its access to files: {error}");
            }
            self.run(&listener);
        })?;
        Ok(())
    }

    fn run(&self, listener: &Listener) {
        let mut connections: VecDeque<Connection> = VecDeque::new();
        let mut pause = Pause::default();
        loop {
            wait(listener, &connections, pause.until);
            pause.accept(listener, &mut connections);
            for connection in &mut connections {
                connection.read();
            }
            self.answer_all(&mut connections);
            let now = Instant::now();
            for connection in &mut connections {
                connection.write();
                connection.over |= connection.deadline <= now;
            }
            connections.retain(|connection| !connection.over);
        }
    }

    /// Answers whoever has sent a request, all from one report.
    fn answer_all(&self, connections: &mut VecDeque<Connection>) {
        let mut report: Option<(usize, Option<Report>)> = None;
        for connection in connections {
            if !connection.output.is_empty() || connection.over {
                continue;
            }
            let (answer, head_only) = match request::parse(&connection.input) {
                Ok(None) => continue,
                Ok(Some((request, _))) => {
                    let tcp = connection.stream.is_tcp();
                    let answer = match tcp && !self.shared.admin_hosts.contain(&request.host) {
                        true => (Status::MisdirectedRequest, TEXT, format!("{MISDIRECTED}\n")),
                        false => self.answer(&request, &mut report),
                    };
                    (answer, request.method == Method::Head)
                }
                Err(refusal) => {
                    let (status, line) = refusal.explain();
                    ((status, TEXT, format!("{line}\n")), false)
                }
            };
            connection.output = write(&answer, head_only);
            connection.deadline = Instant::now() + ADMIN_TIMEOUT;
        }
    }

    /// `report`: the last report that the workers made in this turn, for so many clients.
    fn answer(&self, request: &Request, report: &mut Option<(usize, Option<Report>)>) -> Answer {
        if !matches!(request.method, Method::Get | Method::Head) {
            return (Status::MethodNotAllowed, TEXT, "only GET and HEAD\n".into());
        }
        let path = request.path().filter(|path| !path.slash);
        let name = path.map_or(b"".as_slice(), |path| &path.name);
        let clients = match name {
            b"clients" => CLIENTS_MAX,
            b"metrics" | b"health" => 0,
            _ => {
                let line = "use /metrics, /clients or /health\n";
                return (Status::NotFound, TEXT, line.into());
            }
        };
        if !matches!(report, Some((asked, _)) if *asked >= clients) {
            *report = Some((clients, self.inspector.ask(clients, ADMIN_PATIENCE)));
        }
        let unwell = |line: String| (Status::ServiceUnavailable, TEXT, line);
        let Some((_, Some(report))) = report else {
            return unwell("a worker does not answer\n".into());
        };
        match name {
            b"clients" => (Status::Ok, JSON, table(report)),
            b"metrics" => {
                let mut text = metrics::text(&self.facts, &self.shared, report);
                intakes::write_metrics(&mut text, &self.intakes);
                (Status::Ok, METRICS, text)
            }
            _ if self.shared.signals.load(Ordering::Acquire) > 0 => unwell("ending\n".into()),
            _ => match self.health.trouble() {
                Some(trouble) => unwell(format!("{trouble}\n")),
                None => (Status::Ok, TEXT, "ok\n".into()),
            },
        }
    }
}

/// Waits until something can be done or the time of a connection is up. `pause`: nobody is accepted before this.
fn wait(listener: &Listener, connections: &VecDeque<Connection>, pause: Option<Instant>) {
    let left = |until: Instant| until.saturating_duration_since(Instant::now());
    let mut patience: Option<Duration> = pause.map(left);
    let mut polled = Vec::new();
    if pause.is_none() {
        polled.push(PollFd::new(listener, PollFlags::IN));
    }
    for connection in connections {
        let flags = if connection.output.is_empty() {
            PollFlags::IN
        } else {
            PollFlags::OUT
        };
        polled.push(PollFd::from_borrowed_fd(connection.stream.as_fd(), flags));
        let left = left(connection.deadline);
        patience = Some(patience.map_or(left, |patience| patience.min(left)));
    }
    let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
    // EINTR is as good as a return.
    let _ = poll(&mut polled, patience.as_ref());
}

/// Whether the listener accepts nobody for a while.
#[derive(Default)]
struct Pause {
    until: Option<Instant>,
    /// Why, as the log has said.
    told: Option<Errno>,
}

impl Pause {
    /// Accepts new connections. When there are too many, it closes the oldest.
    fn accept(&mut self, listener: &Listener, connections: &mut VecDeque<Connection>) {
        if self.until.is_some_and(|until| until > Instant::now()) {
            return;
        }
        self.until = None;
        for _ in 0..ADMIN_BURST {
            match listener.accept() {
                Ok((stream, _)) => {
                    self.told = None;
                    if connections.len() >= ADMIN_CONNECTIONS_MAX {
                        connections.pop_front();
                    }
                    let mut connection = Connection::new(stream);
                    // The thread reads each one once before another can take its place.
                    connection.read();
                    connections.push_back(connection);
                }
                Err(NotAccepted::NoneWaits) => return,
                Err(NotAccepted::Gone(error)) => debug!("accepting at --admin failed: {error}"),
                Err(NotAccepted::NoRoom(_)) if connections.pop_front().is_some() => {}
                Err(NotAccepted::NoRoom(error) | NotAccepted::Unable(error)) => {
                    if self.told.replace(error) != Some(error) {
                        warn!(
                            "--admin accepts no connections ({error}): trying again every second"
                        );
                    }
                    self.until = Some(Instant::now() + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }
}

impl Connection {
    fn new(stream: Stream) -> Connection {
        Connection {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            deadline: Instant::now() + ADMIN_TIMEOUT,
            over: false,
        }
    }

    /// Reads what has come of the request.
    fn read(&mut self) {
        if !self.output.is_empty() || self.over {
            return;
        }
        let mut input = [0; 1024];
        let room = input.len().min(HEAD_MAX - self.input.len());
        match self.stream.receive(&mut input[..room]) {
            Ok(count) if count > 0 => self.input.extend_from_slice(&input[..count]),
            Err(Errno::AGAIN) => {}
            _ => self.over = true,
        }
    }

    /// Sends what the socket takes.
    fn write(&mut self) {
        while !self.over && self.sent < self.output.len() {
            match self.stream.send(&self.output[self.sent..], false) {
                Ok(count) => self.sent += count,
                Err(Errno::AGAIN) => return,
                Err(_) => self.over = true,
            }
        }
        if !self.output.is_empty() && !self.over {
            self.stream.shut();
            self.over = true;
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
