//! `http::conditional`: the order of RFC 9110 section 13.2.2 as a truth table, with our departures, and the spelling of
//! tags.

use crate::support::pace::some;
use Verdict::{Failed, NotModified, Proceed, ProceedWhole};
use openrange::http::conditional::{
    Conditions, ETag, Validators, Verdict, judge, judge_untagged, permits_write,
};
use openrange::http::date::{Date, Timestamp};

const TAG: ETag = ETag(0x0123_4567_89ab_cdef);
const MODIFIED: i64 = 784_111_777;
const EARLIER: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const EQUAL: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// What a field says of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Absent,
    /// A tag of this file, weak or strong, alone or in a list.
    Same,
    /// Tags of other files.
    Other,
    Star,
    Earlier,
    Equal,
    Later,
    Garbage,
    /// Any of them; in the table only.
    Any,
}
use Says::{Absent, Any, Earlier, Equal, Garbage, Later, Other, Same, Star};

const TAGS: [Says; 5] = [Absent, Same, Other, Star, Garbage];
const DATES: [Says; 5] = [Absent, Earlier, Equal, Later, Garbage];
const EITHER: [Says; 7] = [Absent, Same, Other, Earlier, Equal, Later, Garbage];

/// If-Match, If-Unmodified-Since, If-None-Match, If-Modified-Since, If-Range; whether the second of the modification
/// is over and nothing has changed since. The first row that fits decides.
type Row = ([Says; 5], Option<bool>, Verdict);
const TABLE: &[Row] = &[
    // 1. If-Match
    ([Other, Any, Any, Any, Any], None, Failed),
    ([Garbage, Any, Any, Any, Any], None, Failed),
    // 2. If-Unmodified-Since, only without If-Match
    ([Absent, Earlier, Any, Any, Any], None, Failed),
    // 3. If-None-Match: the star needs no date
    ([Any, Any, Star, Any, Any], None, NotModified),
    // Departure: a tag alone never gives 304, the file may have grown; only the date tells, the very second, and only
    // when that is over and not even an attribute has changed later. (The RFC would give 304 for Same, and would not look
    // at the date.)
    ([Any, Any, Same, Equal, Any], Some(true), NotModified),
    // 4. If-Modified-Since: likewise. (The RFC would give 304 for Later as well.)
    ([Any, Any, Absent, Equal, Any], Some(true), NotModified),
    // 5. If-Range. Departure: tags compare weakly. A date is weak, so it never matches.
    ([Any, Any, Any, Any, Absent], None, Proceed),
    ([Any, Any, Any, Any, Same], None, Proceed),
    ([Any, Any, Any, Any, Any], None, ProceedWhole),
];

/// Spellings of what a field can say.
fn spellings(says: Says) -> &'static [&'static str] {
    match says {
        Same => &["W/\"0123456789abcdef\"", "\"0123456789abcdef\""],
        Other => &["W/\"0123456789abcdee\""],
        Star => &["*"],
        Earlier => &[EARLIER],
        Equal => &[
            EQUAL,
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ],
        Later => &[LATER],
        Garbage => &["0123456789abcdef", ""],
        Absent | Any => unreachable!(),
    }
}

fn value(says: Says, turn: usize) -> Option<Box<[u8]>> {
    (says != Absent).then(|| {
        let spellings = spellings(says);
        spellings[turn % spellings.len()].as_bytes().into()
    })
}

/// A file whose time of modification is that of its last change.
fn written_at(seconds: i64) -> Validators {
    Validators {
        etag: TAG,
        modified: Date::from_seconds(seconds).into(),
        date_is_shared: false,
        changed: Date::from_seconds(seconds),
    }
}

fn verdict(says: [Says; 5], settled: bool, changed_later: bool, turn: usize) -> Verdict {
    let conditions = Conditions {
        if_match: value(says[0], turn),
        if_unmodified_since: value(says[1], turn),
        if_none_match: value(says[2], turn),
        if_modified_since: value(says[3], turn),
        if_range: value(says[4], turn),
        if_bytes_before: None,
    };
    let file = Validators {
        changed: Date::from_seconds(MODIFIED + i64::from(changed_later)),
        ..written_at(MODIFIED)
    };
    let now = Date::from_seconds(MODIFIED + if settled { 2 } else { 1 });
    judge(&conditions, &file, now.into())
}

#[test]
fn every_combination() {
    let fields: [&[Says]; 5] = [&TAGS, &DATES, &TAGS, &DATES, &EITHER];
    let count = fields.iter().map(|field| field.len()).product::<usize>() * 4;
    let mut used = vec![0; TABLE.len()];
    for case in some(0..count) {
        // The number of the case, digit by digit.
        let (mut rest, settled, changed_later) = (case / 4, case % 2 == 1, case / 2 % 2 == 1);
        let says = fields.map(|field| {
            let says = field[rest % field.len()];
            rest /= field.len();
            says
        });
        let row = TABLE
            .iter()
            .position(|row| fits(row, says, settled && !changed_later))
            .unwrap();
        used[row] += 1;
        for turn in 0..3 {
            let what = format!(
                "{says:?}, settled {settled}, changed later {changed_later}, spelling {turn}"
            );
            let verdict = verdict(says, settled, changed_later, turn);
            assert_eq!(verdict, TABLE[row].2, "{what}");
        }
    }
    assert!(
        cfg!(miri) || used.iter().all(|&count| count > 0),
        "a row decides nothing: {used:?}"
    );
}

fn fits((pattern, over, _): &Row, says: [Says; 5], settled: bool) -> bool {
    let field = |(pattern, says): (&Says, Says)| *pattern == Any || *pattern == says;
    pattern.iter().zip(says).all(field) && over.is_none_or(|over| over == settled)
}

#[test]
fn lists_of_tags() {
    let table = [
        ("W/\"0123456789abcdef\"", true),
        ("\"0123456789abcdef\"", true),
        ("*", true),
        ("\"x\", W/\"0123456789abcdef\"", true),
        ("\"x\",\"0123456789abcdef\",\"y\"", true),
        ("\"a,b\", \"0123456789abcdef\"", true),
        (" ,, ,\t\"0123456789abcdef\"", true),
        ("\"\", \"0123456789abcdef\"", true),
        ("\"0123456789abcdef\" garbage", true),
        ("", false),
        (",", false),
        ("\"\"", false),
        ("W/", false),
        ("W/\"", false),
        ("\"", false),
        ("\"0123456789abcdef", false),
        ("0123456789abcdef", false),
        ("w/\"0123456789abcdef\"", false),
        ("W/ \"0123456789abcdef\"", false),
        ("\"0123456789ABCDEF\"", false),
        ("\"0x0123456789abcdef\"", false),
        ("\"123456789abcdef\"", false),
        ("\" 0123456789abcdef\"", false),
        ("\"W/0123456789abcdef\"", false),
        ("'0123456789abcdef'", false),
        ("garbage, \"0123456789abcdef\"", false),
        ("**", false),
        ("*, *", false),
        ("\"*\"", false),
        ("\"x\", \"y\", W/\"z\"", false),
    ];
    for (value, matches) in table {
        let conditions = Conditions {
            if_match: Some(value.as_bytes().into()),
            ..Conditions::default()
        };
        let file = written_at(MODIFIED);
        let expected = if matches { Proceed } else { Failed };
        assert_eq!(
            judge(&conditions, &file, file.modified),
            expected,
            "{value}"
        );
    }
}

#[test]
fn if_range_holds_one_validator() {
    let table = [
        ("W/\"0123456789abcdef\"", Proceed),
        ("\"0123456789abcdef\"", Proceed),
        (EQUAL, ProceedWhole),
        ("W/\"0123456789abcdef\", \"x\"", ProceedWhole),
        ("\"x\", W/\"0123456789abcdef\"", ProceedWhole),
        ("\"0123456789abcdef\"x", ProceedWhole),
        ("*", ProceedWhole),
        ("", ProceedWhole),
        (EARLIER, ProceedWhole),
        (LATER, ProceedWhole),
        ("Sun, 06 Nov 1994 08:49:37", ProceedWhole),
    ];
    for (value, expected) in table {
        let conditions = Conditions {
            if_range: Some(value.as_bytes().into()),
            ..Conditions::default()
        };
        let file = written_at(MODIFIED);
        assert_eq!(
            judge(&conditions, &file, file.modified),
            expected,
            "{value}"
        );
    }
}

#[test]
fn when_a_second_is_over() {
    // Seconds from the modification to now; a file from the future is never over.
    for (after, over) in [
        (-10, false),
        (-1, false),
        (0, false),
        (1, false),
        (2, true),
        (3, true),
        (1_000_000, true),
    ] {
        let conditions = Conditions {
            if_modified_since: Some(EQUAL.as_bytes().into()),
            ..Conditions::default()
        };
        let now = Date::from_seconds(MODIFIED + after);
        let verdict = judge(&conditions, &written_at(MODIFIED), now.into());
        assert_eq!(verdict == NotModified, over, "after {after} s");
    }
}

/// Two seconds are two seconds, not two beginnings of seconds.
#[test]
fn a_304_needs_two_whole_seconds() {
    let at = |seconds: i64, milliseconds: u32| Timestamp {
        date: Date::from_seconds(MODIFIED + seconds),
        nanoseconds: milliseconds * 1_000_000,
    };
    let conditions = Conditions {
        if_modified_since: Some(EQUAL.as_bytes().into()),
        ..Conditions::default()
    };
    for (modified, now, over) in [
        (at(0, 0), at(1, 999), false),
        (at(0, 0), at(2, 0), true),
        (at(0, 900), at(2, 0), false),
        (at(0, 900), at(2, 899), false),
        (at(0, 900), at(2, 900), true),
        (at(0, 900), at(3, 0), true),
        (at(0, 900), at(-5, 0), false),
    ] {
        let file = Validators {
            modified,
            ..written_at(MODIFIED)
        };
        let verdict = judge(&conditions, &file, now);
        assert_eq!(verdict == NotModified, over, "{modified:?}, {now:?}");
    }
}

#[test]
fn a_date_that_clients_have_with_other_content_proves_nothing() {
    let now = Date::from_seconds(MODIFIED + 100).into();
    for tag in [None, Some(TAG.to_string().into_bytes().into())] {
        let conditions = Conditions {
            if_none_match: tag,
            if_modified_since: Some(EQUAL.as_bytes().into()),
            ..Conditions::default()
        };
        for (date_is_shared, verdict) in [(false, NotModified), (true, Proceed)] {
            let file = Validators {
                date_is_shared,
                ..written_at(MODIFIED)
            };
            assert_eq!(judge(&conditions, &file, now), verdict);
        }
    }
}

#[test]
fn a_time_that_was_set_proves_nothing() {
    // Seconds from the modification, as it is told, to the last change of the file.
    for (after, proves) in [
        (-100, true),
        (-1, true),
        (0, true),
        (1, false),
        (100, false),
        (1_000_000, false),
    ] {
        let file = Validators {
            changed: Date::from_seconds(MODIFIED + after),
            ..written_at(MODIFIED)
        };
        let now = Date::from_seconds(MODIFIED + 2_000_000);
        let mut conditions = Conditions {
            if_modified_since: Some(EQUAL.as_bytes().into()),
            ..Conditions::default()
        };
        for tag in [None, Some(TAG.to_string().into_bytes().into())] {
            conditions.if_none_match = tag;
            let verdict = judge(&conditions, &file, now.into());
            assert_eq!(verdict == NotModified, proves, "changed after {after} s");
        }
    }
}

#[test]
fn tags_are_written_in_full() {
    assert_eq!(ETag(0).to_string(), "W/\"0000000000000000\"");
    assert_eq!(ETag(0xabc).to_string(), "W/\"0000000000000abc\"");
    assert_eq!(ETag(u64::MAX).to_string(), "W/\"ffffffffffffffff\"");
}

/// RFC 9110 section 13.2.2 for a method that writes: what is there, or nothing, is compared.
#[test]
fn what_may_be_written() {
    // If-Match, If-Unmodified-Since, If-None-Match; whether the file may be written, and whether a new one may.
    let table = [
        ([Absent, Absent, Absent], true, true),
        ([Same, Absent, Absent], true, false),
        ([Star, Absent, Absent], true, false),
        ([Other, Absent, Absent], false, false),
        ([Garbage, Absent, Absent], false, false),
        ([Absent, Earlier, Absent], false, true),
        ([Absent, Equal, Absent], true, true),
        ([Absent, Later, Absent], true, true),
        ([Absent, Garbage, Absent], true, true),
        // With If-Match the date does not count.
        ([Same, Earlier, Absent], true, false),
        ([Other, Later, Absent], false, false),
        ([Absent, Absent, Same], false, true),
        ([Absent, Absent, Star], false, true),
        ([Absent, Absent, Other], true, true),
        ([Absent, Absent, Garbage], true, true),
        ([Same, Absent, Same], false, false),
        ([Same, Absent, Other], true, false),
        ([Absent, Later, Star], false, true),
        ([Absent, Earlier, Other], false, true),
    ];
    for ([matches, since, none], there, new) in table {
        for turn in 0..4 {
            let conditions = Conditions {
                if_match: value(matches, turn),
                if_unmodified_since: value(since, turn),
                if_none_match: value(none, turn),
                ..Conditions::default()
            };
            let current = Some((TAG, Date::from_seconds(MODIFIED)));
            assert_eq!(permits_write(&conditions, current), there, "{conditions:?}");
            assert_eq!(permits_write(&conditions, None), new, "{conditions:?}");
        }
    }
}

#[test]
fn what_has_no_tag() {
    let table = [
        ([Absent, Absent], Proceed),
        ([Star, Absent], Proceed),
        ([Same, Absent], Failed),
        ([Garbage, Absent], Failed),
        ([Absent, Star], NotModified),
        ([Star, Star], NotModified),
        ([Same, Star], Failed),
        ([Absent, Same], Proceed),
        ([Absent, Garbage], Proceed),
    ];
    for ([matches, none], verdict) in table {
        let conditions = Conditions {
            if_match: value(matches, 0),
            if_none_match: value(none, 0),
            if_modified_since: value(Equal, 0),
            ..Conditions::default()
        };
        assert_eq!(judge_untagged(&conditions), verdict, "{conditions:?}");
    }
}
