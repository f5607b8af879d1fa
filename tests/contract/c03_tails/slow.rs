//! Slow tails of one file, each at a place of its own: what is read for one of them may hold what another one needs.

use crate::support::client::Client;
use crate::support::harness::{Server, TempDir, pattern};

/// More than a socket takes for a client that does not read, less than one long copy.
const FIRST: usize = 200_000;
/// Several of these together as well.
const ROUND: usize = 70_000;
const ROUNDS: usize = 24;

#[test]
fn tails_that_pause_and_go_on_each_get_their_bytes() {
    let all = pattern(FIRST + ROUNDS * ROUND);
    let (first, later) = all.split_at(FIRST);
    let dir = TempDir::with("log", first);
    let server = Server::with(&dir, &["--threads", "1"]);
    // Whoever begins in front of another one goes on with bytes that stand where that one's frame was.
    let starts = [0, 1000, 0, 1000, 0, 1000, 0, 1000];
    let mut clients = starts.map(|_| Client::slow(&server));
    // Whatever happens while the server stands still it meets in one turn.
    server.freeze();
    for (client, start) in clients.iter_mut().zip(starts) {
        client.ask("GET", "/log", &[&format!("Range: bytes={start}-")]);
    }
    server.thaw();
    for client in &mut clients {
        assert_eq!(client.head().status, 206);
    }
    let mut other = Client::new(&server);
    for (round, bytes) in later.chunks(ROUND).enumerate() {
        server.freeze();
        // Two of each pace: their chunks end at the same places, and begin at the same ones.
        for (number, client) in clients.iter_mut().enumerate() {
            if round % (number / 2 + 1) == 0 {
                client.gather();
            }
        }
        dir.append("log", bytes);
        server.thaw();
        // That turn is over.
        assert_eq!(other.get("/log", &["Range: bytes=0-0"]).body, all[..1]);
    }
    for (client, start) in clients.iter_mut().zip(starts) {
        let expected = &all[start..];
        let taken = client.take(expected.len());
        let differs = || {
            taken
                .iter()
                .zip(expected)
                .position(|(one, other)| one != other)
        };
        assert!(taken == expected, "from {start}, at {:?}", differs());
    }
}

/// What one tail is sent others are sent too, but only those who rest at the same place of the same file, with the same
/// framing, and as much as their socket takes.
#[test]
fn tails_of_all_kinds_rest_at_the_same_place() {
    // The fifth fits into the socket of whoever does not read, the next two do not.
    const RECORDS: [usize; 12] = [
        1, 100, 4095, 16, 70_000, 40_000, 40_000, 1, 262_144, 262_145, 1_500_000, 7,
    ];
    let dir = TempDir::with("log", "begin");
    dir.write("other", "begin");
    let server = Server::with(&dir, &["--threads", "1"]);
    let tail = |mut client: Client, name: &str, version: &str| {
        let request =
            format!("GET /{name} HTTP/{version}\r\nHost: localhost\r\nRange: bytes=5-\r\n\r\n");
        client.send(request);
        assert_eq!(client.head().status, 206);
        (client, version == "1.0")
    };
    let quick = |version: &str| tail(Client::new(&server), "log", version);
    let slow = |version: &str| tail(Client::slow(&server), "log", version);
    let take = |(client, bare): &mut (Client, bool), count: usize| match *bare {
        true => client.raw(count),
        false => client.take(count),
    };
    let mut quick = ["1.1", "1.0", "1.1", "1.1", "1.0", "1.0", "1.1"].map(quick);
    let mut others = [0; 2].map(|_| tail(Client::new(&server), "other", "1.1"));
    let mut slow = ["1.1", "1.1", "1.1", "1.0", "1.0"].map(slow);
    let mut late = Vec::new();
    let mut all = Vec::new();
    for (round, size) in RECORDS.into_iter().enumerate() {
        let record = pattern(size + round).split_off(round);
        // What is written to both files at once is found in one turn.
        server.freeze();
        dir.append("log", &record);
        let other: Vec<u8> = record.iter().map(|byte| byte ^ 1).collect();
        dir.append("other", &other);
        // Who comes in that turn has these bytes already when the others are sent them.
        let mut newcomer = Client::new(&server);
        newcomer.ask("GET", "/log", &["Range: bytes=5-"]);
        server.thaw();
        assert_eq!(newcomer.head().status, 206);
        late.push((newcomer, false));
        for client in &mut quick {
            assert!(take(client, size) == record, "round {round}");
        }
        for client in &mut others {
            assert!(take(client, size) == other, "round {round}, the other file");
        }
        all.extend(record);
    }
    for client in slow.iter_mut().chain(&mut late) {
        assert!(take(client, all.len()) == all);
    }
}
