//! Where it begins.

use openrange::client::follower::Link;
use openrange::client::position::Position;
use openrange::client::settings::{From, Settings};
use openrange::http::etag::ETag;

use super::{LIST, NAME, NOW, TAG, at, run};
use crate::client::talk::{list, response, settings};

#[test]
fn the_first_list() {
    let directory = response("301 M", "Location: /log/\r\n", "a directory\n");
    let rows = [
        (list(&[("/log.1", 1, ""), ("/log", 2, NOW)]), NAME, ""),
        (
            directory.clone(),
            "",
            "failure: it is a directory; follow one of its files",
        ),
        (
            response("301 M", "", "elsewhere\n"),
            LIST,
            "301: elsewhere; trying again",
        ),
        (
            response("404 N", "", "no such file\n"),
            LIST,
            "404: no such file; waiting for it",
        ),
        (
            response("200 OK", "", "a page"),
            LIST,
            "no list of generations",
        ),
        (response("403 F", "", "no"), LIST, "403: no; trying again"),
        (response("500 E", "", "no"), LIST, "500: no; trying again"),
    ];
    run("start", &settings(), &rows);
    let fail = Settings {
        fail: true,
        ..settings()
    };
    let rows = [
        (
            response("404 N", "", "no such file\n"),
            "",
            "failure: 404: no such file",
        ),
        (
            list(&[("/log.1", 1, "")]),
            "",
            "failure: 404: no such file yet",
        ),
        (response("403 F", "", "no"), "", "failure: 403: no"),
        (response("400 B", "", "no"), "", "failure: 400: no"),
        (response("499 X", "", "no"), "", "failure: 499: no"),
        (response("500 E", "", "no"), LIST, "500: no; trying again"),
        (response("399 R", "", "no"), LIST, "399: no; trying again"),
    ];
    run("start", &fail, &rows);
    // Only of what is followed is it a failure.
    run(
        "tail",
        &settings(),
        &[(directory, NAME, "301: a directory; trying again")],
    );
    for (from, offset) in [(From::Start, 0), (From::End, 4)] {
        let mut talk = at("start", Settings { from, ..settings() });
        talk.list(&[("/log.1", 1, ""), ("/log", 2, NOW)]);
        let expected = Position {
            offset,
            earlier: vec![ETag(1)],
            ..Position::start_of(ETag(2))
        };
        assert_eq!(talk.saved, [expected], "before anything is handed over");
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    }
}

/// What comes later is the first one, whatever was there before.
#[test]
fn a_log_that_is_not_there_yet() {
    let mut talk = at("start", settings());
    talk.list(&[("/log.1", 1, "")]);
    assert_eq!(talk.reports, ["404: no such file yet; waiting for it"]);
    let none = Position {
        earlier: vec![ETag(1)],
        ..Position::default()
    };
    assert_eq!(talk.saved, [none]);
    for _ in 0..2 {
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
        talk.list(&[("/log.1", 1, "")]);
    }
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    talk.answer(&response("404 N", "", ""));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    assert_eq!(talk.reports.len(), 1, "{:?}", talk.reports);
    talk.list(&[("/log.2", 1, ""), ("/log.1", 2, ""), ("/log", 3, NOW)]);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    assert_eq!(talk.follower.position().generation, Some(ETag(2)));
    // Nothing was ever there: its end is before the first byte that comes.
    let mut talk = at(
        "start",
        Settings {
            from: From::End,
            ..settings()
        },
    );
    talk.list(&[]);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    talk.list(&[("/log", 3, NOW)]);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    assert_eq!(talk.follower.position().offset, 0);
}

#[test]
fn where_the_last_lines_begin() {
    let settings = Settings {
        from: From::Lines(3),
        ..settings()
    };
    let head = |status: &str, range: &str| format!("HTTP/1.1 {status}\r\n{TAG}{range}\r\n");
    for (response, offset) in [
        (head("206 P", "Content-Range: bytes 5-6/7\r\n"), 5),
        (head("206 P", "Content-Range: bytes 5-4/*\r\n"), 5),
        (head("416 R", "Content-Range: bytes */7\r\n"), 7),
        (head("200 OK", "Content-Length: 7\r\n"), 0),
    ] {
        let mut talk = at("lines", settings.clone());
        talk.answer(&response);
        let asked = talk.requests(Link::Main).expect("it goes on");
        assert!(
            asked.contains(&format!("\r\nRange: bytes={offset}-\r\n")),
            "{asked}"
        );
        let expected = Position {
            offset,
            ..Position::start_of(ETag(2))
        };
        assert_eq!(talk.saved, [expected], "{response}");
    }
    let lines = "HEAD /log?lines=3";
    let rows = [
        (head("206 P", ""), lines, "neither tag nor range"),
        (
            head("206 P", "Content-Range: bytes */7\r\n"),
            lines,
            "neither tag nor range",
        ),
        (head("416 R", ""), lines, "neither tag nor range"),
        (
            head("416 R", "Content-Range: bytes 5-6/7\r\n"),
            lines,
            "neither tag nor range",
        ),
        (
            "HTTP/1.1 200 OK\r\n\r\n".into(),
            lines,
            "neither tag nor range",
        ),
        (
            head("404 N", ""),
            lines,
            "404, without a reason; trying again",
        ),
    ];
    run("lines", &settings, &rows);
}
