//! What becomes of followed logs when they are rolled, replayed from the inotify events of their directories. Pure.
//!
//! inotify reports changes in the order in which they happened. So the events say, however late they are read, which file
//! came after which under a name (the *line* of a log), and which entry each file has now (its *place*). They do not say which
//! file that is: the driver identifies it at its place. So even a file that got the name and lost it again before the event
//! was read is identified, under its next name.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

pub use super::rolled::{Entry, Sight};
use super::rolled::{File, FileId, Identity, Log};
use crate::limits::{ROLLED_FILES_MAX, ROLLED_LOGS_MAX, ROLLED_MOVING_MAX, ROLLED_SWEEPS};
use crate::store::generations::fact::Holder;
use crate::store::generations::family::{bases, compression};
use crate::store::generations::history::History;
use crate::store::generations::order::Original;

/// What happened to an entry of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The entry was created, as a new file or as a further name of one.
    Created,
    /// The entry was removed.
    Deleted,
    /// The entry was renamed to another. The event of the other half of the rename has the same number (the cookie of inotify).
    MovedFrom(u32),
    /// Another entry was renamed to this one; the number is as above.
    MovedTo(u32),
}

/// Logs whose rolls are observed.
#[derive(Debug, Default)]
pub struct Rolls {
    logs: HashMap<Entry, Log>,
    /// The files that have, or had, the name of a log, by their places.
    places: HashMap<Entry, FileId>,
    files: HashMap<FileId, File>,
    /// Renames of which only the first half was read, by their numbers.
    moving: VecDeque<(u32, Moving)>,
    /// Entries that were created beside a log. For a compressed one, also the file that had the name without the suffix at that
    /// moment: gzip removes that file at once, often before its event is read.
    beside: Vec<(Entry, Option<FileId>)>,
    /// The largest number of a file so far.
    last: FileId,
}

/// What is being renamed.
#[derive(Debug, Clone, Copy)]
enum Moving {
    /// A file that had the name of a log.
    File(FileId),
    /// A compressed copy that nobody has identified yet, and the file that it was made of.
    Copy(FileId),
}

impl Rolls {
    /// Observes a log that somebody follows, whose name this file has. Returns the log that gives way, if there are too many.
    pub fn follow(&mut self, entry: &Entry, name: &Rc<[u8]>, holder: Holder) -> Option<Entry> {
        let mut dropped = None;
        if !self.logs.contains_key(entry) {
            if self.logs.len() >= ROLLED_LOGS_MAX {
                let idlest = self.logs.iter().max_by_key(|(_, log)| log.idle);
                dropped = idlest.map(|(entry, _)| entry.clone());
            }
            let log = Log {
                name: Rc::clone(name),
                line: VecDeque::new(),
                reported: 0,
                idle: 0,
            };
            self.logs.insert(entry.clone(), log);
        }
        if !self.accounts_for(entry, holder) {
            // An event was missed: nothing is known of the files before this one.
            self.forget_line(entry);
            let file = self.arrive(entry);
            if let Some(file) = file.and_then(|file| self.files.get_mut(&file)) {
                file.identity = Identity::Known(holder);
            }
        }
        if let Some(log) = self.logs.get_mut(entry) {
            log.idle = 0;
        }
        if let Some(dropped) = &dropped {
            self.drop_log(dropped);
        }
        dropped
    }

    /// Whether the events that were read explain that this file has or had the name of the log. False also if the log is not
    /// observed yet.
    #[must_use]
    pub fn accounts_for(&self, entry: &Entry, holder: Holder) -> bool {
        let Some(log) = self.logs.get(entry) else {
            return false;
        };
        // The file may have lost the name since it was identified: then the events are ahead.
        log.line.iter().rev().enumerate().any(|(back, id)| {
            self.files.get(id).is_some_and(|file| match file.identity {
                Identity::Known(known) => known.etag == holder.etag,
                Identity::Unknown | Identity::Tentative(_) => back == 0,
            })
        })
    }

    /// Takes an event of an entry in a directory that has logs.
    pub fn happened(&mut self, entry: Entry, what: Happened) {
        match what {
            Happened::Created => {
                self.vacate(&entry);
                if self.arrive(&entry).is_none() {
                    self.note_beside(entry);
                }
            }
            Happened::Deleted => self.vacate(&entry),
            Happened::MovedFrom(cookie) => {
                // Another file may have this entry before the copy is identified.
                let copied = self
                    .beside
                    .extract_if(.., |(other, _)| *other == entry)
                    .last();
                let copy = copied.and_then(|(_, plain)| plain.map(Moving::Copy));
                if let Some(moving) = self.take(&entry).map(Moving::File).or(copy) {
                    if self.moving.len() >= ROLLED_MOVING_MAX {
                        self.moving.pop_front();
                    }
                    self.moving.push_back((cookie, moving));
                }
            }
            Happened::MovedTo(cookie) => {
                self.vacate(&entry);
                let moving = self.moving.iter().position(|(other, _)| *other == cookie);
                let file = moving.and_then(|index| self.moving.remove(index));
                match file {
                    Some((_, Moving::Copy(plain))) => {
                        self.beside.push((entry, Some(plain)));
                    }
                    Some((_, Moving::File(id))) => {
                        self.put(id, &entry);
                        if let Some(file) = self.files.get_mut(&id) {
                            file.moved = true;
                        }
                    }
                    None if self.arrive(&entry).is_some() => {}
                    None if compression(&entry.1).is_none() => {}
                    None => self.note_beside(entry),
                }
            }
        }
    }

    /// Forgets the places of the files and their order, because events were lost (IN_Q_OVERFLOW). The logs stay observed.
    pub fn lose_track(&mut self) {
        self.files.clear();
        self.places.clear();
        self.moving.clear();
        self.beside.clear();
        for log in self.logs.values_mut() {
            log.line.clear();
            log.reported = 0;
        }
    }

    /// Identifies the unknown files at their places. `identify` gives the file of an entry; its first argument is the name of
    /// the log. The caller then reads the events that were queued meanwhile, and calls [`Rolls::confirm`] when there are none.
    pub fn identify(&mut self, mut identify: impl FnMut(&Rc<[u8]>, &Entry) -> Option<Holder>) {
        for file in self
            .files
            .values_mut()
            .filter(|file| file.identity == Identity::Unknown)
        {
            let (Some(log), Some(place)) = (self.logs.get(&file.log), &file.place) else {
                continue;
            };
            if let Some(holder) = identify(&log.name, place) {
                file.identity = Identity::Tentative(holder);
            }
        }
    }

    /// Takes as certain what was identified and no event has contradicted since, and reports it to the history.
    pub fn confirm(&mut self, history: &History, mut sight: impl Sight) {
        for file in self.files.values_mut() {
            if let Identity::Tentative(holder) = file.identity {
                file.identity = Identity::Known(holder);
            }
        }
        self.measure_moved(&mut sight);
        for (entry, plain) in std::mem::take(&mut self.beside) {
            self.report_beside(&entry, plain, history, &mut sight);
        }
        for log in self.logs.values_mut() {
            log.report(&self.files, history);
        }
        self.forget_files();
    }

    /// Measures renamed files again: since they were identified they may have grown, or were truncated.
    fn measure_moved(&mut self, sight: &mut impl Sight) {
        let mut truncated = Vec::new();
        for (id, file) in self.files.iter_mut().filter(|(_, file)| file.moved) {
            let (Identity::Known(holder), Some(log), Some(place)) =
                (&mut file.identity, self.logs.get(&file.log), &file.place)
            else {
                continue;
            };
            match sight.measure(&log.name, place) {
                Some((now, written)) if now.etag == holder.etag => {
                    (holder.size, file.measured) = (now.size, Some(written));
                }
                Some((now, _)) if now.inode == holder.inode => truncated.push((*id, now)),
                _ => {}
            }
            file.moved = false;
        }
        for (id, now) in truncated {
            self.begin_again(id, now);
        }
    }

    /// Takes a file that was truncated while it had the name of its log for two: what it is since then comes next in the line,
    /// unless the history already knows of another file there.
    fn begin_again(&mut self, id: FileId, holder: Holder) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        let Some(log) = self.logs.get_mut(&file.log) else {
            return;
        };
        let index = log.line.iter().position(|other| *other == id);
        let next = index.map(|index| index + 1);
        let Some(next) = next.filter(|next| *next >= log.reported) else {
            return;
        };
        self.last += 1;
        log.line.insert(next, self.last);
        let place = file.place.take();
        if let Some(place) = &place {
            self.places.insert(place.clone(), self.last);
        }
        let file = File::new(file.log.clone(), Identity::Known(holder), place);
        self.files.insert(self.last, file);
    }

    /// Whether there are files to identify or to report to the history.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let reported = self.logs.values().all(Log::is_reported);
        !reported || !self.beside.is_empty()
    }

    /// Whether the history knows all of what was observed of this log.
    #[must_use]
    pub fn is_settled(&self, entry: &Entry) -> bool {
        let log = self.logs.get(entry);
        log.is_none_or(Log::is_reported)
    }

    /// Whether no log is observed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Drops the logs that nobody has followed for [`ROLLED_SWEEPS`] calls of this, and returns them.
    pub fn sweep(&mut self, is_followed: impl Fn(&Rc<[u8]>) -> bool) -> Vec<Entry> {
        for log in self.logs.values_mut() {
            log.idle += 1;
            if is_followed(&log.name) {
                log.idle = 0;
            }
        }
        let idle = self.logs.iter().filter(|(_, log)| log.idle > ROLLED_SWEEPS);
        let idle: Vec<Entry> = idle.map(|(entry, _)| entry.clone()).collect();
        for entry in &idle {
            self.drop_log(entry);
        }
        idle
    }

    /// Drops the logs of a directory that is watched no longer.
    pub fn drop_directory(&mut self, watch: i32) {
        let here = self.logs.keys().filter(|(other, _)| *other == watch);
        for entry in here.cloned().collect::<Vec<_>>() {
            self.drop_log(&entry);
        }
    }

    /// Notes a new file at this entry, if a log has the name.
    fn arrive(&mut self, entry: &Entry) -> Option<FileId> {
        self.logs.get(entry)?;
        self.last += 1;
        let file = File::new(entry.clone(), Identity::Unknown, None);
        self.files.insert(self.last, file);
        self.put(self.last, entry);
        Some(self.last)
    }

    /// Makes this entry the place of a file, which comes next in the line of the log that has the name, if one has.
    fn put(&mut self, id: FileId, entry: &Entry) {
        let Some(file) = self.files.get_mut(&id) else {
            return;
        };
        file.place = Some(entry.clone());
        self.places.insert(entry.clone(), id);
        if let Some(log) = self.logs.get_mut(entry)
            && log.line.back() != Some(&id)
        {
            log.line.push_back(id);
        }
    }

    /// Takes the file out of this place, if there is one.
    fn take(&mut self, entry: &Entry) -> Option<FileId> {
        let id = self.places.remove(entry)?;
        let file = self.files.get_mut(&id)?;
        file.place = None;
        // The check may have found the file that came after it.
        if let Identity::Tentative(_) = file.identity {
            file.identity = Identity::Unknown;
        }
        Some(id)
    }

    /// Forgets what is at this entry, which is removed or replaced.
    fn vacate(&mut self, entry: &Entry) {
        self.take(entry);
        self.beside.retain(|(other, _)| other != entry);
    }

    /// Notes a new entry whose name is that of an earlier generation of a log, or of the compressed copy of a file that was
    /// renamed away from a log.
    fn note_beside(&mut self, entry: Entry) {
        let (watch, name) = &entry;
        let is_kin = || bases(name).any(|base| self.logs.contains_key(&(*watch, base.into())));
        let plain: Option<Entry> = compression(name).map(|(plain, _)| (*watch, plain.into()));
        let made_of = plain.as_ref().and_then(|plain| self.places.get(plain));
        let made_of = made_of.copied();
        let rolled_here = |id| {
            let log = self.files.get(&id).map(|file| &file.log);
            log.is_some_and(|log| log.0 == *watch && Some(log) != plain.as_ref())
        };
        if self.beside.len() < ROLLED_FILES_MAX && (made_of.is_some_and(rolled_here) || is_kin()) {
            self.beside.push((entry, made_of));
        }
    }

    /// Reports an entry beside a log to the history: as the compressed copy of `plain`, or as a file that is no generation.
    fn report_beside(
        &self,
        entry: &Entry,
        plain: Option<FileId>,
        history: &History,
        sight: &mut impl Sight,
    ) {
        let mut bases = bases(&entry.1);
        let kin = bases.find_map(|base| self.logs.get(&(entry.0, base.into())));
        let rolled = || self.logs.get(&self.files.get(&plain?)?.log);
        let Some(log) = kin.or_else(rolled) else {
            return;
        };
        let Some((made, written)) = sight.measure(&log.name, entry) else {
            return;
        };
        let known = |id: &FileId| match self.files.get(id)?.identity {
            Identity::Known(holder) => Some(holder),
            Identity::Unknown | Identity::Tentative(_) => None,
        };
        match compression(&entry.1) {
            Some(_) => {
                let plain = plain.and_then(|id| Some((known(&id)?, self.files.get(&id)?)));
                if let Some((original, file)) = plain {
                    let etag = original.etag;
                    let place = file.place.as_ref();
                    let now = place.and_then(|place| sight.holder(&log.name, place));
                    let now = now.filter(|now| now.etag == etag);
                    let measured = now.map_or(original.size, |now| now.size);
                    let seen = sight.last_size(etag).unwrap_or(0);
                    // A compressor gives its copy the time when the file was last written.
                    let same = file.measured == Some(written) && seen <= measured;
                    let original = Original {
                        etag,
                        size: measured.max(seen),
                        is_final: now.is_some() || same,
                    };
                    history.note_compressed(made, original);
                }
            }
            // It may be a further name (a link) of a file that had the name of the log.
            None => {
                if !self
                    .files
                    .keys()
                    .filter_map(known)
                    .any(|it| it.etag == made.etag)
                {
                    history.note_born(made.etag);
                }
            }
        }
    }

    /// Forgets all files of a log, which stays observed.
    fn forget_line(&mut self, entry: &Entry) {
        self.vacate(entry);
        if let Some(log) = self.logs.get_mut(entry) {
            log.line.clear();
            log.reported = 0;
        }
    }

    fn drop_log(&mut self, entry: &Entry) {
        self.logs.remove(entry);
        self.files.retain(|_, file| file.log != *entry);
        self.forget_places();
    }

    /// Forgets the oldest files if there are too many, except the last one of each log.
    fn forget_files(&mut self) {
        if self.files.len() <= ROLLED_FILES_MAX {
            return;
        }
        let oldest = self.last.saturating_sub(ROLLED_FILES_MAX as u64 / 2);
        let held: Vec<FileId> = self
            .logs
            .values()
            .filter_map(|log| log.line.back())
            .copied()
            .collect();
        self.files.retain(|id, _| *id > oldest || held.contains(id));
        self.forget_places();
    }

    fn forget_places(&mut self) {
        let known = |id: &FileId| self.files.contains_key(id);
        self.places.retain(|_, id| known(id));
        let moving = &mut self.moving;
        moving.retain(|(_, Moving::File(id) | Moving::Copy(id))| known(id));
    }
}
