//! The file that keeps a position: locked, replaced atomically, written by a thread of its own, since `fsync` may take long.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::position::Position;
use crate::limits::CLIENT_DOCUMENT_MAX;
use crate::os::epoll::Waker;
use crate::os::threads;

/// Stack of the thread that saves.
const SAVER_STACK: usize = 64 * 1024;
/// Of a new file: it has bytes of the log, or URLs with tokens.
const MODE: u32 = 0o600;

/// Why a state file cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// Another follower uses it.
    Locked,
    /// What is wrong with it, or with the place where it should be.
    Failed(String),
}

/// A state file that is ours.
pub struct StateFile {
    jobs: Sender<String>,
    results: Receiver<io::Result<()>>,
    /// Held until the end.
    lock: Lock,
}

/// A state file is locked against others as long as this lives. Its file goes at the end if no state was there or was saved:
/// whoever follows what is not there leaves no trace.
pub struct Lock {
    path: PathBuf,
    stays: bool,
    file: File,
}

impl Lock {
    /// There is a state, or will be.
    pub fn keep(&mut self) {
        self.stays = true;
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.stays {
            // It is still locked: whoever has opened it meanwhile sees that it has lost its name.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl StateFile {
    /// Locks the file, reads the position that it has for this URL, and begins to wait for others. `sync`: stdout is a file,
    /// whose bytes are to be on the disk before the position behind them is.
    ///
    /// # Errors
    /// See [`Unusable`]; the file is as it was.
    pub fn open(
        path: &Path,
        url: &str,
        waker: Waker,
        sync: bool,
    ) -> Result<(StateFile, Option<Position>), Unusable> {
        // A link stays one: the state and its lock are where it leads, whoever comes by which name.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let named = |error: &io::Error| failed(path, error);
        let mut lock = lock(path)?;
        let text = read(path, CLIENT_DOCUMENT_MAX);
        if !matches!(text, Ok(None)) {
            lock.keep();
        }
        let position = match text {
            Ok(Some(text)) => Some(understand(&text, url, path)?),
            Ok(None) => None,
            Err(error) => return Err(named(&error)),
        };
        let (jobs, queue) = mpsc::channel::<String>();
        let (done, results) = mpsc::channel();
        let path = path.to_owned();
        let saver = move || {
            for text in queue {
                let synced = if sync { sync_stdout() } else { Ok(()) };
                let saved = synced.and_then(|()| replace(&path, text.as_bytes()));
                if done.send(saved).is_err() {
                    break;
                }
                waker.wake();
            }
        };
        threads::start("state", Some(SAVER_STACK), saver).map_err(|error| named(&error))?;
        let file = StateFile {
            jobs,
            results,
            lock,
        };
        Ok((file, position))
    }

    /// Begins to save; [`StateFile::result`] tells what became of it.
    pub fn save(&mut self, text: String) {
        self.lock.keep();
        // It ends only when this is dropped.
        let _ = self.jobs.send(text);
    }

    /// The result of a save that is over.
    #[must_use]
    pub fn result(&self) -> Option<io::Result<()>> {
        match self.results.try_recv() {
            Ok(result) => Some(result),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                Some(Err(io::Error::other("the thread that saves is gone")))
            }
        }
    }
}

fn sync_stdout() -> io::Result<()> {
    match rustix::fs::fdatasync(rustix::stdio::stdout()) {
        // The file system keeps nothing on a disk.
        Ok(()) | Err(Errno::INVAL | Errno::ROFS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn failed(path: &Path, error: &io::Error) -> Unusable {
    Unusable::Failed(format!("state file {}: {error}", path.display()))
}

/// Locks a state file against others, as long as what it gives lives.
///
/// # Errors
/// See [`Unusable`].
pub fn lock(path: &Path) -> Result<Lock, Unusable> {
    let named = |error: io::Error| failed(path, &error);
    // A lock on the file itself would be one on what is replaced.
    let lock = beside(path, ".lock");
    loop {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&lock)
            .map_err(named)?;
        // Not flock(2): a command that is just being started would share that lock, and keep it when the follower is killed.
        match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK | Errno::ACCESS) => return Err(Unusable::Locked),
            Err(error) => return Err(named(error.into())),
        }
        // Whoever had it may have removed it between our two steps.
        let locked = file.metadata().map_err(named)?;
        match fs::metadata(&lock) {
            Ok(named) if (named.dev(), named.ino()) == (locked.dev(), locked.ino()) => {
                return Ok(Lock {
                    path: lock,
                    stays: false,
                    file,
                });
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named(error)),
        }
    }
}

fn understand(text: &[u8], url: &str, path: &Path) -> Result<Position, Unusable> {
    let path = path.display();
    match Position::from_json(text) {
        Some((of, position)) if of == url => Ok(position),
        Some((of, _)) => Err(Unusable::Failed(format!(
            "state file {path} is of {of} and not of {url}; use another file"
        ))),
        None => Err(Unusable::Failed(format!(
            "state file {path} is damaged; remove it to start again"
        ))),
    }
}

/// The content of a state file, which has at most so many bytes; `None`: there is none.
///
/// # Errors
/// EACCES and the like; it is not a regular file, or too large.
pub fn read(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(known) if known.len() > most as u64 => Err(io::Error::other("it is far too large")),
        Ok(known) if !known.is_file() => Err(io::Error::other("it is not a regular file")),
        Ok(_) => fs::read(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes a temporary file, flushes it to the disk and renames it over the file: after a crash there is the old text or the
/// new one. The permissions are those of the old file; only its owner may read one that is new.
///
/// # Errors
/// ENOSPC, EROFS and the like; then the file is as it was.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let temporary = beside(path, ".tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(MODE);
    let mut file = options.open(&temporary)?;
    let mode = fs::metadata(path).map_or(MODE, |old| old.mode() & 0o777);
    // Some file systems have no permissions.
    let _ = file.set_permissions(Permissions::from_mode(mode));
    let written = file.write_all(text).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    let directory = directory_of(path);
    // A rename is on the disk when its directory is; some file systems cannot be asked for that.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

fn directory_of(path: &Path) -> &Path {
    let parent = path.parent();
    parent
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}
