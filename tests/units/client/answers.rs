//! Responses to a follower, one after the other, and what it asks for next: histories that a simulation has found.

use openrange::client::before::Before;
use openrange::client::follower::{Link, Outcome};
use openrange::client::position::{LatePlace, Position};
use openrange::client::settings::OnGap;
use openrange::http::etag::ETag;
use openrange::http::position::Check;

use super::talk::Talk;

const NOW: &str = ",\"current\":true";
const GZIP: &str = ",\"compressed\":\"gzip\"";
const FAILED: &str = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n";

/// The server names a compressed copy as the next one when it does not know what that was before: its bytes are not those of
/// the log.
#[test]
fn a_successor_that_is_compressed_is_a_gap() {
    for on_gap in [OnGap::Fail, OnGap::Oldest] {
        let mut talk = Talk::new(on_gap, Some(Position::start_of(ETag(1))));
        assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
        talk.answer(FAILED);
        let first = talk.asks(Link::Main);
        assert_eq!(
            first.as_deref(),
            Some("HEAD /log?generation=0000000000000001")
        );
        talk.answer(
            "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000001\"\r\nContent-Length: 0\r\nContent-Location: /log.2\r\n\
             Link: </log?generation=0000000000000002>; rel=\"successor-version\"\r\n\r\n",
        );
        assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
        talk.answer(FAILED);
        let copy = talk.asks(Link::Main);
        assert_eq!(
            copy.as_deref(),
            Some("HEAD /log?generation=0000000000000002")
        );
        talk.answer(
            "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000002\"\r\nContent-Length: 4\r\nContent-Location: /log.1.gz\r\n\
             Link: </log?generation=0000000000000003>; rel=\"successor-version\"\r\n\r\n",
        );
        if on_gap == OnGap::Fail {
            let gap = matches!(&talk.outcome, Some(Outcome::Gap(what)) if what.contains("compressed copy"));
            assert!(gap, "{:?}", talk.outcome);
            continue;
        }
        assert_eq!(
            talk.asks(Link::Main).as_deref(),
            Some("GET /log?generations")
        );
        talk.list(&[("/log.2", 1, ""), ("/log.1.gz", 2, GZIP), ("/log", 3, NOW)]);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
        let position = talk.follower.position();
        assert_eq!(position.generation, Some(ETag(3)));
        let late: Vec<ETag> = position.late.iter().map(|place| place.etag).collect();
        assert_eq!(late, [ETag(1)], "the copy has no late lines");
        assert_eq!(talk.handed, b"");
        assert!(
            talk.reports
                .iter()
                .any(|line| line.contains("compressed copy")),
            "{:?}",
            talk.reports
        );
    }
}

/// It began when no file had the name, and when it comes back the first ones are gone.
#[test]
fn the_first_generations_are_gone() {
    let begun = Position {
        earlier: vec![ETag(9)],
        ..Position::default()
    };
    let list = [("/log.4.gz", 5, GZIP), ("/log.1", 7, ""), ("/log", 8, NOW)];
    let mut talk = Talk::new(OnGap::Oldest, Some(begun.clone()));
    assert_eq!(
        talk.asks(Link::Main).as_deref(),
        Some("GET /log?generations")
    );
    talk.list(&list);
    assert_eq!(
        talk.asks(Link::Main).as_deref(),
        Some("GET /log?generations")
    );
    talk.list(&list);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
    assert_eq!(talk.follower.position().generation, Some(ETag(7)));
    assert!(
        talk.reports.iter().any(|line| line.contains("is lost")),
        "{:?}",
        talk.reports
    );
    let mut talk = Talk::new(OnGap::Fail, Some(begun));
    assert!(talk.asks(Link::Main).is_some());
    talk.list(&list);
    assert!(
        matches!(talk.outcome, Some(Outcome::Gap(_))),
        "{:?}",
        talk.outcome
    );
}

/// A server that has forgotten a truncation calls the file as it did before: it is all that is left, and not what came
/// before.
#[test]
fn a_tag_that_comes_back_is_followed_behind_a_gap() {
    let position = Position {
        earlier: vec![ETag(1)],
        offset: 50,
        ..Position::start_of(ETag(2))
    };
    let mut talk = Talk::new(OnGap::Oldest, Some(position));
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\ngone\n";
    let gone_head = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n";
    for _ in 0..20 {
        let asked = talk.asks(Link::Main).expect("it goes on");
        match asked.as_str() {
            "GET /log?generations" => talk.list(&[("/log", 1, NOW)]),
            "GET /log" if talk.follower.position().generation == Some(ETag(1)) => return,
            "GET /log" => talk.answer(FAILED),
            other if other.starts_with("HEAD") => talk.answer(gone_head),
            _ => talk.answer(gone),
        }
    }
    panic!("it waits for ever: {:?}", talk.reports);
}

/// A server that has not seen the rolls goes by times, and a late write makes an earlier file look younger: what was handed
/// over does not come again.
#[test]
fn a_successor_that_came_before_is_none() {
    let position = Position {
        earlier: vec![ETag(1)],
        ended: true,
        ..Position::start_of(ETag(2))
    };
    let mut talk = Talk::new(OnGap::Fail, Some(position));
    assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
    talk.answer(FAILED);
    assert!(talk.asks(Link::Main).is_some());
    talk.answer(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\
         Link: </log?generation=0000000000000001>; rel=\"successor-version\"\r\n\r\n",
    );
    let list = talk.asks(Link::Main);
    assert_eq!(list.as_deref(), Some("GET /log?generations"));
    talk.list(&[("/log.1", 1, ""), ("/log", 3, NOW)]);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some("GET /log"));
    assert_eq!(talk.follower.position().generation, Some(ETag(3)));
}

fn before(bytes: &[u8]) -> Before {
    let mut before = Before::default();
    before.add(bytes);
    before
}

/// A server that has forgotten a truncation calls a file as one to which late bytes may still come: what that had does not
/// come again, and what it has now is checked.
#[test]
fn a_file_with_late_bytes_has_the_name_again() {
    let late = LatePlace {
        etag: ETag(1),
        offset: 4,
        before: before(b"old\n"),
        midline: false,
    };
    let position = Position {
        late: vec![late],
        earlier: vec![ETag(1)],
        ended: true,
        ..Position::start_of(ETag(2))
    };
    let mut talk = Talk::new(OnGap::Oldest, Some(position));
    let gone = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n";
    for _ in 0..20 {
        let asked = talk.requests(Link::Main).expect("it goes on");
        if asked.starts_with("GET /log?generations") {
            talk.list(&[("/log", 1, NOW)]);
        } else if talk.follower.position().generation == Some(ETag(1)) {
            let check = Check::of(b"old\n");
            assert!(asked.contains("Range: bytes=4-\r\n"), "{asked}");
            assert!(
                asked.contains(&format!("If-Bytes-Before: {check}\r\n")),
                "{asked}"
            );
            assert_eq!(
                talk.follower.position().late.len(),
                1,
                "the one that it left"
            );
            return;
        } else if asked.starts_with("HEAD") {
            talk.answer(gone);
        } else {
            talk.answer(FAILED);
        }
    }
    panic!("it waits for ever: {:?}", talk.reports);
}

/// After a restart, too, a request for what comes next says which bytes stand before it.
#[test]
fn what_stands_before_is_known_from_the_first_byte_on() {
    let late = LatePlace {
        etag: ETag(1),
        offset: 70,
        before: before(&[b'l'; 64]),
        midline: false,
    };
    let position = Position {
        offset: 100,
        before: before(&[b'x'; 100]),
        late: vec![late],
        ..Position::start_of(ETag(2))
    };
    let text = position.to_json("http://host/log");
    let (_, position) = Position::from_json(text.as_bytes()).expect("a state");
    let mut talk = Talk::new(OnGap::Fail, Some(position));
    let asked = talk.requests(Link::Late).expect("a look");
    let field = format!("If-Bytes-Before: {}\r\n", Check::of(&[b'l'; 64]));
    assert!(asked.contains(&field), "{asked}");
    assert!(talk.asks(Link::Main).is_some());
    talk.answer(
        "HTTP/1.1 206 Partial Content\r\nETag: W/\"0000000000000002\"\r\nContent-Range: bytes 100-102/103\r\n\
         Content-Length: 3\r\n\r\nyz\n",
    );
    let asked = talk.requests(Link::Main).expect("it goes on");
    let stood = [&[b'x'; 61][..], b"yz\n"].concat();
    let field = format!("If-Bytes-Before: {}\r\n", Check::of(&stood));
    assert!(asked.contains(&field), "{asked}");
}
