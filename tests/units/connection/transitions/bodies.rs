//! The rows of the state ReadingBody.

use openrange::connection::receiving::Sink;
use openrange::connection::{Action, Connection, Timeouts};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::target::Path;
use openrange::intent::Intent;
use openrange::limits::{BODY_STEP, HEAD_MAX};
use openrange::readiness::Interest;
use openrange::receipt::{Receipt, WriteFailure};
use openrange::time::Moment;

use super::state::{after, asked_for};
use super::{LATER, Machine, NOW, action, check, name, send};

const POST: &[u8] = b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n";
const POST_ALL: &[u8] = b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
const POST_NEXT: &[u8] =
    b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /g HTTP/1.1\r\nHost: x\r\n\r\n";
const POST_CLOSE: &[u8] =
    b"POST /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
const CHUNKED: &[u8] = b"POST /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
const EXPECT: &[u8] =
    b"POST /f HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
const DELETE: &[u8] = b"DELETE /f HTTP/1.1\r\nHost: x\r\n\r\n";

fn in_memory(head: &[u8]) -> Machine {
    after(asked_for(head), |machine| {
        machine.accepted(Sink::Memory(5), NOW)
    })
}

fn stored(head: &[u8]) -> Machine {
    after(asked_for(head), |machine| {
        machine.accepted(Sink::Store, NOW)
    })
}

fn complete() -> Machine {
    in_memory(POST_ALL)
}

fn postponed() -> Machine {
    after(complete(), |machine| machine.postponed(LATER))
}

fn committing() -> Machine {
    after(complete(), Connection::committing)
}

fn refused() -> Machine {
    after(in_memory(POST), Connection::overloaded)
}

const RECEIPT: Receipt = Receipt {
    created: false,
    etag: ETag(1),
    size: 3,
    sealed: false,
};

fn done(machine: &mut Machine) {
    let _ = machine.written(Ok(RECEIPT), Date::from_seconds(0));
}

fn failed(machine: &mut Machine) {
    let _ = machine.written(Err(WriteFailure::Sealed), Date::from_seconds(0));
}

fn nothing(_: &mut Machine) {}

#[test]
#[rustfmt::skip]
fn reading_a_body() {
    const BODY: &str = "ReadingBody";
    const NOW_CLOSED: &str = "Closing(Now)";
    check(&[
        ("accepted, no body", || in_memory(DELETE), nothing, "Write 0", BODY),
        ("accepted, body to come", || in_memory(POST), nothing, "Sleep", BODY),
        ("accepted, body there", complete, nothing, "Write 3", BODY),
        ("accepted, more than the body there", || in_memory(POST_NEXT), nothing, "Write 3", BODY),
        ("accepted, invited", || in_memory(EXPECT), nothing, "Send 100", BODY),
        ("invited", || in_memory(EXPECT), send, "Sleep", BODY),
        ("invited, body before the invitation", || in_memory(EXPECT), |m| m.received(b"abc", NOW), "Write 3", BODY),
        ("not accepted", || asked_for(POST), failed, "Send 403", "SendingRange"),
        ("incomplete", || in_memory(POST), |m| m.received(b"ab", NOW), "Sleep", BODY),
        ("complete", || in_memory(POST), |m| m.received(b"abc", NOW), "Write 3", BODY),
        ("to be stored, incomplete", || stored(POST), |m| m.received(b"ab", NOW), "Store 2", BODY),
        ("stored, incomplete", || after(stored(POST), |m| m.received(b"ab", NOW)), |m| m.stored(), "Sleep", BODY),
        ("to be stored, complete", || stored(POST_ALL), nothing, "Store 3", BODY),
        ("stored, complete", || stored(POST_ALL), |m| m.stored(), "Write 0", BODY),
        ("malformed", || in_memory(CHUNKED), |m| m.received(b"x", NOW), "Refuse Malformed(\"malformed chunk size line\")", BODY),
        ("too long", || in_memory(CHUNKED), |m| m.received(b"6\r\nabcdef", NOW), "Refuse TooLong", BODY),
        ("timed out", || in_memory(POST), |m| m.timer_fired(LATER), "Refuse TooSlow", BODY),
        ("overloaded", || in_memory(POST), |m| m.overloaded(), "Refuse Overloaded", BODY),
        ("peer_gone", || in_memory(POST), |m| m.peer_gone(NOW), "Remove", NOW_CLOSED),
        ("peer_gone", committing, |m| m.peer_gone(NOW), "Remove", NOW_CLOSED),
        ("postponed", complete, |m| m.postponed(LATER), "Sleep", BODY),
        ("postponed, its time has come", postponed, |m| m.timer_fired(LATER), "Write 3", BODY),
        ("committing", complete, |m| m.committing(), "Sleep", BODY),
        ("committed", committing, |m| m.committed(), "Write 0", BODY),
        ("written", complete, done, "Send 204", "SendingRange"),
        ("not written", complete, failed, "Send 403", "SendingRange"),
        ("drain", || in_memory(POST), |m| assert!(!m.drain(NOW)), "Sleep", BODY),
        ("cut", committing, |m| m.cut(NOW), "Remove", NOW_CLOSED),
        ("sent, the connection stays", || after(complete(), done), send, "Sleep", "ReadingHeaders"),
        ("sent, the next request is there", || after(in_memory(POST_NEXT), done), send, "Open", "ReadingHeaders (asked)"),
        ("sent, the client wants an end", || after(in_memory(POST_CLOSE), done), send, "Shut", "Closing(Shut)"),
        ("sent, the body was refused", || after(refused(), failed), send, "Shut", "Closing(Shut)"),
        ("sent, the body was not read", || after(asked_for(POST_ALL), failed), send, "Shut", "Closing(Shut)"),
        ("sent, there was no body", || after(asked_for(DELETE), failed), send, "Sleep", "ReadingHeaders"),
        ("sent, the server ends", || after(after(complete(), |m| { let _ = m.drain(NOW); }), done), send, "Shut", "Closing(Shut)"),
    ]);
}

#[test]
fn interest_room_and_deadline_are_of_the_stage() {
    let timeouts = Timeouts {
        header: std::time::Duration::from_secs(30),
        idle: std::time::Duration::from_secs(60),
    };
    let header = NOW + timeouts.header;
    // What the poller tells of: bytes, room; how many bytes may come; when its time is up.
    let table: [(&str, Machine, bool, bool, usize, Moment); 6] = [
        ("reading", in_memory(POST), true, false, HEAD_MAX, header),
        ("invited", in_memory(EXPECT), true, true, HEAD_MAX, header),
        ("complete", complete(), false, false, 0, Moment::NEVER),
        ("postponed", postponed(), false, false, 0, LATER),
        ("committing", committing(), false, false, 0, Moment::NEVER),
        ("refused", refused(), false, false, 0, Moment::NEVER),
    ];
    for (what, machine, readable, writable, room, deadline) in table {
        let interest = Interest { readable, writable };
        assert_eq!(machine.interest(), interest, "{what}");
        assert_eq!(machine.room(), room, "{what}");
        assert_eq!(machine.deadline(&timeouts), deadline, "{what}");
    }
}

#[test]
fn bytes_that_come_put_the_deadline_off() {
    let timeouts = Timeouts {
        header: std::time::Duration::from_secs(30),
        idle: std::time::Duration::from_secs(60),
    };
    let mut machine = in_memory(POST);
    machine.received(b"a", LATER);
    assert_eq!(machine.deadline(&timeouts), LATER + timeouts.header);
    assert_eq!(
        (action(&machine), name(&machine)),
        ("Sleep".into(), "ReadingBody".into())
    );
}

#[test]
fn what_is_written_is_no_longer_held() {
    let mut machine = complete();
    assert!(machine.body().is_some_and(|body| body.held() >= 3));
    machine.committing();
    assert_eq!(machine.body().map(|body| body.held()), Some(0));
    assert_eq!(refused().body().map(|body| body.held()), Some(0));
}

#[test]
fn half_an_invitation_is_finished_first() {
    let mut machine = in_memory(EXPECT);
    machine.sent(9, NOW);
    machine.received(b"abc", NOW);
    assert_eq!(action(&machine), "Send 100 Continue||");
    assert!(machine.interest().writable);
    send(&mut machine);
    assert_eq!(action(&machine), "Write 3");
    let mut machine = in_memory(EXPECT);
    machine.sent(9, NOW);
    machine.timer_fired(LATER);
    assert_eq!(action(&machine), "Send 100 Continue||");
    send(&mut machine);
    assert_eq!(action(&machine), "Refuse TooSlow");
    // Nobody takes it.
    let mut machine = in_memory(EXPECT);
    machine.sent(9, NOW);
    machine.timer_fired(LATER);
    machine.timer_fired(LATER);
    assert_eq!(action(&machine), "Remove");
}

/// What is to be stored is taken in steps of a head at most, so that a client that sends faster than the disk takes waits;
/// what is kept in memory has its bound already.
#[test]
fn room_of_what_is_stored() {
    const LONG: &[u8] = b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n";
    let in_memory = || {
        after(asked_for(LONG), |machine| {
            machine.accepted(Sink::Memory(99_999), NOW)
        })
    };
    for (what, machine, count, room) in [
        ("nothing yet", stored(LONG), 0, HEAD_MAX),
        ("one byte less", stored(LONG), HEAD_MAX - 1, HEAD_MAX),
        ("as much", stored(LONG), HEAD_MAX, 0),
        ("more", stored(LONG), HEAD_MAX + 1, 0),
        ("as much in memory", in_memory(), HEAD_MAX, HEAD_MAX),
        ("more in memory", in_memory(), HEAD_MAX + 1, HEAD_MAX),
    ] {
        let machine = after(machine, |machine| machine.received(&vec![b'x'; count], NOW));
        assert_eq!(machine.room(), room, "{what}");
    }
}

/// A client that does not take the rest of an invitation is not waited for beyond the timeout.
#[test]
fn deadline_of_half_an_invitation() {
    let timeouts = Timeouts {
        header: std::time::Duration::from_secs(30),
        idle: std::time::Duration::from_secs(60),
    };
    let invited = || after(in_memory(EXPECT), |machine| machine.sent(9, NOW));
    let complete = after(invited(), |machine| machine.received(b"abc", LATER));
    let refused = after(invited(), Connection::overloaded);
    assert_eq!(complete.deadline(&timeouts), LATER + timeouts.header);
    assert_eq!(refused.deadline(&timeouts), NOW + timeouts.header);
}

#[test]
fn as_much_as_fits_and_no_more() {
    let last = |content: &str| {
        let mut machine = in_memory(CHUNKED);
        machine.received(content.as_bytes(), NOW);
        action(&machine)
    };
    assert_eq!(last("5\r\nabcde\r\n0\r\n\r\n"), "Write 5");
    assert_eq!(last("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"), "Write 5");
    assert_eq!(last("2\r\nab\r\n4\r\ncdef\r\n"), "Refuse TooLong");
}

/// Also if all of it has been read: nobody relies on where a request begins behind one that was refused.
#[test]
fn the_connection_ends_behind_a_body_that_was_too_long() {
    let mut machine = in_memory(CHUNKED);
    machine.received(b"6\r\nabcdef\r\n0\r\n\r\n", NOW);
    failed(&mut machine);
    send(&mut machine);
    assert_eq!(action(&machine), "Shut");
}

/// How the content of a body of `length` bytes grows: the memory that it holds after each piece.
fn growth(head: &str, frame: impl Fn(&[u8]) -> Vec<u8>, length: usize) -> Vec<(usize, usize)> {
    let mut machine = after(asked_for(head.as_bytes()), |machine| {
        machine.accepted(Sink::Memory(u64::MAX), NOW)
    });
    let piece = vec![b'x'; 4000];
    let mut received = 0;
    let mut held = Vec::new();
    while received < length {
        let piece = &piece[..piece.len().min(length - received)];
        machine.received(&frame(piece), NOW);
        received += piece.len();
        held.push((received, machine.body().expect("a body").held()));
    }
    held
}

/// The memory of a body is reserved in steps of a quarter, of 16 to 64 KiB: neither one step for each packet nor much
/// more than has come.
#[test]
fn memory_of_a_body() {
    const LENGTH: usize = 1_000_000;
    let chunk =
        |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    let chunked = String::from_utf8_lossy(CHUNKED);
    let unknown = growth(&chunked, chunk, LENGTH);
    let known = format!("POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n");
    let known = growth(&known, <[u8]>::to_vec, LENGTH);
    for held in [&unknown, &known] {
        for &(received, held) in held {
            let more = (received / 4).clamp(BODY_STEP, 4 * BODY_STEP);
            assert!(
                (received..=received + more).contains(&held),
                "{held} for {received}"
            );
        }
        let mut steps: Vec<usize> = held.iter().map(|(_, held)| *held).collect();
        steps.dedup();
        assert!(steps.len() <= LENGTH / (4 * BODY_STEP) + 6, "{steps:?}");
    }
    assert!(
        known.iter().all(|(_, held)| *held <= LENGTH),
        "more than can come"
    );
}

/// The request that made a job is answered like one for the answer of the job.
#[test]
fn a_job_is_answered_by_its_answer() {
    let path = || Path {
        name: (*b"jobs/1").into(),
        slash: false,
    };
    let answered = |head: &[u8]| after(in_memory(head), |machine| machine.answered_by(path()));
    let asked = ("Open".to_owned(), "ReadingHeaders (asked)".to_owned());
    let machine = answered(
        b"POST /f HTTP/1.1\r\nHost: x\r\nPrefer: respond-async, wait=7\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!((action(&machine), name(&machine)), asked);
    let Action::Open(Ok(request)) = machine.action() else {
        panic!("it is not asked for");
    };
    let Intent::Answer(answer) = &request.intent else {
        panic!("{:?}", request.intent);
    };
    assert_eq!(answer.path, path());
    assert_eq!((answer.respond_async, answer.wait), (true, 7));
    for (head, then) in [
        (POST_ALL, "Sleep"),
        (POST_NEXT, "Open"),
        (POST_CLOSE, "Shut"),
    ] {
        let machine = after(answered(head), super::open_missing);
        let machine = after(machine, send);
        assert_eq!(action(&machine), then);
    }
}

#[test]
fn the_path_that_is_written() {
    let path = |machine: &Machine| machine.written_path().map(ToString::to_string);
    for machine in [
        asked_for(POST),
        in_memory(POST),
        complete(),
        committing(),
        asked_for(DELETE),
    ] {
        assert_eq!(path(&machine), Some("/f".into()));
    }
    assert_eq!(path(&Connection::new(NOW)), None);
    assert_eq!(path(&after(complete(), done)), None);
}
