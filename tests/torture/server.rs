//! The real binary: started, stopped and continued, killed and started again on its port; and what it holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::harness::{self, Running, openrange};
use crate::topic::BOUND;

const THREADS: usize = 2;
/// Between two looks at something that makes no event.
const LOOK: Duration = Duration::from_millis(10);

/// A running server.
pub struct Server {
    running: Running,
    root: PathBuf,
    /// What those before it have said.
    said: Vec<String>,
    pub port: u16,
    pub start: Holdings,
}

/// What a process holds.
#[derive(Debug, Clone, Copy)]
pub struct Holdings {
    pub descriptors: usize,
    pub watches: usize,
    inotify: usize,
    /// Memory of its own, in KiB.
    pub memory: usize,
}

impl Server {
    /// Starts it on some port below those that the kernel gives to clients: while it is down, nobody else may get it.
    pub fn start(root: &Path, mut port: impl FnMut() -> u16) -> Server {
        let mut why = String::new();
        for _ in 0..20 {
            match Server::start_on(root, port()) {
                Ok(server) => return server,
                Err(error) => why = error,
            }
        }
        panic!("no port: {why}");
    }

    fn start_on(root: &Path, port: u16) -> Result<Server, String> {
        let mut command = openrange(&["--threads", &THREADS.to_string()]);
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg(root)
            .env("RUST_LOG", "warn");
        let running = harness::Server::try_launch(command)?.running;
        let id = running.id();
        // Each worker has one, and the thread that looks after ROOT.
        wait_for(|| Holdings::of(id).is_some_and(|held| held.inotify == THREADS + 1));
        Ok(Server {
            start: Holdings::of(id).expect("it runs"),
            running,
            root: root.into(),
            said: Vec::new(),
            port,
        })
    }

    /// Everything that it and those before it have said.
    pub fn log(&self) -> String {
        [&self.said[..], &self.running.stderr.all()]
            .concat()
            .join("\n")
    }

    /// Stops it for some time.
    pub fn pause(&self, time: Duration) {
        self.running.signal(Signal::STOP);
        std::thread::sleep(time);
        self.running.signal(Signal::CONT);
    }

    /// Kills it and starts another on the same port.
    pub fn restart(&mut self) -> Result<(), String> {
        let status = self.running.kill();
        if status.code().is_some() {
            return Err(format!("the server ended by itself: {status}"));
        }
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.running.stderr.all());
        *self = Server::start_on(&self.root, self.port)?;
        self.said = said;
        Ok(())
    }

    /// What it holds now.
    pub fn holdings(&self) -> Option<Holdings> {
        Holdings::of(self.running.id())
    }

    /// What it still holds of what it did not hold at its start, if that does not change in time.
    pub fn leaks(&self) -> Option<Holdings> {
        // Each worker observes the directories of logs for some minutes after their last followers left, to know the rolls
        // when they come again: a watch for each directory.
        let observed = THREADS * directories(&self.root);
        let clean = |held: Holdings| {
            held.descriptors <= self.start.descriptors
                && held.watches <= self.start.watches + observed
        };
        let done = wait_for(|| self.holdings().is_none_or(clean));
        if done { None } else { self.holdings() }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.running.signal(Signal::TERM);
    }

    /// How it ended, if it did in time.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let mut status = None;
        wait_for(|| {
            status = self.running.ended();
            status.is_some()
        });
        status
    }
}

impl Holdings {
    fn of(id: u32) -> Option<Holdings> {
        let process = PathBuf::from(format!("/proc/{id}"));
        let mut held = Holdings {
            descriptors: 0,
            watches: 0,
            inotify: 0,
            memory: 0,
        };
        for entry in fs::read_dir(process.join("fd")).ok()?.flatten() {
            held.descriptors += 1;
            let target = fs::read_link(entry.path()).unwrap_or_default();
            if target.as_os_str() == "anon_inode:inotify" {
                held.inotify += 1;
                let info = fs::read_to_string(process.join("fdinfo").join(entry.file_name()));
                held.watches += info
                    .unwrap_or_default()
                    .lines()
                    .filter(|line| line.starts_with("inotify wd:"))
                    .count();
            }
        }
        let status = fs::read_to_string(process.join("status")).ok()?;
        let anonymous = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        held.memory = anonymous?.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(held)
    }
}

/// Looks until something holds. False if it does not within the bound.
fn wait_for(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > BOUND {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// Directories in this one, and itself.
fn directories(root: &Path) -> usize {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    1 + inner.map(|entry| directories(&entry.path())).sum::<usize>()
}
