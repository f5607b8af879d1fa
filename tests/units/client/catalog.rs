//! The lists of a tree.

use openrange::client::mirror::catalog::Catalog;
use openrange::client::mirror::listing::Listing;
use openrange::client::mirror::plan::Listed;
use openrange::http::conditional::ETag;
use openrange::limits::{MIRROR_DEPTH, MIRROR_DIRECTORIES_MAX};

fn listing(files: &[&str], directories: &[&str]) -> Listing {
    let file = |(index, name): (usize, &&str)| Listed {
        name: name.as_bytes().into(),
        etag: ETag(index as u64),
        size: 0,
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

/// Lists what is due, by a rule, until nothing is. Gives what was listed.
fn crawl(catalog: &mut Catalog, rule: impl Fn(&str) -> Listing) -> Vec<String> {
    let mut listed = Vec::new();
    while let Some(prefix) = catalog.next() {
        let prefix = String::from_utf8(prefix.into()).expect("ASCII");
        catalog.begin(prefix.as_bytes());
        catalog.list(prefix.as_bytes(), rule(&prefix));
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
    catalog.begin(b"");
    catalog.mark(b"");
    assert!(catalog.list(b"", listing(&["x"], &[])));
    assert_eq!(catalog.next(), Some(&b""[..]));
    catalog.begin(b"");
    assert!(!catalog.list(b"", listing(&["x"], &[])), "nothing new");
    assert_eq!(catalog.next(), None);
}

#[test]
fn a_directory_goes_with_those_below_it_and_no_others() {
    let mut catalog = Catalog::new(true);
    crawl(&mut catalog, tree);
    catalog.begin(b"");
    catalog.list(b"", listing(&["x"], &["ab"]));
    assert_eq!(catalog.prefixes().collect::<Vec<_>>(), [&b""[..], b"ab/"]);
    assert_eq!(names(&mut catalog), ["x"]);
    catalog.gone(b"ab/");
    assert_eq!(catalog.prefixes().count(), 1);
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
        let prefix: Vec<u8> = catalog.next().expect("something is due").into();
        catalog.begin(&prefix);
        catalog.mark(b"");
        listed.push(String::from_utf8(prefix).expect("ASCII"));
    }
    for prefix in ["", "a/", "a/b/", "ab/"] {
        assert!(listed.iter().any(|other| other == prefix), "{listed:?}");
    }
}
