//! A look at a real directory: which of its files count as generations of a name.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use openrange::http::conditional::ETag;
use openrange::limits::GENERATIONS_MAX;
use openrange::store::generations::fact::Holder;
use openrange::store::generations::families::Families;
use openrange::store::generations::order::Member;
use openrange::store::generations::report::Report;
use openrange::store::generations::scan::Scanner;
use openrange::store::root::Files;

use crate::support::directory::TempDir;

struct Looker {
    dir: TempDir,
    families: Families,
    scanner: Scanner,
}

impl Looker {
    fn new(old_dir: Option<&str>) -> Looker {
        let dir = TempDir::in_memory();
        dir.mkdir("d/old");
        let families = Families {
            old_dir: old_dir.map(|name| name.as_bytes().into()),
            ..Families::default()
        };
        let files = Files::open(dir.path(), Arc::default()).expect("a directory");
        let scanner = Scanner::new(files, families.clone());
        Looker {
            dir,
            families,
            scanner,
        }
    }

    fn look(&self) -> Report {
        self.scanner.look(b"d/log").expect("a look")
    }

    fn members(&self) -> Vec<Member> {
        let generations = self.look().chain.0.into_iter();
        generations.map(|it| it.member).collect()
    }

    fn paths(&self) -> Vec<String> {
        let members = self.members().into_iter();
        members
            .map(|member| String::from_utf8(member.path.into()).expect("ASCII"))
            .collect()
    }
}

#[test]
fn files_that_count() {
    for (old_dir, expected) in [
        (None, &["d/log.3", "d/log.2.gz", "d/log.1", "d/log"][..]),
        (
            Some("old"),
            &["d/old/log.4", "d/log.3", "d/log.2.gz", "d/log.1", "d/log"],
        ),
        (Some("none"), &["d/log.3", "d/log.2.gz", "d/log.1", "d/log"]),
    ] {
        let looker = Looker::new(old_dir);
        let dir = &looker.dir;
        for name in [
            "log.3",
            "log.2.gz",
            "log.1",
            "log",
            "other.1",
            ".log.4",
            "logs",
            "old/log.4",
            "old/log",
        ] {
            dir.write(&format!("d/{name}"), name);
        }
        dir.mkdir("d/log.5");
        dir.symlink("log.1", "d/log.6");
        dir.write("log.7", "");
        assert_eq!(looker.paths(), expected, "{old_dir:?}");
        dir.remove("d/log");
        let without = &expected[..expected.len() - 1];
        assert_eq!(looker.paths(), without, "{old_dir:?}");
    }
}

#[test]
fn what_is_known_of_a_file() {
    let looker = Looker::new(None);
    looker.dir.write("d/log", "123");
    looker.dir.write("d/log.1", "12345");
    looker.dir.chmod("d/log.1", 0o444);
    let members = looker.members();
    let [old, new] = &*members else {
        panic!("{members:?}");
    };
    for (member, name) in [(old, "d/log.1"), (new, "d/log")] {
        use std::os::unix::fs::MetadataExt;
        let stat = fs::metadata(looker.dir.join(name)).expect("a file");
        assert_eq!(member.size, stat.len());
        let modified = (
            stat.mtime(),
            u32::try_from(stat.mtime_nsec()).expect("small"),
        );
        assert_eq!(member.modified, modified);
        assert_eq!(member.sealed, name == "d/log.1");
        assert_eq!(member.current, name == "d/log");
        assert_eq!(member.kinship.is_some(), name == "d/log.1");
    }
    assert_ne!(old.etag, new.etag);
    // A name that passes on leaves the tag with the file.
    looker.dir.rename("d/log.1", "d/log.2");
    assert_eq!(looker.members()[0].etag, old.etag);
}

/// Any name will do for a file that was seen to have the name, and one that was made under a name of its own is none.
#[test]
fn what_was_seen_counts() {
    use std::os::unix::fs::MetadataExt;
    let looker = Looker::new(None);
    looker.dir.write("d/log", "");
    let etag = looker.members()[0].etag;
    let inode = fs::metadata(looker.dir.join("d/log"))
        .expect("a file")
        .ino();
    let history = &looker.families.history;
    let size = 0;
    history.note_holder(b"d/log", Holder { etag, inode, size });
    looker.dir.rename("d/log", "d/saved");
    assert_eq!(looker.paths(), ["d/saved"]);
    assert_eq!(looker.look().seen.place(etag), Some(0));
    looker.dir.write("d/log.1", "");
    assert_eq!(looker.paths().len(), 2);
    let made = looker.members().into_iter().find(|it| it.etag != etag);
    history.note_born(made.expect("the other one").etag);
    assert_eq!(looker.paths(), ["d/saved"]);
    assert_eq!(looker.look().successor(ETag(9)), None);
}

/// A look counts by itself if the directory was last changed long ago.
#[test]
fn a_directory_that_rests() {
    for old_dir in [None, Some("old")] {
        let looker = Looker::new(old_dir);
        looker.dir.write("d/log", "");
        looker.dir.write("d/old/log.1", "");
        let places = ["d", "d/old"];
        let day = Duration::from_secs(86_400);
        for place in places {
            looker.dir.touch(place, day);
        }
        assert!(looker.look().is_settled(), "{old_dir:?}");
        // Of two directories the one counts that was changed last.
        looker.dir.touch("d/old", day / 2);
        let half_days = looker.look().quiet.as_secs() * 2 / day.as_secs();
        assert_eq!(half_days, if old_dir.is_some() { 1 } else { 2 });
        looker.dir.touch("d", Duration::ZERO);
        // In the future, so that it stays recent.
        let file = fs::File::open(looker.dir.join("d/old")).expect("a directory");
        let soon = std::time::SystemTime::now() + day;
        file.set_modified(soon).expect("utimensat");
        looker.dir.touch("d", day);
        assert_eq!(looker.look().is_settled(), old_dir.is_none(), "{old_dir:?}");
    }
}

#[test]
fn only_the_newest_of_many_count() {
    let looker = Looker::new(None);
    for number in 1..=GENERATIONS_MAX + 3 {
        looker.dir.write(&format!("d/log.{number}"), "");
    }
    looker.dir.write("d/log-20240229", "");
    looker.dir.write("d/log", "");
    let paths = looker.paths();
    assert_eq!(paths.len(), GENERATIONS_MAX + 1);
    assert!(paths.contains(&String::from("d/log.1")));
    assert!(paths.contains(&String::from("d/log-20240229")));
    let last = format!("d/log.{}", GENERATIONS_MAX + 3);
    assert!(!paths.contains(&last));
}

#[test]
fn errors() {
    let looker = Looker::new(None);
    assert!(looker.scanner.look(b"e/log").is_err(), "no such directory");
    let report = looker.scanner.look(b"d/none").expect("a look");
    assert!(report.chain.0.is_empty());
    looker.dir.write("log.1", "");
    let report = looker.scanner.look(b"log").expect("a look at ROOT");
    assert_eq!(report.chain.0.len(), 1);
    assert_eq!(&*report.chain.0[0].member.path, b"log.1");
}
