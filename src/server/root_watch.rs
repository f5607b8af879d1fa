//! Whether the path of ROOT still leads to the directory that is served. Another one that takes the name (removed and made
//! again, replaced, mounted over) is served in its place.
//!
//! By looking at an interval, since a mount makes no event in the directory above it, nor does a link on the way that leads
//! elsewhere; and at once when inotify reports that the name was given to something. A directory below ROOT that clients write
//! to can be replaced as well; the sandbox then refuses every write to the new one.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use inotify::{Inotify, WatchMask};
use log::{info, warn};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::Stat;

use super::health::Health;
use super::workers::Workers;
use crate::limits::ROOT_CHECK_INTERVAL;
use crate::os::threads;
use crate::store::root::{Files, open_root};
use crate::store::truncations::Truncations;

/// Looks at ROOT at an interval, and when it is asked to.
pub struct RootWatch(Mutex<Watched>);

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
        let served = id(&rustix::fs::fstat(root)?);
        let watch = Arc::new(RootWatch(Mutex::new(Watched {
            workers,
            health,
            served,
            files: files(root.try_clone()?),
        })));
        let looker = Arc::clone(&watch);
        threads::start("root-watch", None, move || {
            loop {
                names.wait(ROOT_CHECK_INTERVAL);
                looker.check();
            }
        })?;
        Ok(watch)
    }

    /// Looks now. If another directory has the name, it is served when this returns.
    pub fn check(&self) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.check();
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

    /// Waits until that happens, for so long at most.
    fn wait(&mut self, at_most: Duration) {
        self.renew();
        let Some(inotify) = &mut self.inotify else {
            return thread::sleep(at_most);
        };
        let end = Instant::now() + at_most;
        let mut buffer = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).expect("some seconds");
            let mut ready = [PollFd::new(inotify, PollFlags::IN)];
            if rustix::event::poll(&mut ready, Some(&timeout)) == Ok(0) {
                return;
            }
            let Ok(mut events) = inotify.read_events(&mut buffer) else {
                // A signal, or nothing to read.
                continue;
            };
            if events.any(|event| event.name == Some(&self.name)) {
                return;
            }
        }
    }
}

/// The files of a root, to ask which they are.
fn files(root: OwnedFd) -> Files {
    Files::new(root, Arc::new(Truncations::default()))
}
