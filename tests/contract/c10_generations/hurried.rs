//! Readers who come back at any moment while a log is rolled again and again, to names that say nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::streams::is_gap;
use crate::support::harness::{Server, TempDir};
use crate::support::source::Source;
use crate::support::waiting::eventually;

const FILES: usize = 100;
const LINES: usize = 4;
/// So far a reader may be behind.
const LAG: usize = 2 * LINES;

/// Reads all lines, a few from each stream.
fn read(server: &Server, count: &AtomicUsize, mut id: String, mut share: usize) {
    while count.load(Ordering::Relaxed) < FILES * LINES {
        let mut source = Source::open(server, "/log", Some(&id));
        share = (share * 5 + 3) % 97;
        for _ in 0..=share {
            let event = source.next();
            let next = count.load(Ordering::Relaxed);
            match &*event.kind {
                "roll" => assert!(!is_gap(&event.data), "{event:?} before {next}"),
                kind => {
                    assert_eq!((kind, event.data), ("", next.to_string()));
                    count.store(next + 1, Ordering::Relaxed);
                }
            }
            if next + 1 >= FILES * LINES {
                break;
            }
        }
        id = source.id;
    }
}

#[test]
fn each_line_comes_once() {
    let dir = TempDir::with("log", "");
    let server = Server::with(&dir, &["--threads", "2"]);
    let counts: [AtomicUsize; 3] = Default::default();
    thread::scope(|scope| {
        for (share, count) in counts.iter().enumerate() {
            let server = &server;
            let start = Source::open(server, "/log", None).id;
            scope.spawn(move || read(server, count, start, share));
        }
        for file in 0..FILES {
            let first = file * LINES;
            for line in first..first + LINES {
                dir.append("log", format!("{line}\n"));
            }
            eventually("the readers", || {
                let read = |count: &AtomicUsize| count.load(Ordering::Relaxed) + LAG >= first;
                counts.iter().all(read)
            });
            if file + 1 < FILES {
                dir.write(".next", "");
                dir.rename("log", &format!("saved {file}"));
                dir.rename(".next", "log");
            }
        }
    });
}
