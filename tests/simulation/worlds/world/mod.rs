//! A deterministic world for the connection machine: sockets with little room, files, names, late news of them, a
//! clock. Every decision comes from one function, so that a seed or a fuzzer's bytes are a whole history. What must hold
//! is asserted after every step.
//!
//! [`drive`], [`topics`] and [`turn`] play the server; [`hands`] are the clients and publishers, [`disk`] what there is to read;
//! [`client`] holds what a client may get against what it gets, [`request`] and [`conditions`] say what that is,
//! [`events`] reads those that are event streams; [`following`] is what the server does for event streams;
//! [`check`] is what must hold besides.

mod check;
mod client;
mod conditions;
mod disk;
mod drive;
mod events;
mod following;
mod hands;
mod request;
mod topics;
mod turn;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use openrange::connection::{Connection, State, Timeouts};
use openrange::limits::{CHUNK_MAX, EVENT_READ};
use openrange::readiness::Interest;
use openrange::subscription::end::End;
use openrange::time::Moment;

use client::Client;
use disk::{Disk, Handle, NAMES, TODAY};
use topics::Topic;

/// A number below the given one, which is not 0. Nothing but 0 is the simplest history.
pub type Choose<'a> = &'a mut dyn FnMut(u64) -> u64;

/// Something the server could do wrong: a standing check that this world would see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    IgnoreChanges,
    SleepWithoutMeasuring,
    EndWithoutDraining,
    ForgetChangeWhileSending,
    ForgetGoneWhileSending,
    RepeatLineEndAfterShortSend,
    DoNotCutTruncation,
    LoseWakeupOnJoin,
    AnswerOutOfOrder,
    DropByte,
    StaleMeasure,
    ForgetWritable,
    IgnoreFin,
    ForgetNewsDuringPass,
    PassByPosition,
    ForgetTruncation,
    StaleDate,
    ForgetSlash,
    ShortListing,
    FollowBeforeDraining,
    ForgetAbsence,
    StaleRead,
}

const TIMEOUTS: Timeouts = Timeouts {
    header: Duration::from_secs(30),
    idle: Duration::from_secs(60),
};
/// In one history; of them this many at a time.
const CONNECTIONS: usize = 8;
const AT_A_TIME: usize = 4;
const REQUESTS: usize = 8;
const ROOMY: usize = 1 << 30;

/// One connection: the server's slot, the socket, the client.
struct Conn {
    /// None: removed.
    machine: Option<Connection<Handle>>,
    /// What it follows.
    topic: Option<usize>,
    /// Truncations of its file that the machine knows of, see [`disk::File::shrank`].
    shrank: usize,
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
    shut_at: Moment,
    /// Bytes that the machine was given.
    given: usize,
    /// Why it must be reset.
    cut: Option<End>,
    /// The machine knows that the client is gone.
    gone: bool,
    timed_out: bool,
    /// A thread looks for what its event stream goes on with.
    searches: bool,
    refused: bool,
    /// When the last answer was complete, or it was accepted, and when the last head began.
    answered_at: Moment,
    begun_at: Moment,
    /// When it was told that the server ends.
    drained_at: Option<Moment>,
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
    topics: Vec<Topic>,
    draining: bool,
    outcomes: BTreeSet<&'static str>,
}

type Action = fn(&mut World<'_>);

/// What can happen, and how often as a rule.
const ACTIONS: [(Action, u64); 26] = [
    (|world| world.drive_some(), 40),
    (|world| world.poll_some(), 40),
    (|world| world.deliver(), 20),
    (|world| world.pass_some(), 10),
    (|world| world.send_some(), 30),
    (|world| world.take_some(), 20),
    (|world| world.ask(), 10),
    (|world| world.append(), 20),
    (|world| world.truncate(), 2),
    (|world| world.rename(), 2),
    (|world| world.unlink(), 1),
    (|world| world.create(), 4),
    (|world| world.link(), 1),
    (|world| world.bring_back(), 2),
    (|world| world.seal(), 1),
    (|world| world.break_file(), 1),
    (|world| world.forbid(), 1),
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
        disk: Disk::new(),
        conns: Vec::new(),
        topics: Vec::new(),
        draining: false,
        outcomes: BTreeSet::new(),
    };
    for name in 0..NAMES {
        world.disk.create(name);
        let size = world.choose(40);
        world.disk.append(name, size as usize);
    }
    match world.choose(40) {
        39 => world.disk.append(0, CHUNK_MAX as usize + 5000),
        36..39 => world.disk.append(0, 2 * EVENT_READ as usize),
        _ => {}
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
        if self.choose(4) == 3 {
            self.finish_searches();
        }
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
            shrank: 0,
            armed: Interest::READABLE,
            deadline: Moment::NEVER,
            readable: true,
            due: true,
            inbound: VecDeque::new(),
            fin: false,
            reset: false,
            room: 500,
            shut: false,
            shut_at: self.now,
            given: 0,
            cut: None,
            gone: false,
            timed_out: false,
            searches: false,
            refused,
            answered_at: self.now,
            begun_at: self.now,
            drained_at: None,
            client: Client::default(),
        });
        self.ask_on(self.conns.len() - 1);
    }

    fn pass_time(&mut self) {
        let millis = [1, 999, 29_999, 30_001, 61_000][self.choose(5) as usize];
        self.now = self.now + Duration::from_millis(millis);
        self.disk.clock = TODAY + (self.now.0 / 1000).cast_signed();
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
