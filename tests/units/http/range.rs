//! `http::range` against a table and, with random fields, against a naive oracle.

use crate::properties::oracle::range as oracle;
use crate::support::pace::some;
use crate::support::random::Random;
use openrange::http::range::{OPEN_END, RangeSpec, Resolved, parse};

const GIB: u64 = 1 << 30;
const SEALED: bool = true;
const LIVE: bool = false;

/// The result in short: `200`, `416`, parts as `A-B` with an exclusive end, `tail A LAST`, `ignored`.
fn outcome(value: &[u8], size: u64, sealed: bool) -> String {
    short(parse(value).map(|asked| asked.resolve(size, sealed)))
}

fn short(resolved: Option<Resolved>) -> String {
    match resolved {
        None => "ignored".to_owned(),
        Some(Resolved::Whole) => "200".to_owned(),
        Some(Resolved::Unsatisfiable) => "416".to_owned(),
        Some(Resolved::Tail { at, last, open }) => {
            assert!(!open || *last == *OPEN_END);
            format!("tail {at} {last}")
        }
        Some(Resolved::Slices(slices)) => slices
            .iter()
            .map(|slice| format!("{}-{}", slice.start, slice.end))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[test]
fn forms_and_sizes() {
    let table: &[(&str, u64, bool, &str)] = &[
        // A-B
        ("bytes=0-0", 0, LIVE, "416"),
        ("bytes=0-0", 1, LIVE, "0-1"),
        ("bytes=0-0", 10, LIVE, "0-1"),
        ("bytes=0-9", 10, LIVE, "0-10"),
        ("bytes=0-10", 10, LIVE, "0-10"),
        ("bytes=3-5", 10, LIVE, "3-6"),
        ("bytes=9-9", 10, LIVE, "9-10"),
        ("bytes=10-10", 10, LIVE, "416"),
        ("bytes=5-4294967296", 10, LIVE, "5-10"),
        ("bytes=5-999999999998", 10, LIVE, "5-10"),
        (
            "bytes=4294967296-4294967297",
            5 * GIB,
            LIVE,
            "4294967296-4294967298",
        ),
        ("bytes=0-18446744073709551614", 7, SEALED, "0-7"),
        // A-
        ("bytes=0-", 0, LIVE, "tail 0 9007199254740991"),
        ("bytes=1-", 0, LIVE, "416"),
        ("bytes=0-", 1, LIVE, "tail 0 9007199254740991"),
        ("bytes=1-", 1, LIVE, "tail 1 9007199254740991"),
        ("bytes=2-", 1, LIVE, "416"),
        ("bytes=007-", 10, LIVE, "tail 7 9007199254740991"),
        (
            "bytes=5368709120-",
            5 * GIB,
            LIVE,
            "tail 5368709120 9007199254740991",
        ),
        ("bytes=5368709121-", 5 * GIB, LIVE, "416"),
        ("bytes=18446744073709551616-", 10, LIVE, "416"),
        ("bytes=99999999999999999999999999999999-", 10, LIVE, "416"),
        ("bytes=0-", 0, SEALED, "416"),
        ("bytes=0-", 10, SEALED, "0-10"),
        ("bytes=9-", 10, SEALED, "9-10"),
        ("bytes=10-", 10, SEALED, "416"),
        // A-B with B very large (RFC 8673)
        ("bytes=0-999999999999", 10, LIVE, "tail 0 999999999999"),
        ("bytes=10-999999999999", 10, LIVE, "tail 10 999999999999"),
        ("bytes=11-999999999999", 10, LIVE, "416"),
        ("bytes=4-0999999999999", 10, LIVE, "tail 4 0999999999999"),
        (
            "bytes=4-18446744073709551615",
            10,
            LIVE,
            "tail 4 18446744073709551615",
        ),
        (
            "bytes=4-18446744073709551616",
            10,
            LIVE,
            "tail 4 18446744073709551616",
        ),
        (
            "bytes=4-340282366920938463463374607431768211456000",
            10,
            LIVE,
            "tail 4 340282366920938463463374607431768211456000",
        ),
        ("bytes=4-999999999999", 10, SEALED, "4-10"),
        ("bytes=10-999999999999", 10, SEALED, "416"),
        (
            "bytes=4-999999999999",
            999_999_999_999,
            LIVE,
            "4-999999999999",
        ),
        (
            "bytes=4-999999999999",
            999_999_999_998,
            LIVE,
            "tail 4 999999999999",
        ),
        ("bytes=4-1000000000000", 1 << 50, LIVE, "4-1000000000001"),
        // -N
        ("bytes=-1", 0, LIVE, "416"),
        ("bytes=-0", 0, LIVE, "416"),
        ("bytes=-0", 10, LIVE, "416"),
        ("bytes=-1", 1, LIVE, "0-1"),
        ("bytes=-3", 10, LIVE, "7-10"),
        ("bytes=-10", 10, LIVE, "0-10"),
        ("bytes=-11", 10, LIVE, "0-10"),
        ("bytes=-999999999999", 10, LIVE, "0-10"),
        ("bytes=-18446744073709551616", 10, LIVE, "0-10"),
        ("bytes=-1", 5 * GIB, LIVE, "5368709119-5368709120"),
        // Sets: an open end among several is finite.
        ("bytes=0-1,4-5", 10, LIVE, "0-2 4-6"),
        ("bytes=4-5,0-1", 10, LIVE, "4-6 0-2"),
        ("bytes=4-5,7-", 10, LIVE, "4-6 7-10"),
        ("bytes=7-,7-", 10, LIVE, "7-10"),
        ("bytes=0-1,5-999999999999", 10, LIVE, "0-2 5-10"),
        ("bytes=0-1,2-3", 10, LIVE, "0-4"),
        ("bytes=0-1,3-4", 10, LIVE, "0-2 3-5"),
        ("bytes=0-4,2-7", 10, LIVE, "0-8"),
        ("bytes=8-9,0-1,1-2,-3", 10, LIVE, "7-10 0-3"),
        ("bytes=5-6,0-9", 10, LIVE, "0-10"),
        ("bytes=0-1,20-30", 10, LIVE, "0-2"),
        ("bytes=20-30,40-50", 10, LIVE, "416"),
        ("bytes=20-,40-", 10, LIVE, "416"),
        ("bytes=0-0,-0", 10, LIVE, "0-1"),
        // 16 parts are sent, 17 are too many; what merges does not count.
        (
            "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30",
            99,
            LIVE,
            "0-1 2-3 4-5 6-7 8-9 10-11 12-13 14-15 16-17 18-19 20-21 22-23 24-25 26-27 28-29 30-31",
        ),
        (
            "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32",
            99,
            LIVE,
            "200",
        ),
        (
            "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32,-99",
            99,
            LIVE,
            "0-99",
        ),
    ];
    for (value, size, sealed, expected) in table {
        let what = format!("{value} of {size}, sealed {sealed}");
        assert_eq!(
            outcome(value.as_bytes(), *size, *sealed),
            *expected,
            "{what}"
        );
    }
    for (value, size, sealed, expected) in some(table.iter()) {
        let oracle = short(oracle::expected(value.as_bytes(), *size, *sealed));
        assert_eq!(oracle, *expected, "the oracle: {value} of {size}");
    }
}

#[test]
fn syntax() {
    // On a file of 10 bytes. RFC 9110 section 14.1.1; lists as in section 5.6.1.2.
    let table: &[(&[u8], &str)] = &[
        (b"", "ignored"),
        (b"bytes", "ignored"),
        (b"bytes=", "ignored"),
        (b"bytes= ", "ignored"),
        (b"bytes=,", "ignored"),
        (b"bytes=, ,\t,", "ignored"),
        (b"bytes=-", "ignored"),
        (b"bytes=--1", "ignored"),
        (b"bytes=1--2", "ignored"),
        (b"bytes=1-2-3", "ignored"),
        (b"bytes=1", "ignored"),
        (b"bytes=a-b", "ignored"),
        (b"bytes=0x1-2", "ignored"),
        (b"bytes=+1-2", "ignored"),
        (b"bytes=1-+2", "ignored"),
        (b"bytes=1 -2", "ignored"),
        (b"bytes=1- 2", "ignored"),
        (b"bytes=1.0-2", "ignored"),
        (b"bytes=2-1", "ignored"),
        (b"bytes=10-9", "ignored"),
        (
            b"bytes=18446744073709551617-18446744073709551616",
            "ignored",
        ),
        (b"bytes=0-1,2-1", "ignored"),
        (b"bytes=0-1,x", "ignored"),
        (b"bytes=0-1;2-3", "ignored"),
        (b"bytes=0-1\0", "ignored"),
        (b"bytes=0-\xff", "ignored"),
        (b"bytes=\xd9\xa1-\xd9\xa2", "ignored"),
        (b"bytes =0-1", "ignored"),
        (b" bytes=0-1", "ignored"),
        (b"byte=0-1", "ignored"),
        (b"items=0-1", "ignored"),
        (b"none", "ignored"),
        (b"bytes:0-1", "ignored"),
        (b"bytes==0-1", "ignored"),
        (b"bytes=0-1=", "ignored"),
        (b"BYTES=0-1", "0-2"),
        (b"Bytes=0-1", "0-2"),
        (b"bytes=0-1,", "0-2"),
        (b"bytes=,0-1", "0-2"),
        (b"bytes=,,0-1,,,3-4,", "0-2 3-5"),
        (b"bytes=0-1 ,\t3-4", "0-2 3-5"),
        (b"bytes= 0-1 ", "0-2"),
        (b"bytes=00-01", "0-2"),
        (
            b"bytes=00000000000000000000000003-00000000000000000000000000004",
            "3-5",
        ),
        (b"bytes=-00000000000000000000000001", "9-10"),
        (b"bytes=18446744073709551616-18446744073709551617", "416"),
        (b"bytes=18446744073709551616-18446744073709551616", "416"),
    ];
    for (value, expected) in table {
        let what = value.escape_ascii();
        assert_eq!(outcome(value, 10, LIVE), *expected, "{what}");
    }
    for (value, expected) in some(table.iter()) {
        let what = value.escape_ascii();
        let oracle = short(oracle::expected(value, 10, LIVE));
        assert_eq!(oracle, *expected, "the oracle: {what}");
    }
}

#[test]
fn may_tail_is_true_for_whatever_becomes_a_tail() {
    let table = [
        ("bytes=0-", true),
        ("bytes=5-999999999999", true),
        ("bytes=5-18446744073709551616", true),
        ("bytes=5-999999999998", false),
        ("bytes=-5", false),
        ("bytes=-999999999999", false),
        ("bytes=0-,5-", false),
        ("bytes=0-1", false),
    ];
    for (value, expected) in table {
        assert_eq!(
            parse(value.as_bytes()).unwrap().may_tail(),
            expected,
            "{value}"
        );
    }
}

/// A number near what matters for this size.
fn number(random: &mut Random, size: u64) -> String {
    let number = match random.below(8) {
        0 => random.below(size + 2),
        1..=4 => random.below(size.min(40) + 2),
        5 => size.saturating_sub(random.below(3)),
        6 => size + random.below(3),
        _ => 999_999_999_999 - 1 + random.below(3),
    };
    match random.below(12) {
        0 => format!("000{number}"),
        1 => format!("{number}00000000000000000000"),
        2 => "18446744073709551615".to_owned(),
        3 => "18446744073709551616".to_owned(),
        _ => number.to_string(),
    }
}

/// Single bytes that do not touch: many parts, sometimes too many.
fn scattered(random: &mut Random) -> String {
    let count = 10 + random.below(14);
    let start = random.below(3);
    let mut places: Vec<u64> = (0..count).map(|part| start + 2 * part).collect();
    places.sort_by_cached_key(|_| random.number());
    let specs: Vec<String> = places.iter().map(|at| format!("{at}-{at}")).collect();
    format!("bytes={}", specs.join(","))
}

fn field(random: &mut Random, size: u64) -> String {
    if random.below(8) == 0 {
        return scattered(random);
    }
    let count = match random.below(4) {
        0 => 1 + random.below(40),
        _ => 1 + random.below(4),
    };
    let mut value = random
        .pick(&["bytes=", "bytes=", "bytes=", "Bytes="])
        .to_owned();
    for _ in 0..count {
        let (mut first, mut last) = (number(random, size), number(random, size));
        if first.len() > last.len() || first.len() == last.len() && first > last {
            (first, last) = (last, first);
        }
        let spec = match random.below(5) {
            0 => format!("{first}-"),
            1 => format!("-{first}"),
            _ => format!("{first}-{last}"),
        };
        value.push_str(&spec);
        value.push_str(random.pick(&[",", ",", " , ", ",\t", ",,"]));
    }
    if random.below(3) > 0 {
        value.truncate(value.trim_end_matches([',', ' ', '\t']).len());
    }
    if random.below(20) == 0 {
        let at = usize::try_from(random.below(value.len() as u64)).unwrap();
        let byte = random.pick(&["-", ",", "x", "=", " ", "0"]);
        value.replace_range(at..=at, byte);
    }
    value
}

#[test]
fn random_fields_mean_what_the_oracle_says() {
    const SIZES: [u64; 12] = [
        0,
        1,
        2,
        3,
        7,
        30,
        64,
        65,
        5 * GIB,
        999_999_999_999,
        1 << 50,
        i64::MAX as u64,
    ];
    let mut seen = [0; 5];
    for seed in some(0..3_000) {
        let mut random = Random::new(seed);
        let size = SIZES[usize::try_from(random.below(SIZES.len() as u64)).unwrap()];
        let sealed = random.below(4) == 0;
        let value = field(&mut random, size);
        let asked = parse(value.as_bytes());
        let actual = asked.as_ref().map(|asked| asked.resolve(size, sealed));
        // Too slow for Miri, which is to look at what it judges.
        if !cfg!(miri) {
            let expected = oracle::expected(value.as_bytes(), size, sealed);
            assert_eq!(
                actual, expected,
                "seed {seed}: {value} of {size}, sealed {sealed}"
            );
        }
        if let Some(Resolved::Tail { .. }) = actual {
            assert!(asked.unwrap().may_tail(), "seed {seed}: {value}");
        }
        seen[match actual {
            None => 0,
            Some(Resolved::Whole) => 1,
            Some(Resolved::Slices(_)) => 2,
            Some(Resolved::Tail { .. }) => 3,
            Some(Resolved::Unsatisfiable) => 4,
        }] += 1;
    }
    // A generator that no longer reaches an outcome would prove nothing about it.
    assert!(
        cfg!(miri) || seen.iter().all(|&count| count >= 20),
        "{seen:?}"
    );
}

/// Where the query lets an answer start, together with a Range field.
#[test]
#[allow(clippy::single_range_in_vec_init, reason = "one slice is meant")]
fn starts() {
    let tail = |at| Resolved::Tail {
        at,
        last: OPEN_END.into(),
        open: true,
    };
    let resolve = |asked: RangeSpec, sealed| asked.resolve(10, sealed);
    assert_eq!(resolve(RangeSpec::open(3), false), tail(3));
    assert_eq!(resolve(RangeSpec::open(10), false), tail(10));
    assert_eq!(
        resolve(RangeSpec::open(3), true),
        Resolved::Slices(vec![3..10])
    );
    assert_eq!(resolve(RangeSpec::open(10), true), Resolved::Unsatisfiable);
    // Field, start; the first offset.
    for (field, start, expected) in [
        ("bytes=0-", 4, tail(4)),
        ("bytes=6-", 4, tail(6)),
        ("bytes=11-", 4, Resolved::Unsatisfiable),
        ("bytes=2-3", 4, Resolved::Slices(vec![2..4])),
        ("bytes=-3", 9, Resolved::Slices(vec![7..10])),
        ("bytes=0-,3-4", 4, Resolved::Slices(vec![0..10])),
    ] {
        let asked = parse(field.as_bytes()).expect(field).not_before(start);
        assert_eq!(resolve(asked, false), expected, "{field} from {start}");
    }
    let asked = parse(b"bytes=2-999999999999").expect("a field");
    let Resolved::Tail { at, last, open } = asked.not_before(4).resolve(10, false) else {
        panic!("no tail")
    };
    assert_eq!((at, &*last, open), (4, "999999999999", false));
}
