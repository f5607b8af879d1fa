//! A deterministic world for the connection machine: sockets with little room, files, names, late news of them, a
//! clock. Every decision comes from one function, so that a seed or a fuzzer's bytes are a whole history. What must hold
//! is asserted after every step.
//!
//! [`drive`] plays the server, [`client`] the clients, [`request`] says what they want, [`response`] reads what they
//! get, and [`disk`] is what there is to read.

mod client;
mod disk;
mod drive;
mod request;
mod response;

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use openrange::connection::sending::End;
use openrange::connection::{Connection, Interest, Moment, State, Timeouts, Want};

use client::Client;
use disk::{Disk, Event, Handle, NAMES};
use request::Ask;

/// A number below the given one, which is not 0. Nothing but 0 is the simplest history.
pub type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

/// Something the server could do wrong: a standing check that this world would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    IgnoreChanges,
    SleepWithoutMeasuring,
    EndWithoutDraining,
    ForgetGoneWhileSending,
    RepeatLineEndAfterShortSend,
    DoNotCutTruncation,
    LoseWakeupOnJoin,
    AnswerOutOfOrder,
    DropByte,
    StaleMeasure,
    ForgetWritable,
    IgnoreFin,
}

const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(30),
    idle: Duration::from_secs(60),
};
/// In one history; of them this many at a time.
const CONNECTIONS: usize = 8;
const AT_A_TIME: usize = 3;
const REQUESTS: usize = 8;
const ROOMY: usize = 1 << 30;

/// One connection: the server's slot, the socket, the client.
struct Conn {
    /// None: removed.
    machine: Option<Connection<Handle>>,
    /// Name and file that it follows.
    topic: Option<(usize, usize)>,
    armed: Interest,
    deadline: Moment,
    readable: bool,
    due: bool,
    /// Sent by the client, not yet read.
    inbound: VecDeque<u8>,
    fin: bool,
    reset: bool,
    /// Bytes that the socket takes.
    room: usize,
    /// The server's side is shut down.
    shut: bool,
    /// Bytes that the machine was given.
    given: usize,
    /// Why it must be reset.
    cut: Option<End>,
    /// The machine knows that the client is gone.
    gone: bool,
    timed_out: bool,
    refused: bool,
    /// When the last answer was complete, or it was accepted, and when the last head began.
    answered_at: Moment,
    begun_at: Moment,
    client: Client,
}

pub struct World<'a> {
    choose: Choose<'a>,
    /// From here on nothing is delayed or taken apart.
    calm: bool,
    fault: Fault,
    now: Moment,
    disk: Disk,
    conns: Vec<Conn>,
    draining: bool,
    outcomes: BTreeSet<&'static str>,
}

type Action = fn(&mut World<'_>);

/// What can happen, and how often as a rule.
const ACTIONS: [(Action, u64); 23] = [
    (|world| world.drive_some(), 40),
    (|world| world.poll_some(), 40),
    (|world| world.deliver(), 20),
    (|world| world.send_some(), 30),
    (|world| world.take_some(), 20),
    (|world| world.ask(), 10),
    (|world| world.append(), 20),
    (|world| world.truncate(), 1),
    (|world| world.rename(), 2),
    (|world| world.unlink(), 1),
    (|world| world.create(), 2),
    (|world| world.link(), 1),
    (|world| world.seal(), 1),
    (|world| world.break_file(), 1),
    (|world| world.overflow(), 1),
    (|world| world.connect(), 2),
    (|world| world.fin(), 1),
    (|world| world.reset(), 1),
    (|world| world.pass_time(), 2),
    (|world| world.stall(), 1),
    (|world| world.flood(), 1),
    (|world| world.drain(), 1),
    (|world| world.cut(), 1),
];

/// One history. What it came to, by name.
pub fn run(choose: Choose, fault: Fault) -> BTreeSet<&'static str> {
    let mut world = World {
        choose,
        calm: false,
        fault,
        now: Moment(1),
        disk: Disk::default(),
        conns: Vec::new(),
        draining: false,
        outcomes: BTreeSet::new(),
    };
    for name in 0..NAMES {
        world.disk.create(name);
        let size = world.choose(40);
        world.disk.append(name, size as usize);
    }
    if world.choose(100) == 99 {
        world.disk.append(0, (1 << 20) + 5000);
    }
    world.connect();
    let weights = ACTIONS.map(|(_, usual)| match world.choose(4) {
        // What nothing happens without is never off.
        3 if usual >= 10 => usual / 5,
        3 => 0,
        2 => 8 * usual,
        _ => usual,
    });
    let total: u64 = weights.iter().sum();
    let steps = world.choose(500);
    for _ in 0..steps {
        let mut at = world.choose(total);
        let action = weights.iter().position(|&weight| {
            at = at.wrapping_sub(weight);
            at > total
        });
        ACTIONS[action.expect("below the total")].0(&mut world);
        world.check();
    }
    world.end();
    world.outcomes
}

/// The server and the network.
impl World<'_> {
    fn choose(&mut self, below: u64) -> u64 {
        if self.calm { 0 } else { (self.choose)(below) }
    }

    /// At least one of so many, mostly all.
    fn some(&mut self, count: usize) -> usize {
        match self.choose(6) {
            3 => 1 + self.choose(count as u64) as usize,
            4 => count.min(1 + self.choose(9) as usize),
            5 => count.max(2) - 1,
            _ => count,
        }
    }

    fn one(&mut self) -> Option<usize> {
        let open: Vec<usize> = (0..self.conns.len())
            .filter(|&key| self.conns[key].machine.is_some())
            .collect();
        let count = open.len() as u64;
        (count > 0).then(|| open[self.choose(count) as usize])
    }

    fn drive_some(&mut self) {
        let due: Vec<usize> = (0..self.conns.len())
            .filter(|&key| self.conns[key].due)
            .collect();
        if !due.is_empty() {
            let index = self.choose(due.len() as u64) as usize;
            self.drive(due[index]);
        }
    }

    fn poll_some(&mut self) {
        if let Some(key) = self.one() {
            self.poll(key);
        }
    }

    fn connect(&mut self) {
        let open = self.conns.iter().filter(|conn| conn.machine.is_some());
        if self.conns.len() == CONNECTIONS || open.count() == AT_A_TIME || self.draining {
            return;
        }
        let refused = self.choose(50) == 49;
        self.conns.push(Conn {
            machine: Some(if refused {
                Connection::refused(self.now)
            } else {
                Connection::new(self.now)
            }),
            topic: None,
            armed: Interest {
                readable: true,
                writable: false,
            },
            deadline: Moment::NEVER,
            readable: true,
            due: true,
            inbound: VecDeque::new(),
            fin: false,
            reset: false,
            room: 500,
            shut: false,
            given: 0,
            cut: None,
            gone: false,
            timed_out: false,
            refused,
            answered_at: self.now,
            begun_at: self.now,
            client: Client::default(),
        });
        self.ask_on(self.conns.len() - 1);
    }

    fn pass_time(&mut self) {
        let millis = [1, 999, 29_999, 30_001, 61_000][self.choose(5) as usize];
        self.now = self.now + Duration::from_millis(millis);
        for key in 0..self.conns.len() {
            if self.conns[key].machine.is_some() {
                self.expire(key);
            }
        }
    }

    fn stall(&mut self) {
        let now = self.now;
        if let Some(key) = self.one()
            && self.choose(4) == 3
            && matches!(
                self.conns[key].machine().state(),
                State::SendingRange(_) | State::Tailing(_)
            )
        {
            self.conns[key].break_off(End::Stalled, now);
        }
    }

    fn drain(&mut self) {
        if self.choose(8) == 7 && !self.draining {
            self.stop();
        }
    }

    /// The grace is over.
    fn cut(&mut self) {
        let now = self.now;
        if self.draining {
            for conn in self.conns.iter_mut().filter(|conn| conn.machine.is_some()) {
                conn.break_off(End::Shutdown, now);
            }
        }
    }
}

/// The clients.
impl World<'_> {
    fn ask(&mut self) {
        if let Some(key) = self.one() {
            self.ask_on(key);
        }
    }

    fn ask_on(&mut self, key: usize) {
        let client = &self.conns[key].client;
        let malformed = client
            .asks
            .last()
            .is_some_and(|ask| ask.0.refusal().is_some());
        if malformed || client.asks.len() == REQUESTS {
            return;
        }
        let name = self.choose(NAMES as u64) as usize;
        let file = self.disk.names[name];
        let (size, tag) = file.map_or((0, 0), |file| (self.disk.size(file), self.disk.etag(file)));
        let ask = match self.choose(3) {
            0 => Ask::tail(name),
            _ => Ask::any(&mut |below| (self.choose)(below), name, size, tag),
        };
        let ahead = self.fault == Fault::AnswerOutOfOrder;
        let client = &mut self.conns[key].client;
        // A request may be put before another one only where that one begins.
        let untouched = client.asks.len() == client.opened + 1;
        client.ask(ask, ahead && untouched);
    }

    fn flood(&mut self) {
        if let Some(key) = self.one()
            && self.conns[key].topic.is_some()
            && self.choose(3) == 2
        {
            self.conns[key].client.ask(Ask::flood(), false);
            self.push(key, usize::MAX);
        }
    }

    fn send_some(&mut self) {
        if let Some(key) = self.one() {
            let count = self.conns[key].client.to_send.len();
            let count = self.some(count.max(1));
            self.push(key, count);
        }
    }

    fn push(&mut self, key: usize, most: usize) {
        let conn = &mut self.conns[key];
        if !conn.fin && !conn.reset {
            let count = most.min(conn.client.to_send.len());
            conn.inbound.extend(conn.client.to_send.drain(..count));
        }
    }

    fn take_some(&mut self) {
        if let Some(key) = self.one() {
            let count = [ROOMY, 1, 2, 7, 100, 5000][self.choose(6) as usize];
            let conn = &mut self.conns[key];
            conn.room = (conn.room + count).min(ROOMY);
        }
    }

    fn fin(&mut self) {
        if let Some(key) = self.one()
            && self.choose(4) == 3
        {
            self.conns[key].fin = true;
        }
    }

    fn reset(&mut self) {
        if let Some(key) = self.one()
            && self.choose(4) == 3
        {
            let conn = &mut self.conns[key];
            conn.reset = true;
            conn.inbound.clear();
        }
    }
}

/// The publishers.
impl World<'_> {
    /// What the kernel would queue, if somebody follows it; the same news is not queued twice.
    fn tell(&mut self, event: Event) {
        let followed = self.conns.iter().any(|conn| match (event, conn.topic) {
            (Event::Grew(file), Some((_, followed))) => file == followed,
            (Event::Look(name), Some((followed, _))) => name == followed,
            (Event::All, topic) => topic.is_some(),
            (_, None) => false,
        });
        if followed && !self.disk.events.contains(&event) {
            self.disk.events.push_back(event);
        }
    }

    fn some_file(&mut self) -> usize {
        let name = self.choose(NAMES as u64) as usize;
        match self.disk.names[name] {
            Some(file) => file,
            None => self.choose(self.disk.files.len() as u64) as usize,
        }
    }

    fn append(&mut self) {
        let file = self.some_file();
        let most = [3, 20, 300][self.choose(3) as usize];
        let count = 1 + self.choose(most) as usize;
        if self.disk.size(file) < 1 << 22 {
            self.disk.append(file, count);
            self.tell(Event::Grew(file));
        }
    }

    fn truncate(&mut self) {
        let file = self.some_file();
        let size = self.choose(self.disk.size(file) + 1);
        self.disk.truncate(file, size as usize);
        self.tell(Event::Grew(file));
        if self.choose(2) == 1 {
            let count = self.choose(60) as usize;
            self.disk.append(file, count);
        }
    }

    /// One name becomes another, over what that one had.
    fn rename(&mut self) {
        let (from, to) = (self.choose(NAMES as u64), self.choose(NAMES as u64));
        let file = self.disk.names[from as usize].take();
        // Often away, to a name that nobody asks for.
        if self.choose(2) == 1 && file.is_some() {
            self.disk.names[to as usize] = file;
            self.tell(Event::Look(to as usize));
        }
        self.tell(Event::Look(from as usize));
    }

    fn unlink(&mut self) {
        let name = self.choose(NAMES as u64) as usize;
        self.disk.names[name] = None;
        self.tell(Event::Look(name));
        if self.choose(3) == 2 {
            self.create_as(name);
        }
    }

    fn create(&mut self) {
        let name = self.choose(NAMES as u64) as usize;
        if self.disk.names[name].is_none() {
            self.create_as(name);
        }
    }

    fn create_as(&mut self, name: usize) {
        let file = self.disk.create(name);
        let size = self.choose(30) as usize;
        self.disk.append(file, size);
        self.tell(Event::Look(name));
    }

    fn link(&mut self) {
        let (from, to) = (self.choose(NAMES as u64), self.choose(NAMES as u64));
        if self.disk.names[to as usize].is_none() {
            self.disk.names[to as usize] = self.disk.names[from as usize];
            self.tell(Event::Look(to as usize));
        }
    }

    fn seal(&mut self) {
        let file = self.some_file();
        self.disk.files[file].sealed = true;
        self.tell(Event::Grew(file));
    }

    /// Nobody is told of this.
    fn break_file(&mut self) {
        if self.choose(4) == 3 {
            let file = self.some_file();
            self.disk.files[file].broken ^= true;
        }
    }

    fn overflow(&mut self) {
        self.disk.events.clear();
        self.tell(Event::All);
    }
}

/// What must hold.
impl World<'_> {
    fn check(&mut self) {
        for conn in &mut self.conns {
            let Some(machine) = &conn.machine else {
                continue;
            };
            if let Some(tail) = &mut conn.client.tail {
                // Bytes that a truncation took are no longer owed.
                let size = self.disk.size(tail.file);
                let left = self.disk.left(tail.name, tail.file).map(|_| size);
                tail.left = left.map(|size| tail.left.unwrap_or(size).min(size));
                let sealed = self.disk.files[tail.file].sealed.then_some(size);
                tail.sealed = sealed.map(|size| tail.sealed.unwrap_or(size).min(size));
                if let Some((_, promised)) = &mut tail.told {
                    *promised = size.min(*promised);
                }
                // Only requests behind the one that is being answered are kept.
                if machine.is_tail() {
                    let behind = conn.given - conn.client.end_of_asked();
                    assert_eq!(machine.waiting(), behind);
                }
            }
            if !conn.due {
                conn.check_rest(&self.disk);
            }
        }
        for file in &self.disk.files {
            let held = Rc::strong_count(&file.handle) - 1;
            let busy = self.conns.iter().filter(|conn| conn.may_hold()).count();
            assert!(held <= busy, "{held} handles held by {busy} answers");
        }
    }

    /// Everything that is to come has come.
    fn settle_down(&mut self) {
        self.calm = true;
        for _ in 0..1000 {
            while !self.disk.events.is_empty() {
                self.deliver();
            }
            let mut idle = true;
            for key in 0..self.conns.len() {
                if self.conns[key].machine.is_none() {
                    continue;
                }
                self.push(key, usize::MAX);
                self.conns[key].room = ROOMY;
                self.poll(key);
                if self.conns[key].due {
                    idle = false;
                    self.drive(key);
                }
            }
            self.check();
            if idle && self.disk.events.is_empty() {
                return;
            }
        }
        panic!("spins");
    }

    fn end(&mut self) {
        let how = self.choose(3);
        self.settle_down();
        for conn in &mut self.conns {
            let Some(machine) = &conn.machine else {
                continue;
            };
            let client = &conn.client;
            assert!(!conn.fin && !conn.reset || conn.shut && !conn.armed.readable);
            match machine.state() {
                State::Tailing(_) => {
                    let file = client.tail.as_ref().expect("a tail").file;
                    if !self.disk.files[file].broken {
                        self.outcomes.insert("live tail, all delivered");
                    }
                }
                State::ReadingHeaders(None) => {
                    assert_eq!(client.opened, client.asks.len(), "a request is forgotten");
                }
                State::Closing(_) => assert!(client.closing || self.draining),
                _ => panic!("neither done nor waiting"),
            }
        }
        match how {
            0 => self.stop(),
            1 => self.conns.iter_mut().for_each(|conn| conn.fin = true),
            _ => {
                self.stop();
                self.cut();
            }
        }
        self.settle_down();
        if how == 0 {
            for _ in 0..2 {
                self.now = self.now + Duration::from_secs(3600);
                self.pass_time();
                self.settle_down();
            }
        }
        for conn in &self.conns {
            assert!(conn.machine.is_none(), "never ends");
            assert!(conn.client.tail.is_none(), "a tail whose end nobody told");
        }
        for file in &self.disk.files {
            assert_eq!(Rc::strong_count(&file.handle), 1, "a handle is held");
        }
    }
}

impl Conn {
    fn may_hold(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| {
            matches!(machine.state(), State::SendingRange(_) | State::Tailing(_))
        })
    }

    /// Nobody drives it unless something happens: then that must be sure to happen.
    fn check_rest(&self, disk: &Disk) {
        let machine = self.machine.as_ref().expect("not yet removed");
        match machine.want() {
            Want::Sleep => assert!(self.armed.readable, "a FIN would not be heard"),
            Want::Send(_) => {
                assert!(self.armed.writable, "waits for room and is not told");
                assert_eq!(self.armed.readable, machine.is_tail());
            }
            _ => panic!("wants what nobody does"),
        }
        let State::Tailing(_) = machine.state() else {
            return;
        };
        let tail = self.client.tail.as_ref().expect("a tail");
        assert!(tail.told.is_none(), "sleeps although it must end");
        let news = tail.delivered() != disk.size(tail.file) || tail.sealed.is_some();
        assert!(
            !news || disk.will_tell(tail.name, tail.file),
            "sleeps at {} of {}, and nothing will wake it",
            tail.delivered(),
            disk.size(tail.file)
        );
        assert!(
            tail.left.is_none() || disk.will_look(tail.name),
            "sleeps although its name is gone"
        );
    }
}
