//! A late line of which only a part was handed over when the follower stopped, or that is longer than its buffer: the rest
//! comes before anything else.

use openrange::client::follower::{Link, Task};
use openrange::client::position::{LatePlace, Position};
use openrange::http::etag::ETag;

use super::talk::{Talk, response, settings};

const OLD: &str = "GET /log?generation=0000000000000001";
const OTHER: &str = "GET /log?generation=0000000000000003";
const LIVE: &str = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000002\"\r\nContent-Range: bytes 0-0/*\r\n\
                    Transfer-Encoding: chunked\r\n\r\n4\r\nlog\n\r\n";

fn place(etag: u64, offset: u64, midline: bool) -> LatePlace {
    LatePlace {
        etag: ETag(etag),
        offset,
        before: Default::default(),
        midline,
    }
}

fn position(late: Vec<LatePlace>) -> Position {
    Position {
        late,
        ..Position::start_of(ETag(2))
    }
}

fn old(first: u64, body: &str) -> String {
    let size = first + body.len() as u64;
    let fields = format!(
        "ETag: W/\"0000000000000001\"\r\nContent-Range: bytes {first}-{}/{size}\r\n",
        size - 1
    );
    response("206 P", &fields, body)
}

/// A follower that starts there, and gets a line of the log at once.
fn started(late: Vec<LatePlace>) -> Talk {
    let mut talk = Talk::with(settings(), Some(position(late)));
    assert!(talk.asks(Link::Main).is_some());
    talk.answer(LIVE);
    talk
}

#[test]
fn a_state_tells_of_it() {
    for midline in [false, true] {
        let known = position(vec![place(3, 9, false), place(1, 4, midline)]);
        let text = known.to_json("url");
        let read = Position::from_json(text.as_bytes());
        assert_eq!(read, Some(("url".into(), known)), "{text}");
    }
    let text = position(vec![place(1, 4, true)]).to_json("url");
    let wrong = text.replace("\"midline\":true", "\"midline\":1");
    assert_eq!(Position::from_json(wrong.as_bytes()), None);
}

#[test]
fn the_rest_of_it_comes_first_after_a_restart() {
    let mut talk = started(vec![place(3, 9, false), place(1, 4, true)]);
    assert_eq!(talk.handed, b"");
    assert_eq!(talk.asks(Link::Late).as_deref(), Some(OLD));
    talk.answer_on(Link::Late, &old(4, "st"));
    assert_eq!(talk.handed, b"", "the line may be completed yet");
    assert_eq!(talk.asks(Link::Late).as_deref(), Some(OLD));
    talk.answer_on(Link::Late, &old(4, "st\nmore\n"));
    assert_eq!(talk.handed, b"st\nmore\nlog\n");
    assert_eq!(talk.asks(Link::Late).as_deref(), Some(OLD));
    let nothing = response("416 R", "Content-Range: bytes */12\r\n", "");
    talk.answer_on(Link::Late, &nothing);
    assert_eq!(talk.asks(Link::Late).as_deref(), Some(OTHER));
}

/// The log goes on when it is known that nothing more of that line comes.
#[test]
fn a_line_whose_rest_is_gone_holds_nothing_up() {
    let mut talk = started(vec![place(1, 4, true)]);
    assert_eq!(talk.asks(Link::Late).as_deref(), Some(OLD));
    talk.answer_on(Link::Late, &response("404 N", "", "gone\n"));
    assert_eq!(talk.handed, b"log\n");
    assert_eq!(
        talk.reports,
        [
            "generation W/\"0000000000000001\" is gone, and with it the rest of a late line that has begun"
        ]
    );
}

#[test]
fn a_follower_that_stops_within_it_saves_that() {
    for (taken, midline) in [(2, true), (5, false), (6, true)] {
        let mut talk = Talk::with(settings(), Some(position(vec![place(1, 4, false)])));
        assert!(talk.asks(Link::Main).is_some());
        assert_eq!(talk.asks(Link::Late).as_deref(), Some(OLD));
        let exchange = talk.follower.exchange(Link::Late);
        let text = old(4, "late\nline\n");
        exchange.space()[..text.len()].copy_from_slice(text.as_bytes());
        exchange.filled(text.len());
        talk.follower.run(talk.now);
        assert!(matches!(talk.follower.task(), Task::HandOver(_)));
        talk.follower.handed_over(taken);
        talk.follower.stop();
        let saved = match talk.follower.task() {
            Task::Save(position) => position.late,
            other => panic!("{other:?}"),
        };
        assert_eq!(saved.len(), 1);
        assert_eq!(
            (saved[0].offset, saved[0].midline),
            (4 + taken as u64, midline)
        );
    }
}
