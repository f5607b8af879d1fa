//! Replacing a whole file at once: its bytes are gathered in a file without a name, which then takes the name by one
//! linkat(2) or rename(2). Until then nobody sees anything of it, and if the process dies there is nothing to see.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags, SeekFrom};
use rustix::io::Errno;

use super::attributes;
use super::file::{OpenFile, proc_path};
use super::place::{Place, Stop, failure, lock};
use crate::http::conditional::{self, Conditions};
use crate::receipt::{Receipt, WriteFailure};

/// What the names of temporary files begin with. They are hidden, so no client can name one.
pub const TEMPORARY: &[u8] = b".openrange-put-";
/// Hex digits behind that.
pub const TEMPORARY_DIGITS: usize = 16;

/// How often a name may change hands while it is taken.
const TRIES: u32 = 8;
/// Of a new file, before the umask.
const MODE: u32 = 0o666;
/// What a file takes over from the one that it replaces.
const MODE_KEPT: u32 = 0o777;
/// Whoever replaces a sealed file begins a new one.
const OWNER_WRITES: u32 = 0o200;

/// The content of a file that has no name yet.
pub struct Temporary {
    fd: Arc<OwnedFd>,
    directory: OwnedFd,
    /// Its hidden name, where the file system wants it to have one.
    name: Option<Vec<u8>>,
    size: u64,
    /// What it has taken over from the file that it replaces.
    mode: Option<u32>,
    /// It took that with the name.
    late_mode: bool,
}

/// When a file may be replaced.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The conditions of the request.
    pub conditions: &'a Conditions,
    /// The file must be so long.
    pub expected: Option<u64>,
}

impl Terms<'_> {
    /// Whether this file (`None`: no file) may be replaced.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, file: Option<&OpenFile>) -> Result<(), WriteFailure> {
        let stat = file.map(OpenFile::stat).transpose().map_err(failure)?;
        let etag = file.map(OpenFile::tag);
        let current = etag.zip(stat.map(|stat| stat.modified()));
        if !conditional::permits_write(self.conditions, current) {
            return Err(WriteFailure::Unmatched);
        }
        let size = stat.map_or(0, |stat| stat.size);
        match self.expected {
            Some(expected) if expected != size => Err(WriteFailure::Conflict { size, etag }),
            _ => Ok(()),
        }
    }

    fn only_creates(&self) -> bool {
        self.conditions.if_none_match.as_deref() == Some(b"*")
    }
}

impl Temporary {
    /// An empty file in the directory of a place.
    ///
    /// # Errors
    /// EACCES, EROFS, ENOSPC and the like; a file system that has less space than `length` left.
    pub fn create(place: &Place, length: Option<u64>) -> Result<Temporary, WriteFailure> {
        let directory = place.directory();
        // A file system that does not count blocks (ramfs, some over FUSE) says that it has none at all.
        if let (Some(length), Ok(stat)) = (length, rustix::fs::fstatvfs(directory))
            && stat.f_blocks > 0
            && stat.f_bavail.saturating_mul(stat.f_frsize) < length
        {
            return Err(failure(Errno::NOSPC));
        }
        let directory = rustix::io::fcntl_dupfd_cloexec(directory, 0).map_err(failure)?;
        let (fd, name) = match open_nameless(directory.as_fd()) {
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {
                open_hidden(directory.as_fd()).map(|(fd, name)| (fd, Some(name)))
            }
            result => result.map(|fd| (fd, None)),
        }
        .map_err(failure)?;
        // Another server, which starts in the same directory, sees that it is in use.
        let _ = rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive);
        Ok(Temporary {
            fd: Arc::new(fd),
            directory,
            name,
            size: 0,
            mode: None,
            late_mode: false,
        })
    }

    /// Takes over the mode of this file, which it is to replace, before it has any bytes.
    ///
    /// # Errors
    /// EIO, EPERM as what they are to the client.
    pub fn in_place_of(mut self, before: Option<&OpenFile>) -> Result<Temporary, WriteFailure> {
        if let Some(file) = before {
            self.take_mode(file.as_fd()).map_err(failure)?;
        }
        Ok(self)
    }

    /// Adds bytes to it.
    ///
    /// # Errors
    /// ENOSPC, EDQUOT, EFBIG, EIO as what they are to the client.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), WriteFailure> {
        while !bytes.is_empty() {
            let count = rustix::io::retry_on_intr(|| rustix::io::write(&*self.fd, bytes));
            let count = count.map_err(failure)?;
            self.size += count as u64;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What it holds, from its beginning. Nothing may be written after that.
    ///
    /// # Errors
    /// EMFILE
    pub fn reader(&self) -> Result<File, Errno> {
        let fd = rustix::io::fcntl_dupfd_cloexec(&*self.fd, 0)?;
        rustix::fs::seek(&fd, SeekFrom::Start(0))?;
        Ok(File::from(fd))
    }

    /// The file, to synchronise it.
    #[must_use]
    pub fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.fd)
    }

    /// Whether its mode changed when it got its name, and is perhaps not on disk although its bytes are.
    #[must_use]
    pub fn late_mode(&self) -> bool {
        self.late_mode
    }

    /// Gives it the name.
    ///
    /// # Errors
    /// [`Stop`]; then the name leads to what it led to.
    pub fn publish(&mut self, place: &Place, terms: &Terms<'_>) -> Result<Receipt, Stop> {
        for _ in 0..TRIES {
            let before = place.file()?;
            let file = before.as_deref();
            let _lock = file.map(|file| lock(file.as_fd())).transpose()?;
            if let Some(file) = file
                && !place.leads_to(file)?
            {
                continue;
            }
            terms.check(before.as_deref())?;
            let done = match &before {
                Some(file) => {
                    self.late_mode = self.take_mode(file.as_fd()).map_err(failure)?;
                    self.rename(place).map(|()| true)
                }
                None => self.link(place),
            };
            match done {
                Ok(true) => return self.receipt(place, before.is_none()).map_err(Stop::from),
                // Meanwhile somebody has created a file of that name.
                Ok(false) if terms.only_creates() => return Err(WriteFailure::Unmatched.into()),
                Ok(false) => {}
                Err(error) => return Err(failure(error).into()),
            }
        }
        Err(place.taken().into())
    }

    /// The new file permits what the one before permits. True if it did not yet.
    fn take_mode(&mut self, before: BorrowedFd<'_>) -> Result<bool, Errno> {
        let mode = rustix::fs::fstat(before)?.st_mode & MODE_KEPT | OWNER_WRITES;
        if self.mode == Some(mode) {
            return Ok(false);
        }
        rustix::fs::fchmod(&*self.fd, Mode::from_raw_mode(mode))?;
        self.mode = Some(mode);
        Ok(true)
    }

    /// Takes a name that no file has. False if one has it.
    fn link(&mut self, place: &Place) -> Result<bool, Errno> {
        let linked = match self.name.take() {
            None => self.link_as(place.directory(), place.last()),
            Some(name) => {
                let flags = RenameFlags::NOREPLACE;
                let directory = &self.directory;
                let renamed = match rustix::fs::renameat_with(
                    directory,
                    name.as_slice(),
                    place.directory(),
                    place.last(),
                    flags,
                ) {
                    // Where the file system cannot do that, a file that is created in this moment is replaced.
                    Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(
                        directory,
                        name.as_slice(),
                        place.directory(),
                        place.last(),
                    ),
                    result => result,
                };
                if renamed.is_err() {
                    self.name = Some(name);
                }
                renamed
            }
        };
        match linked {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes a name from the file that has it.
    fn rename(&mut self, place: &Place) -> Result<(), Errno> {
        let name = match self.name.take() {
            Some(name) => name,
            None => loop {
                let name = hidden_name(TEMPORARY);
                match self.link_as(self.directory.as_fd(), &name) {
                    Err(Errno::EXIST) => {}
                    result => break result.map(|()| name)?,
                }
            },
        };
        let result = rustix::fs::renameat(
            &self.directory,
            name.as_slice(),
            place.directory(),
            place.last(),
        );
        if result.is_err() {
            self.name = Some(name);
        }
        result
    }

    fn link_as(&self, directory: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
        rustix::fs::linkat(
            rustix::fs::CWD,
            proc_path(self.fd.as_fd()),
            directory,
            name,
            AtFlags::SYMLINK_FOLLOW,
        )
    }

    fn receipt(&self, place: &Place, created: bool) -> Result<Receipt, WriteFailure> {
        let stat = attributes::stat(self.fd.as_fd()).map_err(failure)?;
        let etag = place.files().tag(self.fd.as_fd(), &stat);
        Ok(Receipt {
            created,
            etag: etag.ok_or(failure(Errno::IO))?,
            size: self.size,
            sealed: false,
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = rustix::fs::unlinkat(&self.directory, name.as_slice(), AtFlags::empty());
        }
    }
}

const FLAGS: OFlags = OFlags::RDWR.union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

/// A file without a name, which must be reachable through /proc to get one.
fn open_nameless(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let mode = Mode::from_raw_mode(MODE);
    let fd = rustix::fs::openat(directory, ".", FLAGS | OFlags::TMPFILE, mode)?;
    rustix::fs::stat(proc_path(fd.as_fd()))?;
    Ok(fd)
}

fn open_hidden(directory: BorrowedFd<'_>) -> Result<(OwnedFd, Vec<u8>), Errno> {
    let flags = FLAGS | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    loop {
        let name = hidden_name(TEMPORARY);
        match rustix::fs::openat(directory, name.as_slice(), flags, Mode::from_raw_mode(MODE)) {
            Err(Errno::EXIST) => {}
            result => return result.map(|fd| (fd, name)),
        }
    }
}

/// A name with this beginning and [`TEMPORARY_DIGITS`], which is most likely free: an earlier process may have had the
/// same number.
pub(super) fn hidden_name(prefix: &[u8]) -> Vec<u8> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let clock = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    #[allow(clippy::cast_possible_truncation, reason = "the low bits differ")]
    let number = (clock as u64).wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
    let mut name = prefix.to_vec();
    name.extend_from_slice(format!("{number:0TEMPORARY_DIGITS$x}").as_bytes());
    name
}
