//! `--intake`: what arrives at sockets becomes lines of files.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::thread;

use openrange::limits::INTAKE_LINE_MAX;
use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, eventually, openrange, run};
use crate::support::machine::{in_namespace, succeeds};

/// A server with these intakes, where each one receives, and the address of its metrics.
pub(super) struct Served {
    pub(super) server: Server,
    pub(super) places: Vec<String>,
    admin: String,
}

impl Served {
    pub(super) fn with(dir: &TempDir, intakes: &[&str], options: &[&str]) -> Served {
        let mut all = vec!["--threads", "1", "--admin", "127.0.0.1:0"];
        all.extend(options);
        for intake in intakes {
            all.extend(["--intake", intake]);
        }
        Served::of(Server::with(dir, &all), intakes.len())
    }

    fn of(server: Server, intakes: usize) -> Served {
        let said = &server.running.stdout;
        let admin = said.wait_for(&["admin on http://"]);
        let admin = admin
            .trim_start_matches("admin on http://")
            .trim_end_matches('/');
        eventually("all announcements", || said.count("intake on ") == intakes);
        let lines = said.all();
        let places = lines
            .iter()
            .filter_map(|line| line.strip_prefix("intake on "));
        let place = |line: &str| {
            let (place, _) = line.split_once(" to /").expect("a file");
            place.split_once(':').expect("a scheme").1.to_owned()
        };
        let places = places.map(place).collect();
        Served {
            admin: admin.to_owned(),
            places,
            server,
        }
    }

    fn tcp(&self, index: usize) -> TcpStream {
        TcpStream::connect(&self.places[index]).expect("a listener")
    }

    fn udp(&self, index: usize) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(&self.places[index]).expect("an address");
        socket
    }

    /// What the intakes have counted, by the name of the metric; of several intakes the sum.
    fn counts(&self) -> HashMap<String, u64> {
        let response = Client::to(&self.admin).get("/metrics", &[]);
        let text = String::from_utf8(response.body).expect("text");
        let mut counts = HashMap::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("openrange_intake_") else {
                continue;
            };
            let (name, value) = rest.rsplit_once(' ').expect("a sample");
            let name = name.split('{').next().unwrap_or_default();
            *counts.entry(name.to_owned()).or_default() += value.parse::<u64>().expect("a number");
        }
        counts
    }

    pub(super) fn count(&self, name: &str) -> u64 {
        self.counts()[name]
    }
}

pub(super) fn text(dir: &TempDir, name: &str) -> String {
    String::from_utf8(fs::read(dir.join(name)).unwrap_or_default()).expect("text")
}

pub(super) fn wait_for(dir: &TempDir, name: &str, contents: &str) {
    eventually(&format!("{contents:?} in {name}"), || {
        text(dir, name) == contents
    });
}

/// Sends numbered lines in pieces that end anywhere.
fn send_lines(mut to: impl Write, sender: usize, count: usize) {
    let all: String = (0..count)
        .map(|number| format!("{sender} {number} {}\n", "x".repeat(number * 7 % 300)))
        .collect();
    let (mut rest, mut piece) = (all.as_bytes(), 1);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(piece.min(rest.len()));
        to.write_all(now).expect("a sender");
        (rest, piece) = (later, piece * 5 % 733 + 1);
    }
}

#[test]
fn whole_lines_of_concurrent_senders_never_mix() {
    const SENDERS: usize = 16;
    const LINES: usize = 300;
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in").display().to_string();
    let unix = format!("unix:{path}=/log");
    let served = Served::with(&dir, &["tcp:127.0.0.1:0=/log", &unix], &[]);
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let (served, path) = (&served, &path);
            scope.spawn(move || match sender % 2 {
                0 => send_lines(served.tcp(0), sender, LINES),
                _ => send_lines(UnixStream::connect(path).expect("unix"), sender, LINES),
            });
        }
    });
    eventually("all lines", || {
        text(&dir, "log").lines().count() == SENDERS * LINES
    });
    let mut next = [0; SENDERS];
    for line in text(&dir, "log").lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        let number = |part: usize| parts[part].parse::<usize>().expect("a number");
        let (sender, count) = (number(0), number(1));
        assert_eq!(count, next[sender], "{line}");
        assert_eq!(parts[2].len(), count * 7 % 300, "{line}");
        next[sender] += 1;
    }
    assert_eq!(served.count("lines_total"), (SENDERS * LINES) as u64);
    eventually("they are gone", || served.count("senders") == 0);
    assert_eq!(served.count("bytes_total"), text(&dir, "log").len() as u64);
}

#[test]
fn the_last_line_of_a_sender_is_completed_and_a_slow_one_holds_nobody() {
    let dir = TempDir::new();
    let served = Served::with(&dir, &["tcp:127.0.0.1:0=/log"], &[]);
    let mut slow = served.tcp(0);
    slow.write_all(b"beg").expect("a sender");
    let mut other = served.tcp(0);
    other.write_all(b"whole\n\nunfinished").expect("a sender");
    wait_for(&dir, "log", "whole\n\n");
    drop(other);
    wait_for(&dir, "log", "whole\n\nunfinished\n");
    slow.write_all(b"inning\n").expect("a sender");
    wait_for(&dir, "log", "whole\n\nunfinished\nbeginning\n");
}

#[test]
fn a_datagram_is_a_line_and_its_content_stays_as_it_is() {
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in");
    let unix = format!("unix-dgram:{}=/unix", path.display());
    let served = Served::with(&dir, &["udp:127.0.0.1:0=/udp", &unix], &[]);
    let cases: [(&[u8], &[u8]); 5] = [
        (b"plain", b"plain\n"),
        (b"ended\n", b"ended\n"),
        (b"", b"\n"),
        (b"two\nlines", b"two\nlines\n"),
        (b"\0\xff\r\n\n", b"\0\xff\r\n\n"),
    ];
    let (udp, local) = (served.udp(0), UnixDatagram::unbound().expect("a socket"));
    let mut expected = Vec::new();
    for (sent, line) in cases {
        udp.send(sent).expect("a datagram");
        local.send_to(sent, &path).expect("a datagram");
        expected.extend_from_slice(line);
    }
    for name in ["udp", "unix"] {
        eventually(name, || {
            fs::read(dir.join(name)).is_ok_and(|is| is == expected)
        });
    }
    assert_eq!(served.count("datagrams_total"), 10);
    // The largest that UDP has.
    udp.send(&[b'u'; 65507]).expect("a datagram");
    eventually("a large one", || {
        text_end(&dir, "udp") == format!("{}\n", "u".repeat(65507))
    });
    assert_eq!(served.count("cut_total"), 0);
}

/// What follows the last but one line end.
fn text_end(dir: &TempDir, name: &str) -> String {
    let bytes = fs::read(dir.join(name)).unwrap_or_default();
    let body = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let start = body.iter().rposition(|&byte| byte == b'\n');
    String::from_utf8_lossy(&bytes[start.map_or(0, |at| at + 1)..]).into_owned()
}

#[test]
fn what_is_too_long_is_cut_into_lines() {
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in").display().to_string();
    let served = Served::with(&dir, &[&format!("unix:{path}=/log")], &[]);
    let mut sender = UnixStream::connect(&path).expect("unix");
    let longest = "l".repeat(INTAKE_LINE_MAX);
    for line in [&longest, &format!("{longest}m"), &longest.repeat(2)] {
        sender.write_all(line.as_bytes()).expect("a sender");
        sender.write_all(b"\n").expect("a sender");
    }
    let expected = format!("{longest}\n{longest}\nm\n{longest}\n{longest}\n");
    eventually("all lines", || text(&dir, "log") == expected);
    assert_eq!(served.count("cut_total"), 2);
    assert_eq!(served.count("lines_total"), 5);
}

#[test]
fn lines_go_to_the_file_that_has_the_name_at_that_moment() {
    let dir = TempDir::new();
    dir.mkdir("a/b");
    let served = Served::with(&dir, &["tcp:127.0.0.1:0=/a/b/%6cog"], &[]);
    let mut sender = served.tcp(0);
    let mut say = |line: &str| sender.write_all(line.as_bytes()).expect("a sender");
    assert!(!dir.join("a/b/log").exists(), "nothing has come yet");
    say("one\n");
    wait_for(&dir, "a/b/log", "one\n");
    let mut tail = served.server.tail("/a/b/log", 0);
    say("two\n");
    tail.wait_for(8);
    dir.rename("a/b/log", "a/b/log.1");
    say("three\n");
    wait_for(&dir, "a/b/log", "three\n");
    assert_eq!(text(&dir, "a/b/log.1"), "one\ntwo\n");
    dir.remove("a/b/log");
    say("four\n");
    wait_for(&dir, "a/b/log", "four\n");
    // Somebody else appends too.
    dir.append("a/b/log", "between\n");
    say("five\n");
    wait_for(&dir, "a/b/log", "four\nbetween\nfive\n");
    assert_eq!(served.count("lost_lines_total"), 0);
}

#[test]
fn what_cannot_be_appended_is_counted_and_logged_once_in_a_while() {
    let dir = TempDir::with("log", "whole\n");
    dir.chmod("log", 0o444);
    let served = Served::with(&dir, &["udp:127.0.0.1:0=/log"], &[]);
    let sender = served.udp(0);
    for count in 1..=20 {
        sender.send(b"lost").expect("a datagram");
        eventually("it is lost", || served.count("lost_lines_total") == count);
    }
    let line = served
        .server
        .log()
        .wait_for(&["lost 1", "/log", "complete"]);
    assert!(line.contains("intake udp:127.0.0.1:"), "{line}");
    assert_eq!(served.server.log().count("intake"), 1);
    dir.chmod("log", 0o644);
    sender.send(b"here").expect("a datagram");
    wait_for(&dir, "log", "whole\nhere\n");
    assert_eq!(served.count("lines_total"), 21);
}

#[test]
fn a_full_disk_loses_lines_and_nothing_else() {
    in_namespace(
        module_path!(),
        "a_full_disk_loses_lines_and_nothing_else",
        || {
            let dir = TempDir::new();
            let place = dir.path().display().to_string();
            let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", &place];
            assert!(succeeds("mount", &mount));
            let served = Served::with(&dir, &["tcp:127.0.0.1:0=/log"], &[]);
            let mut sender = served.tcp(0);
            let line = format!("{}\n", "x".repeat(9_999));
            let mut sent = 0;
            while served.count("lost_lines_total") == 0 {
                sender.write_all(line.as_bytes()).expect("a sender");
                sent += line.len();
                // One that is only counted may come behind the roll.
                eventually("it is there, or lost", || {
                    text(&dir, "log").len() == sent || served.count("lost_lines_total") > 0
                });
            }
            assert_eq!(served.count("lines_total") * 10_000, sent as u64);
            served.server.log().wait_for(&["file system is full"]);
            let before = text(&dir, "log");
            assert!(before.lines().all(|is| is.len() == 9_999), "whole lines");
            dir.rename("log", "log.1");
            dir.remove("log.1");
            sender.write_all(b"again\n").expect("a sender");
            wait_for(&dir, "log", "again\n");
        },
    );
}

#[test]
fn what_has_arrived_before_the_end_is_written() {
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    let path = sockets.join("in").display().to_string();
    let unix = format!("unix:{path}=/unix");
    let intakes = ["tcp:127.0.0.1:0=/tcp", "udp:127.0.0.1:0=/udp", &unix];
    let served = Served::with(&dir, &intakes, &[]);
    let mut known = served.tcp(0);
    known.write_all(b"first\n").expect("a sender");
    wait_for(&dir, "tcp", "first\n");
    served.server.freeze();
    let many = "line\n".repeat(40_000);
    known.write_all(many.as_bytes()).expect("a sender");
    // Its connection was not even accepted.
    let mut new = UnixStream::connect(&path).expect("unix");
    new.write_all(b"new\nunfinished").expect("a sender");
    let udp = served.udp(1);
    for _ in 0..100 {
        udp.send(b"datagram").expect("a datagram");
    }
    served.server.running.signal(Signal::TERM);
    served.server.thaw();
    let mut server = served.server;
    assert!(server.running.wait().success());
    assert_eq!(text(&dir, "tcp"), format!("first\n{many}"));
    assert_eq!(text(&dir, "unix"), "new\nunfinished\n");
    assert_eq!(text(&dir, "udp"), "datagram\n".repeat(100));
    assert!(!sockets.join("in").exists(), "the socket file goes");
}

#[test]
fn a_socket_file_is_taken_over_only_from_the_dead() {
    let (dir, sockets) = (TempDir::new(), TempDir::new());
    for scheme in ["unix", "unix-dgram"] {
        let path = sockets.join(scheme);
        let intake = format!("{scheme}:{},mode=0620=/log", path.display());
        let mut first = Served::with(&dir, &[&intake], &[]);
        let mode = fs::metadata(&path).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o620);
        for other in ["unix", "unix-dgram"] {
            let intake = format!("{other}:{}=/log", path.display());
            let root = dir.path().display().to_string();
            let (code, said) = run(&["--listen", "127.0.0.1:0", "--intake", &intake, &root]);
            assert_eq!(code, Some(1), "{said}");
            assert!(said.contains("a server is listening there"), "{said}");
        }
        first.server.running.kill();
        assert!(path.exists());
        let second = Served::with(&dir, &[&intake], &[]);
        assert!(second.server.stop().success());
        assert!(!path.exists());
    }
}

#[test]
fn silent_senders_cost_nothing_and_their_number_is_bounded() {
    let dir = TempDir::new();
    let options = ["--admin", "127.0.0.1:0", "--intake", "tcp:127.0.0.1:0=/log"];
    // A sixteenth of them may be senders.
    let served = Served::of(Server::limited(&dir, 512, &options), 1);
    let mut senders: Vec<TcpStream> = (0..32).map(|_| served.tcp(0)).collect();
    eventually("all of them", || served.count("senders") == 32);
    let mut refused = served.tcp(0);
    assert_eq!(refused.read(&mut [0]).unwrap_or(0), 0, "an end or a reset");
    assert_eq!(served.count("refused_senders_total"), 1);
    senders[0].write_all(b"beginning").expect("a sender");
    eventually("it came", || served.count("bytes_total") == 9);
    let before = served.server.running.ticks();
    // Nothing tells of CPU that is not used.
    thread::sleep(std::time::Duration::from_secs(1));
    let spent = served.server.running.ticks() - before;
    assert!(spent <= 2, "{spent} ticks in a second");
    drop(senders.pop());
    eventually("there is room", || served.count("senders") == 31);
    let mut another = served.tcp(0);
    another.write_all(b"x\n").expect("a sender");
    wait_for(&dir, "log", "x\n");
}

#[test]
fn datagrams_that_the_kernel_drops_are_counted() {
    let dir = TempDir::new();
    let served = Served::with(&dir, &["udp:127.0.0.1:0=/log"], &[]);
    let sender = served.udp(0);
    served.server.freeze();
    let datagram = [b'd'; 8000];
    // More than the buffer can be made to hold.
    for _ in 0..4000 {
        sender.send(&datagram).expect("a datagram");
    }
    served.server.thaw();
    eventually("every datagram", || {
        let counts = served.counts();
        counts["datagrams_total"] + counts["dropped_datagrams_total"] == 4000
    });
    assert!(served.count("dropped_datagrams_total") > 0);
    served.server.log().wait_for(&["lost", "faster"]);
    let counts = served.counts();
    let expected = counts["datagrams_total"] * 8001;
    eventually("what was not dropped", || {
        fs::metadata(dir.join("log")).is_ok_and(|file| file.len() == expected)
    });
}

#[test]
fn wrong_usage_is_said_at_the_start() {
    let dir = TempDir::new();
    dir.mkdir("sub");
    let root = dir.path().display().to_string();
    let cases: [(&str, i32, &str); 10] = [
        ("tcp:0.0.0.0:0=/log", 2, "--intake-open"),
        ("udp:[::]:0=/log", 2, "--intake-open"),
        ("udp:127.0.0.1:0", 2, "expected tcp:IP:PORT=/NAME"),
        ("sctp:127.0.0.1:0=/log", 2, "expected tcp:IP:PORT=/NAME"),
        ("tcp:127.0.0.1:0=/", 2, "name"),
        ("tcp:127.0.0.1:0=/log/", 2, "name"),
        ("tcp:127.0.0.1:0=/.log", 2, "never serves"),
        ("tcp:name:0=/log", 2, "IP:PORT"),
        ("tcp:127.0.0.1:0=/none/log", 1, "/none/log"),
        ("tcp:127.0.0.1:0=/sub", 1, "not a regular file"),
    ];
    for (intake, code, why) in cases {
        let (is, said) = run(&["--listen", "127.0.0.1:0", "--intake", intake, &root]);
        assert_eq!(is, Some(code), "{intake}: {said}");
        assert!(
            said.lines().count() == 1 && said.contains(why),
            "{intake}: {said}"
        );
    }
    let open = ["tcp:0.0.0.0:0=/log"];
    let served = Served::with(&dir, &open, &["--intake-open"]);
    let port = served.places[0].rsplit_once(':').expect("a port").1;
    let mut sender = TcpStream::connect(format!("127.0.0.1:{port}")).expect("a listener");
    sender.write_all(b"x\n").expect("a sender");
    wait_for(&dir, "log", "x\n");
}

#[test]
fn nothing_is_writable_without_it() {
    // The server that only serves keeps no right to write, and that with an intake none outside of its directory.
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.mkdir("other");
    dir.symlink("../other/log", "in/log");
    let served = Served::with(&dir, &["tcp:127.0.0.1:0=/in/log"], &[]);
    let mut sender = served.tcp(0);
    sender.write_all(b"x\n").expect("a sender");
    eventually("it is lost", || served.count("lost_lines_total") == 1);
    assert!(!dir.join("other/log").exists());
    let mut plain = openrange(&["--help"]);
    let help = plain.output().expect("the binary").stdout;
    assert!(String::from_utf8_lossy(&help).contains("--intake ADDR=/NAME"));
}

#[test]
fn half_a_line_that_a_killed_server_has_left_is_a_line() {
    let dir = TempDir::with("log", "half");
    let served = Served::with(&dir, &["tcp:127.0.0.1:0=/log"], &[]);
    let mut sender = served.tcp(0);
    sender.write_all(b"whole\n").expect("a sender");
    wait_for(&dir, "log", "half\nwhole\n");
    // Later it is somebody else's.
    dir.append("log", "other");
    sender.write_all(b"whole\n").expect("a sender");
    wait_for(&dir, "log", "half\nwhole\notherwhole\n");
    // No file is left beside it, and none was there.
    let names = fs::read_dir(dir.path()).expect("a directory").count();
    assert_eq!(names, 1);
}
