//! The files of jobs in their directory. Every operation is safe against those of other processes: where only one of
//! them may act, the kernel decides which (by `link(2)` and `O_EXCL` on names, by `flock(2)` on the answer).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::error;
use rustix::fs::{Dir, FallocateFlags, Mode, OFlags, RawMode, Stat};
use rustix::io::Errno;

use super::kernel::{Kernel, Linux};
use super::record::JobRecord;
use crate::job::{JobId, JobStatus};
use crate::job::{request_name, status_name, taken_name};
use crate::limits::{JOB_CLAIM_LOOKS, JOB_CLAIM_PAUSE};
use crate::os;
use crate::sorted::sort;
use crate::store::reservation::Space;

/// The log of accepted jobs.
pub const QUEUE: &str = "queue";
/// The log of ends.
pub const DONE: &str = "done";
/// The permissions of a new file, before the umask.
const MODE: RawMode = 0o644;
/// Those of what the server remembers of a job: the URL of its callback may have a secret.
const RECORD_MODE: RawMode = 0o640;
/// The permission bits that let somebody write. A sealed file has none of them.
pub(super) const WRITE_BITS: RawMode = 0o222;
/// The end of the name of what the server remembers of a job.
const RECORD: &str = ".job";
/// Longest status or record that is read: far above what is ever written.
pub(super) const TEXT_MAX: usize = 64 * 1024;

/// A directory of jobs.
#[derive(Debug)]
pub struct JobDirectory {
    pub(super) directory: OwnedFd,
    pub(super) kernel: Arc<dyn Kernel>,
}

/// What became of an attempt to take a job.
#[derive(Debug)]
pub enum Taken {
    /// It is ours as long as this lives.
    Ours(Answer),
    /// Another worker has it.
    Locked,
    /// A worker took it and died, but something that its command has started still writes. The number: how often
    /// workers have taken it.
    Orphaned(u64),
    /// It has ended, or its files are gone.
    Over,
}

/// The answer of a job that is ours, open for appending: the lock on it is held until this is dropped, and until everybody
/// has ended who was given it by [`Answer::output`].
#[derive(Debug)]
pub struct Answer {
    lock: OwnedFd,
    kernel: Arc<dyn Kernel>,
    /// Locked as long as the worker lives: unlike the lock of the answer, no command inherits this one.
    taken: OwnedFd,
    /// How often a worker has taken the job, this time included.
    pub attempts: u64,
}

impl JobDirectory {
    /// Opens a directory of jobs.
    ///
    /// # Errors
    /// ENOENT, ENOTDIR, EACCES.
    pub fn open(path: &Path) -> Result<JobDirectory, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(JobDirectory {
            directory,
            kernel: Arc::new(Linux),
        })
    }

    /// The same directory, reached through this kernel and with its clock: that of a test.
    #[must_use]
    pub fn on(self, kernel: Arc<dyn Kernel>) -> JobDirectory {
        JobDirectory { kernel, ..self }
    }

    /// The time since 1970.
    #[must_use]
    pub fn clock(&self) -> Duration {
        self.kernel.clock()
    }

    /// Waits.
    pub fn pause(&self, time: Duration) {
        self.kernel.pause(time);
    }

    /// The jobs that were accepted and have no status yet, in the order in which they came.
    ///
    /// # Errors
    /// EIO and the like.
    pub fn open_jobs(&self) -> Result<Vec<JobId>, Errno> {
        let mut jobs = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            let entry = entry?;
            let Some(id) = id_before(entry.file_name().to_bytes(), b".request") else {
                continue;
            };
            if self.exists(&status_name(id)) {
                continue;
            }
            if let Ok(stat) = self.stat(&request_name(id)) {
                jobs.push((stat.st_mtime, stat.st_mtime_nsec, id));
            }
        }
        sort(&mut jobs);
        Ok(jobs.into_iter().map(|(_, _, id)| id).collect())
    }

    /// Takes a job: locks its answer and counts the attempt.
    ///
    /// # Errors
    /// EACCES, ENOSPC and the like.
    pub fn take(&self, id: JobId) -> Result<Taken, Errno> {
        if self.exists(&status_name(id)) {
            return Ok(Taken::Over);
        }
        let lock = match self.open_file(id.as_str(), OFlags::WRONLY | OFlags::APPEND) {
            Ok(lock) => lock,
            Err(Errno::NOENT) => return Ok(Taken::Over),
            Err(Errno::ACCESS) if self.is_over(id) => return Ok(Taken::Over),
            Err(error) => return Err(error),
        };
        if !self.kernel.lock(lock.as_fd())? {
            return self.who_locks(id);
        }
        // The job may have ended, and its files may be gone, between the look and the lock.
        let stat = self.kernel.stat_open(lock.as_fd())?;
        let is_gone = stat.st_nlink == 0 || !self.exists(&request_name(id));
        if is_gone || is_read_only(&stat) || self.exists(&status_name(id)) {
            return Ok(Taken::Over);
        }
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        let taken = self.open_file(&taken_name(id), flags)?;
        // Others hold this lock only while they find out who has that of the answer.
        let mut looks = 0;
        while !self.kernel.lock(taken.as_fd())? {
            looks += 1;
            if looks == JOB_CLAIM_LOOKS {
                return Ok(Taken::Locked);
            }
            self.pause(JOB_CLAIM_PAUSE);
        }
        let before = size_of(&taken)?;
        self.kernel.write(taken.as_fd(), b"+")?;
        Ok(Taken::Ours(Answer {
            lock,
            kernel: Arc::clone(&self.kernel),
            taken,
            attempts: before + 1,
        }))
    }

    /// Who has the lock of an answer: a worker, or what is left of one.
    fn who_locks(&self, id: JobId) -> Result<Taken, Errno> {
        let taken = match self.open_file(&taken_name(id), OFlags::WRONLY) {
            Ok(taken) => taken,
            // A worker that is another program, or one that has only just locked the answer.
            Err(Errno::NOENT) => return Ok(Taken::Locked),
            Err(error) => return Err(error),
        };
        if !self.kernel.lock(taken.as_fd())? {
            return Ok(Taken::Locked);
        }
        Ok(match size_of(&taken)? {
            0 => Taken::Locked,
            attempts => Taken::Orphaned(attempts),
        })
    }

    /// The request of a job, to be read.
    ///
    /// # Errors
    /// ENOENT if the job is gone.
    pub fn request(&self, id: JobId) -> Result<File, Errno> {
        Ok(self.open_file(&request_name(id), OFlags::RDONLY)?.into())
    }

    /// Whether the answer is complete, or gone.
    #[must_use]
    pub fn is_over(&self, id: JobId) -> bool {
        self.stat(id.as_str())
            .map_or(true, |stat| is_read_only(&stat))
    }

    /// How a job ended; `None` while it has not.
    #[must_use]
    pub fn status(&self, id: JobId) -> Option<JobStatus> {
        self.read_text(&status_name(id)).ok()?.parse().ok()
    }

    /// What the server noted when it accepted the job.
    #[must_use]
    pub fn record(&self, id: JobId) -> Option<JobRecord> {
        self.try_record(id).ok().flatten()
    }

    /// The same; `None`: it noted nothing, or nothing that is understood.
    ///
    /// # Errors
    /// EMFILE and the like.
    pub fn try_record(&self, id: JobId) -> Result<Option<JobRecord>, Errno> {
        match self.read_text(&record_name(id)) {
            Ok(text) => Ok(JobRecord::parse(&text)),
            Err(Errno::NOENT | Errno::ILSEQ) => Ok(None),
            Err(Errno::ACCESS) => {
                error!("job {id}: may not read {}", record_name(id));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Creates a file with this text, whole or not at all. `None`: there is one. It is locked until it is dropped, so that
    /// nobody takes its creator for dead.
    pub(super) fn create(&self, name: &str, text: &str) -> Result<Option<File>, Errno> {
        let (file, temporary) = self.write_unnamed(name, text)?;
        let linked = self.kernel.link(self.directory.as_fd(), &temporary, name);
        self.unlink(&temporary);
        match linked {
            Ok(()) => Ok(Some(file)),
            Err(Errno::EXIST) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same in the place of the file that has the name.
    pub(super) fn replace(&self, name: &str, text: &str) -> Result<File, Errno> {
        let (file, temporary) = self.write_unnamed(name, text)?;
        let directory = self.directory.as_fd();
        let renamed = self.kernel.rename(directory, &temporary, name);
        if renamed.is_err() {
            self.unlink(&temporary);
        }
        renamed.map(|()| file)
    }

    /// Writes a file that is about to get a name, and says which one it has until then: a name that nobody else has, in
    /// whatever container or on whatever machine.
    fn write_unnamed(&self, name: &str, text: &str) -> Result<(File, String), Errno> {
        let number = u64::from_ne_bytes(os::random_bytes());
        let temporary = format!(".{name}.{number}");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mode = match name.ends_with(RECORD) {
            true => RECORD_MODE,
            false => MODE,
        };
        let mode = Mode::from_raw_mode(mode);
        let directory = self.directory.as_fd();
        let file = self.kernel.open(directory, &temporary, flags, mode)?;
        let written = match self.kernel.lock(file.as_fd()) {
            Ok(true) => self.kernel.write(file.as_fd(), text.as_bytes()),
            Ok(false) => Err(Errno::AGAIN),
            Err(error) => Err(error),
        };
        let written = match written {
            Ok(count) if count < text.len() => Err(Errno::NOSPC),
            result => result,
        };
        match written {
            Ok(_) => Ok((file.into(), temporary)),
            Err(error) => {
                self.unlink(&temporary);
                Err(error)
            }
        }
    }

    /// Appends a line to a log of the directory with one write, and creates it if it is not there.
    ///
    /// # Errors
    /// ENOSPC and the like.
    pub fn append(&self, name: &str, line: &[u8]) -> Result<(), Errno> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let file = self.open_file(name, flags)?;
        // Where space cannot be reserved, half a line may be there: the next one begins behind its own line end.
        let line = match has_half_a_line(&file)? {
            false => Cow::Borrowed(line),
            true => Cow::Owned([b"\n", line].concat()),
        };
        Space::ANY.reserve(file.as_fd(), &[line.len()], size_of(&file)?)?;
        match self.kernel.write(file.as_fd(), &line)? {
            count if count == line.len() => Ok(()),
            _ => Err(Errno::NOSPC),
        }
    }

    pub(super) fn open_file(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mode = Mode::from_raw_mode(MODE);
        self.kernel.open(self.directory.as_fd(), name, flags, mode)
    }

    pub(super) fn stat(&self, name: &str) -> Result<rustix::fs::Stat, Errno> {
        self.kernel.stat(self.directory.as_fd(), name)
    }

    pub(super) fn unlink(&self, name: &str) {
        let _ = self.kernel.unlink(self.directory.as_fd(), name);
    }

    pub(super) fn exists(&self, name: &str) -> bool {
        self.stat(name).is_ok()
    }

    /// The log of accepted jobs that has the name now.
    ///
    /// # Errors
    /// ENOENT and the like.
    pub fn queue(&self) -> Result<File, Errno> {
        Ok(self.open_file(QUEUE, OFlags::RDONLY)?.into())
    }

    fn read_text(&self, name: &str) -> Result<String, Errno> {
        let file = File::from(self.open_file(name, OFlags::RDONLY)?);
        let mut text = String::new();
        file.take(TEXT_MAX as u64)
            .read_to_string(&mut text)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::ILSEQ))?;
        Ok(text)
    }
}

impl Answer {
    /// Where the command writes. Whoever inherits it has the lock too: if the worker dies, and something that it has started
    /// goes on to write, nobody else takes the job before that has ended.
    ///
    /// # Errors
    /// EMFILE
    pub fn output(&self) -> std::io::Result<File> {
        Ok(self.lock.try_clone()?.into())
    }

    /// Gives the job back as if nobody had taken it this time. Nobody else counts an attempt meanwhile: both locks are ours.
    ///
    /// # Errors
    /// EIO and the like: the attempt counts.
    pub fn give_back(self) -> Result<(), Errno> {
        let before = self.attempts - 1;
        self.kernel.truncate(self.taken.as_fd(), before)
    }

    /// Whether somebody else has sealed it.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        let stat = self.kernel.stat_open(self.lock.as_fd());
        stat.map_or(true, |stat| is_read_only(&stat))
    }
}

fn size_of(file: &OwnedFd) -> Result<u64, Errno> {
    Ok(rustix::fs::fstat(file)?.st_size.unsigned_abs())
}

/// Whether a log ends within a line that nobody is writing.
fn has_half_a_line(file: &OwnedFd) -> Result<bool, Errno> {
    /// How often somebody else may append meanwhile.
    const TRIES: u32 = 8;
    for _ in 0..TRIES {
        let size = size_of(file)?;
        if ends_in_a_line(file, size)? {
            return Ok(false);
        }
        // A write(2) that crosses pages is seen half while it is under way, by fstat(2) too. This waits for its end.
        let _ = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, size, 1);
        if size_of(file)? == size {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a file of this size ends with a line end, or is empty.
fn ends_in_a_line(file: &OwnedFd, size: u64) -> Result<bool, Errno> {
    let Some(last) = size.checked_sub(1) else {
        return Ok(true);
    };
    let mut byte = [0];
    let count = rustix::io::retry_on_intr(|| rustix::io::pread(file, &mut byte, last))?;
    // Somebody has made it shorter meanwhile.
    Ok(count == 0 || byte == *b"\n")
}

pub(super) fn is_read_only(stat: &Stat) -> bool {
    stat.st_mode & WRITE_BITS == 0
}

pub(super) fn record_name(id: JobId) -> String {
    format!(".{id}{RECORD}")
}

/// The job whose file has this name with this ending.
pub(super) fn id_before(name: &[u8], ending: &[u8]) -> Option<JobId> {
    let stem = name.strip_suffix(ending)?;
    OsStr::from_bytes(stem).to_str()?.parse().ok()
}
