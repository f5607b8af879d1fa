//! The tail of the generation that the log has left last: when it is asked for, what of it is handed over, and what ends it.

use openrange::client::follower::Link;
use openrange::client::position::Position;
use openrange::http::etag::ETag;

use super::talk::{Talk, response, settings};

const TAIL: &str = "GET /log?generation=0000000000000001";
const LOCATE: &str = "HEAD /log?generation=0000000000000001";
const NAME: &str = "GET /log";

fn live(tag: u64, first: u64) -> String {
    format!(
        "HTTP/1.1 206 P\r\nETag: W/\"{tag:016x}\"\r\nContent-Range: bytes {first}-{first}/*\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    )
}

fn chunk(bytes: &str) -> String {
    format!("{:x}\r\n{bytes}\r\n", bytes.len())
}

fn end(why: &str) -> String {
    format!("0\r\nTail-End: {why}\r\n\r\n")
}

fn successor(size: u64) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000001\"\r\nContent-Length: {size}\r\n\
         Link: </log?generation=0000000000000002>; rel=\"successor-version\"\r\n\r\n"
    )
}

fn finite(first: u64, body: &str) -> String {
    let size = first + body.len() as u64;
    let fields = format!(
        "ETag: W/\"0000000000000001\"\r\nContent-Range: bytes {first}-{}/{size}\r\n\
         Link: </log?generation=0000000000000002>; rel=\"successor-version\"\r\n",
        size - 1
    );
    response("206 P", &fields, body)
}

/// A follower whose generation has just lost its name; it has asked for the tail.
fn renamed() -> Talk {
    let mut talk = Talk::with(settings(), Some(Position::start_of(ETag(1))));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&(live(1, 0) + &chunk("one\n") + &end("renamed")));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LOCATE));
    let asked = talk.requests(Link::LateTail).expect("the tail");
    assert!(
        asked.starts_with(TAIL) && asked.contains("Range: bytes=4-\r\n"),
        "{asked}"
    );
    assert!(asked.contains("If-Bytes-Before: ") && asked.contains("TE: trailers\r\n"));
    talk
}

/// It has passed on to the next generation, and got a line of that.
fn passed_on(talk: &mut Talk) {
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&(live(2, 0) + &chunk("two\n")));
}

fn places(talk: &Talk) -> Vec<(u64, u64)> {
    let late = talk.follower.position().late.into_iter();
    late.map(|place| (place.etag.0, place.offset)).collect()
}

#[test]
fn what_comes_of_it_waits_for_the_next_generation() {
    let mut talk = renamed();
    talk.answer_on(Link::LateTail, &(live(1, 4) + &chunk("late\nli")));
    assert_eq!(talk.handed, b"one\n");
    talk.answer(&successor(4));
    assert_eq!(talk.handed, b"one\nlate\n");
    assert_eq!(places(&talk), [(1, 9)]);
    passed_on(&mut talk);
    talk.answer_on(Link::LateTail, &chunk("ne\n"));
    assert_eq!(talk.handed, b"one\nlate\ntwo\nline\n");
    // Nobody looks at it meanwhile.
    assert_eq!(talk.follower.exchange(Link::Late).received(), 0);
    talk.answer_on(Link::LateTail, &(chunk("end\n") + &end("unlinked")));
    assert_eq!(talk.handed, b"one\nlate\ntwo\nline\nend\n");
    assert_eq!(places(&talk), []);
    assert_eq!(talk.reports, [""; 0]);
}

#[test]
fn it_may_be_over_before_the_next_generation_is_known() {
    let mut talk = renamed();
    talk.answer_on(
        Link::LateTail,
        &(live(1, 4) + &chunk("late\nrest") + &end("unlinked")),
    );
    let gone = "Link: </log?generation=0000000000000002>; rel=\"successor-version\"\r\n";
    talk.answer(&format!(
        "HTTP/1.1 404 N\r\n{gone}Content-Length: 0\r\n\r\n"
    ));
    passed_on(&mut talk);
    assert_eq!(talk.handed, b"one\nlate\ntwo\n");
    assert_eq!(places(&talk), []);
    assert_eq!(
        talk.reports,
        ["4 late bytes of generation W/\"0000000000000001\" have no line end and were left out"]
    );
}

/// What was read of the generation as its rest does not come again.
#[test]
fn bytes_come_once() {
    for early in [true, false] {
        let mut talk = renamed();
        let (head, tail) = (live(1, 4), chunk("late\nline\n"));
        if early {
            talk.answer_on(Link::LateTail, &(head.clone() + &tail));
        }
        talk.answer(&successor(9));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(TAIL));
        talk.answer(&finite(4, "late\n"));
        if !early {
            assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
            talk.answer_on(Link::LateTail, &(head + &tail));
        }
        assert_eq!(talk.handed, b"one\nlate\nline\n", "{early}");
        assert_eq!(places(&talk), [(1, 14)]);
    }
}

#[test]
fn when_it_breaks_there_are_looks() {
    for why in ["cut", "shutdown", "renamed"] {
        let mut talk = renamed();
        talk.answer(&successor(4));
        passed_on(&mut talk);
        talk.answer_on(Link::LateTail, &(live(1, 4) + &chunk("late\nli")));
        match why {
            "cut" => talk.cut(Link::LateTail, "reset"),
            why => talk.answer_on(Link::LateTail, &end(why)),
        }
        let asked = talk.requests(Link::Late).expect("a look");
        assert!(asked.contains("Range: bytes=9-65544\r\n"), "{asked}");
        talk.answer_on(Link::Late, &finite(9, "line\n"));
        assert_eq!(talk.handed, b"one\ntwo\nlate\nline\n", "{why}");
    }
}

/// A look was faster, or it is no tail.
#[test]
fn a_tail_that_does_not_fit_is_none() {
    let sealed = finite(4, "late\n");
    let refused = response("503 S", "", "full\n");
    for answer in [live(2, 4), live(1, 5), sealed, refused] {
        let mut talk = renamed();
        talk.answer(&successor(4));
        passed_on(&mut talk);
        talk.answer_on(Link::LateTail, &answer);
        assert!(talk.requests(Link::Late).is_some(), "{answer}");
        talk.answer_on(Link::Late, &finite(4, "late\n"));
        assert_eq!(talk.handed, b"one\ntwo\nlate\n", "{answer}");
    }
    let mut talk = renamed();
    talk.answer(&successor(4));
    passed_on(&mut talk);
    assert!(talk.requests(Link::Late).is_some());
    talk.answer_on(Link::Late, &finite(4, "late\n"));
    talk.answer_on(Link::LateTail, &(live(1, 4) + &chunk("late\n")));
    assert_eq!(talk.handed, b"one\ntwo\nlate\n");
}

/// The last look comes when its time is over.
#[test]
fn it_ends_with_the_time_for_late_bytes() {
    let mut talk = renamed();
    talk.answer(&successor(4));
    passed_on(&mut talk);
    let until = talk.now + settings().late;
    talk.answer_on(Link::LateTail, &(live(1, 4) + &chunk("li")));
    assert!(talk.requests(Link::Late).is_some());
    assert!(talk.now >= until);
    talk.answer_on(Link::Late, &finite(4, "line\nx"));
    assert_eq!(talk.handed, b"one\ntwo\nline\n");
    assert!(talk.requests(Link::Late).is_some());
    talk.answer_on(Link::Late, &response("404 N", "", "gone\n"));
    assert_eq!(places(&talk), []);
}

/// The file has its name again: the tail of that brings what comes.
#[test]
fn the_name_comes_back() {
    let mut talk = renamed();
    talk.answer_on(Link::LateTail, &live(1, 4));
    talk.answer("HTTP/1.1 200 OK\r\nETag: W/\"0000000000000001\"\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&(live(1, 4) + &chunk("more\n")));
    assert_eq!(talk.handed, b"one\nmore\n");
    assert_eq!(
        talk.requests(Link::LateTail),
        None,
        "its connection is closed"
    );
    assert_eq!(places(&talk), []);
}
