//! What the server saw of names: which file came after which, what was compressed, what was created beside them. It is
//! certain, so it comes before what names and times suggest. All workers share it; its memory is bounded, and what it
//! forgets names and times have to say again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::fact::{Fact, Holder, Sighting};
use super::order::{Ancestor, Modified, Original, Seen};
use crate::http::conditional::ETag;
use crate::limits::{SEEN_FILES_MAX, SEEN_LINE_MAX, SEEN_NAMES_MAX};
use crate::sorted::sort_by_key;

/// What was seen, of all names.
#[derive(Debug)]
pub struct History {
    /// A time that every file has at least that is written now.
    clock: fn() -> Modified,
    lines: Mutex<Lines>,
    /// Where it is written.
    journal: OnceLock<SyncSender<Fact>>,
}

#[derive(Debug, Default)]
struct Lines {
    names: HashMap<Box<[u8]>, Line>,
    copies: Bounded<Copied>,
    born: Bounded<()>,
    /// Counts what is noted, to know which name was noted last.
    clock: u64,
}

/// A compressed copy.
#[derive(Debug, Clone, Copy)]
struct Copied {
    inode: Option<u64>,
    original: Original,
}

/// The files that had one name, oldest first.
#[derive(Debug, Default)]
struct Line {
    files: VecDeque<Ancestor>,
    noted: u64,
}

impl Default for History {
    fn default() -> History {
        History::new(now)
    }
}

impl History {
    /// Nothing was seen yet. `clock`: a time that every file has at least that is written now.
    #[must_use]
    pub fn new(clock: fn() -> Modified) -> History {
        History {
            clock,
            lines: Mutex::default(),
            journal: OnceLock::new(),
        }
    }

    /// A file was found under this name.
    pub fn note_holder(&self, name: &[u8], holder: Holder) {
        let now = (self.clock)();
        let mut lines = self.lock();
        let line = lines.line(name);
        match line.place(holder.etag) {
            // Perhaps another worker has seen already what came after it.
            Some(place) => {
                let file = &mut line.files[place];
                file.size = file.size.max(holder.size);
                file.noted = now;
            }
            None => line.push(ancestor(Sighting { holder, noted: now }, false)),
        }
    }

    /// The name has passed from one file to another, and nobody had it in between.
    pub fn note_roll(&self, name: &[u8], from: Holder, to: Holder) {
        let noted = (self.clock)();
        let sighting = |holder| Sighting { holder, noted };
        let rolled = self.lock().line(name).roll(sighting(from), sighting(to));
        if let Some([from, to]) = rolled {
            let name = name.into();
            self.write(Fact::Roll { name, from, to });
        }
    }

    /// A file was created under a name that looks like that of an earlier generation, but it is none.
    pub fn note_born(&self, etag: ETag) {
        if self.lock().born.insert(etag, ()) {
            self.write(Fact::Born(etag));
        }
    }

    /// A compressed copy of a file was made.
    pub fn note_compressed(&self, copy: Holder, original: Original) {
        let Holder { etag, inode, .. } = copy;
        let (copy, inode) = (etag, Some(inode));
        let mut lines = self.lock();
        let known = lines.copies.get(&copy).map(|known| known.original);
        let original = known.map_or(original, |known| known.or(original));
        lines.copies.insert(copy, Copied { inode, original });
        drop(lines);
        if known != Some(original) {
            self.write(Fact::Compressed {
                copy,
                inode,
                original,
            });
        }
    }

    /// The file that came directly after another under this name, if that was seen.
    #[must_use]
    pub fn next(&self, name: &[u8], etag: ETag) -> Option<ETag> {
        let lines = self.lock();
        let line = lines.names.get(name)?;
        let next = line.files.get(line.place(etag)? + 1)?;
        next.direct.then_some(next.etag)
    }

    /// Whether no file was seen to have this name after that one.
    #[must_use]
    pub fn is_last(&self, name: &[u8], etag: ETag) -> bool {
        let lines = self.lock();
        let last = lines.names.get(name).and_then(|line| line.files.back());
        last.is_some_and(|last| last.etag == etag)
    }

    /// Whether a file was seen to have this name.
    #[must_use]
    pub fn has_seen(&self, name: &[u8], etag: ETag) -> bool {
        let lines = self.lock();
        let line = lines.names.get(name);
        line.is_some_and(|line| line.place(etag).is_some())
    }

    /// Whether this is a compressed copy of a file that was seen to have this name.
    #[must_use]
    pub fn has_copy(&self, name: &[u8], etag: ETag) -> bool {
        let lines = self.lock();
        let line = lines.names.get(name);
        let copied = lines.copies.get(&etag);
        let place = copied.and_then(|copied| line?.place(copied.original.etag));
        place.is_some()
    }

    /// The inode numbers of the files that had this name, and of their compressed copies.
    #[must_use]
    pub fn inodes(&self, name: &[u8]) -> HashSet<u64> {
        let lines = self.lock();
        let Some(line) = lines.names.get(name) else {
            return HashSet::new();
        };
        let tags: HashSet<ETag> = line.files.iter().map(|file| file.etag).collect();
        let copies = lines.copies.iter().map(|(_, copied)| copied);
        let copies = copies.filter(|copied| tags.contains(&copied.original.etag));
        let files = line.files.iter().map(|file| file.inode);
        files
            .chain(copies.filter_map(|copied| copied.inode))
            .collect()
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
            if let Some(copied) = lines.copies.get(&etag) {
                seen.originals.insert(etag, copied.original);
            }
            if lines.born.get(&etag).is_some() {
                seen.born.insert(etag);
            }
        }
        seen
    }

    /// What was seen before the server started.
    pub fn restore(&self, fact: &Fact) {
        let mut lines = self.lock();
        match fact {
            Fact::Roll { name, from, to } => {
                let line = lines.line(name);
                line.roll(*from, *to);
                line.found_again(from);
                line.found_again(to);
            }
            Fact::Born(etag) => {
                lines.born.insert(*etag, ());
            }
            &Fact::Compressed {
                copy,
                inode,
                original,
            } => {
                lines.copies.insert(copy, Copied { inode, original });
            }
            Fact::Truncated { .. } => {}
        }
    }

    /// All that was seen, to be restored.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let lines = self.lock();
        let mut names: Vec<_> = lines.names.iter().collect();
        sort_by_key(&mut names, |(_, line)| line.noted);
        let mut facts: Vec<Fact> = Vec::new();
        for (name, line) in names {
            let pairs = line.files.iter().zip(line.files.iter().skip(1));
            facts.extend(
                pairs
                    .filter(|(_, to)| to.direct)
                    .map(|(from, to)| Fact::Roll {
                        name: name.clone(),
                        from: Sighting::from(*from),
                        to: Sighting::from(*to),
                    }),
            );
        }
        facts.extend(lines.born.iter().map(|(etag, ())| Fact::Born(etag)));
        let compressed = lines.copies.iter();
        facts.extend(
            compressed.map(|(copy, &Copied { inode, original })| Fact::Compressed {
                copy,
                inode,
                original,
            }),
        );
        facts
    }

    /// From now on what is seen is sent there as well.
    pub fn write_to(&self, journal: SyncSender<Fact>) {
        // It is set once, at the start.
        let _ = self.journal.set(journal);
    }

    fn write(&self, fact: Fact) {
        if let Some(journal) = self.journal.get() {
            // If there is no space for it, the next start does not know it.
            let _ = journal.try_send(fact);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// The line of a name, which counts as noted now. If there are too many names, the one that was noted longest ago
    /// is forgotten.
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

    /// Notes that one file came directly after another. Returns both as they are known now; `None`: that was known
    /// before.
    fn roll(&mut self, from: Sighting, to: Sighting) -> Option<[Sighting; 2]> {
        if !self.put_behind(from, to) {
            return None;
        }
        let after = self.place(to.holder.etag)?;
        let before = after.checked_sub(1).map(|before| self.files[before]);
        Some([
            before.map_or(from, Sighting::from),
            self.files[after].into(),
        ])
    }

    /// False: it is there.
    fn put_behind(&mut self, from: Sighting, to: Sighting) -> bool {
        let [tag, next_tag] = [from, to].map(|sighting| sighting.holder.etag);
        let pairs = self.files.iter().zip(self.files.iter().skip(1));
        let known = pairs
            .clone()
            .position(|(one, next)| (one.etag, next.etag) == (tag, next_tag));
        if let Some(place) = known {
            self.files[place].size = from.holder.size.max(self.files[place].size);
            // Another worker saw it too, perhaps before this one.
            return !std::mem::replace(&mut self.files[place + 1].direct, true);
        }
        let begins = |place: &usize| !self.files[*place].direct;
        match (self.place(tag), self.place(next_tag).filter(begins)) {
            // Somebody found it before anybody knew what came before it.
            (None, Some(next)) => {
                self.files[next].direct = true;
                self.insert(next, ancestor(from, false));
                return true;
            }
            (Some(place), Some(next))
                if next < self.run_of(place) && self.is_last_of_run(place) =>
            {
                self.move_before(place, next);
                return true;
            }
            (Some(place), _) if place + 1 == self.files.len() => {}
            // Somebody found what came later, but did not see what came between.
            (Some(place), None) if self.is_last_of_run(place) && self.place(next_tag).is_none() => {
                self.insert(place + 1, ancestor(to, true));
                return true;
            }
            // What came after it is known, and it is another file.
            (Some(_), _) => return false,
            (None, None) => self.push(ancestor(from, false)),
        }
        self.push(ancestor(to, true));
        true
    }

    /// The file was found then, if not later.
    fn found_again(&mut self, Sighting { holder, noted }: &Sighting) {
        if let Some(place) = self.place(holder.etag) {
            let file = &mut self.files[place];
            file.noted = file.noted.max(*noted);
        }
    }

    /// Where the files begin that came directly one after the other, up to the one at this place.
    fn run_of(&self, place: usize) -> usize {
        let begins = |place: &usize| !self.files[*place].direct;
        (0..=place).rev().find(begins).unwrap_or(0)
    }

    /// Whether nobody has seen which file came directly after the one at this place.
    fn is_last_of_run(&self, place: usize) -> bool {
        self.files.get(place + 1).is_none_or(|next| !next.direct)
    }

    /// The files that came directly one after the other, up to `last`, come directly before `next`.
    fn move_before(&mut self, last: usize, next: usize) {
        let first = self.run_of(last);
        self.files[next].direct = true;
        self.files.make_contiguous()[next..=last].rotate_left(first - next);
    }

    fn insert(&mut self, place: usize, file: Ancestor) {
        self.files.insert(place, file);
        if self.files.len() > SEEN_LINE_MAX {
            self.files.pop_front();
        }
    }

    fn place(&self, etag: ETag) -> Option<usize> {
        self.files.iter().rposition(|file| file.etag == etag)
    }
}

/// What is known of files, by their tags. If there are too many, the first one is forgotten.
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
    /// False: the file was there.
    fn insert(&mut self, etag: ETag, value: T) -> bool {
        if self.values.insert(etag, value).is_some() {
            return false;
        }
        if self.order.len() >= SEEN_FILES_MAX
            && let Some(first) = self.order.pop_front()
        {
            self.values.remove(&first);
        }
        self.order.push_back(etag);
        true
    }

    /// In the order in which they came.
    fn iter(&self) -> impl Iterator<Item = (ETag, &T)> {
        self.order
            .iter()
            .filter_map(|etag| Some((*etag, self.values.get(etag)?)))
    }

    fn get(&self, etag: &ETag) -> Option<&T> {
        self.values.get(etag)
    }
}

/// A time that every file has at least that is written now: file systems take it from a clock that ticks.
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

fn ancestor(Sighting { holder, noted }: Sighting, direct: bool) -> Ancestor {
    Ancestor {
        etag: holder.etag,
        size: holder.size,
        inode: holder.inode,
        direct,
        noted,
    }
}
