//! The kernel that the tests of the tracker run on.

use std::fmt;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::Duration;

use openrange::jobs::kernel::{Kernel, Linux};
use rustix::fs::{Mode, OFlags, Stat};
use rustix::io::Errno;

type Meanwhile = Box<dyn FnOnce() + Send>;

/// The kernel with a clock that can be set, which lets something else happen before a name is removed.
#[derive(Default)]
pub struct Between {
    /// How far the clock was set forward.
    pub later: Mutex<Duration>,
    pub before_unlink: Mutex<Option<(String, Meanwhile)>>,
    pub opened: Mutex<Vec<String>>,
    /// Nothing can be opened: the process has no more descriptors.
    pub is_short: Mutex<bool>,
}

impl fmt::Debug for Between {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Between")
    }
}

impl Between {
    pub fn pass(&self, time: Duration) {
        *self.later.lock().expect("no panic") += time;
    }
}

impl Kernel for Between {
    fn open(
        &self,
        at: BorrowedFd<'_>,
        name: &str,
        flags: OFlags,
        mode: Mode,
    ) -> Result<OwnedFd, Errno> {
        self.opened.lock().expect("no panic").push(name.to_owned());
        if *self.is_short.lock().expect("no panic") {
            return Err(Errno::MFILE);
        }
        Linux.open(at, name, flags, mode)
    }

    fn stat(&self, at: BorrowedFd<'_>, name: &str) -> Result<Stat, Errno> {
        Linux.stat(at, name)
    }

    fn stat_open(&self, file: BorrowedFd<'_>) -> Result<Stat, Errno> {
        Linux.stat_open(file)
    }

    fn link(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        Linux.link(at, from, to)
    }

    fn rename(&self, at: BorrowedFd<'_>, from: &str, to: &str) -> Result<(), Errno> {
        Linux.rename(at, from, to)
    }

    fn unlink(&self, at: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
        let mut planned = self.before_unlink.lock().expect("no panic");
        let now = planned.take_if(|(which, _)| which == name);
        drop(planned);
        if let Some((_, meanwhile)) = now {
            meanwhile();
        }
        Linux.unlink(at, name)
    }

    fn chmod(&self, at: BorrowedFd<'_>, name: &str, mode: Mode) -> Result<(), Errno> {
        Linux.chmod(at, name, mode)
    }

    fn lock(&self, file: BorrowedFd<'_>) -> Result<bool, Errno> {
        Linux.lock(file)
    }

    fn write(&self, file: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize, Errno> {
        Linux.write(file, bytes)
    }

    fn truncate(&self, file: BorrowedFd<'_>, length: u64) -> Result<(), Errno> {
        Linux.truncate(file, length)
    }

    fn clock(&self) -> Duration {
        Linux.clock() + *self.later.lock().expect("no panic")
    }

    fn pause(&self, _: Duration) {
        panic!("a server never waits");
    }
}
