//! The limit: the least that a server can do with the same system calls. No HTTP, no timeouts, no looking after names,
//! hardly any state: the files are opened once, whoever connects to the first address follows one of them, whoever
//! connects to the second gets a whole file for whatever it sends.
//!
//! A process of its own, so that its CPU time is measured like that of every other server: this very program, started
//! with the first argument `bare`.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::inotify;
use rustix::net::{AddressFamily, SendFlags, SocketType, bind, listen, send, socket, sockopt};

use super::machine::{Epoll, Flags, set_not_sent_low};

/// Largest piece of a file in one call; as in the server.
const PIECE: usize = 256 * 1024;
/// Up to here a file is read and sent, above it goes by sendfile(2); as in the server.
const COPY_MAX: u64 = 64 * 1024;
/// As in the server.
const NOT_SENT_LOW: i32 = 64 * 1024;
const BACKLOG: i32 = 4096;

const FOLLOW: usize = 0;
const ANSWER: usize = 1;
const CHANGED: usize = 2;
const FIRST: usize = 3;

/// A file and those that follow it.
struct Topic {
    file: File,
    sent: u64,
    followers: Vec<usize>,
}

enum Client {
    Follower(TcpStream),
    /// With the offset in an answer under way.
    Asker(TcpStream, Option<u64>),
    Gone,
}

struct Bare {
    epoll: Epoll,
    listeners: [TcpListener; 2],
    watch: OwnedFd,
    topics: Vec<Topic>,
    /// Watch descriptors are small numbers in order.
    topic_of_watch: Vec<usize>,
    answer: Option<(File, u64)>,
    clients: Vec<Client>,
    tails_each: usize,
    accepted: usize,
    sendfile: bool,
    buffer: Vec<u8>,
}

/// Arguments: how many workers; `send` or `sendfile`; the file to answer with or `-`; how many connections in a row
/// follow the same file; the files to follow.
pub fn run(arguments: impl Iterator<Item = String>) -> ! {
    super::machine::raise_descriptors(0);
    let arguments: Vec<String> = arguments.collect();
    let workers: usize = arguments[0].parse().expect("a number");
    let first = [0, 0].map(listener);
    let addresses = [FOLLOW, ANSWER].map(|i| first[i].local_addr().expect("an address"));
    for _ in 1..workers {
        let listeners = addresses.map(|address| listener(address.port()));
        let arguments = arguments.clone();
        std::thread::spawn(move || Bare::new(&arguments[1..], listeners).serve());
    }
    println!("{} {}", addresses[FOLLOW], addresses[ANSWER]);
    Bare::new(&arguments[1..], first).serve()
}

/// Among those of one port the kernel spreads the connections.
fn listener(port: u16) -> TcpListener {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_socket_reuseport(&socket, true).expect("an option");
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port))).expect("a port");
    listen(&socket, BACKLOG).expect("a listener");
    // What is set here is inherited.
    sockopt::set_tcp_nodelay(&socket, true).expect("an option");
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).expect("an option");
    listener
}

impl Bare {
    fn new(arguments: &[String], listeners: [TcpListener; 2]) -> Bare {
        let [way, answer, tails_each, topics @ ..] = arguments else {
            panic!("too few arguments");
        };
        let open = |name: &String| {
            let file = File::open(name).expect("a file to answer with");
            let length = file.metadata().expect("its length").len();
            (file, length)
        };
        let mut bare = Bare {
            epoll: Epoll::new(),
            listeners,
            watch: inotify::init(inotify::CreateFlags::NONBLOCK).expect("inotify"),
            topics: Vec::new(),
            topic_of_watch: Vec::new(),
            answer: Some(answer).filter(|name| *name != "-").map(open),
            clients: Vec::new(),
            tails_each: tails_each.parse().expect("a number"),
            accepted: 0,
            sendfile: way == "sendfile",
            buffer: vec![0; 1 << 20],
        };
        topics.iter().for_each(|path| bare.follow(Path::new(path)));
        // Not for followers, which must not wait for room.
        set_not_sent_low(&bare.listeners[ANSWER], NOT_SENT_LOW).expect("an option");
        for (token, source) in bare.listeners.iter().enumerate() {
            let added = bare.epoll.add(source, token, Flags::IN);
            added.expect("a listener");
        }
        let added = bare.epoll.add(&bare.watch, CHANGED, Flags::IN);
        added.expect("inotify");
        bare
    }

    fn follow(&mut self, path: &Path) {
        let file = File::open(path).expect("a file to follow");
        let wd =
            inotify::add_watch(&self.watch, path, inotify::WatchFlags::MODIFY).expect("a watch");
        let wd = usize::try_from(wd).expect("a watch");
        self.topic_of_watch.resize(wd + 1, usize::MAX);
        self.topic_of_watch[wd] = self.topics.len();
        self.topics.push(Topic {
            sent: file.metadata().expect("its length").len(),
            file,
            followers: Vec::new(),
        });
    }

    fn serve(mut self) -> ! {
        loop {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let count = self.epoll.wait(None).expect("epoll");
        for i in 0..count {
            let (token, flags) = self.epoll.event(i);
            match token {
                FOLLOW | ANSWER => self.accept(token),
                CHANGED => self.changed(),
                _ if flags.intersects(Flags::RDHUP | Flags::HUP | Flags::ERR) => {
                    self.clients[token - FIRST] = Client::Gone;
                }
                _ => self.answer(token),
            }
        }
    }

    fn accept(&mut self, which: usize) {
        while let Ok((stream, _)) = self.listeners[which].accept() {
            let token = FIRST + self.clients.len();
            let flags = if which == FOLLOW {
                Flags::RDHUP
            } else {
                stream.set_nonblocking(true).expect("an option");
                Flags::IN | Flags::RDHUP
            };
            self.epoll.add(&stream, token, flags).expect("a client");
            self.clients.push(if which == FOLLOW {
                let topic = (self.accepted / self.tails_each).min(self.topics.len() - 1);
                self.accepted += 1;
                self.topics[topic].followers.push(self.clients.len());
                // Blocking, so that there is nothing to remember of it.
                Client::Follower(stream)
            } else {
                Client::Asker(stream, None)
            });
        }
    }

    fn changed(&mut self) {
        let mut room = [std::mem::MaybeUninit::uninit(); 4096];
        let mut changed = Vec::new();
        let mut events = inotify::Reader::new(&self.watch, &mut room);
        while let Ok(event) = events.next() {
            changed.push(self.topic_of_watch[usize::try_from(event.wd()).expect("a watch")]);
            if events.is_buffer_empty() {
                break; // What else there is, epoll tells again.
            }
        }
        for topic in changed {
            self.pump(topic);
        }
    }

    /// One read, and one send to each follower.
    fn pump(&mut self, topic: usize) {
        let topic = &mut self.topics[topic];
        loop {
            let read = topic.file.read_at(&mut self.buffer, topic.sent);
            let length = read.expect("a readable file");
            for &follower in &topic.followers {
                let Client::Follower(stream) = &self.clients[follower] else {
                    continue;
                };
                if self.sendfile {
                    let (mut at, end) = (topic.sent, topic.sent + length as u64);
                    while at < end {
                        let left = usize::try_from(end - at).expect("short");
                        match rustix::fs::sendfile(stream, &topic.file, Some(&mut at), left) {
                            Ok(sent) if sent > 0 => {}
                            _ => break,
                        }
                    }
                } else {
                    // Whoever has gone will be noticed.
                    let _ = send(stream, &self.buffer[..length], SendFlags::NOSIGNAL);
                }
            }
            topic.sent += length as u64;
            if length < self.buffer.len() {
                return;
            }
        }
    }

    /// Reads what was asked or goes on with what was begun.
    fn answer(&mut self, token: usize) {
        let Client::Asker(stream, offset) = &mut self.clients[token - FIRST] else {
            return;
        };
        let (file, length) = self.answer.as_ref().expect("a file to answer with");
        let begun = offset.is_some();
        if !begun && !matches!((&*stream).read(&mut self.buffer), Ok(1..)) {
            return;
        }
        let mut at = offset.unwrap_or(0);
        if *length <= COPY_MAX {
            let read = file.read_at(&mut self.buffer, 0).expect("a readable file");
            let _ = send(&*stream, &self.buffer[..read], SendFlags::NOSIGNAL);
            at = *length;
        } else {
            // An error is EAGAIN, or is told by epoll.
            let _ = rustix::fs::sendfile(&*stream, file, Some(&mut at), PIECE);
        }
        *offset = (at < *length).then_some(at);
        let flags = match (begun, *offset) {
            (false, Some(_)) => Flags::OUT | Flags::RDHUP,
            (true, None) => Flags::IN | Flags::RDHUP,
            _ => return,
        };
        self.epoll.modify(&*stream, token, flags).expect("a client");
    }
}
