//! Responses with other bytes than their heads say: not one of these is taken for a byte of the log.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::Running;
use super::unending::{Then, document, generations, origin};
use crate::support::harness::{TempDir, eventually};

const TAG: &str = "ETag: W/\"0123456789abcdef\"\r\n";
const PLAIN: &str = "\r\nAccept-Encoding: identity\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// First responses to a request for all of a file that has `right`.
fn wrong() -> [String; 5] {
    let of = |range: &str, fields: &str, body: &str| {
        format!(
            "HTTP/1.1 206 Partial Content\r\n{TAG}Content-Range: bytes {range}\r\n{fields}\r\n{body}"
        )
    };
    [
        of("0-5/6", "Content-Length: 12\r\n", "right\nwrong\n"),
        of("0-5/6", CHUNKED, "c\r\nright\nwrong\n\r\n0\r\n\r\n"),
        of(
            "0-5/6",
            "Content-Length: 6\r\nContent-Encoding: gzip\r\n",
            "wrong\n",
        ),
        of("0-9/*", "Content-Length: 6\r\n", "wrong\n"),
        of("0-9/*", "", "wrong\n"),
    ]
}

/// Live, from there on.
fn live(head: &str) -> (String, Then) {
    let (first, chunk) = match head.contains("\r\nRange: bytes=0-") {
        true => (0, "6\r\nright\n\r\n"),
        false => (6, ""),
    };
    let text = format!(
        "HTTP/1.1 206 Partial Content\r\n{TAG}{CHUNKED}Content-Range: bytes {first}-99/*\r\n\r\n{chunk}"
    );
    (text, Then::Nothing)
}

/// An origin that is wrong once.
fn wrong_once(response: String) -> String {
    let asked = AtomicUsize::new(0);
    origin(move |head| {
        if head.contains("?generation") {
            return generations();
        }
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => (response.clone(), Then::Closes),
            _ => live(head),
        }
    })
}

#[test]
fn a_follower_takes_what_was_asked_for_and_nothing_else() {
    for response in wrong() {
        let url = wrong_once(response.clone());
        let follow = Running::start(&["follow", &format!("{url}/log")]);
        follow.says("trying again");
        eventually(&response, || !follow.out().is_empty());
        assert_eq!(follow.stop().1, "right\n", "{response}");
    }
}

#[test]
fn a_mirror_takes_what_was_asked_for_and_nothing_else() {
    for response in wrong() {
        let url = wrong_once(response.clone());
        let copies = TempDir::new();
        let copy = copies.path().display().to_string();
        let mirror = Running::start(&["mirror", &format!("{url}/log"), &copy]);
        mirror.says("caught up (1 files, 6 bytes)");
        let copied = std::fs::read_to_string(copies.join("log"));
        assert_eq!(copied.expect("a copy"), "right\n", "{response}");
        assert_eq!(mirror.stop().0.code(), Some(0));
    }
}

/// Without the field, a server may send any coding.
#[test]
fn no_coding_is_allowed_in_any_request() {
    for arguments in [&["follow"][..], &["mirror"]] {
        let url = origin(|head| {
            if !head.contains(PLAIN) {
                return document("any coding may be sent");
            }
            match head.contains("?generation") {
                true => generations(),
                false => live(head),
            }
        });
        let copies = TempDir::new();
        let (log, copy) = (format!("{url}/log"), copies.path().display().to_string());
        let mut all = [arguments, &[&log]].concat();
        if arguments == ["mirror"] {
            all.push(&copy);
        }
        let client = Running::start(&all);
        eventually("its bytes", || {
            let copied = std::fs::read_to_string(copies.join("log"));
            copied.unwrap_or_else(|_| client.out()) == "right\n"
        });
        assert_eq!(client.err().matches("trying again").count(), 0);
    }
}
