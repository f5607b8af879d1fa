//! Requests as a client makes them up, and what RFC 9110, RFC 8673 and the server's promises want in answer to each.
//! Computed from how the request was made, never from what the server has parsed.

use std::fmt::Write;
use std::ops::Range;

use super::Choose;
use super::conditions::{Conditions, Verdict};
use super::disk::{DIRECTORY, Disk, Facts, NAMES};
use super::events::Stream;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Options,
    Delete,
}

/// Where a query lets an answer start.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    Lines(usize),
    End,
}

/// One element of a Range field.
#[derive(Debug, Clone)]
pub enum Spec {
    From(u64, Option<&'static str>),
    Last(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Unsaid,
    Stay,
    Close,
}

#[derive(Debug, Clone)]
pub struct Ask {
    pub method: Method,
    /// [`NAMES`]: there is no such name.
    pub name: usize,
    slash: bool,
    specs: Vec<Spec>,
    pub http10: bool,
    pub trailers: bool,
    conditions: Conditions,
    keep: Keep,
    body: bool,
    /// It wants events, perhaps behind this one: a tag and an offset.
    events: Option<Option<(u64, u64)>>,
    /// `lines=`, or with nothing old.
    pub start: Option<Start>,
    /// Not a request at all: an index of [`MALFORMED`].
    malformed: Option<usize>,
}

/// What was found at the moment when the request was answered.
pub enum Seen {
    File(Facts),
    Page(Vec<u8>),
    NeedsSlash,
    Missing,
    Forbidden,
    Busy,
}

/// What the answer must be.
#[derive(Debug)]
pub struct Expect {
    pub status: u16,
    pub close: bool,
    pub head_only: bool,
    pub http10: bool,
    pub content_range: Option<String>,
    pub etag: Option<u64>,
    pub modified: Option<i64>,
    pub location: Option<String>,
    pub date: i64,
    /// The query has a say in where it starts.
    pub started: bool,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    /// One line, or nothing.
    Note,
    Page(Vec<u8>),
    Slice(usize, Range<u64>),
    Parts {
        file: usize,
        size: u64,
        parts: Vec<Range<u64>>,
    },
    Tail {
        file: usize,
        at: u64,
        trailers: bool,
    },
    Events {
        file: Option<usize>,
        stream: Box<Stream>,
    },
}

const HOST: &str = "Host: x\r\n";
const LARGE: [&str; 3] = [
    "999999999999",
    "9007199254740991",
    "18446744073709551616000",
];
/// Heads that must be refused, and with what.
const MALFORMED: [(&str, u16); 7] = [
    ("GET /0 HTTP/1.1\r\n\r\n", 400),
    ("GET /0 HTTP/1.1\nHost: x\n\n", 400),
    ("GET /../0 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    ("GET /0 HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    (
        "GET /0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        501,
    ),
    // Followed by 20,000 bytes.
    ("GET /0 HTTP/1.1\r\nHost: x\r\nX: ", 431),
    ("GET /0", 414),
];

impl Ask {
    /// A tail of everything, as most requests are.
    pub fn tail(name: usize) -> Ask {
        Ask {
            method: Method::Get,
            name,
            slash: false,
            specs: vec![Spec::From(0, None)],
            http10: false,
            trailers: false,
            conditions: Conditions::default(),
            keep: Keep::Unsaid,
            body: false,
            events: None,
            start: None,
            malformed: None,
        }
    }

    /// Events, mostly of everything.
    pub fn events(choose: Choose, name: usize, facts: &Facts) -> Ask {
        let mut ask = Ask::any(choose, name, facts);
        ask.events = Some(match choose(6) {
            3 => Some((facts.etag, choose(facts.size + 1))),
            4 => Some((facts.etag, facts.size + choose(3))),
            5 => Some((facts.etag + 1, choose(9))),
            _ => None,
        });
        ask
    }

    /// More than a head may have.
    pub fn flood() -> Ask {
        Ask {
            malformed: Some(MALFORMED.len() - 1),
            ..Ask::tail(0)
        }
    }

    /// `facts`: of the file that has the name at this moment.
    pub fn any(choose: Choose, name: usize, facts: &Facts) -> Ask {
        let mut ask = Ask::tail(name);
        ask.specs = specs(choose, facts.size);
        ask.method = match choose(12) {
            9 => Method::Head,
            10 => Method::Options,
            11 => Method::Delete,
            _ => Method::Get,
        };
        ask.http10 = choose(6) == 5;
        ask.trailers = choose(3) == 1;
        ask.conditions = Conditions::any(choose, facts);
        ask.keep = match choose(8) {
            6 => Keep::Close,
            5 | 7 => Keep::Stay,
            _ => Keep::Unsaid,
        };
        ask.body = choose(24) == 23;
        match choose(16) {
            14 => (ask.name, ask.slash) = (DIRECTORY, choose(3) != 2),
            15 => ask.name = NAMES,
            _ => ask.slash = choose(20) == 19,
        }
        ask.start = match choose(8) {
            6 => Some(Start::Lines(choose(4) as usize)),
            7 => Some(Start::End),
            _ => None,
        };
        if choose(20) == 19 {
            ask.malformed = Some(choose(MALFORMED.len() as u64) as usize);
        }
        ask
    }

    /// The head, and what follows it if it has a body.
    pub fn bytes(&self) -> (Vec<u8>, usize) {
        if let Some(index) = self.malformed {
            let mut bytes = MALFORMED[index].0.as_bytes().to_vec();
            if !bytes.ends_with(b"\n") {
                bytes.extend([b'a'; 20_000]);
            }
            let end = bytes.len();
            return (bytes, end);
        }
        let method = match self.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Delete => "DELETE",
        };
        let minor = u8::from(!self.http10);
        let slash = if self.slash { "/" } else { "" };
        let query = self.query();
        let name = self.name;
        let mut head = format!("{method} /{name}{slash}{query} HTTP/1.{minor}\r\n{HOST}");
        if !self.specs.is_empty() {
            let specs: Vec<String> = self.specs.iter().map(Spec::text).collect();
            let _ = write!(head, "Range: bytes={}\r\n", specs.join(", "));
        }
        self.conditions.write(&mut head);
        if let Some(position) = self.events {
            head += "Accept: text/event-stream\r\n";
            if let Some((etag, offset)) = position {
                let _ = write!(head, "Last-Event-ID: {etag:016x}-{offset}\r\n");
            }
        }
        if self.trailers {
            head += "TE: trailers\r\n";
        }
        head += match self.keep {
            Keep::Unsaid => "",
            Keep::Stay => "Connection: keep-alive\r\n",
            Keep::Close => "Connection: close\r\n",
        };
        if self.body {
            head += "Content-Length: 5\r\n";
        }
        head += "\r\n";
        let end = head.len();
        if self.body {
            head += "GET /";
        }
        (head.into_bytes(), end)
    }

    fn query(&self) -> String {
        match self.start {
            Some(Start::Lines(count)) => format!("?lines={count}"),
            Some(Start::End) => "?x&from=end".to_owned(),
            None => String::new(),
        }
    }

    /// The name of a file that it asks for; with a slash behind it there is none.
    pub fn file_name(&self) -> usize {
        if self.slash { NAMES } else { self.name }
    }

    /// The status that it must be refused with.
    pub fn refusal(&self) -> Option<u16> {
        self.malformed.map(|index| MALFORMED[index].1)
    }

    fn stays(&self) -> bool {
        !self.body
            && match self.keep {
                Keep::Unsaid => !self.http10,
                Keep::Stay => true,
                Keep::Close => false,
            }
    }

    /// What must be answered, given what was found.
    pub fn expect(&self, seen: &Seen, draining: bool) -> Expect {
        let mut expect = Expect {
            // Busy: descriptors have run out, and the connection holds one.
            close: draining || !self.stays() || matches!(seen, Seen::Busy),
            head_only: self.method == Method::Head,
            http10: self.http10,
            started: matches!(seen, Seen::File(facts) if facts.start.is_some()),
            ..Expect::refusal(0)
        };
        expect.status = match (self.method, seen) {
            (Method::Options, _) => 204,
            (Method::Delete, _) => 405,
            (_, Seen::Missing) if matches!(self.events, Some(Some(_))) && !self.slash => {
                self.expect_events(None, &mut expect)
            }
            (_, Seen::Missing) if self.events.is_some() => later("no such file", &mut expect),
            (_, Seen::Busy) if self.events.is_some() => later("too many open files", &mut expect),
            (_, Seen::Missing) => 404,
            (_, Seen::Forbidden) => 403,
            (_, Seen::Busy) => 503,
            (_, Seen::NeedsSlash) => {
                expect.location = Some(format!("/{}/{}", self.name, self.query()));
                301
            }
            // A list has no tag that could match.
            (_, Seen::Page(_)) if self.conditions.name_tags() => 412,
            (_, Seen::Page(_)) if self.conditions.want_nothing() => 304,
            (_, Seen::Page(page)) => {
                expect.body = Body::Page(page.clone());
                200
            }
            (_, Seen::File(facts)) if self.events.is_some() => match self.conditions.fail(facts) {
                true => 412,
                false => self.expect_events(Some(facts), &mut expect),
            },
            (_, Seen::File(facts)) => {
                let verdict = self.conditions.judge(facts);
                if verdict != Verdict::Failed {
                    expect.etag = Some(facts.etag);
                    expect.modified = Some(facts.modified);
                }
                match verdict {
                    Verdict::Failed => 412,
                    Verdict::NotModified => 304,
                    Verdict::Whole => expect_specs(&[], self, facts, &mut expect),
                    Verdict::Proceed => {
                        let specs = self.started(facts);
                        expect_specs(&specs, self, facts, &mut expect)
                    }
                }
            }
        };
        expect
    }
}

impl Ask {
    /// Where the answer starts; only if the request can be answered with a tail.
    pub fn starts(&self, disk: &Disk, facts: &Facts) -> Option<u64> {
        let open = |specs: &[Spec]| match specs {
            [] => true,
            [Spec::From(_, last)] => last.is_none_or(|last| LARGE.contains(&last)),
            _ => false,
        };
        let goes_on = matches!(self.events, Some(Some(_)));
        match self.start? {
            _ if goes_on || self.events.is_none() && !open(&self.specs) => None,
            Start::Lines(count) => Some(disk.last_lines(facts.file, count)),
            Start::End if self.events.is_some() => Some(disk.last_lines(facts.file, 0)),
            Start::End => Some(facts.size),
        }
    }

    fn started(&self, facts: &Facts) -> Vec<Spec> {
        match (facts.start, &self.specs[..]) {
            (Some(start), []) => vec![Spec::From(start, None)],
            (Some(start), [Spec::From(first, last)]) => vec![Spec::From(start.max(*first), *last)],
            _ => self.specs.clone(),
        }
    }

    /// What a stream of events is like; its status.
    fn expect_events(&self, facts: Option<&Facts>, expect: &mut Expect) -> u16 {
        expect.close |= self.http10;
        expect.body = Body::Events {
            file: facts.map(|facts| facts.file),
            stream: Box::new(Stream::new(self.events.flatten(), facts)),
        };
        200
    }
}

/// A stream that cannot begin yet; its status.
fn later(why: &str, expect: &mut Expect) -> u16 {
    expect.body = Body::Page(format!(": {why}\nretry: 1000\n\n").into_bytes());
    200
}

/// What an answer with these ranges of a file is like; its status.
fn expect_specs(specs: &[Spec], ask: &Ask, facts: &Facts, expect: &mut Expect) -> u16 {
    let Facts { file, size, .. } = *facts;
    if specs.is_empty() {
        expect.body = Body::Slice(file, 0..size);
        return 200;
    }
    if let [Spec::From(at, last)] = *specs
        && !facts.sealed
        && last.is_none_or(|last| LARGE.contains(&last))
    {
        if at <= size {
            let last = match last {
                None if ask.method == Method::Head && at < size => (size - 1).to_string(),
                None => "9007199254740991".to_owned(),
                Some(last) => last.to_owned(),
            };
            expect.content_range = Some(format!("bytes {at}-{last}/*"));
            expect.close |= ask.http10;
            let trailers = ask.trailers && !ask.http10;
            expect.body = Body::Tail { file, at, trailers };
            return 206;
        }
    } else {
        let parts = covered(specs, size);
        if let [only] = &parts[..] {
            let last = only.end - 1;
            expect.content_range = Some(format!("bytes {}-{last}/{size}", only.start));
            expect.body = Body::Slice(file, only.clone());
            return 206;
        }
        if !parts.is_empty() {
            expect.body = Body::Parts { file, size, parts };
            return 206;
        }
    }
    expect.content_range = Some(format!("bytes */{size}"));
    416
}

impl Expect {
    /// A status and one line, then the end.
    pub fn refusal(status: u16) -> Expect {
        Expect {
            status,
            close: true,
            head_only: false,
            http10: false,
            content_range: None,
            etag: None,
            modified: None,
            location: None,
            date: 0,
            started: false,
            body: Body::Note,
        }
    }

    /// Its kind, to see that every kind is met.
    pub fn outcome(&self) -> Option<&'static str> {
        match &self.body {
            Body::Parts { .. } => Some("multipart"),
            Body::Page(_) => Some("listing"),
            Body::Events { .. } if self.head_only => Some("HEAD of events"),
            Body::Events { .. } if self.http10 => Some("events in HTTP/1.0"),
            Body::Events { file: None, .. } => Some("events of nothing yet"),
            Body::Events { .. } => Some("events"),
            Body::Tail { .. } if self.head_only => Some("HEAD of a tail"),
            Body::Tail { .. } if self.http10 => Some("tail in HTTP/1.0"),
            Body::Tail { .. } if self.started => Some("tail from where the query says"),
            Body::Tail { trailers: true, .. } => Some("tail with trailers"),
            Body::Tail { .. } => Some("tail"),
            _ => None,
        }
    }

    /// The file whose bytes are in it.
    pub fn file(&self) -> Option<usize> {
        match self.body {
            Body::Slice(file, _) | Body::Parts { file, .. } | Body::Tail { file, .. } => Some(file),
            Body::Events { file, .. } => file,
            Body::Note | Body::Page(_) => None,
        }
    }

    pub fn is_tail(&self) -> bool {
        matches!(self.body, Body::Tail { .. } | Body::Events { .. }) && !self.head_only
    }
}

impl Spec {
    fn text(&self) -> String {
        match self {
            Spec::From(first, last) => format!("{first}-{}", last.unwrap_or_default()),
            Spec::Last(count) => format!("-{count}"),
        }
    }

    fn selects(&self, size: u64) -> Range<u64> {
        match self {
            Spec::From(first, last) => {
                let last = last.map_or(u64::MAX, |last| last.parse().unwrap_or(u64::MAX));
                *first..size.min(last.saturating_add(1))
            }
            Spec::Last(count) => size.saturating_sub(*count)..size,
        }
    }
}

/// By marking every byte: what of the file these select, in the order in which it was asked first.
fn covered(specs: &[Spec], size: u64) -> Vec<Range<u64>> {
    let mut first = vec![usize::MAX; size as usize];
    for (index, spec) in specs.iter().enumerate() {
        for at in spec.selects(size) {
            let at = &mut first[at as usize];
            *at = index.min(*at);
        }
    }
    let mut runs: Vec<(usize, Range<u64>)> = Vec::new();
    for (at, &index) in (0..).zip(&first) {
        match runs.last_mut() {
            _ if index == usize::MAX => {}
            Some((order, run)) if run.end == at => {
                (*order, run.end) = (index.min(*order), at + 1);
            }
            _ => runs.push((index, at..at + 1)),
        }
    }
    runs.sort_by_key(|(order, _)| *order);
    runs.into_iter().map(|(_, run)| run).collect()
}

fn specs(choose: Choose, size: u64) -> Vec<Spec> {
    const LASTS: [&str; 6] = ["0", "3", "9", "20", "80", "300"];
    let first = |choose: Choose| match choose(4) {
        0 => 0,
        1 => size,
        _ => choose(size + 3),
    };
    let finite = |choose: Choose| {
        let last = LASTS[choose(6) as usize];
        let first = first(choose).min(last.parse().unwrap_or(0));
        Spec::From(first, Some(last))
    };
    match choose(12) {
        0..=4 => vec![Spec::From(first(choose), None)],
        5 | 6 => vec![Spec::From(first(choose), Some(LARGE[choose(3) as usize]))],
        7 => Vec::new(),
        8 => vec![Spec::Last(choose(9))],
        9 | 10 => vec![finite(choose)],
        _ => {
            let mut specs: Vec<Spec> = (0..=choose(3)).map(|_| finite(choose)).collect();
            specs.push(match choose(2) {
                0 => Spec::From(first(choose), None),
                _ => Spec::Last(choose(9)),
            });
            specs
        }
    }
}
