//! Names that lead nowhere, and the connections that wait for them. However many wait for a name, the worker watches it and
//! looks it up once.
//!
//! It watches the way to the name as far as that exists: each directory for the next entry on the way. When something happens
//! to one of these entries, it watches the way anew, and wakes those who wait only if the name leads somewhere. Where it cannot
//! watch a directory, it looks the name up at an interval instead.

use std::collections::{HashMap, VecDeque};

use slab::Slab;

use super::registry::narrow;
use super::topic::SlotId;
use super::watcher::{AbsenceId, Place, Watch};
use crate::http::target::Path;
use crate::sorted::SortedSet;
use crate::store::file_system::FileSystem;
use crate::store::root::Files;

/// What a connection waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// To answer its request.
    Request,
    /// To follow this name of its event stream.
    Name(u32),
    /// To follow the directory of its event stream.
    Directory,
}

/// A slot that waits, and for what.
type Waiter = (SlotId, Purpose);

/// The names of one worker that lead nowhere.
#[derive(Default)]
pub struct Absences {
    names: Slab<Absence>,
    /// The names that were not found yet.
    by_path: HashMap<Path, AbsenceId>,
    /// What each slot waits for, and the name of each wait.
    waits: HashMap<SlotId, Vec<(Purpose, AbsenceId)>>,
    /// The names that must be looked up.
    due: VecDeque<AbsenceId>,
    /// The names that lead somewhere now, until everybody who waited for them is woken.
    found: VecDeque<AbsenceId>,
    /// How many names must be looked up at an interval.
    unwatched: usize,
}

struct Absence {
    path: Path,
    places: Vec<Place>,
    /// inotify reports whatever may let the name lead somewhere.
    watched: bool,
    waiters: SortedSet<Waiter>,
    /// It is in the queue of names that must be looked up.
    due: bool,
    /// It leads somewhere.
    found: bool,
}

impl Absences {
    /// Lets a slot wait until this path, which leads nowhere, leads somewhere. False for an event stream whose path leads
    /// somewhere already: it does not wait.
    pub(super) fn wait(
        &mut self,
        path: &Path,
        slot: usize,
        purpose: Purpose,
        watch: &mut Watch,
        files: &Files,
    ) -> bool {
        self.leave_one(slot, purpose, watch);
        let slot = narrow(slot);
        let id = match self.by_path.get(path) {
            Some(&id) => id,
            None => {
                let id = self.insert(path);
                self.look_up(id, watch, files);
                id
            }
        };
        let absence = self.get_mut(id);
        if absence.found && purpose != Purpose::Request {
            return false;
        }
        absence.waiters.insert((slot, purpose));
        self.waits.entry(slot).or_default().push((purpose, id));
        true
    }

    fn insert(&mut self, path: &Path) -> AbsenceId {
        let key = self.names.insert(Absence {
            path: path.clone(),
            places: Vec::new(),
            watched: true,
            waiters: SortedSet::new(),
            due: false,
            found: false,
        });
        let id = AbsenceId(u32::try_from(key).expect("fewer than 2^32 names"));
        self.by_path.insert(path.clone(), id);
        id
    }

    fn get_mut(&mut self, id: AbsenceId) -> &mut Absence {
        &mut self.names[id.0 as usize]
    }

    /// Ends all waits of a slot.
    pub(super) fn leave(&mut self, slot: usize, watch: &mut Watch) {
        if self.waits.is_empty() {
            return;
        }
        let slot = narrow(slot);
        for (purpose, id) in self.waits.remove(&slot).unwrap_or_default() {
            self.remove_waiter(id, (slot, purpose), watch);
        }
    }

    /// Ends one wait of a slot.
    pub(super) fn leave_one(&mut self, slot: usize, purpose: Purpose, watch: &mut Watch) {
        if self.waits.is_empty() {
            return;
        }
        let slot = narrow(slot);
        let Some(waits) = self.waits.get_mut(&slot) else {
            return;
        };
        if let Some(index) = waits.iter().position(|(other, _)| *other == purpose) {
            let (_, id) = waits.swap_remove(index);
            if waits.is_empty() {
                self.waits.remove(&slot);
            }
            self.remove_waiter(id, (slot, purpose), watch);
        }
    }

    fn remove_waiter(&mut self, id: AbsenceId, waiter: Waiter, watch: &mut Watch) {
        let absence = self.get_mut(id);
        absence.waiters.remove(&waiter);
        // One that was found is removed when its turn comes.
        if absence.waiters.is_empty() && !absence.found {
            self.end(id, watch);
            self.names.remove(id.0 as usize);
        }
    }

    /// Removes a name: gives its watches back and forgets its path.
    fn end(&mut self, id: AbsenceId, watch: &mut Watch) {
        let absence = &mut self.names[id.0 as usize];
        for place in std::mem::take(&mut absence.places) {
            watch.remove(&place, id);
        }
        self.by_path.remove(&absence.path);
        self.unwatched -= usize::from(!std::mem::replace(&mut absence.watched, true));
    }

    /// Something has happened on the way of a name.
    pub(super) fn may_have_come(&mut self, id: AbsenceId) {
        // An event may come when nobody waits for it any more.
        if let Some(absence) = self.names.get_mut(id.0 as usize)
            && !absence.found
            && !std::mem::replace(&mut absence.due, true)
        {
            self.due.push_back(id);
        }
    }

    /// Queues all names to be looked up, or only those that are not watched.
    pub(super) fn look_at_all(&mut self, only_unwatched: bool) {
        let wanted = |(_, absence): &(usize, &Absence)| !(only_unwatched && absence.watched);
        let wanted: Vec<usize> = self
            .names
            .iter()
            .filter(wanted)
            .map(|(key, _)| key)
            .collect();
        for key in wanted {
            self.may_have_come(AbsenceId(key as u32));
        }
    }

    /// Looks up one name that must be looked up. False: there is none.
    pub(super) fn look_at_one(&mut self, watch: &mut Watch, files: &Files) -> bool {
        let Some(id) = self.due.pop_front() else {
            return false;
        };
        // Another one may have its key by now.
        if let Some(absence) = self.names.get_mut(id.0 as usize)
            && std::mem::take(&mut absence.due)
            && !absence.found
        {
            self.look_up(id, watch, files);
        }
        true
    }

    /// Watches the way as it is now, and resolves the name after that. So whatever happens to it either makes an event or is
    /// found here.
    fn look_up(&mut self, id: AbsenceId, watch: &mut Watch, files: &Files) {
        let before = self.get_mut(id).watched;
        let path = self.get_mut(id).path.clone();
        let mut places: Vec<Place> = Vec::new();
        let (mut watched, mut tells) = (true, true);
        // A way that ends is no failure.
        let _ = files.walk(&path.name, |directory, entry| {
            match watch.add_entry(directory, entry, id) {
                Ok(place) if places.contains(&place) => {}
                Ok(place) => places.push(place),
                Err(_) => watched = false,
            }
            tells = FileSystem::of(directory).tells_of_changes();
        });
        let found = files.has(&path);
        watched &= tells && found.is_some();
        let absence = self.get_mut(id);
        absence.watched = watched;
        for former in std::mem::replace(&mut absence.places, places) {
            if !absence.places.contains(&former) {
                watch.remove(&former, id);
            }
        }
        self.unwatched = self.unwatched + usize::from(before) - usize::from(watched);
        if found == Some(true) {
            self.end(id, watch);
            self.get_mut(id).found = true;
            self.found.push_back(id);
        }
    }

    /// Takes the next slot whose name leads somewhere now.
    pub(super) fn next_woken(&mut self) -> Option<(usize, Purpose)> {
        loop {
            let id = *self.found.front()?;
            let Some((slot, purpose)) = self.get_mut(id).waiters.pop_last() else {
                self.names.remove(id.0 as usize);
                self.found.pop_front();
                continue;
            };
            if let Some(waits) = self.waits.get_mut(&slot) {
                waits.retain(|wait| *wait != (purpose, id));
                if waits.is_empty() {
                    self.waits.remove(&slot);
                }
            }
            return Some((slot as usize, purpose));
        }
    }

    /// Whether a slot must be woken, or a name looked up.
    pub(super) fn is_busy(&self) -> bool {
        !self.due.is_empty() || !self.found.is_empty()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many must be looked up at an interval.
    pub(super) fn unwatched(&self) -> usize {
        self.unwatched
    }
}
