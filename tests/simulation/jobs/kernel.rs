//! A kernel of which every call is a step of the [`Stage`]: the files are real, whose turn it is and the time are not. Now
//! and then the disk is full. What is wrong with it on purpose is its [`Fault`].

use std::fmt;
use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openrange::job::JobId;
use openrange::jobs::files::QUEUE;
use openrange::jobs::kernel::{Kernel, Linux};
use openrange::jobs::watch::{Seen, Watch};
use rustix::fs::{Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use super::stage::{Event, Process, Stage};

/// What this world does wrong, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Two may hold the same lock.
    LockTwice,
    /// Whoever creates `ID.status` last decides.
    LinkOver,
    /// Some answers are not sealed.
    SealLost,
    /// Some lines of `queue` are lost.
    QueueLost,
    /// Some lines of `done` are lost.
    DoneLost,
    /// Some lines of `done` are there twice.
    DoneTwice,
    /// Bytes of an answer are lost.
    AnswerCut,
    /// The death of a server takes requests with it.
    RequestLost,
    /// The server does not hear of ends.
    Deaf,
    /// The clock stands still.
    Clock,
    /// What a command has left behind does not keep the lock.
    LockNotInherited,
    /// A retry with the same key is another job.
    OtherJob,
    /// `done` says of a job that runs that it has ended.
    ToldEarly,
    /// Hooks tell that an abandoned job succeeded.
    ToldWrong,
    /// A place in `done` is saved before what is there was told.
    SavedEarly,
}

/// Seconds since 1970 when a world begins.
const BEGIN: u64 = 1_800_000_000;

pub struct World {
    pub stage: Stage,
    pub fault: Fault,
    /// How often a write finds no space: once in so many; 0: never.
    pub full: Mutex<u64>,
    /// How far the clock was set forward and back, in seconds.
    pub skew: Mutex<i64>,
    watches: Mutex<Vec<Arc<Ends>>>,
    /// How often a file got the name `queue`, or lost it.
    pub queue_names: AtomicU64,
    /// `OPENRANGE_TRACE`: each call is printed.
    pub traces: bool,
}

/// Reports of ends that one server has not read yet.
pub struct Ends {
    stage: Stage,
    server: Process,
    seen: Mutex<Vec<Seen>>,
    woken: AtomicBool,
}

impl fmt::Debug for World {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.fault)
    }
}

impl World {
    pub fn new(stage: Stage, fault: Fault, full: u64) -> World {
        World {
            stage,
            fault,
            full: Mutex::new(full),
            skew: Mutex::new(0),
            watches: Mutex::default(),
            queue_names: AtomicU64::new(0),
            traces: std::env::var_os("OPENRANGE_TRACE").is_some(),
        }
    }

    /// Whether the fault of this world shows now.
    pub fn errs(&self, fault: Fault) -> bool {
        self.fault == fault && self.stage.once_in(2)
    }

    /// The watch of the server whose turn it is; those of servers that have died are forgotten.
    pub fn watch(&self) -> Box<dyn Watch> {
        let ends = Arc::new(Ends {
            stage: self.stage.clone(),
            server: self.stage.process(),
            seen: Mutex::default(),
            woken: AtomicBool::new(false),
        });
        let mut watches = self.watches.lock().expect("no panic");
        *watches = vec![Arc::clone(&ends)];
        Box::new(Watching(ends))
    }

    /// A file has got a name.
    pub fn created(&self, name: &str) {
        let id = name.strip_suffix(".status");
        let Some(id) = id.and_then(|id| id.parse::<JobId>().ok()) else {
            return;
        };
        self.report(Seen::Ended(id));
    }

    fn report(&self, what: Seen) {
        if self.fault == Fault::Deaf {
            return;
        }
        for ends in self.watches.lock().expect("no panic").iter() {
            let mut seen = ends.seen.lock().expect("no panic");
            match self.stage.once_in(20) {
                // The kernel keeps so many events and no more.
                true => *seen = vec![Seen::Lost],
                false => seen.push(what),
            }
            self.stage.wake(Event::End(ends.server));
        }
    }

    /// A call is about to be made.
    fn call(&self, what: &str, name: &str) {
        self.tell(format_args!("{what} {name}"));
        self.stage.step();
    }

    /// Something else that is worth a line.
    pub fn tell(&self, what: fmt::Arguments<'_>) {
        if self.traces {
            let (now, process) = (self.stage.now(), self.stage.process());
            println!("{now:6} process {process}: {what}");
        }
    }

    fn call_on(&self, what: &str, file: BorrowedFd<'_>) {
        let path = self.traces.then(|| path_of(file));
        self.call(what, path.as_deref().unwrap_or_default());
    }

    fn find_space(&self) -> Result<(), Errno> {
        let full = *self.full.lock().expect("no panic");
        match full > 0 && self.stage.once_in(full) {
            true => Err(Errno::NOSPC),
            false => Ok(()),
        }
    }

    /// The time of a file is that of this world.
    pub fn date(&self, file: BorrowedFd<'_>) {
        let clock = self.clock();
        let time = Timespec {
            tv_sec: i64::try_from(clock.as_secs()).expect("near"),
            tv_nsec: clock.subsec_nanos().into(),
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        rustix::fs::futimens(file, &times).expect("a time");
    }
}

impl Kernel for World {
    fn open(
        &self,
        at: BorrowedFd<'_>,
        name: &str,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, Errno> {
        self.call("open", name);
        let is_new = Linux.stat(at, name).is_err();
        let file = Linux.open(at, name, flags, mode)?;
        if is_new {
            self.date(file.as_fd());
            if name == QUEUE {
                self.queue_names.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(file)
    }

    fn stat(&self, at: BorrowedFd<'_>, name: &str) -> Result<Stat, Errno> {
        self.call("stat", name);
        Linux.stat(at, name)
    }

    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat, Errno> {
        self.call("fstat", "");
        Linux.stat_open(file)
    }

    fn link(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        self.call("link", to);
        if self.fault == Fault::LinkOver && to.ends_with(".status") {
            let _ = Linux.unlink(at, to);
        }
        Linux.link(at, from, to)?;
        self.created(to);
        Ok(())
    }

    fn rename(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        self.call("rename", to);
        Linux.rename(at, from, to)?;
        self.created(to);
        Ok(())
    }

    fn unlink(&self, at: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        self.call("unlink", name);
        Linux.unlink(at, name)
    }

    fn chmod(&self, at: BorrowedFd<'_>, name: &str, mode: Mode) -> Result<(), Errno> {
        self.call("chmod", name);
        if self.errs(Fault::SealLost) {
            return Ok(());
        }
        Linux.chmod(at, name, mode)?;
        if let Ok(id) = name.parse() {
            self.report(Seen::Sealed(id));
        }
        self.stage.wake(Event::Seal);
        Ok(())
    }

    fn lock(&self, file: BorrowedFd<'_>) -> Result<bool, Errno> {
        self.call_on("lock", file);
        Ok(Linux.lock(file)? || self.fault == Fault::LockTwice)
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        self.call_on("write", file);
        self.find_space()?;
        let is_line = |word: &[u8]| {
            let mut windows = bytes.windows(word.len());
            bytes.starts_with(b"{\"id\"") && windows.any(|window| window == word)
        };
        let (queued, done) = (is_line(b"\"length\""), is_line(b"\"status\""));
        if queued
            && self.fault == Fault::QueueLost
            && path_of(file).contains("/queue")
            && self.stage.once_in(2)
            || done && self.errs(Fault::DoneLost)
        {
            return Ok(bytes.len());
        }
        if done && self.errs(Fault::DoneTwice) {
            Linux.write(file, bytes)?;
        }
        let count = Linux.write(file, bytes)?;
        self.date(file);
        if queued {
            self.stage.wake(Event::Queue);
        }
        if done {
            self.stage.wake(Event::Done);
        }
        Ok(count)
    }

    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<(), Errno> {
        self.call_on("truncate", file);
        Linux.truncate(file, length)
    }

    fn clock(&self) -> Duration {
        let skew = *self.skew.lock().expect("no panic");
        let now = match self.fault {
            Fault::Clock => 0,
            _ => self.stage.now(),
        };
        let begin = BEGIN.checked_add_signed(skew).expect("not so far");
        Duration::from_secs(begin) + Duration::from_millis(now)
    }

    fn pause(&self, time: Duration) {
        self.call("pause", "");
        let time = u64::try_from(time.as_millis()).expect("not long");
        self.stage.sleep(time, Event::Never);
    }
}

/// The path that a file has, or had.
fn path_of(file: BorrowedFd<'_>) -> String {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    link.map_or_else(
        |error| error.to_string(),
        |path| path.to_string_lossy().into_owned(),
    )
}

/// See [`Ends`].
struct Watching(Arc<Ends>);

impl Watch for Watching {
    fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.0.seen.lock().expect("no panic"))
    }

    fn wait(&self, at_most: Duration) {
        let woken = self.0.woken.swap(false, Ordering::Relaxed);
        if !woken && self.0.seen.lock().expect("no panic").is_empty() {
            let at_most = u64::try_from(at_most.as_millis()).expect("not long");
            let end = Event::End(self.0.server);
            self.0.stage.sleep(at_most.max(1), end);
        }
    }

    fn wake(&self) {
        self.0.woken.store(true, Ordering::Relaxed);
        self.0.stage.wake(Event::End(self.0.server));
    }
}
