//! Late writes to generations that the log has left: when they are looked at, what counts as late lines, and when it is over.

use std::time::Duration;

use openrange::client::before::Before;
use openrange::client::exchange::Need;
use openrange::client::late::{Late, Left};
use openrange::client::position::LatePlace;
use openrange::client::requests::Requests;
use openrange::http::etag::ETag;
use openrange::http::position::Check;
use openrange::limits::{CLIENT_LATE_BUFFER, CLIENT_LATE_PATIENCE, CLIENT_REASON_TIMEOUT};
use openrange::time::Moment;

use super::talk::response;

const PERIOD: Duration = Duration::from_secs(2);
const START: Moment = Moment(1000);

pub struct Looks {
    pub late: Late,
    requests: Requests,
    now: Moment,
}

pub fn place(etag: u64, offset: u64) -> LatePlace {
    let mut before = Before::default();
    before.add(&b"0123"[..usize::try_from(offset).expect("few").min(4)]);
    LatePlace {
        etag: ETag(etag),
        offset,
        before,
        midline: false,
    }
}

impl Looks {
    pub fn new(places: Vec<LatePlace>) -> Looks {
        Looks {
            late: Late::new(PERIOD, places, START),
            requests: Requests::new("/log", "host", ""),
            now: START,
        }
    }

    pub fn run(&mut self, now: u64) -> bool {
        self.now = Moment(now);
        self.late.run(&self.requests, self.now)
    }

    /// What is requested now: the tag, the first byte, the last one.
    pub fn asked(&mut self) -> Option<(u64, u64, u64)> {
        let exchange = &mut self.late.exchange;
        if exchange.need() == Need::Disconnect {
            exchange.disconnected();
        }
        if exchange.need() == Need::Connect {
            exchange.connected();
        }
        let Need::Send(bytes) = exchange.need() else {
            return None;
        };
        let text = String::from_utf8(bytes.to_vec()).expect("ASCII");
        exchange.sent(text.len());
        let after = |what: &str| text.split_once(what).expect("a part of it").1.to_owned();
        let tag = u64::from_str_radix(&after("?generation=")[..16], 16).expect("a tag");
        let range = after("Range: bytes=");
        let (range, _) = range.split_once("\r\n").expect("a line");
        let (first, last) = range.split_once('-').expect("a range");
        Some((
            tag,
            first.parse().expect("a number"),
            last.parse().expect("a number"),
        ))
    }

    /// A response; true if something is to be saved.
    pub fn answer(&mut self, text: &str) -> bool {
        let mut changed = false;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let space = self.late.exchange.space();
            let count = space.len().min(rest.len());
            space[..count].copy_from_slice(&rest[..count]);
            self.late.exchange.filled(count);
            changed |= self.late.run(&self.requests, self.now);
            rest = &rest[count..];
        }
        changed
    }

    fn lines(&self) -> Option<(u64, u64, &[u8])> {
        let (etag, offset, bytes) = self.late.lines()?;
        Some((etag.0, offset, bytes))
    }

    fn places(&self) -> Vec<(u64, u64)> {
        let places = self.late.places().into_iter();
        places.map(|place| (place.etag.0, place.offset)).collect()
    }
}

fn bytes(tag: u64, first: u64, body: &str) -> String {
    let last = first + body.len() as u64 - 1;
    let fields = format!(
        "ETag: W/\"{tag:016x}\"\r\nContent-Range: bytes {first}-{last}/{}\r\n",
        last + 1
    );
    response("206 Partial Content", &fields, body)
}

fn nothing() -> String {
    response(
        "416 Range Not Satisfiable",
        "Content-Range: bytes */4\r\n",
        "no\n",
    )
}

fn last(first: u64) -> u64 {
    first + CLIENT_LATE_BUFFER as u64 - 1
}

#[test]
fn looks_become_seldom_and_end_after_the_period() {
    let mut looks = Looks::new(vec![place(1, 4)]);
    assert_eq!(looks.late.deadline(), Moment(1050));
    assert!(!looks.run(1049));
    assert_eq!(looks.asked(), None);
    let mut due = vec![];
    while looks.late.count() > 0 {
        let next = looks.late.deadline();
        due.push(next.0);
        assert!(!looks.run(next.0));
        assert_eq!(looks.asked(), Some((1, 4, last(4))));
        let over = looks.answer(&nothing());
        assert_eq!(over, looks.late.count() == 0);
    }
    assert_eq!(
        due,
        [1050, 1150, 1350, 1750, 2550, 3000],
        "the last one when the period is over"
    );
    assert_eq!(looks.late.deadline(), Moment::NEVER);
    assert_eq!(looks.late.left(), None);
    assert!(!looks.run(9000));
    assert_eq!(looks.asked(), None);
}

#[test]
fn without_a_period_nothing_is_late() {
    let mut late = Late::new(Duration::ZERO, vec![place(1, 4)], START);
    late.add(place(2, 4), START);
    assert_eq!((late.count(), late.deadline()), (0, Moment::NEVER));
}

#[test]
fn whole_lines_are_handed_over_and_the_next_look_is_at_once() {
    let mut looks = Looks::new(vec![place(1, 4), place(2, 0)]);
    looks.run(1050);
    assert_eq!(looks.asked(), Some((1, 4, last(4))));
    assert_eq!(looks.late.deadline(), Moment(61_050), "of the response");
    let text = bytes(1, 4, "one\ntwo\nthr");
    assert!(!looks.answer(&text[..text.len() - 3]));
    assert_eq!(looks.lines(), None, "more may come");
    assert!(!looks.answer(&text[text.len() - 3..]));
    assert_eq!(looks.lines(), Some((1, 4, &b"one\ntwo\n"[..])));
    assert!(!looks.late.is_midway());
    assert_eq!(
        looks.late.deadline(),
        Moment::NEVER,
        "they must be handed over first"
    );
    assert!(!looks.run(1300));
    assert_eq!(looks.asked(), None);
    looks.late.handed_over(1);
    assert!(looks.late.is_midway());
    assert_eq!(looks.lines(), Some((1, 5, &b"ne\ntwo\n"[..])));
    assert_eq!(looks.places(), [(1, 5), (2, 0)]);
    looks.late.handed_over(7);
    assert!(!looks.late.is_midway());
    assert_eq!(looks.lines(), None);
    let check = looks.late.places()[0].check();
    assert_eq!(check, Some(Check::of(b"0123one\ntwo\n")));
    assert_eq!(looks.late.deadline(), Moment(1050));
    looks.run(1300);
    assert_eq!(looks.asked(), Some((1, 12, last(12))));
    looks.answer(&bytes(1, 12, "thr"));
    assert_eq!(looks.lines(), None, "no line end");
    // It begins with short pauses again, and the other one has its turn.
    assert_eq!(looks.asked(), Some((2, 0, last(0))));
    looks.answer(&nothing());
    assert_eq!(looks.late.deadline(), Moment(1350));
    looks.run(1350);
    assert_eq!(looks.asked(), Some((1, 12, last(12))));
}

#[test]
fn what_has_no_line_end_is_told_when_it_is_over() {
    for gone in ["404 Not Found", "412 Precondition Failed"] {
        let mut looks = Looks::new(vec![place(1, 4)]);
        looks.run(1050);
        assert!(looks.asked().is_some());
        assert!(looks.answer(&response(gone, "", "gone\n")));
        assert_eq!((looks.late.count(), looks.late.left()), (0, None));
    }
    let mut looks = Looks::new(vec![place(1, 4)]);
    looks.run(2999);
    assert!(looks.asked().is_some());
    assert!(
        !looks.answer(&bytes(1, 4, "thr")),
        "asked before the period was over"
    );
    looks.run(3000);
    assert!(looks.asked().is_some());
    assert!(looks.answer(&bytes(1, 4, "thr")));
    assert_eq!(looks.late.left(), Some((ETag(1), Left::Bytes(3))));
    assert_eq!(looks.late.left(), None, "once");
    // Whole lines come first, whatever the time.
    let mut looks = Looks::new(vec![place(1, 4)]);
    looks.run(9000);
    assert!(looks.asked().is_some());
    assert!(!looks.answer(&bytes(1, 4, "one\nthr")));
    assert_eq!(looks.lines(), Some((1, 4, &b"one\n"[..])));
    looks.late.handed_over(4);
    looks.run(9000);
    assert_eq!(looks.asked(), Some((1, 8, last(8))));
    assert!(looks.answer(&bytes(1, 8, "thr")));
    assert_eq!(looks.late.left(), Some((ETag(1), Left::Bytes(3))));
}

/// A response that is none to what was asked for is no look: another one follows, even when the period is over.
#[test]
fn what_is_not_understood_is_no_look() {
    let range =
        |range: &str| format!("ETag: W/\"0000000000000001\"\r\nContent-Range: bytes {range}\r\n");
    let unclear = [
        response("206 P", &range("3-4/5"), "x\n"),
        response("206 P", &range("5-6/7"), "x\n"),
        response("206 P", &range("4-4/*"), "x\n"),
        response("206 P", &range("4-5/6").replace('1', "2"), "x\n"),
        response("206 P", "Content-Range: bytes 4-5/6\r\n", "x\n"),
        response("206 P", "ETag: W/\"0000000000000001\"\r\n", "x\n"),
        response("206 P", &range("4-99999/100000"), "x\n"),
        response("200 OK", &range("4-5/6"), "x\n"),
        response("503 S", "", "full\n"),
        "SSH-2.0-x\r\n\r\n".into(),
    ];
    for text in unclear {
        let mut looks = Looks::new(vec![place(1, 4)]);
        looks.late.look_once();
        looks.run(5000);
        assert!(looks.asked().is_some());
        assert!(!looks.answer(&text), "{text}");
        assert_eq!((looks.lines(), looks.late.count()), (None, 1), "{text}");
        assert!(!looks.late.is_seen(), "{text}");
        let again = looks.late.deadline();
        assert_eq!(again, Moment(5100), "{text}");
        looks.run(again.0);
        assert!(looks.asked().is_some());
        looks.answer(&nothing());
        assert_eq!(looks.late.count(), 0);
    }
    // As understood, the same body is; also in chunks, as proxies like them.
    let chunked = format!(
        "HTTP/1.1 206 P\r\n{}Transfer-Encoding: chunked\r\n\r\n2\r\nx\n\r\n0\r\n\r\n",
        range("4-5/6")
    );
    for text in [response("206 P", &range("4-5/6"), "x\n"), chunked] {
        let mut looks = Looks::new(vec![place(1, 4)]);
        looks.run(1050);
        looks.asked();
        looks.answer(&text);
        assert_eq!(looks.lines(), Some((1, 4, &b"x\n"[..])), "{text}");
    }
}

/// Else a log could not go on once too many wait for a response that never comes.
#[test]
fn what_is_never_understood_is_given_up_and_told() {
    for away in [false, true] {
        let mut looks = Looks::new(vec![place(1, 4)]);
        looks.late.away = away;
        let last = START + PERIOD + CLIENT_LATE_PATIENCE;
        let mut over = false;
        while !over && looks.now < last {
            let next = looks.late.deadline();
            looks.run(next.0);
            assert!(looks.asked().is_some());
            over = looks.answer(&response("503 S", "", "full\n"));
        }
        assert_eq!((over, looks.late.count()), (!away, usize::from(away)));
        let left = (!away).then_some((ETag(1), Left::Unknown));
        assert_eq!(looks.late.left(), left);
        // When the server is there again, it is asked again.
        if away {
            looks.late.away = false;
            let next = looks.late.deadline();
            looks.run(next.0);
            assert!(looks.asked().is_some());
            assert!(looks.answer(&nothing()));
        }
    }
}

#[test]
fn a_connection_that_is_lost_is_no_look() {
    let mut looks = Looks::new(vec![place(1, 4)]);
    looks.run(5000);
    assert!(looks.asked().is_some());
    let text = bytes(1, 4, "one\n");
    looks.answer(&bytes(1, 4, "one\ntwo\n")[..text.len()]);
    looks.late.exchange.broken("reset".into());
    assert!(!looks.run(5000));
    assert_eq!(
        (looks.lines(), looks.late.count()),
        (None, 1),
        "half of a response"
    );
    assert_eq!(looks.late.deadline(), Moment(5100));
    // No response at all: in a minute it is given up. Each part of it puts that off.
    looks.run(5100);
    assert!(looks.asked().is_some());
    assert!(!looks.run(65_099));
    assert_eq!(looks.late.deadline(), Moment(65_100));
    let head = text.len() - 4;
    looks.now = Moment(65_099);
    looks.answer(&text[..head]);
    assert_eq!(looks.late.deadline(), Moment(125_099));
    assert!(!looks.run(125_099));
    assert_eq!((looks.lines(), looks.late.count()), (None, 1));
    assert_eq!(looks.late.deadline(), Moment(125_299));
    // One that the server has closed meanwhile: at once.
    looks.run(125_299);
    assert!(looks.asked().is_some());
    looks.answer(&bytes(1, 4, "one\n"));
    looks.late.handed_over(4);
    looks.run(125_300);
    assert_eq!(looks.asked(), Some((1, 8, last(8))));
    looks.late.exchange.broken("closed".into());
    looks.late.exchange.disconnected();
    assert!(!looks.run(125_300));
    assert_eq!(looks.asked(), Some((1, 8, last(8))));
}

#[test]
fn a_last_look_at_each() {
    let mut looks = Looks::new(vec![place(1, 4), place(2, 0)]);
    assert!(!looks.late.is_seen());
    looks.late.look_once();
    assert_eq!(looks.late.deadline(), Moment(0));
    looks.run(1001);
    assert_eq!(looks.asked(), Some((1, 4, last(4))));
    looks.answer(&nothing());
    assert!(!looks.late.is_seen());
    assert_eq!(looks.asked(), Some((2, 0, last(0))));
    looks.answer(&bytes(2, 0, "one\n"));
    assert!(!looks.late.is_seen(), "lines wait");
    looks.late.handed_over(4);
    assert!(!looks.late.is_seen(), "more may be there");
    looks.run(1001);
    assert_eq!(looks.asked(), Some((2, 4, last(4))));
    looks.answer(&nothing());
    assert!(looks.late.is_seen());
    assert!(Looks::new(Vec::new()).late.is_seen());
    looks.late.look_once();
    assert!(!looks.late.is_seen(), "once more");
}

/// Of a line that is longer than the buffer parts are handed over; more than the buffer is never kept.
#[test]
fn long_lines() {
    let mut looks = Looks::new(vec![place(1, 4)]);
    looks.run(1050);
    looks.asked();
    let long = "x".repeat(CLIENT_LATE_BUFFER);
    looks.answer(&bytes(1, 4, &long));
    assert_eq!(looks.lines(), Some((1, 4, long.as_bytes())));
    looks.late.handed_over(long.len());
    looks.run(1050);
    looks.asked();
    looks.answer(&bytes(1, 4 + long.len() as u64, &long[1..]));
    assert_eq!(looks.lines(), None, "it may end with the next byte");
    assert!(looks.late.is_midway());
    // A server that sends more than was asked for.
    let mut looks = Looks::new(vec![place(1, 4)]);
    looks.run(1050);
    looks.asked();
    looks.answer(&bytes(1, 4, &long.repeat(2)));
    assert_eq!((looks.lines(), looks.late.count()), (None, 1));
}

#[test]
fn the_log_goes_on_in_one_of_them() {
    let mut looks = Looks::new(vec![place(1, 4), place(2, 0), place(3, 4)]);
    assert_eq!(looks.late.take_out(ETag(9)), None);
    looks.run(1050);
    assert_eq!(looks.asked(), Some((1, 4, last(4))));
    // Not the one that is under way.
    assert_eq!(looks.late.take_out(ETag(3)), Some(place(3, 4)));
    assert_eq!(looks.places(), [(1, 4), (2, 0)]);
    looks.answer(&bytes(1, 4, "one\n"));
    looks.late.handed_over(1);
    let taken = looks.late.take_out(ETag(1)).expect("it is there");
    assert_eq!(
        (taken.offset, taken.check()),
        (5, Some(Check::of(b"0123o")))
    );
    assert!(!looks.late.is_midway() && looks.lines().is_none());
    looks.run(1050);
    assert_eq!(looks.asked(), Some((2, 0, last(0))), "the others go on");
    assert_eq!(looks.late.take_out(ETag(2)), Some(place(2, 0)));
    assert_eq!(
        (looks.late.count(), looks.late.deadline()),
        (0, Moment::NEVER)
    );
    assert_eq!(
        looks.late.exchange.need(),
        Need::Disconnect,
        "what comes now is of nothing"
    );
}

#[test]
fn a_head_that_says_it_is_enough() {
    for (status, count) in [("404 Not Found", 0), ("416 Range Not Satisfiable", 1)] {
        let mut looks = Looks::new(vec![place(1, 4)]);
        looks.run(1050);
        assert!(looks.asked().is_some());
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 100\r\n\r\nno");
        assert!(!looks.answer(&head));
        let now = looks.late.deadline();
        assert_eq!(now, Moment(1050) + CLIENT_REASON_TIMEOUT);
        assert_eq!(looks.run(now.0), count == 0, "{status}");
        assert_eq!(looks.places().len(), count);
        // How long it was is to be asked for, if it is gone.
        assert_eq!(looks.late.is_seen(), count > 0);
    }
}
