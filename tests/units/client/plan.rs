//! The steps of a mirror, done on a model: names and contents become those of the origin.

use std::collections::BTreeMap;

use openrange::client::mirror::plan::{Listed, Local, Rules, Step, plan};
use openrange::http::etag::ETag;

use crate::support::random::Random;

type Names = BTreeMap<Box<[u8]>, u64>;

fn name(number: u64) -> Box<[u8]> {
    format!("log.{number}").into_bytes().into()
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
                sealed: false,
            });
        }
        for (name, tag) in &copies {
            locals.push(Local {
                name: name.clone(),
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
        sealed: false,
    });
    let copy = |size| {
        [Local {
            name: b"log".as_slice().into(),
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
