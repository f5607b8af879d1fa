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

/// Follows a file to its end over however many connections that takes, and tells how far it is.
fn follow(place: &Place, progress: &AtomicUsize) -> Vec<u8> {
    let mut all = Vec::new();
    let mut tag: Option<String> = None;
    let start = Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "no end");
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

fn write(path: &Path, done: &AtomicBool) {
    let mut record = 0;
    let start = Instant::now();
    while !done.load(Ordering::Acquire) && start.elapsed() < PATIENCE {
        // Now and then a long one, that does not fit into the buffers on the way.
        let length = if record % 100 == 99 { 60_000 } else { 20 };
        append(path, format!("{record:length$}\n").as_bytes());
        record += 1;
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
        scope.spawn(|| write(&path, &done));
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
        done.store(true, Ordering::Release);
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
