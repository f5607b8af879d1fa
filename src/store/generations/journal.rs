//! `--history FILE`: what was seen of rolls and truncations, a line for each, so that it is known after a restart.
//!
//! The file is read at the start and rewritten in its shortest form; after that lines are only appended, by a thread of
//! its own. Nothing in it must be true for the server to be right: it says what names and times alone cannot say.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::fact::Fact;
use crate::limits::{HISTORY_FILE_MAX, HISTORY_QUEUE_MAX, HISTORY_STACK};
use crate::os::threads;

/// The first line of the file.
const TITLE: &str = "openrange history 1";

/// Reads what a file says. A missing file says nothing; the log tells of lines that nobody can read.
///
/// # Errors
/// One line: it cannot be read, or is something else.
pub fn load(path: &Path) -> Result<Vec<Fact>, String> {
    let wrong = |why: &dyn fmt::Display| {
        format!(
            "cannot use {}: {why}; choose another with --history",
            path.display()
        )
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(&error)),
    };
    let mut bytes = Vec::new();
    let read = file.take(2 * HISTORY_FILE_MAX).read_to_end(&mut bytes);
    read.map_err(|error| wrong(&error))?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines();
    if !matches!(lines.next(), None | Some(TITLE)) {
        return Err(wrong(&"it is not a history of openrange"));
    }
    let (mut facts, mut strange) = (Vec::new(), 0);
    for line in lines {
        match Fact::parse(line) {
            Some(fact) => facts.push(fact),
            None => strange += 1,
        }
    }
    if strange > 0 {
        log::warn!(
            "{}: cannot read {strange} lines of the history",
            path.display()
        );
    }
    Ok(facts)
}

/// Where facts are written.
pub struct Journal {
    file: File,
    facts: Receiver<Fact>,
}

/// Rewrites the file with these facts and opens it to append more. Whoever has the sender adds facts.
///
/// # Errors
/// One line: it cannot be written, or another server uses it.
pub fn open(path: &Path, facts: &[Fact]) -> Result<(Journal, SyncSender<Fact>), String> {
    let lock = |file: File| match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::AGAIN) => Err(io::Error::other("another server uses it")),
        Err(error) => Err(error.into()),
    };
    // A link would be followed by root, if it starts the server for another user who may have made it.
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let append = || {
        let mut options = OpenOptions::new();
        options.append(true).create(true).custom_flags(no_link);
        options.open(path)
    };
    // Only the owner of the lock on the old file may put a new one in its place.
    let opened = append().and_then(lock).and_then(|_old| {
        write(path, facts)?;
        append().and_then(lock)
    });
    let file = opened.map_err(|error| {
        format!(
            "cannot use {}: {error}; choose another with --history",
            path.display()
        )
    })?;
    let (sender, receiver) = sync_channel(HISTORY_QUEUE_MAX);
    let journal = Journal {
        file,
        facts: receiver,
    };
    Ok((journal, sender))
}

/// The old file stays until the new one is complete.
fn write(path: &Path, facts: &[Fact]) -> io::Result<()> {
    let mut text = format!("{TITLE}\n");
    for fact in facts {
        text.push_str(&format!("{fact}\n"));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::create_new(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

impl Journal {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// EAGAIN: no thread can be started.
    pub fn start(self) -> io::Result<()> {
        threads::start("history", Some(HISTORY_STACK), move || self.run())?;
        Ok(())
    }

    fn run(mut self) {
        let mut size = self.file.metadata().map_or(0, |metadata| metadata.len());
        let mut failed = false;
        for fact in &self.facts {
            let line = format!("{fact}\n");
            size += line.len() as u64;
            let written = match size > HISTORY_FILE_MAX {
                true => Err(io::Error::other("it is full until the server starts again")),
                false => self.file.write_all(line.as_bytes()),
            };
            if let Err(error) = written
                && !std::mem::replace(&mut failed, true)
            {
                log::warn!("the history is no longer complete: {error}");
            }
        }
    }
}
