//! Where a follower keeps its position.

use std::io;
use std::path::Path;

use super::end::End;
use super::position::Position;
use super::state_file::{StateFile, Unusable};
use super::url::Url;
use crate::os::epoll::Poll;

/// Where the position is kept.
pub enum State {
    /// Nowhere.
    Nowhere,
    /// In this file.
    File(StateFile),
}

impl State {
    /// Locks it, and reads it, if there is such a file. `sync`: what was handed over is flushed before its position counts.
    pub fn open(
        path: Option<&Path>,
        url: &Url,
        sync: bool,
        poll: &Poll,
    ) -> Result<(State, Option<Position>), End> {
        let Some(path) = path else {
            return Ok((State::Nowhere, None));
        };
        StateFile::open(path, &url.to_string(), poll.waker(), sync)
            .map(|(file, known)| (State::File(file), known))
            .map_err(|why| unusable(why, path))
    }

    /// What became of the last save, once.
    pub fn result(&self) -> Option<io::Result<()>> {
        match self {
            State::File(file) => file.result(),
            State::Nowhere => None,
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
