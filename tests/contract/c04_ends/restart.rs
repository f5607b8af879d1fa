//! A server that is killed under a writer and its followers: whoever resumes with tag and offset gets every byte once.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::directory::{TempDir, append};
use crate::support::harness::Server;
use crate::support::tail::{End, Tail};
use crate::support::waiting::{PATIENCE, eventually};

const FOLLOWERS: usize = 3;
const KILLS: usize = 20;
/// Bytes that the writer is ahead of the slowest follower at most.
const AHEAD: usize = 8 << 20;

/// Where the server is now; it gets another port each time.
struct Place(Mutex<String>);

impl Place {
    fn get(&self) -> String {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, address: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

/// Sets it however the test ends: whoever writes until then would write for ever.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Follows a file to its end over however many connections that takes, and tells how far it is.
fn follow(place: &Place, progress: &AtomicUsize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut tag: Option<String> = None;
    let mut heard = Instant::now();
    loop {
        assert!(heard.elapsed() < PATIENCE, "no answer");
        let condition = tag.as_ref().map(|tag| format!("If-Match: {tag}"));
        let fields: Vec<&str> = condition.as_deref().into_iter().collect();
        let opened = Client::try_to(&place.get())
            .and_then(|client| Tail::try_open(client, "/log", all.len() as u64, &fields));
        let mut tail = match opened {
            Ok(Ok(tail)) => tail,
            Ok(Err(refusal)) => panic!("refused: {refusal:?}"),
            // Nobody there at the moment.
            Err(_) => {
                thread::sleep(Duration::from_millis(5));
                continue;
            }
        };
        heard = Instant::now();
        let now = tail.head.etag();
        assert_eq!(*tag.get_or_insert_with(|| now.clone()), now);
        let before = all.len();
        while tail.step() {
            progress.store(before + tail.body.len(), Ordering::Release);
        }
        all.extend_from_slice(&tail.body);
        if matches!(tail.end(), End::Complete(_)) {
            return all;
        }
    }
}

fn write(path: &Path, done: &AtomicBool, progress: &[AtomicUsize]) {
    let (mut record, mut written) = (0, 0);
    while !done.load(Ordering::Acquire) {
        // Now and then a long one, that does not fit into the buffers on the way.
        let length = if record % 100 == 99 { 60_000 } else { 20 };
        // Whoever is slow is waited for: else there is the more to deliver at the end the longer it takes to come to it.
        let slowest = progress.iter().map(|at| at.load(Ordering::Acquire)).min();
        if slowest.is_some_and(|at| written < at + AHEAD) {
            append(path, format!("{record:length$}\n").as_bytes());
            record += 1;
            written += length + 1;
        }
        thread::yield_now();
    }
}

#[test]
fn killed_under_its_followers() {
    let root = TempDir::new();
    let path = root.join("log");
    append(&path, b"begin\n");
    let server = Server::with(root.path(), &[]);
    let place = Place(Mutex::new(server.address.clone()));
    let progress: [AtomicUsize; FOLLOWERS] = Default::default();
    let done = AtomicBool::new(false);
    let mut server = Some(server);
    thread::scope(|scope| {
        let ends = Done(&done);
        let writer = scope.spawn(|| write(&path, &done, &progress));
        let followers: Vec<_> = progress
            .iter()
            .map(|progress| scope.spawn(|| follow(&place, progress)))
            .collect();
        for _ in 0..KILLS {
            let before = progress.each_ref().map(|at| at.load(Ordering::Acquire));
            eventually("progress of every follower", || {
                let now = progress.each_ref().map(|at| at.load(Ordering::Acquire));
                now.iter()
                    .zip(before)
                    .all(|(now, before)| *now > before + 1000)
            });
            server.take().expect("a server").running.kill();
            let server = server.insert(Server::with(root.path(), &[]));
            place.set(server.address.clone());
        }
        drop(ends);
        writer.join().expect("the writer");
        let total = || fs::metadata(&path).map_or(0, |metadata| metadata.len());
        eventually("everything delivered", || {
            let written = usize::try_from(total()).expect("a size");
            progress
                .iter()
                .all(|at| at.load(Ordering::Acquire) == written)
        });
        let written = fs::read(&path).expect("a file");
        fs::rename(&path, root.join("log.1")).expect("rename");
        for follower in followers {
            let got = follower.join().expect("a follower");
            assert!(got == written, "{} bytes of {}", got.len(), written.len());
        }
    });
    assert!(server.is_some_and(|server| server.stop().success()));
}
