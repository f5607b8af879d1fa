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

use super::resolved::{Origin, ResolvedFile};
use crate::http::date::Date;
use crate::limits::{CACHE_PERIOD, CACHE_SEEN_MAX};
use crate::time::Moment;

/// The kept files of one worker.
pub struct OpenFileCache {
    /// As many at most.
    most: usize,
    kept: HashMap<Rc<[u8]>, Kept>,
    /// Hashes of names that clients requested in this period and whose files are not kept: a name that comes again is worth
    /// it. A crawl over all files keeps none.
    seen: HashSet<u64>,
    hasher: RandomState,
    period_ends: Moment,
    date: Date,
}

struct Kept {
    resolved: ResolvedFile,
    /// In this period.
    asked: bool,
}

impl OpenFileCache {
    /// None yet.
    #[must_use]
    pub fn new(most: usize) -> OpenFileCache {
        OpenFileCache {
            most,
            kept: HashMap::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            period_ends: Moment::default(),
            date: Date::from_seconds(0),
        }
    }

    /// At the end of a period whatever was not asked for in it is closed.
    pub fn begin_turn(&mut self, now: Moment, date: Date) {
        self.date = date;
        if now >= self.period_ends {
            self.kept.retain(|_, kept| mem::take(&mut kept.asked));
            self.seen.clear();
            self.period_ends = now + CACHE_PERIOD;
        }
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

    /// The file that is kept under a name, no longer kept.
    pub fn take(&mut self, name: &[u8]) -> Option<ResolvedFile> {
        Some(self.kept.remove(name)?.resolved)
    }

    /// At the end of a turn a file comes here that was asked for in it.
    pub fn offer(&mut self, resolved: ResolvedFile) {
        let keep = match resolved.origin {
            Origin::Topic => false,
            Origin::Kept => true,
            Origin::Opened => self.is_worth_it(&resolved),
        };
        if keep && self.kept.len() < self.most {
            let kept = Kept {
                resolved,
                asked: true,
            };
            self.kept.insert(Rc::clone(&kept.resolved.name), kept);
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
