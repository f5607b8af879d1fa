//! What `worker::following` does for an event stream, and what must hold of one that rests.

use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use openrange::action::After;
use openrange::connection::State;
use openrange::http::chunked;
use openrange::http::target::Path;
use openrange::limits::{EVENT_HEARTBEAT, EVENT_READ};
use openrange::resource::Resource;
use openrange::subscription::end::End;
use openrange::time::Moment;

use super::client::Tail;
use super::disk::{Disk, NAMES};
use super::events::Stream;
use super::request::Seen;
use super::{Conn, Fault, World};

impl Tail {
    /// Of a stream, which may follow no file at first.
    pub fn of_stream(name: usize, stream: Stream) -> Tail {
        Tail {
            name,
            file: stream.file.unwrap_or(0),
            at: 0,
            got: 0,
            trailers: false,
            told: None,
            left: None,
            seen_left: None,
            sealed: None,
            broken: None,
            stream: Some(stream),
        }
    }

    /// The server is to end: what must be delivered before.
    pub fn drain(&mut self, disk: &Disk) {
        match &mut self.stream {
            Some(stream) => {
                let bytes = stream.file.map(|file| disk.files[file].bytes.as_slice());
                let lines = bytes.and_then(|bytes| bytes.iter().rposition(|&byte| byte == b'\n'));
                let promised = lines.map_or(0, |at| at as u64 + 1);
                stream.shutdown.get_or_insert(promised);
            }
            None => {
                let size = disk.size(self.file);
                self.told.get_or_insert((End::Shutdown, size));
            }
        }
    }
}

impl Conn {
    pub fn stream(&mut self) -> &mut Stream {
        let tail = self.client.tail.as_mut().expect("an endless answer");
        tail.stream.as_mut().expect("of events")
    }

    /// Whether this is another file than that which its stream is in.
    pub fn has_left(&self, file: usize) -> bool {
        let tail = self.client.tail.as_ref();
        tail.is_some_and(|tail| tail.stream.is_some() && tail.file != file)
    }

    fn waits_for_file(&mut self) -> bool {
        let stream = self
            .client
            .tail
            .as_ref()
            .and_then(|tail| tail.stream.as_ref());
        let named = self
            .client
            .tail
            .as_ref()
            .is_some_and(|tail| tail.name < NAMES);
        self.machine.is_some() && named && stream.is_some_and(|stream| stream.file.is_none())
    }

    /// Nothing of a stream is on its way: then there is nothing to send, or somebody will say so.
    pub fn check_stream(&self, tail: &Tail, stream: &Stream, disk: &Disk, wakes: bool, ends: bool) {
        assert!(self.deadline < Moment::NEVER, "neither heartbeat nor look");
        let Some(file) = stream.file.filter(|_| !self.searches) else {
            return;
        };
        assert!(tail.told.is_none(), "sleeps although its file has left");
        assert!(stream.shutdown.is_none(), "sleeps although it must end");
        let held = &disk.files[file].bytes;
        let news = match held.get(stream.at as usize..) {
            None => true,
            Some(behind) => behind.contains(&b'\n') || tail.sealed.is_some() && !behind.is_empty(),
        };
        assert!(
            !news || wakes || disk.will_tell(tail.name, file),
            "events sleep at {} of {}, and nothing will wake them",
            stream.at,
            held.len()
        );
        assert!(
            tail.left.is_none() || ends || disk.will_look(tail.name),
            "events sleep although their file has left"
        );
    }
}

impl World<'_> {
    /// Gives the machine bytes of its file.
    pub fn read(&mut self, key: usize, file: usize, range: Range<u64>) {
        let now = self.now;
        if self.disk.files[file].broken {
            return self.conns[key].fell_short(now);
        }
        let held = self.disk.files[file]
            .bytes
            .get(range.start as usize..range.end as usize);
        if let (true, Some(held)) = (self.conns[key].has_left(file), held) {
            let (etag, held) = (self.disk.etag(file), held.to_vec());
            let conn = &mut self.conns[key];
            conn.stream().read_late(etag, range.start, &held);
            return conn.machine().read_file(&held, now);
        }
        let Some(held) = held.map(<[u8]>::to_vec) else {
            if self.conns[key].has_left(file) {
                self.disk.forget(file);
                let (size, _) = self.disk.look(file);
                return self.conns[key].machine().shrank(size, now);
            }
            self.disk.forget(file);
            let (size, _) = self.disk.look(file);
            self.conns[key].stream().truncated = true;
            return self.conns[key].machine().shrank(size, now);
        };
        if held.len() as u64 >= EVENT_READ {
            self.outcomes.insert("events of several buffers");
        }
        let conn = &mut self.conns[key];
        conn.stream().read(range.start, &held);
        let mut given = held;
        if self.fault == Fault::StaleRead {
            given[0] ^= 1;
        }
        conn.machine().read_file(&given, now);
    }

    /// Sends a stream that rests the events of all new lines in one chunk, as the server does if another one that rested
    /// there was just sent that. False if it must be driven.
    pub fn share_events(&mut self, key: usize) -> bool {
        let (now, conn) = (self.now, &mut self.conns[key]);
        let resting = conn.machine().resting_events();
        let Some(((file, from), chunked)) =
            resting.and_then(|stream| Some((stream.caught_up()?, stream.chunked())))
        else {
            return false;
        };
        let file = **file;
        if conn.reset || conn.room == 0 || self.disk.files[file].broken {
            return false;
        }
        let (size, sealed) = self.disk.look(file);
        let etag = self.disk.etag(file);
        let start = from.reads_from();
        let (bytes, whole) = self.wire(&[], Some((file, start..size.max(start))));
        if sealed || !whole || !self.conns[key].stream().is_of(etag) {
            return false;
        }
        let Some((events, to)) = from.grow(&bytes) else {
            return false;
        };
        let wire = match chunked {
            true => chunked::enclose(&events),
            false => events.clone(),
        };
        let count = self.some(wire.len().min(self.conns[key].room));
        let conn = &mut self.conns[key];
        conn.room -= count;
        conn.stream().measured(size);
        conn.stream().read(start, &bytes);
        conn.client.take(&wire[..count], &self.disk);
        let outcomes: Vec<_> = self.conns[key].stream().outcomes.drain(..).collect();
        self.outcomes.extend(outcomes);
        let machine = self.conns[key].machine();
        let events = u32::try_from(events.len()).expect("a bounded buffer");
        if count == wire.len() {
            machine.events_delivered(to, events, now);
            self.outcomes.insert("shared events");
        } else {
            machine.events_begun(to, events, &wire);
            machine.sent(count as u64, now);
            self.outcomes.insert("shared events, some of them");
            self.settle(key);
        }
        true
    }

    /// Gives the machine the file that comes next under its name.
    pub fn follow(&mut self, key: usize, path: &Path, after: Option<After>) {
        if let Some(topic) = self.conns[key].topic.take() {
            self.leave(topic, key);
        }
        let now = self.now;
        if after.is_some() && self.choose(4) == 3 {
            // A thread looks for it.
            self.outcomes.insert("search for a generation");
            self.conns[key].searches = true;
            return self.conns[key].machine().wait_to_follow(now);
        }
        let (mut found, mut seen) = self.look_up(path);
        let name = usize::from(path.name[0] - b'0');
        self.disk.note_heir(name);
        let (mut named, mut gap) = (true, false);
        if let (Some(after), Seen::File(_) | Seen::Missing) = (after, &seen)
            && !(after.in_vain && matches!(seen, Seen::Missing))
        {
            match self.disk.next(name, &after) {
                Some((file, is_named, is_gap)) => {
                    (named, gap) = (is_named, is_gap);
                    let info = self.disk.info(file);
                    seen = Seen::File(self.disk.facts(file));
                    let file = Rc::clone(&self.disk.files[file].handle);
                    found = Resource::File { file, info };
                }
                None => (found, seen) = (Resource::Missing, Seen::Missing),
            }
        }
        let facts = match seen {
            Seen::File(facts) => Some(facts),
            _ => None,
        };
        let tail = self.conns[key].client.tail.as_mut().expect("a stream");
        let promised = tail.told.take().map(|(_, promised)| promised);
        let stream = tail.stream.as_mut().expect("of events");
        stream.follow(facts.as_ref(), promised, gap);
        assert!(stream.shutdown.is_none(), "follows although it must end");
        (tail.left, tail.seen_left, tail.sealed) = (None, None, None);
        if let Some(facts) = facts {
            tail.file = facts.file;
            if !named {
                self.outcomes.insert("file that has lost its name");
                tail.told = Some((End::Renamed, facts.size));
            }
            let topic = named.then(|| self.join(name, facts.file));
            self.conns[key].topic = topic;
            self.conns[key].shrank = self.disk.files[facts.file].shrank.len();
        }
        match found {
            Resource::File { file, info } => {
                self.conns[key]
                    .machine()
                    .went_on(file, info, named, gap, now);
            }
            found => self.conns[key].machine().followed(found, now),
        }
    }

    /// Gives the machine an earlier file that the client knows, if it is still there.
    pub fn find_late(&mut self, key: usize, after: &After) {
        let (now, file) = (self.now, (after.etag.0 >> 16) as usize);
        let there = file < self.disk.files.len() && self.disk.etag(file) == after.etag.0;
        let found = (there && self.choose(2) == 1).then(|| {
            let info = self.disk.info(file);
            (Rc::clone(&self.disk.files[file].handle), info)
        });
        self.conns[key]
            .stream()
            .late
            .insert(after.etag.0, after.offset);
        self.conns[key].machine().late_found(found, now);
    }

    /// The threads have found what they looked for.
    pub fn finish_searches(&mut self) {
        for conn in &mut self.conns {
            if std::mem::take(&mut conn.searches)
                && let Some(machine) = &mut conn.machine
            {
                machine.resource_is_ready();
                conn.due = true;
            }
        }
    }

    /// Whoever waits for a file gets the one that is there in time.
    pub fn find_absent(&mut self) {
        if !self.conns.iter_mut().any(Conn::waits_for_file) {
            return;
        }
        // It looks so often until its pauses are as long as they get, and then it says so.
        for _ in 0..8 {
            self.pass_a_second();
        }
        for key in 0..self.conns.len() {
            if !self.conns[key].waits_for_file() {
                continue;
            }
            let tail = self.conns[key].client.tail.as_ref().expect("a stream");
            let (name, file) = (tail.name, tail.file);
            match (self.disk.names[name], self.disk.names.contains(&Some(file))) {
                (None, false) if name != 0 => self.disk.names[name] = Some(file),
                (None, _) => self.create_as(name),
                _ => {}
            }
        }
        self.pass_a_second();
        for conn in &self.conns {
            let tail = conn.client.tail.as_ref();
            let Some((tail, stream)) = tail.and_then(|tail| Some((tail, tail.stream.as_ref()?)))
            else {
                continue;
            };
            let file = self.disk.names.get(tail.name).copied().flatten();
            let there = file.is_some_and(|file| {
                !self.disk.forbidden[tail.name] && !self.disk.files[file].broken
            });
            let waits = stream.file.is_none() && !conn.gone && conn.cut.is_none();
            assert!(!(there && waits), "a file that is there is not found");
        }
    }

    fn pass_a_second(&mut self) {
        self.now = self.now + Duration::from_millis(1001);
        for key in 0..self.conns.len() {
            if self.conns[key].machine.is_some() {
                self.expire(key);
            }
        }
        self.settle_down();
    }

    /// A stream in silence sends something before a proxy takes it for dead.
    pub fn check_silence(&self) {
        for conn in &self.conns {
            if let Some(machine) = &conn.machine
                && matches!(machine.state(), State::Tailing(_))
                && conn
                    .client
                    .tail
                    .as_ref()
                    .is_some_and(|tail| tail.stream.is_some())
            {
                assert!(conn.deadline <= self.now + EVENT_HEARTBEAT);
            }
        }
    }
}
