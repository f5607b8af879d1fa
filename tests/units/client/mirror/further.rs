//! Files with several names: which the copies get, when, and what the mirror says of those that they cannot have.

use openrange::client::mirror::plan::{Listed, further_names, one_name_each};
use openrange::client::mirror::rule::Rule;
use openrange::http::etag::ETag;
use openrange::limits::{MIRROR_FURTHER_NAMES, MIRROR_SETTLE};
use openrange::sorted::SortedMap;
use openrange::time::Moment;

use crate::support::random::Random;

use super::engine::{Mirror, named, rule, topics};

#[test]
fn names_besides_the_one_that_counts() {
    let file = |(name, etag): (&str, u64)| Listed {
        name: name.as_bytes().into(),
        etag: ETag(etag),
        size: 0,
        modified: 0,
        sealed: false,
    };
    let names = [("c", 1), ("a", 1), ("d", 2), ("b/e", 2), ("b", 1), ("b", 1)];
    let listed: Vec<Listed> = names.into_iter().map(file).collect();
    let mut chosen = one_name_each(&listed, &[], &|_| false);
    let further = |chosen: &SortedMap<ETag, Listed>| -> Vec<(String, u64)> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let further = further_names(&listed, chosen);
        let names = further.iter().map(|(name, etag)| (text(name), etag.0));
        names.collect()
    };
    assert_eq!(further(&chosen), named(&[("b", 1), ("b/e", 2), ("c", 1)]));
    // What is not mirrored at all has no such names.
    chosen.remove(&ETag(1));
    assert_eq!(further(&chosen), named(&[("b/e", 2)]));
    // A name that somebody else has does not count.
    let chosen = one_name_each(&listed, &[], &|name| name == b"a" || name == b"d");
    assert_eq!(further(&chosen), named(&[("a", 1), ("c", 1), ("d", 2)]));
}

/// Lists come, as long as any are due; a directory without one cannot be read.
fn settle(mirror: &mut Mirror, lists: &[(&str, String)]) {
    while mirror.engine.list_due < Moment::NEVER {
        mirror.now = mirror.engine.list_due;
        let Some(target) = mirror.engine.begin_list(mirror.now) else {
            continue;
        };
        let list = lists.iter().find(|(path, _)| *path == target);
        let (status, document) = list.map_or((403, "no"), |(_, list)| (200, &**list));
        mirror.engine.list(status, document.as_bytes(), mirror.now);
    }
}

fn recursive() -> Mirror {
    Mirror::new(Rule {
        recursive: true,
        ..rule("/d/")
    })
}

/// The names of all copies.
fn all(mirror: &Mirror) -> Vec<(String, u64)> {
    let locals = mirror.engine.tree.locals();
    let names = locals.iter().flat_map(|local| {
        let names = [&local.name].into_iter().chain(&local.further);
        names.map(|name| (String::from_utf8_lossy(name).into_owned(), local.etag.0))
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_second_list_says_the_same_before_a_name_is_made() {
    for once in [false, true] {
        let mut mirror = Mirror::new(Rule {
            once,
            ..rule("/d/")
        });
        let both = topics(&[("a", 1, 0, ""), ("b", 1, 0, "")], &[]);
        mirror.list("", &both);
        assert_eq!(all(&mirror), named(&[("a", 1)]));
        assert_eq!(mirror.engine.list_due, mirror.now + MIRROR_SETTLE);
        assert!(!mirror.engine.is_complete());
        let lists = [("/d/", both)];
        settle(&mut mirror, &lists);
        assert_eq!(all(&mirror), named(&[("a", 1), ("b", 1)]));
        assert!(mirror.engine.is_complete());
        // The name that counts goes, and comes again.
        let other = [("/d/", topics(&[("b", 1, 0, "")], &[]))];
        mirror.list("", &other[0].1);
        settle(&mut mirror, &other);
        assert_eq!(all(&mirror), named(&[("b", 1)]));
        mirror.list("", &lists[0].1);
        settle(&mut mirror, &lists);
        assert_eq!(mirror.names(), named(&[("b", 1)]));
        assert_eq!(all(&mirror), named(&[("a", 1), ("b", 1)]));
        assert_eq!(mirror.reports(), "");
    }
}

/// Files get other names, all at once and over and over: at the end of each round all of them are here, and no copy is made twice.
#[test]
fn names_become_those_of_the_lists() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let mut mirror = Mirror::new(Rule {
            delete: seed % 2 == 0,
            ..rule("/d/")
        });
        for round in 0..8 {
            let mut names: Vec<(String, u64)> = Vec::new();
            for number in 0..8 {
                let log = ["log", "other"][number % 2];
                let name = match number / 2 {
                    0 => log.to_owned(),
                    number => format!("{log}.{number}"),
                };
                // All files are listed, so that none is removed.
                match number < 4 {
                    true => names.push((name, number as u64 + 1)),
                    false if random.below(3) > 0 => names.push((name, random.below(4) + 1)),
                    false => {}
                }
            }
            for index in (1..names.len()).rev() {
                let other = random.below(index as u64 + 1) as usize;
                let tag = names[other].1;
                names[other].1 = std::mem::replace(&mut names[index].1, tag);
            }
            let listed = names.iter().map(|(name, tag)| (&**name, *tag, 0, ""));
            let lists = [("/d/", topics(&listed.collect::<Vec<_>>(), &[]))];
            mirror.list("", &lists[0].1);
            settle(&mut mirror, &lists);
            names.sort();
            assert_eq!(all(&mirror), names, "seed {seed}, round {round}");
            assert_eq!(mirror.reports(), "");
        }
    }
}

/// While a file moves, the list of one directory is older than that of the other.
#[test]
fn a_file_that_moves_has_one_name() {
    let mut mirror = recursive();
    let below = &["a", "b"];
    let with_x = || topics(&[("x", 1, 0, "")], &[]);
    let without = || topics(&[], &[]);
    let lists = |a, b| [("/d/", topics(&[], below)), ("/d/a/", a), ("/d/b/", b)];
    settle(&mut mirror, &lists(with_x(), without()));
    assert_eq!(mirror.names(), named(&[("a/x", 1)]));
    mirror.engine.list_soon_of(b"b/", mirror.now);
    settle(&mut mirror, &lists(without(), with_x()));
    assert_eq!(mirror.names(), named(&[("b/x", 1)]));
    assert_eq!(mirror.reports(), "");
}

/// The old list of a directory that cannot be read any more is what there is.
#[test]
fn a_directory_that_cannot_be_read_is_not_waited_for() {
    let mut mirror = recursive();
    let below = topics(&[], &["a", "b"]);
    let list = || topics(&[("x", 1, 0, "")], &[]);
    let lists = [
        ("/d/", below.clone()),
        ("/d/a/", list()),
        ("/d/b/", topics(&[], &[])),
    ];
    settle(&mut mirror, &lists);
    mirror.engine.list_soon_of(b"b/", mirror.now);
    settle(&mut mirror, &[("/d/", below), ("/d/b/", list())]);
    assert_eq!(mirror.reports(), "a/: no; left as it is");
    assert_eq!(all(&mirror), named(&[("a/x", 1), ("b/x", 1)]));
}

/// A link to the directory itself.
#[test]
fn of_many_names_the_number_is_said() {
    let files: Vec<String> = (10..20).map(|number| number.to_string()).collect();
    let entries: Vec<_> = (1..)
        .zip(&files)
        .map(|(tag, name)| (&**name, tag, 0, ""))
        .collect();
    let more = files.len() - MIRROR_FURTHER_NAMES;
    let mut mirror = recursive();
    let lists = [
        ("/d/", topics(&entries, &["a"])),
        ("/d/a/", topics(&entries, &["a"])),
        ("/d/a/a/", topics(&entries[..1], &[])),
    ];
    settle(&mut mirror, &lists);
    let said = mirror.reports();
    let said: Vec<_> = said.split("; ").collect();
    assert_eq!(said.len(), MIRROR_FURTHER_NAMES + 2, "{said:?}");
    assert!(said.contains(&"a/17 is left out: it is another name of 17"));
    assert!(said.contains(&"a/a/10 is left out: it is another name of 10"));
    let rest = format!("a/: {more} more are left out: they too are other names of files");
    assert!(said.contains(&&*rest), "{said:?}");
}
