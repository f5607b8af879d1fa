//! The generation of the position under whatever name: where it is, and its rest.

use std::time::Duration;

use openrange::client::follower::{Link, Outcome};
use openrange::client::lines::Batching;
use openrange::client::position::Position;
use openrange::client::settings::Settings;
use openrange::http::etag::ETag;

use super::{
    FAILED, GONE, LIST, LOCATE, NAME, OTHER, REST, Row, TAG, as_long, at, chunks, here, longer,
    partial, prove, run, successor,
};
use crate::client::talk::{Talk, response, settings};

#[test]
fn where_the_generation_is() {
    let size = |size: u64, fields: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{fields}\r\n")
    };
    let next = successor(3);
    let after = "GET /log";
    let rows = [
        (longer(""), REST, ""),
        (longer(&next), REST, ""),
        // It may have other bytes by now.
        (as_long(&next), REST, ""),
        (as_long(""), REST, ""),
        (size(3, TAG), "", "was truncated to 3 bytes"),
        (
            size(3, &format!("{TAG}Content-Location: /log.1.gz\r\n")),
            "",
            "is left only as a compressed copy",
        ),
        (format!("HTTP/1.1 200 OK\r\n{TAG}\r\n"), LOCATE, "no length"),
        (size(4, OTHER), LOCATE, "another file"),
        (size(4, ""), LOCATE, "no tag"),
        // It had not ended: is it gone?
        (GONE.into(), LIST, ""),
        (format!("HTTP/1.1 404 N\r\n{next}\r\n"), LIST, ""),
        (
            "HTTP/1.1 503 S\r\nContent-Length: 9\r\n\r\n".into(),
            LOCATE,
            "503, without a reason; trying again",
        ),
        (FAILED.into(), LOCATE, "412, without a reason; trying again"),
        (
            "HTTP/1.1 403 F\r\nContent-Length: 9\r\n\r\n".into(),
            LOCATE,
            "403: the server may not read the file, or does not let this client; trying again",
        ),
    ];
    run("locate", &settings(), &rows);
    let rows = [
        (as_long(&next), after, ""),
        // Something came between: only the list has it.
        (as_long(""), LIST, ""),
    ];
    run("proven", &settings(), &rows);
    // With the name free, nothing came between.
    let mut talk = Talk::with(settings(), Some(here()));
    talk.asks(Link::Main);
    talk.answer(&response("404 Not Found", "", ""));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    prove(&mut talk);
    talk.answer(&as_long(""));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    assert!(talk.follower.position().ended, "nothing is missing of it");
    // A generation that is known to have ended is followed by the next one although it is gone.
    let mut talk = Talk::with(
        settings(),
        Some(Position {
            ended: true,
            ..here()
        }),
    );
    talk.asks(Link::Main);
    talk.answer(FAILED);
    talk.asks(Link::Main);
    talk.answer(&format!("HTTP/1.1 404 N\r\n{next}\r\n"));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    assert_eq!(talk.follower.position().generation, Some(ETag(3)));
    assert!(talk.reports.is_empty());
}

#[test]
fn the_rest_of_a_generation() {
    let range = |range: &str| format!("Content-Range: bytes {range}\r\n");
    let rows: [Row<'_>; 14] = [
        (partial(&range("4-6/7"), "xyz"), LOCATE, ""),
        (partial(&range("4-6/9"), "xyz"), LOCATE, ""),
        (chunks("4-6/7", "xyz", ""), LOCATE, ""),
        (
            partial(&range("4-5/7"), "xy"),
            LOCATE,
            "a range other than 4 to 7",
        ),
        (
            partial(&range("3-6/7"), "wxyz"),
            LOCATE,
            "a range other than 4 to 7",
        ),
        (
            partial(&range("4-6/7"), "xy"),
            LOCATE,
            "a range other than 4 to 7",
        ),
        (
            partial(&range("4-5/7"), "xyz"),
            LOCATE,
            "a range other than 4 to 7",
        ),
        (
            partial(&range("3-6/7"), "xyz"),
            LOCATE,
            "a range other than 4 to 7",
        ),
        (
            partial(&range("4-4/*"), "xyz"),
            LOCATE,
            "a range other than 4 to 7",
        ),
        (
            response("206 P", &format!("{OTHER}{}", range("4-6/7")), "xyz"),
            LOCATE,
            "another file",
        ),
        (response("404 N", "", ""), LOCATE, ""),
        (response("416 R", &range("*/4"), ""), LOCATE, ""),
        (
            response("412 P", TAG, ""),
            "",
            "was truncated or overwritten",
        ),
        (
            response("503 S", "", "full"),
            LOCATE,
            "503: full; trying again",
        ),
    ];
    run("rest", &settings(), &rows);
    run("rest", &settings(), &[(FAILED.into(), LOCATE, "")]);
    for (next, asked) in [(String::new(), LOCATE), (successor(3), NAME)] {
        let mut talk = at("locate", settings());
        talk.answer(&longer(&next));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
        talk.answer(&partial(&range("4-6/7"), "xy\n"));
        assert_eq!(talk.handed, b"xy\n");
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(asked));
    }
    // What failed of it is asked for by its place again.
    let mut talk = at("rest", settings());
    talk.answer(&partial(&range("4-6/7"), "xyz")[..100]);
    talk.cut(Link::Main, "reset");
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    assert_eq!(talk.reports, ["reset; trying again"]);
}

/// What was read is the whole of a file that has other bytes now.
#[test]
fn other_bytes_before_the_end() {
    let mut talk = at("locate", settings());
    talk.answer(&as_long(&successor(3)));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    talk.answer(&response("412 Precondition Failed", TAG, ""));
    assert_eq!(talk.asks(Link::Main), None);
    let lost = "generation W/\"0000000000000002\" was truncated or overwritten: what it had from byte 4 on is lost";
    assert_eq!(talk.outcome, Some(Outcome::Gap(lost.into())));
}

/// The writer has a line in its buffer when the log is rolled.
#[test]
fn a_line_that_is_completed_after_the_roll() {
    let batching = Batching {
        bytes: 100,
        linger: Duration::ZERO,
    };
    for batching in [None, Some(batching)] {
        let settings = Settings {
            batching,
            ..settings()
        };
        let line = |end: &str| chunks("4-6/*", "par", end);
        let renamed = line("Tail-End: renamed\r\n");
        let located = |size: u64| {
            let next = successor(3);
            format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{TAG}{next}\r\n")
        };
        let mut talk = at("tail", settings.clone());
        talk.answer(&renamed);
        for _ in 0..2 {
            assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
            talk.answer(&located(7));
        }
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        talk.answer(&located(12));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
        talk.answer(&partial("Content-Range: bytes 7-11/12\r\n", "tial\n"));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
        assert_eq!(talk.handed, b"partial\n");
        assert_eq!(talk.follower.position().generation, Some(ETag(3)));
        // Nobody completes it.
        let mut talk = at("tail", settings);
        talk.answer(&renamed);
        let begun = talk.now;
        while talk.asks(Link::Main).as_deref() == Some(LOCATE) {
            talk.answer(&located(7));
        }
        assert_eq!(talk.handed, b"par");
        assert_eq!(talk.follower.position().generation, Some(ETag(3)));
        assert!(talk.now >= begun + Duration::from_secs(5));
    }
}
