//! `http::date`: the three forms, what is none, and every date back and forth against a calendar of our own.

use std::time::{Duration, UNIX_EPOCH};

use crate::properties::date as check;
use crate::support::pace::some;
use crate::support::random::Random;
use openrange::http::date::Date;

const LAST: i64 = 253_402_300_799;

#[test]
fn forms() {
    let table: &[(&str, Option<u64>)] = &[
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
        ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
        ("Tue, 29 Feb 2000 23:59:59 GMT", Some(951_868_799)),
        ("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200)),
        ("Tue, 19 Jan 2038 03:14:08 GMT", Some(2_147_483_648)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(LAST as u64)),
        ("", None),
        ("x", None),
        ("0", None),
        ("784111777", None),
        ("1994-11-06T08:49:37Z", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 06 Nov 1994 08:49:37 +0000", None),
        ("Mon, 06 Nov 1994 08:49:37 GMT", None),
        (" Sun, 06 Nov 1994 08:49:37 GMT ", Some(784_111_777)),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 94 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun, 06 Nov 1994 08:49:60 GMT", None),
        ("Sun, 31 Feb 2021 00:00:00 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        (
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            None,
        ),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("Sat, 01 Jan 10000 00:00:00 GMT", None),
        ("Sun, 06 Nov -994 08:49:37 GMT", None),
        ("S\u{fc}n, 06 Nov 1994 08:49:37 GMT", None),
    ];
    for (text, expected) in table {
        check::date(text.as_bytes());
        let seconds = Date::parse(text.as_bytes()).map(Date::seconds);
        assert_eq!(seconds, *expected, "{text}");
    }
    assert_eq!(Date::parse(b"Sun, 06 Nov 1994 08:49:37 GM\xff"), None);
}

#[test]
fn what_cannot_be_written_becomes_the_nearest() {
    for (seconds, expected) in [
        (i64::MIN, 0),
        (-1, 0),
        (0, 0),
        (1, 1),
        (LAST, LAST),
        (LAST + 1, LAST),
        (i64::MAX, LAST),
    ] {
        assert_eq!(Date::from_seconds(seconds).seconds(), expected as u64);
    }
    let after = |seconds, nanos| Date::from(UNIX_EPOCH + Duration::new(seconds, nanos)).seconds();
    assert_eq!(after(0, 999_999_999), 0);
    assert_eq!(after(784_111_777, 1), 784_111_777);
    assert_eq!(after(LAST as u64 + 5, 0), LAST as u64);
    assert_eq!(Date::from(UNIX_EPOCH - Duration::from_secs(1)).seconds(), 0);
}

/// IMF-fixdate by counting: years, then months, then days.
fn written(seconds: u64) -> String {
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let (mut day, time) = (seconds / 86_400, seconds % 86_400);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(day % 7) as usize];
    let leap =
        |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let mut year = 1970;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    let length = |month: usize| MONTHS[month].1 + u64::from(month == 1 && leap(year));
    while day >= length(month) {
        day -= length(month);
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let month = MONTHS[month].0;
    format!(
        "{weekday}, {:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT",
        day + 1
    )
}

#[test]
fn every_date_back_and_forth() {
    let mut random = Random::new(0);
    let around =
        [0, 951_782_400, 4_107_542_400, LAST as u64 - 86_400].map(|start| start..start + 3);
    let days = (0..1_600).map(|day| day * 86_400 + 43_199);
    let anywhere = (0..2_000).map(|_| random.below(LAST as u64 + 1));
    for seconds in some(around.into_iter().flatten().chain(days).chain(anywhere)) {
        let date = Date::from_seconds(seconds as i64);
        let text = date.to_string();
        assert_eq!(text, written(seconds), "{seconds}");
        assert_eq!(Date::parse(text.as_bytes()), Some(date), "{text}");
        let (day, month, year, time) = (&text[5..7], &text[8..11], &text[12..16], &text[17..25]);
        let common = format!("{day}/{month}/{year}:{time} +0000");
        assert_eq!(date.common_log(), *common.as_bytes());
        let iso = date.iso().to_string();
        assert!(iso.starts_with(year) && iso.ends_with(&format!("-{day}T{time}Z")));
        assert_eq!(Date::parse_iso(iso.as_bytes()), Some(date), "{iso}");
    }
}

#[test]
fn in_the_common_log_format() {
    for (seconds, expected) in [
        (0, "01/Jan/1970:00:00:00 +0000"),
        (784_111_777, "06/Nov/1994:08:49:37 +0000"),
        (951_868_799, "29/Feb/2000:23:59:59 +0000"),
        (LAST, "31/Dec/9999:23:59:59 +0000"),
    ] {
        let date = Date::from_seconds(seconds);
        assert_eq!(date.common_log(), *expected.as_bytes());
    }
}

#[test]
fn iso_dates() {
    let table: &[(&str, Option<u64>)] = &[
        ("0", Some(0)),
        ("1000000000", Some(1_000_000_000)),
        // A day lasts to its end.
        ("1970-01-01", Some(86_400)),
        ("2000-02-29", Some(951_868_800)),
        ("2024-02-29T00:00:00Z", Some(1_709_164_800)),
        ("2001-09-09T01:46:40Z", Some(1_000_000_000)),
        ("2001-09-09t01:46z", Some(999_999_960)),
        ("2001-09-09T01:46:40.999Z", Some(1_000_000_000)),
        ("2001-09-09T03:46:40+02:00", Some(1_000_000_000)),
        ("2001-09-08T18:16:40-07:30", Some(1_000_000_000)),
        ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
        ("9999-12-31T23:59:59Z", Some(LAST as u64)),
        ("", None),
        ("253402300800", None),
        ("2100-02-29", None),
        ("2023-02-29", None),
        ("2023-00-10", None),
        ("2023-13-10", None),
        ("2023-1-10", None),
        ("1969-12-31", None),
        ("2023-01-10T", None),
        ("2023-01-10T10:00:00", None),
        ("2023-01-10T24:00:00Z", None),
        ("2023-01-10T23:60:00Z", None),
        ("2001-09-09T01:45:60Z", Some(999_999_960)),
        ("2001-09-09T01:45:61Z", None),
        ("2001-09-10T01:45:40+23:59", Some(1_000_000_000)),
        ("2001-09-10T01:46:40+24:00", None),
        ("2001-09-09T0x:46:40Z", None),
        ("2023-01-10T1:00:00Z", None),
        ("2023-01-10T10:00:00+2", None),
        ("2023-01-10x", None),
        ("tomorrow", None),
    ];
    for (text, expected) in table {
        let date = Date::parse_iso(text.as_bytes());
        assert_eq!(date.map(Date::seconds), *expected, "{text:?}");
    }
    // Against the other direction, day by day.
    for day in (0..80_000).step_by(17) {
        let date = Date::from_seconds(day * 86_400 + 4711);
        let text = date.iso().to_string();
        assert_eq!(Date::parse_iso(text.as_bytes()), Some(date), "{text}");
    }
}

#[test]
fn with_milliseconds() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (971_186_136_007, "2000-10-10T13:55:36.007Z"),
        (971_186_136_999, "2000-10-10T13:55:36.999Z"),
    ] {
        let time = UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(Date::with_milliseconds(time).to_string(), expected);
    }
    let before = UNIX_EPOCH - Duration::from_millis(1);
    let expected = "1970-01-01T00:00:00.000Z";
    assert_eq!(Date::with_milliseconds(before).to_string(), expected);
}
