//! The rows of event streams.

use std::time::Duration;

use openrange::connection::{Action, Connection, State, Timeouts};
use openrange::http::chunked;
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::limits::{
    EVENT_ABSENCE, EVENT_BUFFER, EVENT_HEARTBEAT, EVENT_LATE, EVENT_LINE_MAX, EVENT_READ, HEAD_MAX,
};
use openrange::readiness::Interest;
use openrange::resource::{FileInfo, Resource};
use openrange::subscription::end::End;
use openrange::time::Moment;

use super::{ACCEPTED, LATER, Machine, NOW, action, file, measure, name, open, send};

const EVENTS: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";
const EVENTS_10: &[u8] = b"GET /f HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n";
/// Behind the first line of the file, which is "a\nb\nc".
const RESUMED: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\
    Last-Event-ID: 0000000000000001-2\r\n\r\n";
const LINES: &[u8] = b"a\nb\nc";
const SENDING: &str = "SendingRange";
const TAILING: &str = "Tailing";
const ABORT: &str = "Closing(Abort)";

/// A file that comes next.
fn went_on(machine: &mut Machine, tag: u64, named: bool, gap: bool) {
    let Resource::File { file, info } = other_file(tag) else {
        unreachable!("a file");
    };
    machine.went_on(file, info, named, gap, NOW);
}

pub fn other_file(tag: u64) -> Resource<()> {
    let Resource::File { info, .. } = file() else {
        unreachable!()
    };
    let info = FileInfo {
        etag: ETag(tag),
        ..info
    };
    Resource::File { file: (), info }
}

mod state {
    use super::*;

    pub fn asked_for(head: &[u8]) -> Machine {
        let mut machine = Connection::new(ACCEPTED);
        machine.received(head, NOW);
        machine
    }
    pub fn opened() -> Machine {
        after(asked_for(EVENTS), open)
    }
    pub fn head_out() -> Machine {
        after(opened(), send)
    }
    pub fn measured() -> Machine {
        after(head_out(), |machine| measure(machine, 5))
    }
    pub fn read() -> Machine {
        after(measured(), |machine| read_of(machine, LINES))
    }
    /// All complete lines of it are out.
    pub fn tailing() -> Machine {
        tailing_from(EVENTS)
    }
    pub fn tailing_10() -> Machine {
        tailing_from(EVENTS_10)
    }
    fn tailing_from(head: &[u8]) -> Machine {
        let machine = after(asked_for(head), open);
        let machine = after(machine, send);
        let machine = after(machine, |machine| measure(machine, 5));
        let machine = after(machine, |machine| read_of(machine, LINES));
        after(machine, send)
    }
    /// Its name has left it, and all of it is out.
    pub fn left() -> Machine {
        let machine = after(tailing(), |machine| {
            machine.name_lost(0, End::Renamed);
        });
        let machine = after(machine, |machine| measure(machine, 5));
        let machine = after(machine, |machine| read_of(machine, LINES));
        after(machine, send)
    }
    pub fn waiting() -> Machine {
        // Somebody may still append to the file.
        after(left(), |machine| {
            machine.followed(Resource::Missing, NOW);
            measure(machine, 5);
        })
    }
    pub fn resumed_without_file() -> Machine {
        after(asked_for(RESUMED), super::super::open_missing)
    }
    pub fn after(mut machine: Machine, event: impl FnOnce(&mut Machine)) -> Machine {
        event(&mut machine);
        machine
    }
}

/// The bytes that it needs of a file with this content.
pub fn read_of(machine: &mut Machine, content: &[u8]) {
    let bytes = match machine.action() {
        Action::Read((), range) => &content[range.start as usize..range.end as usize],
        _ => content,
    };
    machine.read_file(bytes, NOW);
}

/// Sends a stream that rests the events that were made for another one, when its file has grown to this content: all of
/// them, or so many bytes of them with their framing.
fn grow(machine: &mut Machine, content: &[u8], sent: Option<u64>) {
    let stream = machine.resting_events().expect("a stream that rests");
    let ((), from) = stream.caught_up().expect("it has nothing to do");
    let bytes = &content[from.reads_from() as usize..];
    let (events, to) = from.grow(bytes).expect("events");
    let count = events.len() as u32;
    match sent {
        None => machine.events_delivered(to, count, NOW),
        Some(sent) => {
            machine.events_begun(to, count, &chunked::enclose(&events));
            machine.sent(sent, NOW);
        }
    }
}

/// In one step where others take four.
#[test]
fn events_delivered_are_measured_read_and_sent() {
    let contents: [&[u8]; 5] = [
        b"a\nb\ncd\n",
        b"a\nb\ncd\nand the beginning of a line",
        b"a\nb\nc\r\n\n\xff\re\n",
        b"a\nb\nc and a line that is longer than what a check covers, by so much that it covers nothing else.\n",
        b"a\nb\nc\n\n\n\n",
    ];
    for tail in [state::tailing, state::tailing_10] {
        for content in contents {
            let (mut one, mut four) = (tail(), tail());
            grow(&mut one, content, None);
            four.changed();
            let caught_up = |machine: &Machine| {
                let stream = machine.resting_events().expect("it rests");
                stream.caught_up().map(|(_, at)| at)
            };
            assert_eq!(caught_up(&four), None, "there is something to do");
            measure(&mut four, content.len() as u64);
            assert_eq!(caught_up(&four), None, "there is something to read");
            read_of(&mut four, content);
            assert!(four.resting_events().is_none(), "something is on its way");
            send(&mut four);
            assert_eq!(format!("{one:?}"), format!("{four:?}"));
            assert_eq!(caught_up(&one), caught_up(&four));
            assert!(caught_up(&one).is_some_and(|at| at.size() == content.len() as u64));
        }
    }
}

/// A stream that rests remembers its place only, and makes the rest again when something may have happened to it.
#[test]
fn a_stream_forgets_what_it_can_make_again() {
    let text = |machine: &Machine| format!("{machine:?}");
    let content = b"a\nb\ncd\nand the beginning of a line";
    for content in [&content[..], b"a\nb\ncd\n"] {
        let mut machine = state::tailing();
        grow(&mut machine, content, None);
        let before = text(&machine);
        assert!(before.contains("Rest(Resting {"), "{before}");
        // Nothing has happened.
        assert!(machine.changed());
        assert!(text(&machine).contains("look: true"));
        measure(&mut machine, content.len() as u64);
        if !content.ends_with(b"\n") {
            read_of(&mut machine, content);
        }
        assert_eq!(text(&machine), before);
        // The file is another one: where it was is known.
        assert!(machine.name_lost(0, End::Renamed));
        measure(&mut machine, content.len() as u64);
        read_of(&mut machine, content);
        send(&mut machine);
        let Action::Follow(sought) = machine.action() else {
            panic!("{machine:?}");
        };
        let after = sought.after.expect("a place");
        assert_eq!((after.etag, after.offset), (ETag(1), content.len() as u64));
        // A file that has a seal does not only rest.
        let mut sealed = state::tailing();
        sealed.changed();
        sealed.measured(5, true, NOW);
        read_of(&mut sealed, LINES);
        send(&mut sealed);
        assert!(!text(&sealed).contains("Rest("), "{sealed:?}");
    }
}

/// What others are sent is not for a stream that has something else to do, or has seen something else.
#[test]
fn events_are_not_for_all() {
    let tailing = || state::tailing();
    let caught_up = |machine: &Machine| {
        let stream = machine.resting_events()?;
        stream.caught_up().map(|(_, at)| at)
    };
    let from = caught_up(&tailing()).expect("it rests");
    assert_eq!(from.reads_from(), 0);
    assert!(from.grow(b"a\nb\ncd\n").is_some());
    for (what, bytes) in [
        ("nothing new", &b"a\nb\nc"[..]),
        ("no line", b"a\nb\ncd"),
        ("a truncated file", b"a\nb"),
        ("other bytes before", b"a\n!\ncd\n"),
    ] {
        assert_eq!(from.grow(bytes), None, "{what}");
    }
    let long = [LINES, &vec![b'\n'; EVENT_READ as usize]].concat();
    assert_eq!(from.grow(&long), None, "more than one step");
    let many = [LINES, &vec![b'\n'; EVENT_BUFFER / 2]].concat();
    assert_eq!(from.grow(&many), None, "more than one buffer");
    type Row = (&'static str, fn(&mut Machine));
    let rows: [Row; 6] = [
        ("changed", |m| assert!(m.changed())),
        ("ends", |m| assert!(m.drain(NOW))),
        ("left", |m| assert!(m.name_lost(0, End::Renamed))),
        ("sealed", |m| {
            m.changed();
            m.measured(5, true, NOW);
            read_of(m, LINES);
            send(m);
        }),
        ("truncated", |m| {
            m.changed();
            m.shrank(3, NOW);
        }),
        ("another file was written late", |m| {
            m.name_lost(0, End::Renamed);
            while !matches!(m.action(), Action::Sleep) {
                match m.action() {
                    Action::Follow(_) => m.followed(other_file(2), NOW),
                    Action::Read(..) => read_of(m, LINES),
                    Action::Examine(_) => measure(m, 5),
                    _ => send(m),
                }
            }
            assert!(m.resting_events().is_some());
        }),
    ];
    for (what, event) in rows {
        assert_eq!(caught_up(&state::after(tailing(), event)), None, "{what}");
    }
}

/// Without the checks of positions, which are tested elsewhere, also in the size of the chunk.
fn without_checks(text: &str) -> String {
    let is_check = |at: usize| {
        let (before, check) = (&text[..at], text.get(at + 1..at + 9));
        let place = before.trim_end_matches(|c: char| c.is_ascii_digit());
        let hex = |check: &str| check.bytes().all(|byte| byte.is_ascii_hexdigit());
        place.ends_with('-') && place.len() < at && check.is_some_and(hex)
    };
    let checks: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    let checks: Vec<usize> = checks.into_iter().filter(|&at| is_check(at)).collect();
    let mut rest = text.to_owned();
    for &at in checks.iter().rev() {
        rest.replace_range(at..at + 9, "");
    }
    let Some((size, chunk)) = rest.split_once('|') else {
        return rest;
    };
    match usize::from_str_radix(size, 16) {
        Ok(size) => format!("{:x}|{chunk}", size - 9 * checks.len()),
        Err(_) => rest,
    }
}

/// Everything that it sends now; of a head only what follows it.
pub fn sent(machine: &Machine) -> Option<String> {
    let Action::Send(next) = machine.action() else {
        return None;
    };
    assert!(next.file.is_none() && next.after.is_empty());
    let text = String::from_utf8_lossy(&next.before).replace("\r\n", "|");
    let body = match text.split_once("||") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => body,
        Some((head, _)) if head.starts_with("HTTP/1.1 ") => return None,
        _ => &text,
    };
    Some(format!("Send {}", without_checks(body).replace('\n', "/")))
}

type Row = (
    &'static str,
    fn() -> Machine,
    fn(&mut Machine),
    &'static str,
    &'static str,
);

fn check(rows: &[Row]) {
    for (what, state, event, wanted, next) in rows {
        let mut machine = state();
        event(&mut machine);
        let wants = sent(&machine).unwrap_or_else(|| action(&machine));
        assert_eq!((&*wants, &*name(&machine)), (*wanted, *next), "{what}");
    }
}

const ROLL: &str = "Send 5f|event: roll/id: 0000000000000002-0/\
    data: {\"reason\":\"renamed\",\"etag\":\"W/\\\"0000000000000002\\\"\"}//|";
/// Somebody may still append to the file before: a client that comes again behind the roll misses nothing of that.
const ROLL_FROM_OPEN: &str = "Send 72|event: roll/id: 0000000000000002-0.0000000000000001-5/\
    data: {\"reason\":\"renamed\",\"etag\":\"W/\\\"0000000000000002\\\"\"}//|";
const REPLACED: &str = "Send 60|event: roll/id: 0000000000000002-0/\
    data: {\"reason\":\"replaced\",\"etag\":\"W/\\\"0000000000000002\\\"\"}//|";
const TRUNCATE: &str = "Send 50|event: truncate/id: 0000000000000002-0/\
    data: {\"etag\":\"W/\\\"0000000000000002\\\"\"}//|";
const BEGINS: &str = "Send 24|retry: 1000/id: 0000000000000001-0//|";

#[test]
#[rustfmt::skip]
fn sending_events() {
    use state::*;
    check(&[
        ("resolved", opened, |_| {}, BEGINS, SENDING),
        ("resolved, resumed", || after(asked_for(RESUMED), open), |_| {},
            "Send 24|retry: 1000/id: 0000000000000001-2//|", SENDING),
        ("resolved, resumed in another file", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); },
            "Send 24|retry: 1000/id: 0000000000000001-2//|", SENDING),
        ("sent, resumed in another file", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); send(m); },
            "Follow /f after 0000000000000001-2", SENDING),
        ("wait_to_follow", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); send(m);
            m.wait_to_follow(NOW); }, "Sleep", TAILING),
        ("resource_is_ready", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); send(m);
            m.wait_to_follow(NOW); m.changed(); m.resource_is_ready(); }, "Follow /f after 0000000000000001-2", TAILING),
        ("went_on, the rest", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); send(m);
            went_on(m, 1, false, false); }, "Examine 1", SENDING),
        ("went_on, the rest, read", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); send(m);
            went_on(m, 1, false, false); measure(m, 2); }, "Follow /f", SENDING),
        ("went_on, another file", || asked_for(RESUMED), |m| { let _ = m.resolved(other_file(2), Date::from_seconds(0)); send(m);
            went_on(m, 2, true, true); },
            "Send 6b|event: roll/id: 0000000000000002-0/data: {\"reason\":\"replaced\",\"gap\":true,\"etag\":\"W/\\\"0000000000000002\\\"\"}//|", SENDING),
        ("resolved, HTTP/1.0", || after(asked_for(EVENTS_10), open), |_| {}, "Send retry: 1000/id: 0000000000000001-0//", SENDING),
        ("resolved, missing", || asked_for(EVENTS), super::open_missing, "Send : no such file/retry: 1000//", SENDING),
        ("sent, the head", opened, send, "Examine 1", SENDING),
        ("measured, more", head_out, |m| measure(m, 5), "Read 0..5", SENDING),
        ("measured, more than is read at once", head_out, |m| measure(m, u64::MAX), "Read 0..32768", SENDING),
        ("measured, same", head_out, |m| measure(m, 0), "Sleep", TAILING),
        ("read_file, complete lines", read, |_| {},
            "Send 40|id: 0000000000000001-2/data: a//id: 0000000000000001-4/data: b//|", SENDING),
        ("read_file, no complete line", measured, |m| read_of(m, b"abcde"), "Sleep", TAILING),
        ("sent, more to go", read, |m| m.sent(50, NOW), "Send 000000000000001-4/data: b//|", SENDING),
        ("sent, events complete", read, send, "Sleep", TAILING),
        ("changed, then sent", read, |m| { assert!(!m.changed()); send(m); }, "Examine 1", SENDING),
        ("shrank", measured, |m| m.shrank(3, NOW), "Follow /f", SENDING),
        ("shrank, after events were on their way", read, |m| { m.changed(); send(m); m.shrank(3, NOW); }, "Follow /f", SENDING),
        ("shrank, though not below the last event", tailing, |m| { m.changed(); m.shrank(4, NOW); }, "Follow /f", TAILING),
        ("measured, less than was made events", tailing, |m| { m.changed(); measure(m, 3); }, "Follow /f", TAILING),
        ("fell_short", measured, |m| m.fell_short(NOW), "Remove, abort", ABORT),
        ("stalled", read, |m| m.stalled(NOW), "Remove, abort", ABORT),
        ("name_lost: all of it first", read, |m| { assert!(!m.name_lost(0, End::Renamed)); send(m); }, "Examine 1", SENDING),
        ("drain: all complete lines first", read, |m| { assert!(!m.drain(NOW)); send(m); measure(m, 9); }, "Read 0..9", SENDING),
        ("drain: then the end", read, |m| { m.drain(NOW); send(m); measure(m, 5); read_of(m, LINES); }, "Send 0||", SENDING),
        ("drain: not kept alive", read,
            |m| { m.drain(NOW); send(m); measure(m, 5); read_of(m, LINES); send(m); }, "Shut", "Closing(Shut)"),
        ("drain, shrank: the end", read, |m| { m.drain(NOW); send(m); m.shrank(3, NOW); }, "Send 0||", SENDING),
        ("received: kept", read, |m| { m.received(EVENTS, NOW); assert_eq!(m.waiting(), EVENTS.len()); send(m); }, "Sleep", TAILING),
        ("received, flooded", read, |m| m.received(&[b'a'; HEAD_MAX], NOW), "Remove, abort", ABORT),
        ("peer_gone", read, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("cut", read, |m| m.cut(NOW), "Remove, abort", ABORT),
    ]);
}

#[test]
#[rustfmt::skip]
fn resting() {
    use state::*;
    check(&[
        ("changed", tailing, |m| assert!(m.changed()), "Examine 1", TAILING),
        ("measured, more: from the start of the line", tailing, |m| { m.changed(); measure(m, 7); }, "Read 0..7", TAILING),
        ("measured, same: that too", tailing, |m| { m.changed(); measure(m, 5); }, "Read 0..5", TAILING),
        ("read_file, the line is complete", tailing, |m| { m.changed(); measure(m, 7); read_of(m, b"a\nb\ncd\n"); },
            "Send 21|id: 0000000000000001-7/data: cd//|", SENDING),
        ("events_delivered", tailing, |m| grow(m, b"a\nb\ncd\n", None), "Sleep", TAILING),
        ("events_delivered, then changed", tailing, |m| { grow(m, b"a\nb\ncd\n", None); m.changed(); measure(m, 9); }, "Read 0..9", TAILING),
        ("events_begun, nothing sent", tailing, |m| grow(m, b"a\nb\ncd\n", Some(0)), "Send 21|id: 0000000000000001-7/data: cd//|", SENDING),
        ("events_begun, but for the end of the chunk", tailing, |m| grow(m, b"a\nb\ncd\n", Some(46)), "Send |", SENDING),
        ("events_begun, sent", tailing, |m| { grow(m, b"a\nb\ncd\n", Some(9)); send(m); }, "Sleep", TAILING),
        ("measured sealed: the line will not end", tailing, |m| { m.changed(); m.measured(5, true, NOW); }, "Read 0..5", TAILING),
        ("read_file, sealed", tailing, |m| { m.changed(); m.measured(5, true, NOW); read_of(m, LINES); },
            "Send 2c|id: 0000000000000001-5/event: part/data: c//|", SENDING),
        ("read_file, sealed, sent", tailing, |m| { m.changed(); m.measured(5, true, NOW); read_of(m, LINES); send(m); },
            "Sleep", TAILING),
        ("name_lost", tailing, |m| assert!(m.name_lost(0, End::Renamed)), "Examine 1", TAILING),
        ("name_lost, all of it", left, |_| {}, "Follow /f", SENDING),
        ("followed, another file", left, |m| m.followed(other_file(2), NOW), ROLL_FROM_OPEN, SENDING),
        ("followed, another file, sent: the file before", left, |m| { m.followed(other_file(2), NOW); send(m); }, "Examine 1 anew", SENDING),
        ("followed, another file, sent", left, |m| { m.followed(other_file(2), NOW); send(m); measure(m, 5); measure(m, 5); }, "Read 0..5", SENDING),
        ("written late", left, |m| { m.followed(other_file(2), NOW); send(m); measure(m, 7); }, "Read 0..7", SENDING),
        ("written late, read", left, |m| { m.followed(other_file(2), NOW); send(m); measure(m, 7); read_of(m, b"a\nb\nc\nd"); },
            "Send 32|id: 0000000000000002-0.0000000000000001-6/data: //|", SENDING),
        ("written late, truncated", left, |m| { m.followed(other_file(2), NOW); send(m); m.shrank(1, NOW); }, "Examine 2", SENDING),
        ("written too late", left, |m| { m.followed(other_file(2), NOW); send(m); measure(m, 5); measure(m, 0);
            m.timer_fired(NOW + EVENT_LATE); send(m); m.changed(); }, "Examine 2", TAILING),
        ("followed, the same file", left, |m| m.followed(file(), NOW), "Examine 1", SENDING),
        ("followed, the same file: goes on", left, |m| { m.followed(file(), NOW); measure(m, 9); }, "Read 0..9", SENDING),
        ("followed, the same truncated", tailing, |m| { m.changed(); m.shrank(0, NOW); m.followed(other_file(2), NOW); }, TRUNCATE, SENDING),
        ("followed, truncated and gone", left, |m| { m.shrank(0, NOW); m.followed(other_file(2), NOW); }, ROLL, SENDING),
        ("followed, no file", waiting, |_| {}, "Sleep", TAILING),
        ("followed, a directory", left, |m| { m.followed(Resource::NeedsSlash, NOW); measure(m, 5); }, "Sleep", TAILING),
        ("timer_fired, the next look is due", waiting, |m| m.timer_fired(NOW + EVENT_ABSENCE.0), "Follow /f", TAILING),
        ("timer_fired, followed", waiting, |m| { m.timer_fired(NOW + EVENT_ABSENCE.0); m.followed(other_file(2), LATER); }, ROLL_FROM_OPEN, SENDING),
        ("timer_fired, truncated before it was gone", tailing, |m| { m.changed(); m.shrank(0, NOW); m.followed(Resource::Missing, NOW); m.timer_fired(NOW + EVENT_ABSENCE.0);
            m.followed(other_file(2), LATER); }, REPLACED, SENDING),
        ("timer_fired, before its time", waiting, |m| m.timer_fired(NOW), "Sleep", TAILING),
        ("timer_fired, after silence", tailing, |m| m.timer_fired(NOW + EVENT_HEARTBEAT), "Send 3|://|", SENDING),
        ("timer_fired, after silence, sent", tailing, |m| { m.timer_fired(NOW + EVENT_HEARTBEAT); send(m); }, "Sleep", TAILING),
        ("timer_fired, before that", tailing, |m| m.timer_fired(LATER), "Sleep", TAILING),
        ("timer_fired, after silence, HTTP/1.0", tailing_10, |m| m.timer_fired(NOW + EVENT_HEARTBEAT), "Send ://", SENDING),
        ("stalled", tailing, |m| m.stalled(NOW), "Remove, abort", ABORT),
        ("drain", tailing, |m| assert!(m.drain(NOW)), "Examine 1", TAILING),
        ("drain, HTTP/1.0", tailing_10, |m| { m.drain(NOW); measure(m, 5); read_of(m, LINES); }, "Shut", "Closing(Shut)"),
        ("drain, no file", waiting, |m| { assert!(m.drain(NOW)); measure(m, 5); }, "Send 0||", SENDING),
        ("opened without a file", resumed_without_file, send, "Follow /f after 0000000000000001-2", SENDING),
        ("opened without a file, the same comes", resumed_without_file, |m| { send(m); m.followed(file(), NOW); measure(m, 5); },
            "Read 0..5", SENDING),
        ("opened without a file, while draining", || asked_for(RESUMED),
            |m| { m.drain(NOW); super::open_missing(m); send(m); }, "Send 0||", SENDING),
        ("received, flooded", tailing, |m| m.received(&[b'a'; HEAD_MAX], NOW), "Remove, abort", ABORT),
        ("peer_gone", waiting, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("cut", waiting, |m| m.cut(NOW), "Remove, abort", ABORT),
    ]);
}

/// The pause between two looks doubles up to its longest; then the client is told, once.
#[test]
fn absence() {
    let timeouts = Timeouts {
        header: Duration::ZERO,
        idle: Duration::ZERO,
    };
    let mut machine = state::left();
    let mut now = NOW;
    let mut told = 0;
    for round in 0..12 {
        machine.followed(Resource::Missing, now);
        if let Some(notice) = sent(&machine) {
            let expected = "event: roll/data: {\"reason\":\"renamed\",\"etag\":null}//|";
            assert!(notice.ends_with(expected), "{notice}");
            told += 1;
            machine.sent(notice.len() as u64 - "Send ".len() as u64 + 2, now);
        }
        if round == 0 {
            measure(&mut machine, 5);
        }
        assert_eq!(action(&machine), "Sleep");
        let pause = EVENT_ABSENCE.1.min(EVENT_ABSENCE.0 * (1 << round));
        assert_eq!(machine.deadline(&timeouts), now + pause, "round {round}");
        assert_eq!(told, usize::from(pause == EVENT_ABSENCE.1), "round {round}");
        now = now + pause;
        machine.timer_fired(now);
        assert_eq!(action(&machine), "Follow /f");
    }
    machine.followed(other_file(2), now);
    let notice = sent(&machine).expect("a notice");
    assert!(notice.contains("\"reason\":\"created\""), "{notice}");
}

#[test]
#[rustfmt::skip]
fn waits() {
    use state::*;
    const R: (bool, bool) = (true, false);
    const RW: (bool, bool) = (true, true);
    let timeouts = Timeouts { header: Duration::ZERO, idle: Duration::ZERO };
    type Row = (&'static str, fn() -> Machine, (bool, bool), Moment);
    let rows: &[Row] = &[
        ("on its way", read, RW, Moment::NEVER),
        ("caught up", tailing, R, NOW + EVENT_HEARTBEAT),
        ("without a file", waiting, R, NOW + EVENT_ABSENCE.0),
    ];
    for (what, state, (readable, writable), deadline) in rows {
        let machine = state();
        assert_eq!(machine.interest(), Interest { readable: *readable, writable: *writable }, "{what}");
        assert_eq!(machine.deadline(&timeouts), *deadline, "{what}");
        assert!(machine.is_tail() && machine.is_answering(), "{what}");
        assert_eq!(machine.room(), HEAD_MAX, "{what}");
    }
}

/// The bytes of events that were handed over, and the name, are in the log.
#[test]
#[rustfmt::skip]
fn ends() {
    use state::*;
    type Row = (&'static str, fn() -> Machine, fn(&mut Machine), End, u64);
    // The beginning has 0x24 bytes, the two events have 0x52, a heartbeat 3.
    let rows: &[Row] = &[
        ("in the head", opened, |m| { m.sent(9, NOW); m.peer_gone(NOW); }, End::ClientGone, 0),
        ("behind the head", head_out, |m| m.peer_gone(NOW), End::ClientGone, 0x24),
        ("in the size line", read, |m| { m.sent(3, NOW); m.peer_gone(NOW); }, End::ClientGone, 0x24),
        ("in the events", read, |m| { m.sent(4 + 7, NOW); m.stalled(NOW); }, End::Stalled, 0x24 + 7),
        ("in the line end", read, |m| { m.sent(4 + 0x52 + 1, NOW); m.peer_gone(NOW); }, End::ClientGone, 0x24 + 0x52),
        ("caught up", tailing, |m| m.peer_gone(NOW), End::ClientGone, 0x24 + 0x52),
        ("caught up, HTTP/1.0", tailing_10, |m| m.peer_gone(NOW), End::ClientGone, 0x24 + 0x52),
        ("after a heartbeat", tailing, |m| { m.timer_fired(NOW + EVENT_HEARTBEAT); send(m); m.cut(NOW); }, End::Shutdown, 0x24 + 0x52 + 3),
        ("without a file", waiting, |m| { m.drain(NOW); measure(m, 5); send(m); }, End::Shutdown, 0x24 + 0x52 + 0x35),
        ("unreadable", tailing, |m| m.fell_short(NOW), End::Broken, 0x24 + 0x52),
    ];
    for (what, state, event, end, bytes) in rows {
        let mut machine = state();
        event(&mut machine);
        let ended = machine.take_ended().expect(what);
        assert_eq!((ended.end, ended.bytes), (*end, *bytes), "{what}");
        assert_eq!(ended.events.expect("a name").to_string(), "/f", "{what}");
    }
}

/// A client that takes nothing holds one buffer of events, whatever is in the file.
#[test]
fn what_is_on_its_way_is_bounded() {
    let worst: [Vec<u8>; 5] = [
        vec![b'\n'; EVENT_READ as usize],
        vec![0xff; EVENT_READ as usize],
        vec![b'\r'; EVENT_READ as usize],
        [&b"x\n".repeat(1000)[..], &[b'\r'; EVENT_LINE_MAX]].concat(),
        [&b"x\n".repeat(1000)[..], &[0xff; EVENT_LINE_MAX]].concat(),
    ];
    for bytes in worst {
        let mut machine = state::head_out();
        measure(&mut machine, u64::MAX);
        machine.read_file(&bytes, NOW);
        let State::SendingRange(sending) = machine.state() else {
            panic!("nothing to send")
        };
        let most = EVENT_BUFFER + 7 * EVENT_LINE_MAX + 100;
        assert!(sending.left() <= most as u64, "{}", sending.left());
    }
}

#[test]
#[rustfmt::skip]
fn impossible() {
    use state::*;
    type Row = (&'static str, fn() -> Machine, fn(&mut Machine));
    let rows: &[Row] = &[
        ("finite, followed", super::state::finite, |m| m.followed(file(), NOW)),
        ("finite, read", super::state::finite, |m| read_of(m, b"")),
        ("Tailing a file, followed", super::state::tailing, |m| m.followed(file(), NOW)),
        ("Tailing a file, read", super::state::tailing, |m| read_of(m, b"")),
        ("fresh, followed", super::state::fresh, |m| m.followed(file(), NOW)),
        ("events, sent more than was there", read, |m| m.sent(100, NOW)),
        ("events, opened", tailing, open),
    ];
    for (what, state, event) in rows {
        let mut machine = state();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| event(&mut machine)));
        assert!(result.is_err(), "{what} is let pass");
    }
}

/// It cannot be told whether there is a file: the client learns nothing, however long that lasts.
#[test]
fn nobody_is_told_that_a_file_is_gone_when_that_is_not_known() {
    let timeouts = Timeouts {
        header: Duration::ZERO,
        idle: Duration::ZERO,
    };
    let mut machine = state::left();
    machine.followed(Resource::Busy, NOW);
    measure(&mut machine, 5);
    for _ in 0..12 {
        let now = machine.deadline(&timeouts);
        machine.timer_fired(now);
        assert_eq!(action(&machine), "Follow /f");
        machine.followed(Resource::Busy, now);
        assert_eq!(action(&machine), "Sleep");
    }
}

/// An earlier file to which nobody will append any more.
#[test]
fn what_is_left_of_a_late_file() {
    let rolled = |over: bool| {
        state::after(state::left(), |m| {
            m.followed(other_file(2), NOW);
            send(m);
            measure(m, 6);
            read_of(m, b"a\nb\ncd");
            measure(m, 0);
            m.late_over(|()| over);
        })
    };
    assert_eq!(action(&rolled(false)), "Sleep");
    let mut machine = rolled(true);
    assert_eq!(action(&machine), "Examine 1 anew");
    measure(&mut machine, 6);
    read_of(&mut machine, b"a\nb\ncd");
    let part = "Send 3f|id: 0000000000000002-0.0000000000000001-6/event: part/data: d//|";
    assert_eq!(sent(&machine).as_deref(), Some(part));
}

#[test]
fn how_far_it_is() {
    let progress = |machine: &Machine| machine.progress().map(|(offset, ())| offset);
    assert_eq!(progress(&state::head_out()), Some(0));
    assert_eq!(progress(&state::read()), Some(4));
    assert_eq!(progress(&state::tailing()), Some(4));
    assert_eq!(progress(&state::resumed_without_file()), None);
}
