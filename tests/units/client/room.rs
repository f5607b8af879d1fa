//! Files that become directories and directories that become files, in the steps of a mirror.

use std::collections::BTreeMap;

use openrange::client::mirror::plan::{Listed, Local, Rules, Step};
use openrange::client::mirror::room::in_the_way;
use openrange::http::etag::ETag;

use super::plan::plan;
use crate::support::random::Random;

type Names = BTreeMap<Box<[u8]>, ETag>;

const KEEP: Rules = Rules {
    delete: false,
    partial: false,
};
const DELETE: Rules = Rules {
    delete: true,
    partial: false,
};

fn names(files: &[(&str, u64)]) -> Names {
    let files = files.iter();
    files
        .map(|(name, tag)| (name.as_bytes().into(), ETag(*tag)))
        .collect()
}

fn steps(origin: &Names, copies: &Names, foreign: &[&str], rules: Rules) -> Vec<Step> {
    let listed: Vec<Listed> = origin
        .iter()
        .map(|(name, etag)| Listed {
            name: name.clone(),
            etag: *etag,
            size: 1,
            modified: 0,
            sealed: false,
        })
        .collect();
    let locals: Vec<Local> = copies
        .iter()
        .map(|(name, etag)| Local {
            name: name.clone(),
            further: Vec::new(),
            etag: *etag,
            size: 1,
            sealed: false,
        })
        .collect();
    let foreign = |name: &[u8]| foreign.iter().any(|other| other.as_bytes() == name);
    plan(&listed, &locals, &foreign, rules)
}

/// Does a step as a file system does: no name is one of a file and of a directory.
fn apply(names: &mut Names, step: &Step) {
    let (etag, to) = match step {
        Step::Rename(etag, to) | Step::Create(etag, to) => (*etag, Some(to)),
        Step::Remove(etag) => (*etag, None),
        Step::Seal(..) | Step::Refuse(_) => return,
        Step::Link(..) | Step::Relink(..) | Step::Unlink(..) => unreachable!("one name each"),
    };
    let others: Names = names
        .iter()
        .filter(|(_, other)| matches!(step, Step::Create(..)) || **other != etag)
        .map(|(name, other)| (name.clone(), *other))
        .collect();
    if let Some(to) = to {
        // A copy that is to be below its own name is there first, too.
        assert!(in_the_way(names, to).is_empty(), "{step:?} in {names:?}");
    }
    *names = others;
    names.extend(to.map(|to| (to.clone(), etag)));
}

/// Some files in directories that fit together.
fn some(random: &mut Random, tags: u64) -> Names {
    let all = [
        "a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b", "c", "b/a/c",
    ];
    let mut names = Names::new();
    for tag in 1..=tags {
        let name = all[random.below(all.len() as u64) as usize].as_bytes();
        if random.below(4) != 0 && in_the_way(&names, name).is_empty() {
            names.insert(name.into(), ETag(tag));
        }
    }
    names
}

/// Also from each state in which a crash leaves the copies.
#[test]
fn names_become_those_of_the_origin() {
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let (origin, copies) = (some(&mut random, 8), some(&mut random, 6));
        for rules in [KEEP, DELETE] {
            let all = steps(&origin, &copies, &[], rules);
            for done in 0..=all.len() {
                let mut after = copies.clone();
                all[..done].iter().for_each(|step| apply(&mut after, step));
                let rest = steps(&origin, &after, &[], rules);
                rest.iter().for_each(|step| apply(&mut after, step));
                let what = format!("seed {seed}, {done}: {origin:?} from {copies:?}: {after:?}");
                for (name, etag) in &origin {
                    assert_eq!(after.get(name), Some(etag), "{what}");
                }
                let mut kept = copies.values();
                let is_there = |etag: &ETag| after.values().any(|other| other == etag);
                assert!(rules.delete || kept.all(is_there), "{what}");
                assert!(!rules.delete || after == origin, "{what}");
                assert_eq!(steps(&origin, &after, &[], rules), [], "{what}");
            }
        }
    }
}

fn rename(tag: u64, to: &str) -> Step {
    Step::Rename(ETag(tag), to.as_bytes().into())
}

fn create(tag: u64, to: &str) -> Step {
    Step::Create(ETag(tag), to.as_bytes().into())
}

const MOVING: &str = ".openrange-moving-0000000000000001";

#[test]
fn a_copy_that_is_in_its_own_way_moves_by_a_name_of_its_own() {
    for (from, to) in [("a", "a/a"), ("a", "a/b/x"), ("a/a", "a"), ("a/b/x", "a")] {
        for rules in [KEEP, DELETE] {
            let steps = steps(&names(&[(to, 1)]), &names(&[(from, 1)]), &[], rules);
            assert_eq!(steps, [rename(1, MOVING), rename(1, to)], "{from} to {to}");
        }
    }
    // A file and a directory that are exchanged.
    let (before, after) = (
        [("f", 1), ("d/x", 2), ("d/y", 3)],
        [("d", 1), ("f/x", 2), ("f/y", 3)],
    );
    let expected = [
        rename(1, MOVING),
        rename(2, "f/x"),
        rename(3, "f/y"),
        rename(1, "d"),
    ];
    assert_eq!(steps(&names(&after), &names(&before), &[], KEEP), expected);
}

/// Copies of what is gone give way: they go, or get a tag where the name is needed. Those of a directory stay together.
#[test]
fn copies_that_are_kept_give_way() {
    let (first, second) = ("a.0000000000000008", "a.0000000000000009");
    type Row<'a> = (&'a [(&'a str, u64)], &'a str, Vec<Step>);
    let rows: [Row<'_>; 3] = [
        (&[("a", 8)], "a/in", vec![rename(8, first)]),
        (&[("a", 8)], "a/b/in", vec![rename(8, first)]),
        (
            &[("a/x", 9), ("a/b/y", 8), ("a.x", 7), ("a0", 6)],
            "a",
            vec![
                rename(8, &format!("{first}/b/y")),
                rename(9, &format!("{first}/x")),
            ],
        ),
    ];
    for (copies, new, kept) in rows {
        let (copies, origin) = (names(copies), names(&[(new, 1)]));
        let expected = [kept, vec![create(1, new)]].concat();
        assert_eq!(steps(&origin, &copies, &[], KEEP), expected, "{new}");
        let removed = steps(&origin, &copies, &[], DELETE);
        assert!(removed.contains(&create(1, new)), "{removed:?}");
        // A list that lacks files says nothing of them.
        for delete in [true, false] {
            let rules = Rules {
                delete,
                partial: true,
            };
            assert_eq!(steps(&origin, &copies, &[], rules), [], "{new}");
        }
    }
    // The place is taken for one of them: that one goes by its own tag.
    let copies = names(&[("a/x", 9), ("a/y", 8)]);
    let taken = format!("{first}/x");
    let expected = [
        rename(9, &format!("{second}/x")),
        rename(8, &format!("{first}/y")),
        create(1, "a"),
    ];
    let origin = names(&[("a", 1)]);
    assert_eq!(steps(&origin, &copies, &[&taken], KEEP), expected);
}

/// What is refused, or waits for bytes, leaves the others where they are.
#[test]
fn nothing_moves_in_vain() {
    let (origin, copies) = (names(&[("a", 1)]), names(&[("a/x", 1), ("a/y", 2)]));
    let refused = [Step::Refuse(b"a".as_slice().into())];
    assert_eq!(steps(&origin, &copies, &["a"], KEEP), refused);
    let listed = |name: &str, tag, size| Listed {
        name: name.as_bytes().into(),
        etag: ETag(tag),
        size,
        modified: 0,
        sealed: false,
    };
    let local = |name: &str, tag| Local {
        name: name.as_bytes().into(),
        further: Vec::new(),
        etag: ETag(tag),
        size: 1,
        sealed: false,
    };
    let listed = [listed("a", 1, 1), listed("b", 2, 5)];
    let locals = [local("a/x", 1), local("a/y", 2)];
    assert_eq!(plan(&listed, &locals, &|_| false, DELETE), []);
}
