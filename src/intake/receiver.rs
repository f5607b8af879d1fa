//! The thread of one intake: receives, appends, waits.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::address::{Intake, Kind};
use super::senders::Senders;
use super::sink::{self, Sink};
use super::tally::Tally;
use crate::limits::INTAKE_END_PATIENCE;
use crate::os;
use crate::os::datagrams::Datagrams;
use crate::os::epoll::{Poll, Token, Waker};
use crate::os::sockets::{self, Listener};
use crate::readiness::Interest;
use crate::time::Moment;

/// Where an intake receives.
pub enum Socket {
    /// Connections.
    Listener(Listener),
    /// Datagrams.
    Datagrams(Datagrams),
}

/// A bound intake.
pub struct Bound {
    /// With the port that the kernel chose.
    pub intake: Intake,
    /// Its socket.
    pub socket: Socket,
}

/// Binds the address of an intake. The second value removes the socket file when it is dropped.
///
/// # Errors
/// EADDRINUSE, EACCES and the like.
pub fn bind(intake: &Intake) -> io::Result<(Bound, Box<dyn Send>)> {
    let (socket, address, guard): (_, _, Box<dyn Send>) = match intake.kind {
        Kind::Stream => {
            let mut bound = sockets::bind(&intake.address, 1)?;
            let listener = bound.take().expect("one listener was asked for");
            let address = bound.address.clone();
            (
                Socket::Listener(listener),
                address,
                Box::new(bound.into_guard()),
            )
        }
        Kind::Datagram => {
            let (socket, address, guard) = os::datagrams::bind(&intake.address)?;
            (Socket::Datagrams(socket), address, Box::new(guard))
        }
    };
    let intake = Intake {
        address,
        ..intake.clone()
    };
    Ok((Bound { intake, socket }, guard))
}

enum Source {
    Senders(Box<Senders>),
    Datagrams(Datagrams),
}

/// See the module.
pub struct Receiver {
    intake: Intake,
    source: Source,
    root: OwnedFd,
    /// See [`sink::ends_torn`].
    torn: bool,
    tally: Arc<Tally>,
    poll: Poll,
    stop: Arc<AtomicBool>,
}

/// Ends a receiver from another thread.
#[derive(Clone)]
pub struct Stopper {
    stop: Arc<AtomicBool>,
    waker: Waker,
}

impl Stopper {
    /// It takes what has arrived, and ends.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.waker.wake();
    }
}

impl Receiver {
    /// Appends to a file below this root, from [`Receiver::run`] on. `most`: how many senders may be connected.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn new(
        bound: Bound,
        root: OwnedFd,
        most: usize,
        tally: Arc<Tally>,
    ) -> io::Result<Receiver> {
        let poll = Poll::new()?;
        let source = match bound.socket {
            Socket::Listener(listener) => {
                let senders = Senders::new(listener, most);
                senders.register(&poll)?;
                Source::Senders(Box::new(senders))
            }
            Socket::Datagrams(datagrams) => {
                poll.add(&datagrams, Token::Listener(0), Interest::READABLE)?;
                Source::Datagrams(datagrams)
            }
        };
        Ok(Receiver {
            torn: sink::ends_torn(&bound.intake, &root)?,
            intake: bound.intake,
            source,
            root,
            tally,
            poll,
            stop: Arc::default(),
        })
    }

    /// What ends it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper {
            stop: Arc::clone(&self.stop),
            waker: self.poll.waker(),
        }
    }

    /// Receives until it is stopped, then takes what has arrived.
    ///
    /// # Errors
    /// None are known: the poller fails.
    pub fn run(self) -> io::Result<()> {
        let Receiver {
            mut source,
            mut poll,
            stop,
            ..
        } = self;
        let mut sink = Sink::new(self.intake, self.root, self.tally, self.torn);
        while !stop.load(Ordering::Acquire) {
            let now = now();
            sink.begin_turn(now);
            let ready: Vec<Token> = poll.ready().map(|ready| ready.token).collect();
            match &mut source {
                Source::Senders(senders) => senders.turn(&ready, &poll, &mut sink, now),
                Source::Datagrams(datagrams) if !ready.is_empty() => {
                    receive(datagrams, &mut sink);
                    note_dropped(datagrams, &mut sink, now);
                }
                Source::Datagrams(_) => {}
            }
            sink.flush(now);
            let deadline = source.deadline().min(sink.deadline());
            poll.wait((deadline < Moment::NEVER).then(|| deadline - now))?;
        }
        source.finish(&poll, &mut sink);
        Ok(())
    }
}

impl Source {
    /// When there is something to do even if nothing arrives.
    fn deadline(&self) -> Moment {
        match self {
            Source::Senders(senders) => senders.deadline(),
            Source::Datagrams(_) => Moment::NEVER,
        }
    }

    /// Appends what has arrived before the end.
    fn finish(self, poll: &Poll, sink: &mut Sink) {
        let (until, now) = (Instant::now() + INTAKE_END_PATIENCE, now());
        let goes_on = || Instant::now() < until;
        match self {
            Source::Senders(senders) => senders.finish(poll, sink, now, goes_on),
            Source::Datagrams(datagrams) => {
                while receive(&datagrams, sink) && goes_on() {
                    sink.flush(now);
                }
                note_dropped(&datagrams, sink, now);
            }
        }
        sink.flush(now);
    }
}

/// Receives datagrams until the batch is full or there are no more; true: there may be more. Each is a line; what it
/// contains stays as it is, and a line end is added only where it has none at its end.
fn receive(datagrams: &Datagrams, sink: &mut Sink) -> bool {
    while !sink.is_full() {
        let batch = sink.batch();
        let before = batch.len();
        let Ok(length) = datagrams.receive(batch) else {
            return false;
        };
        let received = batch.len() - before;
        if received == 0 || batch.last() != Some(&b'\n') {
            batch.push(b'\n');
        }
        let tally = sink.tally();
        tally.datagrams.add(1);
        tally.bytes.add(length as u64);
        tally.cut.add(u64::from(length > received));
    }
    true
}

fn note_dropped(datagrams: &Datagrams, sink: &mut Sink, now: Moment) {
    // The kernel counts with 32 bits, which wrap.
    let before = sink.tally().dropped.get();
    #[allow(clippy::cast_possible_truncation, reason = "the low half is compared")]
    let more = datagrams.dropped().wrapping_sub(before as u32);
    if more > 0 {
        sink.tally().dropped.add(more.into());
        let why = "datagrams arrive faster than the server appends them";
        sink.lost(more.into(), why, now);
    }
}

fn now() -> Moment {
    Moment(u64::try_from(os::monotonic().as_millis()).unwrap_or(u64::MAX))
}
