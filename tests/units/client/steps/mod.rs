//! What each response leads to, step by step: the table of `client::follower` and what a strict reader makes of responses
//! that are none to what was asked for.

mod ends;
mod gaps;
mod places;
mod starts;
mod tails;
mod troubles;

use openrange::client::before::Before;
use openrange::client::follower::{Link, Outcome};
use openrange::client::position::Position;
use openrange::client::settings::Settings;
use openrange::http::etag::ETag;

use super::talk::{Talk, list, response};

const TAG: &str = "ETag: W/\"0000000000000002\"\r\n";
const OTHER: &str = "ETag: W/\"0000000000000009\"\r\n";
const FAILED: &str = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n";
const OVER: &str =
    "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */4\r\nContent-Length: 0\r\n\r\n";
const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n";
const NOW: &str = ",\"current\":true";
const GZIP: &str = ",\"compressed\":\"gzip\"";

const NAME: &str = "GET /log";
const LIST: &str = "GET /log?generations";
const SIZE: &str = "HEAD /log";
const LOCATE: &str = "HEAD /log?generation=0000000000000002";
const REST: &str = "GET /log?generation=0000000000000002";

/// Four bytes of generation 2 were handed over; 1 came before it.
fn here() -> Position {
    let mut before = Before::default();
    before.add(b"abc\n");
    Position {
        offset: 4,
        before,
        earlier: vec![ETag(1)],
        ..Position::start_of(ETag(2))
    }
}

fn longer(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Location: /log.1\r\n{TAG}{fields}\r\n")
}

fn partial(fields: &str, body: &str) -> String {
    response("206 Partial Content", &format!("{TAG}{fields}"), body)
}

fn live(range: &str) -> String {
    format!(
        "HTTP/1.1 206 Partial Content\r\n{TAG}Content-Range: bytes {range}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
}

fn chunks(range: &str, body: &str, end: &str) -> String {
    let length = body.len();
    format!("{}{length:x}\r\n{body}\r\n0\r\n{end}\r\n", live(range))
}

fn successor(tag: u64) -> String {
    format!("Link: </log?generation={tag:016x}>; rel=\"successor-version\"\r\n")
}

/// The generation has what was read of it, and nothing behind that.
fn as_long(fields: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n{TAG}{fields}\r\n")
}

/// The follower has seen that it is as long, asks whether it has these bytes, and locates it again.
fn prove(talk: &mut Talk) {
    talk.answer(&as_long(""));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(REST));
    talk.answer(OVER);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
}

/// A follower that has just asked what it asks in this step.
fn at(step: &str, settings: Settings) -> Talk {
    let others = list(&[("/log", 3, NOW)]);
    let with_this = list(&[("/log", 2, NOW)]);
    let (longer, as_long) = (longer(""), as_long(""));
    let reason = response("404 Not Found", "", "retired\n");
    let way: &[&str] = match step {
        "start" | "tail" | "measure" => &[],
        "lines" => &[&with_this],
        "locate" => &[FAILED],
        "proven" => &[FAILED, &as_long, OVER],
        "rest" => &[FAILED, &longer],
        "verify" | "next" => &[FAILED, GONE],
        "reason" => &[FAILED, GONE, &others],
        "behind gap" => &[FAILED, GONE, &others, &reason],
        _ => panic!("{step}"),
    };
    let position = match step {
        "start" | "lines" => None,
        "next" => Some(Position {
            ended: true,
            ..here()
        }),
        _ => Some(here()),
    };
    let mut talk = Talk::with(settings, position);
    for response in way {
        talk.asks(Link::Main).expect(step);
        talk.answer(response);
    }
    let asked = talk.asks(Link::Main).expect(step);
    let expected = match step {
        "start" | "verify" | "next" | "behind gap" => LIST,
        "tail" => NAME,
        "measure" => SIZE,
        "lines" => "HEAD /log?lines=3",
        "locate" | "proven" => LOCATE,
        _ => REST,
    };
    assert_eq!(asked, expected, "{step}");
    talk.reports.clear();
    talk
}

/// A response, what is asked then, and what of the reports or of the outcome.
type Row<'a> = (String, &'a str, &'a str);

const SUCCESS: &str = "success";

fn run(step: &str, settings: &Settings, rows: &[Row<'_>]) {
    for (response, next, report) in rows {
        let mut talk = at(step, settings.clone());
        talk.answer(response);
        let asked = talk.asks(Link::Main);
        let told = match &talk.outcome {
            None => talk.reports.join("; "),
            Some(Outcome::Success) => SUCCESS.into(),
            Some(Outcome::Gap(what)) => format!("gap: {what}"),
            Some(Outcome::Failure(why)) => format!("failure: {why}"),
        };
        let context = format!("{step}: {response} -> {told}");
        assert_eq!(asked.as_deref().unwrap_or_default(), *next, "{context}");
        assert_eq!(next.is_empty(), talk.outcome.is_some(), "{context}");
        assert!(told.contains(report), "{context}: not {report}");
        assert!(!report.is_empty() || told.is_empty(), "{context}");
    }
}
