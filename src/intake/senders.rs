//! The connections to a stream intake.

use std::os::fd::AsFd;

use log::{debug, warn};
use rustix::io::Errno;
use slab::Slab;

use super::framing::Line;
use super::sink::Sink;
use crate::limits::{ACCEPT_BURST, ACCEPT_PAUSE, INTAKE_READ, INTAKE_SILENCE};
use crate::os::epoll::{Poll, Token};
use crate::os::sockets::{Listener, NotAccepted, Stream};
use crate::readiness::Interest;
use crate::time::Moment;

/// See the module.
pub struct Senders {
    listener: Listener,
    senders: Slab<Sender>,
    most: usize,
    /// It accepts nobody before this: descriptors have run out, or the listener accepts none.
    pause: Option<Moment>,
    /// Why, as the log has said.
    told: Option<Errno>,
    buffer: Box<[u8]>,
}

struct Sender {
    stream: Stream,
    line: Line,
    /// When something came last.
    heard: Moment,
}

/// What came of a read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Received {
    Bytes,
    Nothing,
    End,
}

impl Senders {
    /// Nobody yet. `most`: how many there may be.
    #[must_use]
    pub fn new(listener: Listener, most: usize) -> Senders {
        Senders {
            listener,
            senders: Slab::new(),
            most,
            pause: None,
            told: None,
            buffer: vec![0; INTAKE_READ].into(),
        }
    }

    /// Has the listener reported.
    ///
    /// # Errors
    /// ENOSPC (fs.epoll.max_user_watches), ENOMEM.
    pub fn register(&self, poll: &Poll) -> std::io::Result<()> {
        poll.add(&self.listener, Token::Listener(0), Interest::READABLE)
    }

    /// Takes what has come from whoever is ready.
    pub fn turn(&mut self, ready: &[Token], poll: &Poll, sink: &mut Sink, now: Moment) {
        if self.pause.is_some_and(|until| until <= now) {
            self.pause = match self.register(poll) {
                Ok(()) => None,
                Err(_) => Some(now + ACCEPT_PAUSE),
            };
        }
        for token in ready {
            match *token {
                Token::Listener(_) => self.accept(poll, sink, now),
                Token::Slot(key) if self.senders.contains(key) => {
                    if self.read(key, sink, now) == Received::End {
                        self.remove(key, poll, sink, now);
                    }
                }
                Token::Slot(_) | Token::Watch => {}
            }
            if sink.is_full() {
                sink.flush(now);
            }
        }
    }

    /// When accepting goes on.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        self.pause.unwrap_or(Moment::NEVER)
    }

    fn accept(&mut self, poll: &Poll, sink: &mut Sink, now: Moment) {
        for _ in 0..ACCEPT_BURST {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    self.told = None;
                    self.add(stream, poll, sink, now);
                }
                Err(NotAccepted::NoneWaits) => return,
                Err(NotAccepted::Gone(error)) => debug!("accepting a sender failed: {error}"),
                Err(NotAccepted::NoRoom(error) | NotAccepted::Unable(error)) => {
                    if self.told.replace(error) != Some(error) {
                        let address = self.listener.address();
                        warn!("{address} accepts no senders ({error}): trying again every second");
                    }
                    self.pause = Some(now + ACCEPT_PAUSE);
                    // The poller reports some troubles whatever is asked.
                    poll.remove(self.listener.as_fd());
                    return;
                }
            }
        }
    }

    fn add(&mut self, stream: Stream, poll: &Poll, sink: &mut Sink, now: Moment) {
        if self.senders.len() >= self.most {
            sink.tally().refused.add(1);
            match self.most_silent(now) {
                Some(key) => self.remove(key, poll, sink, now),
                None => return,
            }
        }
        let entry = self.senders.vacant_entry();
        if poll
            .add(&stream, Token::Slot(entry.key()), Interest::READABLE)
            .is_err()
        {
            return sink.tally().refused.add(1);
        }
        entry.insert(Sender {
            stream,
            line: Line::default(),
            heard: now,
        });
        sink.tally().senders.set(self.senders.len() as u64);
    }

    /// The sender that it closes for a new one.
    fn most_silent(&self, now: Moment) -> Option<usize> {
        let longest = self.senders.iter().min_by_key(|(_, sender)| sender.heard);
        let (key, sender) = longest?;
        (sender.heard + INTAKE_SILENCE <= now).then_some(key)
    }

    fn read(&mut self, key: usize, sink: &mut Sink, now: Moment) -> Received {
        let sender = &mut self.senders[key];
        match sender.stream.receive(&mut self.buffer) {
            Ok(0) => Received::End,
            Ok(count) => {
                sender.heard = now;
                let cuts = sender.line.take(&self.buffer[..count], sink.batch());
                sink.tally().bytes.add(count as u64);
                sink.tally().cut.add(cuts);
                Received::Bytes
            }
            Err(Errno::AGAIN) => Received::Nothing,
            // What was reset is over as well.
            Err(_) => Received::End,
        }
    }

    fn remove(&mut self, key: usize, poll: &Poll, sink: &mut Sink, now: Moment) {
        let mut sender = self.senders.remove(key);
        poll.remove(sender.stream.as_fd());
        sender.line.finish(sink.batch());
        sink.tally().senders.set(self.senders.len() as u64);
        if sink.is_full() {
            sink.flush(now);
        }
    }

    /// Takes what has arrived, for as long as `goes_on`, and completes what was begun.
    pub fn finish(mut self, poll: &Poll, sink: &mut Sink, now: Moment, goes_on: impl Fn() -> bool) {
        self.accept(poll, sink, now);
        let mut keys: Vec<usize> = self.senders.iter().map(|(key, _)| key).collect();
        while !keys.is_empty() && goes_on() {
            keys.retain(|&key| {
                let received = self.read(key, sink, now);
                if sink.is_full() {
                    sink.flush(now);
                }
                received == Received::Bytes
            });
        }
        for (_, sender) in &mut self.senders {
            sender.line.finish(sink.batch());
            if sink.is_full() {
                sink.flush(now);
            }
        }
        sink.tally().senders.set(0);
    }
}
