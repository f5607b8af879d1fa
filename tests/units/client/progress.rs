//! The line that says how far a follower is.

use openrange::client::follower::Link;
use openrange::client::position::Position;
use openrange::client::progress::Display;
use openrange::client::url::Url;
use openrange::http::etag::ETag;
use openrange::time::Moment;

use super::talk::{Talk, settings};

fn display() -> Display {
    Display::of(&Url::parse("http://host/log").expect("a URL"), Moment(1000))
}

#[test]
fn one_line_a_second() {
    let mut display = display();
    let mut talk = Talk::with(settings(), None);
    let line = display.line(&talk.follower, Moment(2000));
    let expected = "http://host/log no file at 0, 0 B/s, connecting";
    assert_eq!(line.as_deref(), Some(expected));
    assert_eq!(display.line(&talk.follower, Moment(2999)), None);
    talk.asks(Link::Main);
    let line = display.line(&talk.follower, Moment(3000));
    assert!(line.is_some_and(|line| line.ends_with(", 0 B/s, asking")));
    talk.answer("HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n");
    let line = display.line(&talk.follower, Moment(4000));
    assert!(line.is_some_and(|line| line.ends_with(", 0 B/s, waiting")));
}

#[test]
fn how_fast_and_how_far() {
    let mut display = display();
    let mut talk = Talk::with(settings(), Some(Position::start_of(ETag(0xab))));
    talk.asks(Link::Main);
    talk.answer(
        "HTTP/1.1 206 P\r\nETag: W/\"00000000000000ab\"\r\nContent-Range: bytes 0-0/*\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    for count in [20_000, 40_000] {
        let chunk = format!("{count:x}\r\n{}\r\n", "x".repeat(count));
        talk.answer(&chunk);
    }
    talk.follower.measured_to_be(ETag(0xab), 60_001);
    let line = display.line(&talk.follower, Moment(3000));
    let expected = "http://host/log 00000000000000ab at 60000, 1 B behind, 30 kB/s, receiving";
    assert_eq!(line.as_deref(), Some(expected));
    // Of the time since the line before.
    talk.answer("c350\r\n");
    talk.answer(&"y".repeat(50_000));
    let line = display.line(&talk.follower, Moment(8000));
    let expected = "http://host/log 00000000000000ab at 110000, 0 B behind, 10 kB/s, receiving";
    assert_eq!(line.as_deref(), Some(expected));
    for (index, (lag, text)) in [
        (9_999, "9999 B"),
        (10_000, "10 kB"),
        (9_999_999, "9999 kB"),
        (10_000_000, "10 MB"),
        (9_999_999_999, "9999 MB"),
        (10_000_000_000, "10 GB"),
        (12_345_000_000_000, "12345 GB"),
    ]
    .into_iter()
    .enumerate()
    {
        talk.follower.measured_to_be(ETag(0xab), 110_000 + lag);
        let now = Moment(20_000 + 1000 * index as u64);
        let line = display.line(&talk.follower, now).expect("a line");
        let expected = format!("at 110000, {text} behind, 0 B/s, receiving");
        assert!(line.ends_with(&expected), "{line}");
    }
}
