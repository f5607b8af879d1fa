//! When it ends by itself.

use openrange::client::follower::{Link, Outcome};
use openrange::client::position::Position;
use openrange::client::settings::{Settings, Until};
use openrange::http::etag::ETag;

use super::{
    FAILED, GONE, LIST, LOCATE, NAME, OTHER, REST, SIZE, SUCCESS, TAG, as_long, at, chunks, here,
    longer, partial, prove, run, successor,
};
use crate::client::talk::{Talk, response, settings};

#[test]
fn up_to_what_is_the_end_now() {
    let settings = Settings {
        until: Until::CaughtUp,
        ..settings()
    };
    let size = |size: u64, fields: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n{fields}\r\n")
    };
    let rows = [
        (size(4, TAG), REST, ""),
        (size(7, TAG), REST, ""),
        (size(3, TAG), "", "was truncated to 3 bytes"),
        (size(4, OTHER), SIZE, "another file"),
        (format!("HTTP/1.1 200 OK\r\n{TAG}\r\n"), SIZE, "no length"),
        ("HTTP/1.1 412 P\r\n\r\n".into(), LOCATE, ""),
        (GONE.into(), LOCATE, ""),
        (
            "HTTP/1.1 503 S\r\n\r\n".into(),
            SIZE,
            "503, without a reason; trying again",
        ),
    ];
    run("measure", &settings, &rows);
    // Of what is measured, all is read, and no more.
    let mut talk = at("measure", settings.clone());
    talk.answer(&size(7, TAG));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    talk.answer(&partial("Content-Range: bytes 4-6/9\r\n", "xyz"));
    assert_eq!(talk.handed, b"xyz");
    assert_eq!(talk.outcome, Some(Outcome::Success));
    // It is as long as what was read of it: with the same bytes before that, or others.
    let mut talk = at("measure", settings.clone());
    talk.answer(&size(4, TAG));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    talk.answer("HTTP/1.1 416 R\r\nContent-Range: bytes */4\r\n\r\n");
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    talk.answer(&size(4, TAG));
    assert_eq!(talk.outcome, Some(Outcome::Success));
    // The rest of an earlier generation is no end.
    let mut talk = at("measure", settings.clone());
    talk.answer("HTTP/1.1 412 P\r\n\r\n");
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    talk.answer(&longer(&successor(3)));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    talk.answer(&partial("Content-Range: bytes 4-6/7\r\n", "xyz"));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(SIZE));
    assert_eq!(talk.follower.position().generation, Some(ETag(3)));
    // The log has no newer file.
    let mut talk = at("measure", settings.clone());
    talk.answer(GONE);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    prove(&mut talk);
    talk.answer(&size(4, TAG));
    assert_eq!(
        (talk.asks(Link::Main), &talk.outcome),
        (None, &Some(Outcome::Success))
    );
    // Nor does the list of one that is passed on.
    let mut talk = at("measure", settings);
    talk.answer("HTTP/1.1 412 P\r\n\r\n");
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    prove(&mut talk);
    talk.answer(&size(4, TAG));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    talk.list(&[("/log.1", 2, "")]);
    assert_eq!(
        (talk.asks(Link::Main), &talk.outcome),
        (None, &Some(Outcome::Success))
    );
}

#[test]
fn up_to_the_end_of_the_generation() {
    let settings = Settings {
        until: Until::End,
        ..settings()
    };
    let ends = [
        (as_long(""), "", SUCCESS),
        (as_long(&successor(3)), "", SUCCESS),
    ];
    run("proven", &settings, &ends);
    let range = "Content-Range: bytes 4-6/7\r\n";
    run(
        "tail",
        &settings,
        &[
            (partial(range, "xyz"), "", SUCCESS),
            (chunks("4-4/*", "xyz", "Tail-End: sealed\r\n"), "", SUCCESS),
            (chunks("4-4/*", "xyz", "Tail-End: shutdown\r\n"), NAME, ""),
            (chunks("4-4/*", "xyz", "Tail-End: removed\r\n"), LOCATE, ""),
            (
                response("416 R", "Content-Range: bytes */4\r\n", ""),
                "",
                SUCCESS,
            ),
        ],
    );
    // It had ended when it was left, and is gone.
    let ended = Position {
        ended: true,
        ..here()
    };
    let mut talk = Talk::with(settings, Some(ended));
    talk.asks(Link::Main);
    talk.answer(FAILED);
    talk.asks(Link::Main);
    talk.answer(GONE);
    assert_eq!(
        (talk.asks(Link::Main), &talk.outcome),
        (None, &Some(Outcome::Success))
    );
}
