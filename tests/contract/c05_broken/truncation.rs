//! A file that gets shorter: streams are broken off, and its tag becomes another one for everybody.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use openrange::http::target::Path as Name;
use openrange::limits::TRUNCATED_MAX;
use openrange::store::file::OpenFile;
use openrange::store::lookup::Lookups;
use openrange::store::root::{Files, Node};
use openrange::store::truncations::Truncations;

use crate::support::client::{Client, Ending};
use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::tail::{End, Tail};
use crate::support::waiting::eventually;

fn truncate(path: &Path, length: u64) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_len(length).expect("a truncation");
}

/// Enough connections that each of four workers has some (else the kernel spreads 24 of them very unevenly).
const CONNECTIONS: usize = 24;

/// What each of many connections, of all workers, says the tag is.
fn tags(server: &Server, target: &str) -> HashSet<String> {
    (0..CONNECTIONS)
        .map(|_| server.get(target, &[]).etag())
        .collect()
}

fn only(tags: HashSet<String>) -> String {
    assert_eq!(tags.len(), 1, "one tag for all workers: {tags:?}");
    tags.into_iter().next().expect("a tag")
}

/// Rounds of truncation with tails at every worker: all are cut, and every worker refuses the old tag.
#[test]
fn truncation_is_known_to_all_workers() {
    // How the file is truncated, and regrown by so many bytes before the next round.
    let rounds: [(&str, u64, usize); 4] = [
        ("copytruncate", 0, 0),
        ("to nothing, and regrown", 0, 3000),
        ("below what was delivered", 1500, 0),
        ("by one byte", 1499, 5000),
    ];
    let root = TempDir::new();
    let path = root.join("log");
    let server = Server::with(root.path(), &["--threads", "4"]);
    append(&path, &[b'x'; 2000]);
    let mut former = vec![only(tags(&server, "/log"))];
    for (round, length, regrown) in rounds {
        let size = fs::metadata(&path).expect("a file").len();
        let mut tails: Vec<Tail> = (0..CONNECTIONS).map(|_| server.tail("/log", 0)).collect();
        for tail in &mut tails {
            tail.wait_for(usize::try_from(size).expect("a size"));
        }
        truncate(&path, length);
        for tail in &mut tails {
            assert_eq!(*tail.end(), End::Cut, "{round}");
        }
        append(&path, &vec![b'y'; regrown]);
        let tag = only(tags(&server, "/log"));
        assert!(!former.contains(&tag), "{round}: {tag} was used before");
        for old in &former {
            for _ in 0..CONNECTIONS {
                let fields = [&*format!("If-Match: {old}"), "Range: bytes=0-"];
                assert_eq!(server.get("/log", &fields).status, 412, "{round}");
            }
        }
        let current = format!("If-Match: {tag}");
        assert_eq!(server.get("/log", &[&current]).status, 200, "{round}");
        former.push(tag);
        append(&path, &[b'z'; 2000]);
        assert_eq!(only(tags(&server, "/log")), *former.last().expect("a tag"));
    }
}

/// Nobody follows the file: what the requests before were told is compared.
#[test]
fn truncation_between_two_requests() {
    let root = TempDir::new();
    let path = root.join("log");
    let server = Server::with(root.path(), &["--threads", "4"]);
    append(&path, b"0123456789");
    let before = only(tags(&server, "/log"));
    append(&path, b"!");
    assert_eq!(only(tags(&server, "/log")), before);
    truncate(&path, 10);
    let after = only(tags(&server, "/log"));
    assert_ne!(after, before);
    append(&path, b"??????");
    assert_eq!(only(tags(&server, "/log")), after);
    let condition = format!("If-Match: {before}");
    let resumed = server.get("/log", &[&condition, "Range: bytes=11-"]);
    assert_eq!(resumed.status, 412);
}

/// A log of so many zeros.
fn sparse(root: &TempDir, size: u64) -> PathBuf {
    let path = root.join("log");
    File::create(&path)
        .and_then(|file| file.set_len(size))
        .expect("a sparse file");
    path
}

/// A reader that lags behind loses nothing by a truncation above what it got, and others learn of it all the same.
#[test]
fn truncation_above_what_was_delivered() {
    const SIZE: u64 = 64 << 20;
    const LEFT: u64 = 32 << 20;
    let root = TempDir::new();
    let path = sparse(&root, SIZE);
    let server = Server::with(root.path(), &["--threads", "4"]);
    let before = only(tags(&server, "/log"));
    // It does not read, so that most of the file is still to be sent.
    let mut slow = server.tail("/log", 0);
    // Caught up, it sees the truncation for the server.
    let mut watcher = server.tail("/log", SIZE);
    truncate(&path, LEFT);
    assert_eq!(*watcher.end(), End::Cut);
    eventually("another tag", || !tags(&server, "/log").contains(&before));
    append(&path, b"after");
    slow.wait_for(usize::try_from(LEFT).expect("a size") + 5);
    assert!(slow.body.ends_with(b"\0after"));
    assert_eq!(slow.body.len() as u64, LEFT + 5);
}

/// A finite answer that was promised more than the file has left is broken off.
#[test]
fn truncation_under_a_finite_answer() {
    const SIZE: u64 = 64 << 20;
    let root = TempDir::new();
    let path = sparse(&root, SIZE);
    let server = Server::with(root.path(), &["--threads", "4"]);
    let before = only(tags(&server, "/log"));
    // It does not read, so that most of the answer is still to be sent.
    let mut client = server.connect();
    let suffix = ["Range: bytes=-67000000"];
    client.ask("GET", "/log", &suffix);
    assert_eq!(client.head().status, 206);
    truncate(&path, 1000);
    assert!(
        client.until_end().1 == Ending::Reset,
        "a proper end of too few bytes"
    );
    eventually("another tag", || !tags(&server, "/log").contains(&before));
}

fn open(files: &Files, name: &str) -> Rc<OpenFile> {
    match files.find(name.as_bytes(), None) {
        Ok(Node::File(file)) => file,
        _ => panic!("no file {name}"),
    }
}

/// However many files are truncated, so much is remembered and no more; what is forgotten never brings an old tag back.
#[test]
fn truncations_are_remembered_in_bounded_memory() {
    // Where files are cheap, if there is such a place.
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.into()
    } else {
        std::env::temp_dir()
    };
    let root = TempDir::below(&parent);
    let files = Files::open(root.path(), Arc::new(Truncations::default())).expect("a root");
    let tag = |name: &str| open(&files, name).info().expect("info").etag.0;
    append(&root.join("first"), b"x");
    append(&root.join("never"), b"x");
    let (first, never) = (tag("first"), tag("never"));
    let truncate_seen = |name: &str| {
        let file = open(&files, name);
        truncate(&root.join(name), 0);
        file.stat().expect("a look");
    };
    truncate_seen("first");
    let truncated = tag("first");
    assert_ne!(truncated, first);
    assert_eq!(tag("never"), never);
    for count in 0..=TRUNCATED_MAX {
        let name = format!("f{count}");
        append(&root.join(&name), b"x");
        truncate_seen(&name);
        fs::remove_file(root.join(&name)).expect("unlink");
    }
    assert!(![first, truncated].contains(&tag("first")));
    // All tags have changed at once: nobody knows any more which of these files were truncated.
    assert_ne!(tag("never"), never);
}

/// Requests of one turn share what was measured, but none gets what was measured before a truncation that somebody else
/// has seen.
#[test]
fn what_a_turn_shares_ends_with_a_truncation() {
    let root = TempDir::new();
    append(&root.join("log"), b"one");
    let truncations = Arc::new(Truncations::default());
    let files = || Files::open(root.path(), Arc::clone(&truncations)).expect("a root");
    let mut lookups = Lookups::new(files(), 0);
    let path = Name {
        name: b"log".as_slice().into(),
        slash: false,
    };
    let info = |lookups: &mut Lookups| match lookups.find(&path, None, |_| None) {
        Ok(named) => named.info().expect("info"),
        Err(_) => panic!("no file"),
    };
    let first = info(&mut lookups);
    append(&root.join("log"), b"two");
    assert_eq!(info(&mut lookups), first, "in the same turn");
    lookups.end_turn();
    let second = info(&mut lookups);
    assert_eq!((second.size, second.etag), (6, first.etag));
    let other = open(&files(), "log");
    truncate(&root.join("log"), 1);
    other.stat().expect("a look");
    let third = info(&mut lookups);
    assert_eq!(third.size, 1);
    assert_ne!(third.etag, first.etag);
}

/// A follower that takes nothing is cut as well, though the file has regrown beyond what was sent by the time it reads on.
#[test]
fn a_stalled_follower_does_not_miss_a_truncation() {
    const SIZE: usize = 10_000_000;
    let dir = TempDir::new();
    let server = Server::with(&dir, &["--threads", "1"]);
    for version in ["HTTP/1.1", "HTTP/1.0"] {
        dir.write("log", vec![b'z'; SIZE]);
        dir.write("other", "x");
        let mut stalled = Client::slow(&server);
        stalled.send(format!(
            "GET /log {version}\r\nHost: localhost\r\nRange: bytes=0-\r\n\r\n"
        ));
        stalled.head();
        let mut other = Client::new(&server);
        other.tail("/other", &["Range: bytes=1-"]);
        dir.resize("log", 0);
        // The worker has been told of both.
        dir.append("other", "y");
        assert_eq!(other.take(1), b"y");
        dir.append("log", vec![b'A'; SIZE + 1000]);
        let (body, ending) = stalled.until_end();
        assert_eq!(ending, Ending::Reset, "{version}");
        assert!(!body.contains(&b'A'), "{version}");
    }
}
