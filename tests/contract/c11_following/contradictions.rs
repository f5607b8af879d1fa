//! Origins that contradict themselves: one request finds the file, and the next one does not.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Running;
use super::unending::{Then, document, generations, origin};
use crate::support::harness::eventually;

const TAG: &str = "ETag: W/\"0123456789abcdef\"\r\n";

/// An origin of which only a HEAD finds the file, until it has refused so many requests for bytes of it.
fn found_by_a_look_alone(refusals: usize) -> String {
    let asked = AtomicUsize::new(0);
    origin(move |head| {
        if head.contains("?generations") {
            return generations();
        }
        if head.starts_with("HEAD ") {
            let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n{TAG}\r\n");
            return (text, Then::Next);
        }
        let (status, fields, body) = match asked.fetch_add(1, Ordering::SeqCst) < refusals {
            true => ("404 Not Found", "", "not here\n"),
            false => (
                "206 Partial Content",
                "Content-Range: bytes 0-5/6\r\n",
                "right\n",
            ),
        };
        let (text, then) = document(body);
        let head = format!("HTTP/1.1 {status}\r\n{TAG}{fields}");
        (text.replace("HTTP/1.1 200 OK\r\n", &head), then)
    })
}

#[test]
fn a_follower_says_once_that_the_bytes_of_a_file_are_refused() {
    let url = found_by_a_look_alone(8);
    let follow = Running::start(&["follow", &format!("{url}/log")]);
    follow.has("right\n");
    let said = follow.err();
    assert_eq!(
        said.matches("404: not here; trying again").count(),
        1,
        "{said}"
    );
}

#[test]
fn with_fail_that_is_an_end() {
    let url = found_by_a_look_alone(usize::MAX);
    let mut follow = Running::start(&["follow", "--fail", &format!("{url}/log")]);
    eventually("an end", || follow.is_over());
    let (code, out, err) = follow.end();
    assert_eq!((code, &*out), (Some(1), ""), "{err}");
    assert!(err.contains("404: not here"), "{err}");
}
