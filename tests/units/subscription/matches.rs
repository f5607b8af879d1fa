//! `subscription::matches`: which files are followed when more fit than one stream follows.

use std::rc::Rc;

use openrange::http::date::Date;
use openrange::http::etag::ETag;
use openrange::http::pattern;
use openrange::limits::{EVENT_FILES_MAX, EVENT_IDLE_SECONDS, EVENT_NAMES_MAX, LISTING_MAX};
use openrange::subscription::changelog::Version;
use openrange::subscription::entry::{Entry, Kind};
use openrange::subscription::matches::{Matches, Patched};

fn entry(tag: u64, modified: u64) -> Entry {
    Entry {
        modified: Date::from_seconds(i64::try_from(modified).expect("a date")),
        kind: Kind::File {
            size: 1,
            sealed: false,
            tag: Some(ETag(tag)),
            job: None,
        },
    }
}

/// Scans these names, each with its tag and time.
fn scan(matches: &mut Matches, files: &[(String, u64, u64)], version: u64) -> bool {
    matches.begin();
    for (name, tag, modified) in files {
        if matches.fits(name.as_bytes()) {
            matches.offer(name.as_bytes(), &entry(*tag, *modified));
        }
    }
    matches.finish(Version(version))
}

fn logs(count: u64) -> Vec<(String, u64, u64)> {
    (0..count)
        .map(|i| (format!("{i:03}.log"), i + 1, 1000 - i))
        .collect()
}

fn all_logs() -> Matches {
    Matches::new(pattern::parse(b"*.log").expect("a pattern"))
}

#[test]
fn the_newest_are_followed() {
    let mut matches = all_logs();
    let mut files = logs(40);
    files.push(("other".into(), 99, 9999));
    assert!(scan(&mut matches, &files, 1));
    let names: Vec<&[u8]> = matches.files().map(|(name, _)| name).collect();
    assert_eq!(
        (names.len(), names[0]),
        (EVENT_FILES_MAX, b"000.log".as_slice())
    );
    assert_eq!(matches.left_out().names().len(), 40 - EVENT_FILES_MAX);
    assert!(!scan(&mut matches, &files, 2), "nothing has changed");
    assert_eq!(matches.version(), Version(1));
    // One that is a little newer does not take turns with one that is followed; one that is much newer does.
    let oldest = files[31].2;
    files[39].2 = oldest + EVENT_IDLE_SECONDS;
    assert!(!scan(&mut matches, &files, 3));
    files[39].2 = oldest + EVENT_IDLE_SECONDS + 1;
    assert!(scan(&mut matches, &files, 4));
    assert!(matches.has(b"039.log") && !matches.has(b"031.log"));
}

#[test]
fn a_file_of_several_names_counts_once_and_a_name_is_there_once() {
    let mut matches = all_logs();
    let mut files = logs(EVENT_FILES_MAX as u64);
    files.push(("link.log".into(), 1, 1000));
    files.push(("000.log".into(), 77, 1000));
    scan(&mut matches, &files, 1);
    assert!(matches.left_out().names().is_empty() && matches.has(b"link.log"));
    let times = matches
        .files()
        .filter(|(name, _)| *name == b"000.log")
        .count();
    assert_eq!(times, 1);
}

#[test]
fn what_has_become_of_a_name() {
    let mut matches = all_logs();
    scan(&mut matches, &logs(3), 1);
    let mut patch = |name: &str, entry: Option<Entry>| {
        matches.patch(name.as_bytes(), entry.as_ref(), Version(2))
    };
    assert_eq!(patch("000.log", Some(entry(1, 5000))), Patched::Same);
    assert_eq!(patch("000.log", Some(entry(8, 5000))), Patched::Changed);
    assert_eq!(patch("new.log", Some(entry(9, 5000))), Patched::Changed);
    assert_eq!(patch("001.log", None), Patched::Changed);
    assert_eq!(patch("001.log", None), Patched::Same);
    assert_eq!(matches.version(), Version(2));
    let names: Vec<&[u8]> = matches.files().map(|(name, _)| name).collect();
    assert_eq!(names, [b"000.log".as_slice(), b"002.log", b"new.log"]);
    // With others left out only a scan can tell which is the next.
    let mut matches = all_logs();
    scan(&mut matches, &logs(40), 1);
    assert_eq!(matches.patch(b"000.log", None, Version(2)), Patched::Rescan);
    let news = entry(99, 9000);
    assert_eq!(
        matches.patch(b"x.log", Some(&news), Version(2)),
        Patched::Rescan
    );
    let same = entry(1, 9000);
    assert_eq!(
        matches.patch(b"000.log", Some(&same), Version(2)),
        Patched::Same
    );
}

/// How many are left out of so many that fit: of very many not all are known.
#[test]
fn of_very_many_not_all_are_known() {
    for (count, left_out) in [
        (LISTING_MAX + 904, LISTING_MAX + 904 - EVENT_FILES_MAX),
        (2 * LISTING_MAX - 1, 2 * LISTING_MAX - 1 - EVENT_FILES_MAX),
        (2 * LISTING_MAX, LISTING_MAX - EVENT_FILES_MAX),
    ] {
        let mut matches = all_logs();
        matches.begin();
        for i in 0..count as u64 {
            matches.offer(format!("{i:05}.log").as_bytes(), &entry(i + 1, 100_000 - i));
        }
        matches.finish(Version(1));
        assert_eq!(matches.left_out().names().len(), left_out);
        // The newest, whether they came first or last.
        assert!(matches.has(b"00000.log") && matches.has(b"00031.log"));
    }
}

#[test]
fn a_scan_that_is_begun_anew_forgets_what_it_had() {
    let mut matches = all_logs();
    matches.begin();
    matches.offer(b"old.log", &entry(1, 1));
    scan(&mut matches, &[("new.log".into(), 2, 1)], 1);
    let names: Vec<&[u8]> = matches.files().map(|(name, _)| name).collect();
    assert_eq!(names, [b"new.log"]);
}

#[test]
fn a_file_has_so_many_names_and_no_more() {
    let names = |count: usize| -> Vec<(String, u64, u64)> {
        (0..count)
            .map(|i| (format!("{i:03}.log"), 1, 1000))
            .collect()
    };
    for (count, followed) in [
        (EVENT_NAMES_MAX, EVENT_NAMES_MAX),
        (EVENT_NAMES_MAX + 1, EVENT_NAMES_MAX),
    ] {
        let mut matches = all_logs();
        scan(&mut matches, &names(count), 1);
        assert_eq!(matches.files().count(), followed);
        assert!(
            matches.left_out().names().is_empty(),
            "the file is followed"
        );
    }
}

/// The first scan has a version, whatever it finds; then only what is other has another one.
#[test]
fn what_makes_a_difference() {
    let mut matches = all_logs();
    assert!(!scan(&mut matches, &[], 5));
    assert_eq!(matches.version(), Version(5));
    assert!(!scan(&mut matches, &[], 6));
    assert_eq!(matches.version(), Version(5));
    let file = |name: &str, tag: u64| vec![(name.to_owned(), tag, 1)];
    for (version, files, differs) in [
        (7, file("a.log", 1), true),
        (8, file("a.log", 1), false),
        (9, file("a.log", 2), true),
        (10, file("b.log", 2), true),
        (11, [file("b.log", 2), file("c.log", 2)].concat(), true),
        (12, file("b.log", 2), true),
    ] {
        assert_eq!(scan(&mut matches, &files, version), differs, "{version}");
        assert_eq!(matches.version() == Version(version), differs, "{version}");
    }
    // Of those that are left out: which they are counts, and not in which order they would be next.
    let mut files = logs(EVENT_FILES_MAX as u64 + 2);
    scan(&mut matches, &files, 20);
    assert!(!scan(&mut matches, &files, 21));
    files.swap(32, 33);
    (files[32].2, files[33].2) = (files[33].2, files[32].2);
    assert!(!scan(&mut matches, &files, 22));
    files[33].0 = "zzz.log".into();
    assert!(scan(&mut matches, &files, 23));
    assert_eq!(matches.version(), Version(23));
    assert_eq!(matches.left_out().names().len(), 2);
}

/// As many as are followed and one more: which of them are the newest is known by a scan only.
#[test]
fn a_patch_beyond_the_files_that_are_followed() {
    let mut matches = all_logs();
    scan(&mut matches, &logs(EVENT_FILES_MAX as u64 - 1), 1);
    let new = entry(90, 1);
    assert_eq!(
        matches.patch(b"x.log", Some(&new), Version(2)),
        Patched::Changed
    );
    let new = entry(91, 1);
    assert_eq!(
        matches.patch(b"y.log", Some(&new), Version(3)),
        Patched::Rescan
    );
    assert_eq!(matches.patch(b"y.log", None, Version(4)), Patched::Same);
    assert_eq!(matches.patch(b"x.log", None, Version(5)), Patched::Changed);
    assert_eq!(matches.version(), Version(5));
}

/// Streams mostly compare a list with itself, which takes no time.
#[test]
fn what_is_left_out_is_one_list_until_it_is_another() {
    let mut matches = all_logs();
    let mut files = logs(40);
    scan(&mut matches, &files, 1);
    let known = Rc::clone(matches.left_out());
    files[39].2 -= 1;
    scan(&mut matches, &files, 2);
    assert!(Rc::ptr_eq(&known, matches.left_out()));
    assert!(known.has(b"039.log") && !known.has(b"031.log"));
    files.pop();
    scan(&mut matches, &files, 3);
    assert!(!matches.left_out().has(b"039.log") && known.has(b"039.log"));
}
