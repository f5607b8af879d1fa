//! A server that is stopped for a while, as one is whose file system does not answer: what has come meanwhile has come in
//! time.

use std::time::{Duration, Instant};

use crate::support::client::{Client, Response, request};
use crate::support::harness::{Server, TempDir};

const TIMEOUT: Duration = Duration::from_secs(1);

/// One request each: its beginning, which the server has before it is stopped, and the rest, which comes meanwhile.
fn requests() -> [(String, String); 4] {
    let get = request("GET", "/log", &[]);
    let (beginning, rest) = get.split_at(10);
    let post = request("POST", "/in/t", &["Content-Length: 4"]);
    [
        // Of clients that have been answered before.
        (get.clone(), get.clone()),
        (get.clone() + beginning, rest.to_owned()),
        // The first of a client, and its body.
        (beginning.to_owned(), rest.to_owned()),
        (post + "on", "e\n".to_owned()),
    ]
}

/// False: there was no time for it before the server was stopped, and nothing is known.
fn answers(server: &Server, dir: &TempDir, check: impl Fn(Response)) -> bool {
    let began = Instant::now();
    let mut clients = requests().map(|(beginning, rest)| {
        let mut client = Client::new(server);
        client.send(&beginning);
        (client, beginning, rest)
    });
    for (client, beginning, _) in &mut clients {
        if beginning.starts_with(&request("GET", "/log", &[])) {
            check(client.response());
        }
    }
    // In turn: the server has all that was sent before.
    check(server.get("/log", &[]));
    server.freeze();
    let in_time = began.elapsed() < TIMEOUT;
    for (client, _, rest) in &mut clients {
        let sent = client.try_send(rest);
        assert!(sent.is_ok() || !in_time);
    }
    // Longer than the timeouts of the one that is stopped.
    let clock = Server::with(dir, &["--header-timeout", "2"]);
    Client::new(&clock).response().assert_error(408);
    server.thaw();
    if in_time {
        for (client, ..) in &mut clients {
            check(client.response());
        }
    }
    in_time
}

#[test]
fn what_came_while_the_server_was_stopped_came_in_time() {
    let dir = TempDir::with("log", "x");
    dir.mkdir("in");
    let timeouts = ["--header-timeout", "1", "--idle-timeout", "1"];
    let options = [&["--threads", "1", "--write", "/in"], &timeouts[..]].concat();
    let server = Server::with(&dir, &options);
    let check = |response: Response| {
        assert!([200, 201, 204].contains(&response.status), "{response:?}");
    };
    let in_time = || answers(&server, &dir, check);
    assert!((0..5).any(|_| in_time()), "a machine that is too slow");
}
