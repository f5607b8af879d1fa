//! What the server saw of names: which file came after which, what was compressed, what was created beside them. It is
//! certain, so it comes before what names and times suggest. All workers share it; its memory is bounded, and what it
//! forgets names and times have to say again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::order::{Ancestor, Modified, Original, Seen};
use crate::http::conditional::ETag;
use crate::limits::{SEEN_FILES_MAX, SEEN_LINE_MAX, SEEN_NAMES_MAX};

/// A file that has a name now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its tag.
    pub etag: ETag,
    /// Its inode number.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
}

impl Holder {
    fn into_ancestor(self, direct: bool) -> Ancestor {
        Ancestor {
            etag: self.etag,
            size: self.size,
            inode: self.inode,
            direct,
            noted: now(),
        }
    }
}

/// What was seen, of all names.
#[derive(Debug, Default)]
pub struct History(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    names: HashMap<Box<[u8]>, Line>,
    originals: Bounded<Original>,
    born: Bounded<()>,
    /// Counts what is noted, to know which name was noted last.
    clock: u64,
}

/// The files that had one name, oldest first.
#[derive(Debug, Default)]
struct Line {
    files: VecDeque<Ancestor>,
    noted: u64,
}

impl History {
    /// A file was found under this name.
    pub fn note_holder(&self, name: &[u8], holder: Holder) {
        let mut lines = self.lock();
        let line = lines.line(name);
        match line.files.back_mut() {
            Some(last) if last.etag == holder.etag => {
                last.size = last.size.max(holder.size);
                last.noted = now();
            }
            _ => line.push(holder.into_ancestor(false)),
        }
    }

    /// The name has passed from one file to another, and nobody had it in between.
    pub fn note_roll(&self, name: &[u8], from: Holder, to: Holder) {
        let mut lines = self.lock();
        let line = lines.line(name);
        match line.place(from.etag) {
            Some(place) => {
                let size = &mut line.files[place].size;
                *size = from.size.max(*size);
                // Another worker saw it too, perhaps before this one.
                if let Some(next) = line.files.get_mut(place + 1) {
                    next.direct |= next.etag == to.etag;
                    return;
                }
            }
            None => line.push(from.into_ancestor(false)),
        }
        line.push(to.into_ancestor(true));
    }

    /// A file that once had the name is so long now.
    pub fn note_size(&self, name: &[u8], etag: ETag, size: u64) {
        let mut lines = self.lock();
        if let Some(line) = lines.names.get_mut(name)
            && let Some(place) = line.place(etag)
        {
            line.files[place].size = size;
        }
    }

    /// A file was created under a name that looks like that of an earlier generation, but it is none.
    pub fn note_born(&self, etag: ETag) {
        self.lock().born.insert(etag, ());
    }

    /// A compressed copy of a file was made.
    pub fn note_compressed(&self, copy: ETag, original: Original) {
        self.lock().originals.insert(copy, original);
    }

    /// The file that came directly after another under this name, if that was seen.
    #[must_use]
    pub fn next(&self, name: &[u8], etag: ETag) -> Option<ETag> {
        let lines = self.lock();
        let line = lines.names.get(name)?;
        let next = line.files.get(line.place(etag)? + 1)?;
        next.direct.then_some(next.etag)
    }

    /// Whether a file was seen to have this name.
    #[must_use]
    pub fn has_seen(&self, name: &[u8], etag: ETag) -> bool {
        let lines = self.lock();
        let line = lines.names.get(name);
        line.is_some_and(|line| line.place(etag).is_some())
    }

    /// The inode numbers of the files that had this name.
    #[must_use]
    pub fn inodes(&self, name: &[u8]) -> HashSet<u64> {
        let lines = self.lock();
        let files = lines
            .names
            .get(name)
            .into_iter()
            .flat_map(|line| &line.files);
        files.map(|file| file.inode).collect()
    }

    /// What was seen of a name, and of these files.
    #[must_use]
    pub fn seen(&self, name: &[u8], files: impl Iterator<Item = ETag>) -> Seen {
        let lines = self.lock();
        let line = lines
            .names
            .get(name)
            .into_iter()
            .flat_map(|line| &line.files);
        let mut seen = Seen {
            line: line.copied().collect(),
            ..Seen::default()
        };
        for etag in files {
            if let Some(original) = lines.originals.get(&etag) {
                seen.originals.insert(etag, *original);
            }
            if lines.born.get(&etag).is_some() {
                seen.born.insert(etag);
            }
        }
        seen
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// The line of a name, which is noted now. Of too many names that which was not noted for longest is forgotten.
    fn line(&mut self, name: &[u8]) -> &mut Line {
        self.clock += 1;
        if !self.names.contains_key(name) {
            if self.names.len() >= SEEN_NAMES_MAX {
                let oldest = self.names.iter().min_by_key(|(_, line)| line.noted);
                if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                    self.names.remove(&oldest);
                }
            }
            self.names.insert(name.into(), Line::default());
        }
        let line = self.names.get_mut(name).expect("it was inserted");
        line.noted = self.clock;
        line
    }
}

impl Line {
    fn push(&mut self, file: Ancestor) {
        if self.files.len() >= SEEN_LINE_MAX {
            self.files.pop_front();
        }
        self.files.push_back(file);
    }

    fn place(&self, etag: ETag) -> Option<usize> {
        self.files.iter().rposition(|file| file.etag == etag)
    }
}

/// What is known of files by their tags; of too many the first one is forgotten.
#[derive(Debug)]
struct Bounded<T> {
    values: HashMap<ETag, T>,
    order: VecDeque<ETag>,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Bounded {
            values: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Bounded<T> {
    fn insert(&mut self, etag: ETag, value: T) {
        if self.values.insert(etag, value).is_some() {
            return;
        }
        if self.order.len() >= SEEN_FILES_MAX
            && let Some(first) = self.order.pop_front()
        {
            self.values.remove(&first);
        }
        self.order.push_back(etag);
    }

    fn get(&self, etag: &ETag) -> Option<&T> {
        self.values.get(etag)
    }
}

/// The time as a file that is written now has it at least: file systems take it from a clock that ticks.
fn now() -> Modified {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let since = since.saturating_sub(TICK);
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    (seconds, since.subsec_nanos())
}

/// The longest tick of the kernel's clock, at 100 Hz.
const TICK: Duration = Duration::from_millis(10);
