//! What must hold of the files that a crash has left, once a server has started over them.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Survivor, Survivors};
use super::recording::{Asked, CLIENTS, KEPT, KEPT_MODE, Kind, Recording, version};
use super::trace::Step;

const WRITABLE: u32 = 0o222;

/// What the clients know at the moment of a crash.
pub struct Known<'a> {
    requests: &'a [Asked],
    asked: BTreeSet<usize>,
    /// Carried out, and of these what was promised to be on disk.
    done: BTreeSet<usize>,
    promised: BTreeSet<usize>,
    /// Nothing was done.
    refused: BTreeSet<usize>,
}

impl<'a> Known<'a> {
    pub fn new(recording: &'a Recording, steps: &[Step]) -> Known<'a> {
        let mut known = Known {
            requests: &recording.requests,
            asked: BTreeSet::new(),
            done: BTreeSet::new(),
            promised: BTreeSet::new(),
            refused: BTreeSet::new(),
        };
        for step in steps {
            match *step {
                Step::Asked(request) => drop(known.asked.insert(request)),
                Step::Answered {
                    request,
                    status: 200..300,
                    fsync,
                } => {
                    known.done.insert(request);
                    if fsync {
                        known.promised.insert(request);
                    }
                }
                Step::Answered {
                    request,
                    status: 400..500,
                    ..
                } => drop(known.refused.insert(request)),
                _ => {}
            }
        }
        known
    }

    /// The requests that may have been carried out.
    pub fn open(&self) -> impl Iterator<Item = &'a Asked> {
        let all = self.requests();
        let open =
            all.filter(|(number, _)| self.asked.contains(number) && !self.refused.contains(number));
        open.map(|(_, asked)| asked)
    }

    fn requests(&self) -> impl Iterator<Item = (usize, &'a Asked)> {
        self.requests.iter().enumerate()
    }

    /// `power`: the machine has crashed, and not only the process. Gives what became of what nobody was promised.
    pub fn judge(&self, files: &Survivors, power: bool) -> BTreeSet<&'static str> {
        let mut outcomes = BTreeSet::new();
        for name in files.keys() {
            assert!(!name.contains("/.openrange-"), "{name} stays");
        }
        let kept = if power { &self.promised } else { &self.done };
        self.judge_records(files, kept, power, &mut outcomes);
        self.judge_versions(files, kept, power);
        for (number, asked) in self.requests() {
            let has = |name: &str| files.get(name);
            match &asked.kind {
                Kind::Move { to } if kept.contains(&number) => {
                    assert!(has(to).is_some(), "{to} is not there");
                }
                Kind::Delete { target } if kept.contains(&number) => {
                    assert_eq!(has(target), None, "{target} is back");
                }
                Kind::Patch { target, seal, .. } if *seal && kept.contains(&number) => {
                    let mode = has(target).expect("a sealed file").mode;
                    assert_eq!(mode & WRITABLE, 0, "{target} is not sealed");
                }
                _ => {}
            }
        }
        outcomes
    }

    fn judge_records(
        &self,
        files: &Survivors,
        kept: &BTreeSet<usize>,
        power: bool,
        outcomes: &mut BTreeSet<&'static str>,
    ) {
        let is_log = |name: &str| name.contains("log") || name.contains("patched");
        let mut found: BTreeMap<usize, usize> = BTreeMap::new();
        for (name, file) in files.iter().filter(|(name, _)| is_log(name)) {
            let (records, rest) = self.records(&file.bytes);
            for number in records {
                *found.entry(number).or_default() += 1;
            }
            match (rest, power) {
                (0, _) => {}
                // Nobody was promised it, or it is missing below.
                (_, true) => drop(outcomes.insert("torn")),
                (rest, false) => panic!("{name}: {rest} bytes at the end are no record"),
            }
        }
        for (number, asked) in self.requests() {
            if !matches!(asked.kind, Kind::Post | Kind::Patch { .. }) {
                continue;
            }
            let times = found.get(&number).copied().unwrap_or(0);
            assert!(times <= 1, "record {number} is there {times} times");
            let known = self.asked.contains(&number) && !self.refused.contains(&number);
            assert!(times == 0 || known, "record {number} is nobody's");
            let missing = times == 0 && kept.contains(&number);
            assert!(!missing, "record {number} is lost");
            if times == 0 && self.done.contains(&number) {
                outcomes.insert("lost");
            }
        }
    }

    /// The numbers of the whole records that bytes begin with, and how many bytes are behind them.
    fn records(&self, bytes: &[u8]) -> (Vec<usize>, usize) {
        let (mut records, mut rest) = (Vec::new(), bytes);
        while let Some(number) = rest.get(..6) {
            let number = str::from_utf8(number)
                .ok()
                .and_then(|text| text.parse().ok());
            let asked = number.and_then(|number: usize| self.requests.get(number));
            let Some(asked) = asked.filter(|asked| rest.starts_with(&asked.content)) else {
                break;
            };
            records.extend(number);
            rest = &rest[asked.content.len()..];
        }
        (records, rest.len())
    }

    /// A file that is replaced is one version or another, and not older than the last one that is certain.
    fn judge_versions(&self, files: &Survivors, kept: &BTreeSet<usize>, power: bool) {
        let targets = self.requests().filter_map(|(_, asked)| match &asked.kind {
            // Of a file that was replaced without fsync, nothing is promised after a crash of the machine.
            Kind::Put { target } if !power || target == KEPT => Some(&**target),
            _ => None,
        });
        for target in BTreeSet::from_iter(targets.chain([KEPT])) {
            let of_target = |number: &usize| {
                let kind = &self.requests[*number].kind;
                matches!(kind, Kind::Put { target: other } if other == target)
            };
            let gone = self.requests().any(|(number, asked)| {
                let asked =
                    matches!(&asked.kind, Kind::Delete { target: other } if other == target);
                asked && self.asked.contains(&number)
            });
            let last = kept.iter().copied().filter(of_target).max();
            let Some(Survivor { bytes, mode, .. }) = files.get(target) else {
                assert!(
                    (last.is_none() && target != KEPT) || gone,
                    "{target} is lost"
                );
                continue;
            };
            let asked = self.asked.iter().copied().filter(of_target);
            let initial = (target == KEPT).then_some(0);
            let found = asked
                .chain(initial)
                .find(|number| *bytes == version(*number));
            let found = found.unwrap_or_else(|| panic!("{target} is no version"));
            // Those that were asked for together may have come in any order.
            let together = |last: usize| found / CLIENTS == last / CLIENTS;
            let late = last.is_none_or(|last| found >= last || together(last));
            assert!(
                late,
                "{target} is version {found}, but {last:?} was certain"
            );
            if target == KEPT {
                assert_eq!(*mode & 0o777, KEPT_MODE, "{target} has another mode");
            }
        }
    }
}
