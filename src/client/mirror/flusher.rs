//! Brings copies to the disk, for those who want them to survive a power failure: a thread that flushes what has grown, so that
//! the loop never waits for the disk.

use std::fs::File;
use std::io;
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::thread::JoinHandle;

use super::tree::Tree;
use crate::http::conditional::ETag;
use crate::limits::{CLIENT_SAVE_INTERVAL, MIRROR_FLUSH_FILES};
use crate::os::threads;
use crate::sorted::SortedSet;
use crate::time::Moment;

/// Stack of the thread.
const STACK: usize = 64 * 1024;

/// See the module.
pub struct Flusher {
    /// `None`: the kernel may write them when it likes.
    thread: Option<(SyncSender<File>, JoinHandle<io::Result<()>>)>,
    /// Files that have grown since they were flushed.
    grown: SortedSet<ETag>,
    due: Moment,
}

impl Flusher {
    /// Starts the thread, if copies are to be flushed.
    ///
    /// # Errors
    /// EAGAIN and the like.
    pub fn new(wanted: bool, now: Moment) -> io::Result<Flusher> {
        Ok(Flusher {
            thread: wanted.then(start).transpose()?,
            grown: SortedSet::new(),
            due: now,
        })
    }

    /// Bytes of a file came.
    pub fn grew(&mut self, etag: ETag) {
        if self.thread.is_some() {
            self.grown.insert(etag);
        }
    }

    /// When [`Flusher::run`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        match self.grown.is_empty() {
            true => Moment::NEVER,
            false => self.due,
        }
    }

    /// Has what has grown flushed, if it is time to; what finds no place in the queue has its turn next time.
    ///
    /// # Errors
    /// Of a flush, EIO and the like: what the disk has is not known any more.
    pub fn run(&mut self, tree: &Tree, now: Moment) -> io::Result<()> {
        let Some((files, _)) = self.thread.as_ref().filter(|_| self.deadline() <= now) else {
            return Ok(());
        };
        self.due = now + CLIENT_SAVE_INTERVAL;
        let grown: Vec<ETag> = self.grown.iter().copied().collect();
        for etag in grown {
            let Some(file) = tree.open_to_flush(etag)? else {
                self.grown.remove(&etag);
                continue;
            };
            match files.try_send(file) {
                Ok(()) => drop(self.grown.remove(&etag)),
                Err(TrySendError::Full(_)) => break,
                Err(TrySendError::Disconnected(_)) => return self.failure(),
            }
        }
        Ok(())
    }

    /// Flushes the rest, and waits for that.
    ///
    /// # Errors
    /// Of a flush.
    pub fn finish(&mut self, tree: &Tree) -> io::Result<()> {
        let Some((files, thread)) = self.thread.take() else {
            return Ok(());
        };
        for etag in self.grown.iter() {
            if let Some(file) = tree.open_to_flush(*etag)?
                && files.send(file).is_err()
            {
                break;
            }
        }
        drop(files);
        join(thread)
    }

    /// Why the thread has ended.
    fn failure(&mut self) -> io::Result<()> {
        self.thread
            .take()
            .map_or(Ok(()), |(_, thread)| join(thread))
    }
}

fn join(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    let gone = |_| Err(io::Error::other("the thread that flushes is gone"));
    let flushed = thread.join().unwrap_or_else(gone);
    flushed.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot flush a copy to the disk: {error}"),
        )
    })
}

fn start() -> io::Result<(SyncSender<File>, JoinHandle<io::Result<()>>)> {
    let (files, queue) = mpsc::sync_channel::<File>(MIRROR_FLUSH_FILES);
    let flush = move || queue.iter().try_for_each(|file| file.sync_data());
    Ok((files, threads::start("flush", Some(STACK), flush)?))
}
