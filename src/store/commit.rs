//! Putting what was written on disk, by threads of their own: fdatasync(2) may take a second, and a worker never waits.
//!
//! While a file is being synchronised, whoever else has written to it waits together with others for the next time: so
//! any number of requests share one call.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use log::error;
use rustix::fs::Stat;
use rustix::io::Errno;

use super::attributes;
use super::file_system::FileSystem;
use crate::limits::{COMMIT_FAILED_MAX, COMMIT_NAMES_MAX, COMMIT_STACK, COMMIT_THREADS};
use crate::os::threads;

/// What a request waits for. The caller of [`Commits::add`] has its own kind of receipt for it.
pub trait Waiting: Send + 'static {
    /// It is on disk, or it cannot be said.
    fn finish(self: Box<Self>, result: Result<(), Errno>);
}

/// What is to be put on disk.
pub struct Job {
    /// The data of this file.
    pub file: Option<Arc<OwnedFd>>,
    /// Its mode, too, which has changed.
    pub mode: bool,
    /// The names in these directories.
    pub directories: Vec<Arc<OwnedFd>>,
    /// Who waits.
    pub waiting: Box<dyn Waiting>,
}

/// Longer than what two times of a file differ by at least: two seconds on vfat, one on ext3 and on ext4 with small inodes,
/// a tick of the kernel's clock on others.
const TICK: Duration = Duration::from_millis(2100);

/// The device and inode number of a file: what tells jobs for the same file.
type Key = (u64, u64);

/// When a file was made: seconds and nanoseconds since 1970. Another file that gets the number of a removed one has another
/// time. Zero where the file system does not tell.
type Born = (i64, u32);

/// The time of the last change of a directory: seconds and nanoseconds since 1970.
type Changed = (i64, i64);

/// The jobs that wait, and the threads that do them.
#[derive(Default)]
pub struct Commits {
    queue: Mutex<Queue>,
    added: Condvar,
}

#[derive(Default)]
struct Queue {
    /// Jobs for one file each, the first one first.
    batches: VecDeque<(Key, Vec<Job>)>,
    /// Files that are being synchronised.
    busy: Vec<Key>,
    /// Directories whose names are on disk as they were at the time of this change.
    named: VecDeque<(Key, Changed)>,
    /// Files that could not be synchronised: the kernel tells of a lost page once, and later calls succeed (fsync(2)), so
    /// nothing is promised of them any more.
    failed: Vec<(Key, Born)>,
    /// There are more of them than are remembered: nothing is promised of any file.
    all_failed: bool,
}

impl Commits {
    /// Starts the threads. They end with the process.
    ///
    /// # Errors
    /// EAGAIN and the like: there can be no more threads.
    pub fn start() -> io::Result<Arc<Commits>> {
        let commits = Arc::new(Commits::default());
        for _ in 0..COMMIT_THREADS {
            let commits = Arc::clone(&commits);
            threads::start("commit", Some(COMMIT_STACK), move || commits.run())?;
        }
        Ok(commits)
    }

    /// Puts something on disk, soon.
    pub fn add(&self, job: Job) {
        let subject = match (&job.file, job.directories.first()) {
            (Some(file), _) => identify(file.as_fd()),
            (None, Some(directory)) => identify(directory.as_fd()),
            (None, None) => return job.waiting.finish(Ok(())),
        };
        let mut queue = self.lock();
        let same = queue.batches.iter_mut().find(|(key, _)| *key == subject);
        match same {
            Some((_, jobs)) => jobs.push(job),
            None => queue.batches.push_back((subject, vec![job])),
        }
        drop(queue);
        self.added.notify_one();
    }

    fn run(&self) {
        let mut queue = self.lock();
        loop {
            let free = |queue: &Queue| {
                let busy = &queue.busy;
                let mut batches = queue.batches.iter();
                batches.position(|(key, _)| !busy.contains(key))
            };
            let Some((key, jobs)) = free(&queue).and_then(|index| queue.batches.remove(index))
            else {
                queue = self
                    .added
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            queue.busy.push(key);
            drop(queue);
            self.commit(key, jobs);
            queue = self.lock();
            queue.busy.retain(|busy| *busy != key);
            // Whoever was asked while this file was busy may have found nothing to do.
            self.added.notify_one();
        }
    }

    fn commit(&self, key: Key, jobs: Vec<Job>) {
        let file = jobs.iter().find_map(|job| job.file.as_ref());
        let data = match file {
            Some(file) if self.has_failed(key, file) => Err(Errno::IO),
            Some(file) if jobs.iter().any(|job| job.mode) => {
                rustix::io::retry_on_intr(|| rustix::fs::fsync(&**file))
            }
            Some(file) => rustix::io::retry_on_intr(|| rustix::fs::fdatasync(&**file)),
            None => Ok(()),
        };
        if let (Err(error), Some(file)) = (data, file) {
            error!(
                "cannot flush a file to disk: {error}; until the next start no response promises that it is on disk"
            );
            self.remember_failed(key, file);
            return finish(jobs, data);
        }
        let result = self.commit_names(&jobs);
        finish(jobs, result);
    }

    fn has_failed(&self, key: Key, file: &OwnedFd) -> bool {
        let queue = self.lock();
        queue.all_failed
            || queue.failed.iter().any(|(failed, _)| *failed == key)
                && queue.failed.contains(&(key, born(file)))
    }

    fn remember_failed(&self, key: Key, file: &OwnedFd) {
        let failed = (key, born(file));
        let mut queue = self.lock();
        if queue.failed.contains(&failed) {
            return;
        }
        match queue.failed.len() < COMMIT_FAILED_MAX {
            true => queue.failed.push(failed),
            false => queue.all_failed = true,
        }
    }

    /// Each directory once, and one that has not changed since it was put on disk not at all.
    fn commit_names(&self, jobs: &[Job]) -> Result<(), Errno> {
        let mut seen = Vec::new();
        for directory in jobs.iter().flat_map(|job| &job.directories) {
            let (key, changed) = look(directory)?;
            // All these jobs were added before the first of them began.
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            if self.lock().named.contains(&(key, changed)) {
                continue;
            }
            // Of another machine's clock nothing is known.
            let settled =
                is_settled(changed) && FileSystem::of(directory.as_fd()).tells_of_changes();
            rustix::io::retry_on_intr(|| rustix::fs::fsync(directory))?;
            if settled {
                let mut queue = self.lock();
                queue.named.retain(|(other, _)| *other != key);
                keep(&mut queue.named, (key, changed), COMMIT_NAMES_MAX);
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finish(jobs: Vec<Job>, result: Result<(), Errno>) {
    for job in jobs {
        job.waiting.finish(result);
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}

fn identify(fd: impl AsFd) -> Key {
    rustix::fs::fstat(fd).map_or((0, 0), |stat| key(&stat))
}

fn born(file: &OwnedFd) -> Born {
    let time = attributes::stat(file.as_fd()).map(|stat| stat.stx_btime);
    time.map_or((0, 0), |time| (time.tv_sec, time.tv_nsec))
}

/// Which directory that is, and when it has changed last.
#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    clippy::cast_possible_wrap,
    reason = "the types differ between architectures"
)]
fn look(directory: &OwnedFd) -> Result<(Key, Changed), Errno> {
    let stat = rustix::fs::fstat(directory)?;
    let changed = (stat.st_ctime as i64, stat.st_ctime_nsec as i64);
    Ok((key(&stat), changed))
}

#[allow(
    clippy::unnecessary_cast,
    reason = "the types differ between architectures"
)]
fn key(stat: &Stat) -> Key {
    (stat.st_dev as u64, stat.st_ino as u64)
}

/// Whether the clock of the file system has ticked since: only then has a later change another time.
fn is_settled(changed: Changed) -> bool {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let since = i128::from(changed.0) * 1_000_000_000 + i128::from(changed.1);
    i128::try_from(now.as_nanos()).is_ok_and(|now| now - since > TICK.as_nanos().cast_signed())
}
