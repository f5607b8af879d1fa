//! What fails and is tried again.

use openrange::client::follower::Link;

use super::{LIST, NAME, NOW, at, chunks, partial};
use crate::client::talk::{Talk, response, settings};

/// Each complaint is shown once, until something works again.
#[test]
fn troubles_are_told_once() {
    let mut talk = at("tail", settings());
    let full = response("503 S", "", "full");
    for _ in 0..3 {
        talk.answer(&full);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    }
    assert_eq!(talk.reports, ["503: full; trying again"]);
    for _ in 0..2 {
        talk.cut(Link::Main, "reset");
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    }
    talk.answer(&partial("Content-Range: bytes 4-6/7\r\n", "xyz"));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&full);
    let expected = [
        "503: full; trying again",
        "reset; trying again",
        "connected again",
        "503: full; trying again",
    ];
    assert_eq!(talk.reports, expected);
    // What is no HTTP.
    let mut talk = at("tail", settings());
    talk.answer("SSH-2.0-OpenSSH\r\n\r\n");
    assert_eq!(
        talk.reports,
        ["what the server sent is not HTTP; trying again"]
    );
}

/// How long it waits after a failure: longer each time, as long as the server says, but no longer than a minute.
#[test]
fn pauses() {
    let wait = |talk: &Talk| talk.follower.deadline().0 - talk.now.0;
    let mut talk = at("tail", settings());
    for expected in [50, 100, 200, 400, 800] {
        talk.answer(&response("503 S", "", "full"));
        assert_eq!(wait(&talk), expected);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    }
    for (seconds, expected) in [
        ("0", 1600),
        ("1", 3200),
        ("30", 30_000),
        ("60", 60_000),
        ("90", 60_000),
    ] {
        talk.answer(&response(
            "503 S",
            &format!("Retry-After: {seconds}\r\n"),
            "full",
        ));
        assert_eq!(wait(&talk), expected);
        talk.now = talk.follower.deadline();
        talk.follower.run(talk.now);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    }
    talk.answer(&chunks("4-4/*", "xyz\n", "Tail-End: shutdown\r\n"));
    assert_eq!(wait(&talk), 50, "a success makes them short again");
    // Looks at what is not there.
    let mut talk = at("start", settings());
    for expected in [10, 20, 40] {
        talk.answer(&response("404 N", "", ""));
        assert_eq!(wait(&talk), expected);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    }
    talk.list(&[("/log", 2, NOW)]);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&chunks("0-0/*", "x", "Tail-End: sealed\r\n"));
    assert_eq!(wait(&talk), 10, "it has arrived somewhere");
}
