//! What workers know of writing: its terms, the memory that bodies hold, and how far each writing request has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::http::digest::Verifier;
use crate::http::origin::Origins;
use crate::http::prefix::{Prefix, Prefixes};
use crate::job::JobId;
use crate::jobs::comparison::Comparison;
use crate::jobs::record::JobRecord;
use crate::jobs::tracker::Tracker;
use crate::receipt::{Receipt, WriteFailure};
use crate::store::commit::Commits;
use crate::store::replace::Temporary;
use crate::store::writable::Writable;
use crate::time::Moment;

/// What may be written, and how much of it at a time. The same for all workers.
#[derive(Clone)]
pub struct Writing {
    /// `--write`
    pub prefixes: Arc<Prefixes>,
    /// The origins whose pages may write.
    pub origins: Arc<Origins>,
    /// `--append-max`
    pub append_max: u64,
    /// `--body-memory`
    pub memory: Arc<BodyMemory>,
    /// Puts what is written on disk.
    pub commits: Arc<Commits>,
    /// What the sandbox permits; `None`: there is no sandbox.
    pub writable: Option<Arc<Writable>>,
}

impl Writing {
    /// The decoded path of a prefix that was found.
    pub(super) fn prefix(&self, index: usize) -> &[u8] {
        let prefix = self.prefixes.iter().nth(index).expect("it was found");
        prefix.name()
    }
}

/// The memory that the bodies of all workers hold.
pub struct BodyMemory {
    most: usize,
    held: AtomicUsize,
}

impl BodyMemory {
    /// A limit of so many bytes, of which none are held yet.
    #[must_use]
    pub fn new(most: usize) -> Arc<BodyMemory> {
        Arc::new(BodyMemory {
            most,
            held: AtomicUsize::new(0),
        })
    }

    pub(super) fn has_room_for(&self, bytes: u64) -> bool {
        let free = self.most.saturating_sub(self.held.load(Ordering::Relaxed));
        bytes <= free as u64
    }
}

/// The bytes of [`BodyMemory`] that one body holds; dropping this returns them.
pub(super) struct Held {
    pub(super) memory: Arc<BodyMemory>,
    pub(super) bytes: usize,
}

impl Held {
    /// Holds so many bytes instead. False if they exceed the limit.
    pub(super) fn set(&mut self, bytes: usize) -> bool {
        let held = &self.memory.held;
        if bytes <= self.bytes {
            held.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
            self.bytes = bytes;
            return true;
        }
        let more = bytes - self.bytes;
        let before = held.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > self.memory.most {
            held.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The jobs that are accepted. The same for all workers.
#[derive(Clone)]
pub struct Jobs {
    /// `--jobs`
    pub prefix: Prefix,
    /// `--old-dir`: where the earlier generations of `queue` and `done` are, below the prefix.
    pub old_dir: Option<Box<[u8]>>,
    /// Which jobs are open.
    pub tracker: Arc<Tracker>,
}

/// What a writing request asks for, if it is about jobs.
#[derive(Debug)]
pub(super) enum JobUpload {
    /// A new job, or the one that the same request has made before.
    New(JobRecord),
    /// The end of a job.
    Cancel(JobId),
}

/// What a worker remembers of a request while its body comes, or while it waits. Nothing is left of it when it is dropped.
#[derive(Default)]
pub struct Upload {
    /// What the request asks for, if it is about jobs.
    pub(super) job: Option<JobUpload>,
    /// The comparison of the request with that of the job that has its name already.
    pub(super) comparison: Option<Comparison>,
    /// The file that gathers the body of a PUT, or of a job.
    pub(super) temporary: Option<Temporary>,
    pub(super) verifier: Option<Verifier>,
    pub(super) held: Option<Held>,
    /// Since when the request waits for the lock of the file, and the pause before the next try.
    pub(super) waits: Option<(Moment, Duration)>,
    pub(super) commit: Commit,
}

impl Upload {
    /// Whether the stored content is what its sender says it is. Once for each request.
    pub(super) fn is_intact(&mut self) -> bool {
        self.verifier.take().is_none_or(Verifier::matches)
    }
}

/// How far a request has come that wants its file on disk.
#[derive(Default)]
pub(super) enum Commit {
    /// Nothing was put on disk yet.
    #[default]
    Idle,
    /// The body of a PUT is being put on disk, before it gets the name.
    Body(u64),
    /// The body is on disk.
    BodyDone,
    /// The request was carried out; its file and names are being put on disk.
    All(u64, Receipt),
    /// The file and its names are on disk, or could not be put there.
    Done(Result<Receipt, WriteFailure>),
}
