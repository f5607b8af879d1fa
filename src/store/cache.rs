//! Files that clients request again and again, kept open from turn to turn. What is left of such a look-up is to see that
//! the name still leads to that very file and that nothing has changed in it since it was opened; so also what was
//! measured of it is still true. A file that has changed, or is no longer asked for, is let go.
//!
//! No inotify: it would save the one look that makes an answer never older than its request, whatever happens to the way
//! (bind mounts, permissions of directories), and a crowd of requests shares that look anyway.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::rc::Rc;

use slab::Slab;

use super::file::OpenFile;
use super::resolved::ResolvedFile;
use crate::http::date::Date;
use crate::limits::{CACHE_PERIOD, CACHE_SEEN_MAX};
use crate::time::Moment;

/// The kept files of one worker.
pub struct OpenFileCache {
    /// As many at most.
    most: usize,
    kept: Slab<Kept>,
    /// Where they are.
    by_name: HashMap<Rc<[u8]>, usize>,
    /// Hashes of names that clients requested in this period and whose files are not kept: a name that comes again is worth
    /// it. A crawl over all files keeps none.
    seen: HashSet<u64>,
    hasher: RandomState,
    period_ends: Moment,
    date: Date,
    /// The number of this turn.
    turn: u64,
}

struct Kept {
    resolved: ResolvedFile,
    /// In this period.
    asked: bool,
    /// The last turn in which it was seen that the name leads to it.
    looked_at: u64,
}

impl OpenFileCache {
    /// None yet.
    #[must_use]
    pub fn new(most: usize) -> OpenFileCache {
        OpenFileCache {
            most,
            kept: Slab::new(),
            by_name: HashMap::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            period_ends: Moment::default(),
            date: Date::from_seconds(0),
            turn: 0,
        }
    }

    /// At the end of a period whatever was not asked for in it is closed.
    pub fn begin_turn(&mut self, now: Moment, date: Date) {
        self.date = date;
        if now >= self.period_ends {
            self.kept.retain(|_, kept| mem::take(&mut kept.asked));
            self.by_name.retain(|_, place| self.kept.contains(*place));
            self.seen.clear();
            self.period_ends = now + CACHE_PERIOD;
        }
    }

    /// What was seen so far is no longer new.
    pub fn end_turn(&mut self) {
        self.turn += 1;
    }

    /// When something may have to be closed.
    #[must_use]
    pub fn deadline(&self) -> Moment {
        if self.kept.is_empty() {
            Moment::NEVER
        } else {
            self.period_ends
        }
    }

    /// Where the file is that is kept under a name. `look`: whether the name still leads to it and nothing has changed in it,
    /// which is asked once a turn; if not, it is let go.
    pub fn find(&mut self, name: &[u8], look: impl FnOnce(&OpenFile) -> bool) -> Option<usize> {
        let place = *self.by_name.get(name)?;
        let kept = &mut self.kept[place];
        if kept.looked_at != self.turn && !look(&kept.resolved.file) {
            self.by_name.remove(name);
            self.kept.remove(place);
            return None;
        }
        kept.looked_at = self.turn;
        kept.asked = true;
        Some(place)
    }

    /// The file at a place that [`OpenFileCache::find`] gave in this turn.
    pub fn get(&mut self, place: usize) -> &mut ResolvedFile {
        &mut self.kept[place].resolved
    }

    /// At the end of a turn a file comes here that was opened in it.
    pub fn offer(&mut self, resolved: ResolvedFile) {
        if self.kept.len() >= self.most || resolved.is_followed || !self.is_worth_it(&resolved) {
            return;
        }
        let name = Rc::clone(&resolved.name);
        let place = self.kept.insert(Kept {
            resolved,
            asked: true,
            looked_at: self.turn,
        });
        if let Some(former) = self.by_name.insert(name, place) {
            self.kept.remove(former);
        }
    }

    fn is_worth_it(&mut self, resolved: &ResolvedFile) -> bool {
        if self.seen.len() >= CACHE_SEEN_MAX {
            self.seen.clear();
        }
        let again = !self.seen.insert(self.hasher.hash_one(&resolved.name));
        again && resolved.file.shows_changes(self.date)
    }
}
