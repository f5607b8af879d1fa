//! What fails and is tried again.

use openrange::client::follower::{Link, Outcome};
use openrange::client::settings::Settings;
use openrange::limits::CLIENT_GONE_TRIES;

use super::{
    FAILED, GONE, LIST, LOCATE, NAME, NOW, OVER, REST, TAG, as_long, at, chunks, longer, partial,
};
use crate::client::talk::{Talk, list, response, settings};

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
        ["the server sent something that is not HTTP; trying again"]
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

fn wait(talk: &Talk) -> u64 {
    talk.follower.deadline().0.saturating_sub(talk.now.0)
}

/// A HEAD finds what a GET does not: once that is a roll in between, but not when it goes on.
#[test]
fn bytes_that_are_refused_although_they_are_there() {
    let refused = response("404 N", "", "not here");
    let mut talk = at("rest", settings());
    for count in 1..CLIENT_GONE_TRIES + 4 {
        talk.answer(&refused);
        let goes_on = count >= CLIENT_GONE_TRIES;
        let pauses = talk.follower.deadline() < openrange::time::Moment(talk.now.0 + 10_000);
        assert_eq!(pauses, goes_on, "{count}");
        if goes_on {
            assert_eq!(wait(&talk), 50 << (count - CLIENT_GONE_TRIES));
        }
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        talk.answer(&longer(""));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    }
    assert_eq!(talk.reports, ["404: not here; trying again"]);
    // Its bytes end that.
    talk.answer(&partial("Content-Range: bytes 4-6/7\r\n", "xyz"));
    assert_eq!(talk.handed, b"xyz");
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    talk.answer(&longer("").replace("Length: 7", "Length: 9"));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    talk.answer(&refused);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    assert_eq!(talk.reports.len(), 1);
    // So does a look that finds nothing more.
    let mut talk = at("rest", settings());
    talk.answer(OVER);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    for _ in 0..2 * CLIENT_GONE_TRIES {
        talk.answer(&as_long(""));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
        talk.list(&[("/log.1", 2, "")]);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
        talk.answer(FAILED);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        talk.answer(&longer(""));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
        talk.answer(&refused);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    }
    assert!(talk.reports.is_empty(), "{:?}", talk.reports);
}

#[test]
fn with_fail_refused_bytes_are_an_end() {
    let settings = Settings {
        fail: true,
        ..settings()
    };
    let mut talk = at("rest", settings);
    for _ in 1..CLIENT_GONE_TRIES {
        talk.answer(&response("404 N", "", "not here"));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        talk.answer(&longer(""));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    }
    talk.answer(&response("404 N", "", "not here"));
    assert_eq!(
        (talk.asks(Link::Main), &talk.outcome),
        (None, &Some(Outcome::Failure("404: not here".into())))
    );
}

/// A server that knows no HEAD: nothing is gone, and nothing can be had.
#[test]
fn a_look_is_refused_although_the_file_is_there() {
    let mut talk = at("reason", settings());
    for count in 1..CLIENT_GONE_TRIES + 3 {
        talk.answer(&response("206 P", TAG, "a"));
        if count >= CLIENT_GONE_TRIES {
            assert_eq!(wait(&talk), 50 << (count - CLIENT_GONE_TRIES));
        }
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        talk.answer(GONE);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
        talk.answer(&list(&[("/log", 3, NOW)]));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    }
    let line = "the response is not what was asked for: GET finds the generation, and HEAD does not; trying again";
    assert_eq!(talk.reports, [line]);
    // Why it is gone cannot be told now.
    talk.answer(&response("503 S", "", "full"));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    assert_eq!(
        talk.reports.last().map(|line| &**line),
        Some("503: full; trying again")
    );
}
