//! The machine's small parts, each by itself.

use std::time::Duration;

use openrange::connection::sending::Sending;
use openrange::response::Body;
use openrange::subscription::end::End;
use openrange::time::Moment;

use super::{action, measure, state};

/// The words of the trailer field and of the log.
#[test]
fn words() {
    for (end, word) in [
        (End::Renamed, "renamed"),
        (End::Unlinked, "unlinked"),
        (End::Replaced, "replaced"),
        (End::Sealed, "sealed"),
        (End::Shutdown, "shutdown"),
        (End::Broken, "cut: truncated or unreadable"),
        (End::ClientGone, "client left"),
        (
            End::Stalled,
            "cut: client took nothing within the send timeout",
        ),
        (End::Flooded, "cut: too much behind an endless answer"),
    ] {
        assert_eq!(end.word(), word);
        if !word.contains(' ') {
            let mut machine = state::tailing();
            assert!(machine.name_lost(0, end));
            measure(&mut machine, 5);
            assert_eq!(action(&machine), format!("Send 0|Tail-End: {word}||"));
        }
    }
}

/// Time neither overflows nor runs backwards.
#[test]
fn moments() {
    let millis = Duration::from_millis;
    for (from, duration, expected) in [
        (0, millis(0), 0),
        (5, millis(7), 12),
        (5, Duration::from_micros(7_999), 12),
        (5, millis(u64::MAX), u64::MAX),
        (5, Duration::MAX, u64::MAX),
        (u64::MAX, millis(1), u64::MAX),
    ] {
        let what = format!("{from} + {duration:?}");
        assert_eq!(Moment(from) + duration, Moment(expected), "{what}");
    }
    for (later, earlier, expected) in [(12, 5, 7), (5, 5, 0), (5, 12, 0), (0, u64::MAX, 0)] {
        let since = Moment(later) - Moment(earlier);
        assert_eq!(since, millis(expected), "{later} - {earlier}");
    }
}

#[test]
fn an_answer_without_a_file_is_no_tail() {
    let mut sending = Sending::<()>::new(b"head".to_vec(), Body::Nothing, None);
    assert!(sending.subscription().is_none() && sending.subscription_mut().is_none());
    assert!(sending.into_subscription().is_none());
}
