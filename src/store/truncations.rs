//! Which files were truncated, as far as any worker has seen it: then they have other tags, and their followers learn of it.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::SystemTime;

use rustix::io::Errno;

use super::generations::fact::{Fact, Truncated};

use super::file_stat::FileStat;
use super::sizes::Sizes;
use crate::http::conditional::ETag;
use crate::http::position::fnv;
use crate::limits::TRUNCATED_MAX;

/// The truncations that any worker has seen, each with a number: later ones are larger, and none is given again after a
/// restart. Written rarely; read without the lock as long as nothing new is there.
#[derive(Debug, Default)]
pub struct Truncations {
    /// A file that is a copy has the tag of its original (`--tags xattr`).
    copies: bool,
    /// The number of the last one of all; 0: none.
    last: AtomicU64,
    seen: Mutex<Seen>,
    sizes: Sizes,
    /// Where they are written.
    journal: OnceLock<SyncSender<Fact>>,
}

#[derive(Debug, Default)]
struct Seen {
    files: HashMap<u64, Truncated>,
    /// The number of every file that is not in the map.
    others: u64,
    /// Tags that files had before they were truncated.
    former: HashSet<ETag>,
}

impl Truncations {
    /// None were seen yet. `copies`: a file that is a copy has the tag of its original.
    #[must_use]
    pub fn new(copies: bool) -> Truncations {
        Truncations {
            copies,
            ..Truncations::default()
        }
    }

    /// Whether a file that is a copy has the tag of its original.
    pub(super) fn know_copies(&self) -> bool {
        self.copies
    }

    /// The tag of a file: its identity, and its last truncation. Of a copy it is that of the original, until the copy is
    /// truncated.
    pub(super) fn tag(&self, identity: u64, original: Option<ETag>) -> ETag {
        match (original, self.of(identity)) {
            (Some(original), 0) => original,
            (_, number) => tag(identity, number),
        }
    }

    /// The number of the last truncation of all.
    pub(crate) fn last(&self) -> u64 {
        self.last.load(Ordering::Acquire)
    }

    /// What was seen before the server started. A later truncation of a file takes the place of an earlier one.
    pub fn restore(&self, identity: u64, truncated: Truncated) {
        let mut seen = self.lock();
        if seen.files.len() < TRUNCATED_MAX && seen.former.len() < TRUNCATED_MAX {
            seen.former.insert(tag(identity, truncated.before));
            seen.files.insert(identity, truncated);
            self.last.fetch_max(truncated.number, Ordering::AcqRel);
        }
    }

    /// All that is known of files, to be restored.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let seen = self.lock();
        let files = seen
            .files
            .iter()
            .map(|(&identity, &truncated)| Fact::Truncated {
                identity,
                truncated,
            });
        files.collect()
    }

    /// How long files were when they were last looked at.
    pub(super) fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// From now on what is seen is sent there as well.
    pub fn write_to(&self, journal: SyncSender<Fact>) {
        // It is set once, at the start.
        let _ = self.journal.set(journal);
    }

    /// Whether a file had this tag before it was truncated.
    pub(super) fn had(&self, etag: ETag) -> bool {
        self.last() != 0 && self.lock().former.contains(&etag)
    }

    /// The number of the last truncation of a file; 0: none was seen.
    fn of(&self, identity: u64) -> u64 {
        if self.last() == 0 {
            return 0;
        }
        let seen = self.lock();
        seen.files
            .get(&identity)
            .map_or(seen.others, |file| file.number)
    }

    /// The smallest size that a file was seen with by a truncation after that number; 0 if there was more than one.
    #[cold]
    pub(crate) fn since(&self, identity: u64, number: u64) -> Option<u64> {
        let seen = self.lock();
        let file = seen
            .files
            .get(&identity)
            .filter(|file| file.number > number)?;
        Some(if file.before <= number { file.size } else { 0 })
    }

    /// A worker that saw a file with the size `before` sees it like this now. If several workers see one truncation, it
    /// counts once. For a file that was truncated before, it looks `again` under the lock: so all looks at it follow
    /// each other, and an old look at a file that grows does not pass for another truncation.
    pub(crate) fn note(
        &self,
        identity: u64,
        before: u64,
        look: FileStat,
        again: impl FnOnce() -> Result<FileStat, Errno>,
    ) -> Result<FileStat, Errno> {
        if look.size >= before && self.last() == 0 {
            return Ok(look);
        }
        let mut seen = self.lock();
        let known = seen.files.get(&identity).copied();
        let look = if known.is_some() { again()? } else { look };
        let now = look.size;
        if now >= known.map_or(before, |file| file.latest) {
            if let Some(file) = seen.files.get_mut(&identity) {
                file.latest = now;
            }
            return Ok(look);
        }
        let clock = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let number = u64::try_from(clock.as_nanos())
            .unwrap_or(u64::MAX)
            .max(self.last() + 1);
        if known.is_none() && seen.files.len() >= TRUNCATED_MAX {
            seen.files.clear();
            seen.others = number;
        }
        let before = known.map_or(seen.others, |file| file.number);
        if seen.former.len() >= TRUNCATED_MAX {
            seen.former.clear();
        }
        seen.former.insert(tag(identity, before));
        let truncated = Truncated {
            number,
            before,
            size: now,
            latest: now,
        };
        seen.files.insert(identity, truncated);
        self.last.store(number, Ordering::Release);
        if let Some(journal) = self.journal.get() {
            // If there is no space for it, the next start does not know it.
            let _ = journal.try_send(Fact::Truncated {
                identity,
                truncated,
            });
        }
        Ok(look)
    }

    /// A file that changes elsewhere was seen with this size, which is believed.
    pub(super) fn grew(&self, identity: u64, size: u64) {
        if self.last() != 0
            && let Some(file) = self.lock().files.get_mut(&identity)
        {
            file.latest = file.latest.max(size);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tag(identity: u64, number: u64) -> ETag {
    ETag(fnv(&[&identity.to_be_bytes(), &number.to_be_bytes()]))
}
