//! The order of generations: logs that are rolled in every manner, of which the order is known, and what of it is seen.

use openrange::http::conditional::ETag;
use openrange::store::generations::family::kinship;
use openrange::store::generations::order::{Ancestor, Chain, Member, Original, Seen};

const BASE: &str = "app.log";

pub(super) fn member(name: &str, tag: u64, time: i64) -> Member {
    Member {
        path: name.as_bytes().into(),
        etag: ETag(tag),
        size: 10,
        modified: (time, 0),
        sealed: false,
        kinship: kinship(name.as_bytes(), BASE.as_bytes()),
        copied: None,
        current: name == BASE,
    }
}

pub(super) fn saw(tags: &[(u64, bool)]) -> Seen {
    let ancestor = |&(tag, direct)| Ancestor {
        etag: ETag(tag),
        size: 10,
        inode: tag,
        direct,
        noted: (0, 0),
    };
    Seen {
        line: tags.iter().map(ancestor).collect(),
        ..Seen::default()
    }
}

/// Tags in order; negative: something before it is missing.
fn order(chain: &Chain) -> Vec<i64> {
    let signed = |generation: &openrange::store::generations::order::Generation| {
        let tag = i64::try_from(generation.member.etag.0).expect("small");
        if generation.gap.is_some() { -tag } else { tag }
    };
    chain.0.iter().map(signed).collect()
}

#[test]
fn names_and_times() {
    let nothing = Seen::default();
    type Row<'a> = (&'a [(&'a str, u64, i64)], &'a [i64]);
    let rows: [Row<'_>; 13] = [
        (&[], &[]),
        (&[("app.log", 1, 9)], &[1]),
        (
            &[("app.log", 3, 9), ("app.log.1", 2, 5), ("app.log.2", 1, 7)],
            &[1, 2, 3],
        ),
        // Missing numbers.
        (&[("app.log", 3, 9), ("app.log.2", 1, 7)], &[1, -3]),
        (
            &[("app.log", 3, 9), ("app.log.1", 2, 7), ("app.log.3", 1, 7)],
            &[1, -2, 3],
        ),
        // Numbered from 0, as some do.
        (
            &[("app.log", 3, 9), ("app.log.0", 2, 7), ("app.log.1", 1, 7)],
            &[1, 2, 3],
        ),
        // Nothing has the name for a moment.
        (&[("app.log.1", 2, 7), ("app.log.2", 1, 7)], &[1, 2]),
        // As numbers, not as text.
        (
            &[
                ("app.log.9", 2, 1),
                ("app.log.10", 1, 1),
                ("app.log.8", 3, 1),
            ],
            &[1, 2, 3],
        ),
        (
            &[
                ("app-20240103.log", 3, 1),
                ("app-20240101.log", 1, 9),
                ("app.log-2024-01-02", 2, 5),
            ],
            &[1, 2, 3],
        ),
        // From dates to numbers, and back.
        (
            &[
                ("app.log", 5, 9),
                ("app.log.1", 4, 8),
                ("app.log.2", 3, 6),
                ("app.log-20240101", 1, 1),
                ("app.log-20240102", 2, 2),
            ],
            &[1, 2, 3, 4, 5],
        ),
        (
            &[
                ("app.log", 5, 9),
                ("app.log.1", 2, 2),
                ("app.log.2", 1, 1),
                ("app.log-20240101", 3, 5),
                ("app.log-20240102", 4, 6),
            ],
            &[1, 2, 3, 4, 5],
        ),
        (
            &[
                ("app.log", 5, 9),
                ("app.log.2", 2, 2),
                ("app.log-20240101", 3, 5),
            ],
            &[2, -3, 5],
        ),
        // A compressor is at work.
        (
            &[
                ("app.log", 3, 9),
                ("app.log.1", 2, 7),
                ("app.log.1.gz", 7, 8),
                ("app.log.2.gz", 1, 3),
            ],
            &[1, 2, 3],
        ),
    ];
    for (files, expected) in rows {
        let members = files
            .iter()
            .map(|&(name, tag, time)| member(name, tag, time));
        let chain = Chain::new(members.collect(), &nothing);
        assert_eq!(order(&chain), expected, "{files:?}");
    }
}

#[test]
fn what_was_seen_comes_first() {
    let files = || {
        vec![
            member("app.log", 4, 9),
            member("app.log.1", 2, 2),
            member("app.log.2", 3, 3),
            member("app.log.3", 1, 1),
        ]
    };
    let chain = |seen: &Seen| order(&Chain::new(files(), seen));
    assert_eq!(chain(&Seen::default()), [1, 3, 2, 4]);
    assert_eq!(
        chain(&saw(&[(2, false), (3, true), (4, true)])),
        [1, 2, 3, 4]
    );
    // Somebody was there between the two, and is gone.
    assert_eq!(
        chain(&saw(&[(3, false), (9, true), (2, true), (4, true)])),
        [1, 3, -2, 4]
    );
    // A gap in the numbers, although nothing was between them.
    let members = vec![member("app.log", 3, 9), member("app.log.2", 2, 2)];
    assert_eq!(
        order(&Chain::new(members, &saw(&[(2, false), (3, true)]))),
        [2, 3]
    );
    // Any name.
    let members = vec![
        member("app.log", 4, 9),
        member("old", 2, 2),
        member("app.log.1", 3, 3),
        member("older", 1, 8),
    ];
    let seen = saw(&[(1, false), (2, true), (3, true), (4, true)]);
    assert_eq!(order(&Chain::new(members, &seen)), [1, 2, 3, 4]);
}

#[test]
fn what_comes_after() {
    let mut seen = saw(&[(1, false), (2, true), (3, true), (4, true)]);
    let compressed = Original {
        etag: ETag(2),
        size: 10,
        is_final: true,
    };
    seen.originals.insert(ETag(20), compressed);
    let members = vec![
        member("app.log", 4, 9),
        member("app.log.1", 3, 3),
        member("app.log.2.gz", 20, 2),
        member("app.log.3", 1, 1),
    ];
    let chain = Chain::new(members, &seen);
    assert_eq!(order(&chain), [1, 20, 3, 4]);
    let after = |tag| {
        let next = chain.after(ETag(tag), &seen);
        (next.generation.map(|it| it.member.etag.0), next.gap)
    };
    assert_eq!(after(1), (Some(3), true), "a compressed one cannot be read");
    assert_eq!(after(2), (Some(3), false), "it is there, but compressed");
    assert_eq!(after(20), (Some(3), false));
    assert_eq!(after(3), (Some(4), false));
    assert_eq!(after(4), (None, false));
    assert_eq!(after(5), (Some(1), true), "nobody knows where that was");
    assert_eq!(
        chain.compressed_copy(ETag(2)).map(|it| it.member.etag.0),
        Some(20)
    );
    assert_eq!(chain.compressed_copy(ETag(1)), None);
    assert_eq!(chain.oldest().map(|it| it.member.etag.0), Some(1));
    assert_eq!(chain.find(ETag(3)).map(|it| it.member.etag.0), Some(3));
    assert_eq!(chain.find(ETag(2)), None);
    let chain = Chain::new(
        vec![member("app.log", 4, 9), member("app.log.1", 3, 3)],
        &seen,
    );
    let after = |tag| {
        let next = chain.after(ETag(tag), &seen);
        (next.generation.map(|it| it.member.etag.0), next.gap)
    };
    assert_eq!(after(2), (Some(3), false), "gone, but nothing came between");
    assert_eq!(after(1), (Some(3), true));
    let members = vec![member("app.log", 4, 9), member("app.log.2.gz", 20, 2)];
    let chain = Chain::new(members, &seen);
    let next = chain.after(ETag(2), &seen);
    let tag = next.generation.map(|it| it.member.etag.0);
    assert_eq!((tag, next.gap), (Some(4), true), "3 is gone");
}

/// Behind a file that is gone come those that nobody saw, if they were written to since it had the name, and whatever has the
/// name now.
#[test]
fn what_nobody_saw_comes_after_what_was_seen_if_it_is_younger() {
    let mut seen = saw(&[(5, false)]);
    seen.line[0].noted = (50, 0);
    // Times of the last writes of two files and of the one that has the name; the one that comes next.
    for (first, second, current, next) in [
        (40, 60, 70, 2),
        (40, 60, 10, 2),
        (40, 45, 10, 9),
        (40, 50, 10, 2),
        (50, 60, 70, 1),
        (60, 40, 70, 9),
    ] {
        let members = vec![
            member("app.log-20240101", 1, first),
            member("app.log-20240102", 2, second),
            member("app.log", 9, current),
        ];
        let chain = Chain::new(members, &seen);
        let found = chain.after(ETag(5), &seen);
        let tag = found.generation.map(|it| it.member.etag.0);
        let times = [first, second, current];
        assert_eq!((tag, found.gap), (Some(next), false), "{times:?}");
    }
}

/// A log that is rolled by number or by date, and by the other from some moment on; old ones are removed.
#[test]
fn histories() {
    let mut seed = 3_u64;
    let mut next = |below: u64| {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for _ in 0..2000 {
        // Names with their tags; a tag is also the time of the last write.
        let mut numbered: Vec<u64> = Vec::new();
        let mut dated: Vec<u64> = Vec::new();
        let rolls = 1 + next(12);
        let change = next(rolls + 1);
        let numbers_first = next(2) == 0;
        let mut truth: Vec<u64> = Vec::new();
        for tag in 1..=rolls {
            truth.push(tag);
            if (tag <= change) == numbers_first {
                numbered.insert(0, tag);
            } else {
                dated.push(tag);
            }
        }
        let current = rolls + 1;
        truth.push(current);
        let mut members = vec![member(
            BASE,
            current,
            i64::try_from(current).expect("small"),
        )];
        for (index, &tag) in numbered.iter().enumerate() {
            let name = format!("app.log.{}", index + 1);
            members.push(member(&name, tag, i64::try_from(tag).expect("small")));
        }
        for &tag in &dated {
            let name = format!("app-202401{tag:02}.log");
            members.push(member(&name, tag, i64::try_from(tag).expect("small")));
        }
        for index in (1..members.len()).rev() {
            let other = usize::try_from(next(index as u64 + 1)).expect("small");
            members.swap(index, other);
        }
        // Some were seen, the last ones for certain.
        let from = 1 + next(current);
        let line: Vec<_> = (from..=current).map(|tag| (tag, tag > from)).collect();
        let seen = saw(&line);
        let chain = Chain::new(members, &seen);
        let found: Vec<_> = chain.0.iter().map(|it| it.member.etag.0).collect();
        assert_eq!(found, truth);
        assert!(!chain.has_gap(), "{:?}", order(&chain));
        for (index, tag) in truth.iter().enumerate() {
            let next = chain.after(ETag(*tag), &seen);
            let tag = next.generation.map(|it| it.member.etag.0);
            assert_eq!((tag, next.gap), (truth.get(index + 1).copied(), false));
        }
    }
}

/// A file with a name of its own stands beside those that it was seen with, and not before what nobody has seen.
#[test]
fn a_file_with_another_name_among_those_that_were_not_seen() {
    let members = vec![
        member("app.log-20240101", 1, 10),
        member("app.log-20240102", 2, 20),
        member("saved", 3, 15),
        member("app.log-20240104", 4, 40),
        member("app.log", 5, 50),
    ];
    let direct = saw(&[(1, false), (3, false), (4, true), (5, true)]);
    assert_eq!(
        order(&Chain::new(members.clone(), &direct)),
        [1, 2, 3, 4, 5]
    );
    // Otherwise the time of the last write tells.
    let apart = saw(&[(1, false), (3, false), (5, false)]);
    assert_eq!(order(&Chain::new(members, &apart)), [1, 3, 2, 4, 5]);
}

/// The server began to watch when the file of tag 3 had the name, and has seen every file since: the one that it never saw
/// is older, though it was written to after its roll.
#[test]
fn late_bytes_make_no_file_newer_than_those_that_were_watched() {
    let mut members = vec![
        member("app.log.2", 1, 10),
        member("app.log.1", 2, 60),
        member("saved3", 3, 30),
        member("saved4", 4, 40),
        member("app.log", 5, 50),
    ];
    let watched = saw(&[(3, false), (4, true), (5, true)]);
    let chain = Chain::new(members.clone(), &watched);
    assert_eq!(order(&chain), [1, 2, 3, 4, 5]);
    // The file that has the name now was not seen to get it: time tells.
    members[4].etag = ETag(6);
    let chain = Chain::new(members, &watched);
    assert_eq!(order(&chain), [1, 3, 4, 2, 6]);
}

/// A late write makes the file that nobody saw look newer than one that was followed directly by what is known: it does not
/// stand between the two.
#[test]
fn nothing_unseen_stands_between_files_that_were_watched() {
    let members = vec![
        member("app.log-20240108", 8, 51),
        member("saved9", 9, 50),
        member("saved10", 10, 55),
        member("app.log-20240111", 11, 60),
        member("app.log", 12, 70),
    ];
    let seen = saw(&[(9, false), (10, true), (11, true), (12, false)]);
    assert_eq!(order(&Chain::new(members, &seen)), [8, 9, 10, 11, 12]);
}

/// One of the files that were watched is left only as a compressed copy, and nobody saw who made it of what.
#[test]
fn a_copy_of_unknown_origin_may_be_of_a_file_that_was_watched() {
    let members = vec![
        member("saved1", 1, 10),
        member("app.log-20240102.gz", 20, 20),
        member("saved3", 3, 30),
        member("app.log-20240104", 4, 40),
        member("app.log", 5, 50),
    ];
    let seen = saw(&[(1, false), (2, true), (3, true), (4, true), (5, true)]);
    let chain = Chain::new(members, &seen);
    let tags: Vec<u64> = chain.0.iter().map(|it| it.member.etag.0).collect();
    assert_eq!(tags, [1, 20, 3, 4, 5]);
}
