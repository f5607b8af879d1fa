//! The transition table in the module comment of `connection`, row by row: state, what happens, what is wanted next, and
//! the state it is in then.

mod bodies;
mod burden;
mod events;
mod groups;
mod patience;
mod pieces;

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use openrange::connection::{Action, CloseMode, Connection, State, Timeouts};
use openrange::http::date::Date;
use openrange::job::JobStatus;
use openrange::limits::{CHUNK_MAX, HEAD_MAX, LINGER, LINGER_BYTES};
use openrange::readiness::Interest;
use openrange::resource::Resource;
use openrange::subscription::end::End;
use openrange::time::Moment;

use crate::samples::info;

type Machine = Connection<()>;
type Row = (
    &'static str,
    fn() -> Machine,
    fn(&mut Machine),
    &'static str,
    &'static str,
);

const ACCEPTED: Moment = Moment(1_000);
const NOW: Moment = Moment(5_000);
const LATER: Moment = Moment(6_000);
const GET: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n";
const GET_CLOSE: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const FIRST_TWO: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n";
const UPWARDS: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0,2-3\r\n\r\n";
const DOWNWARDS: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nRange: bytes=2-3,0-0\r\n\r\n";
const TAIL: &[u8] = b"GET /f HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nRange: bytes=2-\r\n\r\n";
const TAIL_CLOSE: &[u8] =
    b"GET /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=2-\r\n\r\n";
const TAIL_10: &[u8] = b"GET /f HTTP/1.0\r\nRange: bytes=2-\r\n\r\n";

/// Of 5 bytes.
fn file() -> Resource<()> {
    let info = info(1, 5);
    Resource::File { file: (), info }
}

fn open(machine: &mut Machine) {
    let _ = machine.resolved(file(), Date::from_seconds(0));
}

/// A tail of the last three bytes, which have not come yet.
fn open_before_they_come(machine: &mut Machine) {
    open_with(machine, 2);
}

/// With so many bytes.
fn open_with(machine: &mut Machine, size: u64) {
    let info = info(1, size);
    let _ = machine.resolved(Resource::File { file: (), info }, Date::from_seconds(0));
}

fn open_missing(machine: &mut Machine) {
    let _ = machine.resolved(Resource::Missing, Date::from_seconds(0));
}

/// Everything that it wants to send now, in one piece.
fn send(machine: &mut Machine) {
    if let Action::Send(next) = machine.action() {
        let file = next.file.map_or(0, |(_, range)| range.end - range.start);
        let n = next.before.len() as u64 + file + next.after.len() as u64;
        machine.sent(n, NOW);
    }
}

/// A head, and so many bytes of the file behind it.
fn send_head_and(machine: &mut Machine, count: u64) {
    if let Action::Send(next) = machine.action() {
        let n = next.before.len() as u64 + count;
        machine.sent(n, NOW);
    }
}

fn measure(machine: &mut Machine, size: u64) {
    machine.measured(size, false, NOW);
}

/// The states, each by the shortest way to it.
mod state {
    use super::*;

    pub fn fresh() -> Machine {
        Machine::new(ACCEPTED)
    }
    pub fn half_a_head() -> Machine {
        after(fresh(), |machine| machine.received(&GET[..9], NOW))
    }
    pub fn asked_for(head: &[u8]) -> Machine {
        after(fresh(), |machine| machine.received(head, NOW))
    }
    pub fn asked() -> Machine {
        asked_for(GET)
    }
    pub fn one_too_many() -> Machine {
        Machine::refused(ACCEPTED)
    }
    pub fn refused() -> Machine {
        after(one_too_many(), open_missing)
    }
    pub fn kept_alive() -> Machine {
        after(finite(), send)
    }
    pub fn kept_alive_half_a_head() -> Machine {
        after(kept_alive(), |machine| {
            machine.received(&GET[..9], LATER);
        })
    }
    pub fn finite() -> Machine {
        after(asked(), open)
    }
    pub fn missing() -> Machine {
        after(asked(), open_missing)
    }
    pub fn finite_then_more() -> Machine {
        after(asked_for(&[GET, &GET[..9]].concat()), open)
    }
    pub fn finite_pipelined() -> Machine {
        after(asked_for(&[GET, GET].concat()), open)
    }
    pub fn first_two() -> Machine {
        after(asked_for(FIRST_TWO), open)
    }
    pub fn parts(head: &[u8]) -> Machine {
        after(asked_for(head), open)
    }
    /// Of this part the head is out, and no byte.
    pub fn within_part(head: &[u8], part: usize) -> Machine {
        let machine = (0..part).fold(parts(head), |machine, _| after(machine, send));
        after(machine, |machine| send_head_and(machine, 0))
    }
    pub fn all_parts_out() -> Machine {
        after(within_part(DOWNWARDS, 2), send)
    }
    pub fn finite_close() -> Machine {
        after(asked_for(GET_CLOSE), open)
    }
    /// With the first frame behind its head.
    pub fn tail_begun() -> Machine {
        after(asked_for(TAIL), open)
    }
    pub fn tail_begun_10() -> Machine {
        after(asked_for(TAIL_10), open)
    }
    pub fn tail_head() -> Machine {
        after(asked_for(TAIL), open_before_they_come)
    }
    pub fn tail_head_out() -> Machine {
        after(tail_head(), send)
    }
    pub fn tail_frame() -> Machine {
        after(tail_head_out(), |machine| measure(machine, 5))
    }
    /// Something has happened meanwhile.
    pub fn tail_frame_out() -> Machine {
        let machine = after(tail_frame(), |machine| {
            machine.changed();
        });
        after(machine, send)
    }
    pub fn tail_last_chunk() -> Machine {
        after(tailing_gone(), |machine| measure(machine, 5))
    }
    pub fn tail_last_chunk_close() -> Machine {
        let machine = after(tailing_from(TAIL_CLOSE), |machine| {
            machine.name_lost(0, End::Renamed);
        });
        after(machine, |machine| measure(machine, 5))
    }
    pub fn tail_pipelined() -> Machine {
        after(tail_last_chunk(), |machine| machine.received(GET, NOW))
    }
    pub fn tailing() -> Machine {
        tailing_from(TAIL)
    }
    pub fn tailing_gone() -> Machine {
        after(tailing(), |machine| {
            machine.name_lost(0, End::Renamed);
        })
    }
    pub fn tailing_10() -> Machine {
        tailing_from(TAIL_10)
    }
    pub fn tailing_10_gone() -> Machine {
        after(tailing_10(), |machine| {
            machine.name_lost(0, End::Unlinked);
        })
    }
    pub fn shut() -> Machine {
        after(finite_close(), send)
    }
    pub fn linger() -> Machine {
        after(shut(), |machine| machine.shut(NOW))
    }
    pub fn linger_refused() -> Machine {
        let machine = after(refused(), send);
        after(machine, |machine| machine.shut(NOW))
    }
    pub fn linger_almost_full() -> Machine {
        let full = |machine: &mut Machine| {
            for _ in 1..LINGER_BYTES as usize / HEAD_MAX {
                machine.received(&[0; HEAD_MAX], NOW);
            }
            machine.received(&[0; HEAD_MAX - 9], NOW);
        };
        after(linger(), full)
    }
    pub fn half_a_head_draining() -> Machine {
        after(half_a_head(), |machine| {
            machine.drain(NOW);
        })
    }
    pub fn linger_draining() -> Machine {
        after(linger(), |machine| {
            machine.drain(NOW);
        })
    }
    pub fn now() -> Machine {
        after(fresh(), |machine| machine.peer_gone(NOW))
    }
    pub fn abort() -> Machine {
        after(finite(), |machine| machine.fell_short(NOW))
    }

    fn tailing_from(head: &[u8]) -> Machine {
        let machine = after(asked_for(head), open);
        let machine = after(machine, send);
        let machine = after(machine, |machine| measure(machine, 5));
        after(machine, send)
    }
    pub fn after(mut machine: Machine, event: impl FnOnce(&mut Machine)) -> Machine {
        event(&mut machine);
        machine
    }
}

/// A head by its status line, everything else as it is.
fn action(machine: &Machine) -> String {
    match machine.action() {
        Action::Open(Ok(_)) => "Open".to_owned(),
        Action::Open(Err(refused)) => format!("Open {}", refused.why.explain().0.code()),
        Action::Store(content) => format!("Store {}", content.len()),
        Action::Write(_, content) => format!("Write {}", content.len()),
        Action::Refuse(why) => format!("Refuse {why:?}"),
        Action::Measure((), _) => "Measure".to_owned(),
        Action::Read((), range) => format!("Read {range:?}"),
        Action::Examine(known) => {
            format!(
                "Examine {}{}",
                known.etag.0,
                if known.again { " anew" } else { "" }
            )
        }
        Action::Follow(sought) => match sought.after {
            // What is left of a file; else what comes after it.
            Some(after) if !after.finished && sought.path.to_string() == "/f" => {
                let (tag, offset) = (after.etag.0, after.offset);
                format!("Follow {} after {tag:016x}-{offset}", sought.path)
            }
            _ => format!("Follow {}", sought.path),
        },
        Action::List { path, again, .. } => {
            format!("List {path}{}", if again { " anew" } else { "" })
        }
        Action::Sleep => "Sleep".to_owned(),
        Action::Shut => "Shut".to_owned(),
        Action::Remove { abort: false } => "Remove".to_owned(),
        Action::Remove { abort: true } => "Remove, abort".to_owned(),
        Action::Send(next) => {
            let before = String::from_utf8_lossy(&next.before);
            let before = match before.strip_prefix("HTTP/1.1 ") {
                Some(head) => head[..3].to_owned(),
                // The rest of a head.
                None => before
                    .split("\r\nDate")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            };
            let file = next.file.map(|(_, range)| format!("{range:?}"));
            let after = String::from_utf8_lossy(next.after);
            let parts = [&before, file.as_deref().unwrap_or_default(), &after];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            format!("Send {}", parts.join(" ").replace("\r\n", "|"))
        }
    }
}

fn name(machine: &Machine) -> String {
    match machine.state() {
        State::ReadingHeaders(None) => "ReadingHeaders".to_owned(),
        State::ReadingHeaders(Some(_)) => "ReadingHeaders (asked)".to_owned(),
        State::ReadingBody(_) => "ReadingBody".to_owned(),
        State::SendingRange(_) => "SendingRange".to_owned(),
        State::Tailing(_) => "Tailing".to_owned(),
        State::Closing(CloseMode::Linger { .. }) => "Closing(Linger)".to_owned(),
        State::Closing(how) => format!("Closing({how:?})"),
    }
}

fn check(rows: &[Row]) {
    for (what, state, event, wanted, next) in rows {
        let mut machine = state();
        event(&mut machine);
        assert_eq!(
            (action(&machine), name(&machine)),
            ((*wanted).into(), (*next).into()),
            "{what}"
        );
    }
}

#[test]
#[rustfmt::skip]
fn reading_headers() {
    use state::*;
    const READING: &str = "ReadingHeaders";
    const ASKED: &str = "ReadingHeaders (asked)";
    check(&[
        ("received, head incomplete", fresh, |m| m.received(b"GET /f HTTP/1.1\r\n", NOW), "Sleep", READING),
        ("received, a line without its end: not looked at yet", fresh, |m| m.received(b"GET /\rf", NOW), "Sleep", READING),
        ("received, its end", fresh, |m| { m.received(b"GET /\rf", NOW); m.received(b"\r\n", NOW); }, "Open 400", ASKED),
        ("received, its rest", half_a_head, |m| m.received(&GET[9..], NOW), "Open", ASKED),
        ("received, its line, and then the rest", half_a_head,
            |m| { m.received(&GET[9..17], NOW); m.received(&GET[17..], NOW); }, "Open", ASKED),
        ("received, head complete", fresh, |m| m.received(GET, NOW), "Open", ASKED),
        ("received, refused", fresh, |m| m.received(b"GET /f HTTP/1.1\n", NOW), "Open 400", ASKED),
        ("received, too much", fresh, |m| m.received(&[b'a'; HEAD_MAX], NOW), "Open 414", ASKED),
        ("accepted, one too many", one_too_many, |_| {}, "Open 503", ASKED),
        ("resolved, one too many", refused, |_| {}, "Send 503", "SendingRange"),
        ("resolved", asked, open, "Send 200 0..5", "SendingRange"),
        ("resolved, missing", missing, |_| {}, "Send 404", "SendingRange"),
        ("peer_gone", half_a_head, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("timed_out, first request", fresh, |m| m.timed_out(NOW), "Open 408", ASKED),
        ("timed_out, some bytes", kept_alive_half_a_head, |m| m.timed_out(NOW), "Open 408", ASKED),
        ("timed_out, kept alive and silent", kept_alive, |m| m.timed_out(NOW), "Remove", "Closing(Now)"),
        ("stalled: it has not taken the response", kept_alive, |m| m.stalled(NOW), "Remove, abort", "Closing(Abort)"),
        ("stalled, asked for more", asked, |m| m.stalled(NOW), "Remove, abort", "Closing(Abort)"),
        ("wait_for_delivery", kept_alive, |m| { assert!(m.awaits_delivery()); m.wait_for_delivery(NOW); }, "Sleep", READING),
        ("no response to wait for", fresh, |m| assert!(!m.awaits_delivery()), "Sleep", READING),
        ("half a request behind a response", kept_alive_half_a_head, |m| assert!(!m.awaits_delivery()), "Sleep", READING),
        ("drain, no bytes", fresh, |m| assert!(m.drain(NOW)), "Shut", "Closing(Shut)"),
        ("drain, some bytes", half_a_head, |m| assert!(m.drain(NOW)), "Sleep", READING),
        ("drain, some bytes, then the rest: close after the answer", half_a_head,
            |m| { m.drain(NOW); m.received(&GET[9..], NOW); open(m); send(m); }, "Shut", "Closing(Shut)"),
        ("drain, asked: close after the answer", asked, |m| { m.drain(NOW); open(m); send(m); }, "Shut", "Closing(Shut)"),
        ("drain, asked for a tail: it ends with what is there", || asked_for(TAIL),
            |m| { m.drain(NOW); open(m); send(m); measure(m, 5); }, "Send 0|Tail-End: shutdown||", "SendingRange"),
        ("cut", half_a_head, |m| m.cut(NOW), "Remove", "Closing(Now)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn sending_a_finite_answer() {
    use state::*;
    const SENDING: &str = "SendingRange";
    check(&[
        ("sent, more to go", finite, |m| m.sent(1, NOW), "Send TTP/1.1 200 OK 0..5", SENDING),
        ("sent, complete", finite, send, "Sleep", "ReadingHeaders"),
        ("sent, complete, without a file", missing, send, "Sleep", "ReadingHeaders"),
        ("sent, complete, refused", refused, send, "Shut", "Closing(Shut)"),
        ("sent, complete, half a head left over", finite_then_more, send, "Sleep", "ReadingHeaders"),
        ("sent, complete, leftover parsed at once", finite_pipelined, send, "Open", "ReadingHeaders (asked)"),
        ("sent, complete, not kept alive", finite_close, send, "Shut", "Closing(Shut)"),
        ("fell_short", finite, |m| m.fell_short(NOW), "Remove, abort", "Closing(Abort)"),
        ("shrank, to the promised end", finite, |m| m.shrank(5, NOW), "Send 200 0..5", SENDING),
        ("shrank, below the promised end", finite, |m| m.shrank(4, NOW), "Remove, abort", "Closing(Abort)"),
        ("shrank, below the promised end, though not below what is out", finite,
            |m| { send_head_and(m, 1); m.shrank(4, NOW); }, "Remove, abort", "Closing(Abort)"),
        ("shrank, to the end of the range", first_two, |m| m.shrank(2, NOW), "Send 206 0..2", SENDING),
        ("shrank, below the end of the range", first_two, |m| m.shrank(1, NOW), "Remove, abort", "Closing(Abort)"),
        ("shrank, nothing of it promised", missing, |m| m.shrank(0, NOW), "Send 404", SENDING),
        ("stalled", finite, |m| m.stalled(NOW), "Remove, abort", "Closing(Abort)"),
        ("peer_gone", finite, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("changed", finite, |m| assert!(!m.changed()), "Send 200 0..5", SENDING),
        ("name_lost", finite, |m| assert!(!m.name_lost(0, End::Renamed)), "Send 200 0..5", SENDING),
        ("drain", finite, |m| assert!(!m.drain(NOW)), "Send 200 0..5", SENDING),
        ("drain: close after it", finite, |m| { m.drain(NOW); send(m); }, "Shut", "Closing(Shut)"),
        ("drain: nothing behind it is answered", finite_pipelined, |m| { m.drain(NOW); send(m); }, "Shut", "Closing(Shut)"),
        ("cut", finite, |m| m.cut(NOW), "Remove, abort", "Closing(Abort)"),
    ]);
}

#[test]
#[rustfmt::skip]
fn sending_several_ranges() {
    use state::*;
    const SENDING: &str = "SendingRange";
    const ABORT: &str = "Closing(Abort)";
    check(&[
        ("sent, the head", || parts(UPWARDS), send,
            "Send |--openrange-769eb8e908dd5a3a6d082307|Content-Type: text/plain|Content-Range: bytes 0-0/5|| 0..1", SENDING),
        ("sent, all but the last delimiter", all_parts_out, |_| {}, "Send |--openrange-769eb8e908dd5a3a6d082307--|", SENDING),
        ("sent, complete", all_parts_out, send, "Sleep", "ReadingHeaders"),
        ("shrank, before the first part, to the last byte of all", || parts(DOWNWARDS), |m| m.shrank(4, NOW), "Send 206", SENDING),
        ("shrank, before the first part, below that", || parts(DOWNWARDS), |m| m.shrank(3, NOW), "Remove, abort", ABORT),
        ("shrank, to the end of a later part", || within_part(UPWARDS, 1), |m| m.shrank(4, NOW), "Send 0..1", SENDING),
        ("shrank, below the end of a later part", || within_part(UPWARDS, 1), |m| m.shrank(3, NOW), "Remove, abort", ABORT),
        ("shrank, below a part that is out", || within_part(DOWNWARDS, 2), |m| m.shrank(1, NOW), "Send 0..1", SENDING),
        ("shrank, below the last part", || within_part(DOWNWARDS, 2), |m| m.shrank(0, NOW), "Remove, abort", ABORT),
        ("shrank, all parts out", all_parts_out, |m| m.shrank(0, NOW), "Send |--openrange-769eb8e908dd5a3a6d082307--|", SENDING),
    ]);
}

#[test]
#[rustfmt::skip]
fn sending_a_tail() {
    use state::*;
    const SENDING: &str = "SendingRange";
    const ABORT: &str = "Closing(Abort)";
    check(&[
        ("resolved, bytes are there: they go out with the head", tail_begun, |_| {}, "Send 206 2..5 |", SENDING),
        ("resolved, more than a chunk holds", || asked_for(TAIL), |m| open_with(m, u64::MAX), "Send 206 2..1048578 |", SENDING),
        ("resolved, the range begins at the end", tail_head, |_| {}, "Send 206", SENDING),
        ("sent, some of the head", tail_begun, |m| m.sent(1, NOW), "Send TTP/1.1 206 Partial Content 2..5 |", SENDING),
        ("sent, the head with the size line", tail_begun, |m| send_head_and(m, 0), "Send 2..5 |", SENDING),
        ("sent, the head and some of the file", tail_begun, |m| send_head_and(m, 1), "Send 3..5 |", SENDING),
        ("sent, the head and the first frame", tail_begun, send, "Measure", SENDING),
        ("sent, the head and the first frame, then measured, same", tail_begun, |m| { send(m); measure(m, 5); }, "Sleep", "Tailing"),
        ("sent, the head and some of the file, HTTP/1.0", tail_begun_10, |m| send_head_and(m, 1), "Send 3..5", SENDING),
        ("sent, the head and all bytes, HTTP/1.0", tail_begun_10, send, "Measure", SENDING),
        ("shrank, to the first frame's end", tail_begun, |m| m.shrank(5, NOW), "Send 206 2..5 |", SENDING),
        ("shrank, below the first frame's end", tail_begun, |m| m.shrank(4, NOW), "Remove, abort", ABORT),
        ("sent, the head", tail_head, send, "Measure", SENDING),
        ("measured, more than delivered", tail_head_out, |m| measure(m, 5), "Send 3| 2..5 |", SENDING),
        ("measured, more than a chunk holds", tail_head_out, |m| measure(m, u64::MAX), "Send 100000| 2..1048578 |", SENDING),
        ("sent, more to go", tail_frame, |m| m.sent(1, NOW), "Send | 2..5 |", SENDING),
        ("sent, some of the file", tail_frame, |m| m.sent(4, NOW), "Send 3..5 |", SENDING),
        ("sent, half of the line end", tail_frame, |m| m.sent(7, NOW), "Send \n", SENDING),
        ("sent, frame complete", tail_frame, send, "Sleep", "Tailing"),
        ("changed, then sent, frame complete", tail_frame, |m| { assert!(!m.changed()); send(m); }, "Measure", SENDING),
        ("sent, frame complete, more than a chunk held", tail_head_out, |m| { measure(m, u64::MAX); send(m); }, "Measure", SENDING),
        ("sent, frame complete, ending", tail_frame, |m| { m.name_lost(0, End::Renamed); send(m); }, "Measure", SENDING),
        ("sent, frame complete, sealed", tail_head_out, |m| { m.measured(5, true, NOW); send(m); }, "Measure", SENDING),
        ("sent, last chunk complete", tail_last_chunk, send, "Sleep", "ReadingHeaders"),
        ("sent, last chunk complete, leftover parsed at once", tail_pipelined, send, "Open", "ReadingHeaders (asked)"),
        ("sent, last chunk complete, not kept alive", tail_last_chunk_close, send, "Shut", "Closing(Shut)"),
        ("measured, same, not ending", tail_frame_out, |m| measure(m, 5), "Sleep", "Tailing"),
        ("measured, same, ending", tailing_gone, |m| measure(m, 5), "Send 0|Tail-End: renamed||", SENDING),
        ("measured, same, ending, HTTP/1.0", tailing_10_gone, |m| measure(m, 5), "Shut", "Closing(Shut)"),
        ("measured, more, ending: delivered first", tailing_gone, |m| measure(m, 6), "Send 1| 5..6 |", SENDING),
        ("measured, less than delivered", tail_frame_out, |m| measure(m, 4), "Remove, abort", ABORT),
        ("measured, less than delivered, ending", tailing_gone, |m| measure(m, 4), "Remove, abort", ABORT),
        ("measured sealed, same", tail_frame_out, |m| m.measured(5, true, NOW), "Send 0|Tail-End: sealed||", SENDING),
        ("measured sealed, more", tail_frame_out, |m| m.measured(6, true, NOW), "Send 1| 5..6 |", SENDING),
        ("shrank, before the first frame, to where it begins", tail_head, |m| m.shrank(2, NOW), "Send 206", SENDING),
        ("shrank, before the first frame, below where it begins", tail_head, |m| m.shrank(1, NOW), "Remove, abort", ABORT),
        ("shrank, to the frame's end", tail_frame, |m| m.shrank(5, NOW), "Send 3| 2..5 |", SENDING),
        ("shrank, below the frame's end", tail_frame, |m| m.shrank(4, NOW), "Remove, abort", ABORT),
        ("shrank, below the frame's end, though not below what is out", tail_frame,
            |m| { m.sent(4, NOW); m.shrank(4, NOW); }, "Remove, abort", ABORT),
        ("shrank, between frames, to what was delivered", tail_frame_out, |m| m.shrank(5, NOW), "Measure", SENDING),
        ("shrank, between frames, below what was delivered", tail_frame_out, |m| m.shrank(4, NOW), "Remove, abort", ABORT),
        ("shrank, under the last chunk", tail_last_chunk, |m| m.shrank(4, NOW), "Remove, abort", ABORT),
        ("fell_short", tail_frame, |m| m.fell_short(NOW), "Remove, abort", ABORT),
        ("stalled", tail_frame, |m| m.stalled(NOW), "Remove, abort", ABORT),
        ("changed", tail_frame, |m| assert!(!m.changed()), "Send 3| 2..5 |", SENDING),
        ("name_lost: ending", tail_frame, |m| { assert!(!m.name_lost(0, End::Replaced)); send(m); measure(m, 5); },
            "Send 0|Tail-End: replaced||", SENDING),
        ("gone twice: the first reason stays", tail_frame,
            |m| { m.name_lost(0, End::Replaced); m.name_lost(0, End::Unlinked); send(m); measure(m, 5); }, "Send 0|Tail-End: replaced||", SENDING),
        ("drain: ending", tail_frame, |m| { assert!(!m.drain(NOW)); send(m); measure(m, 5); },
            "Send 0|Tail-End: shutdown||", SENDING),
        ("drain: not kept alive", tail_frame, |m| { m.drain(NOW); send(m); measure(m, 5); send(m); }, "Shut", "Closing(Shut)"),
        ("received: kept", tail_frame, |m| { m.received(GET, NOW); assert_eq!(m.waiting(), GET.len()); }, "Send 3| 2..5 |", SENDING),
        ("received, flooded", tail_frame, |m| m.received(&[b'a'; HEAD_MAX], NOW), "Remove, abort", ABORT),
        ("peer_gone", tail_frame, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("cut", tail_frame, |m| m.cut(NOW), "Remove, abort", ABORT),
    ]);
}

#[test]
#[rustfmt::skip]
fn tailing() {
    use state::*;
    const TAILING: &str = "Tailing";
    const ABORT: &str = "Closing(Abort)";
    check(&[
        ("changed", tailing, |m| assert!(m.changed()), "Measure", TAILING),
        ("name_lost", tailing, |m| assert!(m.name_lost(0, End::Unlinked)), "Measure", TAILING),
        ("drain", tailing, |m| assert!(m.drain(NOW)), "Measure", TAILING),
        ("measured, more", tailing, |m| measure(m, 6), "Send 1| 5..6 |", "SendingRange"),
        ("delivered", tailing, |m| { m.delivered(6); assert_eq!(m.progress().expect("a tail").0, 6); }, "Sleep", TAILING),
        ("delivered, then measured", tailing, |m| { m.delivered(6); m.changed(); measure(m, 8); }, "Send 2| 6..8 |", "SendingRange"),
        ("measured, more, HTTP/1.0", tailing_10, |m| measure(m, 6), "Send 5..6", "SendingRange"),
        ("measured, same", tailing, |m| { m.changed(); measure(m, 5); }, "Sleep", TAILING),
        ("measured, less", tailing, |m| measure(m, 4), "Remove, abort", ABORT),
        ("measured sealed", tailing, |m| m.measured(5, true, NOW), "Send 0|Tail-End: sealed||", "SendingRange"),
        ("drain, then same", tailing, |m| { m.drain(NOW); measure(m, 5); }, "Send 0|Tail-End: shutdown||", "SendingRange"),
        ("shrank, to what was delivered", tailing, |m| { m.changed(); m.shrank(5, NOW); }, "Measure", TAILING),
        ("shrank, below what was delivered", tailing, |m| { m.changed(); m.shrank(4, NOW); }, "Remove, abort", ABORT),
        ("shrank, below what was delivered, HTTP/1.0", tailing_10, |m| { m.changed(); m.shrank(4, NOW); }, "Remove, abort", ABORT),
        ("shrank, below what was delivered, ending", tailing_gone, |m| m.shrank(4, NOW), "Remove, abort", ABORT),
        ("fell_short", tailing, |m| m.fell_short(NOW), "Remove, abort", ABORT),
        ("stalled", tailing, |m| m.stalled(NOW), "Remove, abort", ABORT),
        ("received: kept", tailing, |m| { m.received(GET, NOW); assert_eq!(m.waiting(), GET.len()); }, "Sleep", TAILING),
        ("received, flooded", tailing, |m| m.received(&[b'a'; HEAD_MAX], NOW), "Remove, abort", ABORT),
        ("peer_gone", tailing, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("cut", tailing, |m| m.cut(NOW), "Remove, abort", ABORT),
    ]);
}

#[test]
#[rustfmt::skip]
fn closing() {
    use state::*;
    check(&[
        ("shut", shut, |m| m.shut(NOW), "Sleep", "Closing(Linger)"),
        ("Linger, received", linger, |m| m.received(GET, NOW), "Sleep", "Closing(Linger)"),
        ("Linger, received, not too much", linger_almost_full, |m| m.received(&[0; 8], NOW), "Sleep", "Closing(Linger)"),
        ("Linger, received, flooded", linger_almost_full, |m| m.received(&[0; 9], NOW), "Remove", "Closing(Now)"),
        ("Linger, peer_gone", linger, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("Linger, expired", linger, |m| m.timed_out(NOW), "Remove", "Closing(Now)"),
        ("Linger, stalled", linger, |m| m.stalled(NOW), "Remove, abort", "Closing(Abort)"),
        ("Linger, wait_for_delivery", linger, |m| { assert!(m.awaits_delivery()); m.wait_for_delivery(NOW); }, "Sleep", "Closing(Linger)"),
        ("Linger, drain: no longer than else", linger,
            |m| { m.drain(NOW); assert!(!m.awaits_delivery()); }, "Sleep", "Closing(Linger)"),
        ("Linger, one too many", linger_refused, |m| assert!(!m.awaits_delivery()), "Sleep", "Closing(Linger)"),
        ("Linger, received, the end of a head: others may have sent only a part of it", linger,
            |m| m.received(b"\r\n\r\n", NOW), "Sleep", "Closing(Linger)"),
        ("Linger, one too many, received, not the end of a head", linger_refused,
            |m| m.received(&GET[..9], NOW), "Sleep", "Closing(Linger)"),
        ("Linger, one too many, received, the end of a head", linger_refused,
            |m| m.received(GET, NOW), "Remove", "Closing(Now)"),
        ("Linger, drain: for less time", linger, |m| assert!(m.drain(NOW)), "Sleep", "Closing(Linger)"),
        ("Linger, cut", linger, |m| m.cut(NOW), "Remove", "Closing(Now)"),
        ("Now, drain", now, |m| assert!(!m.drain(NOW)), "Remove", "Closing(Now)"),
        ("Abort, drain", abort, |m| assert!(!m.drain(NOW)), "Remove, abort", "Closing(Abort)"),
        ("Abort, cut", abort, |m| m.cut(NOW), "Remove, abort", "Closing(Abort)"),
    ]);
}

/// In one step where others take three.
#[test]
fn delivered_is_measured_and_sent() {
    for tail in [state::tailing, state::tailing_10] {
        let (mut one, mut three) = (tail(), tail());
        assert_eq!(one.resting().map(|tail| tail.offset()), Some(5));
        one.delivered(9);
        three.changed();
        assert!(three.resting().is_none(), "there is something to do");
        measure(&mut three, 9);
        assert!(three.resting().is_none(), "something is on its way");
        send(&mut three);
        assert_eq!(format!("{one:?}"), format!("{three:?}"));
        assert_eq!(one.resting().map(|tail| tail.offset()), Some(9));
    }
}

/// What others were sent of its file is a frame of a tail that rested, which is only begun.
#[test]
fn a_frame_that_is_begun() {
    let begun = |machine: &mut Machine| machine.frame_begun(9);
    let mut machine = state::after(state::tailing(), begun);
    assert_eq!(action(&machine), "Send 4| 5..9 |");
    assert_eq!(machine.progress().map(|(offset, ())| offset), Some(5));
    machine.sent("4\r\n".len() as u64 + 1, NOW);
    assert_eq!(action(&machine), "Send 6..9 |");
    assert_eq!(machine.progress().map(|(offset, ())| offset), Some(6));
    send(&mut machine);
    assert_eq!(machine.resting().map(|tail| tail.offset()), Some(9));
    assert_eq!(state::finite().progress(), None);
}

/// The trailer of a tail of an answer says how its job ended.
#[test]
fn the_status_of_a_job_is_in_the_trailer() {
    for (status, words) in [
        (JobStatus::Exit(0), "0"),
        (JobStatus::Signal(9), "signal 9"),
    ] {
        let mut machine = state::tail_frame_out();
        machine.job_ended(status);
        machine.measured(5, true, NOW);
        let expected = format!("Send 0|Tail-End: sealed|Job-Status: {words}||");
        assert_eq!(action(&machine), expected);
    }
}

/// What is not in the table is asserted.
#[test]
#[rustfmt::skip]
fn impossible() {
    use state::*;
    type Row = (&'static str, fn() -> Machine, fn(&mut Machine));
    let rows: &[Row] = &[
        ("ReadingHeaders, sent", fresh, |m| m.sent(0, NOW)),
        ("ReadingHeaders, measured", fresh, |m| measure(m, 5)),
        ("ReadingHeaders, changed", fresh, |m| { m.changed(); }),
        ("ReadingHeaders, name_lost", fresh, |m| { m.name_lost(0, End::Renamed); }),
        ("ReadingHeaders, opened", fresh, open),
        ("ReadingHeaders, shut", fresh, |m| m.shut(NOW)),
        ("ReadingHeaders, shrank", fresh, |m| m.shrank(0, NOW)),
        ("asked, shrank", asked, |m| m.shrank(0, NOW)),
        ("asked, received", asked, |m| m.received(GET, NOW)),
        ("asked, expired", asked, |m| m.timed_out(NOW)),
        ("finite, expired", finite, |m| m.timed_out(NOW)),
        ("Tailing, expired", tailing, |m| m.timed_out(NOW)),
        ("fresh, wait_for_delivery", fresh, |m| m.wait_for_delivery(NOW)),
        ("finite, received", finite, |m| m.received(GET, NOW)),
        ("finite, opened", finite, open),
        ("finite, frame begun", finite, |m| m.frame_begun(9)),
        ("tail, frame begun", tail_frame, |m| m.frame_begun(9)),
        ("finite, measured", finite, |m| measure(m, 5)),
        ("finite, sent more than was there", finite, |m| m.sent(100_000, NOW)),
        ("missing, sent more than was there", missing, |m| m.sent(100_000, NOW)),
        ("tail, sent more than was there", tail_frame, |m| m.sent(9, NOW)),
        ("tail, sent before it was measured", tail_head_out, |m| m.sent(1, NOW)),
        ("tail, opened", tail_frame, open),
        ("Tailing, sent", tailing, |m| m.sent(0, NOW)),
        ("Tailing, opened", tailing, open),
        ("tail, delivered", tail_frame, |m| m.delivered(6)),
        ("tail that was told of a change, delivered", tailing, |m| { m.changed(); m.delivered(6); }),
        ("tail that ends, delivered", tailing_gone, |m| m.delivered(6)),
        ("Tailing, shut", tailing, |m| m.shut(NOW)),
        ("Shut, received", shut, |m| m.received(GET, NOW)),
        ("Shut, shrank", shut, |m| m.shrank(0, NOW)),
        ("Linger, shrank", linger, |m| m.shrank(0, NOW)),
        ("Now, shrank", now, |m| m.shrank(0, NOW)),
        ("Linger, shut", linger, |m| m.shut(NOW)),
        ("Linger, changed", linger, |m| { m.changed(); }),
        ("Abort, received", abort, |m| m.received(GET, NOW)),
        ("Abort, sent", abort, |m| m.sent(0, NOW)),
        ("Abort, shrank", abort, |m| m.shrank(0, NOW)),
        ("Abort, measured", abort, |m| measure(m, 5)),
    ];
    for (what, state, event) in rows {
        let mut machine = state();
        let result = panic::catch_unwind(AssertUnwindSafe(|| event(&mut machine)));
        assert!(result.is_err(), "{what} is let pass");
    }
}

/// Interest, deadline and room are functions of the state.
#[test]
#[rustfmt::skip]
fn waits() {
    use state::*;
    const HEADER: Duration = Duration::from_secs(30);
    const IDLE: Duration = Duration::from_secs(60);
    const R: (bool, bool) = (true, false);
    const W: (bool, bool) = (false, true);
    const RW: (bool, bool) = (true, true);
    const NEVER: Moment = Moment::NEVER;
    type Row = (&'static str, fn() -> Machine, (bool, bool), Moment, usize);
    let rows: &[Row] = &[
        ("fresh", fresh, R, ACCEPTED + HEADER, HEAD_MAX),
        ("half a head: from the accept", half_a_head, R, ACCEPTED + HEADER, HEAD_MAX - 9),
        ("kept alive", kept_alive, R, NOW + IDLE, HEAD_MAX),
        ("kept alive, half a head: from its first byte", kept_alive_half_a_head, R, LATER + HEADER, HEAD_MAX - 9),
        ("half a head, draining: half of the linger", half_a_head_draining, R, NOW + LINGER / 2, HEAD_MAX - 9),
        ("asked", asked, R, NEVER, 0),
        ("finite", finite, W, NEVER, 0),
        ("tail, begun", tail_begun, RW, NEVER, HEAD_MAX),
        ("tail, on its way", tail_frame, RW, NEVER, HEAD_MAX),
        ("tail, with a request behind it", tail_pipelined, RW, NEVER, HEAD_MAX - GET.len()),
        ("tailing", tailing, R, NEVER, HEAD_MAX),
        ("linger", linger, R, NOW + LINGER, HEAD_MAX),
        ("linger, draining: the other half", linger_draining, R, NOW + LINGER / 2, HEAD_MAX),
        ("linger, with much behind it", linger_almost_full, R, NOW + LINGER, 9),
    ];
    let timeouts = Timeouts { header: HEADER, idle: IDLE };
    for (what, state, (readable, writable), deadline, room) in rows {
        let machine = state();
        assert_eq!(machine.interest(), Interest { readable: *readable, writable: *writable }, "{what}");
        assert_eq!(machine.deadline(&timeouts), *deadline, "{what}");
        assert_eq!(machine.room(), *room, "{what}");
    }
    const ANSWERING: [&str; 5] = ["finite", "tail, begun", "tail, on its way", "tail, with a request behind it", "tailing"];
    for (what, state, ..) in rows {
        assert_eq!(state().is_answering(), ANSWERING.contains(what), "{what}");
    }
}

/// Every way out of a tail is told once, with its bytes and its reason.
#[test]
#[rustfmt::skip]
fn ends() {
    use state::*;
    type Row = (&'static str, fn() -> Machine, fn(&mut Machine), End, u64);
    let rows: &[Row] = &[
        ("name_lost", tail_last_chunk, send, End::Renamed, 3),
        ("name_lost, HTTP/1.0", tailing_10_gone, |m| measure(m, 5), End::Unlinked, 3),
        ("peer_gone", tailing, |m| m.peer_gone(NOW), End::ClientGone, 3),
        ("peer_gone within the head", tail_begun, |m| { m.sent(2, NOW); m.peer_gone(NOW); }, End::ClientGone, 0),
        ("peer_gone within the first bytes", tail_begun, |m| { send_head_and(m, 2); m.peer_gone(NOW); }, End::ClientGone, 2),
        ("peer_gone within the size line", tail_frame, |m| { m.sent(2, NOW); m.peer_gone(NOW); }, End::ClientGone, 0),
        ("peer_gone within the bytes", tail_frame, |m| { m.sent(5, NOW); m.peer_gone(NOW); }, End::ClientGone, 2),
        ("stalled within the line end", tail_frame, |m| { m.sent(7, NOW); m.stalled(NOW); }, End::Stalled, 3),
        ("truncated", tailing, |m| measure(m, 0), End::Broken, 3),
        ("shrank, caught up", tailing, |m| m.shrank(0, NOW), End::Broken, 3),
        ("shrank within the bytes", tail_frame, |m| { m.sent(5, NOW); m.shrank(4, NOW); }, End::Broken, 2),
        ("fell_short", tail_frame, |m| m.fell_short(NOW), End::Broken, 0),
        ("flooded", tailing, |m| m.received(&[b'a'; HEAD_MAX], NOW), End::Flooded, 3),
        ("cut", tailing_gone, |m| m.cut(NOW), End::Shutdown, 3),
        ("cut after a cut", tailing, |m| { m.fell_short(NOW); m.cut(NOW); }, End::Broken, 3),
    ];
    for (what, state, event, end, bytes) in rows {
        let mut machine = state();
        assert!(machine.take_ended().is_none(), "{what}");
        event(&mut machine);
        let ended = machine.take_ended().expect(what);
        assert_eq!((ended.end, ended.bytes), (*end, *bytes), "{what}");
        assert!(machine.take_ended().is_none(), "{what}");
    }
    assert_eq!(CHUNK_MAX, 0x10_0000, "the size line above");
}
