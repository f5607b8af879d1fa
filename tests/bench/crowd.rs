//! Many subscribers and one publisher in one thread. Every byte that a subscriber receives is compared with what was
//! published, so loss, repetition and order are checked in full.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::dialect::{Decoder, Dialect};
use super::machine::{self, Epoll, Flags, PATIENCE};
use super::publisher::Publisher;
use super::servers::Server;
use super::site::{Site, content, record, topic};

/// Greetings that are waited for at a time.
const GREETINGS: usize = 64;
/// Edge-triggered: level-triggered asks every socket twice.
const READABLE: Flags = Flags::IN.union(Flags::RDHUP).union(Flags::ET);
const PUBLISHER: usize = usize::MAX;

/// When the next record is published.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// On a schedule, however late the last one was.
    Every(Duration),
    /// As soon as fewer than so many are not yet with all their subscribers.
    InFlight(usize),
}

/// What to publish, round robin over the topics.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub records: usize,
    pub size: usize,
    pub pace: Pace,
}

/// What came of it.
pub struct Delivered {
    /// From the first publication to the last delivery.
    pub seconds: f64,
    pub deliveries: usize,
    pub receives: usize,
    /// From just before the publication to the whole record, in µs, for each delivery.
    pub latencies: Vec<f64>,
}

struct Tail {
    socket: TcpStream,
    decoder: Decoder,
    topic: usize,
    /// Bytes of this load.
    received: usize,
}

pub struct Crowd {
    dialect: Dialect,
    /// The number of the first topic.
    first: usize,
    epoll: Epoll,
    tails: Vec<Tail>,
    publisher: Publisher,
    /// What was published in this load, for each topic.
    published: Vec<Vec<u8>>,
    subscribers: Vec<usize>,
    load: Load,
    times: Vec<Instant>,
    /// Deliveries of each record that are still to come.
    missing: Vec<usize>,
    /// The records before this one are with all.
    complete: usize,
    delivered: Delivered,
    /// Of all loads, so that no record is like another.
    number: u64,
    buffer: Vec<u8>,
}

impl Crowd {
    /// A publisher for some topics, and nobody yet.
    pub fn new(server: &Server, site: &Site, topics: Range<usize>) -> Result<Crowd, String> {
        let epoll = Epoll::new();
        let publisher = Publisher::new(server, site, topics.clone()).map_err(text)?;
        if let Some(socket) = publisher.socket() {
            let both = READABLE | Flags::OUT;
            epoll.add(socket, PUBLISHER, both).map_err(text)?;
        }
        Ok(Crowd {
            dialect: server.dialect,
            epoll,
            tails: Vec::new(),
            publisher,
            first: topics.start,
            published: vec![Vec::new(); topics.len()],
            subscribers: vec![0; topics.len()],
            load: Load {
                records: 0,
                size: usize::MAX,
                pace: Pace::InFlight(1),
            },
            times: Vec::new(),
            missing: Vec::new(),
            complete: 0,
            delivered: Delivered::default(),
            number: 0,
            buffer: vec![0; 256 * 1024],
        })
    }

    /// So many more subscribers, spread over the topics; how long each greeting took in µs, if they are waited for one
    /// by one.
    pub fn attach(
        &mut self,
        server: &Server,
        count: usize,
        one_by_one: bool,
    ) -> Result<Vec<f64>, String> {
        let end = self.tails.len() + count;
        let window = if one_by_one { 1 } else { GREETINGS };
        let mut greeted = self.tails.len();
        let mut times = Vec::new();
        while greeted < end {
            let begun = Instant::now();
            while self.tails.len() < end && self.tails.len() < greeted + window {
                self.open(server)
                    .map_err(|error| format!("subscriber {}: {error}", self.tails.len()))?;
                greeted += usize::from(!self.dialect.greets());
            }
            while self.dialect.greets() && greeted < self.tails.len() {
                greeted += self.poll_greetings()?;
            }
            if one_by_one {
                times.push(begun.elapsed().as_secs_f64() * 1e6);
            }
        }
        Ok(times)
    }

    fn open(&mut self, server: &Server) -> std::io::Result<()> {
        let index = self.tails.len();
        let name = topic(self.first + index % self.published.len());
        let mut socket = machine::connect(server.address, index)?;
        socket.write_all(&self.dialect.subscribe(&name, 0))?;
        self.epoll.add(&socket, index, READABLE)?;
        let topic = index % self.published.len();
        self.subscribers[topic] += 1;
        self.tails.push(Tail {
            socket,
            decoder: Decoder::new(self.dialect, &name),
            topic,
            received: 0,
        });
        Ok(())
    }

    fn poll_greetings(&mut self) -> Result<usize, String> {
        let greeted =
            |tails: &[Tail], index: usize| tails.get(index).is_some_and(|t| t.decoder.greeted);
        let count = self.epoll.wait(Some(PATIENCE)).map_err(text)?;
        if count == 0 {
            return Err("a subscription is not answered".into());
        }
        let mut fresh = 0;
        for i in 0..count {
            let (token, flags) = self.epoll.event(i);
            let before = greeted(&self.tails, token);
            self.ready(token, flags)?;
            fresh += usize::from(!before && greeted(&self.tails, token));
        }
        Ok(fresh)
    }

    /// Publishes one record to each topic and waits until all subscribers have it: so they are all there.
    pub fn warm_up(&mut self, pid: u32) -> Result<(), String> {
        if !self.dialect.greets() {
            machine::settle(pid);
        }
        let topics = self.published.len();
        self.run(Load {
            records: topics,
            size: 100,
            pace: Pace::InFlight(topics),
        })?;
        Ok(())
    }

    /// Publishes and waits until every subscriber has every byte.
    pub fn run(&mut self, load: Load) -> Result<Delivered, String> {
        self.begin(load);
        let start = Instant::now();
        let mut last = start;
        while self.complete < load.records {
            let wait = match load.pace {
                Pace::InFlight(window) => {
                    while self.times.len() < load.records.min(self.complete + window) {
                        self.publish().map_err(text)?;
                    }
                    PATIENCE
                }
                Pace::Every(period) => loop {
                    let sent = u32::try_from(self.times.len()).expect("few");
                    let due = start + period * sent;
                    match due.checked_duration_since(Instant::now()) {
                        _ if self.times.len() == load.records => break PATIENCE,
                        Some(wait) => break wait,
                        None => self.publish().map_err(text)?,
                    }
                },
            };
            let before = self.delivered.deliveries;
            self.poll(wait)?;
            if self.delivered.deliveries > before {
                last = Instant::now();
            } else if last.elapsed() > PATIENCE {
                let missing: usize = self.missing.iter().sum();
                return Err(format!("{missing} deliveries are missing"));
            }
        }
        let mut delivered = std::mem::take(&mut self.delivered);
        delivered.seconds = (last - start).as_secs_f64();
        Ok(delivered)
    }

    fn begin(&mut self, load: Load) {
        self.load = load;
        self.published.iter_mut().for_each(Vec::clear);
        self.tails.iter_mut().for_each(|tail| tail.received = 0);
        self.times.clear();
        self.missing.clear();
        self.complete = 0;
        self.delivered = Delivered::default();
    }

    /// One record; with one write(2) if it goes to a file.
    fn publish(&mut self) -> std::io::Result<()> {
        let topic = self.times.len() % self.published.len();
        let log = &mut self.published[topic];
        let start = log.len();
        record(self.number, self.load.size, log);
        self.number += 1;
        self.missing.push(self.subscribers[topic]);
        self.times.push(Instant::now());
        self.publisher.publish(topic, &log[start..])
    }

    /// Takes what is there to take; after a load that must be nothing.
    pub fn poll(&mut self, wait: Duration) -> Result<(), String> {
        let count = self.epoll.wait(Some(wait)).map_err(text)?;
        for i in 0..count {
            let (token, flags) = self.epoll.event(i);
            self.ready(token, flags)?;
        }
        Ok(())
    }

    fn ready(&mut self, token: usize, flags: Flags) -> Result<(), String> {
        if token == PUBLISHER {
            return self.publisher.ready(&mut self.buffer).map_err(text);
        }
        // A short read has emptied the socket, unless the end comes with it.
        while self
            .read(token)
            .map_err(|error| format!("subscriber {token}: {error}"))?
            || flags.contains(Flags::RDHUP)
        {}
        Ok(())
    }

    /// Reads once; whether there may be more.
    fn read(&mut self, index: usize) -> Result<bool, String> {
        let tail = &mut self.tails[index];
        let count = match tail.socket.read(&mut self.buffer) {
            Ok(0) => return Err("closed by the server".into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error.to_string()),
        };
        let (log, dialect) = (&self.published[tail.topic], self.dialect);
        let expected = |at: usize, payload: &[u8]| match dialect {
            // A whole file is all that such a server gives.
            Dialect::Files => content::is(at as u64, payload),
            _ => log.get(at..at + payload.len()) == Some(payload),
        };
        let before = tail.received;
        let mut same = true;
        let received = &mut tail.received;
        tail.decoder.feed(&self.buffer[..count], |payload| {
            same &= expected(*received, payload);
            *received += payload.len();
        })?;
        if !same {
            return Err(format!("wrong bytes behind offset {before}"));
        }
        if !tail.decoder.reply.is_empty() {
            let reply = std::mem::take(&mut tail.decoder.reply);
            tail.socket.write_all(&reply).map_err(text)?;
        }
        let (topic, after) = (tail.topic, tail.received);
        self.delivered.receives += 1;
        self.count(topic, before / self.load.size..after / self.load.size);
        Ok(count == self.buffer.len())
    }

    /// Records of a topic that have just become whole at one of its subscribers.
    fn count(&mut self, topic: usize, records: Range<usize>) {
        let now = Instant::now();
        for place in records {
            let record = place * self.published.len() + topic;
            self.missing[record] -= 1;
            let latency = (now - self.times[record]).as_secs_f64() * 1e6;
            self.delivered.latencies.push(latency);
            self.delivered.deliveries += 1;
        }
        while self.missing.get(self.complete) == Some(&0) {
            self.complete += 1;
        }
    }

    /// Without looking at any socket: appends one record, tells when all of it has arrived in the kernel's buffers, as
    /// far as events tell, and only then reads and compares. For this the load generator needs next to no CPU time, so
    /// that all cores are the server's. In seconds.
    pub fn unread(&mut self, size: usize) -> Result<f64, String> {
        self.begin(Load {
            records: 1,
            size,
            pace: Pace::InFlight(1),
        });
        let start = Instant::now();
        self.publish().map_err(text)?;
        let mut arrived = Vec::new();
        while arrived.len() < self.tails.len() {
            // Many at a time, instead of a wake-up for each.
            std::thread::sleep(Duration::from_millis(1));
            for i in 0..self.epoll.wait(Some(Duration::ZERO)).map_err(text)? {
                arrived.push(self.epoll.event(i));
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{} of the records have arrived", arrived.len()));
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        for (token, flags) in arrived {
            self.ready(token, flags)?;
        }
        if self.complete < 1 {
            return Err("an event came before the whole record".into());
        }
        Ok(seconds)
    }

    /// How many subscribers of a crowd for which nothing was published have been closed or have got something.
    pub fn disturbed(&mut self) -> usize {
        (0..self.tails.len())
            .filter(|&index| self.read(index).is_err())
            .count()
    }
}

impl Default for Delivered {
    fn default() -> Delivered {
        Delivered {
            seconds: 0.0,
            deliveries: 0,
            receives: 0,
            latencies: Vec::new(),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
