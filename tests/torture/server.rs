//! The real binary: started, stopped and continued, killed and started again on its port; and what it holds.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::topic::BOUND;

const THREADS: usize = 2;
/// Between two looks at something that makes no event.
const LOOK: Duration = Duration::from_millis(10);

/// A running server.
pub struct Server {
    child: Child,
    root: PathBuf,
    log: PathBuf,
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
    pub fn start(root: &Path, log: &Path, mut port: impl FnMut() -> u16) -> Server {
        for _ in 0..20 {
            if let Ok(server) = Server::start_on(root, log, port()) {
                return server;
            }
        }
        panic!("no port, see {}", log.display());
    }

    fn start_on(root: &Path, log: &Path, port: u16) -> Result<Server, String> {
        let out = File::options().create(true).append(true).open(log);
        let mut child = Command::new(env!("CARGO_BIN_EXE_openrange"))
            .args(["--threads", &THREADS.to_string()])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .arg(root)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(out.expect("a log file"))
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        let _ = BufReader::new(stdout).read_line(&mut line);
        if !line.starts_with("listening on http://") {
            let status = child.wait();
            return Err(format!("{line:?}, {status:?}, see {}", log.display()));
        }
        let id = child.id();
        wait_for(|| Holdings::of(id).is_some_and(|held| held.inotify == THREADS));
        Ok(Server {
            start: Holdings::of(id).expect("it runs"),
            child,
            root: root.into(),
            log: log.into(),
            port,
        })
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Stops it for some time.
    pub fn pause(&self, time: Duration) {
        self.signal(Signal::STOP);
        std::thread::sleep(time);
        self.signal(Signal::CONT);
    }

    /// Kills it and starts another on the same port.
    pub fn restart(&mut self) -> Result<(), String> {
        self.child.kill().map_err(|error| error.to_string())?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.code().is_some() {
            return Err(format!("the server ended by itself: {status}"));
        }
        *self = Server::start_on(&self.root, &self.log, self.port)?;
        Ok(())
    }

    /// What it holds now.
    pub fn holdings(&self) -> Option<Holdings> {
        Holdings::of(self.child.id())
    }

    /// What it still holds of what it did not hold at its start, if that does not change in time.
    pub fn leaks(&self) -> Option<Holdings> {
        let clean = |held: Holdings| {
            held.descriptors <= self.start.descriptors && held.watches <= self.start.watches
        };
        let done = wait_for(|| self.holdings().is_none_or(clean));
        if done { None } else { self.holdings() }
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// How it ended, if it did in time.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let mut status = None;
        wait_for(|| {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        status
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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
