//! Bodies in which somebody hides another request.

use super::{names, read, writable};
use crate::support::client::{Client, request};
use crate::support::smuggling::{Outcome, bytes, rows};

#[test]
fn one_request_ends_where_the_next_one_begins() {
    let (dir, server) = writable(&[]);
    for row in rows() {
        let (bytes, outcome) = (bytes(row), row.3);
        let mut client = Client::new(&server);
        let next = request("POST", "/in/smuggled", &["Content-Length: 1"]) + "x";
        // The server may have answered and gone before all is sent.
        let _ = client.try_send(format!("{bytes}{next}"));
        let head = client.head();
        let status = head.status;
        let (expected, closes) = match outcome {
            Outcome::Content(content) => {
                assert_eq!(status, 201, "{bytes:?}");
                assert_eq!(client.response().status, 201, "behind {bytes:?}");
                assert_eq!(read(&dir, "in/t"), content, "{bytes:?}");
                dir.remove("in/t");
                dir.remove("in/smuggled");
                continue;
            }
            Outcome::Refused => ([400, 501].contains(&status), head.field("Connection")),
            Outcome::Answered(expected) => (status == expected, head.field("Connection")),
        };
        assert!(expected, "{bytes:?}: {status}");
        assert_eq!(closes, "close", "{bytes:?}");
        client.shut();
        let (rest, _) = client.until_end();
        let rest = String::from_utf8_lossy(&rest);
        assert!(!rest.contains("HTTP/1.1"), "{bytes:?}: {rest}");
        assert_eq!(names(&dir, "in"), ["sub"], "{bytes:?}");
    }
}
