//! Symbolic links of a directory: which of them must be followed again, and what is watched because of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::AsFd;

use openrange::follow::links::Links;
use openrange::follow::watcher::{Place, TopicId, Watch};
use openrange::http::date::Date;
use openrange::http::etag::ETag;
use openrange::limits::DIRECTORY_LINKS_MAX;
use openrange::subscription::entry::{Entry, Kind};

use crate::support::directory::TempDir;

const TOPIC: TopicId = 1;

fn entry(tag: u64) -> Entry {
    Entry {
        modified: Date::from_seconds(0),
        kind: Kind::File {
            size: 1,
            sealed: false,
            tag: Some(ETag(tag)),
            job: None,
        },
    }
}

/// Two files that are watched.
fn places() -> (Place, Place) {
    let dir = TempDir::in_memory();
    let mut watch = Watch::new();
    let mut place = |name: &str| {
        dir.write(name, "");
        let file = File::open(dir.path().join(name)).expect("a file");
        watch.add_file(file.as_fd(), TOPIC).expect("a watch")
    };
    (place("a"), place("b"))
}

fn moved(links: &mut Links) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    while let Some(name) = links.next_moved() {
        let name = String::from_utf8(name.into_vec()).expect("a name");
        assert!(names.insert(name), "once");
    }
    names
}

#[test]
fn what_must_be_followed_again() {
    let (here, _) = places();
    let mut links = Links::default();
    links.note(b"file", false, Some(&entry(1)));
    links.note(b"link", true, Some(&entry(2)));
    links.note(b"link", true, Some(&entry(2)));
    links.note(b"dangling", true, None);
    let both: BTreeSet<String> = ["dangling".into(), "link".into()].into();
    assert_eq!(moved(&mut links), both);
    for name in [b"link".as_slice(), b"dangling"] {
        assert!(links.place(name, vec![here.clone()]).is_empty());
    }
    links.note(b"link", true, Some(&entry(2)));
    assert_eq!(moved(&mut links), BTreeSet::new());
    // On the way of one that leads nowhere there may be more now.
    links.note(b"dangling", true, None);
    links.note(b"link", true, Some(&entry(3)));
    assert_eq!(moved(&mut links), both);
}

/// A place is given back when the last link that needs it leads elsewhere, or is gone.
#[test]
fn what_several_links_need() {
    let (here, there) = places();
    let mut links = Links::default();
    links.note(b"1", true, Some(&entry(1)));
    links.note(b"2", true, Some(&entry(1)));
    assert_eq!(links.place(b"1", vec![here.clone()]), []);
    assert_eq!(links.place(b"2", vec![here.clone(), there.clone()]), []);
    assert!(links.is_placed(b"1", std::slice::from_ref(&here)));
    assert!(!links.is_placed(b"2", std::slice::from_ref(&here)));
    assert_eq!(links.place(b"1", vec![there.clone()]), []);
    let only_here = std::slice::from_ref(&here);
    assert_eq!(links.place(b"2", vec![there.clone()]), only_here);
    links.note(b"1", false, None);
    assert_eq!(links.place(b"1", vec![here.clone()]), only_here);
    links.note(b"2", false, None);
    let unused = links.place(b"2", vec![here.clone(), there.clone()]);
    assert_eq!(unused, [here.clone(), there]);
    // Nobody knows that name any more.
    assert_eq!(links.place(b"2", vec![here.clone()]), [here]);
}

#[test]
fn so_many_links_and_no_more() {
    let mut links = Links::default();
    for number in 0..=DIRECTORY_LINKS_MAX {
        links.note(number.to_string().as_bytes(), true, None);
    }
    assert_eq!(moved(&mut links).len(), DIRECTORY_LINKS_MAX);
}
