//! Where a follower keeps its position.

use std::io;
use std::path::{Path, PathBuf};

use super::end::End;
use super::position::Position;
use super::state_file::{self, StateFile, Unusable};
use super::url::Url;
use crate::os::epoll::Poll;

/// Where the position is kept.
pub enum State {
    /// Nowhere.
    Nowhere,
    /// In a file that is made for the first position: whoever follows what is not there leaves no trace.
    Later {
        /// Which.
        path: PathBuf,
        /// See [`State::open`].
        sync: bool,
    },
    /// In this file.
    File(StateFile),
}

impl State {
    /// Reads it, if there is such a file. `sync`: what was handed over is flushed before its position counts.
    pub fn open(
        path: Option<&Path>,
        url: &Url,
        sync: bool,
        poll: &Poll,
    ) -> Result<(State, Option<Position>), End> {
        let Some(path) = path else {
            return Ok((State::Nowhere, None));
        };
        let later = State::Later {
            path: path.to_owned(),
            sync,
        };
        match state_file::is_missing(path) {
            Ok(true) => Ok((later, None)),
            Ok(false) => later.make(url, poll),
            Err(why) => Err(unusable(why, path)),
        }
    }

    /// Locks the file and reads it, if that was not done yet.
    pub fn make(self, url: &Url, poll: &Poll) -> Result<(State, Option<Position>), End> {
        let State::Later { path, sync } = self else {
            return Ok((self, None));
        };
        StateFile::open(&path, &url.to_string(), poll.waker(), sync)
            .map(|(file, known)| (State::File(file), known))
            .map_err(|why| unusable(why, &path))
    }

    /// What became of the last save, once.
    pub fn result(&self) -> Option<io::Result<()>> {
        match self {
            State::File(file) => file.result(),
            State::Nowhere | State::Later { .. } => None,
        }
    }
}

fn unusable(why: Unusable, path: &Path) -> End {
    match why {
        Unusable::Failed(why) => End::Failure(why),
        Unusable::Locked => {
            let path = path.display();
            End::Locked(format!("another follower uses the state file {path}"))
        }
    }
}
