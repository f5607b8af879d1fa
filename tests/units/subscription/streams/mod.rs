//! `subscription::event_stream` and what it is made of, on files that the test changes by hand: what comes of rolls that follow
//! each other, of late lines, of names that change hands, and of places that clients bring.

mod late;
mod places;
mod renamed;
mod several;
mod single;

use std::collections::BTreeMap;

use openrange::action::{Action, SoughtName};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::pattern;
use openrange::http::position::{Place, Position, Positions};
use openrange::http::query::Start;
use openrange::http::target::Path;
use openrange::subscription::beginning::Subject;
use openrange::subscription::changelog::Version;
use openrange::subscription::directory::Listed;
use openrange::subscription::end::End;
use openrange::subscription::entry::{Entry, Kind};
use openrange::subscription::event_stream::EventStream;
use openrange::subscription::followed::Followed;
use openrange::subscription::matches::Matches;
use openrange::time::Moment;

use crate::samples::info;

const NOW: Moment = Moment(5_000);

/// A directory `d`, and a stream of it or of one of its files. A file is known by its number, which is its tag too.
struct World {
    stream: EventStream<u64>,
    files: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<String, u64>,
    /// The files that each name had, oldest first.
    chains: BTreeMap<String, Vec<u64>>,
    now: Moment,
    version: u64,
    matches: Option<Matches>,
    /// What was looked up, since it was last taken.
    sought: Vec<String>,
}

fn path(name: &[u8]) -> Path {
    Path {
        name: name.into(),
        slash: name == b"d",
    }
}

fn at(tag: u64, offset: u64) -> Position {
    Position::new(ETag(tag), offset)
}

impl World {
    fn new(stream: EventStream<u64>) -> World {
        World {
            stream,
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            chains: BTreeMap::new(),
            now: NOW,
            version: 0,
            matches: None,
            sought: Vec::new(),
        }
    }

    /// A stream of `d/f` from there on, with the file that the name leads to.
    fn of_one(place: Place, content: &str) -> World {
        let tag = place.at.etag.0;
        let stream = EventStream::new(path(b"d/f"), Subject::File(place), Some(tag), false, 0);
        let mut world = World::new(stream);
        world.write(tag, content);
        world.name("f", tag);
        world
    }

    /// A stream of the files of `d` with these names, or that fit these patterns.
    fn of_files(files: &str, start: Option<Start>, positions: &[Option<Place>]) -> World {
        let positions = (!positions.is_empty()).then(|| Positions(positions.into()));
        let subject = Subject::Files {
            patterns: pattern::parse(files.as_bytes()).expect("patterns"),
            start,
            positions,
        };
        World::new(EventStream::new(path(b"d"), subject, None, false, 0))
    }

    fn write(&mut self, tag: u64, text: &str) {
        let content = self.files.entry(tag).or_default();
        content.extend_from_slice(text.as_bytes());
    }

    fn name(&mut self, name: &str, tag: u64) {
        self.names.insert(format!("d/{name}"), tag);
        let chain = self.chains.entry(format!("d/{name}")).or_default();
        chain.retain(|other| *other != tag);
        chain.push(tag);
    }

    /// What the server finds: the rest of a file that was not read to its end, what came after it, else what has the name.
    fn find(&self, sought: &SoughtName<'_>) -> Followed<u64> {
        let name = sought.path.to_string();
        let name = name.trim_start_matches('/');
        let named = self.names.get(name).copied();
        let before = sought.after.map(|after| after.etag.0);
        let finished = sought.after.is_some_and(|after| after.finished);
        let before = before.filter(|tag| self.files.contains_key(tag));
        let tag = match before {
            before if sought.late => before,
            Some(before) if finished => self.next(sought.member, name, before).or(named),
            before => before.or(named),
        };
        match tag {
            Some(tag) => Followed::File {
                file: tag,
                info: info(tag, self.files[&tag].len() as u64),
                named: named == Some(tag),
                gap: false,
            },
            None => Followed::Nothing,
        }
    }

    /// The file that came after that one, unless the stream follows it by another name.
    fn next(&self, member: usize, name: &str, before: u64) -> Option<u64> {
        let chain = self.chains.get(name)?;
        let index = chain.iter().position(|tag| *tag == before)?;
        let elsewhere = |tag: u64| {
            let mut paths = self.names.iter().filter(|(_, other)| **other == tag);
            let path = paths.next().map_or("", |(path, _)| path);
            let stream = &self.stream;
            path != name && stream.follows_elsewhere(member, ETag(tag), path.as_bytes())
        };
        let mut behind = chain[index + 1..].iter().copied();
        behind.find(|&tag| !elsewhere(tag))
    }

    /// The stream follows names, and each of them that has lost its file is told so.
    fn roll(&mut self, name: &str, tag: u64) {
        self.name(name, tag);
        self.stream.name_lost(0, End::Renamed);
    }

    /// What it says until it rests.
    fn told(&mut self) -> Vec<String> {
        self.stream.look();
        self.rest()
    }

    /// The same, if nobody tells that something may have happened.
    fn rest(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        for _ in 0..10_000 {
            let Some(action) = self.stream.action() else {
                return events(&said);
            };
            said.append(&mut match action {
                Action::Examine(known) => {
                    let size = self.files.get(known.file).map_or(0, Vec::len);
                    self.stream.measured(size as u64, false);
                    Vec::new()
                }
                Action::Read(file, range) => {
                    let bytes = self.files[file][range.start as usize..range.end as usize].to_vec();
                    self.stream.read(&bytes)
                }
                Action::Follow(sought) => {
                    let (late, found) = (sought.late, self.find(&sought));
                    self.sought.push(describe(&sought));
                    if late {
                        self.stream.late_found(found, self.now);
                        Vec::new()
                    } else {
                        self.stream.followed(found, self.now)
                    }
                }
                Action::List { .. } => self.list(),
                _ => panic!("no action of a stream"),
            });
            self.stream.sent();
        }
        panic!("it never rests")
    }

    fn list(&mut self) -> Vec<u8> {
        let patterns = self.stream.patterns().expect("patterns").into();
        let matches = self.matches.get_or_insert_with(|| Matches::new(patterns));
        self.version += 1;
        matches.begin();
        for (name, tag) in &self.names {
            let name = name.strip_prefix("d/").expect("in the directory");
            if matches.fits(name.as_bytes()) {
                matches.offer(name.as_bytes(), &entry(*tag, 0));
            }
        }
        matches.finish(Version(self.version));
        self.stream.listed(&Listed::Files(matches), self.now)
    }

    fn sought(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sought)
    }
}

fn entry(tag: u64, modified: i64) -> Entry {
    Entry {
        modified: Date::from_seconds(modified),
        kind: Kind::File {
            size: 1,
            sealed: false,
            tag: Some(ETag(tag)),
            job: None,
        },
    }
}

fn describe(sought: &SoughtName<'_>) -> String {
    let mut text = sought.path.to_string();
    if let Some(after) = sought.after {
        text += &format!(" after {}-{}", after.etag.0, after.offset);
    }
    match sought.start {
        Some(Start::End) => text += " from its end",
        Some(Start::Lines(lines)) => text += &format!(" its last {lines}"),
        None => {}
    }
    if sought.late {
        text += " late";
    }
    text
}

/// Each event in a line: its type, its data, and its id with short tags. A `+` stands for the check of a position, and a `~`
/// for the hash of a name.
fn events(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    blocks.map(event).collect()
}

fn event(block: &str) -> String {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)).unwrap_or("")
    };
    let id = field("id: ").split(',');
    let id = id.map(|place| place.split('.').map(position).collect::<Vec<_>>().join("."));
    let id = id.collect::<Vec<_>>().join(",");
    let data = field("data: ");
    let data: String = match data.strip_prefix("{\"reason\":\"") {
        Some(reason) => reason.split('"').next().unwrap_or_default().to_owned(),
        None if data.starts_with("{\"etag\"") => String::new(),
        None => data.chars().take(12).collect(),
    };
    let event = field("event: ");
    let colon = if event.is_empty() { "" } else { ":" };
    format!("{event}{colon}{data} {id}").trim_end().to_owned()
}

fn position(text: &str) -> String {
    let (text, name) = match text.split_once('~') {
        Some((text, _)) => (text, "~"),
        None => (text, ""),
    };
    let mut parts = text.splitn(3, '-');
    let tag = parts.next().unwrap_or_default().trim_start_matches('0');
    let Some(offset) = parts.next().filter(|_| !tag.is_empty()) else {
        return text.to_owned();
    };
    let check = if parts.next().is_some() { "+" } else { "" };
    format!("{tag}-{offset}{check}{name}")
}
