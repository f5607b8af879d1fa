//! The rows of a request that waits for what it asks for, and of one that a thread looks up.

use std::time::Duration;

use openrange::connection::{Connection, Timeouts};
use openrange::limits::HEAD_MAX;
use openrange::readiness::Interest;
use openrange::time::Moment;

use super::state::{after, asked, fresh, kept_alive};
use super::{GET, LATER, Machine, NOW, check, open, send};

fn patient() -> Machine {
    after(asked(), |machine| machine.wait_until(LATER))
}

fn impatient() -> Machine {
    after(patient(), Connection::look_again)
}

fn looked_up() -> Machine {
    after(asked(), Connection::wait_for_resource)
}

#[test]
#[rustfmt::skip]
fn waiting_for_what_was_asked() {
    const ASKED: &str = "ReadingHeaders (asked)";
    check(&[
        ("wait_until", patient, |_| {}, "Sleep", ASKED),
        ("look_again", patient, Connection::look_again, "Open", ASKED),
        ("look_again, and nothing is waited for", looked_up, Connection::look_again, "Sleep", ASKED),
        ("timed_out", patient, |m| m.timed_out(LATER), "Open", ASKED),
        ("drain: what is there is answered", patient, |m| assert!(m.drain(NOW)), "Open", ASKED),
        ("drain, and nothing is waited for", asked, |m| assert!(!m.drain(NOW)), "Open", ASKED),
        ("received: kept", patient, |m| m.received(GET, NOW), "Sleep", ASKED),
        ("received, and the first one is answered", patient,
            |m| { m.received(GET, NOW); m.look_again(); open(m); send(m); }, "Open", ASKED),
        ("received, flooded", patient, |m| m.received(&[b'a'; HEAD_MAX], NOW), "Remove, abort", "Closing(Abort)"),
        ("peer_gone", patient, |m| m.peer_gone(NOW), "Remove", "Closing(Now)"),
        ("cut", patient, |m| m.cut(NOW), "Remove", "Closing(Now)"),
        ("give_way", patient, |m| assert!(m.give_way(NOW)), "Remove", "Closing(Now)"),
        ("give_way, and a thread looks it up", looked_up, |m| assert!(!m.give_way(NOW)), "Sleep", ASKED),
        ("wait_for_resource", looked_up, |_| {}, "Sleep", ASKED),
        ("resource_is_ready", looked_up, Connection::resource_is_ready, "Open", ASKED),
        ("resolved", patient, open, "Send 200 0..5", "SendingRange"),
    ]);
}

#[test]
fn interest_deadline_and_room() {
    let timeouts = Timeouts {
        header: Duration::from_secs(30),
        idle: Duration::from_secs(60),
    };
    let behind = after(patient(), |machine| machine.received(&GET[..9], NOW));
    // Whether the poller tells of bytes; when its time is up; how many bytes may come.
    let rows = [
        ("patient", patient(), true, LATER, HEAD_MAX),
        (
            "patient, with bytes behind",
            behind,
            true,
            LATER,
            HEAD_MAX - 9,
        ),
        ("impatient", impatient(), true, Moment::NEVER, 0),
        ("a thread looks it up", looked_up(), false, Moment::NEVER, 0),
    ];
    for (what, machine, readable, deadline, room) in rows {
        let interest = Interest {
            readable,
            writable: false,
        };
        assert_eq!(machine.interest(), interest, "{what}");
        assert_eq!(machine.deadline(&timeouts), deadline, "{what}");
        assert_eq!(machine.room(), room, "{what}");
    }
}

/// Whoever looks it up again must know until when it has waited, and whether to wait at all.
#[test]
fn what_is_known_of_its_patience() {
    let rows = [
        ("nothing asked", fresh(), None),
        ("asked", asked(), None),
        ("patient", patient(), Some(LATER)),
        ("impatient", impatient(), Some(LATER)),
        ("a thread looks it up", looked_up(), None),
        ("answered", after(impatient(), open), None),
    ];
    for (what, machine, patience) in rows {
        assert_eq!(machine.patience(), patience, "{what}");
        assert_eq!(machine.is_patient(), what == "patient", "{what}");
        assert!(!machine.is_draining(), "{what}");
    }
    let draining = after(patient(), |machine| assert!(machine.drain(NOW)));
    assert!(draining.is_draining() && !draining.is_patient());
}

#[test]
#[should_panic(expected = "nothing was asked")]
fn nothing_is_waited_for_that_was_not_asked() {
    kept_alive().wait_until(LATER);
}
