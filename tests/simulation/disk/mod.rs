//! A disk that forgets. The real server runs once under strace while clients write to it; from its system calls follows,
//! for a crash of the process or of the machine between any two of them, which files there may be afterwards. The real
//! code that runs at the start of a server is run over them, and the clients repeat what they got no answer to.

mod fault;
mod judge;
mod model;
mod recording;
mod trace;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, OnceLock};

use openrange::http::conditional::Conditions;
use openrange::http::target::Path;
use openrange::store::append::{self, Append};
use openrange::store::leftovers;
use openrange::store::place::{Place, Stop};
use openrange::store::redo::Notes;
use openrange::store::root::{Files, open_root};
use openrange::store::truncations::Truncations;

use crate::support::harness::TempDir;
use crate::support::random::Random;
use crate::support::seeds;
use fault::Fault;
use judge::Known;
use model::{Survivor, Survivors};
use recording::{Asked, Kind, Recording};
use trace::for_each_note;

/// Some runs of a server; in the last one the disk fails once.
fn recordings() -> Option<&'static [Recording]> {
    static RECORDINGS: OnceLock<Option<Vec<Recording>>> = OnceLock::new();
    let record = || {
        let runs = [(1, false), (2, false), (3, true)];
        let runs = runs.map(|(seed, fails)| Recording::new(seed, fails));
        runs.into_iter().collect()
    };
    let recordings = RECORDINGS.get_or_init(record);
    if recordings.is_none() {
        eprintln!("skipped: no strace, or nothing can be traced");
    }
    recordings.as_deref()
}

/// One crash, and what comes of it.
fn crash(recordings: &[Recording], seed: u64, fault: Fault) -> BTreeSet<&'static str> {
    let mut random = Random::new(seed);
    let mut choose =
        |below: usize| usize::try_from(random.below(below as u64)).expect("it was a usize");
    let recording = &recordings[choose(recordings.len())];
    let steps = fault.steps(recording);
    let (done, rest) = steps.split_at(choose(steps.len() + 1));
    let known = Known::new(recording, done);
    let mut disk = recording.disk();
    done.iter().for_each(|step| disk.step(step));
    let mut outcomes = BTreeSet::new();
    let power = choose(2) == 0;
    let left = if power {
        outcomes.insert("power");
        disk.power(&mut choose)
    } else {
        outcomes.insert("process");
        let cut = rest.first().is_some_and(|step| disk.cut(step, &mut choose));
        outcomes.extend(cut.then_some("cut"));
        disk.process()
    };
    let repeats = choose(20) == 0;
    let hidden = left.keys().any(|name| name.contains("/."));
    let files = match (hidden || repeats) && fault != Fault::NoCleaning {
        true => restart(left, (repeats && !power).then_some(&known), &mut outcomes),
        false => left,
    };
    outcomes.extend(known.judge(&files, power));
    outcomes
}

/// A server starts over these files, and clients send again what they have sent, if they do.
fn restart(
    left: Survivors,
    repeats: Option<&Known>,
    outcomes: &mut BTreeSet<&'static str>,
) -> Survivors {
    let dir = TempDir::new();
    dir.mkdir("in/sub");
    for (name, file) in &left {
        dir.write(name, &file.bytes);
        let mode = fs::Permissions::from_mode(file.mode);
        fs::set_permissions(dir.join(name), mode).expect("chmod");
    }
    for name in left
        .keys()
        .filter(|name| name.contains(".openrange-append-"))
    {
        translate(&dir, name, &left);
    }
    let root = open_root(dir.path()).expect("a directory");
    let files = Files::new(root, Arc::new(Truncations::default()));
    leftovers::remove(&files);
    for asked in repeats.iter().flat_map(|known| known.open()) {
        repeat(&files, asked, outcomes);
    }
    let mut after = Survivors::new();
    for directory in ["in", "in/sub"] {
        for entry in fs::read_dir(dir.join(directory)).expect("a directory") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("a file");
            if metadata.is_dir() {
                continue;
            }
            let name = entry.file_name().into_string().expect("UTF-8");
            let name = format!("{directory}/{name}");
            let before = left.get(&name);
            let bytes = fs::read(entry.path()).expect("a file");
            let completed = before.is_some_and(|before| before.bytes.len() < bytes.len());
            outcomes.extend((completed && repeats.is_none()).then_some("completed"));
            let survivor = Survivor {
                inode: before.map_or(usize::MAX, |before| before.inode),
                bytes,
                mode: metadata.mode() & 0o777,
            };
            after.insert(name, survivor);
        }
    }
    outcomes.extend((after.len() < left.len()).then_some("removed"));
    after
}

/// Each note has the number of its file as it is on the disk that it came to.
fn translate(dir: &TempDir, notes: &str, left: &Survivors) {
    let mut bytes = fs::read(dir.join(notes)).expect("notes");
    for_each_note(&mut bytes, |inode| {
        let about = left.iter().find(|(_, file)| file.inode as u64 == inode);
        about.map_or(0, |(name, _)| {
            dir.join(name).metadata().expect("a file").ino()
        })
    });
    dir.write(notes, bytes);
}

/// A PATCH, whatever became of it before.
fn repeat(files: &Files, asked: &Asked, outcomes: &mut BTreeSet<&'static str>) {
    let Kind::Patch {
        target,
        offset,
        seal,
    } = &asked.kind
    else {
        return;
    };
    let name = target.as_bytes();
    let path = Path {
        name: name.into(),
        slash: false,
    };
    let below = name.strip_prefix(b"in/").expect("below the prefix");
    let place = Place::find(files, b"in", below, &path).expect("a place");
    let what = Append {
        conditions: &Conditions::default(),
        expected: Some(*offset),
        idempotent: true,
        seal: *seal,
        unattended: false,
        durable: false,
        bytes: &asked.content,
    };
    match append::append(place, &what, &mut Notes::default()) {
        Ok(_) => drop(outcomes.insert("repeated")),
        // Another record is there, or the file is complete.
        Err(Stop::Failed(_)) => {}
        Err(Stop::Locked) => panic!("nobody else has a lock"),
    }
}

#[test]
fn every_crash_leaves_what_was_promised() {
    let Some(recordings) = recordings() else {
        return;
    };
    let outcomes = [
        "power",
        "process",
        "cut",
        "torn",
        "lost",
        "removed",
        "completed",
        "repeated",
    ];
    seeds::run(&outcomes, |seed| crash(recordings, seed, Fault::None));
}

#[test]
fn every_planted_fault_is_found() {
    let Some(recordings) = recordings() else {
        return;
    };
    let faults = [
        Fault::SyncBeforeWrite,
        Fault::NoDirectorySync,
        Fault::WrongDescriptor,
        Fault::EarlyAnswer,
        Fault::AnswerBeforeWrite,
        Fault::NameBeforeData,
        Fault::NameBeforeWrite,
        Fault::LostError,
        Fault::NoNotes,
        Fault::NoCleaning,
        Fault::ModeNotSynced,
    ];
    seeds::find(&faults, |seed, fault| {
        crash(recordings, seed, fault);
    });
}
