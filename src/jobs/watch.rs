//! How the server learns of the ends that workers record: each is a file `ID.status` that appears in the directory.

use std::fmt::Display;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use inotify::{EventMask, Inotify, WatchMask};
use log::warn;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use super::files::id_before;
use crate::job::JobId;
use crate::limits::UNWATCHED_LOOK_INTERVAL;

/// What a watch reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// This job has a status now.
    Ended(JobId),
    /// The mode of the answer of this job has changed: it may be sealed.
    Sealed(JobId),
    /// There were more reports than the kernel keeps, or there are none: any job may have a status.
    Lost,
}

/// Reports ends, each at least once.
pub trait Watch: Send + Sync {
    /// What has been reported since the last call.
    fn seen(&self) -> Vec<Seen>;

    /// Waits for a report or for [`Watch::wake`], for so long at most.
    fn wait(&self, at_most: Duration);

    /// Ends the current [`Watch::wait`], or else the next one.
    fn wake(&self);
}

/// Watches the names in a directory. `None`: the limits of inotify are used up, which the log says; whoever asks then looks
/// after [`UNWATCHED_LOOK_INTERVAL`].
///
/// # Errors
/// ENOENT, EACCES.
pub fn watch_names(path: &Path, names: WatchMask) -> io::Result<Option<Inotify>> {
    let watched = Inotify::init().and_then(|inotify| {
        inotify.watches().add(path, names)?;
        Ok(inotify)
    });
    match watched {
        Ok(inotify) => Ok(Some(inotify)),
        Err(error) if note_used_up(&"the directory of the jobs", &error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the limits of inotify are used up, which it logs.
#[must_use]
pub fn note_used_up(what: &dyn Display, error: &io::Error) -> bool {
    let limit = match Errno::from_io_error(error) {
        Some(Errno::MFILE) => "instances",
        Some(Errno::NOSPC) => "watches",
        _ => return false,
    };
    warn!(
        "cannot watch {what} ({error}; raise fs.inotify.max_user_{limit}): checking it every {} s",
        UNWATCHED_LOOK_INTERVAL.as_secs()
    );
    true
}

/// The watch of a directory, by inotify(7) or else by looks.
///
/// # Errors
/// ENOENT, EACCES, EMFILE.
pub fn watch(path: &Path) -> io::Result<Box<dyn Watch>> {
    let names = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ATTRIB;
    let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
    Ok(match watch_names(path, names)? {
        Some(inotify) => Box::new(DirectoryWatch {
            events: rustix::io::fcntl_dupfd_cloexec(inotify.as_fd(), 0)?,
            wake,
            inotify: Mutex::new(inotify),
        }),
        None => Box::new(Polling {
            is_due: AtomicBool::new(false),
            wake,
        }),
    })
}

/// Without inotify: after each wait, which is short, any job may have a status.
struct Polling {
    is_due: AtomicBool,
    wake: OwnedFd,
}

impl Watch for Polling {
    fn seen(&self) -> Vec<Seen> {
        let is_due = self.is_due.swap(false, Ordering::Relaxed);
        is_due.then_some(Seen::Lost).into_iter().collect()
    }

    fn wait(&self, at_most: Duration) {
        let mut ready = [PollFd::new(&self.wake, PollFlags::IN)];
        wait_for(&mut ready, &self.wake, at_most.min(UNWATCHED_LOOK_INTERVAL));
        self.is_due.store(true, Ordering::Relaxed);
    }

    fn wake(&self) {
        wake_by(&self.wake);
    }
}

/// Waits until something is ready, and forgets who has woken it by this.
fn wait_for(ready: &mut [PollFd<'_>], wake: &OwnedFd, at_most: Duration) {
    let timeout = Timespec::try_from(at_most).expect("some seconds");
    let _ = rustix::event::poll(ready, Some(&timeout));
    let _ = rustix::io::read(wake, &mut [0; 8]);
}

fn wake_by(wake: &OwnedFd) {
    let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
}

/// A watch by inotify(7).
struct DirectoryWatch {
    inotify: Mutex<Inotify>,
    /// The same queue of events, to wait for them without the lock.
    events: OwnedFd,
    wake: OwnedFd,
}

impl Watch for DirectoryWatch {
    fn seen(&self) -> Vec<Seen> {
        let mut inotify = self.inotify.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0; 4096];
        let mut seen = Vec::new();
        while let Ok(events) = inotify.read_events(&mut buffer) {
            for event in events {
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    seen.push(Seen::Lost);
                }
                let name = event.name.map(|name| name.as_encoded_bytes());
                if event.mask.contains(EventMask::ATTRIB) {
                    let id = name.and_then(|name| id_before(name, b""));
                    seen.extend(id.map(Seen::Sealed));
                } else {
                    let id = name.and_then(|name| id_before(name, b".status"));
                    seen.extend(id.map(Seen::Ended));
                }
            }
        }
        seen
    }

    fn wait(&self, at_most: Duration) {
        let mut ready = [
            PollFd::new(&self.events, PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
        ];
        wait_for(&mut ready, &self.wake, at_most);
    }

    fn wake(&self) {
        wake_by(&self.wake);
    }
}
