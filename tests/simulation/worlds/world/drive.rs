//! What `worker::drive` does with a machine, here against the fake socket and the fake disk, with an eye on every step.

use std::ops::Range;
use std::rc::Rc;

use openrange::action::After;
use openrange::connection::{Action, Connection, ParsedHead, State};
use openrange::http::chunked;
use openrange::http::date::Date;
use openrange::http::media;
use openrange::http::request::Refusal;
use openrange::http::target::Path;
use openrange::limits::{BUDGET_ACTIONS, CHUNK_MAX, EVENT_HEARTBEAT, HEAD_MAX};
use openrange::resource::{DirectoryPage, Resource};
use openrange::subscription::end::End;
use openrange::time::Moment;

use super::client::Tail;
use super::disk::{DIRECTORY, Handle, TODAY};
use super::request::{Body, Expect, Seen};
use super::{Conn, Fault, TIMEOUTS, World};

/// [`Action`] without its borrows.
enum Task {
    Sleep,
    Open(Box<ParsedHead>),
    Measure(usize),
    Examine(usize, u64),
    Read(usize, Range<u64>),
    Follow(Path, Option<After>),
    FindLate(After),
    Send(Vec<u8>, Option<(usize, Range<u64>)>, Vec<u8>),
    Shut,
    Remove(bool),
}

fn task(machine: &Connection<Handle>) -> Task {
    match machine.action() {
        Action::Sleep => Task::Sleep,
        Action::Open(asked) => Task::Open(Box::new(asked.clone())),
        Action::Measure(file, _) => Task::Measure(**file),
        Action::Examine(known) => Task::Examine(**known.file, known.etag.0),
        Action::Read(file, range) => Task::Read(**file, range),
        Action::Follow(sought) if sought.late => {
            Task::FindLate(sought.after.expect("an earlier file"))
        }
        Action::Follow(sought) => Task::Follow(sought.path.clone(), sought.after),
        Action::Store(_) | Action::Write(..) | Action::Refuse(_) => {
            unreachable!("nothing may be written here")
        }
        Action::List { .. } => unreachable!("nobody asks for events of a directory"),
        Action::Send(next) => Task::Send(
            next.before.to_vec(),
            next.file.map(|(file, range)| (**file, range)),
            next.after.to_vec(),
        ),
        Action::Shut => Task::Shut,
        Action::Remove { abort } => Task::Remove(abort),
    }
}

impl Conn {
    pub fn machine(&mut self) -> &mut Connection<Handle> {
        self.machine.as_mut().expect("not yet removed")
    }

    /// From here on only a reset will do.
    pub fn must_cut(&mut self, why: End) {
        self.cut.get_or_insert(why);
        self.break_tail(why);
    }

    fn break_tail(&mut self, why: End) {
        if let Some(tail) = &mut self.client.tail {
            tail.broken.get_or_insert(why);
        }
    }

    pub fn fell_short(&mut self, now: Moment) {
        self.must_cut(End::Broken);
        self.machine().fell_short(now);
    }

    fn leaves(&mut self) {
        self.gone = true;
        self.break_tail(End::ClientGone);
    }

    /// What must be wanted next, if anything in particular.
    fn check_end(&self) {
        let machine = self.machine.as_ref().expect("not yet removed");
        if let Some(why) = self.cut {
            let cut = matches!(machine.action(), Action::Remove { abort: true });
            assert!(cut, "not reset, but {why:?}");
        } else if self.gone {
            let removed = matches!(machine.action(), Action::Remove { abort: false });
            assert!(removed, "the client has left");
        }
    }
}

impl World<'_> {
    /// Drives one connection until it waits or has used up its share.
    pub fn drive(&mut self, key: usize) {
        self.conns[key].due = false;
        self.receive(key);
        let mut share = u64::from(BUDGET_ACTIONS);
        share -= self.choose(share);
        let mut waits = false;
        for _ in 0..share {
            let conn = &mut self.conns[key];
            conn.check_end();
            match task(conn.machine()) {
                Task::Sleep => waits = true,
                Task::Open(asked) => self.open(key, &asked),
                Task::Measure(file) if self.shrank(key, file, 0) => {}
                Task::Examine(file, etag) => self.examine(key, file, etag),
                Task::Measure(file) => self.measure(key, file),
                Task::Read(file, range) => self.read(key, file, range),
                Task::FindLate(after) => self.find_late(key, &after),
                Task::Follow(path, after) => self.follow(key, &path, after),
                Task::Send(_, Some((file, range)), _) if self.shrank(key, file, range.end) => {}
                Task::Send(before, file, after) => {
                    waits = self.send(key, &before, file, &after);
                }
                Task::Shut => {
                    let now = self.now;
                    let conn = &mut self.conns[key];
                    conn.client.shut();
                    assert!(conn.client.closing || self.draining, "shut without need");
                    (conn.shut, conn.shut_at) = (true, now);
                    conn.machine().shut(now);
                }
                Task::Remove(abort) => return self.remove(key, abort),
            }
            if waits {
                break;
            }
        }
        self.conns[key].due |= !waits;
        self.settle(key);
    }

    /// Reads once, and only when the poller has said that there is something.
    fn receive(&mut self, key: usize) {
        let now = self.now;
        let conn = &mut self.conns[key];
        let room = conn.machine().room();
        if !std::mem::take(&mut conn.readable) || room == 0 {
            return;
        }
        if conn.reset {
            conn.leaves();
            return conn.machine().peer_gone(now);
        }
        let count = conn.inbound.len().min(room);
        if count == 0 {
            if conn.fin && self.fault != Fault::IgnoreFin {
                conn.leaves();
                conn.machine().peer_gone(now);
            }
            return;
        }
        let count = self.some(count);
        let conn = &mut self.conns[key];
        let bytes: Vec<u8> = conn.inbound.drain(..count).collect();
        let asked = conn.client.end_of_asked();
        if conn.given <= asked {
            conn.begun_at = now;
        }
        conn.given += count;
        // Behind the last answer nothing is kept.
        let last = conn.client.closing || self.draining;
        if !last && conn.machine().is_tail() && conn.given - asked >= HEAD_MAX {
            conn.must_cut(End::Flooded);
        }
        conn.machine().received(&bytes, now);
    }

    fn open(&mut self, key: usize, asked: &ParsedHead) {
        // The tail before it is over; this one may follow another file.
        if self.conns[key].client.tail.is_some() {
            self.outcomes
                .insert("answer in the same breath as the end of a tail");
            self.report(key);
        }
        let conn = &self.conns[key];
        let (mut found, mut seen) = (Resource::Missing, Seen::Missing);
        if let Ok(request) = asked {
            assert!(!self.draining || !conn.client.closing);
            if let Some(path) = request.intent.path() {
                (found, seen) = self.look_up(path);
                self.start(key, &mut found, &mut seen);
            }
        }
        let mut expect = self.expect(key, asked, &seen);
        expect.date = self.disk.clock;
        let date = Date::from_seconds(self.disk.clock);
        let conn = &mut self.conns[key];
        let (is_tail, status) = (expect.is_tail(), expect.status);
        self.outcomes.extend(expect.outcome());
        if let (Body::Tail { file, at, trailers }, true) = (&expect.body, is_tail) {
            let (name, file) = (conn.client.name(), *file);
            conn.client.tail = Some(Tail {
                name,
                file,
                at: *at,
                got: 0,
                trailers: *trailers,
                told: self.draining.then(|| (End::Shutdown, self.disk.size(file))),
                left: None,
                seen_left: None,
                sealed: None,
                broken: None,
                stream: None,
            });
            let topic = self.join(name, file);
            self.conns[key].topic = Some(topic);
        }
        if let (Body::Events { file, stream }, true) = (&expect.body, is_tail) {
            let name = self.conns[key].client.name();
            let mut tail = Tail::of_stream(name, (**stream).clone());
            if self.draining {
                tail.drain(&self.disk);
            }
            self.conns[key].client.tail = Some(tail);
            self.conns[key].topic = file.map(|file| self.join(name, file));
        }
        let conn = &mut self.conns[key];
        conn.shrank = expect
            .file()
            .map_or(0, |file| self.disk.files[file].shrank.len());
        conn.client.expect(expect, &self.disk);
        let (_, summary) = conn.machine().resolved(found, date);
        assert_eq!(summary.status.code(), status);
        self.outcomes.insert(summary.status.reason());
        if conn.client.after_tail {
            self.outcomes.insert("answer behind an ended tail");
        }
        assert_eq!(conn.machine().is_tail(), is_tail);
        if let (Fault::LoseWakeupOnJoin, Some(topic)) = (self.fault, conn.topic) {
            self.disk.append(self.topics[topic].file, 3);
        }
    }

    /// What the server's look-up says of where the answer starts.
    fn start(&self, key: usize, found: &mut Resource<Handle>, seen: &mut Seen) {
        let client = &self.conns[key].client;
        if let (Resource::File { info, .. }, Seen::File(facts)) = (found, seen)
            && let Some((ask, _)) = client.asks.get(client.opened)
        {
            facts.start = ask.starts(&self.disk, facts);
            info.start = facts.start;
        }
    }

    pub fn look_up(&mut self, path: &Path) -> (Resource<Handle>, Seen) {
        let name = usize::from(path.name[0] - b'0');
        if self.choose(100) == 99 {
            return (Resource::Busy, Seen::Busy);
        }
        if name == DIRECTORY {
            return self.look_up_directory(path.slash);
        }
        let file = match self.disk.names.get(name) {
            Some(Some(_)) if self.disk.forbidden[name] => {
                return (Resource::Forbidden, Seen::Forbidden);
            }
            Some(&Some(file)) if !path.slash => file,
            _ => return (Resource::Missing, Seen::Missing),
        };
        if self.disk.files[file].broken {
            return (Resource::Forbidden, Seen::Forbidden);
        }
        let mut info = self.disk.info(file);
        if self.fault == Fault::StaleDate {
            info.modified = Date::from_seconds(TODAY).into();
        }
        let seen = Seen::File(self.disk.facts(file));
        let file = Rc::clone(&self.disk.files[file].handle);
        (Resource::File { file, info }, seen)
    }

    fn look_up_directory(&mut self, slash: bool) -> (Resource<Handle>, Seen) {
        let length = [60, 60, 60, 3000, 70_000][self.choose(5) as usize];
        let page = b"abcdefghijklmnopqrstuvwxyz".repeat(length / 26 + 1)[..length].to_vec();
        let told = page.len() - usize::from(self.fault == Fault::ShortListing);
        let found = match slash || self.fault == Fault::ForgetSlash {
            true => Resource::Listing(DirectoryPage {
                body: page[..told].into(),
                media: media::HTML,
                next: None,
            }),
            false => Resource::NeedsSlash,
        };
        let seen = match slash {
            true => Seen::Page(page),
            false => Seen::NeedsSlash,
        };
        (found, seen)
    }

    /// Tells the machine of truncations that the server has seen since it was told of the last one. Bytes up to
    /// `promised` are to be sent next.
    fn shrank(&mut self, key: usize, file: usize, promised: u64) -> bool {
        let now = self.now;
        let seen = &self.disk.files[file].shrank;
        let conn = &mut self.conns[key];
        let news = &seen[std::mem::replace(&mut conn.shrank, seen.len())..];
        let size = match news {
            [] => return false,
            [size] => *size,
            _ => 0,
        };
        if self.fault == Fault::ForgetTruncation {
            return false;
        }
        let delivered = conn.client.tail.as_ref().map_or(0, Tail::delivered);
        if size < promised.max(delivered) {
            conn.must_cut(End::Broken);
        }
        conn.machine().shrank(size, now);
        // Of several parts, those that are still to come count too.
        if size < conn.client.last_promised()
            && let Action::Remove { abort: true } = conn.machine().action()
        {
            conn.must_cut(End::Broken);
        }
        self.outcomes.insert("truncation that was seen meanwhile");
        true
    }

    /// What the next request in the order of the client wants, whatever the machine has read.
    fn expect(&mut self, key: usize, asked: &ParsedHead, seen: &Seen) -> Expect {
        let conn = &mut self.conns[key];
        match asked.as_ref().map_err(|refused| refused.why) {
            Err(Refusal::TooManyConnections) if conn.refused => return Expect::refusal(503),
            Err(Refusal::TooSlow) if conn.timed_out => {
                let client = &conn.client;
                let come = conn.given - client.end_of_asked();
                let next = client.asks.get(client.opened);
                let head_only = come >= b"HEAD ".len()
                    && next.is_some_and(|ask| ask.0.bytes().0.starts_with(b"HEAD "));
                return Expect {
                    head_only,
                    ..Expect::refusal(408)
                };
            }
            _ => {}
        }
        let client = &mut conn.client;
        assert!(client.opened < client.asks.len(), "nothing was asked");
        client.opened += 1;
        let ask = &client.asks[client.opened - 1].0;
        match ask.refusal() {
            Some(status) => {
                assert!(asked.is_err(), "answered, but malformed");
                Expect::refusal(status)
            }
            None => {
                assert!(asked.is_ok(), "{asked:?}");
                assert!(conn.given >= client.end_of_asked());
                ask.expect(seen, self.draining)
            }
        }
    }

    /// Measures a file that must still be what its events say it is.
    fn examine(&mut self, key: usize, file: usize, etag: u64) {
        let now = self.now;
        // A file that was truncated may be the current one by its new tag, and one that was left by its former tag.
        let late = self.conns[key].has_left(file) || !self.conns[key].stream().is_of(etag);
        if late && !self.disk.files[file].broken {
            self.disk.forget(file);
            let (size, sealed) = self.disk.look(file);
            return match self.disk.etag(file) == etag {
                true => self.conns[key].machine().measured(size, sealed, now),
                false => self.conns[key].machine().shrank(size, now),
            };
        }
        if !self.disk.files[file].broken {
            let (size, _) = self.disk.look(file);
            if self.disk.etag(file) != etag && self.fault != Fault::ForgetTruncation {
                self.conns[key].stream().truncated = true;
                return self.conns[key].machine().shrank(size, now);
            }
        }
        self.measure(key, file);
    }

    fn measure(&mut self, key: usize, file: usize) {
        let (now, fault) = (self.now, self.fault);
        let conn = &mut self.conns[key];
        if self.disk.files[file].broken {
            return conn.fell_short(now);
        }
        let (size, sealed) = self.disk.look(file);
        let tail = conn.client.tail.as_mut().expect("measured, but no tail");
        assert_eq!(tail.file, file);
        let delivered = tail.delivered();
        if let Some(stream) = &mut tail.stream {
            stream.measured(size);
            stream.final_ = sealed || tail.told.is_some();
            let early = tail.told.is_some() && fault == Fault::FollowBeforeDraining;
            let size = if early { delivered } else { size };
            return conn.machine().measured(size, sealed, now);
        }
        if sealed {
            let promised = tail.sealed.unwrap_or(size);
            tail.told.get_or_insert((End::Sealed, promised));
        }
        let told = tail.told.is_some();
        if size < delivered {
            conn.must_cut(End::Broken);
        }
        let sending = matches!(conn.machine().state(), State::SendingRange(_));
        let size = match fault {
            Fault::SleepWithoutMeasuring if sending => delivered,
            Fault::EndWithoutDraining if told => delivered,
            Fault::DoNotCutTruncation => size.max(delivered),
            _ => size,
        };
        conn.machine().measured(size, sealed, now);
        conn.check_end();
    }

    /// True if the socket has no more room.
    fn send(
        &mut self,
        key: usize,
        before: &[u8],
        file: Option<(usize, Range<u64>)>,
        after: &[u8],
    ) -> bool {
        let now = self.now;
        let skips = self.choose(2) == 1;
        let conn = &mut self.conns[key];
        assert!(!conn.shut, "sent after the end");
        if conn.reset {
            conn.leaves();
            conn.machine().peer_gone(now);
            return false;
        }
        if conn.room == 0 {
            return true;
        }
        let (mut wire, whole) = self.wire(before, file);
        let conn = &mut self.conns[key];
        if !whole && (skips || wire.is_empty()) {
            conn.fell_short(now);
            return false;
        }
        if whole {
            wire.extend_from_slice(after);
        }
        assert!(!wire.is_empty(), "nothing to send");
        let given = wire.len();
        let count = given.min(conn.room);
        let count = self.some(count);
        wire.truncate(count);
        let behind = whole && given - count < after.len();
        let told = match self.fault {
            Fault::RepeatLineEndAfterShortSend if behind && count < given => count - 1,
            Fault::DropByte if count > 1 => {
                wire.pop();
                count
            }
            _ => count,
        };
        let conn = &mut self.conns[key];
        conn.room -= count;
        if conn.client.take(&wire, &self.disk) {
            conn.answered_at = now;
        }
        if let Some(stream) = conn
            .client
            .tail
            .as_mut()
            .and_then(|tail| tail.stream.as_mut())
        {
            self.outcomes.extend(stream.outcomes.drain(..));
        }
        conn.machine().sent(told as u64, now);
        count < given
    }

    /// Sends a tail that rests all that is new in one frame, as the server does if another one that rested there was just
    /// sent that. False if it must be driven.
    pub fn share(&mut self, key: usize) -> bool {
        let shares = self.choose(2) == 1;
        let now = self.now;
        let conn = &mut self.conns[key];
        if !shares || conn.machine().resting_events().is_some() {
            return shares && self.share_events(key);
        }
        let Some(tail) = conn.machine().resting() else {
            return false;
        };
        let (file, start, chunked) = (**tail.file(), tail.offset(), tail.chunked());
        let state = &self.disk.files[file];
        if conn.reset || conn.room == 0 || state.broken || state.shrank.len() > conn.shrank {
            return false;
        }
        let (size, sealed) = self.disk.look(file);
        let (bytes, whole) = self.wire(&[], Some((file, start..size.max(start))));
        if sealed || bytes.is_empty() || bytes.len() > CHUNK_MAX as usize || !whole {
            return false;
        }
        let wire = match chunked {
            true => chunked::enclose(&bytes),
            false => bytes,
        };
        let count = self.some(wire.len().min(self.conns[key].room));
        let conn = &mut self.conns[key];
        conn.room -= count;
        conn.client.take(&wire[..count], &self.disk);
        if count == wire.len() {
            conn.machine().delivered(size);
            self.outcomes.insert("shared chunk");
        } else {
            conn.machine().measured(size, false, now);
            conn.machine().sent(count as u64, now);
            self.outcomes.insert("shared chunk, some of it");
            self.settle(key);
        }
        true
    }

    /// `before` and what the file has of the range; whether it has all of it.
    pub fn wire(&self, before: &[u8], file: Option<(usize, Range<u64>)>) -> (Vec<u8>, bool) {
        let mut wire = before.to_vec();
        let Some((file, range)) = file else {
            return (wire, true);
        };
        let file = &self.disk.files[file];
        let end = file.bytes.len().min(range.end as usize);
        let held = file.bytes.get(range.start as usize..end);
        let held = held.filter(|_| !file.broken).unwrap_or_default();
        wire.extend_from_slice(held);
        (wire, held.len() as u64 == range.end - range.start)
    }

    /// Brings everything in step with the state a connection is in now.
    pub fn settle(&mut self, key: usize) {
        if !self.conns[key].machine().is_tail() {
            self.report(key);
        }
        let fault = self.fault;
        let conn = &mut self.conns[key];
        conn.armed = conn.machine().interest();
        if fault == Fault::ForgetWritable {
            conn.armed.writable = false;
        }
        conn.deadline = conn.machine().deadline(&TIMEOUTS);
        if let (Fault::ForgetAbsence, Some(tail)) = (fault, &conn.client.tail)
            && tail
                .stream
                .as_ref()
                .is_some_and(|stream| stream.file.is_none())
        {
            conn.deadline = conn.deadline.max(self.now + EVENT_HEARTBEAT);
        }
        assert!(
            conn.machine().take_ended().is_none(),
            "an end without a tail"
        );
    }

    /// The end of a tail is told exactly once, with the bytes that its client got, and why.
    pub fn report(&mut self, key: usize) {
        let conn = &mut self.conns[key];
        if conn.client.tail.is_none() {
            return;
        }
        let topic = conn.topic.take();
        let ended = conn.machine().take_ended().expect("a tail ends unseen");
        assert_eq!((ended.end, ended.bytes), conn.client.report());
        self.outcomes.insert(ended.end.word());
        if ended.bytes > u64::from(openrange::limits::CHUNK_MAX) {
            self.outcomes.insert("tail of several chunks");
        }
        if let Some(topic) = topic {
            self.leave(topic, key);
        }
    }

    fn remove(&mut self, key: usize, abort: bool) {
        self.report(key);
        let conn = &mut self.conns[key];
        assert_eq!(abort, conn.cut.is_some(), "{:?}", conn.cut);
        if !abort && !conn.gone {
            assert!(conn.client.is_idle(), "closed within an answer");
            assert!(conn.client.expected.is_none());
        }
        conn.machine = None;
        conn.due = false;
    }
}
