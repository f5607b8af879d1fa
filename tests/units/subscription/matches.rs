//! `subscription::matches`: which files are followed when more fit than one stream follows.

use openrange::http::date::Date;
use openrange::http::etag::ETag;
use openrange::http::pattern;
use openrange::limits::{EVENT_FILES_MAX, EVENT_IDLE_SECONDS};
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
    assert_eq!(matches.left_out().len(), 40 - EVENT_FILES_MAX);
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
    assert!(matches.left_out().is_empty() && matches.has(b"link.log"));
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
