//! Where a name is to be written: the directory that has it, below one of the prefixes that may be written.
//!
//! The prefix is resolved first, and the rest of the name below it: so no symbolic link leads from what may be written to
//! what may only be read.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::errors::is_exhausted;
use super::file::{self, Id, OpenFile};
use super::file_stat::FileStat;
use super::root::{Files, Node};
use crate::http::target::{Path, last_component};
use crate::receipt::WriteFailure;

/// A name that may be written.
pub struct Place {
    /// The prefix, as a root of its own.
    files: Rc<Files>,
    /// Which directory that is.
    prefix: Id,
    /// The name below it.
    name: Box<[u8]>,
    /// The whole name.
    path: Path,
    directory: Rc<OwnedFd>,
}

/// Where a prefix leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixTarget {
    /// It is the root, which stays the same for as long as there is a worker.
    Root,
    /// To this directory.
    Directory(Id),
    /// To nothing that can be looked at.
    Nothing,
}

impl PrefixTarget {
    /// Where this prefix leads now.
    #[must_use]
    pub fn look_up(root: &Files, prefix: &[u8]) -> PrefixTarget {
        if prefix.is_empty() {
            return PrefixTarget::Root;
        }
        root.identify(prefix)
            .map_or(PrefixTarget::Nothing, PrefixTarget::Directory)
    }
}

/// Why nothing was written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Try again soon.
    Locked,
    /// It cannot be.
    Failed(WriteFailure),
}

impl From<WriteFailure> for Stop {
    fn from(failure: WriteFailure) -> Stop {
        Stop::Failed(failure)
    }
}

impl Place {
    /// The place of `path`, which is `name` below a prefix.
    ///
    /// # Errors
    /// [`WriteFailure::NoDirectory`], or what [`failure`] makes of an error.
    pub fn find(
        root: &Files,
        prefix: &[u8],
        name: &[u8],
        path: &Path,
    ) -> Result<Place, WriteFailure> {
        let files = root.below(prefix).map_err(directory_failure)?;
        let slash = name.iter().rposition(|&byte| byte == b'/');
        let directory = files
            .resolve(&name[..slash.unwrap_or(0)])
            .map_err(directory_failure)?;
        let stat = rustix::fs::fstat(&directory).map_err(failure)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Err(WriteFailure::NoDirectory);
        }
        let prefix = file::identify(files.directory()).map_err(failure)?;
        Ok(Place {
            files: Rc::new(files),
            prefix,
            name: name.into(),
            path: path.clone(),
            directory: Rc::new(directory),
        })
    }

    /// The place of another name below the same prefix, if both are names in the prefix itself: it shares the descriptors.
    #[must_use]
    pub fn beside(&self, name: &[u8], path: &Path) -> Option<Place> {
        let is_beside = self.is_in_prefix() && !name.contains(&b'/');
        is_beside.then(|| Place {
            files: Rc::clone(&self.files),
            prefix: self.prefix,
            name: name.into(),
            path: path.clone(),
            directory: Rc::clone(&self.directory),
        })
    }

    /// The last component of the name.
    #[must_use]
    pub fn last(&self) -> &[u8] {
        last_component(&self.name)
    }

    /// The directory, as a descriptor to look up names with.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// The same, for those who need it for longer.
    #[must_use]
    pub fn shared_directory(&self) -> &Rc<OwnedFd> {
        &self.directory
    }

    /// The directory, as a descriptor that can be synchronised.
    ///
    /// # Errors
    /// EACCES, EMFILE.
    pub fn open_directory(&self) -> Result<OwnedFd, Errno> {
        open_directory(self.directory())
    }

    /// The directory that has the name now, as a descriptor that can be synchronised.
    ///
    /// # Errors
    /// As [`Place::open_directory`], or what the way to it leads to instead.
    pub fn open_directory_now(&self) -> Result<OwnedFd, Errno> {
        match self.name.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => open_directory(self.files.resolve(&self.name[..slash])?.as_fd()),
            None => self.open_directory(),
        }
    }

    /// Whether it is the prefix itself that has the name.
    #[must_use]
    pub fn is_in_prefix(&self) -> bool {
        !self.name.contains(&b'/')
    }

    /// The regular file that has the name now; `None`: nothing has it.
    ///
    /// # Errors
    /// What the name leads to instead.
    pub fn file(&self) -> Result<Option<Rc<OpenFile>>, WriteFailure> {
        match self.files.find(&self.name, None) {
            Ok(Node::File(file)) => Ok(Some(file)),
            Ok(Node::Directory(_)) => Err(WriteFailure::Directory),
            Ok(Node::Other) => Err(WriteFailure::Forbidden),
            Err(Errno::NOENT) => Ok(None),
            // A link that leads out of the prefix.
            Err(Errno::XDEV | Errno::LOOP) => Err(WriteFailure::Forbidden),
            Err(error) => Err(failure(error)),
        }
    }

    /// Why the name, which no file has, cannot be given to one either.
    #[must_use]
    pub fn taken(&self) -> WriteFailure {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        match rustix::fs::statat(self.directory(), self.last(), flags) {
            // A link to nothing. Where it leads is not for a client to decide.
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                WriteFailure::Forbidden
            }
            _ => WriteFailure::Changing,
        }
    }

    /// Whether the name leads to this file now.
    ///
    /// # Errors
    /// [`WriteFailure::Exhausted`]: nothing can be told without descriptors.
    pub fn leads_to(&self, file: &OpenFile) -> Result<bool, WriteFailure> {
        match self.files.identify(&self.name) {
            Err(error) if is_exhausted(error) => Err(failure(error)),
            found => Ok(found == Ok(file.id())),
        }
    }

    /// How this file is, if the name leads to it now, and opening it would be allowed as it was.
    ///
    /// # Errors
    /// EIO, ESTALE, EMFILE as what they are to the client.
    pub fn stat_of(&self, file: &OpenFile) -> Result<Option<FileStat>, WriteFailure> {
        self.files.stat_of(&self.name, file).map_err(failure)
    }

    /// Whether this is still the place of its name, if its prefix leads there now.
    #[must_use]
    pub fn is_current(&self, prefix: PrefixTarget) -> bool {
        match prefix {
            PrefixTarget::Root => true,
            PrefixTarget::Directory(now) => now == self.prefix,
            PrefixTarget::Nothing => false,
        }
    }

    /// The files of the prefix.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// The whole name, for the log.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name below the prefix.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}

fn open_directory(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ".", flags, Mode::empty())
}

/// A lock of a file, while this is there.
#[must_use]
pub struct Lock<'a>(BorrowedFd<'a>);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // The descriptor may live longer: the threads that put the file on disk have it too.
        let _ = rustix::fs::flock(self.0, FlockOperation::Unlock);
    }
}

/// Takes the lock of a file, so that whoever else takes it (`flock(1)`, other workers) comes before or after. A file system
/// without locks does without.
///
/// # Errors
/// [`Stop::Locked`]
pub fn lock(file: BorrowedFd<'_>) -> Result<Lock<'_>, Stop> {
    /// Another worker holds it for some microseconds.
    const TRIES: u32 = 16;
    for _ in 0..TRIES {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::yield_now(),
            Err(Errno::INTR) => {}
            // ENOLCK, EOPNOTSUPP: where there are no locks, nobody else has one.
            Ok(()) | Err(_) => return Ok(Lock(file)),
        }
    }
    Err(Stop::Locked)
}

/// What an error of the file system means to whoever writes.
#[must_use]
pub fn failure(error: Errno) -> WriteFailure {
    failure_at(error, None)
}

/// The same, where some bytes may have been written to a file that is so long now.
#[must_use]
pub fn failure_at(error: Errno, size: Option<u64>) -> WriteFailure {
    let number = error.raw_os_error();
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => WriteFailure::Missing,
        Errno::ACCESS | Errno::PERM => WriteFailure::Denied(number),
        Errno::ISDIR | Errno::TXTBSY | Errno::NXIO | Errno::LOOP => WriteFailure::Forbidden,
        Errno::ROFS => WriteFailure::ReadOnly,
        Errno::XDEV => WriteFailure::OtherFileSystem,
        Errno::NOSPC | Errno::DQUOT => WriteFailure::Full {
            size,
            error: number,
        },
        Errno::FBIG => WriteFailure::TooLarge { size },
        error if is_exhausted(error) => WriteFailure::Exhausted,
        // openat2(2) says that of names on the way that were renamed meanwhile.
        Errno::AGAIN => WriteFailure::Changing,
        _ => WriteFailure::Failed {
            size,
            error: number,
        },
    }
}

fn directory_failure(error: Errno) -> WriteFailure {
    match error {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG => WriteFailure::NoDirectory,
        Errno::XDEV | Errno::LOOP => WriteFailure::Forbidden,
        error => failure(error),
    }
}
