//! Truncations that the client they concern did not see when they happened, and a way that is closed.

use super::touch;
use crate::support::client::{Client, Ending, etag, get};
use crate::support::harness::{Server, TempDir};

const SIZE: usize = 20 << 20;
/// A byte that no head and no size line contains.
const FOREIGN: u8 = b'~';

/// Other bytes where the client's bytes were.
fn rewrite(dir: &TempDir) {
    dir.append("log", vec![FOREIGN; SIZE]);
}

fn assert_cut_unmixed(client: &mut Client) {
    let (rest, ending) = client.until_end();
    assert!(!rest.contains(&FOREIGN), "bytes of two files in one answer");
    assert_eq!(ending, Ending::Reset);
}

#[test]
fn a_stalled_tail_never_goes_on_with_other_bytes() {
    for version in ["1.1", "1.0"] {
        let dir = TempDir::with("log", vec![b'x'; SIZE]);
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::slow(&server);
        client.send(format!(
            "GET /log HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=0-\r\n\r\n"
        ));
        assert_eq!(client.head().status, 206);
        let before = etag(&server, "/log");
        dir.resize("log", 0);
        assert_ne!(etag(&server, "/log"), before, "the truncation was seen");
        rewrite(&dir);
        // So that it would have an end if it went on.
        dir.remove("log");
        assert_cut_unmixed(&mut client);
    }
}

/// A tail at the end of the log: when it is cut, a truncation was seen.
fn witness(server: &Server) -> Client {
    let mut witness = Client::new(server);
    witness.tail("/log", &[&format!("Range: bytes={SIZE}-")]);
    witness
}

/// One thread: what it has seen as the witness is known before it sends the next bytes to the client.
#[test]
fn a_stalled_finite_answer_never_goes_on_with_other_bytes() {
    for range in ["X: y", "Range: bytes=0-9,99-19999999"] {
        stalled_then_truncated(range, "1", assert_cut_unmixed);
    }
}

/// Of two threads one may be sending while the other one sees it: the answer is cut all the same.
#[test]
fn a_stalled_finite_answer_is_cut_whoever_saw_the_truncation() {
    stalled_then_truncated("Range: bytes=1-20000000", "2", |client| {
        assert_eq!(client.until_end().1, Ending::Reset);
    });
}

fn stalled_then_truncated(range: &str, threads: &str, check: impl Fn(&mut Client)) {
    let dir = TempDir::with("log", vec![b'x'; SIZE]);
    let server = Server::with(&dir, &["--threads", threads]);
    let mut client = Client::slow(&server);
    client.ask("GET", "/log", &[range, "Connection: close"]);
    client.head();
    let mut witness = witness(&server);
    dir.resize("log", 0);
    assert_eq!(witness.until_end().1, Ending::Reset);
    rewrite(&dir);
    check(&mut client);
}

#[test]
fn a_second_truncation_makes_another_tag_whoever_saw_it() {
    // The size after it: less than the tag in between stood for, or more.
    for size in [5, SIZE] {
        let dir = TempDir::with("log", vec![b'x'; SIZE]);
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::slow(&server);
        client.ask("GET", "/log", &[]);
        client.head();
        let first = etag(&server, "/log");
        let mut witness = witness(&server);
        dir.resize("log", 0);
        assert_eq!(witness.until_end().1, Ending::Reset);
        dir.append("log", vec![b'y'; SIZE / 2]);
        let between = etag(&server, "/log");
        assert_ne!(between, first);
        dir.resize("log", 0);
        assert_eq!(client.until_end().1, Ending::Reset);
        dir.append("log", vec![b'z'; size]);
        let condition = format!("If-Range: {between}");
        let response = get(&server, "/log", &["Range: bytes=1-2", &condition]);
        assert_eq!(
            response.status, 200,
            "{size} bytes: not what the tag stood for"
        );
        assert_eq!(response.body.len(), size);
    }
}

#[test]
fn a_truncation_that_two_have_seen_makes_one_tag() {
    for appended in [0, SIZE / 2] {
        let dir = TempDir::with("log", vec![b'x'; SIZE]);
        let server = Server::with(&dir, &["--threads", "1"]);
        let mut client = Client::slow(&server);
        client.ask("GET", "/log", &[]);
        client.head();
        let mut witness = witness(&server);
        dir.resize("log", 0);
        assert_eq!(witness.until_end().1, Ending::Reset);
        dir.append("log", vec![b'y'; appended]);
        let tag = etag(&server, "/log");
        assert_eq!(client.until_end().1, Ending::Reset);
        assert_eq!(etag(&server, "/log"), tag, "{appended} bytes appended");
    }
}

#[test]
fn a_tail_whose_way_becomes_unsearchable_is_reset() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    for range in ["Range: bytes=0-", "Range: bytes=4-"] {
        let dir = TempDir::new();
        dir.mkdir("way");
        dir.write("way/log", "1234");
        let server = Server::with(&dir, &["--user", "65534:65534"]);
        let mut client = Client::new(&server);
        client.tail("/way/log", &[range, "Connection: close"]);
        dir.append("way/log", "!");
        while client.take(1) != b"!" {}
        dir.chmod("way", 0);
        touch(&dir, "way/log");
        assert_eq!(client.until_end(), (Vec::new(), Ending::Reset), "{range}");
        server
            .log()
            .wait_for(&["tail of /way/log ended", "unreadable"]);
    }
}
