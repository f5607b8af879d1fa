//! A tail that waited behind a tail on the same connection.

use std::fs;

use super::touch;
use crate::support::client::{Client, get, request};
use crate::support::harness::{Server, TempDir, until};

type Deed = fn(&TempDir);

/// What the second tail follows, what ends the first one (of `/a`), for which reason, and what happens to the first file
/// while the second tail goes on.
const ROWS: &[(&str, Deed, &str, Deed)] = &[
    ("b", seal, "sealed", |_| {}),
    ("b", seal, "sealed", |dir| dir.rename("a", "away")),
    ("b", seal, "sealed", |dir| dir.remove("a")),
    (
        "b",
        |dir| dir.rename("a", "away"),
        "renamed",
        |dir| dir.append("away", "!"),
    ),
    ("a", |dir| dir.rename("new", "a"), "replaced", |_| {}),
    ("b", |dir| dir.remove("a"), "unlinked", |_| {}),
];

fn seal(dir: &TempDir) {
    dir.chmod("a", 0o444);
}

#[test]
fn the_first_tail_leaves_nothing_behind_for_the_second() {
    for (row, (second, deed, reason, later)) in ROWS.iter().enumerate() {
        let dir = TempDir::new();
        for name in ["a", "b", "new"] {
            dir.write(name, "1234");
        }
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::new(&server);
        let fields = ["Range: bytes=0-", "TE: trailers"];
        client
            .send(request("GET", "/a", &fields) + &request("GET", &format!("/{second}"), &fields));
        assert_eq!(client.head().status, 206);
        assert_eq!(client.take(4), b"1234");
        deed(&dir);
        let (_, trailers) = client.rest();
        assert_eq!(
            trailers,
            [("Tail-End".to_string(), (*reason).to_string())],
            "row {row}"
        );
        server
            .log()
            .wait_for(&["tail of /a ended", reason, "4 bytes"]);
        assert_eq!(client.head().status, 206, "row {row}");
        assert_eq!(client.take(4), b"1234", "row {row}");
        later(&dir);
        // An end that the deeds have brought about would come before the second of these.
        for round in ["more", "most"] {
            dir.append(second, round);
            assert_eq!(client.take(4), round.as_bytes(), "row {row}");
        }
        drop(client);
        server.log().wait_for(&[
            &format!("tail of /{second} ended"),
            "client left",
            "12 bytes",
        ]);
        touch_all(&dir);
        assert_eq!(get(&server, "/b", &[]).status, 200, "row {row}");
        until("the files to be closed", || {
            open_below(&server, &dir).is_empty().then_some(())
        });
    }
}

/// Events for whoever still watches.
fn touch_all(dir: &TempDir) {
    for name in ["a", "b", "away"] {
        if dir.join(name).exists() {
            touch(dir, name);
        }
    }
}

/// What the server holds open below a directory, names that are gone included.
fn open_below(server: &Server, dir: &TempDir) -> Vec<String> {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.running.id()));
    descriptors
        .expect("its descriptors")
        .filter_map(|entry| fs::read_link(entry.expect("a descriptor").path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .filter(|target| target.starts_with(&format!("{}/", dir.path().display())))
        .collect()
}
