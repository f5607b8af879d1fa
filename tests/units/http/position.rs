//! `http::position`: its spelling, and what the check of the bytes before it tells.

use crate::support::random::Random;
use openrange::http::conditional::ETag;
use openrange::http::position::{
    CHECKED, Check, NameHash, Place, Position, Positions, checked_from,
};
use openrange::limits::{EVENT_LATE_MAX, EVENT_PLACES_MAX};

/// FNV-1a, from its published description, with the test vectors that come with it (the 64-bit ones, halves combined).
#[test]
fn a_check_is_fnv() {
    for (bytes, hash) in [
        (&b""[..], 0xcbf2_9ce4_8422_2325_u64),
        (b"a", 0xaf63_dc4c_8601_ec8c),
        (b"foobar", 0x8594_4171_f739_67e8),
    ] {
        let folded = format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff));
        assert_eq!(Check::of(bytes).to_string(), folded);
        assert_eq!(Check::parse(folded.as_bytes()), Some(Check::of(bytes)));
    }
}

#[test]
fn a_check_covers_the_last_bytes() {
    let bytes: Vec<u8> = (0..=255).collect();
    for end in [0, 1, CHECKED - 1, CHECKED, CHECKED + 1, bytes.len()] {
        let start = checked_from(end as u64) as usize;
        assert_eq!(end - start, end.min(CHECKED));
        let check = Check::of(&bytes[..end]);
        assert_eq!(check, Check::of(&bytes[start..end]));
        for changed in 0..end {
            let mut other = bytes[..end].to_vec();
            other[changed] ^= 1;
            assert_eq!(
                Check::of(&other) == check,
                changed < start,
                "{changed} of {end}"
            );
        }
    }
}

#[test]
fn positions() {
    let good = [
        "0000000000000000-0",
        "0123456789abcdef-4711",
        "ffffffffffffffff-18446744073709551615",
        "0123456789abcdef-4711-00000000",
        "0123456789abcdef-4711-89abcdef",
    ];
    for text in good {
        let position = Position::parse(text.as_bytes()).expect(text);
        assert_eq!(position.to_string(), text);
    }
    let bad = [
        "",
        "-",
        "0123456789abcdef",
        "0123456789abcdef-",
        "-1",
        "0123456789abcde-1",
        "0123456789ABCDEF-1",
        "0123456789abcdef-01",
        "0123456789abcdef-+1",
        "+123456789abcdef-1",
        "00123456789abcdef-1",
        "0123456789abcdef-18446744073709551616",
        "0123456789abcdef-1 ",
        "0123456789abcdef-1-2",
        "0123456789abcdef-1-",
        "0123456789abcdef-1-89abcdeF",
        "0123456789abcdef-1-089abcdef",
        "0123456789abcdef-1-89abcdef-",
        "0123456789abcdef-1-89abcdef-89abcdef",
        "0123456789abcdef-1-+9abcdef",
        "\u{e4}",
    ];
    for text in bad {
        assert_eq!(Position::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn positions_in_several_files() {
    let one = "0123456789abcdef-4711";
    for text in [
        "-".to_owned(),
        one.to_owned(),
        "-,-".to_owned(),
        format!("{one},-,{one}"),
        format!("-,{one}"),
        format!("{one}.{one}"),
        format!("-,{one}.{one}.{one},-"),
        [one; EVENT_LATE_MAX + 1].join("."),
        vec![one; EVENT_PLACES_MAX].join(","),
    ] {
        let positions = Positions::parse(text.as_bytes()).expect(&text);
        assert_eq!(positions.to_string(), text);
        assert_eq!(positions.0.len(), text.split(',').count());
        let only = (text == one).then(|| Position::parse(one.as_bytes()).expect("one"));
        if text.contains('.') {
            assert_eq!(positions.only().is_some(), !text.contains(','), "{text}");
            continue;
        }
        assert_eq!(positions.only(), only.map(Place::from).as_ref(), "{text}");
    }
    for text in [
        String::new(),
        ",".to_owned(),
        "--".to_owned(),
        format!("{one},"),
        format!(",{one}"),
        format!("{one},,-"),
        format!("{one}."),
        format!(".{one}"),
        format!("-.{one}"),
        format!("{one}.-"),
        [one; EVENT_LATE_MAX + 2].join("."),
        format!("{one} ,-"),
        format!("{one},0123456789abcdef"),
        vec!["-"; EVENT_PLACES_MAX + 1].join(","),
    ] {
        assert_eq!(Positions::parse(text.as_bytes()), None, "{text}");
    }
    for seed in 0..1000 {
        let mut random = Random::new(seed);
        let count = 1 + random.below(EVENT_PLACES_MAX as u64);
        let mut position = || Position {
            etag: ETag(random.number() >> random.below(64)),
            offset: random.number() >> random.below(64),
            check: (random.below(2) > 0).then(|| Check::of(&random.number().to_be_bytes())),
        };
        let place = |index: u64| {
            let late = (index % 4 == 2).then(&mut position).into_iter().collect();
            let at = position();
            let name = (index % 3 == 1).then(|| NameHash::of(&index.to_be_bytes()));
            (!index.is_multiple_of(4)).then_some(Place { at, late, name })
        };
        let positions = Positions((0..count).map(place).collect());
        let text = positions.to_string();
        assert_eq!(Positions::parse(text.as_bytes()), Some(positions), "{text}");
    }
}
