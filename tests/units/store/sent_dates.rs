//! Dates of which a client may have one with other content.

use openrange::http::conditional::ETag;
use openrange::http::date::{Date, Timestamp};
use openrange::limits::SENT_DATES_MAX;
use openrange::resource::FileInfo;
use openrange::store::sent_dates::{SentDates, is_settled};

use crate::samples;

/// A file that was written in this second, at this nanosecond.
fn written(second: i64, nanoseconds: u32, size: u64) -> FileInfo {
    let date = Date::from_seconds(second);
    FileInfo {
        modified: Timestamp { date, nanoseconds },
        changed: date,
        ..samples::info(1, size)
    }
}

fn at(second: i64) -> Date {
    Date::from_seconds(second)
}

#[test]
fn a_date_is_shared_once_the_file_changes_in_its_second() {
    let sent = written(100, 500, 10);
    // How the file is later, and whether the date of the first response may stand for something else then.
    for (later, shared) in [
        (sent, false),
        (written(100, 501, 10), true),
        (written(100, 500, 11), true),
        (written(100, 400, 9), true),
        (
            FileInfo {
                etag: ETag(2),
                ..sent
            },
            true,
        ),
        (written(101, 500, 20), false),
        (written(99, 500, 20), false),
    ] {
        let dates = SentDates::default();
        assert!(!dates.is_shared(b"log", &sent, at(100)));
        assert_eq!(
            dates.is_shared(b"log", &later, at(100)),
            shared,
            "{later:?}"
        );
        assert_eq!(
            dates.is_shared(b"log", &later, at(1000)),
            shared,
            "{later:?}"
        );
        assert!(!dates.is_shared(b"other", &later, at(1000)));
        let clone = dates.clone();
        assert_eq!(
            clone.is_shared(b"log", &later, at(1000)),
            shared,
            "{later:?}"
        );
    }
}

#[test]
fn the_first_response_of_a_second_counts() {
    let dates = SentDates::default();
    let states = [1, 2, 3].map(|size| written(100, 0, size));
    assert!(!dates.is_shared(b"log", &states[0], at(100)));
    assert!(dates.is_shared(b"log", &states[1], at(100)));
    assert!(dates.is_shared(b"log", &states[2], at(103)));
}

/// When the second is over, what the client gets is what stays.
#[test]
fn a_response_after_the_second_is_not_remembered() {
    let dates = SentDates::default();
    assert!(!dates.is_shared(b"log", &written(100, 0, 1), at(103)));
    assert!(!dates.is_shared(b"log", &written(100, 0, 2), at(103)));
    for (now, settled) in [(99, false), (100, false), (102, false), (103, true)] {
        assert_eq!(is_settled(&written(100, 999, 1), at(now)), settled, "{now}");
    }
}

#[test]
fn what_is_forgotten_counts_as_shared() {
    let dates = SentDates::default();
    let name = |index: usize| format!("log{index}").into_bytes();
    let second = |index: usize| 1000 + (index % 10) as i64;
    for index in 0..=2 * SENT_DATES_MAX {
        let file = written(second(index), 0, 1);
        let _ = dates.is_shared(&name(index), &file, at(second(index)));
    }
    for index in 0..10 {
        assert!(dates.is_shared(&name(index), &written(second(index), 0, 1), at(2000)));
    }
    // Other seconds prove as much as before.
    for second in [0, 999, 1010] {
        assert!(!dates.is_shared(b"log", &written(second, 0, 1), at(2000)));
    }
}
