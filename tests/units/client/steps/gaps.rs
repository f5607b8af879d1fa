//! A generation that is gone, or has ended.

use openrange::client::follower::Link;
use openrange::client::position::Position;
use openrange::client::settings::{OnGap, Settings};
use openrange::http::etag::ETag;

use super::{FAILED, GONE, GZIP, LIST, LOCATE, NAME, NOW, REST, TAG, at, here, partial, run};
use crate::client::talk::{Talk, list, response, settings};

#[test]
fn a_generation_that_may_be_gone() {
    let others = list(&[("/log", 3, NOW)]);
    let rows = [
        (others.clone(), REST, ""),
        (list(&[("/log.1", 2, GZIP), ("/log", 3, NOW)]), REST, ""),
        (list(&[("/log.1", 2, ""), ("/log", 3, NOW)]), NAME, ""),
        (response("404 N", "", ""), NAME, ""),
        (
            response("503 S", "", "full"),
            LIST,
            "503: full; trying again",
        ),
    ];
    run("verify", &settings(), &rows);
    // The list has it, so it may be back in a moment: but not for ever.
    for document in [
        list(&[("/log.1", 2, ""), ("/log", 3, NOW)]),
        response("404 N", "", ""),
    ] {
        let mut talk = Talk::with(settings(), Some(here()));
        for asked in [NAME, LOCATE, LIST, NAME, LOCATE, LIST, NAME, LOCATE, LIST] {
            assert_eq!(talk.asks(Link::Main).as_deref(), Some(asked));
            match asked {
                NAME => talk.answer(FAILED),
                LOCATE => talk.answer(GONE),
                _ => talk.answer(&document),
            }
        }
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
        // It is back: whatever failed before it is forgotten.
        talk.answer(&partial("Content-Range: bytes 0-0/4\r\n", "a"));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
        assert!(talk.handed.is_empty());
    }
    let lost = "gap: generation W/\"0000000000000002\" is gone (retired): what it had from byte 4 on is lost";
    run(
        "reason",
        &settings(),
        &[
            (response("404 N", "", "retired\n"), "", lost),
            (response("200 OK", TAG, "a"), LOCATE, ""),
            (response("416 R", "", ""), LOCATE, ""),
        ],
    );
}

#[test]
fn behind_a_gap() {
    for on_gap in [OnGap::Oldest, OnGap::Latest] {
        let settings = Settings {
            on_gap,
            ..settings()
        };
        let next = |document: &str| {
            let mut talk = at("behind gap", settings.clone());
            talk.answer(document);
            let asked = talk.asks(Link::Main).expect("it goes on");
            assert!(talk.reports.is_empty(), "{:?}", talk.reports);
            (asked, talk.follower.position())
        };
        let is_oldest = on_gap == OnGap::Oldest;
        let (asked, position) = next(&list(&[
            ("/log.2", 3, ""),
            ("/log.1", 4, ""),
            ("/log", 5, NOW),
        ]));
        assert_eq!(asked, NAME);
        let expected = if is_oldest { (3, 2) } else { (5, 4) };
        let generation = position.generation.expect("one").0;
        assert_eq!(
            (generation, position.earlier.len()),
            expected,
            "{position:?}"
        );
        // One that came before, or that itself: all that is left.
        for tag in [1, 2] {
            let (asked, position) = next(&list(&[("/log", tag, NOW)]));
            assert_eq!(
                (asked.as_str(), position.generation),
                (NAME, Some(ETag(tag)))
            );
            let offset = if is_oldest && tag == 2 { 4 } else { 0 };
            assert_eq!(position.offset, offset);
        }
        for nothing in [list(&[]), response("404 N", "", "")] {
            assert_eq!(next(&nothing).0, LIST);
        }
    }
    // Of a file that was truncated and is followed on, only its earlier bytes are lost.
    let oldest = Settings {
        on_gap: OnGap::Oldest,
        ..settings()
    };
    let mut talk = at("tail", oldest);
    talk.answer(&response("416 R", "Content-Range: bytes */3\r\n", ""));
    assert!(
        talk.reports[0].contains("was truncated to 3 bytes: what it had from byte 4 on is lost")
    );
    let asked = talk.requests(Link::Main).expect("it goes on");
    assert!(asked.contains("\r\nRange: bytes=0-\r\n"), "{asked}");
    let latest = Settings {
        on_gap: OnGap::Latest,
        ..settings()
    };
    let mut talk = at("tail", latest);
    talk.answer(&response("416 R", "Content-Range: bytes */3\r\n", ""));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
}

#[test]
fn behind_a_generation_that_has_ended() {
    let known = "was followed by a file that had the name before";
    let rows = [
        (list(&[("/log", 3, NOW)]), NAME, ""),
        (list(&[("/log", 2, NOW)]), NAME, ""),
        (list(&[("/log.1", 2, "")]), NAME, ""),
        (list(&[]), NAME, ""),
        (response("404 N", "", ""), NAME, ""),
        (list(&[("/log", 1, NOW)]), "", known),
        (
            list(&[("/log.2", 2, ""), ("/log.1.gz", 4, GZIP), ("/log", 3, NOW)]),
            "",
            "was followed by one that is gone",
        ),
    ];
    run("next", &settings(), &rows);
    let mut talk = at("next", settings());
    talk.list(&[("/log.2", 2, ""), ("/log.1", 3, ""), ("/log", 4, NOW)]);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    assert_eq!(talk.follower.position().generation, Some(ETag(3)));
    assert!(talk.reports.is_empty());
}

/// Only so many earlier generations are remembered: the one that tells which of the list are newer stays.
#[test]
fn what_the_list_has_is_remembered_longest() {
    for (known, earlier) in [(1, [5, 1, 2]), (5, [1, 5, 2]), (2, [1, 5, 2])] {
        let position = Position {
            earlier: vec![ETag(1), ETag(5)],
            ended: true,
            ..here()
        };
        let mut talk = Talk::with(settings(), Some(position));
        talk.asks(Link::Main);
        talk.answer(FAILED);
        talk.asks(Link::Main);
        talk.answer(GONE);
        talk.asks(Link::Main);
        talk.list(&[("/log.1", known, ""), ("/log", 3, NOW)]);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
        assert_eq!(talk.follower.position().earlier, earlier.map(ETag));
    }
}
