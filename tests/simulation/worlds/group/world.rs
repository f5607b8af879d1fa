//! What plays the server: a socket, the looks at files and the directory, and late news of them.

use std::collections::BTreeSet;
use std::time::Duration;

use openrange::connection::{Action, Connection, State, Timeouts};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::limits::DIRECTORY_PAUSE;
use openrange::resource::{FileInfo, Resource};
use openrange::subscription::changelog::{ChangeLog, Version};
use openrange::subscription::directory::Listed;
use openrange::subscription::end::End;
use openrange::subscription::entry::{Entry, Kind};
use openrange::subscription::matches::Matches;
use openrange::time::Moment;

use super::disk::{Disk, LIST, NAMES, News, PATTERN};
use super::reader::{Reader, Subject};

/// Something the server could do wrong: a standing check that this world would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    ForgetDirectory,
    ForgetLost,
    LoseTheFirst,
    StaleMeasure,
    StaleRead,
    StaleBook,
    RepeatAfterShortSend,
    ForgetTime,
    ForgetPlaces,
}

/// A name that is followed, and its file.
struct Joined {
    name: &'static str,
    file: usize,
    gone: bool,
    opened: usize,
}

/// A file that was opened. Each name that is followed has its own.
struct Opened {
    file: usize,
    /// The last look, until there is news.
    known: Option<(u64, bool)>,
    /// As of the last look.
    tag: u64,
}

/// A number below the given one, which is not 0.
pub type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

pub struct World<'a> {
    choose: Choose<'a>,
    fault: Fault,
    now: Moment,
    disk: Disk,
    machine: Connection<usize>,
    joined: Vec<Option<Joined>>,
    opened: Vec<Opened>,
    changelog: Option<ChangeLog>,
    /// By a pattern: those of its files that fit.
    matches: Option<Matches>,
    version: u64,
    /// Of the directory.
    changed: bool,
    next: Moment,
    room: usize,
    reader: Reader,
    /// Nothing happens but what has to.
    calm: bool,
    outcomes: BTreeSet<&'static str>,
}

const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(30),
    idle: Duration::from_secs(60),
};

impl World<'_> {
    pub fn new(choose: Choose<'_>, fault: Fault) -> World<'_> {
        let subject = match choose(5) {
            0 => Subject::Entries,
            1 => Subject::Names,
            _ => Subject::Pattern,
        };
        let reader = Reader::new(subject, choose(8) == 1);
        World {
            choose,
            fault,
            now: Moment(1000),
            disk: Disk::default(),
            machine: Connection::new(Moment(1000)),
            joined: Vec::new(),
            opened: Vec::new(),
            changelog: None,
            matches: None,
            version: 0,
            changed: false,
            next: Moment(0),
            room: 0,
            reader,
            calm: false,
            outcomes: BTreeSet::new(),
        }
    }

    pub fn run(mut self) -> BTreeSet<&'static str> {
        for _ in 0..(self.choose)(8) {
            self.happen();
        }
        self.disk.news.clear();
        self.connect();
        let quick = (self.choose)(3);
        for _ in 0..(self.choose)(300) {
            match (self.choose)(100) {
                0..15 => self.happen(),
                15..35 => self.deliver(),
                35..75 => self.drive(),
                75..90 => self.pass_time(quick),
                90..98 => self.room += [1, 30, 1000, 100_000][(self.choose)(4) as usize],
                _ if (self.choose)(3) == 0 => self.come_again(),
                _ => {}
            }
        }
        self.settle();
        self.reader.check(&self.disk);
        self.end();
        let outcome = match self.reader.subject {
            Subject::Entries => "entries",
            Subject::Names => "names",
            Subject::Pattern => "pattern",
        };
        self.outcomes.insert(outcome);
        if self.reader.http10 {
            self.outcomes.insert("HTTP/1.0");
        }
        self.outcomes.extend(self.reader.outcomes);
        self.outcomes
    }

    fn connect(&mut self) {
        self.machine = Connection::new(self.now);
        self.joined.clear();
        (self.changelog, self.matches, self.room) = (None, None, 0);
        let query = match self.reader.subject {
            Subject::Entries => String::new(),
            Subject::Names => format!("?files={}", LIST.join(",")),
            Subject::Pattern => format!("?files={PATTERN}"),
        };
        let mut id = self.reader.id.clone();
        if self.fault == Fault::ForgetPlaces {
            id = id.map(|id| id.split(',').next().unwrap_or_default().to_owned());
        }
        let last = id.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let version = if self.reader.http10 { "1.0" } else { "1.1" };
        let head = format!(
            "GET /d/{query} HTTP/{version}\r\nHost: x\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        self.machine.received(head.as_bytes(), self.now);
        let _ = self
            .machine
            .resolved(Resource::Directory, Date::from_seconds(0));
    }

    fn come_again(&mut self) {
        self.reader.come_again();
        for _ in 0..(self.choose)(4) {
            self.happen();
        }
        self.disk.news.clear();
        self.connect();
    }

    /// Somebody writes, rolls, or truncates.
    fn happen(&mut self) {
        let name = NAMES[(self.choose)(NAMES.len() as u64) as usize];
        let other = NAMES[(self.choose)(NAMES.len() as u64) as usize];
        let file = self.disk.names.get(name).copied();
        let some = |disk: &Disk, number: u64| {
            (!disk.files.is_empty()).then(|| number as usize % disk.files.len())
        };
        let number = (self.choose)(1 << 16);
        match ((self.choose)(20), file) {
            (0..9, Some(file)) => {
                let whole = (self.choose)(3) > 0;
                self.disk.append(file, whole);
            }
            // To a file that may have no name any more.
            (9, _) => {
                if let Some(file) = some(&self.disk, number) {
                    self.disk.append(file, true);
                }
            }
            (10, Some(file)) => {
                let size = (self.choose)(self.disk.files[file].bytes().len() as u64 + 1);
                self.disk.truncate(file, size as usize);
            }
            (11, Some(file)) if (self.choose)(3) == 0 => self.disk.seal(file),
            (12, Some(_)) => self.disk.unlink(name),
            (13, _) => self.disk.create(name),
            (14..16, Some(_)) => self.disk.rename(name, other),
            (16..19, _) => {
                self.disk.rename("a.log.1", "a.log.2");
                self.disk.rename("a.log", "a.log.1");
                self.disk.create("a.log");
            }
            _ => {}
        }
    }

    /// The next of what the kernel tells.
    fn deliver(&mut self) {
        if self.disk.news.is_empty() {
            return;
        }
        match self.disk.news.remove(0) {
            News::Directory => self.changed |= self.fault != Fault::ForgetDirectory,
            News::Grew(file) => {
                let stale = self.fault == Fault::StaleMeasure;
                let mut any = false;
                for joined in self.joined.iter_mut().flatten() {
                    if joined.file == file && !joined.gone {
                        any = true;
                        if !stale {
                            self.opened[joined.opened].known = None;
                        }
                    }
                }
                if any {
                    self.machine.changed();
                }
            }
            News::Name(name) => self.look_at_name(name),
        }
    }

    fn look_at_name(&mut self, name: &'static str) {
        let now = self.disk.names.get(name).copied();
        for member in 0..self.joined.len() {
            let Some(joined) = self.joined[member].as_mut() else {
                continue;
            };
            if joined.name != name || joined.gone {
                continue;
            }
            self.opened[joined.opened].known = None;
            if now == Some(joined.file) {
                self.machine.changed();
                continue;
            }
            joined.gone = true;
            let why = match now {
                Some(_) => End::Replaced,
                None => End::Renamed,
            };
            match self.fault {
                Fault::ForgetLost => {}
                Fault::LoseTheFirst => drop(self.machine.name_lost(0, why)),
                _ => drop(self.machine.name_lost(member, why)),
            }
        }
    }

    fn pass_time(&mut self, quick: u64) {
        let most = [40, 400, 2000][quick as usize];
        let millis = 1 + (self.choose)(most);
        self.wait(millis);
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now + Duration::from_millis(millis);
        let tailing = matches!(self.machine.state(), State::Tailing(_));
        if tailing
            && self.machine.deadline(&TIMEOUTS) <= self.now
            && self.fault != Fault::ForgetTime
        {
            self.machine.timer_fired(self.now);
        }
        if self.changed && self.next <= self.now {
            self.machine.changed();
        }
    }

    /// Does what the machine wants next. False if it wants nothing, or cannot.
    fn drive_one(&mut self) -> bool {
        let now = self.now;
        match self.machine.action() {
            Action::Send(next) => {
                let bytes = [&next.before[..], next.after].concat();
                let count = bytes.len().min(self.room);
                if count == 0 {
                    return false;
                }
                self.room -= count;
                self.reader.take(&bytes[..count], &self.disk);
                let short = count < bytes.len() && self.fault == Fault::RepeatAfterShortSend;
                self.machine.sent(count as u64 - u64::from(short), now);
            }
            Action::Examine(known) => {
                let (tag, again) = (known.etag, known.again);
                let opened = &mut self.opened[*known.file];
                if again {
                    opened.known = None;
                }
                let file = opened.file;
                let fresh = (
                    self.disk.files[file].bytes().len() as u64,
                    self.disk.files[file].sealed,
                );
                opened.tag = tag.0;
                let (size, sealed) = *opened.known.get_or_insert(fresh);
                if self.disk.tag(file) == tag.0 {
                    self.machine.measured(size, sealed, now);
                } else {
                    self.machine.shrank(fresh.0, now);
                }
            }
            Action::Read(&opened, range) => {
                let Opened { file, tag, .. } = self.opened[opened];
                let bytes = self.disk.files[file].bytes();
                // A truncation and as much growth since the measurement are seen by nobody, which is a known limit: here
                // they are always seen.
                let same = self.disk.tag(file) == tag;
                match bytes.get(range.start as usize..range.end as usize) {
                    Some(bytes) if same => {
                        let mut bytes = bytes.to_vec();
                        if self.fault == Fault::StaleRead {
                            bytes[0] ^= 1;
                        }
                        self.machine.read_file(&bytes, now);
                    }
                    _ => self.machine.shrank(bytes.len() as u64, now),
                }
            }
            Action::Follow(sought) if sought.late => self.machine.late_found(None, now),
            Action::Follow(sought) => {
                let (member, name) = (sought.member, sought.path.last().to_vec());
                self.follow(member, &name);
            }
            Action::List { again, .. } => {
                if again {
                    self.changed = true;
                    self.outcomes.insert("list anew");
                }
                self.list();
            }
            Action::Shut => self.machine.shut(now),
            _ => return false,
        }
        true
    }

    fn drive(&mut self) {
        for _ in 0..1 + (self.choose)(4) {
            self.drive_one();
        }
    }

    fn follow(&mut self, member: usize, name: &[u8]) {
        let known = NAMES.iter().find(|known| known.as_bytes() == name);
        let name = *known.expect("a name");
        if self.joined.len() <= member {
            self.joined.resize_with(member + 1, || None);
        }
        let file = self.disk.names.get(name).copied();
        self.joined[member] = file.map(|file| Joined {
            name,
            file,
            gone: false,
            opened: self.opened.len(),
        });
        let found = match file {
            None => Resource::Missing,
            Some(file) => Resource::File {
                file: self.opened.len(),
                info: FileInfo {
                    size: self.disk.files[file].bytes().len() as u64,
                    sealed: self.disk.files[file].sealed,
                    modified: Date::from_seconds(0).into(),
                    date_is_shared: false,
                    changed: Date::from_seconds(0),
                    etag: ETag(self.disk.tag(file)),
                    media: "text/plain",
                    start: None,
                    bytes_before: None,
                },
            },
        };
        self.machine.followed(found, self.now);
        let opened = file.map(|file| Opened {
            file,
            known: None,
            tag: self.disk.tag(file),
        });
        self.opened.extend(opened);
    }

    fn list(&mut self) {
        if self.changelog.is_none() || self.changed && self.next <= self.now {
            self.changed = false;
            self.next = self.now + DIRECTORY_PAUSE;
            self.version += 1;
            let before = self.entries();
            let mut entries = before.clone();
            // A listing is not of one moment.
            if !self.calm && (self.choose)(4) == 0 {
                let cut = NAMES[(self.choose)(NAMES.len() as u64) as usize].as_bytes();
                self.happen();
                let after = self.entries();
                let first = before.into_iter().filter(|(name, _)| name.as_slice() < cut);
                let rest = after.into_iter().filter(|(name, _)| name.as_slice() >= cut);
                entries = first.chain(rest).collect();
                self.outcomes.insert("listing in the middle of a change");
            }
            let version = Version(self.version);
            let stale = self.fault == Fault::StaleBook && self.changelog.is_some();
            let changelog = self
                .changelog
                .get_or_insert_with(|| ChangeLog::new(version));
            if !stale {
                if let Action::List {
                    files: Some(patterns),
                    ..
                } = self.machine.action()
                {
                    let matches = self
                        .matches
                        .get_or_insert_with(|| Matches::new(patterns.into()));
                    matches.begin();
                    for (name, entry) in &entries {
                        if matches.fits(name) {
                            matches.offer(name, entry);
                        }
                    }
                    matches.finish(version);
                }
                changelog.update(entries, false, version);
            }
        }
        let patterns = matches!(self.machine.action(), Action::List { files: Some(_), .. });
        match (&self.changelog, &self.matches) {
            (_, Some(matches)) if patterns => {
                self.machine.listed(&Listed::Files(matches), self.now);
            }
            (Some(changelog), _) => self.machine.listed(&Listed::Entries(changelog), self.now),
            _ => {}
        }
    }

    fn entries(&self) -> Vec<(Vec<u8>, Entry)> {
        let entry = |(name, file): (&&str, &usize)| {
            let held = &self.disk.files[*file];
            let kind = Kind::File {
                size: held.bytes().len() as u64,
                sealed: held.sealed,
                tag: Some(ETag(self.disk.tag(*file))),
                job: None,
            };
            let modified = Date::from_seconds(0);
            (name.as_bytes().to_vec(), Entry { modified, kind })
        };
        self.disk.names.iter().map(entry).collect()
    }

    /// Everything is told and delivered, within a few seconds and without a heartbeat.
    fn settle(&mut self) {
        self.calm = true;
        for _ in 0..6 {
            self.exhaust();
            self.wait(1001);
        }
        self.exhaust();
    }

    fn exhaust(&mut self) {
        for _ in 0..100_000 {
            self.room = 1 << 20;
            if !self.drive_one() {
                if self.disk.news.is_empty() {
                    return;
                }
                self.deliver();
            }
        }
        panic!("it never rests");
    }

    /// The server ends: what was written before is delivered, whether there was news of it or not.
    fn end(&mut self) {
        let files: Vec<usize> = self.disk.names.values().copied().collect();
        for file in files {
            if !self.disk.files[file].sealed {
                self.disk.append(file, true);
                self.disk.append(file, false);
            }
        }
        for opened in &mut self.opened {
            opened.known = None;
        }
        self.machine.drain(self.now);
        while self.drive_one() {}
        if self.reader.subject != Subject::Entries {
            self.reader.check(&self.disk);
        }
        assert!(self.reader.ended || self.reader.http10, "no end");
        assert!(matches!(self.machine.state(), State::Closing(_)));
    }
}
