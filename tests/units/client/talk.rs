//! A follower, and somebody who plays the server and the driver.

use std::time::Duration;

use openrange::client::exchange::Need;
use openrange::client::follower::{Follower, Link, Outcome, Task};
use openrange::client::position::Position;
use openrange::client::requests::Requests;
use openrange::client::settings::{From, OnGap, Settings, Until};
use openrange::time::Moment;

pub struct Talk {
    pub follower: Follower,
    pub now: Moment,
    pub reports: Vec<String>,
    pub handed: Vec<u8>,
    pub saved: Vec<Position>,
    pub outcome: Option<Outcome>,
    /// Bytes that are handed over at most for each offer.
    pub sink: usize,
}

pub fn settings() -> Settings {
    Settings {
        requests: Requests::new("/log", "host", ""),
        from: From::Start,
        on_gap: OnGap::Fail,
        late: Duration::from_secs(5),
        fail: false,
        until: Until::Stopped,
        batching: None,
    }
}

/// A response with the length of its body.
pub fn response(status: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{fields}\r\n{body}")
}

/// A list of generations: path, tag, and further members of each.
pub fn list(generations: &[(&str, u64, &str)]) -> String {
    let of = |(path, tag, more): &(&str, u64, &str)| {
        format!("{{\"etag\":\"W/\\\"{tag:016x}\\\"\",\"path\":\"{path}\",\"size\":4{more}}}")
    };
    let items: Vec<String> = generations.iter().map(of).collect();
    let items = items.join(",");
    let body = format!("{{\"path\":\"/log\",\"generations\":[{items}]}}");
    response("200 OK", "", &body)
}

impl Talk {
    pub fn new(on_gap: OnGap, position: Option<Position>) -> Talk {
        let settings = Settings {
            on_gap,
            ..settings()
        };
        Talk::with(settings, position)
    }

    pub fn with(settings: Settings, position: Option<Position>) -> Talk {
        let now = Moment(1000);
        Talk {
            follower: Follower::new(settings, position, now),
            now,
            reports: Vec::new(),
            handed: Vec::new(),
            saved: Vec::new(),
            outcome: None,
            sink: usize::MAX,
        }
    }

    pub fn tasks(&mut self) {
        for _ in 0..50 {
            match self.follower.task() {
                Task::None => return,
                Task::Report(line) => {
                    self.reports.push(line.to_owned());
                    self.follower.reported();
                }
                Task::Save(position) => {
                    self.saved.push(position);
                    self.follower.saving();
                    self.follower.saved();
                }
                Task::HandOver(offered) => {
                    let count = offered.bytes.len().min(self.sink);
                    self.handed.extend_from_slice(&offered.bytes[..count]);
                    self.follower.handed_over(count);
                    if count == 0 {
                        return;
                    }
                }
                Task::Finish(outcome) => {
                    self.outcome = Some(outcome.clone());
                    return;
                }
            }
            self.follower.run(self.now);
        }
    }

    /// The request line that comes next within some seconds, if there is one.
    pub fn asks(&mut self, link: Link) -> Option<String> {
        let head = self.requests(link)?;
        let line = head.lines().next().unwrap_or_default();
        Some(line.trim_end_matches(" HTTP/1.1").to_owned())
    }

    /// The request that comes next within some seconds, if there is one.
    pub fn requests(&mut self, link: Link) -> Option<String> {
        for _ in 0..100 {
            self.tasks();
            match self.follower.exchange(link).need() {
                Need::Connect => self.follower.connected(link, self.now),
                Need::Disconnect => self.follower.exchange(link).disconnected(),
                Need::Send(bytes) => {
                    let (count, text) = (bytes.len(), String::from_utf8_lossy(bytes).into());
                    self.follower.exchange(link).sent(count);
                    return Some(text);
                }
                Need::Rest | Need::Receive => self.now = self.now + Duration::from_millis(100),
            }
            self.follower.run(self.now);
        }
        None
    }

    pub fn answer(&mut self, text: &str) {
        self.answer_on(Link::Main, text);
    }

    pub fn answer_on(&mut self, link: Link, text: &str) {
        let exchange = self.follower.exchange(link);
        exchange.space()[..text.len()].copy_from_slice(text.as_bytes());
        exchange.filled(text.len());
        self.follower.run(self.now);
        self.tasks();
    }

    /// The connection ends.
    pub fn cut(&mut self, link: Link, why: &str) {
        let exchange = self.follower.exchange(link);
        exchange.broken(why.into());
        exchange.disconnected();
        self.follower.run(self.now);
        self.tasks();
    }

    /// See [`list`].
    pub fn list(&mut self, generations: &[(&str, u64, &str)]) {
        self.answer(&list(generations));
    }
}
