//! The registry: what writers have done to a topic, and who follows it. Writers enter everything before they do it, so a
//! follower that sees an effect finds its cause here.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Nothing here may take longer. Below the interval of the server's own sweep, which would hide lost events.
pub const BOUND: Duration = Duration::from_secs(14);
// Else the sweep would heal what this is to find.
const _: () = assert!(BOUND.as_secs() < openrange::limits::SWEEP_INTERVAL.as_secs());

/// What a writer can do to end a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roll {
    Rename,
    Unlink,
    Recreate,
    Over,
    Parent,
    Repoint,
    Truncate,
    Seal,
}

impl Roll {
    pub const ALL: [(Roll, &str); 8] = [
        (Roll::Rename, "rename"),
        (Roll::Unlink, "unlink"),
        (Roll::Recreate, "recreate"),
        (Roll::Over, "over"),
        (Roll::Parent, "parent"),
        (Roll::Repoint, "repoint"),
        (Roll::Truncate, "truncate"),
        (Roll::Seal, "seal"),
    ];
}

/// One file's worth of a topic.
#[derive(Debug, Default)]
pub struct Generation {
    /// No more than so many bytes were written.
    pub written: u64,
    /// How it ended, its length at that moment, and when.
    pub left: Option<(Roll, u64, Instant)>,
    /// It lives in a file that was truncated: a restart of the server forgets its tag.
    pub reborn: bool,
}

impl Generation {
    /// Whether the trailer field may say this of its end. In which way a name was lost is told by the events, and where
    /// one roll follows the other at once it may be that of the one before.
    pub fn tells(&self, word: &str) -> bool {
        match self.left {
            Some((Roll::Seal, ..)) if word == "sealed" => true,
            Some(_) => ["renamed", "unlinked", "replaced"].contains(&word),
            None => false,
        }
    }

    pub fn truncated(&self) -> bool {
        matches!(self.left, Some((Roll::Truncate, ..)))
    }
}

/// What the dedicated follower has.
#[derive(Debug, Default, Clone, Copy)]
pub struct Dedicated {
    /// The generation it reads, on which server, up to where.
    pub at: Option<(usize, u64, u64)>,
    /// The generations that it has completely.
    pub done: usize,
}

#[derive(Debug, Default)]
pub struct State {
    pub generations: Vec<Generation>,
    /// Truncations.
    pub epoch: u64,
    /// One of them is not yet seen by everybody.
    pub settling: bool,
    /// Odd while the name may be absent; another number after that.
    pub absent: u64,
    /// Requests under way, each with the epoch in which it began.
    active: HashMap<usize, u64>,
    pub dedicated: Dedicated,
    /// Which generation a tag stands for, and the server that said so.
    tags: HashMap<String, (usize, u64)>,
}

impl State {
    /// A tag was seen with a generation. A tag stands for one generation, unless the server has forgotten truncations.
    pub fn tag(&mut self, tag: &str, generation: usize, up: u64) -> Result<(), String> {
        let reborn = self.generations[generation].reborn;
        match self.tags.insert(tag.to_string(), (generation, up)) {
            Some((other, then)) if other != generation && !(reborn && then != up) => Err(format!(
                "{tag} stands for generations {other} and {generation}"
            )),
            _ => Ok(()),
        }
    }

    /// A truncation in two steps cuts whoever comes between them twice.
    pub fn half_truncated(&self, generation: usize) -> bool {
        self.settling
            && generation + 1 == self.dedicated.done
            && self.generations[generation].truncated()
    }

    /// The dedicated follower has a generation to its end.
    pub fn done(&mut self, generation: usize) -> Result<(), String> {
        if self.half_truncated(generation) {
            return Ok(());
        }
        if generation != self.dedicated.done {
            return Err(format!(
                "generation {generation} ended, but {} was next",
                self.dedicated.done
            ));
        }
        self.dedicated = Dedicated {
            at: None,
            done: generation + 1,
        };
        Ok(())
    }
}

/// A name that is written and followed.
pub struct Topic {
    pub index: usize,
    /// With its leading slash.
    pub path: String,
    state: Mutex<State>,
    changed: Condvar,
}

/// A request under way.
pub struct Ticket<'a> {
    topic: &'a Topic,
    follower: usize,
    pub epoch: u64,
    /// It may see the file before or after a truncation.
    pub unsure: bool,
    pub absent: u64,
}

impl Topic {
    pub fn new(index: usize, path: String) -> Topic {
        Topic {
            index,
            path,
            state: Mutex::new(State {
                absent: 1,
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    pub fn look(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Changes something that others may wait for.
    pub fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        let result = how(&mut self.look());
        self.changed.notify_all();
        result
    }

    /// Waits until something holds. False if it does not within the bound.
    pub fn wait(&self, bound: Duration, mut holds: impl FnMut(&State) -> bool) -> bool {
        let state = self.look();
        let (_state, timeout) = self
            .changed
            .wait_timeout_while(state, bound, |state| !holds(state))
            .expect("nobody panics with it");
        !timeout.timed_out()
    }

    /// A follower is about to ask.
    pub fn begin(&self, follower: usize) -> Ticket<'_> {
        let mut state = self.look();
        let epoch = state.epoch;
        state.active.insert(follower, epoch);
        Ticket {
            topic: self,
            follower,
            epoch,
            unsure: state.settling,
            absent: state.absent,
        }
    }

    /// Waits until no request is under way that began before the last truncation; gives those that are.
    pub fn settle(&self) -> Vec<usize> {
        let old = |state: &State| -> Vec<usize> {
            let active = state.active.iter();
            active
                .filter(|(_, epoch)| **epoch < state.epoch)
                .map(|(follower, _)| *follower)
                .collect()
        };
        self.wait(BOUND, |state| old(state).is_empty());
        old(&self.look())
    }
}

impl Ticket<'_> {
    /// Whether the file was truncated since, or is just being truncated.
    pub fn truncation(&self) -> bool {
        let state = self.topic.look();
        state.settling || state.epoch != self.epoch
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.topic
            .change(|state| state.active.remove(&self.follower));
    }
}
