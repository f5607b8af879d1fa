//! What a look for generations says of one of them: what comes after it, and why it is not there.

use std::time::Duration;

use openrange::http::conditional::ETag;
use openrange::resource::NoGenerationReason;
use openrange::store::generations::family::Compression;
use openrange::store::generations::order::{Member, Original, Seen};
use openrange::store::generations::report::Report;

use super::order::{member, saw};

const BASE: &str = "app.log";
const QUIET: Duration = Duration::from_secs(60);

/// Four files, of which the second one was compressed; its copy has the tag 20.
fn members() -> Vec<Member> {
    vec![
        member("app.log.3", 1, 1),
        member("app.log.2.gz", 20, 2),
        member("app.log.1", 3, 3),
        member(BASE, 4, 9),
    ]
}

fn seen() -> Seen {
    let mut seen = saw(&[(1, false), (2, true), (3, true), (4, true)]);
    let original = Original {
        etag: ETag(2),
        size: 10,
        is_final: true,
    };
    seen.originals.insert(ETag(20), original);
    seen
}

fn tags(report: &Report) -> Vec<u64> {
    let tags = report.chain.0.iter().map(|it| it.member.etag.0);
    tags.collect()
}

#[test]
fn successors() {
    let all = Report::new(members(), seen(), QUIET);
    // Whoever read the compressed file needs what came after the file that it was.
    for (tag, next) in [
        (1, Some(2)),
        (20, Some(3)),
        (3, Some(4)),
        (4, None),
        // Not there: this is not asked.
        (2, None),
        (9, None),
    ] {
        assert_eq!(all.successor(ETag(tag)), next.map(ETag), "{tag}");
    }
    // Nobody saw it being compressed: a copy has its own tag.
    let unseen = Report::new(members(), Seen::default(), QUIET);
    assert_eq!(unseen.successor(ETag(1)), Some(ETag(20)));
    // Somebody saw what it was, but not that nothing came between.
    let mut apart = seen();
    apart.line[1].direct = false;
    let apart = Report::new(members(), apart, QUIET);
    assert_eq!(apart.successor(ETag(1)), Some(ETag(2)));
    // The next file is gone, and is known; or something is gone of which nothing is known.
    let two = || vec![member("app.log.3", 1, 1), member(BASE, 4, 9)];
    let known = Report::new(two(), seen(), QUIET);
    assert_eq!(known.successor(ETag(1)), Some(ETag(2)));
    let unknown = Report::new(two(), Seen::default(), QUIET);
    assert_eq!(unknown.successor(ETag(1)), None);
}

#[test]
fn a_look_that_may_have_been_disturbed_counts_when_the_next_one_finds_the_same() {
    let look = |members: Vec<Member>, settled| {
        let quiet = if settled { QUIET } else { Duration::ZERO };
        Report::new(members, Seen::default(), quiet)
    };
    let whole = || vec![member("app.log.1", 1, 1), member(BASE, 2, 9)];
    let gap = || vec![member("app.log.2", 1, 1), member(BASE, 2, 9)];
    for (now, settled, last, sure) in [
        (whole(), true, None, true),
        (gap(), true, None, true),
        (gap(), true, Some(whole()), true),
        (whole(), false, None, false),
        (whole(), false, Some(whole()), true),
        (whole(), false, Some(gap()), false),
        (gap(), false, Some(gap()), false),
        (gap(), false, Some(whole()), false),
    ] {
        let last = last.map(|members| look(members, false));
        let what = format!("{now:?}, {settled}, {last:?}");
        let report = look(now, settled);
        assert_eq!(report.is_settled(), settled);
        assert_eq!(report.is_sure(last.as_ref()), sure, "{what}");
    }
}

#[test]
fn why_one_is_not_there() {
    use NoGenerationReason as N;
    let path = |name: &[u8]| openrange::http::target::Path {
        name: name.into(),
        slash: false,
    };
    let mut members = members();
    let report = Report::new(members.clone(), seen(), QUIET);
    let copy = N::Compressed(path(b"app.log.2.gz"));
    for truncated in [false, true] {
        let none = report.why_not(ETag(2), truncated);
        assert_eq!(none.reason, copy);
        assert_eq!(none.first, Some(ETag(1)));
        assert_eq!(none.successor, Some(ETag(3)));
    }
    for (truncated, reason) in [(false, N::NeverSeen), (true, N::Truncated)] {
        let none = report.why_not(ETag(9), truncated);
        assert_eq!(none.reason, reason);
        assert_eq!((none.first, none.successor), (Some(ETag(1)), None));
    }
    // It is gone, and the next one is there: nothing is lost by going on. If that is gone too, something is.
    members.retain(|member| member.etag != ETag(20));
    let report = Report::new(members.clone(), seen(), QUIET);
    for (truncated, reason) in [(false, N::Gone), (true, N::Truncated)] {
        let none = report.why_not(ETag(2), truncated);
        assert_eq!(none.reason, reason);
        assert_eq!((none.first, none.successor), (Some(ETag(1)), Some(ETag(3))));
    }
    members.retain(|member| member.etag != ETag(3));
    let none = Report::new(members, seen(), QUIET).why_not(ETag(2), false);
    assert_eq!((none.reason, none.successor), (N::Gone, None));
    // The oldest one that can be read; if there is none, the oldest.
    let copies = vec![member("app.log.3.gz", 1, 1), member("app.log.2.gz", 20, 2)];
    let first = |members| {
        Report::new(members, Seen::default(), QUIET)
            .why_not(ETag(9), false)
            .first
    };
    assert_eq!(first(copies.clone()), Some(ETag(1)));
    assert_eq!(
        first([copies, vec![member(BASE, 4, 9)]].concat()),
        Some(ETag(4))
    );
    assert_eq!(first(Vec::new()), None);
}

/// What was created under a name like that of a generation is none, unless it had the name itself.
#[test]
fn what_only_looks_like_a_generation() {
    let born = |line: &[(u64, bool)], tags: &[u64]| Seen {
        born: tags.iter().copied().map(ETag).collect(),
        ..saw(line)
    };
    for (seen, expected) in [
        (born(&[], &[]), &[1, 20, 3, 4][..]),
        (born(&[], &[1]), &[20, 3, 4]),
        // A compressor creates what it writes.
        (born(&[], &[20]), &[1, 20, 3, 4]),
        (born(&[(1, false), (3, false)], &[1]), &[1, 20, 3, 4]),
        (born(&[], &[1, 4]), &[20, 3, 4]),
    ] {
        let what = format!("{seen:?}");
        assert_eq!(
            tags(&Report::new(members(), seen, QUIET)),
            expected,
            "{what}"
        );
    }
    // Any name will do for a file that was seen.
    let mut other = member("saved", 1, 1);
    let with = |other: &Member, seen| {
        let members = vec![other.clone(), member("app.log.1", 3, 3), member(BASE, 4, 9)];
        tags(&Report::new(members, seen, QUIET))
    };
    assert_eq!(with(&other, Seen::default()), [3, 4]);
    assert_eq!(with(&other, saw(&[(1, false)])), [1, 3, 4]);
    // A file with two names counts once: by the name itself, else by the one that says where it belongs.
    other.etag = ETag(4);
    assert_eq!(with(&other, saw(&[(4, false)])), [3, 4]);
    let report = Report::new(
        vec![member("app.log.1", 4, 9), member(BASE, 4, 9)],
        Seen::default(),
        QUIET,
    );
    assert!(report.chain.0.len() == 1 && report.chain.0[0].member.current);
    other.etag = ETag(3);
    let report = Report::new(
        vec![other, member("app.log.1", 3, 3)],
        saw(&[(3, false)]),
        QUIET,
    );
    assert!(report.chain.0.len() == 1 && report.chain.0[0].member.kinship.is_some());
}

/// A copy of a file that was seen to have the name is one whatever it is called, as long as that says what compressed it.
#[test]
fn copies_whose_names_say_nothing() {
    let gzip = Some(Compression::Gzip);
    let original = |etag| Original {
        etag: ETag(etag),
        size: 10,
        is_final: true,
    };
    let row = |name: &str, of: u64| {
        let mut seen = saw(&[(2, false), (4, true)]);
        seen.originals.insert(ETag(20), original(of));
        let members = vec![member(name, 20, 2), member(BASE, 4, 9)];
        let chain = Report::new(members, seen, QUIET).chain;
        let found = chain.find(ETag(20));
        found.map(|generation| generation.member.compression())
    };
    for (name, of, expected) in [
        ("app.log.old.gz", 2, Some(gzip)),
        ("saved.gz", 2, Some(gzip)),
        ("saved", 2, None),
        // Of a file of another log.
        ("saved.gz", 7, None),
        ("app.log.1.gz", 7, Some(gzip)),
    ] {
        assert_eq!(row(name, of), expected, "{name} of {of}");
    }
    // While the file itself is there, its copy does not count.
    let mut seen = saw(&[(2, false), (4, true)]);
    seen.originals.insert(ETag(20), original(2));
    let members = vec![
        member("saved", 2, 2),
        member("saved.gz", 20, 2),
        member(BASE, 4, 9),
    ];
    assert_eq!(tags(&Report::new(members, seen.clone(), QUIET)), [2, 4]);
    // A file that had the name itself is read as it is, whatever it is called.
    seen.line[0].etag = ETag(20);
    let members = vec![member("saved.gz", 20, 2), member(BASE, 4, 9)];
    let report = Report::new(members, seen, QUIET);
    assert_eq!(report.chain.0[0].member.compression(), None);
}
