//! Files with several names: which are left out, and when the mirror says so.

use openrange::client::mirror::plan::{Listed, further_names, one_name_each};
use openrange::client::mirror::rule::Rule;
use openrange::http::etag::ETag;
use openrange::limits::{MIRROR_FURTHER_NAMES, MIRROR_SETTLE};
use openrange::sorted::SortedMap;
use openrange::time::Moment;

use super::engine::{Mirror, named, rule, topics};

#[test]
fn names_besides_the_one_that_counts() {
    let file = |(name, etag): (&str, u64)| Listed {
        name: name.as_bytes().into(),
        etag: ETag(etag),
        size: 0,
        sealed: false,
    };
    let names = [("c", 1), ("a", 1), ("d", 2), ("b/e", 2), ("b", 1), ("b", 1)];
    let listed: Vec<Listed> = names.into_iter().map(file).collect();
    let mut chosen = one_name_each(&listed, &[]);
    let further = |chosen: &SortedMap<ETag, Listed>| -> Vec<(String, String)> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let further = further_names(&listed, chosen);
        let names = further.iter().map(|(name, of)| (text(name), text(of)));
        names.collect()
    };
    let expected = [("b", "a"), ("b/e", "d"), ("c", "a")];
    let expected = expected.map(|(name, of)| (name.to_owned(), of.to_owned()));
    assert_eq!(further(&chosen), expected);
    // What is not mirrored at all has no such names.
    chosen.remove(&ETag(1));
    assert_eq!(further(&chosen), expected[1..2]);
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

#[test]
fn a_second_list_says_the_same_before_it_is_reported() {
    for once in [false, true] {
        let mut mirror = Mirror::new(Rule {
            once,
            ..rule("/d/")
        });
        let both = topics(&[("a", 1, 0, ""), ("b", 1, 0, "")], &[]);
        mirror.list("", &both);
        assert_eq!(mirror.reports(), "");
        assert_eq!(mirror.engine.list_due, mirror.now + MIRROR_SETTLE);
        assert!(!mirror.engine.is_complete());
        let lists = [("/d/", both)];
        settle(&mut mirror, &lists);
        assert_eq!(mirror.reports(), "b is left out: it is another name of a");
        assert!(mirror.engine.is_complete());
        mirror.list("", &lists[0].1);
        settle(&mut mirror, &lists);
        assert_eq!(mirror.reports(), "", "once");
        // The name that the copy has goes, and comes again.
        let other = [("/d/", topics(&[("b", 1, 0, "")], &[]))];
        mirror.list("", &other[0].1);
        settle(&mut mirror, &other);
        assert_eq!(mirror.names(), named(&[("b", 1)]));
        assert_eq!(mirror.reports(), "");
        mirror.list("", &lists[0].1);
        settle(&mut mirror, &lists);
        assert_eq!(mirror.names(), named(&[("b", 1)]));
        assert_eq!(mirror.reports(), "a is left out: it is another name of b");
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
    assert_eq!(
        mirror.reports(),
        "a/: no; left as it is; b/x is left out: it is another name of a/x"
    );
}

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
        ("/d/a/", topics(&entries, &["b"])),
        ("/d/a/b/", topics(&entries[..1], &[])),
    ];
    settle(&mut mirror, &lists);
    let said = mirror.reports();
    let said: Vec<_> = said.split("; ").collect();
    assert_eq!(said.len(), MIRROR_FURTHER_NAMES + 2, "{said:?}");
    assert!(said.contains(&"a/17 is left out: it is another name of 17"));
    assert!(said.contains(&"a/b/10 is left out: it is another name of 10"));
    let rest = format!("a/: {more} more are left out: they too are other names of files");
    assert!(said.contains(&&*rest), "{said:?}");
}
