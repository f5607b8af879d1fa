//! The limit of appending: read, write(2) with O_APPEND, send. No HTTP, no names, no locks, no timeouts: what a connection
//! sends is taken for records of one size, which go round robin to the files that are open.
//!
//! A process of its own, like the other bare loop: this program, started with the first argument `bare-append`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::machine::{Epoll, Flags, own_cpu_time, pin};
use super::producers::Acknowledged;
use super::site::{Site, record, topic};

/// Records that one fdatasync(2) may acknowledge.
pub const BATCH: usize = 256;
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const LISTENER: usize = 0;
const FIRST: usize = 1;

struct Bare {
    epoll: Epoll,
    listener: TcpListener,
    clients: Vec<TcpStream>,
    files: Vec<File>,
    /// Records so far.
    count: usize,
    size: usize,
    fsync: bool,
    /// Those whose records are not on disk yet.
    waiting: Vec<usize>,
    written: Vec<usize>,
    buffer: Vec<u8>,
}

/// Arguments: `fsync` or `-`; the size of a record; the files.
pub fn run(arguments: impl Iterator<Item = String>) -> ! {
    super::machine::raise_descriptors(0);
    let arguments: Vec<String> = arguments.collect();
    let [fsync, size, files @ ..] = &arguments[..] else {
        panic!("too few arguments");
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.set_nonblocking(true).expect("an option");
    println!("{}", listener.local_addr().expect("an address"));
    let open = |name: &String| OpenOptions::new().append(true).open(name).expect("a file");
    let size = size.parse().expect("a number");
    let mut bare = Bare {
        epoll: Epoll::new(),
        listener,
        clients: Vec::new(),
        files: files.iter().map(open).collect(),
        count: 0,
        size,
        fsync: fsync == "fsync",
        waiting: Vec::new(),
        written: Vec::new(),
        buffer: vec![0; size],
    };
    let added = bare.epoll.add(&bare.listener, LISTENER, Flags::IN);
    added.expect("a listener");
    loop {
        // What is there already goes into the same batch.
        let wait = (!bare.waiting.is_empty()).then_some(Duration::ZERO);
        let count = bare.epoll.wait(wait).expect("epoll");
        for i in 0..count {
            let (token, _) = bare.epoll.event(i);
            match token {
                LISTENER => bare.accept(),
                _ => bare.append(token - FIRST),
            }
        }
        if count == 0 || bare.waiting.len() >= BATCH {
            bare.commit();
        }
    }
}

impl Bare {
    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).expect("an option");
            stream.set_nodelay(true).expect("an option");
            let token = FIRST + self.clients.len();
            self.epoll.add(&stream, token, Flags::IN).expect("a client");
            self.clients.push(stream);
        }
    }

    fn append(&mut self, index: usize) {
        let stream = &mut self.clients[index];
        let Ok(count @ 1..) = stream.read(&mut self.buffer) else {
            return;
        };
        if count < self.size && !read_rest(stream, &mut self.buffer[count..]) {
            return;
        }
        let file = self.count % self.files.len();
        self.count += 1;
        self.files[file].write_all(&self.buffer).expect("space");
        if self.fsync {
            self.waiting.push(index);
            self.written.push(file);
        } else {
            // Whoever has gone does not matter.
            let _ = stream.write(ANSWER);
        }
    }

    fn commit(&mut self) {
        self.written.sort_unstable();
        self.written.dedup();
        for file in self.written.drain(..) {
            self.files[file].sync_data().expect("a disk");
        }
        for index in self.waiting.drain(..) {
            let _ = self.clients[index].write(ANSWER);
        }
    }
}

/// A record rarely comes in two pieces: then the rest of it is waited for.
fn read_rest(stream: &mut TcpStream, rest: &mut [u8]) -> bool {
    stream.set_nonblocking(false).expect("an option");
    let read = stream.read_exact(rest);
    stream.set_nonblocking(true).expect("an option");
    read.is_ok()
}

/// Without any network: one thread on this core appends records to a file, with one fdatasync(2) for each [`BATCH`].
pub fn batches(site: &Site, core: usize, size: usize, time: Duration) -> (Acknowledged, f64) {
    let run = || {
        pin(&[core]);
        let mut file = site.appender(&topic(0));
        let mut bytes = Vec::new();
        let mut acknowledged = Acknowledged::default();
        let (start, before) = (Instant::now(), own_cpu_time());
        while start.elapsed() < time {
            let begun = Instant::now();
            for number in 0..BATCH {
                bytes.clear();
                record((acknowledged.records + number) as u64, size, &mut bytes);
                file.write_all(&bytes).expect("space");
            }
            file.sync_data().expect("a disk");
            acknowledged.records += BATCH;
            acknowledged
                .latencies
                .push(begun.elapsed().as_secs_f64() * 1e6);
        }
        acknowledged.seconds = start.elapsed().as_secs_f64();
        (acknowledged, (own_cpu_time() - before).as_secs_f64())
    };
    std::thread::scope(|scope| scope.spawn(run).join().expect("no panic"))
}
