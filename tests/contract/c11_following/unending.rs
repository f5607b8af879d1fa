//! Responses that are none of those that were asked for, and whose bodies do not end: their status counts.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::Running;
use crate::support::harness::{TempDir, eventually, openrange};

/// What an origin does after a response.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    /// It waits for the next request.
    Next,
    /// Nothing, and it leaves the connection open.
    Nothing,
    /// It sends chunks for ever.
    Floods,
    /// It closes the connection.
    Closes,
}

fn serve(stream: &mut TcpStream, answer: &dyn Fn(&str) -> (String, Then)) -> std::io::Result<()> {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let (text, then) = answer(&String::from_utf8_lossy(&head));
        stream.write_all(text.as_bytes())?;
        match then {
            Then::Next => {}
            // Until the client closes it.
            Then::Nothing => stream.read_exact(&mut byte)?,
            Then::Floods => loop {
                stream.write_all(b"6\r\nwrong\n\r\n")?;
            },
            Then::Closes => return Ok(()),
        }
    }
}

/// An origin that answers each request head with this.
pub(super) fn origin(answer: impl Fn(&str) -> (String, Then) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(&mut stream, &*answer));
        }
    });
    url
}

pub(super) fn document(text: &str) -> (String, Then) {
    let length = text.len();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    (head + text, Then::Next)
}

pub(super) fn generations() -> (String, Then) {
    document(
        "{\"path\":\"/log\",\"generations\":[{\"etag\":\"W/\\\"0123456789abcdef\\\"\",\"path\":\"/log\",\"size\":6,\
         \"mtime\":1,\"sealed\":false,\"compressed\":null,\"current\":true}]}",
    )
}

/// A body that says `why`, and does not end.
fn unending(status: &str, why: &str, then: Then) -> (String, Then) {
    let length = why.len();
    let head = format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n");
    (format!("{head}{length:x}\r\n{why}\r\n"), then)
}

fn right() -> (String, Then) {
    let text = "HTTP/1.1 206 Partial Content\r\nETag: W/\"0123456789abcdef\"\r\nTransfer-Encoding: chunked\r\n\
                Content-Range: bytes 0-9007199254740991/*\r\n\r\n6\r\nright\n\r\n";
    (text.into(), Then::Nothing)
}

#[test]
fn a_follower_says_which_status_has_no_end_and_asks_again() {
    for (status, line) in [
        ("200 OK", "200: wrong; trying again"),
        ("503 Service Unavailable", "503: wrong; trying again"),
    ] {
        for then in [Then::Nothing, Then::Floods] {
            let tails = AtomicUsize::new(0);
            let url = origin(move |head| {
                if head.contains("?generations") {
                    return generations();
                }
                match tails.fetch_add(1, Ordering::SeqCst) {
                    0 => unending(status, "wrong\n", then),
                    _ => right(),
                }
            });
            let follow = Running::start(&["follow", &format!("{url}/log")]);
            follow.has("right\n");
            follow.says(line);
        }
    }
}

#[test]
fn a_refusal_without_an_end_is_one() {
    let refusals = [
        unending("403 Forbidden", "go away\n", Then::Nothing),
        unending("403 Forbidden", "go away\n", Then::Floods),
        // Only the end of the connection ends it.
        (
            "HTTP/1.1 403 Forbidden\r\n\r\ngo away\n".into(),
            Then::Closes,
        ),
    ];
    for refusal in refusals {
        let shown = format!("{refusal:?}");
        let url = origin(move |head| match head.contains("?generations") {
            true => generations(),
            false => refusal.clone(),
        });
        let mut follow = Running::start(&["follow", "--fail", &format!("{url}/log")]);
        eventually("an end", || follow.is_over());
        let (code, out, err) = follow.end();
        assert_eq!((code, &*out), (Some(1), ""), "{shown}: {err}");
        assert!(err.contains("403: go away"), "{shown}: {err}");
    }
}

#[test]
fn a_mirror_lists_what_a_stream_without_an_end_does_not_tell_of() {
    let lists = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&lists);
    let url = origin(move |head| {
        if head.contains("text/event-stream") {
            return unending("503 Service Unavailable", "no streams\n", Then::Floods);
        }
        counted.fetch_add(1, Ordering::SeqCst);
        document("{\"truncated\":false,\"entries\":[]}")
    });
    let copy = TempDir::new();
    let copies = copy.path().display().to_string();
    let mirror = Running::start(&["mirror", &format!("{url}/"), &copies]);
    eventually("list after list", || lists.load(Ordering::SeqCst) > 3);
    assert_eq!(mirror.stop().0.code(), Some(0));
}

#[test]
fn a_mirror_says_which_status_has_no_end_and_asks_again() {
    for then in [Then::Nothing, Then::Floods] {
        let [lists, files] = [const { AtomicUsize::new(0) }; 2];
        let url = origin(move |head| match head.contains("?generations") {
            true => match lists.fetch_add(1, Ordering::SeqCst) {
                0 => unending("503 Service Unavailable", "no list\n", then),
                _ => generations(),
            },
            false => match files.fetch_add(1, Ordering::SeqCst) {
                0 => unending("503 Service Unavailable", "no file\n", then),
                _ => right(),
            },
        });
        let copy = TempDir::new();
        let mut command = openrange(&["mirror", &format!("{url}/log")]);
        command.arg(copy.path());
        let mirror = Running::of(command);
        mirror.says("503: no list");
        mirror.says("503: no file");
        eventually("a copy", || {
            std::fs::read(copy.join("log")).is_ok_and(|copied| copied == b"right\n")
        });
    }
}
