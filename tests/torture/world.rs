//! What all threads share: the topics, the server's state, when to stop, what went wrong, and the counters.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, RwLock};
use std::time::Duration;

use crate::topic::{BOUND, Roll, Topic};

/// More would only repeat themselves.
const FAILURES_MAX: usize = 8;

pub struct World {
    pub seed: u64,
    /// The served directory.
    pub root: PathBuf,
    pub topics: Vec<Topic>,
    pub port: AtomicU16,
    /// Counts starts and kills: odd while there is no server. Changed before a kill and after a start.
    up: Mutex<u64>,
    up_changed: Condvar,
    /// Whoever kills the server writes; whoever does what no kill may fall into reads.
    pub calm: RwLock<()>,
    pub writers_stop: AtomicBool,
    pub followers_stop: AtomicBool,
    failed: AtomicBool,
    failures: Mutex<Vec<String>>,
    failures_changed: Condvar,
    pub counts: Counts,
}

#[derive(Default)]
pub struct Counts {
    pub bytes: AtomicU64,
    pub rolls: [AtomicU64; Roll::ALL.len()],
    pub reconnects: AtomicU64,
    pub cuts: AtomicU64,
    pub pauses: AtomicU64,
    pub restarts: AtomicU64,
}

impl World {
    pub fn new(seed: u64, root: PathBuf, topics: Vec<Topic>, port: u16) -> World {
        World {
            seed,
            root,
            topics,
            port: AtomicU16::new(port),
            up: Mutex::new(0),
            up_changed: Condvar::new(),
            calm: RwLock::new(()),
            writers_stop: AtomicBool::new(false),
            followers_stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failures: Mutex::default(),
            failures_changed: Condvar::new(),
            counts: Counts::default(),
        }
    }

    /// The number of the running server, or an odd one.
    pub fn up(&self) -> u64 {
        *self.up.lock().expect("nobody panics with it")
    }

    /// There is a server no more, or there is one again.
    pub fn next_up(&self) {
        *self.up.lock().expect("nobody panics with it") += 1;
        self.up_changed.notify_all();
        self.wake_topics();
    }

    /// Waits for a server; none if it does not come.
    pub fn wait_up(&self) -> Option<u64> {
        let up = self.up.lock().expect("nobody panics with it");
        let (up, _) = self
            .up_changed
            .wait_timeout_while(up, BOUND, |up| *up % 2 == 1)
            .expect("nobody panics with it");
        (*up % 2 == 0).then_some(*up)
    }

    /// Something is wrong: everybody stops.
    pub fn fail(&self, why: String) {
        let mut failures = self.failures.lock().expect("nobody panics with it");
        if failures.len() < FAILURES_MAX {
            failures.push(why);
        }
        drop(failures);
        for flag in [&self.failed, &self.writers_stop, &self.followers_stop] {
            flag.store(true, SeqCst);
        }
        self.failures_changed.notify_all();
        self.wake_topics();
    }

    pub fn failed(&self) -> bool {
        self.failed.load(SeqCst)
    }

    /// Lets time pass, unless something goes wrong.
    pub fn wait(&self, time: Duration) {
        let failures = self.failures.lock().expect("nobody panics with it");
        let _unused = self
            .failures_changed
            .wait_timeout_while(failures, time, |failures| failures.is_empty());
    }

    pub fn failures(&self) -> Vec<String> {
        self.failures.lock().expect("nobody panics with it").clone()
    }

    fn wake_topics(&self) {
        for topic in &self.topics {
            topic.change(|_| ());
        }
    }

    pub fn stop_writers(&self) {
        self.writers_stop.store(true, SeqCst);
        self.wake_topics();
    }

    pub fn stop_followers(&self) {
        self.followers_stop.store(true, SeqCst);
        self.wake_topics();
    }
}

impl Counts {
    pub fn roll(&self, roll: Roll) {
        let index = Roll::ALL.iter().position(|(other, _)| *other == roll);
        self.rolls[index.expect("all are there")].fetch_add(1, SeqCst);
    }

    /// One line.
    pub fn report(&self) -> String {
        let count = |counter: &AtomicU64| counter.load(SeqCst);
        let rolls: Vec<_> = Roll::ALL
            .iter()
            .zip(&self.rolls)
            .map(|((_, name), counter)| format!("{name} {}", count(counter)))
            .collect();
        format!(
            "{} bytes delivered; rolls: {}; {} reconnects, {} cuts, {} pauses, {} restarts",
            count(&self.bytes),
            rolls.join(", "),
            count(&self.reconnects),
            count(&self.cuts),
            count(&self.pauses),
            count(&self.restarts),
        )
    }
}
