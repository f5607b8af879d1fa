//! Clients that mean harm or know no better. Whatever they do, another client is served correctly meanwhile, and nothing
//! of them stays.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use openrange::limits::{HEAD_MAX, LINGER_BYTES};
use openrange::os::sockets::Peer;
use openrange::worker::admission::Admission;
use rustix::net::sockopt;

use crate::support::client::{Client, Ending};
use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::tail::{End, Tail};
use crate::support::waiting::{PATIENCE, eventually};

/// More than any buffer on the way holds.
const BIG: u64 = 64 << 20;
/// Resident memory that may come and go, in KiB: what the allocator keeps, stacks that were touched.
const SLACK: u64 = 6 << 10;

struct World {
    root: TempDir,
    server: Server,
    /// Descriptors of the server while it has no connection.
    descriptors: usize,
}

impl World {
    /// One thread, which whoever blocks it blocks for all.
    fn new(options: &[&str]) -> World {
        let root = TempDir::new();
        append(&root.join("small"), b"some bytes\n");
        append(&root.join("log"), b"");
        append(&root.join("neighbour"), b"");
        File::create(root.join("big"))
            .and_then(|file| file.set_len(BIG))
            .expect("a sparse file");
        let options = [&["--threads", "1"], options].concat();
        let server = Server::with(root.path(), &options);
        // Not before it has answered: a thread may still be starting when the address is announced.
        let mut client = server.connect();
        client.get("/none", &[]);
        let descriptors = server.running.descriptors() - 1;
        World {
            root,
            server,
            descriptors,
        }
    }

    /// Runs `attack` while a neighbour uses the server and checks all that it gets, at least 20 times. Afterwards
    /// every descriptor must come back.
    fn beside_a_neighbour<T>(&self, attack: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        let served = AtomicUsize::new(0);
        let result = thread::scope(|scope| {
            let neighbour = scope.spawn(|| self.neighbour(&done, &served));
            let result = {
                let _stop = Stop(&done);
                let result = attack();
                let served_then = served.load(Ordering::Acquire);
                eventually("20 more answers for the neighbour", || {
                    neighbour.is_finished() || served.load(Ordering::Acquire) >= served_then + 20
                });
                result
            };
            neighbour.join().expect("the neighbour is content");
            result
        });
        eventually("all descriptors back", || {
            self.server.running.descriptors() == self.descriptors
        });
        result
    }

    fn neighbour(&self, done: &AtomicBool, served: &AtomicUsize) {
        let path = self.root.join("neighbour");
        let length = fs::metadata(&path).expect("a file").len();
        let mut tail = self.server.tail("/neighbour", length);
        let mut client = self.server.connect();
        while !done.load(Ordering::Acquire) {
            append(&path, b"record\n");
            tail.wait_for(tail.body.len() + b"record\n".len());
            assert!(tail.body.ends_with(b"record\n"));
            let answer = client.get("/small", &[]);
            assert_eq!(
                (answer.status, &*answer.body),
                (200, b"some bytes\n".as_slice())
            );
            assert_eq!(self.server.get("/none", &[]).status, 404);
            served.fetch_add(1, Ordering::Release);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Memory after `attack` has been made often is what it was after it had been made once.
    fn memory_is_bounded(&self, rounds: usize, mut attack: impl FnMut()) {
        attack();
        let before = self.server.running.resident();
        for _ in 1..rounds {
            attack();
        }
        let after = self.server.running.resident();
        assert!(after < before + SLACK, "{before} KiB became {after} KiB");
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Heads byte by byte, answers byte by byte, and connections on which nothing is ever said.
#[test]
fn slow_clients() {
    let world = World::new(&[]);
    let head = b"GET /small HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    world.beside_a_neighbour(|| {
        let silent: Vec<Client> = (0..300).map(|_| world.server.connect()).collect();
        let mut slow: Vec<Client> = (0..30).map(|_| world.server.connect()).collect();
        let mut readers: Vec<Client> = (0..30).map(|_| world.server.connect()).collect();
        for (index, reader) in readers.iter_mut().enumerate() {
            sockopt::set_socket_recv_buffer_size(reader.stream(), 2048).expect("a small buffer");
            let range = if index % 2 == 0 { "none" } else { "bytes=0-" };
            reader.ask("GET", "/big", &[&format!("Range: {range}")]);
        }
        for byte in head {
            for client in &mut slow {
                client.send([*byte]);
            }
            for reader in &mut readers {
                reader.raw(1);
            }
        }
        for client in &mut slow {
            let answer = client.response();
            assert_eq!(answer.body, b"some bytes\n");
        }
        drop(silent);
    });
}

/// Neither silence nor a head that never ends is waited for longer than the header timeout.
#[test]
fn heads_that_never_end() {
    let world = World::new(&["--header-timeout", "0.5"]);
    world.beside_a_neighbour(|| {
        let mut silent: Vec<Client> = (0..50).map(|_| world.server.connect()).collect();
        let mut slow: Vec<Client> = (0..50).map(|_| world.server.connect()).collect();
        let start = Instant::now();
        for byte in b"GET /small HTTP/1.1\r\nHost: localhost\r\nX: "
            .iter()
            .chain([b'x'; 9999].iter())
        {
            let sent = slow
                .iter_mut()
                .filter_map(|client| client.try_send([*byte]).ok());
            if sent.count() == 0 || start.elapsed() > PATIENCE {
                break;
            }
            // The pace of slow clients.
            thread::sleep(Duration::from_millis(20));
        }
        for client in slow.iter_mut().chain(&mut silent) {
            // A byte that came after the answer may have made it a reset.
            if let Ok(answer) = client.try_response() {
                assert_eq!(answer.status, 408);
            }
        }
    });
    // 50 silent ones; of the slow ones at least those were told in time.
    assert!(world.server.log().count(": 408 ") >= 100);
}

/// Writes until nobody takes any more: `Err` if the connection was broken off, else the number of bytes taken.
///
/// "Nobody takes any" is so many refusals, a millisecond apart.
fn flood(client: &Client, bytes: &[u8], refusals: usize) -> Result<usize, ErrorKind> {
    let mut stream = client.stream();
    stream.set_nonblocking(true).expect("fcntl");
    let (mut taken, mut refused) = (0, 0);
    let start = Instant::now();
    while refused < refusals {
        match stream.write(bytes) {
            Ok(n) => (taken, refused) = (taken + n, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                refused += 1;
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.kind()),
        }
        assert!(start.elapsed() < PATIENCE, "takes without end");
    }
    stream.set_nonblocking(false).expect("fcntl");
    Ok(taken)
}

/// Requests behind an endless answer are kept up to one head's worth, then the client is cut.
#[test]
fn pipelining_behind_a_tail() {
    let world = World::new(&[]);
    let request = b"GET /small HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let within = request.repeat(HEAD_MAX / request.len());
    let beyond = request.repeat(4096);
    world.beside_a_neighbour(|| {
        let mut patient = world.server.tail("/log", 0);
        patient.client.stream().write_all(&within).expect("a write");
        world.memory_is_bounded(30, || {
            let mut tail = world.server.tail("/log", 0);
            assert!(breaks_off(&tail, &beyond), "it takes without end");
            assert_eq!(*tail.end(), End::Cut);
        });
        // Who kept within the limit is served still.
        append(&world.root.join("log"), b"record");
        patient.wait_for(6);
    });
    let cut = world
        .server
        .log()
        .count("too much behind an endless answer");
    assert_eq!(cut, 30);
}

fn breaks_off(tail: &Tail, bytes: &[u8]) -> bool {
    let mut stream = tail.client.stream();
    let error = (0..10_000).find_map(|_| stream.write_all(bytes).err());
    error.is_some_and(|error| error.kind() != ErrorKind::WouldBlock)
}

/// More requests at once than are answered in a turn, and one that is not whole: each is answered, in order.
#[test]
fn pipelining_with_reading() {
    let world = World::new(&[]);
    let targets = ["/small", "/none", "/dir", "/small"];
    fs::create_dir(world.root.join("dir")).expect("mkdir");
    for count in [1, 15, 16, 17, 31, 32, 33, 100, 1000] {
        let asked: Vec<&str> = targets.iter().copied().cycle().take(count).collect();
        let requests: String = asked
            .iter()
            .map(|target| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            .collect();
        let mut client = world.server.connect();
        let (whole, rest) = requests.as_bytes().split_at(requests.len() - 7);
        client.send(whole);
        for (index, target) in asked.iter().enumerate() {
            if index + 1 == count {
                client.send(rest);
            }
            let expected = match *target {
                "/small" => 200,
                "/none" => 404,
                _ => 301,
            };
            let answer = client.response();
            assert_eq!(answer.status, expected, "{index} of {count}");
        }
    }
}

/// A tail that waits behind a tail takes its place, and nothing of the first one stays: neither its descriptor, nor
/// anything that a later event of its file would take for a follower.
#[test]
fn tails_behind_a_tail() {
    let world = World::new(&[]);
    let path = |name: &str| world.root.join(name);
    world.beside_a_neighbour(|| {
        for round in 0..20 {
            let end = if round % 2 == 0 { "unlinked" } else { "sealed" };
            append(&path("first"), b"first");
            let mut tail = world.server.tail("/first", 0);
            let mut second = tail.client.stream();
            let request = b"GET /log HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-\r\n\r\n";
            second.write_all(request).expect("a request");
            tail.wait_for(b"first".len());
            if end == "sealed" {
                let sealed = fs::Permissions::from_mode(0o444);
                fs::set_permissions(path("first"), sealed).expect("chmod");
            } else {
                fs::remove_file(path("first")).expect("unlink");
            }
            assert_eq!(*tail.end(), End::Complete(end.into()), "{round}");
            let mut tail = tail.next();
            if end == "sealed" {
                fs::remove_file(path("first")).expect("unlink");
            }
            append(&path("log"), b"record");
            tail.wait_for(b"record".len() * (round + 1));
        }
    });
    assert_eq!(world.server.log().count("tail of /first ended"), 20);
}

/// What comes behind a last answer is read and dropped, so that the answer is not lost to a reset; but not all that a
/// client can send.
#[test]
fn bytes_behind_a_last_answer() {
    let world = World::new(&[]);
    let request = b"POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n";
    let block = [0; 1 << 20];
    let mut patient = world.server.connect();
    patient.send(request);
    for _ in 0..8 {
        patient.send(&block[..]);
    }
    assert_eq!(patient.response().status, 405);
    assert_eq!(patient.until_end(), (Vec::new(), Ending::Fin));

    let flooded = world.beside_a_neighbour(|| {
        let mut client = world.server.connect();
        client.send(request);
        (0..).find(|_| client.try_send(&block[..]).is_err())
    });
    // What was dropped, and what waits in buffers.
    let most = LINGER_BYTES / (1 << 20) + 32;
    assert!(flooded.is_some_and(|sent| sent <= most), "{flooded:?} MiB");
}

/// Requests whose answers nobody reads are not taken without end.
#[test]
fn pipelining_without_reading() {
    let world = World::new(&[]);
    // A refused request is the last one: what follows it is dropped, for the time of a lingering close.
    let targets = [
        ("/small", true),
        ("/big", true),
        ("/", true),
        ("/none", true),
        ("/../refused", false),
    ];
    for (target, kept_alive) in targets {
        let requests = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(1000);
        world.beside_a_neighbour(|| {
            world.memory_is_bounded(if kept_alive { 5 } else { 2 }, || {
                let client = world.server.connect();
                let refusals = if kept_alive { 100 } else { usize::MAX };
                let taken = flood(&client, requests.as_bytes(), refusals);
                assert_eq!(taken.is_ok(), kept_alive, "{target}: {taken:?}");
            });
        });
    }
}

/// What a client has done before it goes away.
type Prelude = fn(&mut Client);

const STATES: [(&str, Prelude); 12] = [
    ("connected", |_| {}),
    ("in a head", |client| {
        client.send(b"GET /small HTTP/1.1\r\nHo");
    }),
    ("asked", |client| client.ask("GET", "/small", &[])),
    ("answered", |client| {
        client.get("/small", &[]);
    }),
    ("pipelined", |client| {
        for target in ["/small", "/none", "/", "/big", "/small"] {
            client.ask("GET", target, &[]);
        }
    }),
    ("asked for much", |client| client.ask("GET", "/big", &[])),
    ("in a download", |client| {
        client.ask("GET", "/big", &[]);
        client.head();
    }),
    ("refused", |client| {
        client.ask("GET", "/%zz", &[]);
        client.head();
    }),
    ("in a body", |client| {
        let request = b"POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nbody";
        client.send(request);
        client.head();
    }),
    ("tailing", |client| {
        client.ask("GET", "/log", &["Range: bytes=0-"]);
        client.head();
    }),
    ("behind in a tail", |client| {
        client.ask("GET", "/big", &["Range: bytes=0-"]);
        client.head();
    }),
    ("pipelined behind a tail", |client| {
        client.ask("GET", "/log", &["Range: bytes=0-"]);
        client.head();
        client.ask("GET", "/small", &[]);
    }),
];

type Leave = fn(Client);

const LEAVES: [(&str, Leave); 3] = [
    ("close", drop),
    ("reset", Client::reset),
    ("half-close", |mut client| {
        client.shut();
        // To its end, whichever that is.
        let _ = client.until_end();
    }),
];

#[test]
fn clients_that_go_away() {
    let world = World::new(&[]);
    world.beside_a_neighbour(|| {
        world.memory_is_bounded(10, || {
            for (state, prelude) in STATES {
                for (how, leave) in LEAVES {
                    // Not 64 MiB each time.
                    if how == "half-close" && (state.contains("much") || state.contains("download"))
                    {
                        continue;
                    }
                    let mut client = world.server.connect();
                    prelude(&mut client);
                    leave(client);
                }
            }
        });
    });
}

/// The end of what a client sends is not the end of what it wants, but for a tail.
#[test]
fn half_closed_clients_are_answered() {
    let world = World::new(&[]);
    let ask = |targets: &[&str]| {
        let mut client = world.server.connect();
        for target in targets {
            client.ask("GET", target, &[]);
        }
        client.shut();
        client
    };
    world.beside_a_neighbour(|| {
        let mut client = ask(&["/small"]);
        assert_eq!(client.response().body, b"some bytes\n");
        assert_eq!(client.until_end(), (Vec::new(), Ending::Fin));

        let mut client = ask(&["/big"]);
        assert_eq!(client.response().body.len() as u64, BIG);
        assert_eq!(client.until_end(), (Vec::new(), Ending::Fin));

        let mut client = ask(&["/small", "/none", "/small"]);
        let statuses = [(); 3].map(|()| client.response().status);
        assert_eq!(statuses, [200, 404, 200]);
        assert_eq!(client.until_end(), (Vec::new(), Ending::Fin));

        let before = world.server.log().count("client left");
        let client = world.server.tail("/log", 0);
        client.client.shut();
        eventually("a tail that ends", || {
            world.server.log().count("client left") > before
        });
    });
}

/// Thousands who come and go.
#[test]
fn quick_connects() {
    let world = World::new(&[]);
    world.beside_a_neighbour(|| {
        world.memory_is_bounded(4, || {
            for count in 0..1000 {
                let client = world.server.connect();
                if count % 2 == 0 {
                    client.reset();
                }
            }
        });
    });
}

fn peer(address: &str) -> Peer {
    let address: IpAddr = address.parse().expect("an address");
    Peer::Ip(address, 1)
}

/// `--max-connections-per-address`; loopback and unix sockets, which tests have, are excepted.
#[test]
fn connections_of_one_address() {
    let admission = Admission::new(12, Some(2));
    let cases = [
        ("192.0.2.1", true),
        ("192.0.2.1", true),
        ("192.0.2.1", false),
        ("192.0.2.2", true),
        // A network of IPv6 is one client.
        ("2001:db8::1", true),
        ("2001:db8::ffff:1:2:3", true),
        ("2001:db8::2", false),
        ("2001:db8:0:1::2", true),
        ("127.0.0.1", true),
        ("127.0.0.1", true),
        ("127.0.0.1", true),
        ("::1", true),
    ];
    for (address, admitted) in cases {
        assert_eq!(admission.admit(peer(address)), admitted, "{address}");
    }
    assert!(admission.admit(Peer::Unix));
    // Ten by address and one by unix socket. One more fits, then nobody does.
    admission.release(peer("192.0.2.1"));
    assert!(
        admission.admit(peer("192.0.2.1")),
        "its place is free again"
    );
    assert!(!admission.admit(peer("192.0.2.1")));
    assert!(admission.admit(peer("192.0.2.9")));
    assert!(!admission.admit(peer("198.51.100.1")), "above all limits");
    assert!(!admission.admit(Peer::Unix));
    admission.release(Peer::Unix);
    assert!(admission.admit(peer("198.51.100.1")));
}
