//! How the server learns of the ends that workers record: each is a file `ID.status` that appears in the directory.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use inotify::{EventMask, Inotify, WatchMask};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};

use super::files::id_before;
use super::record::JobId;

/// What a watch reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// This job has a status now.
    Ended(JobId),
    /// The mode of the answer of this job has changed: it may be sealed.
    Sealed(JobId),
    /// There were more reports than the kernel keeps: any job may have a status.
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

/// A watch by inotify(7).
pub struct DirectoryWatch {
    inotify: Mutex<Inotify>,
    /// The same queue of events, to wait for them without the lock.
    events: OwnedFd,
    wake: OwnedFd,
}

impl DirectoryWatch {
    /// Watches this directory.
    ///
    /// # Errors
    /// ENOENT, EACCES; EMFILE and ENOSPC if the limits of inotify are used up.
    pub fn new(path: &Path) -> io::Result<DirectoryWatch> {
        let inotify = Inotify::init()?;
        let names = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::ATTRIB;
        inotify.watches().add(path, names)?;
        Ok(DirectoryWatch {
            events: rustix::io::fcntl_dupfd_cloexec(inotify.as_fd(), 0)?,
            wake: rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            inotify: Mutex::new(inotify),
        })
    }
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
        let timeout = Timespec::try_from(at_most).expect("some seconds");
        let mut ready = [
            PollFd::new(&self.events, PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
        ];
        let _ = rustix::event::poll(&mut ready, Some(&timeout));
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}
