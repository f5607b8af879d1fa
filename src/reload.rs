//! What was read from files at the start and is read again on SIGHUP. A new value that cannot be used leaves the old one
//! in force, and the log says so.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use log::{error, info, warn};
use rustix::fs::{Mode, OFlags};

use crate::cli::Options;
use crate::http::authorization::Tokens;
use crate::limits::TOKEN_FILE_MAX;
use crate::worker::published::Published;

/// Everything that can be read again.
pub struct Reload {
    tokens: Option<(PathBuf, Arc<Published<Tokens>>)>,
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
                Some((path.clone(), Published::new(tokens)))
            }
            None => None,
        };
        Ok(Reload { tokens })
    }

    /// The tokens, if there are any.
    #[must_use]
    pub fn tokens(&self) -> Option<Arc<Published<Tokens>>> {
        self.tokens
            .as_ref()
            .map(|(_, published)| Arc::clone(published))
    }

    /// Reads everything again.
    pub fn again(&self) {
        if self.tokens.is_none() {
            info!("SIGHUP: nothing was started with that could be read again");
        }
        if let Some((path, published)) = &self.tokens {
            match read_tokens(path) {
                Ok(tokens) => {
                    let count = tokens.count();
                    published.replace(tokens);
                    info!("SIGHUP: {count} tokens from {}", path.display());
                }
                Err(why) => error!(
                    "SIGHUP: cannot use --token-file {}: {why}; the old tokens stay in force",
                    path.display()
                ),
            }
        }
    }
}

fn read_tokens(path: &Path) -> Result<Tokens, String> {
    let (text, mode) = read(path).map_err(|error| error.to_string())?;
    let tokens = Tokens::parse(&text).map_err(|(line, why)| format!("line {line}: {why}"))?;
    if mode & 0o007 != 0 {
        warn!("everybody on this machine can use {}", path.display());
    }
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
