//! Follows `queue` across its rolls and offers each job that it names. [`Queue`] reads, [`QueueFollower`] waits.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use std::time::Duration;

use inotify::{EventMask, Inotify, WatchMask};
use log::{error, warn};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;

use super::pending::Pending;
use crate::jobs::files::{JobDirectory, QUEUE};
use crate::jobs::record::JobRecord;
use crate::jobs::watch::{note_used_up, watch_names};
use crate::limits::{JOB_LINE_MAX, QUEUE_LOOK_INTERVAL, UNWATCHED_LOOK_INTERVAL};

/// Waits until there may be something new in `queue`.
pub struct QueueFollower {
    path: PathBuf,
    /// `None`: inotify cannot watch.
    inotify: Option<Inotify>,
    /// Between two looks while no event comes.
    interval: Duration,
    stopped: Arc<OwnedFd>,
    queue: Queue,
}

/// How far `queue` was read.
#[derive(Default)]
pub struct Queue {
    /// `None`: no file has the name.
    reading: Option<Reading>,
    /// The directory could not be scanned, so the next look does it.
    unscanned: bool,
}

/// The file that is being read, and how far.
struct Reading {
    file: File,
    offset: u64,
    /// The beginning of a line that has no end yet.
    line: Vec<u8>,
}

/// Why a wait is over.
enum Woken {
    /// It is to end.
    Stop,
    /// Another file may have the name `queue`, or had it.
    Renamed,
    /// Something else has happened, or nothing for a while.
    Otherwise,
}

/// Ends [`QueueFollower::run`] from another thread.
pub struct Stopper(Arc<OwnedFd>);

impl Stopper {
    /// Ends it.
    pub fn stop(&self) {
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

impl QueueFollower {
    /// A follower of the queue in this directory.
    ///
    /// # Errors
    /// ENOENT, EACCES, EMFILE.
    pub fn new(directory: &Path) -> io::Result<QueueFollower> {
        let names = WatchMask::CREATE | WatchMask::MOVED_TO | WatchMask::MOVED_FROM;
        let inotify = watch_names(directory, names)?;
        let stopped = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        Ok(QueueFollower {
            path: directory.join(QUEUE),
            interval: match inotify {
                Some(_) => QUEUE_LOOK_INTERVAL,
                None => UNWATCHED_LOOK_INTERVAL,
            },
            inotify,
            stopped: Arc::new(stopped),
            queue: Queue::default(),
        })
    }

    /// What ends it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stopped))
    }

    /// Offers jobs until it is stopped.
    pub fn run(&mut self, directory: &JobDirectory, pending: &Pending) {
        let mut renamed = true;
        loop {
            let (inotify, path, interval) = (&self.inotify, &self.path, &mut self.interval);
            self.queue.look(directory, pending, renamed, || {
                let watches = inotify.as_ref().map(Inotify::watches);
                let watched = watches.map(|mut watches| watches.add(path, WatchMask::MODIFY));
                if let Some(Err(error)) = watched {
                    match note_used_up(&path.display(), &error) {
                        true => *interval = UNWATCHED_LOOK_INTERVAL,
                        false => warn!("cannot watch {}: {error}", path.display()),
                    }
                }
            });
            match self.wait() {
                Woken::Stop => return,
                Woken::Renamed => renamed = true,
                Woken::Otherwise => renamed = false,
            }
        }
    }

    /// Waits until something may be new.
    fn wait(&mut self) -> Woken {
        let interval = match self.queue.unscanned {
            true => UNWATCHED_LOOK_INTERVAL,
            false => self.interval,
        };
        let timeout = Timespec::try_from(interval).expect("some seconds");
        let mut ready = vec![PollFd::new(&*self.stopped, PollFlags::IN)];
        let events = self.inotify.as_ref().map(Inotify::as_fd);
        ready.extend(events.map(|events| PollFd::from_borrowed_fd(events, PollFlags::IN)));
        let _ = rustix::event::poll(&mut ready, Some(&timeout));
        if ready[0].revents().contains(PollFlags::IN) {
            return Woken::Stop;
        }
        let Some(inotify) = &mut self.inotify else {
            // While no file has the name, one may have had it since the last look.
            return match self.queue.reading {
                Some(_) => Woken::Otherwise,
                None => Woken::Renamed,
            };
        };
        let mut buffer = [0; 4096];
        let mut woken = Woken::Otherwise;
        while let Ok(mut events) = inotify.read_events(&mut buffer) {
            let lost = EventMask::Q_OVERFLOW;
            if events.any(|event| event.name == Some(QUEUE.as_ref()) || event.mask.contains(lost)) {
                woken = Woken::Renamed;
            }
        }
        woken
    }
}

impl Queue {
    /// Reads what is new. If another file has the name, it reads the former one to its end first; and because more than
    /// one file may have had the name meanwhile, it scans the directory. `renamed`: this may be so, even if no file has
    /// the name now, and at the start. A file that somebody has truncated counts as another one: lines may be gone that were
    /// not read. `watch` begins to watch the file that has the name.
    pub fn look(
        &mut self,
        directory: &JobDirectory,
        pending: &Pending,
        renamed: bool,
        watch: impl FnOnce(),
    ) {
        let current = directory.queue().ok();
        if let Some(reading) = &mut self.reading {
            reading.read(pending);
        }
        let same = match (&self.reading, &current) {
            (Some(reading), Some(current)) => {
                same_file(&reading.file, current) && !reading.is_truncated()
            }
            (None, None) => true,
            _ => false,
        };
        if same && !renamed && !self.unscanned {
            return;
        }
        if !same {
            self.reading = current.map(|file| Reading::begin(file, watch));
        }
        let jobs = directory.open_jobs();
        let failed_before = std::mem::replace(&mut self.unscanned, jobs.is_err());
        match jobs {
            Ok(jobs) => jobs.into_iter().for_each(|id| pending.offer(id)),
            Err(error) if !failed_before => {
                error!("cannot list the jobs: {error}; trying again until it works");
            }
            Err(_) => {}
        }
    }
}

impl Reading {
    /// Begins at the end of a file: the scan that follows finds the jobs of the lines before it.
    fn begin(file: File, watch: impl FnOnce()) -> Reading {
        watch();
        let offset = file.metadata().map_or(0, |meta| meta.len());
        Reading {
            file,
            offset,
            line: Vec::new(),
        }
    }

    /// Whether the file ends before the place up to which it was read.
    fn is_truncated(&self) -> bool {
        let meta = self.file.metadata();
        meta.is_ok_and(|meta| meta.len() < self.offset)
    }

    /// Offers the job of each complete line.
    fn read(&mut self, pending: &Pending) {
        let mut bytes = [0; 16 * 1024];
        loop {
            let count = match self.file.read_at(&mut bytes, self.offset) {
                Ok(0) => return,
                Ok(count) => count,
                Err(error) => return error!("cannot read queue: {error}"),
            };
            self.offset += count as u64;
            for &byte in &bytes[..count] {
                match byte {
                    b'\n' => self.offer(pending),
                    byte if self.line.len() < JOB_LINE_MAX => self.line.push(byte),
                    _ => {}
                }
            }
        }
    }

    fn offer(&mut self, pending: &Pending) {
        let line = std::mem::take(&mut self.line);
        match std::str::from_utf8(&line).ok().and_then(JobRecord::parse) {
            Some(record) => pending.offer(record.id),
            None => warn!(
                "cannot parse a line of queue: {:?}",
                String::from_utf8_lossy(&line)
            ),
        }
    }
}

fn same_file(one: &File, other: &File) -> bool {
    let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) else {
        return false;
    };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
