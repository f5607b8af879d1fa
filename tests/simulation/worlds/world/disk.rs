//! Files by number, names that lead to them, and the queue of what the kernel would tell of them.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::OnceLock;

use openrange::action::After;
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::resource::FileInfo;
use openrange::subscription::end::End;

/// Names that can be asked for: `/0`, `/1`, ...
pub const NAMES: usize = 3;
/// There is a directory too: `/4` and `/4/`.
pub const DIRECTORY: usize = NAMES + 1;
/// The date of the beginning.
pub const TODAY: i64 = 1_700_000_100;

/// What a connection holds of an open file. Counted, so that one that is never given back shows.
pub type Handle = Rc<usize>;

/// One regular file.
pub struct File {
    pub bytes: Vec<u8>,
    /// Nobody may write it any more.
    pub sealed: bool,
    /// Every read and every look at it fails.
    pub broken: bool,
    pub truncations: u64,
    /// Second of the last modification, or what somebody has set it to.
    pub modified: i64,
    /// Second of the last change of any kind.
    pub changed: i64,
    /// Changes of the bytes.
    pub version: u64,
    /// Sizes that the server saw it with after it had seen a larger one.
    pub shrank: Vec<u64>,
    /// The size that the server saw last.
    seen: u64,
    /// The last look at it, shared by its tails until an event comes.
    known: Option<(u64, bool)>,
    pub handle: Handle,
}

impl File {
    /// The server has seen its size.
    fn note(&mut self) {
        let size = self.bytes.len() as u64;
        if size < self.seen {
            self.shrank.push(size);
        }
        self.seen = size;
    }
}

/// What holds for a file at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    pub file: usize,
    pub size: u64,
    pub sealed: bool,
    pub etag: u64,
    pub modified: i64,
    /// Nothing has changed since that second, and nothing can change in it any more.
    pub settled: bool,
    pub version: u64,
    /// Where the answer starts.
    pub start: Option<u64>,
}

/// What the kernel tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// This file was written, truncated, or its mode changed.
    Grew(usize),
    /// This name may lead elsewhere.
    Look(usize),
    /// The queue overflowed.
    All,
}

#[derive(Default)]
pub struct Disk {
    pub files: Vec<File>,
    pub names: [Option<usize>; NAMES],
    /// The files that had each name, in order.
    pub heirs: [Vec<usize>; NAMES],
    /// On the way to this name is a directory that may not be read. Nobody is told.
    pub forbidden: [bool; NAMES],
    /// Seconds since 1970.
    pub clock: i64,
    /// Told in this order, some time.
    pub events: VecDeque<Event>,
    writes: usize,
}

impl Disk {
    pub fn new() -> Disk {
        Disk {
            clock: TODAY,
            ..Disk::default()
        }
    }

    /// An empty file under this name; what had the name loses it.
    pub fn create(&mut self, name: usize) -> usize {
        let file = self.files.len();
        self.files.push(File {
            bytes: Vec::new(),
            sealed: false,
            broken: false,
            truncations: 0,
            modified: self.clock,
            changed: self.clock,
            version: 0,
            shrank: Vec::new(),
            seen: 0,
            known: None,
            handle: Rc::new(file),
        });
        self.names[name] = Some(file);
        file
    }

    /// A name may lead to another file now.
    pub fn note_heir(&mut self, name: usize) {
        if let Some(&Some(file)) = self.names.get(name)
            && self.heirs[name].last() != Some(&file)
        {
            self.heirs[name].push(file);
        }
    }

    /// What comes after a place in a file that had a name: the file, whether the name leads to it, and whether something
    /// in between is missing. Of the files that have lost their names some are removed.
    pub fn next(&self, name: usize, after: &After) -> Option<(usize, bool, bool)> {
        let current = *self.names.get(name)?;
        let is_kept = |file: usize| file % 8 != 7 && !self.files[file].broken;
        let before = (after.etag.0 >> 16) as usize;
        let valid = before < self.files.len() && self.etag(before) == after.etag.0;
        if current == Some(before) {
            return Some((before, true, !valid));
        }
        if valid && !after.finished && is_kept(before) && self.heirs[name].contains(&before) {
            return Some((before, false, false));
        }
        let place = self.heirs[name].iter().rposition(|&file| file == before);
        let mut gap = !after.finished || place.is_none();
        for &file in &self.heirs[name][place.map_or(0, |place| place + 1)..] {
            if current == Some(file) || is_kept(file) {
                return Some((file, current == Some(file), gap));
            }
            gap = true;
        }
        None
    }

    pub fn size(&self, file: usize) -> u64 {
        self.files[file].bytes.len() as u64
    }

    /// Bytes that no other write has put at the same place.
    pub fn append(&mut self, file: usize, count: usize) {
        self.writes += 1;
        let noise = noise();
        let mut from = self.writes * 7919 % noise.len();
        let bytes = &mut self.files[file].bytes;
        let end = bytes.len() + count;
        while bytes.len() < end {
            let piece = &noise[from..];
            bytes.extend_from_slice(&piece[..piece.len().min(end - bytes.len())]);
            from = 0;
        }
        self.change(file);
    }

    pub fn truncate(&mut self, file: usize, size: usize) {
        let state = &mut self.files[file];
        if size < state.bytes.len() {
            state.bytes.truncate(size);
            state.truncations += 1;
            self.change(file);
        }
    }

    fn change(&mut self, file: usize) {
        let file = &mut self.files[file];
        file.modified = self.clock;
        file.changed = self.clock;
        file.version += 1;
    }

    pub fn facts(&self, file: usize) -> Facts {
        let state = &self.files[file];
        Facts {
            file,
            size: self.size(file),
            sealed: state.sealed,
            etag: self.etag(file),
            modified: state.modified,
            settled: self.clock - state.modified >= 2 && state.changed <= state.modified,
            version: state.version,
            start: None,
        }
    }

    /// Where so many last lines begin.
    pub fn last_lines(&self, file: usize, count: usize) -> u64 {
        let bytes = &self.files[file].bytes;
        let mut starts: Vec<usize> = vec![0];
        starts.extend(
            (0..bytes.len())
                .filter(|&at| bytes[at] == b'\n')
                .map(|at| at + 1),
        );
        starts[(starts.len() - 1).saturating_sub(count)] as u64
    }

    pub fn etag(&self, file: usize) -> u64 {
        (file as u64) << 16 | self.files[file].truncations
    }

    /// What a request is told of the file, by a new look at it.
    pub fn info(&mut self, file: usize) -> FileInfo {
        self.forget(file);
        let (size, sealed) = self.look(file);
        FileInfo {
            size,
            sealed,
            modified: Date::from_seconds(self.files[file].modified).into(),
            date_is_shared: false,
            changed: Date::from_seconds(self.files[file].changed),
            etag: ETag(self.etag(file)),
            media: "text/plain",
            start: None,
            bytes_before: None,
        }
    }

    /// Size and seal; the last look, if nothing was told since.
    pub fn look(&mut self, file: usize) -> (u64, bool) {
        let file = &mut self.files[file];
        if let Some(known) = file.known {
            return known;
        }
        file.note();
        *file.known.insert((file.seen, file.sealed))
    }

    /// Another worker looks at it.
    pub fn look_elsewhere(&mut self, file: usize) {
        self.files[file].note();
    }

    pub fn forget(&mut self, file: usize) {
        self.files[file].known = None;
    }

    /// Why `name` no longer leads to `file`; `None` if it does.
    pub fn left(&self, name: usize, file: usize) -> Option<End> {
        match self.names.get(name).copied().flatten() {
            Some(now) if now == file => None,
            _ if self.names.contains(&Some(file)) => Some(End::Renamed),
            Some(_) => Some(End::Replaced),
            None => Some(End::Unlinked),
        }
    }

    /// Whether something is still to be told that makes a tail of `file` measure it.
    pub fn will_tell(&self, name: usize, file: usize) -> bool {
        self.events.contains(&Event::Grew(file)) || self.will_look(name)
    }

    /// Whether something is still to be told that makes the server look where `name` leads.
    pub fn will_look(&self, name: usize) -> bool {
        self.events.contains(&Event::Look(name)) || self.events.contains(&Event::All)
    }
}

fn noise() -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut state = 1u64;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Lines of all lengths, also empty ones, and every other byte.
            match (state >> 56) as u8 {
                0..20 => b'\n',
                20..25 => b'\r',
                byte => byte,
            }
        };
        (0..65_521).map(|_| next()).collect()
    })
}
