//! What was read from files at the start and is read again on SIGHUP. A new value that cannot be used leaves the old one
//! in force, and the log says so.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use log::{error, info, warn};
use rustix::fs::{Mode, OFlags};

use super::options::Options;
use super::process::seconds_now;
use crate::http::authorization::Tokens;
use crate::limits::TOKEN_FILE_MAX;
use crate::log::access_log::AccessLog;
use crate::os::rights::warn_if_open;
use crate::versioned::Versioned;

/// Of a new access log: who reads what is nobody else's business.
const LOG_MODE: u32 = 0o640;

/// How it went when files were last read again.
pub static LAST: Last = Last {
    at: AtomicU64::new(0),
    failed: AtomicBool::new(false),
};

/// See [`LAST`].
pub struct Last {
    /// Seconds since 1970; 0: that was never tried.
    pub at: AtomicU64,
    /// Something could not be reloaded: its old value is still in force.
    pub failed: AtomicBool,
}

/// Everything that can be read again.
pub struct Reload {
    tokens: Option<(PathBuf, Arc<Versioned<Tokens>>)>,
    access_log: Option<(PathBuf, Arc<AccessLog>)>,
    /// The access log's file, until there may be threads.
    opened: Option<File>,
}

impl Reload {
    /// Reads everything for the first time.
    ///
    /// # Errors
    /// One line that names what cannot be used.
    pub fn load(options: &Options) -> Result<Reload, String> {
        let tokens = match &options.token_file {
            Some(path) => {
                let tokens = read_tokens(path)
                    .map_err(|why| format!("cannot use --token-file {}: {why}", path.display()))?;
                Some((path.clone(), Versioned::new(tokens)))
            }
            None => None,
        };
        let mut opened = None;
        let access_log = match &options.access_log {
            Some(path) => {
                let follows = Follows(options.user.is_none());
                let file = open_log(path, follows).map_err(|why| {
                    format!(
                        "cannot use --access-log {}: {why}; {LOG_FILE}",
                        path.display()
                    )
                })?;
                opened = Some(file);
                Some((path.clone(), AccessLog::new(options.access_log_combined)))
            }
            None => None,
        };
        Ok(Reload {
            tokens,
            access_log,
            opened,
        })
    }

    /// Starts what needs a thread.
    ///
    /// # Errors
    /// One line.
    pub fn start(&mut self) -> Result<(), String> {
        match (&self.access_log, self.opened.take()) {
            (Some((_, log)), Some(file)) => log
                .start(file)
                .map_err(|error| format!("cannot start a thread for the access log: {error}")),
            _ => Ok(()),
        }
    }

    /// The access log, if there is one.
    #[must_use]
    pub fn access_log(&self) -> Option<Arc<AccessLog>> {
        self.access_log.as_ref().map(|(_, log)| Arc::clone(log))
    }

    /// The tokens, if there are any.
    #[must_use]
    pub fn tokens(&self) -> Option<Arc<Versioned<Tokens>>> {
        self.tokens
            .as_ref()
            .map(|(_, published)| Arc::clone(published))
    }

    /// Reads everything again.
    pub fn again(&self) {
        let done = self.read_again();
        LAST.failed.store(!done, Ordering::Relaxed);
        LAST.at.store(seconds_now(), Ordering::Relaxed);
    }

    /// True if all of it can be used.
    fn read_again(&self) -> bool {
        let mut done = true;
        if self.tokens.is_none() && self.access_log.is_none() {
            info!("SIGHUP: there is no file to reload");
        }
        if let Some((path, published)) = &self.tokens {
            match read_tokens(path) {
                Ok(tokens) => {
                    let count = tokens.count();
                    published.replace(tokens);
                    info!("SIGHUP: {count} tokens from {}", path.display());
                }
                Err(why) => {
                    done = false;
                    error!(
                        "SIGHUP: cannot use --token-file {}: {why}; the old tokens stay in force",
                        path.display()
                    );
                }
            }
        }
        if let Some((path, log)) = &self.access_log {
            match open_log(path, Follows(true)) {
                Ok(file) => {
                    log.reopen(file);
                    info!("SIGHUP: the access log is {}", path.display());
                }
                Err(error) => {
                    done = false;
                    error!(
                        "SIGHUP: cannot use --access-log {}: {error}; still writing to the old file",
                        path.display()
                    );
                }
            }
        }
        done
    }
}

/// What the file of an access log must be.
const LOG_FILE: &str =
    "it must be a file that the server can write or create, in a directory that exists";

/// Whether the name of a log may be a symbolic link. Root follows none before it becomes the `--user`, who may have made it.
#[derive(Clone, Copy)]
struct Follows(bool);

/// Opens a file for appending, or stdout. A FIFO is opened only if somebody reads it.
fn open_log(path: &Path, follows: Follows) -> io::Result<File> {
    if path == Path::new("-") {
        return Ok(io::stdout().as_fd().try_clone_to_owned()?.into());
    }
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let flags = match follows {
        Follows(true) => flags,
        Follows(false) => flags | OFlags::NOFOLLOW,
    };
    let fd = rustix::fs::open(path, flags, Mode::from_raw_mode(LOG_MODE))?;
    rustix::fs::fcntl_setfl(&fd, OFlags::APPEND)?;
    Ok(fd.into())
}

fn read_tokens(path: &Path) -> Result<Tokens, String> {
    let (text, mode) = read(path).map_err(|error| {
        format!("{error}; it must be a file that the server can read, with a token on each line")
    })?;
    let tokens = Tokens::parse(&text).map_err(|(line, why)| format!("line {line}: {why}"))?;
    warn_if_open(path, mode);
    if tokens.count() == 0 {
        warn!("there is no token in {}: nobody may read", path.display());
    }
    Ok(tokens)
}

/// The contents and the mode of a regular file. It is opened so that a FIFO does not keep us waiting.
fn read(path: &Path) -> io::Result<(Vec<u8>, u32)> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd: OwnedFd = rustix::fs::open(path, flags, Mode::empty())?;
    let file = File::from(fd);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = Vec::new();
    file.take(TOKEN_FILE_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > TOKEN_FILE_MAX {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    Ok((text, metadata.permissions().mode()))
}
