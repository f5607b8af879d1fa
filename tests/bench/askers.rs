//! Connections that ask for a file again and again, one request at a time each, and check every byte of the answers.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::dialect::{Decoder, Dialect, get};
use super::machine::{self, Epoll, Flags, PATIENCE};
use super::site::content;

const READABLE: Flags = Flags::IN.union(Flags::RDHUP).union(Flags::ET);

/// When to stop.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    /// After so many whole answers.
    Answers(usize),
    /// When somebody says so.
    Told(&'a AtomicBool),
}

/// What came.
#[derive(Debug)]
pub struct Answered {
    pub seconds: f64,
    pub answers: usize,
    pub bytes: u64,
}

struct Asker {
    socket: TcpStream,
    decoder: Decoder,
    /// Bytes of the answer under way.
    received: u64,
    /// Whole answers.
    answers: u64,
}

pub struct Askers {
    dialect: Dialect,
    length: u64,
    request: Vec<u8>,
    epoll: Epoll,
    askers: Vec<Asker>,
    buffer: Vec<u8>,
    started: usize,
    answered: Answered,
}

impl Askers {
    /// `dialect` decides how: whole files, or [`Dialect::Ranges`]: tails from the beginning, which do not end, but count
    /// as answered when `length` bytes have come.
    pub fn connect(
        to: SocketAddr,
        dialect: Dialect,
        target: &str,
        length: u64,
        count: usize,
    ) -> std::io::Result<Askers> {
        let request = match dialect {
            Dialect::Bare | Dialect::Files => get(target, ""),
            _ => dialect.subscribe(target, 0),
        };
        let epoll = Epoll::new();
        let mut askers = Vec::new();
        for token in 0..count {
            let socket = machine::connect(to, token)?;
            epoll.add(&socket, token, READABLE)?;
            askers.push(Asker {
                socket,
                decoder: Decoder::new(dialect, target),
                received: 0,
                answers: 0,
            });
        }
        Ok(Askers {
            dialect,
            length,
            request,
            epoll,
            askers,
            buffer: vec![0; 256 * 1024],
            started: 0,
            answered: Answered::default(),
        })
    }

    /// All ask, and ask again when they are answered.
    pub fn run(&mut self, until: Until) -> Result<Answered, String> {
        let start = Instant::now();
        self.answered = Answered::default();
        self.started = 0;
        for token in 0..self.askers.len() {
            self.ask(token, until)?;
        }
        loop {
            match until {
                Until::Answers(wanted) if self.answered.answers >= wanted => break,
                Until::Told(told) if told.load(Ordering::Relaxed) => break,
                _ => {}
            }
            // Somebody may tell us while nothing happens.
            let wait = match until {
                Until::Answers(_) => PATIENCE,
                Until::Told(_) => Duration::from_millis(100),
            };
            let count = self
                .epoll
                .wait(Some(wait))
                .map_err(|error| error.to_string())?;
            if count == 0 && wait == PATIENCE {
                return Err(format!(
                    "nothing came after {} answers",
                    self.answered.answers
                ));
            }
            for i in 0..count {
                let (token, flags) = self.epoll.event(i);
                let again = |more: bool| more || flags.contains(Flags::RDHUP);
                while again(self.read(token, until)?) {}
            }
        }
        self.answered.seconds = start.elapsed().as_secs_f64();
        Ok(std::mem::take(&mut self.answered))
    }

    fn ask(&mut self, token: usize, until: Until) -> Result<(), String> {
        if matches!(until, Until::Answers(wanted) if self.started >= wanted) {
            return Ok(());
        }
        self.started += 1;
        let asked = self.askers[token].socket.write_all(&self.request);
        asked.map_err(|error| format!("client {token}: {error}"))
    }

    /// Reads once; whether there may be more.
    fn read(&mut self, token: usize, until: Until) -> Result<bool, String> {
        let wrong = |what: &str| Err(format!("client {token}: {what}"));
        let asker = &mut self.askers[token];
        let count = match asker.socket.read(&mut self.buffer) {
            Ok(0) => return wrong("closed by the server"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return wrong(&error.to_string()),
        };
        let mut same = true;
        let received = &mut asker.received;
        let fed = asker.decoder.feed(&self.buffer[..count], |payload| {
            same &= content::is(*received, payload);
            *received += payload.len() as u64;
            self.answered.bytes += payload.len() as u64;
        });
        if let Err(what) = fed {
            return wrong(&what);
        }
        if !same || asker.received > self.length {
            return wrong(&format!("wrong bytes before offset {}", asker.received));
        }
        if asker.received == self.length {
            asker.answers += 1;
            if self.dialect == Dialect::Files && asker.decoder.answers != asker.answers {
                return wrong("the answer has another length than was announced");
            }
            asker.received = 0;
            self.answered.answers += 1;
            self.ask(token, until)?;
        }
        Ok(count == self.buffer.len())
    }
}

impl Default for Answered {
    fn default() -> Answered {
        Answered {
            seconds: 0.0,
            answers: 0,
            bytes: 0,
        }
    }
}
