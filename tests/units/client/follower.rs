//! The follower between its driver and the server: what it waits for and until when, what is handed over and saved in which
//! order, and how it ends.

use std::time::Duration;

use openrange::client::exchange::Need;
use openrange::client::follower::{Follower, Link, Outcome, State, Task};
use openrange::client::lines::Batching;
use openrange::client::position::{LatePlace, Position};
use openrange::client::settings::{Settings, Until};
use openrange::http::etag::ETag;
use openrange::limits::{CLIENT_DOCUMENT_MAX, CLIENT_LATE_MAX};
use openrange::time::Moment;

use super::talk::{Talk, response, settings};

const NAME: &str = "GET /log";
const LIST: &str = "GET /log?generations";
const LIVE: &str = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000002\"\r\nContent-Range: bytes 0-0/*\r\n\
                    Transfer-Encoding: chunked\r\n\r\n";
const NOW: &str = ",\"current\":true";

fn here() -> Option<Position> {
    Some(Position::start_of(ETag(2)))
}

fn chunk(bytes: &str) -> String {
    format!("{:x}\r\n{bytes}\r\n", bytes.len())
}

fn batches() -> Settings {
    Settings {
        batching: Some(Batching {
            bytes: 8,
            linger: Duration::from_millis(100),
        }),
        ..settings()
    }
}

/// A follower that gets a live response.
fn tailing(settings: Settings) -> Talk {
    let mut talk = Talk::with(settings, here());
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(LIVE);
    talk
}

/// Without doing what it is asked for.
fn come(talk: &mut Talk, text: &str) {
    let exchange = talk.follower.exchange(Link::Main);
    exchange.space()[..text.len()].copy_from_slice(text.as_bytes());
    exchange.filled(text.len());
    talk.follower.run(talk.now);
}

fn offered(follower: &mut Follower) -> Option<(u64, u64, Vec<u8>)> {
    match follower.task() {
        Task::HandOver(offered) => {
            Some((offered.generation.0, offered.offset, offered.bytes.to_vec()))
        }
        Task::None => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_it_waits_for_and_until_when() {
    let mut follower = Follower::new(settings(), here(), Moment(1000));
    assert!(matches!(follower.task(), Task::Save(_)));
    follower.saving();
    follower.saved();
    assert_eq!(
        (follower.state(), follower.deadline()),
        (State::Connecting, Moment(11_000))
    );
    follower.run(Moment(10_999));
    assert_eq!(follower.task(), Task::None);
    // No connection comes about.
    follower.run(Moment(11_000));
    assert_eq!(
        follower.task(),
        Task::Report("no connection within 10 s; trying again")
    );
    follower.reported();
    assert_eq!(
        (follower.state(), follower.deadline()),
        (State::Pausing, Moment(11_050))
    );
    follower.run(Moment(11_049));
    assert_eq!(follower.state(), State::Pausing);
    follower.run(Moment(11_050));
    assert_eq!(
        (follower.state(), follower.deadline()),
        (State::Connecting, Moment(21_050))
    );
    // The response has its own time.
    follower.connected(Link::Main, Moment(12_000));
    assert_eq!(
        (follower.state(), follower.deadline()),
        (State::ReadingHeaders, Moment(72_000))
    );
    follower.established(Link::Late, Moment(13_000));
    assert_eq!(
        follower.deadline(),
        Moment(72_000),
        "that is another connection"
    );
    follower.established(Link::Main, Moment(13_000));
    assert_eq!(follower.deadline(), Moment(73_000));
    follower.run(Moment(73_000));
    assert_eq!(
        follower.task(),
        Task::Report("no response within 60 s; trying again")
    );
}

/// It may take as long as it takes, if only some of it comes every so often.
#[test]
fn a_document_that_comes_slowly_is_not_lost() {
    let mut talk = Talk::with(settings(), None);
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    talk.now = Moment(2000);
    come(&mut talk, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    talk.now = Moment(50_000);
    come(&mut talk, " ");
    assert_eq!(talk.follower.deadline(), Moment(110_000));
    talk.follower.run(Moment(110_000));
    assert_eq!(
        talk.follower.task(),
        Task::Report("no response within 60 s; trying again")
    );
    // What only says why is not waited for.
    let mut talk = Talk::with(settings(), None);
    talk.asks(Link::Main);
    talk.now = Moment(2000);
    come(&mut talk, "HTTP/1.1 503 S\r\nContent-Length: 100\r\n\r\n");
    let due = talk.follower.deadline();
    talk.now = Moment(2500);
    come(&mut talk, "no");
    assert_eq!(talk.follower.deadline(), due);
}

#[test]
fn a_live_response_may_be_silent_and_others_may_not() {
    let talk = tailing(settings());
    assert_eq!(talk.follower.state(), State::Receiving);
    assert_eq!(talk.follower.deadline(), Moment::NEVER);
    // One with an end.
    let slice = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000002\"\r\nContent-Range: bytes 0-9/10\r\n\
                 Content-Length: 10\r\n\r\n";
    let mut talk = Talk::with(settings(), here());
    talk.asks(Link::Main);
    talk.now = Moment(2000);
    talk.answer(slice);
    assert_eq!(talk.follower.deadline(), Moment(62_000));
    talk.now = Moment(3000);
    come(&mut talk, "abc");
    assert_eq!(talk.follower.deadline(), Moment(63_000));
    // Whoever takes its bytes may take longer: it is not the server that is slow.
    talk.follower.run(Moment(63_000));
    assert_eq!(offered(&mut talk.follower), Some((2, 0, b"abc".to_vec())));
    assert_eq!(talk.follower.deadline(), Moment(123_000));
    talk.follower.handed_over(3);
    talk.follower.run(Moment(123_000));
    talk.now = Moment(123_000);
    talk.tasks();
    assert_eq!(talk.reports, ["no response within 60 s; trying again"]);
}

#[test]
fn what_is_handed_over_in_parts() {
    let mut talk = tailing(settings());
    come(&mut talk, &chunk("abc\nde"));
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 0, b"abc\nde".to_vec()))
    );
    talk.follower.handed_over(2);
    assert!(talk.follower.position().midline);
    assert_eq!(offered(&mut talk.follower), Some((2, 2, b"c\nde".to_vec())));
    talk.follower.handed_over(0);
    let position = talk.follower.position();
    assert_eq!((position.offset, position.midline), (2, true));
    assert_eq!(offered(&mut talk.follower), Some((2, 2, b"c\nde".to_vec())));
    // More comes while it is offered: the offer stays.
    come(&mut talk, "");
    talk.follower.handed_over(2);
    let position = talk.follower.position();
    assert_eq!((position.offset, position.midline), (4, false));
    talk.follower.handed_over(2);
    assert_eq!(talk.follower.position().offset, 4, "nothing was offered");
    assert_eq!(offered(&mut talk.follower), Some((2, 4, b"de".to_vec())));
    talk.follower.handed_over(2);
    assert_eq!(offered(&mut talk.follower), None);
    assert_eq!(talk.follower.bytes(), 6);
}

/// A place in a file is saved now and then; what a command has done is saved at once, and nothing follows before.
#[test]
fn when_the_position_is_saved() {
    let mut talk = Talk::with(settings(), here());
    // First of all: it must be known that this log is followed here.
    assert_eq!(
        talk.follower.task(),
        Task::Save(Position::start_of(ETag(2)))
    );
    talk.follower.saving();
    assert_eq!(
        talk.follower.task(),
        Task::None,
        "nothing is handed over before"
    );
    talk.follower.saved();
    talk.asks(Link::Main);
    talk.answer(LIVE);
    come(&mut talk, &chunk("abc\n"));
    assert!(offered(&mut talk.follower).is_some());
    talk.follower.handed_over(4);
    let due = talk.follower.deadline();
    assert_eq!(due, Moment(1900));
    talk.follower.run(Moment(1899));
    assert_eq!(talk.follower.task(), Task::None);
    talk.follower.run(due);
    assert!(matches!(talk.follower.task(), Task::Save(position) if position.offset == 4));
    talk.follower.saving();
    // Meanwhile it goes on.
    talk.now = due;
    come(&mut talk, &chunk("def\n"));
    assert!(offered(&mut talk.follower).is_some());
    talk.follower.handed_over(4);
    talk.follower.run(Moment(9000));
    assert_eq!(talk.follower.task(), Task::None, "one at a time");
    assert_eq!(talk.follower.deadline(), Moment::NEVER);
    talk.follower.saved();
    assert_eq!(talk.follower.deadline(), Moment(2800));
    assert!(matches!(talk.follower.task(), Task::Save(position) if position.offset == 8));
    // A batch.
    let mut talk = tailing(batches());
    come(&mut talk, &chunk("one\ntwo\nthree\n"));
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 0, b"one\ntwo\n".to_vec()))
    );
    talk.follower.handed_over(8);
    assert!(matches!(talk.follower.task(), Task::Save(position) if position.offset == 8));
    talk.follower.saving();
    talk.follower.run(Moment(5000));
    assert_eq!(talk.follower.task(), Task::None, "not before it is on disk");
    assert_eq!(
        talk.follower.deadline(),
        Moment::NEVER,
        "time changes nothing"
    );
    talk.follower.saved();
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 8, b"three\n".to_vec()))
    );
    // One that failed has done nothing.
    talk.follower.handed_over(0);
    let failed = talk.follower.task();
    assert!(matches!(failed, Task::Save(position) if position.offset == 8));
    talk.follower.saving();
    talk.follower.run(Moment(5100));
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 8, b"three\n".to_vec()))
    );
}

#[test]
fn batches_wait_for_more_lines_but_not_for_long() {
    let mut talk = tailing(batches());
    let start = talk.now;
    come(&mut talk, &chunk("one\ntw"));
    assert_eq!(offered(&mut talk.follower), None);
    assert_eq!(talk.follower.state(), State::Receiving);
    let due = Moment(start.0 + 100);
    assert_eq!(talk.follower.deadline(), due);
    talk.follower.run(due);
    assert_eq!(offered(&mut talk.follower), Some((2, 0, b"one\n".to_vec())));
    assert_eq!(
        talk.follower.deadline(),
        Moment::NEVER,
        "a command is busy with it"
    );
    talk.follower.handed_over(4);
    // After a restart the next bytes are those behind what came, handed over or not.
    talk.now = due;
    talk.tasks();
    talk.cut(Link::Main, "reset");
    let asked = talk.requests(Link::Main).expect("it goes on");
    assert!(asked.contains("\r\nRange: bytes=6-\r\n"), "{asked}");
    let check = openrange::http::position::Check::of(b"one\ntw");
    assert!(
        asked.contains(&format!("If-Bytes-Before: {check}\r\n")),
        "{asked}"
    );
}

/// A generation ends with whatever it has, also half a line; then the next one begins.
#[test]
fn the_end_of_a_generation_ends_its_last_batch() {
    let mut talk = tailing(batches());
    talk.answer(&chunk("one\ntw"));
    assert_eq!(talk.handed, b"");
    talk.answer("0\r\nTail-End: renamed\r\n\r\n");
    assert!(!talk.follower.position().ended, "it has more to hand over");
    // Its writer has some time to end the line.
    let mut looks = 0;
    let asked = loop {
        let asked = talk.asks(Link::Main);
        if asked.as_deref() != Some("HEAD /log?generation=0000000000000002") {
            break asked;
        }
        looks += 1;
        assert_eq!(talk.follower.position().generation, Some(ETag(2)));
        talk.answer(
            "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000002\"\r\nContent-Length: 6\r\n\
             Link: </log?generation=0000000000000003>; rel=\"successor-version\"\r\n\r\n",
        );
    };
    assert!(looks > 2, "{looks}");
    assert_eq!(talk.handed, b"one\ntw");
    assert_eq!(asked.as_deref(), Some(NAME));
    let position = talk.follower.position();
    assert_eq!((position.generation, position.offset), (Some(ETag(3)), 0));
    let late: Vec<_> = position
        .late
        .iter()
        .map(|place| (place.etag, place.offset))
        .collect();
    assert_eq!(late, [(ETag(2), 6)]);
}

/// Half a line that waits is not handed over yet, however the generation ended: a restart must find it.
#[test]
fn an_end_counts_when_everything_is_handed_over() {
    let mut talk = tailing(batches());
    come(
        &mut talk,
        &format!("{}0\r\nTail-End: sealed\r\n\r\n", chunk("one\ntw")),
    );
    assert!(!talk.follower.position().ended);
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 0, b"one\ntw".to_vec()))
    );
    assert!(!talk.follower.position().ended);
    talk.follower.handed_over(6);
    talk.tasks();
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&response("416 R", "Content-Range: bytes */6\r\n", ""));
    assert!(talk.follower.position().ended);
    // It is known now: nothing is to be saved when it is asked again.
    let saves = talk.saved.len();
    assert_eq!(talk.asks(Link::Main).as_deref(), Some(NAME));
    talk.answer(&response("416 R", "Content-Range: bytes */6\r\n", ""));
    talk.asks(Link::Main);
    talk.now = Moment(talk.now.0 + 10_000);
    talk.follower.run(talk.now);
    talk.tasks();
    assert_eq!(talk.saved.len(), saves + 1, "{:?}", talk.saved);
}

/// All that came at once is looked at in one turn: nobody tells of it again.
#[test]
fn pieces_that_come_together() {
    let mut talk = tailing(batches());
    come(
        &mut talk,
        &[chunk("one\n"), chunk("tw"), chunk("o\n")].concat(),
    );
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 0, b"one\ntwo\n".to_vec()))
    );
}

/// The log does not pass on while something of the generation is on its way to where it belongs.
#[test]
fn what_is_offered_comes_first() {
    let next = "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000002\"\r\nContent-Length: 0\r\n\
                Link: </log?generation=0000000000000003>; rel=\"successor-version\"\r\n\r\n";
    let failed = "HTTP/1.1 412 P\r\nContent-Length: 0\r\n\r\n";
    for taken in [0, 2] {
        let mut talk = Talk::with(settings(), with_late());
        talk.asks(Link::Main);
        late_line(&mut talk);
        assert!(offered(&mut talk.follower).is_some());
        if taken > 0 {
            talk.follower.handed_over(taken);
        }
        come(&mut talk, failed);
        let exchange = talk.follower.exchange(Link::Main);
        let Need::Send(bytes) = exchange.need() else {
            panic!("{:?}", exchange.need());
        };
        let count = bytes.len();
        exchange.sent(count);
        come(&mut talk, next);
        assert_eq!(talk.follower.position().generation, Some(ETag(2)));
        assert!(offered(&mut talk.follower).is_some());
        talk.follower.handed_over(5 - taken);
        talk.follower.run(talk.now);
        assert_eq!(talk.follower.position().generation, Some(ETag(3)));
    }
}

/// More than so many generations with late lines are not looked at: the log waits.
#[test]
fn passing_on() {
    let place = |tag: u64| LatePlace {
        etag: ETag(tag),
        offset: 0,
        before: Default::default(),
        midline: false,
    };
    let next = "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000002\"\r\nContent-Length: 0\r\n\
                Link: </log?generation=0000000000000003>; rel=\"successor-version\"\r\n\r\n";
    for (count, passes) in [(CLIENT_LATE_MAX - 1, true), (CLIENT_LATE_MAX, false)] {
        let position = Position {
            late: (100..100 + count as u64).map(place).collect(),
            ..Position::start_of(ETag(2))
        };
        let mut talk = Talk::with(settings(), Some(position));
        talk.asks(Link::Main);
        talk.answer("HTTP/1.1 412 P\r\nContent-Length: 0\r\n\r\n");
        talk.asks(Link::Main);
        talk.answer(next);
        let generation = talk.follower.position().generation;
        assert_eq!(
            generation,
            Some(ETag(if passes { 3 } else { 2 })),
            "{count}"
        );
        if !passes {
            // One of them is over.
            let asked = talk.asks(Link::Late);
            assert_eq!(
                asked.as_deref(),
                Some("GET /log?generation=0000000000000064")
            );
            talk.answer_on(Link::Late, &response("404 N", "", ""));
            assert_eq!(talk.follower.position().generation, Some(ETag(3)));
        }
        assert_eq!(talk.follower.position().late.len(), CLIENT_LATE_MAX);
    }
    // Where late lines do not count, nothing waits.
    let none = Settings {
        late: Duration::ZERO,
        ..settings()
    };
    let mut talk = Talk::with(none, here());
    talk.asks(Link::Main);
    talk.answer("HTTP/1.1 412 P\r\nContent-Length: 0\r\n\r\n");
    talk.asks(Link::Main);
    talk.answer(next);
    let position = talk.follower.position();
    assert_eq!(
        (position.generation, position.late),
        (Some(ETag(3)), vec![])
    );
    assert_eq!(talk.asks(Link::Late), None);
}

fn late_line(talk: &mut Talk) {
    talk.asks(Link::Late).expect("a look");
    let text = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000001\"\r\nContent-Range: bytes 0-4/5\r\n\
                Content-Length: 5\r\n\r\nlate\n";
    let exchange = talk.follower.exchange(Link::Late);
    exchange.space()[..text.len()].copy_from_slice(text.as_bytes());
    exchange.filled(text.len());
    talk.follower.run(talk.now);
}

fn with_late() -> Option<Position> {
    Some(Position {
        late: vec![LatePlace {
            etag: ETag(1),
            offset: 0,
            before: Default::default(),
            midline: false,
        }],
        ..Position::start_of(ETag(2))
    })
}

/// Late lines come between lines and not within one, but behind the end of a generation.
#[test]
fn late_lines_between_lines() {
    for (last, between) in [("a\n", true), ("a", false)] {
        let mut talk = Talk::with(settings(), with_late());
        talk.asks(Link::Main);
        talk.answer(LIVE);
        talk.answer(&chunk(last));
        late_line(&mut talk);
        let late = between.then(|| (1, 0, b"late\n".to_vec()));
        assert_eq!(offered(&mut talk.follower), late, "{last}");
        if between {
            talk.follower.handed_over(2);
            // Once begun, the line goes on, whatever comes.
            come(&mut talk, &chunk("b"));
            assert_eq!(offered(&mut talk.follower), Some((1, 2, b"te\n".to_vec())));
            talk.follower.handed_over(3);
            assert_eq!(offered(&mut talk.follower), Some((2, 2, b"b".to_vec())));
            assert!(
                !talk.follower.position().midline,
                "late lines are none of the log"
            );
            assert_eq!(
                (talk.follower.bytes(), talk.follower.position().offset),
                (7, 2)
            );
        } else {
            // Half a line and nothing more: where the generation ends, a line does.
            come(&mut talk, "0\r\nTail-End: renamed\r\n\r\n");
            assert_eq!(offered(&mut talk.follower), None);
            talk.follower.run(talk.now + settings().late);
            assert!(matches!(talk.follower.task(), Task::Save(_)));
            talk.follower.saving();
            talk.follower.saved();
            assert_eq!(
                offered(&mut talk.follower),
                Some((1, 0, b"late\n".to_vec()))
            );
        }
    }
    // Batches are whole lines.
    let mut talk = Talk::with(batches(), with_late());
    talk.asks(Link::Main);
    talk.answer(LIVE);
    talk.answer(&chunk("a"));
    late_line(&mut talk);
    assert_eq!(
        offered(&mut talk.follower),
        Some((1, 0, b"late\n".to_vec()))
    );
}

/// What has no line end when nobody looks any more is told.
#[test]
fn late_bytes_without_a_line_end() {
    let mut talk = Talk::with(settings(), with_late());
    talk.asks(Link::Main);
    talk.answer(LIVE);
    let text = "HTTP/1.1 206 P\r\nETag: W/\"0000000000000001\"\r\nContent-Range: bytes 0-2/3\r\n\
                Content-Length: 3\r\n\r\nlat";
    for _ in 0..20 {
        if talk.asks(Link::Late).is_none() {
            break;
        }
        talk.answer_on(Link::Late, text);
    }
    let told =
        "3 late bytes of generation W/\"0000000000000001\" have no line end and were left out";
    assert_eq!(talk.reports, [told]);
    assert!(
        talk.saved
            .last()
            .is_some_and(|position| position.late.is_empty())
    );
}

#[test]
fn how_far_it_is_behind() {
    let mut talk = Talk::with(settings(), None);
    assert_eq!(
        (talk.follower.lag(), talk.follower.size_request()),
        (None, None)
    );
    talk.asks(Link::Main);
    talk.list(&[("/log", 2, NOW)]);
    talk.asks(Link::Main);
    talk.answer(LIVE);
    let (tag, request) = talk.follower.size_request().expect("there is a file");
    assert_eq!(tag, ETag(2));
    assert!(request.starts_with(b"HEAD /log?generation=0000000000000002 "));
    assert_eq!(talk.follower.lag(), None);
    talk.follower.measured_to_be(ETag(9), 100);
    assert_eq!(talk.follower.lag(), None, "that is of another file");
    talk.follower.measured_to_be(ETag(2), 10);
    assert_eq!(talk.follower.lag(), Some(10));
    talk.answer(&chunk("abcd"));
    assert_eq!(talk.follower.lag(), Some(6));
    talk.answer(&chunk("012345678\n"));
    assert_eq!(talk.follower.lag(), Some(0));
    talk.answer("0\r\nTail-End: renamed\r\n\r\n");
    talk.asks(Link::Main);
    talk.answer(
        "HTTP/1.1 200 OK\r\nETag: W/\"0000000000000002\"\r\nContent-Length: 14\r\n\
         Link: </log?generation=0000000000000003>; rel=\"successor-version\"\r\n\r\n",
    );
    assert_eq!(
        talk.follower.lag(),
        None,
        "of the next one nothing is known yet"
    );
}

#[test]
fn stopping() {
    // What was not handed over is not; where it is, is saved.
    let mut talk = tailing(settings());
    talk.answer(&chunk("abc\n"));
    come(&mut talk, &chunk("def\n"));
    assert!(offered(&mut talk.follower).is_some());
    talk.follower.stop();
    talk.follower.run(talk.now);
    assert_eq!(talk.follower.exchange(Link::Main).need(), Need::Disconnect);
    assert!(matches!(talk.follower.task(), Task::Save(position) if position.offset == 4));
    talk.follower.saving();
    assert_eq!(talk.follower.task(), Task::None);
    talk.follower.saved();
    assert_eq!(talk.follower.task(), Task::Finish(&Outcome::Success));
    // A command that is busy with a batch ends first.
    let mut talk = tailing(batches());
    come(&mut talk, &chunk("one\ntwo\nthree\n"));
    assert!(offered(&mut talk.follower).is_some());
    talk.follower.stop();
    talk.follower.run(talk.now);
    assert_eq!(
        offered(&mut talk.follower),
        Some((2, 0, b"one\ntwo\n".to_vec()))
    );
    talk.follower.handed_over(8);
    assert!(matches!(talk.follower.task(), Task::Save(position) if position.offset == 8));
    talk.follower.saving();
    talk.follower.saved();
    assert_eq!(
        talk.follower.task(),
        Task::Finish(&Outcome::Success),
        "no further batch"
    );
    // While nothing is under way, and late lines wait.
    let mut talk = Talk::with(settings(), with_late());
    talk.asks(Link::Main);
    talk.answer(LIVE);
    late_line(&mut talk);
    assert!(offered(&mut talk.follower).is_some());
    talk.follower.stop();
    talk.follower.run(Moment(talk.now.0 + 100_000));
    assert_eq!(talk.follower.exchange(Link::Late).need(), Need::Disconnect);
    assert_eq!(talk.follower.deadline(), Moment::NEVER);
    assert_eq!(talk.follower.task(), Task::Finish(&Outcome::Success));
}

/// Nothing takes what it hands over: it says so when its position is saved, whatever it was about to end with.
#[test]
fn giving_up() {
    for (settings, taken) in [(settings(), 4), (batches(), 0)] {
        let mut talk = tailing(settings);
        come(&mut talk, &chunk("one\ntwo\nthree\n"));
        assert!(offered(&mut talk.follower).is_some());
        if taken > 0 {
            talk.follower.handed_over(taken);
            assert!(offered(&mut talk.follower).is_some());
        }
        assert_eq!(talk.follower.failure(), None);
        talk.follower.stop();
        talk.follower.give_up("stdout: full".into());
        talk.follower.run(talk.now);
        assert_eq!(talk.follower.failure(), Some("stdout: full"));
        if taken > 0 {
            let offset = taken as u64;
            assert!(matches!(talk.follower.task(), Task::Save(it) if it.offset == offset));
            talk.follower.saving();
            assert_eq!(talk.follower.task(), Task::None, "not before it is on disk");
            talk.follower.saved();
        }
        let outcome = Outcome::Failure("stdout: full".into());
        assert_eq!(talk.follower.task(), Task::Finish(&outcome));
    }
}

/// It has failed: what it was about to hand over is as it is, but nobody looks for late lines.
#[test]
fn a_failure_ends_it_at_once() {
    let fail = Settings {
        fail: true,
        ..settings()
    };
    let mut talk = Talk::with(fail, with_late());
    talk.asks(Link::Main);
    talk.answer(&response("403 F", "", "no"));
    assert_eq!(talk.outcome, Some(Outcome::Failure("403: no".into())));
    // At its end, earlier generations are looked at once more.
    let until = Settings {
        until: Until::End,
        ..settings()
    };
    let mut talk = Talk::with(until, with_late());
    talk.asks(Link::Main);
    talk.answer(LIVE);
    talk.answer(&chunk("abc\n"));
    talk.answer("0\r\nTail-End: sealed\r\n\r\n");
    assert_eq!(talk.outcome, None);
    late_line(&mut talk);
    talk.tasks();
    assert_eq!((&*talk.handed, &talk.outcome), (&b"abc\nlate\n"[..], &None));
    talk.asks(Link::Late);
    talk.answer_on(
        Link::Late,
        &response("416 R", "Content-Range: bytes */5\r\n", ""),
    );
    assert_eq!(talk.outcome, Some(Outcome::Success));
}

#[test]
fn documents_have_a_bound() {
    for (excess, refused) in [(0, false), (1, true)] {
        let mut talk = Talk::with(settings(), None);
        talk.asks(Link::Main);
        let padding = " ".repeat(CLIENT_DOCUMENT_MAX - 19 + excess);
        let document = format!("{{\"generations\":[]}}{padding}\n");
        assert_eq!(document.len(), CLIENT_DOCUMENT_MAX + excess);
        let text = response("200 OK", "", &document);
        for piece in text.as_bytes().chunks(100_000) {
            talk.answer(str::from_utf8(piece).expect("ASCII"));
        }
        let told = match refused {
            true => {
                "the response is not what was asked for: a document of more than 1 MiB; trying again"
            }
            false => "404: no such file yet; waiting for it",
        };
        assert_eq!(talk.reports, [told]);
        assert_eq!(talk.asks(Link::Main).as_deref(), Some(LIST));
    }
}
