//! A server that answers well and sends nothing: pauses grow until content comes, and the same line is said once.

use openrange::client::follower::Link;
use openrange::client::position::Position;
use openrange::client::settings::{From, Settings};
use openrange::http::etag::ETag;
use openrange::time::Moment;

use super::talk::{Talk, list, response, settings};

const LIVE: &str = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000001\"\r\nContent-Range: bytes 0-0/*\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
const SHUTDOWN: &str = "0\r\nTail-End: shutdown\r\n\r\n";

fn here() -> Talk {
    Talk::with(settings(), Some(Position::start_of(ETag(1))))
}

/// The times between requests that get this.
fn pauses(talk: &mut Talk, rounds: usize, mut answer: impl FnMut(&mut Talk, &str)) -> Vec<u64> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let asked = talk.asks(Link::Main).expect("it goes on");
        times.push(talk.now.0);
        answer(talk, &asked);
    }
    times.windows(2).map(|two| two[1] - two[0]).collect()
}

#[test]
fn tails_that_end_at_once() {
    let mut talk = here();
    let seen = pauses(&mut talk, 12, |talk, _| {
        talk.answer(&format!("{LIVE}{SHUTDOWN}"))
    });
    assert!(seen[10] >= 5000 && seen[10] <= 5100, "{seen:?}");
    // Content makes them short again.
    talk.asks(Link::Main);
    talk.answer(&format!("{LIVE}2\r\na\n\r\n{SHUTDOWN}"));
    let before = talk.now;
    talk.asks(Link::Main);
    assert!(talk.now.0 - before.0 <= 100);
    assert_eq!(talk.reports, [""; 0]);
}

#[test]
fn tails_that_are_cut_at_once() {
    let mut talk = here();
    let cut = |talk: &mut Talk, _: &str| {
        talk.answer(LIVE);
        talk.cut(Link::Main, "reset");
    };
    let seen = pauses(&mut talk, 12, cut);
    assert!(seen[10] >= 5000, "{seen:?}");
    let said = talk.reports.iter().filter(|line| line.contains("reset"));
    assert_eq!(said.count(), 1, "{:?}", talk.reports);
    // One that has lasted is another matter.
    talk.asks(Link::Main);
    talk.answer(LIVE);
    talk.now = Moment(talk.now.0 + 10_000);
    let before = (talk.now, talk.reports.len());
    talk.cut(Link::Main, "reset");
    talk.asks(Link::Main);
    assert!(talk.now.0 - before.0.0 <= 100);
    assert_eq!(talk.reports[before.1..], ["reset; trying again"]);
}

#[test]
fn bytes_that_are_refused_although_the_file_is_there() {
    let wrong = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000001\"\r\nContent-Range: bytes 1-3/4\r\n\
                 Content-Length: 3\r\n\r\n";
    for bad in [&*response("500 Oops", "", "oops\n"), wrong] {
        let mut talk = here();
        let seen = pauses(&mut talk, 24, |talk, asked| match asked {
            "GET /log" => talk.answer(&response("412 P", "", "")),
            head if head.starts_with("HEAD") => {
                let fields = "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000001\"\r\n";
                talk.answer(&format!("{fields}Content-Length: 4\r\n\r\n"));
            }
            _ => talk.answer(bad),
        });
        assert!(seen.iter().any(|&pause| pause >= 5000), "{seen:?}");
        assert_eq!(talk.reports.len(), 1, "{:?}", talk.reports);
        let is_debug = |text: &String| text.contains("Some(") || text.contains('{');
        assert!(!talk.reports.iter().any(is_debug), "{:?}", talk.reports);
    }
}

/// The end of a log that has no file is where its first one begins.
#[test]
fn the_end_of_a_log_that_is_not_there_yet() {
    for from in [From::End, From::Lines(1)] {
        for none in [response("404 N", "", "no such file\n"), list(&[])] {
            let settings = Settings { from, ..settings() };
            let mut talk = Talk::with(settings, None);
            talk.asks(Link::Main);
            talk.answer(&none);
            assert_eq!(talk.saved, [Position::default()]);
            assert_eq!(
                talk.asks(Link::Main).as_deref(),
                Some("GET /log?generations")
            );
            talk.list(&[("/log", 1, ",\"current\":true")]);
            let asked = talk.requests(Link::Main).expect("the file");
            assert!(
                asked.starts_with("GET /log HTTP") && asked.contains("bytes=0-\r\n"),
                "{asked}"
            );
        }
    }
}

/// The log was rolled within a line, and the follower started again.
#[test]
fn the_rest_of_a_line_is_waited_for_after_a_restart() {
    for ended in [false, true] {
        let position = Position {
            offset: 3,
            ended,
            midline: true,
            ..Position::start_of(ETag(1))
        };
        let mut talk = Talk::with(settings(), Some(position));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
        talk.answer(&response("412 P", "", ""));
        let started = talk.now;
        let head = |length: u64| {
            format!(
                "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000001\"\r\nContent-Length: {length}\r\n\
                 Link: </log?generation=0000000000000002>; rel=\"successor-version\"\r\n\r\n"
            )
        };
        const LOCATE: &str = "HEAD /log?generation=0000000000000001";
        for _ in 0..3 {
            assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
            talk.answer(&head(3));
        }
        let mut asked = talk.asks(Link::Main);
        while asked.as_deref() == Some(LOCATE) {
            talk.answer(&head(3));
            asked = talk.asks(Link::Main);
        }
        assert_eq!(asked.as_deref(), Some("GET /log"));
        assert!(talk.now >= started + settings().late);
    }
}
