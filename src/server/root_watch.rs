//! Whether the path of ROOT still leads to the directory that is served. Another one that takes the name (removed and made
//! again, replaced, mounted over) is served in its place.
//!
//! By looking at an interval, since a mount makes no event in the directory above it, nor does a link on the way that leads
//! elsewhere; and at once when inotify reports that the name was given to something. A directory below ROOT that clients write
//! to can be replaced as well; the sandbox then refuses every write to the new one.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use inotify::{Inotify, WatchMask};
use log::{info, warn};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};
use rustix::fs::Stat;

use super::health::Health;
use super::workers::Workers;
use crate::limits::{ROOT_CHECK_INTERVAL, ROOT_CHECK_PATIENCE};
use crate::os::threads;
use crate::store::root::{Files, open_root};
use crate::store::truncations::Truncations;

/// Looks at ROOT at an interval, and when it is asked to. A thread of its own does so: ROOT may be on a network file system that
/// does not respond, and nobody else waits for that.
pub struct RootWatch {
    /// An eventfd(2) that wakes the thread.
    wake: OwnedFd,
    looks: Mutex<Looks>,
    answered: Condvar,
}

/// How often somebody has asked for a look, and how many of these are answered by looks that began later.
#[derive(Default)]
struct Looks {
    asked: u64,
    answered: u64,
}

struct Watched {
    workers: Arc<Workers>,
    health: Arc<Health>,
    served: Id,
    files: Files,
}

/// Device and inode number. The directory that is served is open, so its number is not given to another.
type Id = (u64, u64);

#[allow(
    clippy::unnecessary_cast,
    reason = "the types differ between architectures"
)]
fn id(stat: &Stat) -> Id {
    (stat.st_dev as u64, stat.st_ino as u64)
}

impl RootWatch {
    /// Watches over the directory that these workers serve, by a thread that ends with the process.
    ///
    /// # Errors
    /// EAGAIN: no thread can be started.
    pub fn start(
        workers: Arc<Workers>,
        health: Arc<Health>,
        root: &OwnedFd,
    ) -> io::Result<Arc<RootWatch>> {
        let mut names = NameWatch::of(workers.root());
        let mut watched = Watched {
            workers,
            health,
            served: id(&rustix::fs::fstat(root)?),
            files: files(root.try_clone()?),
        };
        let watch = Arc::new(RootWatch {
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            looks: Mutex::default(),
            answered: Condvar::new(),
        });
        let looker = Arc::clone(&watch);
        threads::start("root-watch", None, move || {
            loop {
                names.wait(&looker.wake, ROOT_CHECK_INTERVAL);
                looker.look(&mut watched);
            }
        })?;
        Ok(watch)
    }

    /// Has the thread look now. If another directory has the name, it is served when this returns, unless the file system does
    /// not respond in time.
    pub fn check(&self) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.asked += 1;
        let this = looks.asked;
        // EAGAIN: the thread is to wake already.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        let is_open = |looks: &mut Looks| looks.answered < this;
        let patience = ROOT_CHECK_PATIENCE;
        let _ = self.answered.wait_timeout_while(looks, patience, is_open);
    }

    fn look(&self, watched: &mut Watched) {
        let looks = || self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = looks().asked;
        watched.check();
        looks().answered = asked;
        self.answered.notify_all();
    }
}

impl Watched {
    fn check(&mut self) {
        let root = self.trouble_with_root().map(|trouble| {
            let meanwhile = "the server keeps serving the directory that had the name";
            format!("{trouble}; {meanwhile}")
        });
        let trouble = root.or_else(|| self.trouble_with_writing());
        if self.health.set(trouble.clone()) {
            match trouble {
                Some(trouble) => warn!("{trouble}"),
                None => info!(
                    "ROOT is there again{}: {}",
                    self.writable(),
                    self.workers.root().display()
                ),
            }
        }
    }

    /// Why the path of ROOT does not lead to the directory that is served.
    fn trouble_with_root(&mut self) -> Option<String> {
        let workers = Arc::clone(&self.workers);
        let root = workers.root().display();
        match rustix::fs::stat(workers.root()) {
            Ok(stat) if id(&stat) == self.served => None,
            Ok(_) => match self.serve_another() {
                Ok(()) => {
                    warn!(
                        "another directory has the name of ROOT, {root}: the server now serves that one"
                    );
                    None
                }
                Err(why) => Some(format!(
                    "another directory has the name of ROOT, {root}, and cannot be served: {why}"
                )),
            },
            Err(error) => Some(format!("ROOT is gone: {root}: {error}")),
        }
    }

    /// What else is there again, for the log.
    fn writable(&self) -> &'static str {
        let shared = self.workers.shared();
        let writable = shared.writable.as_ref();
        match writable.is_some_and(|writable| writable.iter().next().is_some()) {
            true => ", and so are the directories that this process may write to",
            false => "",
        }
    }

    /// Why nobody can write where the options say.
    fn trouble_with_writing(&self) -> Option<String> {
        let shared = self.workers.shared();
        let options = shared.writable.as_ref()?.replaced(&self.files)?;
        let intake = match options.contains("--intake") {
            true => ", and what --intake receives goes to the previous directory",
            false => "",
        };
        Some(format!(
            "another directory has the name of one that this process may write to ({options}): writes there get 503\
             {intake}, until the server is restarted"
        ))
    }

    fn serve_another(&mut self) -> Result<(), String> {
        let root = open_root(self.workers.root()).map_err(|error| error.to_string())?;
        let stat = rustix::fs::fstat(&root).map_err(|error| error.to_string())?;
        let prepared = self.workers.prepare(&root)?;
        self.workers.start(prepared);
        self.served = id(&stat);
        self.files = files(root);
        Ok(())
    }
}

/// Learns that the name of ROOT was given to something, if the directory above it may be read.
struct NameWatch {
    /// `None`: ROOT has no name of its own, or what is above it cannot be watched.
    inotify: Option<Inotify>,
    above: PathBuf,
    name: OsString,
}

impl NameWatch {
    fn of(root: &Path) -> NameWatch {
        let names = root.parent().zip(root.file_name());
        let (above, name) = names.unwrap_or((Path::new(""), OsStr::new("")));
        let mut watch = NameWatch {
            inotify: names.and_then(|_| Inotify::init().ok()),
            above: above.into(),
            name: name.into(),
        };
        if !watch.renew() {
            watch.inotify = None;
        }
        watch
    }

    /// Watches the directory that is above now, which may be another one than before. False: it is not watched.
    fn renew(&self) -> bool {
        let mask = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ONLYDIR;
        let watches = self.inotify.as_ref().map(Inotify::watches);
        watches.is_some_and(|mut watches| watches.add(&self.above, mask).is_ok())
    }

    /// Waits until that happens, or until somebody asks for a look, for so long at most.
    fn wait(&mut self, wake: &OwnedFd, at_most: Duration) {
        self.renew();
        let end = Instant::now() + at_most;
        let mut buffer = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_due(wake, left, &mut buffer) {
                return;
            }
        }
    }

    /// Waits for a report. Whether it asks for a look.
    fn is_due(&mut self, wake: &OwnedFd, at_most: Duration, buffer: &mut [u8]) -> bool {
        let timeout = Timespec::try_from(at_most).expect("some seconds");
        let names = self.inotify.as_ref().map_or(wake.as_fd(), AsFd::as_fd);
        let mut ready = [wake.as_fd(), names].map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
        if rustix::event::poll(&mut ready, Some(&timeout)).is_err() {
            // A signal.
            return false;
        }
        if rustix::io::read(wake, &mut [0; 8]).is_ok() {
            return true;
        }
        let Some(Ok(mut events)) = self.inotify.as_mut().map(|it| it.read_events(buffer)) else {
            return false;
        };
        events.any(|event| event.name == Some(&self.name))
    }
}

/// The files of a root, to ask which they are.
fn files(root: OwnedFd) -> Files {
    Files::new(root, Arc::new(Truncations::default()))
}
