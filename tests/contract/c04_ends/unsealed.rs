//! Files that somebody makes writable again after their tails have seen the seal, or have not come so far.

use crate::support::client::{Client, etag};
use crate::support::harness::{Server, TempDir, pattern};
use crate::support::tail::{End, Tail};

const SIZE: usize = 16 << 20;
const MORE: &[u8] = b"a line after the seal\n";

fn sealed() -> End {
    End::Complete("sealed".into())
}

/// A client that takes its time gets what the others get, and the rest with its next request.
#[test]
fn a_stalled_tail_ends_where_the_others_did() {
    for by_tag in [false, true] {
        let dir = TempDir::with("log", pattern(SIZE));
        let server = Server::with(&dir, &["--threads", "1"]);
        let tag = etag(&server, "/log");
        let digits = tag.trim_matches(|byte: char| !byte.is_ascii_hexdigit());
        let target = match by_tag {
            false => "/log".to_owned(),
            true => format!("/log?generation={digits}"),
        };
        let mut slow = Tail::open(Client::slow(&server), &target, 0, &[]);
        let mut quick = server.tail(&target, SIZE as u64);
        dir.chmod("log", 0o444);
        assert_eq!(*quick.end(), sealed());
        dir.chmod("log", 0o644);
        dir.append("log", MORE);
        // Whoever comes now finds a log that goes on.
        let same = format!("If-Match: {tag}");
        let mut next = Tail::open(Client::new(&server), &target, SIZE as u64, &[&same]);
        next.wait_for(MORE.len());
        assert_eq!(*slow.end(), sealed());
        assert!(slow.body == pattern(SIZE), "{} bytes", slow.body.len());
        dir.append("log", MORE);
        next.wait_for(2 * MORE.len());
        dir.chmod("log", 0o444);
        assert_eq!(*next.end(), sealed());
        assert_eq!(next.body, [MORE, MORE].concat());
    }
}
