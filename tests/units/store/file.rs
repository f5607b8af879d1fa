//! `store::file`: what a file tells of its end, beside what the file system tells.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use openrange::store::root::{Files, Node};

use crate::support::directory::TempDir;
use crate::support::random::Random;

#[test]
fn reading_on_tells_where_the_file_ends() {
    const BUFFER: u64 = 64;
    let (mut read, mut looked) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::new(seed);
        let dir = TempDir::in_memory();
        let mut bytes = vec![b'-'; 1 + random.below(100) as usize];
        dir.write("log", &bytes);
        let writer = fs::OpenOptions::new().write(true).open(dir.join("log"));
        let writer = writer.expect("a file");
        let files = Files::open(dir.path(), Arc::default()).expect("a directory");
        let Ok(Node::File(file)) = files.find(b"log", None) else {
            panic!("a file");
        };
        let offset = random.below(bytes.len() as u64 + 1);
        let mut truncated = false;
        for _ in 0..20 {
            // Whether the last look was followed by writes, and nothing else can have happened.
            let written = match random.below(8) {
                0 => {
                    file.stat().expect("a look");
                    false
                }
                1 => {
                    file.invalidate();
                    file.written();
                    false
                }
                2 => {
                    let size = random.below(bytes.len() as u64 + 1);
                    truncated |= (size as usize) < bytes.len();
                    bytes.truncate(size as usize);
                    writer.set_len(size).expect("it can be truncated");
                    file.stat().expect("a look");
                    file.written();
                    true
                }
                _ => {
                    let more = vec![b'a' + random.below(26) as u8; 1 + random.below(40) as usize];
                    writer
                        .write_all_at(&more, bytes.len() as u64)
                        .expect("space");
                    bytes.extend(more);
                    file.stat().expect("a look");
                    file.written();
                    true
                }
            };
            let size = bytes.len() as u64;
            let there = size.saturating_sub(offset);
            let tells = written && !truncated && (1..BUFFER).contains(&there);
            let mut buffer = [0; BUFFER as usize];
            let count = file.read_on(&mut buffer, offset);
            assert_eq!(count, tells.then_some(there as usize), "seed {seed}");
            if let Some(count) = count {
                assert_eq!(buffer[..count], bytes[offset as usize..], "seed {seed}");
                read += 1;
            } else {
                looked += 1;
            }
        }
    }
    assert!(read > 200 && looked > 200, "{read}, {looked}");
}

#[test]
fn a_file_that_is_shorter_than_it_was_needs_a_look() {
    let dir = TempDir::in_memory();
    dir.write("log", "0123456789");
    let files = Files::open(dir.path(), Arc::default()).expect("a directory");
    let Ok(Node::File(file)) = files.find(b"log", None) else {
        panic!("a file");
    };
    file.stat().expect("a look");
    dir.write("log", "01234567");
    file.written();
    // There is something behind the offset, and yet it was truncated.
    assert_eq!(file.read_on(&mut [0; 64], 5), None);
    let mut seen = 0;
    file.stat().expect("a look");
    assert_eq!(file.shrank_since(&mut seen), Some(8));
}

#[test]
fn a_sealed_file_ends_where_it_was_sealed() {
    let dir = TempDir::in_memory();
    dir.write("log", "0123456789");
    let writer = fs::OpenOptions::new().write(true).open(dir.join("log"));
    let writer = writer.expect("a file");
    let files = Files::open(dir.path(), Arc::default()).expect("a directory");
    let Ok(Node::File(file)) = files.find(b"log", None) else {
        panic!("a file");
    };
    dir.chmod("log", 0o444);
    file.stat().expect("a look");
    writer.write_all_at(b"late", 10).expect("space");
    file.written();
    assert_eq!(file.read_on(&mut [0; 64], 10), None);
    assert_eq!(file.end(), Ok((10, true)));
    writer.set_len(9).expect("it can be truncated");
    file.written();
    assert_eq!(file.end(), Ok((9, true)));
    dir.chmod("log", 0o644);
    writer.write_all_at(b"more", 9).expect("space");
    file.invalidate();
    // What is written from now on is for those who begin now, on the file opened anew.
    assert!(file.is_unsealed());
    assert_eq!(file.end(), Ok((10, true)));
    let Ok(Node::File(anew)) = files.find(b"log", None) else {
        panic!("a file");
    };
    assert_eq!(anew.end(), Ok((13, false)));
}
