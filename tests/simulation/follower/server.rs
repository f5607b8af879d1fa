//! The server of the real machine: [`Connection`], [`Rolls`], [`History`] and [`Report`] are those of the product. What the
//! worker does around them is played here, with late news, slow sockets, and looks at the directory that take their time.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use openrange::connection::{Action, Connection, Timeouts};
use openrange::follow::rolls::{Entry, Rolls};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::position::{Check, checked_from};
use openrange::http::request::Method;
use openrange::http::target::Path;
use openrange::intent::{FilePart, Intent, ParsedRequest};
use openrange::resource::{FileInfo, GenerationPlace, Resource};
use openrange::store::generations::fact::Holder;
use openrange::store::generations::families::Families;
use openrange::store::generations::history::History;
use openrange::store::generations::json;
use openrange::store::generations::looks::Wanted;
use openrange::store::generations::order::Modified;
use openrange::subscription::end::End;
use openrange::time::Moment;

use super::Fault;
use super::directory::{Directory, Event, LOG};
use super::origin::{Origin, Serving};
use super::search::Search;

const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(30),
    idle: Duration::from_secs(60),
};
/// Bytes that wait to be received by a client.
const ROOM: usize = 400;
/// The number of the watch on the directory.
const WATCH: i32 = 1;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

fn clock() -> Modified {
    modified(NOW.get())
}

pub fn modified(millis: u64) -> Modified {
    let nanoseconds = (millis % 1000) as u32 * 1_000_000;
    ((millis / 1000).cast_signed(), nanoseconds)
}

pub struct Server {
    pub families: Families,
    pub fault: Fault,
    rolls: Rolls,
    name: Rc<[u8]>,
    /// What was seen is kept across restarts.
    keeps_history: bool,
    truncations: u64,
    /// Tags that files had before they were truncated.
    former: Vec<ETag>,
}

/// A file that is followed.
struct Topic {
    path: String,
    inode: usize,
    /// As a generation, wherever it goes.
    family: bool,
    gone: bool,
}

pub struct Conn {
    machine: Connection<usize>,
    topic: Option<Topic>,
    search: Option<Search>,
    /// The tag that its response has told.
    told: ETag,
    /// The last truncation of its file that it knows of.
    truncation: u64,
    /// Requests that were answered.
    pub requests: u64,
}

impl Conn {
    pub fn new(now: Moment) -> Conn {
        Conn {
            machine: Connection::new(now),
            topic: None,
            search: None,
            told: ETag(0),
            truncation: 0,
            requests: 0,
        }
    }

    pub fn drain(&mut self, now: Moment) {
        self.machine.drain(now);
    }

    /// Whether it tails the file that has the name.
    pub fn is_live(&self) -> bool {
        self.machine.is_tail() && self.topic.as_ref().is_some_and(|topic| !topic.gone)
    }
}

/// What the server sees of the world.
pub struct Turn<'a> {
    pub choose: &'a mut dyn FnMut(u64) -> u64,
    pub calm: bool,
    pub now: Moment,
    pub origin: &'a mut Origin,
    pub links: &'a mut [Option<Serving>; 3],
}

impl Turn<'_> {
    /// So many of these, mostly all.
    fn some(&mut self, of: usize) -> usize {
        match self.calm || (self.choose)(3) == 0 {
            true => of,
            false => (self.choose)(of as u64 + 1) as usize,
        }
    }

    fn conns(&mut self) -> impl Iterator<Item = &mut Conn> {
        let links = self.links.iter_mut().flatten();
        links.filter_map(|serving| serving.conn.as_mut())
    }
}

fn entry(name: &str) -> Entry {
    (WATCH, name.as_bytes().into())
}

fn holder(origin: &Origin, entry: &Entry) -> Option<Holder> {
    let name = str::from_utf8(&entry.1).expect("a name");
    let inode = *origin.directory.names.get(name)?;
    Some(Holder {
        etag: origin.directory.tag(inode),
        inode: inode as u64,
        size: origin.content(inode).bytes.len() as u64,
    })
}

impl Server {
    pub fn new(keeps_history: bool, fault: Fault) -> Server {
        Server {
            families: Families {
                old_dir: None,
                history: Arc::new(History::new(clock)),
            },
            fault,
            rolls: Rolls::default(),
            name: LOG.as_bytes().into(),
            keeps_history,
            truncations: 0,
            former: Vec::new(),
        }
    }

    /// It ends and begins anew. What it has not kept it does not know any more.
    pub fn restart(&mut self, origin: &mut Origin) {
        let facts = self.families.history.facts();
        self.families.history = Arc::new(History::new(clock));
        self.rolls = Rolls::default();
        origin.directory.watched = false;
        origin.directory.events.clear();
        if self.keeps_history {
            let history = &self.families.history;
            return facts.iter().for_each(|fact| history.restore(fact));
        }
        self.former.clear();
        for inode in 0..origin.directory.inodes.len() {
            origin.directory.inodes[inode].truncation = 0;
            let file = origin.directory.inodes[inode].file;
            let tag = origin.directory.tag(inode);
            let file = &mut origin.files[file];
            if file.tag != tag {
                let former = std::mem::replace(&mut file.tag, tag);
                file.former.push(former);
            }
        }
    }

    /// An inode is empty now. A look that finds it shorter comes before it has grown again (else nobody can see it), but only
    /// if somebody has it open. A tail that has delivered nothing is not cut: it goes on with what comes, under the tag that
    /// it has told.
    pub fn truncated(&mut self, turn: &mut Turn<'_>, inode: usize) {
        let goes_on = |conn: &mut Conn| match conn.machine.progress() {
            Some((0, &file)) if conn.machine.is_tail() && file == inode => Some(conn.told),
            _ => None,
        };
        let told: Vec<ETag> = turn.conns().filter_map(goes_on).collect();
        turn.origin.content_mut(inode).former.extend(told);
        let has_it = |conn: &mut Conn| {
            let topic = conn.topic.as_ref();
            let sends = match conn.machine.action() {
                Action::Send(next) => next.file.is_some_and(|(&file, _)| file == inode),
                _ => false,
            };
            topic.is_some_and(|topic| topic.inode == inode) || sends
        };
        let is_open = turn.conns().any(has_it) || (turn.choose)(2) == 0;
        if is_open && self.fault != Fault::ForgetTruncation {
            self.former.push(turn.origin.directory.tag(inode));
            self.truncations += 1;
            turn.origin.directory.inodes[inode].truncation = self.truncations;
        }
    }

    /// Does some of what there is to do.
    pub fn turn(&mut self, turn: &mut Turn<'_>) {
        NOW.set(turn.now.0);
        let queued = turn.origin.directory.events.len();
        let count = turn.some(queued);
        if count > 0 {
            self.read_news(turn, count);
        }
        for link in 0..turn.links.len() {
            let Some(mut serving) = turn.links[link].take() else {
                continue;
            };
            if let Some(mut conn) = serving.conn.take() {
                self.serve(turn, &mut serving, &mut conn);
                serving.conn = Some(conn);
            }
            turn.links[link] = Some(serving);
        }
    }

    /// Reads so many of the events that inotify has queued; if there is news of a roll, all of them.
    fn read_news(&mut self, turn: &mut Turn<'_>, count: usize) {
        for _ in 0..count {
            self.read_event(turn);
        }
        if !self.rolls.has_news() {
            return;
        }
        let history = Arc::clone(&self.families.history);
        self.rolls.identify(|_, entry| holder(turn.origin, entry));
        // What happened before they were identified is in the queue by now.
        while !turn.origin.directory.events.is_empty() && self.fault != Fault::ConfirmEarly {
            self.read_event(turn);
            self.rolls.identify(|_, entry| holder(turn.origin, entry));
        }
        self.rolls.confirm(&history, |_: &Rc<[u8]>, entry: &Entry| {
            holder(turn.origin, entry)
        });
        self.trace_line();
    }

    /// Prints the inodes of the files that the server has seen under the name, and whether each came directly behind another.
    fn trace_line(&self) {
        super::trace(|| {
            let seen = self.families.history.seen(&self.name, [].into_iter());
            let files = seen.line.iter().map(|file| (file.inode, file.direct));
            format!("  seen {:?}", files.collect::<Vec<_>>())
        });
    }

    fn read_event(&mut self, turn: &mut Turn<'_>) {
        match turn.origin.directory.events.pop_front() {
            Some(Event::Entry(name, what)) if self.fault != Fault::ForgetNames => {
                self.rolls.happened(entry(&name), what);
                self.check_names(turn, Some(&name));
            }
            Some(Event::Changed(inode)) if self.fault != Fault::ForgetGrowth => {
                let follows = |conn: &&mut Conn| {
                    let topic = conn.topic.as_ref();
                    conn.machine.is_tail() && topic.is_some_and(|topic| topic.inode == inode)
                };
                turn.conns().filter(follows).for_each(|conn| {
                    conn.machine.changed();
                });
            }
            Some(Event::Overflow) => {
                self.rolls.lose_track();
                self.check_names(turn, None);
                turn.conns()
                    .filter(|conn| conn.machine.is_tail())
                    .for_each(|conn| {
                        conn.machine.changed();
                    });
            }
            _ => {}
        }
    }

    /// Sees whether what is followed under this name, or under any, still has it.
    fn check_names(&self, turn: &mut Turn<'_>, name: Option<&str>) {
        for link in 0..turn.links.len() {
            let serving = turn.links[link].as_mut();
            if let Some(conn) = serving.and_then(|serving| serving.conn.as_mut()) {
                let is_meant =
                    |topic: &&Topic| name.is_none_or(|name| name == topic.path) && !topic.gone;
                if conn.topic.as_ref().is_some_and(|topic| is_meant(&topic)) {
                    self.check_name(&turn.origin.directory, conn);
                }
            }
        }
    }

    fn check_name(&self, directory: &Directory, conn: &mut Conn) {
        let Some(topic) = &mut conn.topic else {
            return;
        };
        let found = directory.names.get(&topic.path).copied();
        if found == Some(topic.inode) {
            return;
        }
        let elsewhere = directory.name_of(topic.inode);
        let tag = directory.tag(topic.inode);
        if let Some(path) = elsewhere
            && topic.family
            && self.families.has(&self.name, path.as_bytes(), tag)
        {
            topic.path = path.to_owned();
            return;
        }
        topic.gone = true;
        let why = match (elsewhere, found) {
            (Some(_), _) => End::Renamed,
            (None, Some(_)) => End::Replaced,
            (None, None) => End::Unlinked,
        };
        if conn.machine.is_tail() {
            conn.machine.name_lost(0, why);
        }
    }

    fn serve(&mut self, turn: &mut Turn<'_>, serving: &mut Serving, conn: &mut Conn) {
        if serving.closed {
            return;
        }
        if conn.machine.deadline(&TIMEOUTS) <= turn.now {
            conn.machine.timer_fired(turn.now);
        }
        if let Some(search) = &mut conn.search
            && search.go_on(self, turn)
        {
            conn.machine.resource_is_ready();
        }
        let count = serving.inbound.len().min(conn.machine.room());
        let count = turn.some(count);
        if count > 0 {
            let bytes: Vec<u8> = serving.inbound.drain(..count).collect();
            conn.machine.received(&bytes, turn.now);
        }
        for _ in 0..32 {
            if !self.act(turn, serving, conn) {
                return;
            }
        }
    }

    /// False: it waits.
    fn act(&mut self, turn: &mut Turn<'_>, serving: &mut Serving, conn: &mut Conn) -> bool {
        let now = turn.now;
        match conn.machine.action() {
            Action::Sleep => return false,
            Action::Open(_) => self.open(turn, conn),
            Action::Measure(&inode, _) => self.measure(turn, conn, inode),
            Action::Send(next) => {
                let file = next.file.map(|(&inode, range)| (inode, range));
                let mut wire = next.before.to_vec();
                let after = next.after;
                if let Some((inode, range)) = file {
                    if self.has_shrunk(turn.origin, conn, inode) {
                        return true;
                    }
                    let content = &turn.origin.content(inode).bytes;
                    match content.get(range.start as usize..range.end as usize) {
                        Some(bytes) => wire.extend_from_slice(bytes),
                        None => {
                            conn.machine.fell_short(now);
                            return true;
                        }
                    }
                }
                wire.extend_from_slice(after);
                let room = ROOM.saturating_sub(serving.outbound.len());
                let count = turn.some(wire.len().min(room));
                if count == 0 {
                    return false;
                }
                serving.outbound.extend(&wire[..count]);
                let short = self.fault == Fault::RepeatAfterShortSend && count < wire.len();
                conn.machine
                    .sent((count - usize::from(short && count > 1)) as u64, now);
            }
            Action::Shut => {
                serving.closed = true;
                conn.machine.shut(now);
            }
            Action::Remove { abort } => {
                serving.closed = true;
                if abort {
                    let kept = turn.some(serving.outbound.len());
                    serving.outbound.truncate(kept);
                }
                return false;
            }
            _ => unreachable!("not asked for here"),
        }
        true
    }

    /// Reports a truncation that was seen since.
    fn has_shrunk(&self, origin: &Origin, conn: &mut Conn, inode: usize) -> bool {
        let seen = origin.directory.inodes[inode].truncation;
        if std::mem::replace(&mut conn.truncation, seen) == seen {
            return false;
        }
        conn.machine.shrank(0, conn_now());
        true
    }

    fn measure(&self, turn: &mut Turn<'_>, conn: &mut Conn, inode: usize) {
        if self.has_shrunk(turn.origin, conn, inode) {
            return;
        }
        let file = turn.origin.content(inode);
        let size = file.bytes.len() as u64;
        conn.machine.measured(size, file.sealed, turn.now);
    }

    fn open(&mut self, turn: &mut Turn<'_>, conn: &mut Conn) {
        let Action::Open(asked) = conn.machine.action() else {
            return;
        };
        let Ok(asked) = asked.clone() else {
            // A request that did not come in time.
            let date = Date::from_seconds(turn.now.0.cast_signed() / 1000);
            let _ = conn.machine.resolved(Resource::Missing, date);
            return;
        };
        let found = match &asked.intent {
            _ if !turn.calm && (turn.choose)(80) == 0 => Some(Resource::Busy),
            Intent::Generations(path) => self.list(turn, conn, path),
            Intent::Read(part) | Intent::Tail(part) => match part.generation {
                Some(tag) => self.find(turn, conn, &asked, part, tag),
                None => Some(self.look_up(turn, conn, &asked)),
            },
            other => unreachable!("{other:?}"),
        };
        let Some(found) = found else {
            return conn.machine.wait_for_resource();
        };
        let inode = match &found {
            Resource::File { file, .. } | Resource::Generation { file, .. } => Some(*file),
            _ => None,
        };
        if let Some(inode) = inode {
            conn.truncation = turn.origin.directory.inodes[inode].truncation;
            conn.told = turn.origin.directory.tag(inode);
        }
        conn.requests += 1;
        super::trace(|| {
            let found = match &found {
                Resource::Generations(list) => String::from_utf8_lossy(list).into_owned(),
                found => format!("{found:?}"),
            };
            format!("    {:?} -> {found}", asked.intent)
        });
        let _ = conn
            .machine
            .resolved(found, Date::from_seconds(turn.now.0.cast_signed() / 1000));
        if !conn.machine.is_tail() {
            conn.topic = None;
        }
    }

    fn info(&self, origin: &Origin, asked: &ParsedRequest, inode: usize) -> FileInfo {
        let file = origin.content(inode);
        let bytes_before = asked.bytes_before().and_then(|(first, check)| {
            if self.fault == Fault::IgnoreCheck {
                return Some(check);
            }
            let start = checked_from(first) as usize;
            Some(Check::of(file.bytes.get(start..first as usize)?))
        });
        let modified = origin.directory.inodes[inode].modified;
        FileInfo {
            size: file.bytes.len() as u64,
            sealed: file.sealed,
            modified: Date::from_seconds(modified.cast_signed() / 1000).into(),
            date_is_shared: false,
            changed: Date::from_seconds(modified.cast_signed() / 1000),
            etag: match self.fault {
                Fault::TagOfName => ETag(7),
                _ => origin.directory.tag(inode),
            },
            media: "text/plain",
            start: None,
            bytes_before,
        }
    }

    fn look_up(
        &mut self,
        turn: &mut Turn<'_>,
        conn: &mut Conn,
        asked: &ParsedRequest,
    ) -> Resource<usize> {
        let Some(&inode) = turn.origin.directory.names.get(LOG) else {
            return Resource::Missing;
        };
        if asked.subscribes() {
            self.follow(turn, conn, LOG, inode, false);
        }
        let info = self.info(turn.origin, asked, inode);
        Resource::File { file: inode, info }
    }

    fn follow(
        &mut self,
        turn: &mut Turn<'_>,
        conn: &mut Conn,
        path: &str,
        inode: usize,
        family: bool,
    ) {
        turn.origin.directory.watched = true;
        // Why a name that is followed has another file may stand in the queue.
        let is_other =
            |topic: &Topic| !topic.family && !topic.gone && topic.inode != inode && !family;
        if turn
            .conns()
            .any(|conn| conn.topic.as_ref().is_some_and(is_other))
        {
            let queued = turn.origin.directory.events.len();
            self.read_news(turn, queued);
            self.check_names(turn, Some(LOG));
        }
        conn.topic = Some(Topic {
            path: path.to_owned(),
            inode,
            family,
            gone: false,
        });
        if !family && let Some(holder) = holder(turn.origin, &entry(LOG)) {
            let log = entry(LOG);
            if !self.rolls.is_settled(&log) {
                let queued = turn.origin.directory.events.len();
                self.read_news(turn, queued);
            }
            self.families.history.note_holder(&self.name, holder);
            if !self.rolls.accounts_for(&log, holder) {
                // It may have got the name by a roll that is still in the queue.
                let queued = turn.origin.directory.events.len();
                self.read_news(turn, queued);
            }
            self.rolls.follow(&log, &self.name, holder);
            self.trace_line();
        }
    }

    /// The file with this tag, if it is at this place.
    fn at(
        &mut self,
        turn: &mut Turn<'_>,
        conn: &mut Conn,
        asked: &ParsedRequest,
        place: GenerationPlace,
        tag: ETag,
    ) -> Option<Resource<usize>> {
        let path = str::from_utf8(&place.path.name).expect("a name").to_owned();
        let inode = *turn.origin.directory.names.get(&path)?;
        if turn.origin.directory.tag(inode) != tag {
            return None;
        }
        if asked.subscribes() {
            self.follow(turn, conn, &path, inode, true);
        }
        let mut info = self.info(turn.origin, asked, inode);
        if self.fault == Fault::StaleSize {
            let seen = self.families.history.seen(&self.name, [].into_iter());
            let known = seen.place(tag).map(|place| seen.line[place].size);
            info.size = known.unwrap_or(info.size).min(info.size);
        }
        Some(Resource::Generation {
            file: inode,
            info,
            place: Box::new(place),
        })
    }

    fn find(
        &mut self,
        turn: &mut Turn<'_>,
        conn: &mut Conn,
        asked: &ParsedRequest,
        part: &FilePart,
        tag: ETag,
    ) -> Option<Resource<usize>> {
        let current = GenerationPlace {
            path: part.path.clone(),
            successor: None,
        };
        if let Some(found) = self.at(turn, conn, asked, current, tag) {
            return Some(found);
        }
        let wanted = match (&asked.intent, &asked.request.method) {
            (Intent::Tail(_), Method::Get) => Wanted::Live(tag),
            _ => Wanted::File(tag),
        };
        let report = Search::ask(&mut conn.search, wanted)?;
        let Some(generation) = report.chain.find(tag) else {
            let truncated = self.former.contains(&tag);
            let none = report.why_not(tag, truncated);
            return Some(Resource::NoGeneration(Box::new(none)));
        };
        let successor = match self.fault {
            Fault::SkipToCurrent => report.chain.0.last().map(|last| last.member.etag),
            _ if matches!(wanted, Wanted::Live(_)) && !report.is_settled() => report.seen.next(tag),
            _ => report.successor(tag),
        };
        let place = GenerationPlace {
            path: generation.path(),
            successor,
        };
        let found = self.at(turn, conn, asked, place, tag);
        if found.is_none() {
            // It was renamed since: it is looked for once more.
            Search::ask(&mut conn.search, wanted);
        }
        found
    }

    fn list(&self, turn: &Turn<'_>, conn: &mut Conn, path: &Path) -> Option<Resource<usize>> {
        let _ = turn;
        let report = Search::ask(&mut conn.search, Wanted::All)?;
        Some(match report.chain.0.is_empty() {
            true => Resource::Missing,
            false => Resource::Generations(json::list(path, &report.chain).into()),
        })
    }
}

fn conn_now() -> Moment {
    Moment(NOW.get())
}
