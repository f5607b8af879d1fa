//! The name, from the position on.

use openrange::client::follower::{Link, Outcome};
use openrange::client::position::Position;
use openrange::http::etag::ETag;

use super::{
    FAILED, GONE, LIST, LOCATE, NAME, NOW, OTHER, REST, Row, TAG, at, chunks, live, partial, run,
};
use crate::client::talk::{Talk, response, settings};

#[test]
fn a_tail_is_what_was_asked_for_or_nothing() {
    let range = |range: &str| format!("Content-Range: bytes {range}\r\n");
    let lost = "gap: generation W/\"0000000000000002\"";
    let rows: [Row<'_>; 30] = [
        // All that there is, of a sealed file.
        (partial(&range("4-6/7"), "xyz"), NAME, ""),
        (chunks("4-6/7", "xyz", ""), NAME, ""),
        // Live, to its end.
        (chunks("4-4/*", "xyz", ""), LOCATE, ""),
        (chunks("4-4/*", "xyz", "Tail-End: renamed\r\n"), LOCATE, ""),
        (chunks("4-4/*", "xyz", "Tail-End: shutdown\r\n"), NAME, ""),
        (chunks("4-4/*", "xyz", "Tail-End: sealed\r\n"), NAME, ""),
        // Another range, or another length than it says.
        (
            partial(&range("3-6/7"), "wxyz"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial(&range("5-6/7"), "xy"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial(&range("4-5/7"), "xy"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial(&range("4-5/7"), "xyz"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial(&range("4-6/7"), "xy"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial(&range("3-6/7"), "xyz"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial(&range("*/7"), "xyz"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            partial("", "xyz"),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            format!("HTTP/1.1 206 P\r\n{TAG}{}\r\nxyz", range("4-6/7")),
            NAME,
            "a range other than the one from 4 on",
        ),
        (
            chunks("3-3/*", "xyz", ""),
            NAME,
            "a range other than the one from 4 on",
        ),
        // One that was cut looks the same.
        (
            partial(&range("4-4/*"), "xyz"),
            NAME,
            "a live response without chunks",
        ),
        (
            format!("HTTP/1.1 206 P\r\n{TAG}{}\r\nxyz", range("4-4/*")),
            NAME,
            "a live response without chunks",
        ),
        // Another file.
        (
            response("206 P", &format!("{OTHER}{}", range("4-6/7")), "xyz"),
            NAME,
            "another file, W/\"0000000000000009\"",
        ),
        (
            response("206 P", &range("4-6/7"), "xyz"),
            NAME,
            "no tag that an openrange server gives",
        ),
        (FAILED.into(), LOCATE, ""),
        (response("404 Not Found", "", "gone\n"), LOCATE, ""),
        (response("412 P", OTHER, ""), LOCATE, ""),
        // The tag is that of the file, so it is the bytes that differ.
        (
            response("412 P", TAG, ""),
            "",
            "was truncated or overwritten: what it had from byte 4 on",
        ),
        (response("416 R", &range("*/4"), ""), NAME, ""),
        (
            response("416 R", &range("*/3"), ""),
            "",
            "was truncated to 3 bytes",
        ),
        (
            response("416 R", &range("*/5"), ""),
            NAME,
            "416 for a range that is within the file",
        ),
        (
            response("416 R", "", ""),
            NAME,
            "416 for a range that is within the file",
        ),
        (
            response("200 OK", TAG, "all of it"),
            NAME,
            "200: all of it; trying again",
        ),
        (
            response("503 S", "", "full\nof clients\n"),
            NAME,
            "503: full; trying again",
        ),
    ];
    run("tail", &settings(), &rows);
    let gap = &rows[23].0;
    let mut talk = at("tail", settings());
    talk.answer(gap);
    talk.tasks();
    assert!(matches!(&talk.outcome, Some(Outcome::Gap(what)) if what.starts_with(&lost[5..])));
    // Where no byte is known, 412 with this tag is none of a check.
    let mut talk = Talk::with(settings(), Some(Position::start_of(ETag(2))));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(gap);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
}

#[test]
fn what_is_handed_over_of_a_tail() {
    let range = "Content-Range: bytes 4-6/7\r\n";
    for (response, handed) in [
        (partial(range, "xyz"), "xyz"),
        (chunks("4-4/*", "xyz\n", ""), "xyz\n"),
        (partial("Content-Range: bytes 3-6/7\r\n", "wxyz"), ""),
        (response("200 OK", TAG, "all of it"), ""),
        (response("503 S", TAG, "no"), ""),
    ] {
        let mut talk = at("tail", settings());
        talk.answer(&response);
        assert_eq!(talk.handed, handed.as_bytes(), "{response}");
        let position = talk.follower.position();
        assert_eq!(position.offset, 4 + handed.len() as u64, "{response}");
        assert_eq!(position.midline, handed == "xyz", "{response}");
        assert_eq!(talk.follower.bytes(), handed.len() as u64);
    }
}

/// What a tail said when it ended decides whether a generation that is gone then had ended.
#[test]
fn a_tail_that_has_told_its_end_is_over() {
    for (end, over) in [("Tail-End: renamed\r\n", true), ("", false)] {
        let mut talk = at("tail", settings());
        talk.answer(&chunks("4-4/*", "xyz\n", end));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        talk.answer(GONE);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
        assert_eq!(talk.follower.position().ended, over);
        talk.list(&[("/log", 3, NOW)]);
        let (next, generation) = if over { (NAME, 3) } else { (REST, 2) };
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(next));
        assert_eq!(talk.follower.position().generation, Some(ETag(generation)));
    }
    // One that was sealed and then goes on was not at its end.
    let mut talk = at("tail", settings());
    talk.answer(&chunks("4-4/*", "xyz\n", "Tail-End: sealed\r\n"));
    assert!(talk.follower.position().ended);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&live("8-8/*"));
    assert!(!talk.follower.position().ended, "it is live again");
}
