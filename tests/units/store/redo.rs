//! `store::redo`: a kill at any page of a write leaves whole records.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::rc::Rc;

use openrange::store::redo::{NOTE, Notes, complete};
use openrange::store::root::open_root;

use crate::support::harness::TempDir;
use crate::support::random::Random;

const PAGE: usize = 4096;

/// The files with notes in a directory.
fn notes_in(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).expect("a directory").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("a name"));
    names
        .filter(|name| name.as_bytes().starts_with(NOTE))
        .collect()
}

#[test]
fn of_records_that_are_written_together_none_stays_cut() {
    let (mut completed, mut whole) = (0, 0);
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut below = |bound: usize| random.below(bound as u64) as usize;
        let dir = TempDir::new();
        let mut logs = ["log", "other"].map(|name| {
            let before = vec![b'-'; below(3 * PAGE)];
            dir.write(name, &before);
            (dir.join(name).metadata().expect("a file").ino(), before)
        });
        let directory = Rc::new(open_root(dir.path()).expect("a directory"));
        let mut notes = Notes::default();
        // Those that are kept hold notes of earlier writes, too, also to the other log.
        for turn in 0..1 + below(8) {
            let (inode, log) = &mut logs[below(2)];
            let inode = *inode;
            let longest = [50, 1000, PAGE, 3 * PAGE][below(4)];
            let records: Vec<Vec<u8>> = (0..1 + below(12))
                .map(|number| vec![b'a' + ((turn + number) % 26) as u8; 1 + below(longest)])
                .collect();
            let mut ends = vec![log.len()];
            ends.extend(records.iter().scan(log.len(), |end, record| {
                *end += record.len();
                Some(*end)
            }));
            let end = ends[records.len()];
            let cut = match (log.len() / PAGE + 1..).nth(below(8)) {
                Some(page) if page * PAGE < end => page * PAGE,
                _ => [log.len(), end][below(2)],
            };
            let expected = ends.iter().find(|&&end| end >= cut).expect("an end");
            let written = records.concat();
            let pieces = records.iter().map(Vec::as_slice);
            let all = [log.as_slice(), &written].concat();
            notes.during(&directory, (inode, log.len() as u64), pieces, || {
                let killed = TempDir::new();
                killed.write("log", &all[..cut]);
                let own = killed.join("log").metadata().expect("a file").ino();
                for name in notes_in(&dir) {
                    let mut bytes = fs::read(dir.join(&name)).expect("notes");
                    let (from, to) = (inode.to_le_bytes(), own.to_le_bytes());
                    let mut at = 0;
                    while at < bytes.len() {
                        if bytes[at + 16..at + 24] == from {
                            bytes[at + 16..at + 24].copy_from_slice(&to);
                        }
                        let length = bytes[at + 8..at + 16].try_into().expect("a length");
                        at += 24 + u64::from_le_bytes(length) as usize;
                    }
                    killed.write(&name, bytes);
                    let root = open_root(killed.path()).expect("a directory");
                    let missing = complete(root.as_fd(), name.as_bytes());
                    let missing = missing.expect("it can be completed");
                    assert_eq!(missing, Some((expected - cut) as u64), "seed {seed}");
                }
                let left = fs::read(killed.join("log")).expect("a file");
                assert_eq!(
                    left.len(),
                    *expected,
                    "seed {seed}: cut at {cut} of {ends:?}"
                );
                assert!(left == all[..left.len()], "seed {seed}: other bytes");
                completed += usize::from(left.len() > cut);
                whole += usize::from(left.len() == cut);
            });
            *log = all;
            assert!(notes_in(&dir).len() <= 1);
        }
        drop(notes);
        assert_eq!(notes_in(&dir), Vec::<String>::new());
    }
    assert!(completed > 50 && whole > 50, "{completed}, {whole}");
}

#[test]
fn records_that_no_kill_can_cut_have_no_notes() {
    let dir = TempDir::new();
    dir.write("log", "");
    let directory = Rc::new(open_root(dir.path()).expect("a directory"));
    for (size, lengths) in [(0, &[4096, 4096][..]), (4000, &[96, 4096, 10]), (10, &[20])] {
        let mut noted = Vec::new();
        let bytes = [b'x'; 4096];
        let records = lengths.iter().map(|&length| &bytes[..length]);
        Notes::default().during(&directory, (1, size), records, || noted = notes_in(&dir));
        assert_eq!(noted, Vec::<String>::new(), "{lengths:?} at {size}");
    }
}
