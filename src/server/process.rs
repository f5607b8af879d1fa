//! What the kernel tells of this process. The files are opened while that is still allowed.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Dir, Mode, OFlags};

/// Where to look; what there is no /proc for is not known.
pub struct Process {
    /// `/proc/self/status`
    status: Option<OwnedFd>,
    /// `/proc/self/fd`
    descriptors: Option<OwnedFd>,
    started: u64,
}

impl Process {
    /// Opens what is looked at later. The server starts now.
    #[must_use]
    pub fn open() -> Process {
        let open = |path, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
        Process {
            status: open("/proc/self/status", OFlags::RDONLY).ok(),
            descriptors: open("/proc/self/fd", OFlags::RDONLY | OFlags::DIRECTORY).ok(),
            started: seconds_now(),
        }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn started(&self) -> u64 {
        self.started
    }

    /// Bytes of memory that are resident.
    #[must_use]
    pub fn resident(&self) -> Option<u64> {
        // proc_pid_status(5): some 1,500 bytes, with a line `VmRSS:     5432 kB`.
        let mut text = [0; 4096];
        let count = rustix::io::pread(self.status.as_ref()?, &mut text, 0).ok()?;
        let text = str::from_utf8(&text[..count]).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kilobytes * 1024)
    }

    /// Open descriptors.
    #[must_use]
    pub fn open_descriptors(&self) -> Option<u64> {
        self.list().ok().flatten()
    }

    fn list(&self) -> io::Result<Option<u64>> {
        let Some(directory) = &self.descriptors else {
            return Ok(None);
        };
        let mut entries = Dir::new(directory.try_clone()?)?;
        entries.rewind();
        let mut count = 0;
        for entry in entries {
            count += u64::from(entry?.file_name().to_bytes()[0] != b'.');
        }
        // Without the duplicate by which they were counted.
        Ok(Some(count - 1))
    }
}

/// Seconds since 1970.
#[must_use]
pub fn seconds_now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
