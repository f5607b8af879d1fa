//! Slow tails of one file, each at a place of its own: what is read for one of them may hold what another one needs.

use super::client::Client;
use super::harness::{Server, TempDir, pattern};

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
