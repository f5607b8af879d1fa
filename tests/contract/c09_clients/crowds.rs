//! Many clients, and more of them than there is room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, until};
use crate::support::source::Source;

/// Raises our own limit; whether so many descriptors can be had.
pub fn room_for(descriptors: u64) -> bool {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let enough = maximum.is_none_or(|maximum| maximum >= descriptors);
    if enough {
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: maximum,
                maximum,
            },
        );
    } else {
        eprintln!("skipped: fewer than {descriptors} descriptors");
    }
    enough
}

#[test]
fn a_thousand_tails_of_one_file_all_get_an_append_and_the_end() {
    if !room_for(2100) {
        return;
    }
    let dir = TempDir::with("log", "one");
    let server = Server::with(&dir, &["--threads", "2"]);
    let mut clients: Vec<_> = (0..1000).map(|_| Client::new(&server)).collect();
    for client in &mut clients {
        client.ask("GET", "/log", &["Range: bytes=3-"]);
    }
    for client in &mut clients {
        assert_eq!(client.head().status, 206);
    }
    for round in ["two", "three"] {
        dir.append("log", round);
        for client in &mut clients {
            assert_eq!(client.take(round.len()), round.as_bytes());
        }
    }
    dir.append("log", "last");
    dir.remove("log");
    for client in &mut clients {
        assert_eq!(client.rest().0, b"last");
    }
}

/// Streams that came at different places, beside tails, through an append that is no line yet, a truncation, a roll and the
/// end of one that reads nothing meanwhile: each gets each line once, and all get the same places.
#[test]
fn event_streams_of_one_file_all_get_the_same_events() {
    let dir = TempDir::with("log", "0\n");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut sources: Vec<Source> = Vec::new();
    let mut tails: Vec<Client> = Vec::new();
    let mut lines = vec!["0".to_owned()];
    let mut length = 2;
    for round in 1..20 {
        let mut source = Source::open(&server, "/log", None);
        source.expect(&lines.iter().map(|line| &**line).collect::<Vec<_>>());
        sources.push(source);
        let mut tail = Client::new(&server);
        tail.tail("/log", &[&format!("Range: bytes={length}-")]);
        tails.push(tail);
        let line = format!("{round}, a line that comes in two pieces");
        let (first, second) = line.split_at(round);
        let second = format!("{second}\n");
        for piece in [first, &second] {
            dir.append("log", piece);
            for tail in &mut tails {
                assert_eq!(tail.take(piece.len()), piece.as_bytes());
            }
        }
        length += line.len() + 1;
        let events: Vec<_> = sources.iter_mut().map(Source::next).collect();
        assert_eq!(events[0].data, line);
        assert!(events.iter().all(|event| *event == events[0]), "{events:?}");
        lines.push(line);
    }
    // Who comes in the middle of a line is told of the next one.
    dir.append("log", "the line of ");
    for tail in &mut tails {
        tail.take("the line of ".len());
    }
    let (tag, _) = sources[0].id.split_once('-').expect("a tag and an offset");
    let middle = format!("{tag}-{}", length + "the line of ".len());
    sources.push(Source::open(&server, "/log", Some(&middle)));
    dir.append("log", "all others\nand of all\n");
    let (last, others) = sources.split_last_mut().expect("streams");
    last.expect(&["and of all"]);
    for source in others {
        source.expect(&["the line of all others", "and of all"]);
    }
    // Whoever comes back with the place of one of them gets what is behind it.
    let last = sources[0].id.clone();
    sources.push(Source::open(&server, "/log", Some(&last)));
    drop(sources.remove(0));
    dir.append("log", "one more\n");
    sources
        .iter_mut()
        .for_each(|source| source.expect(&["one more"]));
    dir.rename("log", "log.1");
    dir.write("log", "another\n");
    for source in &mut sources {
        assert!(source.expect_kind("roll").contains("renamed"));
        source.expect(&["another"]);
    }
    dir.write("log", "");
    for source in &mut sources {
        source.expect_kind("truncate");
    }
    for line in ["new", "newer"] {
        dir.append("log", format!("{line}\n"));
        sources.iter_mut().for_each(|source| source.expect(&[line]));
    }
}

#[test]
fn tails_of_many_files_each_get_their_own() {
    let dir = TempDir::new();
    let names: Vec<_> = (0..200).map(|number| format!("log{number}")).collect();
    for name in &names {
        dir.write(name, "");
    }
    let server = Server::with(&dir, &["--threads", "2"]);
    let mut clients: Vec<_> = names
        .iter()
        .map(|name| {
            let mut client = Client::new(&server);
            client.tail(&format!("/{name}"), &["Range: bytes=0-"]);
            client
        })
        .collect();
    for name in &names {
        dir.append(name, name);
    }
    for name in names.iter().filter(|name| name.ends_with('0')) {
        dir.remove(name);
    }
    for (name, client) in names.iter().zip(&mut clients) {
        assert_eq!(client.take(name.len()), name.as_bytes());
        if name.ends_with('0') {
            assert_eq!(client.rest().0, b"");
        }
    }
}

/// Connects until it is not told that there is no room.
fn admitted(server: &Server) -> Client {
    until("room for another client", || {
        let mut client = Client::new(server);
        // The answer may come, and the connection end, before there is a request.
        let _ = client.try_send(crate::support::client::request("GET", "/log", &[]));
        let head = client.head();
        let length = head.field("Content-Length").parse().expect("a length");
        client.raw(length);
        (head.status != 503).then_some(client)
    })
}

#[test]
fn over_the_limit_is_503_until_somebody_leaves() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--max-connections", "3", "--threads", "2"]);
    let mut clients: Vec<_> = (0..3).map(|_| Client::new(&server)).collect();
    for client in &mut clients {
        assert_eq!(client.get("/log", &[]).status, 200);
    }
    for _ in 0..5 {
        let mut refused = Client::new(&server);
        let response = refused.response();
        response.assert_error(503);
        assert!(response.field("Retry-After").parse::<u32>().is_ok());
        assert_eq!(response.field("Connection"), "close");
        refused.assert_closed();
    }
    assert_eq!(
        clients[0].get("/log", &[]).status,
        200,
        "who is there stays"
    );
    clients.pop();
    clients.push(admitted(&server));
    let mut refused = Client::new(&server);
    refused.response().assert_error(503);
}

#[test]
fn a_tail_whose_client_closes_or_half_closes_makes_room_at_once() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--max-connections", "1"]);
    let leave: [fn(Client) -> Option<Client>; 2] = [
        |client| {
            drop(client);
            None
        },
        |client| {
            client.shut();
            Some(client)
        },
    ];
    for leave in leave {
        let mut client = admitted(&server);
        client.tail("/log", &["Range: bytes=0-"]);
        assert_eq!(client.take(1), b"x");
        let half_closed = leave(client);
        drop(admitted(&server));
        if let Some(mut client) = half_closed {
            let (rest, _) = client.until_end();
            assert_eq!(rest, b"", "no zero chunk, as it is not the end");
        }
    }
    // In the middle of a backlog as well.
    dir.write("large", "");
    dir.resize("large", 64 << 20);
    let mut client = until("room", || {
        let mut client = Client::slow(&server);
        client.ask("GET", "/large", &["Range: bytes=0-"]);
        (client.head().status == 206).then_some(client)
    });
    client.take(1);
    client.shut();
    drop(admitted(&server));
}

#[test]
fn out_of_descriptors_the_server_keeps_serving_and_recovers() {
    let dir = TempDir::with("log", "one");
    let server = Server::limited(&dir, 30, &["--max-connections", "10000"]);
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    let mut kept = Client::new(&server);
    assert_eq!(kept.get("/log", &[]).status, 200);
    let crowd: Vec<_> = (0..60).map(|_| Client::new(&server)).collect();
    server.log().wait_for(&["cannot accept"]);
    assert_eq!(tail.take(3), b"one");
    for round in ["two", "three"] {
        dir.append("log", round);
        assert_eq!(tail.take(round.len()), round.as_bytes());
    }
    let response = kept.get("/log", &[]);
    assert!([200, 503].contains(&response.status), "{:?}", response.head);
    drop(crowd);
    assert_eq!(admitted(&server).get("/log", &[]).status, 200);
    // A 503 for want of descriptors closes its connection.
    if response.status == 503 {
        kept.assert_closed();
        kept = admitted(&server);
    }
    assert_eq!(kept.get("/log", &[]).status, 200);
}

/// Clock ticks of processor time that a process has used.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("stat");
    let fields: Vec<_> = stat
        .rsplit(") ")
        .next()
        .expect("fields")
        .split(' ')
        .collect();
    fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
}

#[test]
fn out_of_descriptors_the_server_does_not_spin() {
    let dir = TempDir::with("log", "one");
    let server = Server::limited(&dir, 30, &["--max-connections", "10000"]);
    let crowd: Vec<_> = (0..60).map(|_| Client::new(&server)).collect();
    server.log().wait_for(&["cannot accept"]);
    let before = ticks(server.running.id());
    // A second passes while another server waits for a head. Spinning would use up to 100 ticks in it.
    let clock = Server::with(&dir, &["--header-timeout", "1"]);
    Client::new(&clock).response().assert_error(408);
    let used = ticks(server.running.id()) - before;
    assert!(used < 20, "{used} ticks for nothing");
    drop(crowd);
}

#[test]
fn a_stalled_client_delays_nobody() {
    let dir = TempDir::with("large", "");
    dir.resize("large", 64 << 20);
    dir.write("log", "");
    let server = Server::with(&dir, &["--threads", "1"]);
    let stalled: Vec<_> = (0..20)
        .map(|number| {
            let mut client = Client::slow(&server);
            client.ask(
                "GET",
                "/large",
                if number % 2 == 0 {
                    &[]
                } else {
                    &["Range: bytes=0-"]
                },
            );
            client.head();
            client
        })
        .collect();
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    for round in 0..100 {
        dir.append("log", "x");
        assert_eq!(client.take(1), b"x", "{round}");
    }
    drop(stalled);
}

#[test]
fn a_client_that_floods_behind_a_tail_is_cut_off_and_others_are_not() {
    let dir = TempDir::with("log", "x");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut good = Client::new(&server);
    good.tail("/log", &["Range: bytes=0-"]);
    let mut bad = Client::new(&server);
    bad.tail("/log", &["Range: bytes=1-"]);
    // Holding all of it would be memory that grows. Some bound must make it stop: reading no more, or a cut.
    let mut sent = 0;
    while sent < 64 << 20 && bad.try_send(request_of_64_kib()).is_ok() {
        sent += 64 * 1024;
    }
    assert!(sent < 64 << 20, "it takes whatever comes");
    dir.append("log", "y");
    assert_eq!(good.take(2), b"xy");
    assert_eq!(bad.until_end().0, b"", "no zero chunk");
}

fn request_of_64_kib() -> Vec<u8> {
    crate::support::client::request("GET", "/log", &[])
        .repeat(64 * 1024 / 36 + 1)
        .into_bytes()
}
