//! The steps of a mirror, done on a model: names and contents become those of the origin.

use std::collections::BTreeMap;

use openrange::client::mirror::plan::{self, Links, Listed, Local, Rules, Step, one_name_each};
use openrange::client::mirror::stage;
use openrange::http::etag::ETag;
use openrange::sorted::SortedMap;

use crate::support::random::Random;

type Names = BTreeMap<Box<[u8]>, u64>;

fn name(number: u64) -> Box<[u8]> {
    format!("log.{number}").into_bytes().into()
}

/// The steps where each file has one name.
pub(super) fn plan(
    listed: &[Listed],
    locals: &[Local],
    foreign: &dyn Fn(&[u8]) -> bool,
    rules: Rules,
) -> Vec<Step> {
    let links = Links {
        chosen: &SortedMap::new(),
        further: &SortedMap::new(),
    };
    plan::plan(listed, locals, &links, foreign, rules)
}

/// Does the steps, each of which must be possible.
fn apply(names: &mut Names, steps: &[Step]) {
    let find = |names: &Names, etag: ETag| {
        names
            .iter()
            .find(|(_, tag)| **tag == etag.0)
            .map(|(name, _)| name.clone())
    };
    for step in steps {
        match step {
            Step::Rename(etag, to) => {
                let from = find(names, *etag).expect("a copy");
                names.remove(&from);
                assert_eq!(
                    names.insert(to.clone(), etag.0),
                    None,
                    "{step:?} over another"
                );
            }
            Step::Create(etag, to) => assert_eq!(
                names.insert(to.clone(), etag.0),
                None,
                "{step:?} over another"
            ),
            Step::Remove(etag) => {
                let from = find(names, *etag).expect("a copy");
                names.remove(&from);
            }
            Step::Seal(..) | Step::Refuse(_) => {}
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn names_become_those_of_the_origin() {
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let mut assign = |tags: u64| {
            let mut names = Names::new();
            for tag in 1..=tags {
                if random.below(4) != 0 {
                    names.entry(name(random.below(6))).or_insert(tag);
                }
            }
            names
        };
        let (origin, copies) = (assign(8), assign(6));
        let mut files = Vec::new();
        let mut locals = Vec::new();
        for (name, tag) in &origin {
            files.push(Listed {
                name: name.clone(),
                etag: ETag(*tag),
                size: 1,
                modified: 0,
                sealed: false,
            });
        }
        for (name, tag) in &copies {
            locals.push(Local {
                name: name.clone(),
                further: Vec::new(),
                etag: ETag(*tag),
                size: 1,
                sealed: false,
            });
        }
        for delete in [true, false] {
            let rules = Rules {
                delete,
                partial: false,
            };
            let mut after = copies.clone();
            apply(&mut after, &plan(&files, &locals, &|_| false, rules));
            for (name, tag) in &origin {
                assert_eq!(
                    after.get(name),
                    Some(tag),
                    "seed {seed}: {origin:?} from {copies:?} to {after:?}"
                );
            }
            // Without leave to delete, every copy is still there.
            let kept = copies
                .values()
                .all(|tag| after.values().any(|other| other == tag));
            assert!(delete || kept, "seed {seed}");
            assert!(!delete || after == origin, "seed {seed}");
        }
    }
}

#[test]
fn a_copy_moves_when_it_is_complete() {
    let files = [("log.1", 1, 10), ("log", 2, 5)].map(|(name, tag, size)| Listed {
        name: name.as_bytes().into(),
        etag: ETag(tag),
        size,
        modified: 0,
        sealed: false,
    });
    let copy = |size| {
        [Local {
            name: b"log".as_slice().into(),
            further: Vec::new(),
            etag: ETag(1),
            size,
            sealed: false,
        }]
    };
    let rules = Rules {
        delete: true,
        partial: false,
    };
    assert_eq!(plan(&files, &copy(9), &|_| false, rules), []);
    let steps = plan(&files, &copy(10), &|_| false, rules);
    let name = |name: &str| name.as_bytes().into();
    assert_eq!(
        steps,
        [
            Step::Rename(ETag(1), name("log.1")),
            Step::Create(ETag(2), name("log"))
        ]
    );
    let refused = plan(&files, &copy(10), &|name| name == b"log.1", rules);
    assert_eq!(refused, [Step::Refuse(name("log.1"))]);
}

/// A mirror that was away over several rolls does one after the other: whoever follows the name there gets all of them, and
/// finds the one before under the name that it had then.
#[test]
fn rolls_are_done_one_after_the_other() {
    let rules = Rules {
        delete: false,
        partial: false,
    };
    for names in [
        ["log.3", "log.2", "log.1", "log", "log.4.gz", "other.1"],
        [
            "log.3.txt",
            "log.2.txt",
            "log.1.txt",
            "log.txt",
            "log.4.txt.gz",
            "other.1",
        ],
        [
            "log-20260101",
            "log-20260102",
            "log-20260103",
            "log",
            "log.2.gz",
            "other.1",
        ],
    ] {
        // Tags say nothing of age.
        let tags = [4, 3, 9, 1, 8, 7];
        let files: Vec<Listed> = names
            .iter()
            .zip(tags)
            .map(|(name, tag)| Listed {
                name: name.as_bytes().into(),
                etag: ETag(tag),
                size: 5,
                modified: 0,
                sealed: false,
            })
            .collect();
        let locals = |here: &Names, size| -> Vec<Local> {
            here.iter()
                .map(|(name, tag)| Local {
                    name: name.clone(),
                    further: Vec::new(),
                    etag: ETag(*tag),
                    size: if *tag == here[names[3].as_bytes()] {
                        size
                    } else {
                        5
                    },
                    sealed: false,
                })
                .collect()
        };
        let stage = |locals: &[Local]| stage::stage(&files, locals, &|_| None).files;
        // It has the oldest one, still under the name of the log.
        let mut here = Names::from([(names[3].as_bytes().into(), tags[0])]);
        let mut states = Vec::new();
        for _ in 0..5 {
            // Nothing moves before the copy is complete.
            let incomplete = locals(&here, 4);
            apply(
                &mut here,
                &plan(&stage(&incomplete), &incomplete, &|_| false, rules),
            );
            let complete = locals(&here, 5);
            states.push(here.clone());
            apply(
                &mut here,
                &plan(&stage(&complete), &complete, &|_| false, rules),
            );
        }
        let holders: Vec<u64> = states
            .iter()
            .map(|state| state[names[3].as_bytes()])
            .collect();
        assert_eq!(holders, [tags[0], tags[1], tags[2], tags[3], tags[3]]);
        for (name, tag) in names.iter().zip(tags) {
            assert_eq!(here.get(name.as_bytes()), Some(&tag), "{name}");
        }
        // The generation before the one that has the name is where it was when that was the newest.
        let before = |index: usize| {
            let (name, _) = states[index]
                .iter()
                .find(|(_, tag)| **tag == tags[index - 1])
                .expect("it is here");
            String::from_utf8_lossy(name).into_owned()
        };
        let dated = names[0].contains("2026");
        for index in 1..4 {
            let expected = if dated { names[index - 1] } else { names[2] };
            assert_eq!(before(index), expected);
        }
        // Nobody follows a log that is new here: everything begins at once.
        assert_eq!(stage(&[]), files);
        // If the list before said something else, nothing of it moves: a file may be missing in this one.
        let known = Names::from([(names[3].as_bytes().into(), tags[0])]);
        let known = locals(&known, 5);
        for lacks in [0, 1, 3] {
            let before = names.iter().zip(tags).enumerate();
            let before = before.filter(|(index, _)| *index != lacks);
            let before = before.map(|(_, (name, tag))| (name.as_bytes().into(), ETag(tag)));
            let before = before.collect();
            let staged = stage::stage(&files, &known, &|_| Some(&before));
            assert!(!staged.doubtful.is_empty());
            let moved = plan(&staged.files, &known, &|_| false, rules);
            let others = [Step::Create(ETag(tags[5]), names[5].as_bytes().into())];
            assert_eq!(moved, others);
        }
        // In the middle of a roll no file has the name: the next one does not come under another name.
        let mut rolling = files.clone();
        rolling.remove(3);
        let believed = stage::stage(&rolling, &known, &|_| None).files;
        let steps = plan(&believed, &known, &|_| false, rules);
        assert!(steps.contains(&Step::Create(ETag(tags[1]), names[3].as_bytes().into())));
    }
}

fn file(name: &str, tag: u64, size: u64) -> Listed {
    Listed {
        name: name.as_bytes().into(),
        etag: ETag(tag),
        size,
        modified: 0,
        sealed: false,
    }
}

fn copy(name: &str, tag: u64, size: u64) -> Local {
    Local {
        name: name.as_bytes().into(),
        further: Vec::new(),
        etag: ETag(tag),
        size,
        sealed: false,
    }
}

fn rename(tag: u64, to: &str) -> Step {
    Step::Rename(ETag(tag), to.as_bytes().into())
}

/// A copy of what the origin has no more gives way: it goes, or steps aside where copies are kept.
#[test]
fn copies_that_are_in_the_way() {
    let files = [file("a", 1, 1)];
    let copies = [copy("b", 1, 1), copy("a", 9, 1)];
    let aside = "a.0000000000000009";
    let steps = |delete, partial, copies: &[Local], foreign: &str| {
        let rules = Rules { delete, partial };
        plan(&files, copies, &|name| name == foreign.as_bytes(), rules)
    };
    let removed = [Step::Remove(ETag(9)), rename(1, "a")];
    assert_eq!(steps(true, false, &copies, ""), removed);
    let kept = [rename(9, aside), rename(1, "a")];
    assert_eq!(steps(false, false, &copies, ""), kept);
    // A list that lacks files says nothing of it.
    assert_eq!(steps(true, true, &copies, ""), []);
    assert_eq!(steps(false, true, &copies, ""), []);
    // There is no place for it.
    assert_eq!(steps(false, false, &copies, aside), []);
    let taken = [copies[0].clone(), copies[1].clone(), copy(aside, 8, 1)];
    assert_eq!(steps(false, false, &taken, ""), []);
}

#[test]
fn copies_in_a_circle_move_by_a_name_of_their_own() {
    let rules = Rules {
        delete: false,
        partial: false,
    };
    let steps = |files: &[Listed], copies: &[Local]| plan(files, copies, &|_| false, rules);
    let moving = ".openrange-moving-0000000000000001";
    let two = steps(
        &[file("a", 1, 1), file("b", 2, 1)],
        &[copy("b", 1, 1), copy("a", 2, 1)],
    );
    assert_eq!(two, [rename(1, moving), rename(2, "b"), rename(1, "a")]);
    let three = steps(
        &[file("a", 1, 1), file("b", 2, 1), file("c", 3, 1)],
        &[copy("c", 1, 1), copy("a", 2, 1), copy("b", 3, 1)],
    );
    let expected = [
        rename(1, moving),
        rename(3, "c"),
        rename(2, "b"),
        rename(1, "a"),
    ];
    assert_eq!(three, expected);
    // One that is not complete keeps its name, and the others wait for it.
    let waits = steps(
        &[file("a", 1, 1), file("b", 2, 5)],
        &[copy("b", 1, 1), copy("a", 2, 1)],
    );
    assert_eq!(waits, []);
    let waits = steps(
        &[file("a", 1, 1), file("b", 2, 1), file("c", 3, 5)],
        &[copy("x", 1, 1), copy("a", 2, 1), copy("b", 3, 1)],
    );
    assert_eq!(waits, []);
}

/// What a mirror that was away is to reach first: names and tags of the files that are there then.
fn first(files: &[Listed], copies: &[Local]) -> Vec<(String, u64)> {
    let staged = stage::stage(files, copies, &|_| None);
    assert!(staged.doubtful.is_empty());
    let name = |file: &Listed| String::from_utf8(file.name.to_vec()).expect("ASCII");
    let mut names: Vec<_> = staged
        .files
        .iter()
        .map(|file| (name(file), file.etag.0))
        .collect();
    names.sort();
    names
}

#[test]
fn the_oldest_that_is_missing_comes_first() {
    let here = copy("log", 9, 1);
    type Row<'a> = (&'a [Listed], &'a [(&'a str, u64)]);
    let rows: [Row<'_>; 6] = [
        // Whatever the order of the tags.
        (
            &[
                file("log.4", 9, 1),
                file("log.1", 1, 1),
                file("log.2", 2, 1),
                file("log.3", 3, 1),
                file("log", 4, 1),
            ],
            &[("log", 3), ("log.1", 9)],
        ),
        (
            &[
                file("log.4", 9, 1),
                file("log.3", 1, 1),
                file("log.2", 2, 1),
                file("log.1", 3, 1),
                file("log", 4, 1),
            ],
            &[("log", 1), ("log.1", 9)],
        ),
        (
            &[
                file("log-20260101", 9, 1),
                file("log-20260104", 1, 1),
                file("log-20260103", 2, 1),
                file("log-20260102", 3, 1),
                file("log", 4, 1),
            ],
            &[("log", 3), ("log-20260101", 9)],
        ),
        // What is older than all that is here was removed there before it came: nobody waits for it.
        (
            &[file("log.3", 1, 1), file("log.2", 9, 1), file("log", 4, 1)],
            &[("log", 4), ("log.2", 9), ("log.3", 1)],
        ),
        (
            &[
                file("log-20251231", 1, 1),
                file("log-20260101", 9, 1),
                file("log", 4, 1),
            ],
            &[("log", 4), ("log-20251231", 1), ("log-20260101", 9)],
        ),
        // A compressed copy is none that had the name.
        (
            &[
                file("log.3", 9, 1),
                file("log.2.gz", 2, 1),
                file("log.1", 3, 1),
                file("log", 4, 1),
            ],
            &[("log", 3), ("log.2", 9), ("log.2.gz", 2)],
        ),
    ];
    for (files, expected) in rows {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, tag)| ((*name).to_owned(), *tag))
            .collect();
        assert_eq!(
            first(files, std::slice::from_ref(&here)),
            expected,
            "{files:?}"
        );
    }
}

/// The copy that has the name keeps it until all of it is here, and the others have the numbers of that time.
#[test]
fn one_that_is_not_complete_keeps_the_name() {
    let copies = [copy("log", 1, 1), copy("log.1", 9, 1)];
    let files = [file("log.2", 9, 1), file("log.1", 1, 3), file("log", 2, 1)];
    let expected = [("log".to_owned(), 1), ("log.1".to_owned(), 9)];
    assert_eq!(first(&files, &copies), expected);
    let complete = [copy("log", 1, 3), copies[1].clone()];
    let expected = [("log", 2), ("log.1", 1), ("log.2", 9)];
    let expected = expected.map(|(name, tag)| (name.to_owned(), tag));
    assert_eq!(first(&files, &complete), expected);
    // With an extension, and with the suffix of a compressor.
    let copies = [
        copy("log.txt", 1, 1),
        copy("log.1.txt", 9, 1),
        copy("log.2.txt.gz", 8, 1),
    ];
    let files = [
        file("log.3.txt.gz", 8, 1),
        file("log.2.txt", 9, 1),
        file("log.1.txt", 1, 3),
        file("log.txt", 2, 1),
    ];
    let expected = [("log.1.txt", 9), ("log.2.txt.gz", 8), ("log.txt", 1)];
    let expected = expected.map(|(name, tag)| (name.to_owned(), tag));
    assert_eq!(first(&files, &copies), expected);
}

/// Of several names of a file the one that its copy has counts, else the one that is least deep, else the shortest, else the
/// first.
#[test]
fn one_name_for_each_file() {
    // Names of the origin; the name of the copy; that which counts.
    for (names, copy, expected) in [
        (&["b"][..], None, "b"),
        (&["log.1.txt", "log.txt"], None, "log.txt"),
        (&["b", "a"], None, "a"),
        (&["a", "b"], None, "a"),
        (&["a/a", "b"], None, "b"),
        (&["b", "a/a"], None, "b"),
        (&["a/a/a", "b/b", "c/c"], None, "b/b"),
        (&["a", "b"], Some("b"), "b"),
        (&["b", "a"], Some("b"), "b"),
        (&["a", "b/b"], Some("b/b"), "b/b"),
        (&["b", "a"], Some("c"), "a"),
    ] {
        let listed: Vec<Listed> = names
            .iter()
            .map(|name| Listed {
                name: name.as_bytes().into(),
                etag: ETag(1),
                size: 0,
                modified: 0,
                sealed: false,
            })
            .collect();
        // Another file has its own.
        let local = |name: &str, etag| Local {
            name: name.as_bytes().into(),
            further: Vec::new(),
            etag: ETag(etag),
            size: 0,
            sealed: false,
        };
        let mut locals = vec![local("a", 2)];
        locals.extend(copy.map(|name| local(name, 1)));
        let chosen = one_name_each(&listed, &locals, &|_| false);
        let chosen: Vec<_> = chosen.values().map(|file| &*file.name).collect();
        assert_eq!(chosen, [expected.as_bytes()], "{names:?}, {copy:?}");
    }
}

/// A copy of three bytes. Only root may append to one that is sealed.
#[test]
fn seals_follow_those_of_the_origin() {
    // Whether the file is sealed, how long it is, whether its copy is sealed, and whether that is to change.
    for (there, size, here, expected) in [
        (true, 3, false, Some(true)),
        (true, 3, true, None),
        (true, 4, false, None),
        (true, 4, true, Some(false)),
        (true, 2, false, Some(true)),
        (false, 3, true, Some(false)),
        (false, 4, true, Some(false)),
        (false, 3, false, None),
    ] {
        let file = Listed {
            name: name(1),
            etag: ETag(1),
            size,
            modified: 0,
            sealed: there,
        };
        let copy = Local {
            name: name(1),
            further: Vec::new(),
            etag: ETag(1),
            size: 3,
            sealed: here,
        };
        let rules = Rules {
            delete: false,
            partial: false,
        };
        let steps = plan(&[file], &[copy], &|_: &[u8]| false, rules);
        let expected: Vec<_> = expected
            .map(|seal| Step::Seal(ETag(1), seal))
            .into_iter()
            .collect();
        assert_eq!(steps, expected, "{there} {size} {here}");
    }
}
