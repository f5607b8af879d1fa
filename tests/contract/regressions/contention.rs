//! Many at once, or one who takes nothing.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{clock, long_directory, tick};
use crate::support::client::{Client, request};
use crate::support::harness::{Running, Server, TempDir, openrange, until};
use crate::support::machine::free_port;

#[test]
fn under_load_an_answer_is_never_older_than_its_request() {
    let dir = TempDir::with("log", "0");
    let server = Server::with(&dir, &["--threads", "1"]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut crowd: Vec<_> = (0..30).map(|_| Client::new(&server)).collect();
        let done = &done;
        scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                for client in &mut crowd {
                    client.ask("GET", "/log", &[]);
                }
                for client in &mut crowd {
                    client.response();
                }
            }
        });
        let check = scope.spawn(|| check_renames(&dir, &server));
        let result = check.join();
        done.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

/// What comes of a request in the turn in which it is answered is the critical part, so its first byte is sent before.
fn check_renames(dir: &TempDir, server: &Server) {
    let mut client = Client::new(server);
    for round in 1..=2000 {
        let contents = round.to_string();
        dir.write("new", &contents);
        let request = request("GET", "/log", &[]);
        client.send(&request[..1]);
        dir.rename("new", "log");
        client.send(&request[1..]);
        let body = client.response().body;
        assert_eq!(String::from_utf8_lossy(&body), contents, "the file before");
    }
}

#[test]
fn a_unix_client_that_takes_nothing_is_cut_though_more_is_written_all_the_time() {
    let dir = TempDir::with("log", "");
    let socket = TempDir::new();
    let address = format!("unix:{}", socket.join("s").display());
    let mut command = openrange(&["--listen", &address, "--send-timeout", "1"]);
    command.arg(dir.path());
    let server = Server::launch(command);
    let clock = clock(&dir);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    until("the cut", || {
        // Slowly, so that its socket always has room.
        dir.append("log", "record\n");
        tick(&clock);
        let lines = server.log().all();
        lines
            .iter()
            .find(|line| line.contains("client took nothing"))
            .cloned()
    });
    let (rest, _) = client.until_end();
    assert!(
        rest.ends_with(b"record\n\r\n"),
        "broken off without a last chunk"
    );
}

/// That start at the same moment.
const SERVERS: usize = 4;

#[test]
fn of_servers_that_start_together_on_a_port_one_is_up() {
    let dir = TempDir::new();
    for _ in 0..40 {
        let address = format!("127.0.0.1:{}", free_port());
        let together = Barrier::new(SERVERS);
        let mut servers = start_together(&dir, &address, &together);
        let up = |server: &Running| !server.stdout.all().is_empty();
        until("each to be up or to say why not", || {
            servers
                .iter()
                .all(|server| up(server) || refused(server))
                .then_some(())
        });
        assert_eq!(
            servers.iter().filter(|server| up(server)).count(),
            1,
            "are up"
        );
        for server in servers.iter_mut().filter(|server| !up(server)) {
            assert_eq!(server.wait().code(), Some(1));
        }
    }
}

fn start_together(dir: &TempDir, address: &str, together: &Barrier) -> Vec<Running> {
    thread::scope(|scope| {
        let start = || {
            let mut command = openrange(&["--listen", address, "--threads", "4"]);
            command.arg(dir.path());
            together.wait();
            Running::new(command)
        };
        let threads = [(); SERVERS].map(|()| scope.spawn(start));
        threads
            .map(|thread| thread.join().expect("it starts"))
            .into()
    })
}

fn refused(server: &Running) -> bool {
    let lines = server.stderr.all();
    lines.iter().any(|line| line.contains("cannot listen on"))
}

#[test]
fn long_listings_that_nobody_reads_are_limited_until_they_leave() {
    let dir = TempDir::with("log", "1234");
    long_directory(&dir, "long");
    dir.mkdir("short");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut stalled: Vec<_> = (0..16).map(|_| Client::slow(&server)).collect();
    let lengths: Vec<_> = stalled.iter_mut().map(begin_listing).collect();
    let mut client = Client::new(&server);
    assert_refused(&mut client);
    assert_eq!(client.get("/short/", &[]).status, 200);
    assert_eq!(client.get("/log", &[]).status, 200);
    // One reads to its end and stays.
    stalled[0].raw(lengths[0]);
    assert_eq!(client.get("/long/", &[]).status, 200);
    begin_listing(&mut stalled[0]);
    assert_refused(&mut client);
    // One leaves.
    drop(stalled.pop());
    until("room for a listing", || {
        (client.get("/long/", &[]).status == 200).then_some(())
    });
}

#[test]
fn a_client_that_asks_for_many_listings_at_once_holds_one() {
    let dir = TempDir::new();
    long_directory(&dir, "long");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut client = Client::new(&server);
    for method in ["HEAD", "GET"] {
        client.send(request(method, "/long/", &[]).repeat(20));
        for number in 0..20 {
            let status = match method {
                "GET" => client.response().status,
                _ => client.head().status,
            };
            assert_eq!(status, 200, "{method} {number}");
        }
    }
    let mut stalled: Vec<_> = (0..16).map(|_| Client::slow(&server)).collect();
    stalled.iter_mut().for_each(|client| {
        begin_listing(client);
    });
    assert_refused(&mut client);
}

fn begin_listing(client: &mut Client) -> usize {
    client.ask("GET", "/long/", &[]);
    let head = client.head();
    assert_eq!(head.status, 200);
    head.field("Content-Length").parse().expect("a length")
}

fn assert_refused(client: &mut Client) {
    let response = client.get("/long/", &[]);
    response.assert_error(503);
    assert!(response.field("Retry-After").parse::<u32>().is_ok());
}

/// A listing is the longest work that there is, and a client may ask for many at once.
#[test]
fn many_listings_come_one_by_one_with_others_in_between() {
    let dir = TempDir::with("log", "");
    long_directory(&dir, "long");
    let before = answers_before_another(&dir, 2, "/long/");
    assert!(before <= 1, "{before} listings came before");
}

/// The last lines are looked for in a MiB.
#[test]
fn many_starts_are_looked_for_with_others_in_between() {
    let dir = TempDir::with("log", "");
    dir.write("long", vec![b'x'; 1 << 20]);
    let before = answers_before_another(&dir, 2, "/long?lines=1");
    assert!(before <= 2, "{before} answers came before");
}

/// So many clients ask for a target again and again, then another one asks for something else, before the server sees any
/// of it: how many answers come before that of the other?
fn answers_before_another(dir: &TempDir, clients: usize, target: &str) -> usize {
    const TIMES: usize = 20;
    let server = Server::with(dir, &["--threads", "1"]);
    let mut greedy: Vec<_> = (0..clients).map(|_| Client::new(&server)).collect();
    let mut other = Client::new(&server);
    // The poller may begin with the one that it told of last: not with the other.
    for client in [&mut other].into_iter().chain(&mut greedy) {
        client.head_of("/log", &[]);
    }
    server.freeze();
    for client in &mut greedy {
        client.send(request("HEAD", target, &[]).repeat(TIMES));
    }
    other.ask("GET", "/log", &[]);
    server.thaw();
    assert_eq!(other.response().status, 200);
    server.log().wait_for(&["GET /log"]);
    let lines = server.log().all();
    let before = lines.iter().take_while(|line| !line.contains("GET /log"));
    let count = before.filter(|line| line.contains("HEAD /long")).count();
    for client in &mut greedy {
        for _ in 0..TIMES {
            assert!(matches!(client.head().status, 200 | 206));
        }
    }
    count
}
