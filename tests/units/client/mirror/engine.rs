//! What a mirror fetches next, and what it makes of lists: an engine with copies in a directory of the test.

use std::fs;
use std::io::Write;
use std::time::Duration;

use openrange::client::mirror::engine::{Engine, Fetch};
use openrange::client::mirror::rule::{End, Rule, Subject};
use openrange::client::mirror::tree::Tree;
use openrange::client::settings::OnGap;
use openrange::http::etag::ETag;
use openrange::limits::{
    MIRROR_COMPLAINTS, MIRROR_DIRECTORIES_MAX, MIRROR_FURTHER_NAMES, MIRROR_STREAMS,
};
use openrange::time::Moment;

use crate::support::directory::TempDir;

pub(super) fn rule(subject: &str) -> Rule {
    Rule {
        subject: match subject.ends_with('/') {
            true => Subject::Directory(subject.into()),
            false => Subject::File(subject.into()),
        },
        recursive: false,
        delete: false,
        fail: false,
        once: false,
        fsync: false,
        on_gap: OnGap::Fail,
        late: Duration::from_secs(5),
    }
}

pub(super) struct Mirror {
    pub(super) engine: Engine,
    home: TempDir,
    pub(super) now: Moment,
}

/// A file in a list: name, tag, size, and further members.
pub(super) type File<'a> = (&'a str, u64, u64, &'a str);

pub(super) const NOW: &str = ",\"current\":true";
pub(super) const SEALED: &str = ",\"sealed\":true";

fn entry((name, etag, size, more): &File<'_>) -> String {
    format!(
        "{{\"kind\":\"file\",\"path\":\"{name}\",\"etag\":\"W/\\\"{etag:016x}\\\"\",\"size\":{size}{more}}}"
    )
}

pub(super) fn topics(files: &[File<'_>], directories: &[&str]) -> String {
    let below = |name: &&str| format!("{{\"kind\":\"directory\",\"path\":\"{name}/\"}}");
    let entries: Vec<String> = files
        .iter()
        .map(entry)
        .chain(directories.iter().map(below))
        .collect();
    format!(
        "{{\"truncated\":false,\"entries\":[{}]}}",
        entries.join(",")
    )
}

fn generations(files: &[File<'_>]) -> String {
    let entries: Vec<String> = files.iter().map(entry).collect();
    format!("{{\"generations\":[{}]}}", entries.join(","))
}

impl Mirror {
    pub(super) fn new(rule: Rule) -> Mirror {
        let home = TempDir::new();
        let tree =
            Tree::open(&home.join("copy"), "http://host/").unwrap_or_else(|_| panic!("no mirror"));
        Mirror {
            engine: Engine::new(rule, tree, Moment(1000)),
            home,
            now: Moment(1000),
        }
    }

    /// Of a directory.
    pub(super) fn of(directories: &str, files: &[File<'_>]) -> Mirror {
        let mut mirror = Mirror::new(rule(directories));
        mirror.list("", &topics(files, &[]));
        mirror
    }

    /// The next list is requested, and comes.
    pub(super) fn list(&mut self, below: &str, document: &str) {
        self.refuse(below, 200, document);
    }

    pub(super) fn refuse(&mut self, below: &str, status: u16, document: &str) {
        if below.is_empty() {
            self.engine.list_soon_of(b"", self.now);
        }
        let target = self.engine.begin_list(self.now).expect("one is due");
        assert!(
            target.ends_with(&format!("/{below}")),
            "{target}, not of {below}"
        );
        self.engine.list(status, document.as_bytes(), self.now);
    }

    pub(super) fn list_generations(&mut self, files: &[File<'_>]) {
        let target = self.engine.begin_list(self.now);
        assert_eq!(target.as_deref(), Some("/d/log?generations"));
        self.engine
            .list(200, generations(files).as_bytes(), self.now);
    }

    pub(super) fn next(&self, busy: &[u64], tails: bool) -> Option<(u64, u64, Option<u64>)> {
        let busy: Vec<ETag> = busy.iter().copied().map(ETag).collect();
        let fetch = self.engine.next_fetch(&busy, tails, self.now)?;
        Some((fetch.etag.0, fetch.offset, fetch.end))
    }

    pub(super) fn come(&mut self, etag: u64, bytes: &str, live: bool) {
        let file = self.engine.tree.append_to(ETag(etag)).expect("a file");
        file.expect("a copy")
            .write_all(bytes.as_bytes())
            .expect("a disk");
        // It is known again when the bytes are told.
        let before = self.engine.tree.size(ETag(etag)).expect("a copy");
        assert_eq!(
            before + bytes.len() as u64,
            fs::metadata(self.path(etag)).expect("a file").len()
        );
        self.engine
            .received(ETag(etag), bytes.len() as u64, live, self.now);
    }

    fn path(&self, etag: u64) -> std::path::PathBuf {
        self.home
            .join("copy")
            .join(self.engine.tree.name(ETag(etag)))
    }

    pub(super) fn names(&self) -> Vec<(String, u64)> {
        let locals = self.engine.tree.locals();
        let mut names: Vec<_> = locals
            .iter()
            .map(|local| {
                (
                    String::from_utf8_lossy(&local.name).into_owned(),
                    local.etag.0,
                )
            })
            .collect();
        names.sort();
        names
    }

    pub(super) fn reports(&mut self) -> String {
        std::mem::take(&mut self.engine.reports).join("; ")
    }
}

pub(super) fn named(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names
        .iter()
        .map(|(name, tag)| ((*name).to_owned(), *tag))
        .collect()
}

#[test]
fn what_is_missing_is_fetched() {
    let mut mirror = Mirror::of(
        "/d/",
        &[("a", 1, 4, ""), ("b", 2, 0, ""), ("c d", 3, 2, "")],
    );
    assert_eq!(mirror.names(), named(&[("a", 1), ("b", 2), ("c d", 3)]));
    assert!(!mirror.engine.is_complete());
    let fetch = mirror.engine.next_fetch(&[], false, mirror.now);
    let expected = Fetch {
        etag: ETag(1),
        target: "/d/a".into(),
        offset: 0,
        end: Some(4),
        compares: false,
    };
    assert_eq!(fetch, Some(expected));
    let fetch = mirror
        .engine
        .next_fetch(&[ETag(1)], false, mirror.now)
        .expect("another");
    assert_eq!((fetch.target.as_str(), fetch.end), ("/d/c%20d", Some(2)));
    assert_eq!(mirror.next(&[1, 3], false), None);
    mirror.come(1, "abc", false);
    assert_eq!(mirror.next(&[], false), Some((1, 3, Some(4))));
    mirror.come(1, "d", false);
    assert_eq!(mirror.next(&[], false), Some((3, 0, Some(2))));
    assert!(!mirror.engine.is_complete());
    mirror.come(3, "xy", false);
    assert_eq!(mirror.next(&[], true), None);
    assert!(mirror.engine.is_complete());
    assert_eq!(fs::read(mirror.path(1)).expect("a copy"), b"abcd");
}

#[test]
fn what_grows_is_tailed() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 0, ""), ("b", 2, 0, SEALED)]);
    assert_eq!(mirror.next(&[], true), None);
    mirror.engine.grown(b"", ETag(1), 3, mirror.now);
    assert!(
        mirror.engine.is_hot(ETag(1), mirror.now) && !mirror.engine.is_hot(ETag(2), mirror.now)
    );
    assert_eq!(mirror.next(&[], true), Some((1, 0, None)));
    assert_eq!(
        mirror.next(&[], false),
        Some((1, 0, Some(3))),
        "no more tails"
    );
    mirror.come(1, "abc", true);
    assert_eq!(mirror.next(&[], true), Some((1, 3, None)), "more will come");
    assert_eq!(
        (mirror.next(&[1], true), mirror.next(&[], false)),
        (None, None)
    );
    // For a while after its last bytes.
    mirror.now = Moment(30_999);
    assert_eq!(mirror.next(&[], true), Some((1, 3, None)));
    mirror.now = Moment(31_000);
    assert_eq!(mirror.next(&[], true), None);
    assert!(!mirror.engine.is_hot(ETag(1), mirror.now));
    mirror.come(1, "d", true);
    assert!(mirror.engine.is_hot(ETag(1), mirror.now));
    // Bytes that were known to be there are no sign of more.
    mirror.now = Moment(90_000);
    mirror.come(1, "e", false);
    assert!(!mirror.engine.is_hot(ETag(1), mirror.now));
    // What is complete does not grow.
    mirror.engine.grown(b"", ETag(2), 0, mirror.now);
    assert_eq!(mirror.next(&[], true), None);
    // Of a file that is unknown, a list tells.
    assert_eq!(mirror.engine.list_due, Moment::NEVER);
    mirror.engine.grown(b"", ETag(9), 5, mirror.now);
    assert_eq!(mirror.engine.list_due, Moment(90_020));
    let mut once = Mirror::new(Rule {
        once: true,
        ..rule("/d/")
    });
    once.list("", &topics(&[("a", 1, 0, "")], &[]));
    once.engine.grown(b"", ETag(1), 3, once.now);
    assert_eq!(
        once.next(&[], true),
        Some((1, 0, Some(3))),
        "only what is there"
    );
}

#[test]
fn a_fetch_that_fails_waits() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 4, ""), ("b", 2, 4, "")]);
    mirror.engine.failed(ETag(1), "503: full", mirror.now);
    assert_eq!(mirror.reports(), "a: 503: full; trying again");
    assert_eq!(
        (mirror.next(&[], false), mirror.engine.deadline(mirror.now)),
        (Some((2, 0, Some(4))), Moment(1050))
    );
    assert_eq!(mirror.next(&[2], false), None);
    mirror.now = Moment(1050);
    assert_eq!(mirror.next(&[2], false), Some((1, 0, Some(4))));
    mirror.engine.failed(ETag(1), "503: full", mirror.now);
    assert_eq!(
        (mirror.reports(), mirror.engine.deadline(mirror.now)),
        (String::new(), Moment(1150)),
        "once"
    );
    mirror.engine.failed(ETag(2), "reset", mirror.now);
    assert_eq!(mirror.reports(), "b: reset; trying again");
    assert_eq!(
        mirror.engine.deadline(mirror.now),
        Moment(1100),
        "of the first"
    );
    // What works forgets it.
    mirror.come(2, "ab", false);
    assert_eq!(mirror.next(&[], false), Some((2, 2, Some(4))));
    assert_eq!(mirror.engine.deadline(mirror.now), Moment(1150));
    // What is gone is not waited for.
    mirror.now = Moment(1060);
    mirror.engine.list_soon_of(b"", mirror.now);
    mirror.list("", &topics(&[("b", 2, 4, "")], &[]));
    assert_eq!(mirror.engine.deadline(mirror.now), Moment::NEVER);
    // It is elsewhere: a list tells where.
    mirror.engine.elsewhere(ETag(2), mirror.now);
    assert_eq!(
        (mirror.next(&[], false), mirror.engine.list_due),
        (None, Moment(1080))
    );
}

#[test]
fn names_follow_those_of_the_origin() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 2, ""), ("b", 2, 0, "")]);
    mirror.list("", &topics(&[("c", 1, 2, ""), ("b", 2, 0, "")], &[]));
    assert_eq!(
        mirror.names(),
        named(&[("a", 1), ("b", 2)]),
        "not before it is whole"
    );
    assert!(!mirror.engine.is_complete());
    mirror.come(1, "xy", false);
    assert_eq!(mirror.names(), named(&[("b", 2), ("c", 1)]));
    assert!(mirror.engine.is_complete());
    // It is complete: nobody may write it when all of it is here.
    mirror.list("", &topics(&[("c", 1, 3, SEALED), ("b", 2, 0, "")], &[]));
    let mode = |mirror: &Mirror| {
        fs::metadata(mirror.path(1))
            .expect("a copy")
            .permissions()
            .readonly()
    };
    assert!(!mode(&mirror));
    mirror.come(1, "z", false);
    assert!(mode(&mirror));
    // What was removed there stays, unless it is wanted otherwise.
    mirror.list("", &topics(&[("b", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("b", 2), ("c", 1)]));
    assert!(mirror.engine.is_complete());
    let mut mirror = Mirror::new(Rule {
        delete: true,
        ..rule("/d/")
    });
    mirror.list("", &topics(&[("a", 1, 0, ""), ("b", 2, 0, "")], &[]));
    mirror.list("", &topics(&[("b", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("b", 2)]));
    // A list that lacks files removes none.
    let partial = topics(&[], &[]).replace("false", "true");
    mirror.list("", &partial);
    assert_eq!(mirror.names(), named(&[("b", 2)]));
    assert!(
        mirror
            .reports()
            .contains("more entries than the server lists")
    );
    mirror.list("", &partial);
    assert_eq!(mirror.reports(), "", "once");
}

#[test]
fn what_is_left_out_is_told_once() {
    let mut mirror = Mirror::new(rule("/d/"));
    fs::create_dir(mirror.home.join("copy")).expect("a directory");
    fs::write(mirror.home.join("copy/a"), "foreign").expect("a file");
    for _ in 0..2 {
        mirror.list("", &topics(&[("a", 1, 4, ""), ("b", 2, 0, "")], &["e"]));
        mirror.engine.list_soon_of(b"", mirror.now);
    }
    assert_eq!(
        mirror.reports(),
        "e/ is a directory and is left out: --recursive mirrors those below too; \
         a exists already and is not a copy: it is left alone"
    );
    assert_eq!(mirror.names(), named(&[("b", 2)]));
    assert_eq!(mirror.next(&[], false), None, "there is no copy of it");
    let why = Rule {
        recursive: true,
        ..rule("/d/")
    }
    .why_left_out();
    assert!(
        why.contains("16 directories deep") && why.contains("1000 at most"),
        "{why}"
    );
    assert_eq!(MIRROR_DIRECTORIES_MAX, 1000);
}

/// A tail is refused, as its file is sealed: it is not asked for again and again before a list says so.
#[test]
fn a_tail_of_a_file_that_is_sealed() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 0, "")]);
    mirror.engine.grown(b"", ETag(1), 3, mirror.now);
    mirror.come(1, "abc", true);
    assert_eq!(mirror.next(&[], true), Some((1, 3, None)));
    mirror.engine.sealed(ETag(1), mirror.now);
    assert_eq!(mirror.next(&[], true), None);
    assert!(mirror.engine.list_due < Moment::NEVER);
    mirror.list("", &topics(&[("a", 1, 3, SEALED)], &[]));
    assert_eq!(mirror.next(&[], true), None);
    assert!(mirror.engine.is_complete() && mirror.engine.tree.is_sealed(ETag(1)));
    let mut mirror = Mirror::new(rule("/d/log"));
    mirror.list_generations(&[("/d/log", 2, 0, NOW)]);
    mirror.engine.sealed(ETag(2), mirror.now);
    assert_eq!(mirror.next(&[], true), None);
    assert!(mirror.engine.deadline(mirror.now) > mirror.now);
    assert!(mirror.engine.list_due < Moment(2000), "soon");
}

/// A large tree fills no log; what is told is forgotten when it is gone.
#[test]
fn of_many_directories_the_number_is_told() {
    let names: Vec<String> = (10..30).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let why = "left out: --recursive mirrors those below too";
    let one = |name: &str| format!("{name}/ is a directory and is {why}");
    let mut mirror = Mirror::new(rule("/d/"));
    for _ in 0..2 {
        mirror.list("", &topics(&[], &names));
    }
    let mut expected: Vec<String> = names[..MIRROR_FURTHER_NAMES]
        .iter()
        .map(|it| one(it))
        .collect();
    let more = names.len() - MIRROR_FURTHER_NAMES;
    expected.push(format!("{more} more directories are {why}"));
    assert_eq!(mirror.reports(), expected.join("; "));
    mirror.list("", &topics(&[], &names[1..]));
    assert_eq!(mirror.reports(), "");
    mirror.list("", &topics(&[], &names));
    assert_eq!(mirror.reports(), one(names[0]));
}

#[test]
fn a_copy_that_begins_again() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 4, "")]);
    mirror.come(1, "abcd", false);
    mirror
        .engine
        .begun_again(ETag(1), "was truncated to 2 bytes", mirror.now);
    assert_eq!(
        mirror.reports(),
        "a was truncated to 2 bytes; its copy begins again"
    );
    assert_eq!(
        (mirror.engine.tree.size(ETag(1)), mirror.engine.list_due),
        (Some(0), Moment(1020))
    );
    mirror.list("", &topics(&[("a", 1, 2, "")], &[]));
    assert_eq!(mirror.next(&[], false), Some((1, 0, Some(2))));
}

#[test]
fn ends_of_tails() {
    for (why, due, held) in [
        ("", 1000, true),
        ("shutdown", 1000, true),
        ("sealed", 1000, false),
        ("renamed", 1000, false),
    ] {
        let mut mirror = Mirror::of("/d/", &[("a", 1, 0, ""), ("b", 2, 0, "")]);
        mirror.engine.grown(b"", ETag(1), 3, mirror.now);
        mirror.engine.ended(ETag(1), why, mirror.now);
        assert!(!mirror.engine.is_hot(ETag(1), mirror.now), "{why}");
        assert_eq!(mirror.engine.list_due, Moment(due), "{why}");
        let next = if held { None } else { Some((1, 0, Some(3))) };
        assert_eq!(mirror.next(&[], true), next, "{why}");
    }
}

#[test]
fn generations_of_one_file() {
    let mut mirror = Mirror::new(rule("/d/log"));
    let first = [("/d/log.1", 1, 5, ""), ("/d/log", 2, 3, NOW)];
    mirror.list_generations(&first);
    assert_eq!(
        mirror.names(),
        named(&[("log", 2)]),
        "only what has the name"
    );
    let fetch = mirror
        .engine
        .next_fetch(&[], false, mirror.now)
        .expect("the file");
    assert_eq!((fetch.target.as_str(), fetch.end), ("/d/log", Some(3)));
    let fetch = mirror
        .engine
        .next_fetch(&[], true, mirror.now)
        .expect("the file");
    assert_eq!(
        (fetch.target.as_str(), fetch.end),
        ("/d/log", None),
        "its name is tailed"
    );
    assert!(
        mirror.engine.is_hot(ETag(2), mirror.now) && !mirror.engine.is_hot(ETag(1), mirror.now)
    );
    mirror.come(2, "abc", true);
    assert!(mirror.engine.is_complete());
    assert_eq!(mirror.engine.tree.live, Some(ETag(2)));
    // Late lines may come for a while.
    assert_eq!(mirror.engine.list_due, Moment(2000));
    mirror.now = Moment(2000);
    mirror.list_generations(&first);
    assert_eq!(mirror.engine.list_due, Moment(3000));
    mirror.now = Moment(6000);
    mirror.list_generations(&first);
    assert_eq!(mirror.engine.list_due, Moment(7000));
    // It is rolled.
    mirror.engine.ended(ETag(2), "renamed", mirror.now);
    assert_eq!(
        (mirror.engine.tree.live, mirror.engine.list_due),
        (None, Moment(6000))
    );
    let second = [
        ("/d/log.2", 1, 5, ""),
        ("/d/log.1", 2, 3, ""),
        ("/d/log", 3, 0, NOW),
    ];
    mirror.list_generations(&second);
    // A second list must say the same.
    assert_eq!(mirror.names(), named(&[("log", 2)]));
    mirror.now = mirror.engine.list_due;
    mirror.list_generations(&second);
    assert_eq!(mirror.names(), named(&[("log", 3), ("log.1", 2)]));
    assert_eq!(mirror.engine.tree.live, Some(ETag(3)));
    // Late bytes are asked for by the tag.
    let late = [
        ("/d/log.2", 1, 5, ""),
        ("/d/log.1", 2, 4, ""),
        ("/d/log", 3, 0, NOW),
    ];
    mirror.list_generations(&late);
    let fetch = mirror.engine.next_fetch(&[], false, mirror.now);
    let fetch = fetch.expect("late bytes");
    let target = "/d/log?generation=0000000000000002";
    assert_eq!(
        (&*fetch.target, fetch.offset, fetch.end),
        (target, 3, Some(4))
    );
    mirror.come(2, "d", false);
    // Nothing has the name.
    let none = [("/d/log.1", 3, 0, "")];
    mirror.engine.ended(ETag(3), "unlinked", mirror.now);
    for pause in [10, 20, 40] {
        mirror.list_generations(&none);
        assert_eq!(mirror.engine.list_due.0 - mirror.now.0, pause);
        mirror.now = mirror.engine.list_due;
    }
    assert!(mirror.engine.end.is_none());
}

#[test]
fn a_generation_that_is_gone() {
    for on_gap in [OnGap::Fail, OnGap::Oldest, OnGap::Latest] {
        let mut mirror = Mirror::new(Rule {
            on_gap,
            ..rule("/d/log")
        });
        mirror.list_generations(&[("/d/log", 2, 3, NOW)]);
        mirror.come(2, "ab", true);
        mirror.list_generations(&[("/d/log.1", 4, 3, ""), ("/d/log", 5, 3, NOW)]);
        let lost = "generation W/\"0000000000000002\" is gone: what it had from byte 2 on is lost";
        if on_gap == OnGap::Fail {
            assert!(matches!(&mirror.engine.end, Some(End::Gap(what)) if what == lost));
            continue;
        }
        assert!(mirror.engine.end.is_none());
        assert_eq!(mirror.reports(), lost);
    }
}

#[test]
fn lists_that_are_refused() {
    let directory = "a directory\n";
    // What is mirrored, whether a refusal ends it, the response, and what becomes of it.
    let rows = [
        ("/d/", false, 404, "gone\n", "404: gone; trying again"),
        (
            "/d/",
            false,
            200,
            "a page",
            "the list cannot be parsed; trying again",
        ),
        (
            "/d/log",
            false,
            200,
            "a page",
            "the list cannot be parsed; trying again",
        ),
        (
            "/d/log",
            false,
            404,
            "no such file\nmore",
            "404: no such file; trying again",
        ),
        (
            "/d/log",
            false,
            301,
            "elsewhere",
            "301: elsewhere; trying again",
        ),
        (
            "/d/",
            false,
            301,
            directory,
            "301: a directory; trying again",
        ),
        ("/d/", true, 500, "no", "500: no; trying again"),
        ("/d/", true, 399, "no", "399: no; trying again"),
        (
            "/d/log",
            false,
            301,
            directory,
            "end: it is a directory; did you mean /d/log/ ?",
        ),
        ("/d/", true, 404, "gone\n", "end: 404: gone"),
        ("/d/", true, 403, "no", "end: 403: no"),
        ("/d/", true, 400, "no", "end: 400: no"),
        ("/d/log", true, 499, "no", "end: 499: no"),
    ];
    for (subject, fail, status, document, expected) in rows {
        let mut mirror = Mirror::new(Rule {
            fail,
            ..rule(subject)
        });
        let _ = mirror.engine.begin_list(mirror.now);
        mirror.engine.list(status, document.as_bytes(), mirror.now);
        let told = match &mirror.engine.end {
            Some(End::Failure(why)) => format!("end: {why}"),
            Some(other) => panic!("{other:?}"),
            None => mirror.reports(),
        };
        assert_eq!(told, expected);
        assert!(!mirror.home.join("copy").exists(), "no trace");
        if mirror.engine.end.is_some() {
            continue;
        }
        // Again, after longer and longer pauses, and said once.
        let due = |mirror: &Mirror| mirror.engine.list_due.0 - mirror.now.0;
        assert_eq!(due(&mirror), 50);
        let _ = mirror.engine.begin_list(mirror.now);
        mirror.engine.list_failed("reset".into(), mirror.now);
        assert_eq!(
            (mirror.reports().as_str(), due(&mirror)),
            ("reset; trying again", 100)
        );
        let _ = mirror.engine.begin_list(mirror.now);
        mirror.engine.list_failed("reset".into(), mirror.now);
        assert_eq!((mirror.reports().as_str(), due(&mirror)), ("", 200));
    }
}

/// A tree: a directory that cannot be listed does not keep the others waiting.
#[test]
fn directories_of_a_tree() {
    let tree = || {
        let mut mirror = Mirror::new(Rule {
            recursive: true,
            ..rule("/d/")
        });
        mirror.list("", &topics(&[("a", 1, 1, "")], &["e", "f g"]));
        assert_eq!(mirror.engine.list_due, mirror.now);
        assert_eq!(
            mirror.names(),
            [],
            "the lists of the others may say that it was moved"
        );
        mirror
    };
    let mut mirror = tree();
    mirror.list("e/", &topics(&[("b", 2, 0, "")], &[]));
    mirror.list("f%20g/", &topics(&[], &[]));
    assert_eq!(mirror.names(), named(&[("a", 1), ("e/b", 2)]));
    let prefixes: Vec<&[u8]> = mirror.engine.directories().collect();
    assert_eq!(prefixes, [&b""[..], b"e/", b"f g/"]);
    mirror.come(1, "x", false);
    assert!(mirror.engine.is_complete());
    // What failed there tells which list is due.
    mirror.engine.elsewhere(ETag(2), mirror.now);
    mirror.list("e/", &topics(&[("c", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("a", 1), ("e/c", 2)]));
    mirror.engine.grown(b"f g/", ETag(9), 1, mirror.now);
    mirror.list("f%20g/", &topics(&[("n", 9, 1, "")], &[]));
    assert_eq!(mirror.names(), named(&[("a", 1), ("e/c", 2), ("f g/n", 9)]));
    for (status, document, told, again) in [
        (403, "no entry\n", "e/: no entry; left as it is", false),
        (400, "no\n", "e/: 400: no; left as it is", false),
        (499, "no\n", "e/: 499: no; left as it is", false),
        (408, "slow\n", "e/: 408: slow; trying again", true),
        (429, "slow\n", "e/: 429: slow; trying again", true),
        (500, "no\n", "e/: 500: no; trying again", true),
        (
            200,
            "a page",
            "e/: the list cannot be parsed; trying again",
            true,
        ),
    ] {
        let mut mirror = tree();
        mirror.refuse("e/", status, document);
        assert_eq!(mirror.reports(), told);
        mirror.list("f%20g/", &topics(&[], &[]));
        assert_eq!(mirror.names(), named(&[("a", 1)]));
        let due = mirror.engine.list_due;
        assert_eq!(due < Moment::NEVER, again, "{status}: {due:?}");
        if again {
            mirror.now = due;
            mirror.refuse("e/", status, document);
            assert_eq!(mirror.reports(), "", "once");
        }
    }
    // It went between two lists, or is a file now: what is the list that names it worth?
    for status in [404, 301] {
        let mut mirror = tree();
        mirror.refuse("e/", status, "");
        assert_eq!(mirror.reports(), "");
        mirror.list("f%20g/", &topics(&[], &[]));
        assert_eq!(mirror.names(), named(&[("a", 1)]));
        mirror.now = mirror.engine.list_due;
        mirror.list("", &topics(&[("e", 7, 1, "")], &["f g"]));
        assert_eq!(mirror.names(), named(&[("a", 1), ("e", 7)]));
    }
    // With --fail, what is gone for good ends it; what is forbidden does not.
    for (status, ends) in [(404, false), (403, false), (410, true), (500, false)] {
        let mut mirror = tree();
        let _ = mirror.engine.begin_list(mirror.now);
        mirror.engine.list_failed("reset".into(), mirror.now);
        assert_eq!(mirror.reports(), "reset; trying again");
        let mut mirror = Mirror::new(Rule {
            recursive: true,
            fail: true,
            ..rule("/d/")
        });
        mirror.list("", &topics(&[], &["e"]));
        mirror.refuse("e/", status, "why");
        assert_eq!(mirror.engine.end.is_some(), ends, "{status}");
    }
}

/// Of more directories than have a stream, lists tell.
#[test]
fn directories_without_a_stream_are_listed_now_and_then() {
    let names: Vec<String> = (0..MIRROR_STREAMS)
        .map(|number| format!("{number}"))
        .collect();
    for count in [MIRROR_STREAMS - 1, MIRROR_STREAMS] {
        let names: Vec<&str> = names[..count].iter().map(String::as_str).collect();
        let mut mirror = Mirror::new(Rule {
            recursive: true,
            ..rule("/d/")
        });
        mirror.list("", &topics(&[], &names));
        let last = format!("{}/", count - 1);
        for name in &names {
            let files = [("x", 7, 0, "")];
            let files = if name == names.last().expect("one") {
                &files[..]
            } else {
                &[]
            };
            mirror.list(&format!("{name}/"), &topics(files, &[]));
        }
        let polls = count == MIRROR_STREAMS;
        assert_eq!(mirror.engine.list_deadline() < Moment::NEVER, polls);
        mirror.engine.poll(mirror.now);
        assert_eq!(mirror.engine.list_due == mirror.now, polls);
        if !polls {
            continue;
        }
        // Those behind the last that has one; and what they show to grow is tailed.
        mirror.list(&last, &topics(&[("x", 7, 4, "")], &[]));
        assert!(mirror.engine.is_hot(ETag(7), mirror.now));
        assert_eq!(mirror.engine.list_due, Moment::NEVER);
        assert_eq!(mirror.engine.list_deadline(), Moment(4000));
        // One that says the same is no sign of more.
        let later = Moment(100_000);
        mirror.engine.list_soon_of(last.as_bytes(), later);
        assert!(
            mirror
                .engine
                .begin_list(later)
                .is_some_and(|it| it.ends_with(&last))
        );
        let same = topics(&[("x", 7, 4, ""), ("z", 8, 0, "")], &[]);
        mirror.engine.list(200, same.as_bytes(), later);
        assert!(!mirror.engine.is_hot(ETag(7), later));
        mirror.engine.poll(Moment(3999));
        assert_eq!(mirror.engine.list_due, Moment::NEVER);
        mirror.engine.poll(Moment(4000));
        assert_eq!(mirror.engine.list_due, Moment(4000));
        // Less and less often while they say the same, and as before when one says something new.
        let (mut now, mut pauses) = (Moment(4000), Vec::new());
        for size in [4, 4, 4, 4, 4, 5, 5] {
            let list = topics(&[("x", 7, size, ""), ("z", 8, 0, "")], &[]);
            while mirror.engine.begin_list(now).is_some() {
                mirror.engine.list(200, list.as_bytes(), now);
            }
            let due = mirror.engine.list_deadline();
            pauses.push(due - now);
            now = due;
            mirror.engine.poll(now);
        }
        assert_eq!(pauses, [3, 6, 12, 15, 15, 3, 3].map(Duration::from_secs));
    }
}

/// Each complaint of a file comes once until all of it is here, and of many only a few.
#[test]
fn complaints_of_files() {
    let mut mirror = Mirror::of("/d/", &[("a", 1, 4, ""), ("b", 2, 4, "")]);
    let mut told = 0;
    for number in 0..10 {
        mirror
            .engine
            .failed(ETag(1), &format!("why {number}"), mirror.now);
        told += usize::from(!mirror.reports().is_empty());
    }
    assert_eq!(told, MIRROR_COMPLAINTS);
    mirror.engine.failed(ETag(2), "why 0", mirror.now);
    assert_eq!(
        mirror.reports(),
        "b: why 0; trying again",
        "of another file"
    );
    mirror.come(1, "ab", false);
    mirror.engine.failed(ETag(1), "why 0", mirror.now);
    assert_eq!(mirror.reports(), "", "half of it is no success");
    mirror.come(1, "cd", false);
    mirror.engine.failed(ETag(1), "why 0", mirror.now);
    assert_eq!(mirror.reports(), "a: why 0; trying again");
    // It went, and is there again.
    mirror.list("", &topics(&[("a", 1, 4, "")], &[]));
    mirror.list("", &topics(&[("a", 1, 4, ""), ("b", 2, 4, "")], &[]));
    mirror.reports();
    mirror.engine.failed(ETag(1), "why 0", mirror.now);
    assert_eq!(mirror.reports(), "", "it was listed all the time");
    mirror.engine.failed(ETag(2), "why 0", mirror.now);
    assert_eq!(mirror.reports(), "b: why 0; trying again");
}

/// What goes before all of it is here is told, once nothing of it can come any more.
#[test]
fn files_that_go_before_they_are_here() {
    for delete in [false, true] {
        let mut mirror = Mirror::new(Rule {
            delete,
            ..rule("/d/")
        });
        let both = topics(&[("a", 1, 4, ""), ("b", 2, 4, "")], &[]);
        mirror.list("", &both);
        mirror.come(1, "ab", false);
        mirror.come(2, "abcd", false);
        // While a connection brings it, more may come, and it keeps its name.
        mirror.engine.begun(ETag(1));
        mirror.list("", &topics(&[], &[]));
        assert_eq!(mirror.reports(), "");
        assert!(mirror.names().contains(&("a".into(), 1)));
        mirror.come(1, "c", false);
        mirror.engine.over(ETag(1), mirror.now);
        let what = if delete {
            "its copy goes too"
        } else {
            "its copy stays"
        };
        let expected = format!("a is gone: what it had from byte 3 on is lost; {what}");
        assert_eq!(mirror.reports(), expected, "b is whole");
        let left = if delete {
            vec![]
        } else {
            named(&[("a", 1), ("b", 2)])
        };
        assert_eq!(mirror.names(), left);
        // Once.
        mirror.list("", &topics(&[], &[]));
        assert_eq!(mirror.reports(), "");
    }
    // It came to its end meanwhile.
    let mut mirror = Mirror::of("/d/", &[("a", 1, 4, "")]);
    mirror.engine.begun(ETag(1));
    mirror.list("", &topics(&[], &[]));
    mirror.come(1, "abcd", false);
    mirror.engine.over(ETag(1), mirror.now);
    assert_eq!(mirror.reports(), "");
    // A list that lacks files says nothing of them, and it may come back.
    let mut mirror = Mirror::of("/d/", &[("a", 1, 4, "")]);
    mirror.list("", &topics(&[], &[]).replace("false", "true"));
    assert!(!mirror.reports().contains("is lost"));
    mirror.list("", &topics(&[("a", 1, 4, "")], &[]));
    mirror.come(1, "abcd", false);
    mirror.list("", &topics(&[], &[]));
    assert_eq!(mirror.reports(), "");
}

/// In a tree a file may have moved to a directory of which the list is to come: its copy stays for a while.
#[test]
fn copies_that_travel() {
    let mut mirror = Mirror::new(Rule {
        recursive: true,
        delete: true,
        ..rule("/d/")
    });
    mirror.list("", &topics(&[("a", 1, 0, ""), ("b", 2, 0, "")], &["e"]));
    mirror.list("e/", &topics(&[], &[]));
    assert_eq!(mirror.names(), named(&[("a", 1), ("b", 2)]));
    // One is gone, and a new file has its name.
    mirror.now = Moment(2000);
    mirror.list("", &topics(&[("b", 3, 0, "")], &["e"]));
    let aside = "b.0000000000000002";
    assert_eq!(mirror.names(), named(&[("a", 1), ("b", 3), (aside, 2)]));
    // A second list says the same.
    mirror.now = mirror.engine.list_due;
    mirror.list("", &topics(&[("b", 3, 0, "")], &["e"]));
    assert_eq!(mirror.engine.list_deadline(), Moment(6000));
    // It has moved.
    mirror.now = Moment(3000);
    mirror.engine.list_soon_of(b"e/", mirror.now);
    mirror.list("e/", &topics(&[("b", 2, 0, "")], &[]));
    assert_eq!(mirror.names(), named(&[("a", 1), ("b", 3), ("e/b", 2)]));
    // The other has not.
    mirror.engine.remove_missing(Moment(5999));
    assert!(mirror.names().contains(&("a".into(), 1)));
    mirror.engine.remove_missing(Moment(6000));
    assert_eq!(mirror.names(), named(&[("b", 3), ("e/b", 2)]));
    assert_eq!(mirror.engine.list_deadline(), Moment::NEVER);
}

/// A list whose pages are of different moments, or that was made while names changed, leaves a number free that no file has left:
/// files get such names when a second list says the same.
#[test]
fn a_number_that_one_list_leaves_free() {
    let mut mirror = Mirror::new(rule("/d/"));
    let list = |mirror: &mut Mirror, files: &[(&str, u64, u64, &str)]| {
        mirror.list("", &topics(files, &[]));
        let mut names: Vec<String> = mirror
            .engine
            .tree
            .locals()
            .iter()
            .map(|local| String::from_utf8_lossy(&local.name).into_owned())
            .collect();
        names.sort();
        names
    };
    let file = |name: &'static str, tag: u64| (name, tag, 0, "");
    let first = [file("log", 1), file("log.1", 2), file("log.2", 3)];
    assert_eq!(list(&mut mirror, &first), ["log", "log.1", "log.2"]);
    let torn = [file("log", 1), file("log.2", 2), file("log.3", 3)];
    assert_eq!(list(&mut mirror, &torn), ["log", "log.1", "log.2"]);
    assert_eq!(list(&mut mirror, &first), ["log", "log.1", "log.2"]);
    assert_eq!(list(&mut mirror, &torn), ["log", "log.1", "log.2"]);
    assert_eq!(list(&mut mirror, &torn), ["log", "log.2", "log.3"]);
    // Without one that is free there is nothing to wait for.
    assert_eq!(list(&mut mirror, &first), ["log", "log.1", "log.2"]);
}
