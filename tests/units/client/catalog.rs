//! The lists of a tree.

use openrange::client::mirror::catalog::Catalog;
use openrange::client::mirror::listing::{Listing, Page};
use openrange::client::mirror::plan::Listed;
use openrange::http::conditional::ETag;
use openrange::limits::{MIRROR_DEPTH, MIRROR_DIRECTORIES_MAX, MIRROR_STREAMS};
use openrange::time::Moment;

const NOW: Moment = Moment(1);

fn listing(files: &[&str], directories: &[&str]) -> Listing {
    let file = |(index, name): (usize, &&str)| Listed {
        name: name.as_bytes().into(),
        etag: ETag(index as u64),
        size: 0,
        modified: 0,
        sealed: false,
    };
    Listing {
        files: files.iter().enumerate().map(file).collect(),
        directories: directories
            .iter()
            .map(|name| name.as_bytes().into())
            .collect(),
        ..Listing::default()
    }
}

/// A list of one page is here. True if it says something new.
fn list(catalog: &mut Catalog, prefix: &[u8], listing: Listing) -> bool {
    let page = Page {
        listing,
        ..Page::default()
    };
    catalog.page(prefix, page, 100).expect("the only page")
}

/// Lists what is due, by a rule, until nothing is. Gives what was listed.
fn crawl(catalog: &mut Catalog, rule: impl Fn(&str) -> Listing) -> Vec<String> {
    let mut listed = Vec::new();
    while let Some(prefix) = catalog.next(NOW) {
        let prefix = String::from_utf8(prefix.into()).expect("ASCII");
        catalog.begin(prefix.as_bytes(), NOW);
        list(catalog, prefix.as_bytes(), rule(&prefix));
        listed.push(prefix);
    }
    listed
}

fn names(catalog: &mut Catalog) -> Vec<String> {
    let files = catalog.union().files.into_iter();
    files
        .map(|file| String::from_utf8(file.name.into()).expect("ASCII"))
        .collect()
}

fn tree(prefix: &str) -> Listing {
    match prefix {
        "" => listing(&["x"], &["a", "ab"]),
        "a/" => listing(&["y"], &["b"]),
        "a/b/" => listing(&["z"], &[]),
        _ => listing(&[], &[]),
    }
}

#[test]
fn only_what_may_have_changed_is_listed_again() {
    let mut catalog = Catalog::new(true);
    assert!(!catalog.is_whole());
    assert_eq!(crawl(&mut catalog, tree), ["", "a/", "a/b/", "ab/"]);
    assert!(catalog.is_whole());
    assert_eq!(names(&mut catalog), ["x", "a/y", "a/b/z"]);
    catalog.mark(b"a/");
    catalog.mark(b"unknown/");
    assert_eq!(crawl(&mut catalog, tree), ["a/"]);
    names(&mut catalog);
    catalog.mark_fresh();
    assert_eq!(crawl(&mut catalog, tree), ["a/"]);
    catalog.mark_if(|prefix| prefix > b"a/");
    assert_eq!(crawl(&mut catalog, tree), ["a/b/", "ab/"]);
}

#[test]
fn what_comes_while_a_list_is_under_way_needs_another_one() {
    let mut catalog = Catalog::new(true);
    catalog.begin(b"", NOW);
    catalog.mark(b"");
    assert!(list(&mut catalog, b"", listing(&["x"], &[])));
    assert_eq!(catalog.next(NOW), Some(&b""[..]));
    catalog.begin(b"", NOW);
    assert!(
        !list(&mut catalog, b"", listing(&["x"], &[])),
        "nothing new"
    );
    assert_eq!(catalog.next(NOW), None);
}

#[test]
fn a_directory_goes_with_those_below_it_and_no_others() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, tree);
    catalog.begin(b"", NOW);
    list(&mut catalog, b"", listing(&["x"], &["ab"]));
    assert_eq!(catalog.prefixes().collect::<Vec<_>>(), [&b""[..], b"ab/"]);
    assert_eq!(names(&mut catalog), ["x"]);
    assert_eq!(catalog.deadline(), None);
    catalog.gone(b"ab/", NOW);
    assert_eq!(catalog.prefixes().count(), 1);
    // The list that names it is requested again, after pauses that grow while it still does, but not for ever.
    let mut pauses = Vec::new();
    while let Some(due) = catalog.deadline() {
        pauses.push(due - NOW);
        catalog.begin(b"", due);
        list(&mut catalog, b"", listing(&["x"], &["ab"]));
        catalog.gone(b"ab/", NOW);
    }
    let grow = pauses.is_sorted_by(|one, other| one < other);
    assert!(grow && pauses.len() > 5, "{pauses:?}");
    // One that cannot be listed says nothing of what is there.
    catalog.mark(b"");
    crawl(&mut catalog, tree);
    assert!(!catalog.union().partial);
    catalog.closed(b"a/b/");
    assert!(catalog.union().partial);
}

#[test]
fn depth_and_number_are_bounded_and_told() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, |_| listing(&[], &["d"]));
    assert_eq!(catalog.prefixes().count(), MIRROR_DEPTH + 1);
    let union = catalog.union();
    assert_eq!((union.directories.len(), union.partial), (1, true));
    let many: Vec<String> = (0..2000).map(|number| format!("{number:04}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, |prefix| match prefix {
        "" => listing(&[], &many),
        _ => listing(&["x"], &[]),
    });
    assert_eq!(catalog.prefixes().count(), MIRROR_DIRECTORIES_MAX);
    assert_eq!(
        catalog.union().directories.len(),
        2001 - MIRROR_DIRECTORIES_MAX
    );
    let mut catalog = Catalog::new(false);
    crawl(&mut catalog, tree);
    let union = catalog.union();
    let left_out: Vec<_> = union.directories.iter().map(|name| &**name).collect();
    assert_eq!((left_out, union.partial), (vec![&b"a/"[..], b"ab/"], false));
}

#[test]
fn a_directory_that_always_changes_does_not_keep_the_others_waiting() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, tree);
    catalog.mark_if(|_| true);
    let mut listed = Vec::new();
    for _ in 0..8 {
        let prefix: Vec<u8> = catalog.next(NOW).expect("something is due").into();
        catalog.begin(&prefix, NOW);
        catalog.mark(b"");
        listed.push(String::from_utf8(prefix).expect("ASCII"));
    }
    for prefix in ["", "a/", "a/b/", "ab/"] {
        assert!(listed.iter().any(|other| other == prefix), "{listed:?}");
    }
}

#[test]
fn a_list_that_fails_stops_no_other() {
    let mut catalog = Catalog::new(true);
    catalog.begin(b"", NOW);
    list(&mut catalog, b"", tree(""));
    catalog.begin(b"a/", NOW);
    catalog.failed(b"a/", NOW);
    assert_eq!(catalog.next(NOW), Some(&b"ab/"[..]));
    catalog.begin(b"ab/", NOW);
    list(&mut catalog, b"ab/", tree("ab/"));
    assert!(catalog.is_whole());
    assert!(catalog.union().partial);
    assert_eq!(catalog.cuts().count(), 0);
    assert_eq!(catalog.next(NOW), None);
    let again = catalog.deadline().expect("it is requested again");
    assert!(again > NOW);
    assert_eq!(catalog.next(again), Some(&b"a/"[..]));
    catalog.begin(b"a/", again);
    assert!(list(&mut catalog, b"a/", tree("a/")));
    assert!(!catalog.union().partial);
    // Each failure is reported once.
    assert!(catalog.is_new_trouble(b"a/", "why"));
    assert!(!catalog.is_new_trouble(b"a/", "why"));
    list(&mut catalog, b"a/", tree("a/"));
    assert!(catalog.is_new_trouble(b"a/", "why"));
}

#[test]
fn what_is_left_out_stays_so_when_a_directory_above_is_listed() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, |_| listing(&[], &["d"]));
    assert!(catalog.union().partial);
    for prefix in ["", "d/", "d/d/"] {
        catalog.begin(prefix.as_bytes(), NOW);
        list(&mut catalog, prefix.as_bytes(), listing(&["new"], &["d"]));
        assert!(catalog.union().partial, "{prefix}");
    }
    catalog.begin(b"d/", NOW);
    list(&mut catalog, b"d/", listing(&[], &[]));
    assert!(!catalog.union().partial);
}

#[test]
fn the_list_before_is_that_of_the_same_directory() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, tree);
    let before = |catalog: &Catalog| catalog.before().keys().cloned().collect::<Vec<_>>();
    assert!(before(&catalog).is_empty());
    catalog.begin(b"ab/", NOW);
    list(&mut catalog, b"ab/", tree("ab/"));
    assert!(before(&catalog).is_empty(), "a/ was listed once");
    catalog.begin(b"a/", NOW);
    list(&mut catalog, b"a/", listing(&["other"], &["b"]));
    assert_eq!(before(&catalog), [b"a/y".as_slice().into()]);
}

#[test]
fn every_directory_is_listed_again_before_something_counts_as_gone() {
    let names: Vec<String> = (0..20).map(|number| format!("{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let rule = |prefix: &str| match prefix {
        "" => listing(&[], &names),
        _ => listing(&[], &[]),
    };
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, rule);
    let later = Moment(2);
    assert!(catalog.is_listed_after(Moment(0), true));
    // A list of the same millisecond may be older.
    assert!(!catalog.is_listed_after(NOW, true));
    // The first one without a stream comes last.
    let first = MIRROR_STREAMS - 1;
    let others = (0..names.len()).filter(|&index| index != first);
    for index in others.chain([first]) {
        let name = names[index];
        assert!(!catalog.is_listed_after(NOW, true));
        let prefix = format!("{name}/");
        catalog.begin(prefix.as_bytes(), later);
        list(&mut catalog, prefix.as_bytes(), rule(&prefix));
    }
    // Streams tell of the first ones.
    assert!(catalog.is_listed_after(NOW, true));
    catalog.mark(b"");
    assert!(!catalog.is_listed_after(NOW, true));
    catalog.begin(b"", NOW);
    assert!(!catalog.is_listed_after(NOW, true), "its list is under way");
}

/// Those with a list that is under way need no other one.
#[test]
fn those_that_were_listed_before_a_moment_are_listed_again() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, tree);
    for (prefix, now) in [("a/", 5), ("", 4)] {
        catalog.begin(prefix.as_bytes(), Moment(now));
        list(&mut catalog, prefix.as_bytes(), tree(prefix));
    }
    catalog.begin(b"ab/", Moment(3));
    catalog.mark_older(Moment(3));
    list(&mut catalog, b"ab/", tree("ab/"));
    assert_eq!(crawl(&mut catalog, tree), ["a/b/"]);
    // What is due stays due.
    catalog.mark(b"a/");
    catalog.mark_older(Moment(0));
    assert_eq!(crawl(&mut catalog, tree), ["a/"]);
}

#[test]
fn what_a_list_says_first_and_again() {
    let mut catalog = Catalog::new(true);
    let empty = || listing(&[], &[]);
    catalog.begin(b"", NOW);
    assert!(list(&mut catalog, b"", empty()), "the first one");
    assert!(!list(&mut catalog, b"", empty()));
    catalog.closed(b"");
    assert!(list(&mut catalog, b"", empty()), "it can be listed again");
    assert!(!list(&mut catalog, b"", empty()));
    assert!(!list(&mut catalog, b"unknown/", tree("")));
}

#[test]
fn directories_that_are_left_out_are_named_once() {
    let left_out = |catalog: &mut Catalog| {
        let names = catalog.union().directories.into_iter();
        names
            .map(|name| String::from_utf8(name.into()).expect("ASCII"))
            .collect::<Vec<_>>()
    };
    let mut catalog = Catalog::new(false);
    for _ in 0..2 {
        catalog.begin(b"", NOW);
        list(&mut catalog, b"", tree(""));
        assert_eq!(left_out(&mut catalog), ["a/", "ab/"]);
    }
    list(&mut catalog, b"", listing(&[], &["ab"]));
    assert_eq!(left_out(&mut catalog), ["ab/"]);
    // They go with the directory that they are in.
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, |_| listing(&[], &["d"]));
    assert_eq!(left_out(&mut catalog).len(), 1);
    catalog.gone(b"d/", NOW);
    assert_eq!(left_out(&mut catalog).len(), 0);
    assert!(!catalog.union().partial);
}

/// Depth is that of directories: a long name is no deep one.
#[test]
fn long_names_are_not_deep() {
    let long = "n".repeat(2 * MIRROR_DEPTH);
    let mut catalog = Catalog::new(true);
    let listed = crawl(&mut catalog, |prefix| match prefix {
        "" => listing(&[], &[&long]),
        _ if prefix.ends_with("b/") => listing(&[], &[]),
        _ => listing(&[], &["b"]),
    });
    assert_eq!(listed, ["", &format!("{long}/"), &format!("{long}/b/")]);
}
