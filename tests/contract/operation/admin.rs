//! `--admin`: metrics, clients and health, on a listener of their own; and SIGUSR1.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::c09_clients::crowds::room_for;
use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir, until};

/// A server and the address of its second listener.
pub fn serve(dir: &TempDir, options: &[&str]) -> (Server, String) {
    let server = Server::with(dir, &[&["--admin", "127.0.0.1:0"], options].concat());
    let line = server.running.stdout.wait_for(&["admin on http://"]);
    let address = line.trim_start_matches("admin on http://");
    let address = address.trim_end_matches('/').to_string();
    (server, address)
}

fn ask(address: &str, path: &str) -> (u16, String) {
    let mut client = Client::to(address);
    let response = client.get(path, &[]);
    client.assert_closed();
    assert_eq!(response.field("Cache-Control"), "no-store");
    (
        response.status,
        String::from_utf8(response.body).expect("text"),
    )
}

/// The samples of `/metrics`, of which the form is checked.
pub fn metrics(address: &str) -> HashMap<String, u64> {
    let (status, text) = ask(address, "/metrics");
    assert_eq!(status, 200);
    let mut samples = HashMap::new();
    let (mut help, mut kind, mut histogram) = ("", "", false);
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split(' ').next().expect("a name");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').expect("a type");
            assert_eq!(name, help, "{line}");
            assert_eq!(of == "counter", name.ends_with("_total"), "{line}");
            histogram = of == "histogram";
            kind = name;
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a sample");
            let family = name.split('{').next().expect("a name");
            let parts = ["_bucket", "_sum", "_count"];
            let part = parts.iter().find_map(|part| family.strip_suffix(part));
            let family = part.filter(|_| histogram).unwrap_or(family);
            assert_eq!(family, kind, "{line}");
            let ours = name.strip_prefix("openrange_");
            let name = ours.unwrap_or(name);
            assert!(ours.is_some() || name.starts_with("process_"), "{line}");
            let seconds: f64 = value.parse().expect("a number");
            let value = value.parse().unwrap_or((seconds * 1e6) as u64);
            let twice = samples.insert(name.to_string(), value);
            assert_eq!(twice, None, "{line}");
        }
    }
    samples
}

#[test]
fn metrics_count_what_happens() {
    let dir = TempDir::with("log", "0123456789");
    dir.write("other", "x");
    let options = ["--threads", "2", "--max-connections", "4"];
    let (server, admin) = serve(&dir, &options);
    let before = metrics(&admin);
    for (name, value) in &before {
        let version = concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
        let known = [version, "last_reload_successful"];
        let zero = match name.as_str() {
            name if known.contains(&name) => *value == 1,
            "connections_limit" => *value == 4,
            name => name.starts_with("process_") != (*value == 0),
        };
        assert!(zero, "{name} {value}");
    }
    let mut idle = Client::new(&server);
    idle.get("/log", &[]);
    idle.get("/missing", &[]);
    let mut tails = [Client::new(&server), Client::new(&server)];
    for (tail, path) in tails.iter_mut().zip(["/log", "/other"]) {
        tail.tail(path, &["Range: bytes=0-"]);
    }
    assert_eq!(tails[0].take(10).len(), 10);
    assert_eq!(tails[1].take(1).len(), 1);
    let mut fourth = Client::new(&server);
    fourth.ask("OPTIONS", "*", &[]);
    fourth.response();
    let mut fifth = Client::new(&server);
    fifth.response().assert_error(503);
    drop(fifth);
    dir.rename("other", "away");
    tails[1].rest();
    let expected = [
        ("connections{state=\"reading\"}", 3),
        ("connections{state=\"sending\"}", 0),
        ("connections{state=\"tail-sending\"}", 0),
        ("connections{state=\"tailing\"}", 1),
        ("connections{state=\"closing\"}", 0),
        ("connections{state=\"waiting\"}", 0),
        ("tails", 1),
        ("followed_files{by=\"inotify\"}", 1),
        ("slowest_tail_lag_bytes", 0),
        ("connections_accepted_total", 5),
        ("connections_refused_total", 1),
        ("responses_total{status=\"200\"}", 1),
        ("responses_total{status=\"204\"}", 1),
        ("responses_total{status=\"206\"}", 2),
        ("responses_total{status=\"404\"}", 1),
        ("responses_total{status=\"503\"}", 1),
        ("tail_ends_total{reason=\"renamed\"}", 1),
        ("tail_ends_total{reason=\"left\"}", 0),
        ("inotify_overflows_total", 0),
    ];
    // The fifth connection lingers until its client's close has come.
    let now = until("the fifth connection to be gone", || {
        let now = metrics(&admin);
        (now["connections{state=\"closing\"}"] == 0).then_some(now)
    });
    for (name, value) in expected {
        let found = now
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {now:?}"));
        assert_eq!(*found, value, "{name}: {now:?}");
    }
    assert_eq!(now["request_duration_seconds_bucket{le=\"+Inf\"}"], 6);
    assert_eq!(now["request_duration_seconds_count"], 6);
    let listener = format!(
        "accept_errors_total{{listener=\"http://{}/\"}}",
        server.address
    );
    assert_eq!(now[&listener], 0);
    let sent = now["sent_bytes_total"];
    dir.append("log", "abc");
    assert_eq!(tails[0].take(3), b"abc");
    // A chunk of three bytes.
    assert_eq!(metrics(&admin)["sent_bytes_total"], sent + 8);
    drop(tails);
    until("the end of the tail", || {
        let ends = metrics(&admin)["tail_ends_total{reason=\"left\"}"];
        (ends == 1).then_some(())
    });
}

#[test]
fn clients_are_told_with_what_they_lack() {
    let dir = TempDir::with("a b\"", "0123456789");
    dir.write("big", "");
    dir.resize("big", 64 << 20);
    let (server, admin) = serve(&dir, &["--threads", "2"]);
    assert_eq!(
        ask(&admin, "/clients").1,
        "{\"connections\":0,\"clients\":[\n]}\n"
    );
    let mut tail = Client::new(&server);
    tail.tail("/a%20b%22", &["Range: bytes=4-"]);
    assert_eq!(tail.take(6).len(), 6);
    let mut stalled = Client::slow(&server);
    stalled.tail("/big", &["Range: bytes=0-"]);
    let idle = Client::new(&server);
    let (_, text) = until("all three", || {
        let (status, text) = ask(&admin, "/clients");
        text.contains("\"connections\":3").then_some((status, text))
    });
    let client = |part: &str| {
        let line = text.lines().find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("no {part} in {text}"))
            .to_string()
    };
    let caught_up = client("/a%20b%22");
    let expected = "\"path\":\"/a%20b%22\",\"offset\":10,\"lag\":0}";
    assert!(caught_up.contains("\"state\":\"tailing\"") && caught_up.contains(expected));
    assert!(caught_up.contains("{\"peer\":\"127.0.0.1:") && caught_up.contains("\"age\":"));
    let behind = client("\"path\":\"/big\"");
    let number = |name: &str| -> u64 {
        let rest = behind.split(&format!("\"{name}\":")).nth(1).expect(name);
        let end = rest.find([',', '}']).expect("an end");
        rest[..end].parse().expect("a number")
    };
    assert_eq!(number("offset") + number("lag"), 64 << 20, "{behind}");
    assert!(number("lag") > 32 << 20, "{behind}");
    assert!(metrics(&admin)["slowest_tail_lag_bytes"] > 32 << 20);
    client("\"state\":\"reading\"");
    // The same in the log.
    server.running.signal(Signal::USR1);
    server.log().wait_for(&["SIGUSR1", "3 of 3"]);
    server
        .log()
        .wait_for(&["client", "tailing", "/a%20b%22 at 10, 0 bytes behind"]);
    server.log().wait_for(&["client", "/big at"]);
    drop((stalled, idle));
}

/// More than a worker looks at in one turn, and than a table holds.
#[test]
fn a_crowd_is_counted_and_its_table_is_cut() {
    let count = openrange::limits::INSPECT_SLICE + 100;
    if !room_for(2 * count as u64) {
        return;
    }
    let dir = TempDir::with("log", "x");
    let (server, admin) = serve(&dir, &["--threads", "1", "--max-connections", "2000"]);
    assert!(count > openrange::limits::CLIENTS_MAX);
    let clients: Vec<Client> = (0..count).map(|_| Client::new(&server)).collect();
    until("all connections", || {
        let now = metrics(&admin)["connections{state=\"reading\"}"];
        (now == count as u64).then_some(())
    });
    let (_, table) = ask(&admin, "/clients");
    assert!(table.starts_with(&format!("{{\"connections\":{count},")));
    let rows = table.lines().filter(|line| line.starts_with("{\"peer\""));
    assert_eq!(rows.count(), openrange::limits::CLIENTS_MAX);
    drop(clients);
}

#[test]
fn the_two_listeners_have_nothing_in_common() {
    let dir = TempDir::with("log", "x");
    let (server, admin) = serve(&dir, &[]);
    for path in ["/metrics", "/clients", "/health"] {
        assert_eq!(get(&server, path, &[]).status, 404, "{path}");
        assert_eq!(ask(&admin, path).0, 200, "{path}");
    }
    for path in ["/", "/log", "/metrics/", "/health/x", "/.x"] {
        assert_eq!(ask(&admin, path).0, 404, "{path}");
    }
    let mut client = Client::to(&admin);
    client.ask("POST", "/metrics", &[]);
    let response = client.response();
    response.assert_error(405);
    assert_eq!(response.field("Allow"), "GET, HEAD");
    let mut client = Client::to(&admin);
    let head = client.head_of("/health", &[]);
    assert_eq!((head.status, head.field("Content-Length")), (200, "3"));
    client.assert_closed();
    let mut client = Client::to(&admin);
    client.send("nonsense\r\n\r\n");
    client.response().assert_error(400);
    // Byte by byte is all right too.
    let mut client = Client::to(&admin);
    for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" {
        client.send([*byte]);
    }
    assert_eq!(client.response().body, b"ok\n");
}

/// However many others are there that ask nothing, or only half of it, or do not take their answers.
#[test]
fn slow_clients_keep_nobody_out() {
    let dir = TempDir::new();
    let (_server, admin) = serve(&dir, &[]);
    let limit = openrange::limits::ADMIN_CONNECTIONS_MAX;
    let mut slow = Vec::new();
    for index in 0..2 * limit {
        let mut client = Client::to(&admin);
        match index % 3 {
            0 => {}
            1 => client.send("GET /health HTTP/1.1\r\nHo"),
            _ => client.send("GET /clients HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        }
        slow.push(client);
        assert_eq!(ask(&admin, "/health"), (200, "ok\n".into()));
    }
    // The oldest have given way.
    slow[0].assert_closed();
}

#[test]
fn a_unix_socket_with_its_mode() {
    let dir = TempDir::with("log", "x");
    let sockets = TempDir::new();
    let path = sockets.join("admin");
    let address = format!("unix:{},mode=0600", path.display());
    let mut server = Server::with(&dir, &["--admin", &address]);
    server.running.stdout.wait_for(&["admin on unix:"]);
    let mode = fs::symlink_metadata(&path).expect("a socket").permissions();
    assert_eq!(mode.mode() & 0o7777, 0o600);
    let address = format!("unix:{}", path.display());
    assert_eq!(ask(&address, "/health"), (200, "ok\n".into()));
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    assert!(!path.exists());
}

/// While the last answers are finished, those who ask are told.
#[test]
fn health_while_ending() {
    let dir = TempDir::with("big", "");
    dir.resize("big", 64 << 20);
    let (server, admin) = serve(&dir, &["--grace", "1000"]);
    let mut stalled = Client::slow(&server);
    stalled.ask("GET", "/big", &[]);
    stalled.head();
    server.running.signal(Signal::TERM);
    until("the end to begin", || {
        (ask(&admin, "/health").0 == 503).then_some(())
    });
    drop(stalled);
}

#[test]
fn event_streams_are_counted_beside_tails() {
    let dir = TempDir::with("log", "x\n");
    let (server, admin) = serve(&dir, &[]);
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=0-"]);
    let mut events = Client::new(&server);
    events.ask("GET", "/log", &["Accept: text/event-stream"]);
    assert_eq!(events.head().status, 200);
    let now = metrics(&admin);
    assert_eq!((now["tails"], now["event_streams"]), (1, 1));
}

#[test]
fn the_process_is_told_from_within_the_sandbox() {
    let dir = TempDir::with("log", "x");
    let (server, admin) = serve(&dir, &["--threads", "1"]);
    let before = metrics(&admin);
    // Perhaps with the connection that asked.
    let others = server.running.descriptors() as u64;
    let open = before["process_open_fds"];
    assert!(open.abs_diff(others) <= 1, "{open} {others}");
    assert!(
        before["process_resident_memory_bytes"] > 1 << 20,
        "{before:?}"
    );
    assert!(before["process_max_fds"] >= before["process_open_fds"]);
    let clients: Vec<Client> = (0..8).map(|_| Client::new(&server)).collect();
    until("eight more", || {
        let now = metrics(&admin)["process_open_fds"];
        (now >= before["process_open_fds"] + 7).then_some(())
    });
    drop(clients);
}

#[test]
fn a_reload_that_fails_shows() {
    let dir = TempDir::with("log", "x");
    let secrets = TempDir::with("tokens", "abc\n");
    let path = secrets.join("tokens").display().to_string();
    let (server, admin) = serve(&dir, &["--token-file", &path]);
    for (contents, successful) in [("a b c d", 0), ("abc", 1)] {
        secrets.write("tokens", contents);
        server.running.signal(Signal::HUP);
        until("the reload", || {
            let now = metrics(&admin);
            let at = now["last_reload_timestamp_seconds"];
            (at > 0 && now["last_reload_successful"] == successful).then_some(())
        });
    }
}
