//! The system calls and the clock by which the server and the workers reach the files of jobs. They use [`Linux`]; a
//! simulation takes its place, to let others go first, to fail a call, or to end a process before it.

use std::fmt::Debug;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, Stat};
use rustix::io::Errno;

/// See the module. Names are those of files in the directory `at`.
pub trait Kernel: Debug + Send + Sync {
    /// openat(2); it never follows a symbolic link. `mode`: of a new file, before the umask.
    ///
    /// # Errors
    /// As the system call.
    fn open(
        &self,
        at: BorrowedFd<'_>,
        name: &str,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, Errno>;

    /// fstatat(2) of the name itself, also if it is a symbolic link.
    ///
    /// # Errors
    /// As the system call.
    fn stat(&self, at: BorrowedFd<'_>, name: &str) -> Result<Stat, Errno>;

    /// fstat(2)
    ///
    /// # Errors
    /// As the system call.
    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat, Errno>;

    /// linkat(2): the file `from` gets the name `to` as well, if that is free.
    ///
    /// # Errors
    /// As the system call.
    fn link(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno>;

    /// renameat(2): the file `from` gets the name `to` instead, in the place of what has it.
    ///
    /// # Errors
    /// As the system call.
    fn rename(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno>;

    /// unlinkat(2)
    ///
    /// # Errors
    /// As the system call.
    fn unlink(&self, at: BorrowedFd<'_>, name: &str) -> Result<(), Errno>;

    /// fchmodat(2)
    ///
    /// # Errors
    /// As the system call.
    fn chmod(&self, at: BorrowedFd<'_>, name: &str, mode: Mode) -> Result<(), Errno>;

    /// flock(2), exclusive. False: somebody else has the lock.
    ///
    /// # Errors
    /// As the system call.
    fn lock(&self, file: BorrowedFd<'_>) -> Result<bool, Errno>;

    /// write(2)
    ///
    /// # Errors
    /// As the system call.
    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno>;

    /// ftruncate(2)
    ///
    /// # Errors
    /// As the system call.
    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<(), Errno>;

    /// The time since 1970.
    fn clock(&self) -> Duration;

    /// Waits.
    fn pause(&self, time: Duration);
}

/// The kernel that this process runs on.
#[derive(Debug, Clone, Copy)]
pub struct Linux;

impl Kernel for Linux {
    fn open(
        &self,
        at: BorrowedFd<'_>,
        name: &str,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
        rustix::fs::openat(at, name, flags, mode)
    }

    fn stat(&self, at: BorrowedFd<'_>, name: &str) -> Result<Stat, Errno> {
        rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat, Errno> {
        rustix::fs::fstat(file)
    }

    fn link(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::linkat(at, from, at, to, AtFlags::empty())
    }

    fn rename(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        rustix::fs::renameat(at, from, at, to)
    }

    fn unlink(&self, at: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        rustix::fs::unlinkat(at, name, AtFlags::empty())
    }

    fn chmod(&self, at: BorrowedFd<'_>, name: &str, mode: Mode) -> Result<(), Errno> {
        rustix::fs::chmodat(at, name, mode, AtFlags::empty())
    }

    fn lock(&self, file: BorrowedFd<'_>) -> Result<bool, Errno> {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        rustix::io::retry_on_intr(|| rustix::io::write(file, bytes))
    }

    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<(), Errno> {
        rustix::io::retry_on_intr(|| rustix::fs::ftruncate(file, length))
    }

    fn clock(&self) -> Duration {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    }

    fn pause(&self, time: Duration) {
        thread::sleep(time);
    }
}
