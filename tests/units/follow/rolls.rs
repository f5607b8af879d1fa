//! Rolls that are replayed from events: whatever happens in a directory, and however late anybody looks, what is said to have
//! come directly after a file did so.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use openrange::follow::rolls::{Entry, Happened, Rolls};
use openrange::http::conditional::ETag;
use openrange::store::generations::fact::Holder;
use openrange::store::generations::history::History;

use super::{entry, holder};

const NAMES: [&str; 5] = ["log", "log.1", "log.2", "saved", "log.3"];

#[derive(Default)]
struct World {
    names: BTreeMap<&'static str, u64>,
    files: u64,
    cookies: u32,
    events: VecDeque<(Entry, Happened)>,
    /// The files that had the name of the log.
    truth: Vec<u64>,
}

impl World {
    fn note(&mut self) {
        if let Some(&file) = self.names.get("log")
            && self.truth.last() != Some(&file)
        {
            self.truth.push(file);
        }
    }

    fn create(&mut self, name: &'static str) {
        if !self.names.contains_key(name) {
            self.files += 1;
            self.names.insert(name, self.files);
            self.events.push_back((entry(name), Happened::Created));
            self.note();
        }
    }

    fn rename(&mut self, from: &'static str, to: &'static str) {
        if from != to
            && let Some(file) = self.names.remove(from)
        {
            self.cookies += 1;
            self.names.insert(to, file);
            let halves = [
                (from, Happened::MovedFrom(self.cookies)),
                (to, Happened::MovedTo(self.cookies)),
            ];
            self.events
                .extend(halves.map(|(name, what)| (entry(name), what)));
            self.note();
        }
    }

    fn remove(&mut self, name: &'static str) {
        if self.names.remove(name).is_some() {
            self.events.push_back((entry(name), Happened::Deleted));
        }
    }
}

#[test]
fn what_is_said_to_be_direct_is() {
    let mut certain = 0;
    for seed in 1..3000_u64 {
        let mut state = seed;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).expect("31 bits") % below
        };
        let (history, name) = (History::default(), Rc::<[u8]>::from(b"log".as_slice()));
        let mut world = World::default();
        world.create("log");
        world.events.clear();
        let mut rolls = Rolls::default();
        rolls.follow(&entry("log"), &name, holder(1));
        for _ in 0..30 {
            let (from, to) = (NAMES[next(NAMES.len())], NAMES[next(NAMES.len())]);
            match next(8) {
                0..3 => world.create("log"),
                3 => world.create(to),
                4 => world.rename("log", to),
                5 => world.rename(from, to),
                6 => world.remove(from),
                _ => {
                    // Some events are read, then somebody looks, and more happens before the rest is read.
                    let read = next(world.events.len() + 1);
                    for (entry, what) in world.events.drain(..read) {
                        rolls.happened(entry, what);
                    }
                    let names = world.names.clone();
                    let look = |_: &Rc<[u8]>, entry: &Entry| {
                        let name = str::from_utf8(&entry.1).expect("a name");
                        names.get(name).map(|&file| holder(file))
                    };
                    rolls.identify(look);
                    if next(2) == 0 {
                        world.rename("log", to);
                        world.create("log");
                    }
                    for (entry, what) in world.events.drain(..) {
                        rolls.happened(entry, what);
                    }
                    let names = world.names.clone();
                    rolls.confirm(&history, |_: &Rc<[u8]>, entry: &Entry| {
                        let name = str::from_utf8(&entry.1).expect("a name");
                        names.get(name).map(|&file| holder(file))
                    });
                }
            }
        }
        let line = history.seen(b"log", std::iter::empty()).line;
        for pair in line.windows(2).filter(|pair| pair[1].direct) {
            let pair = [pair[0].etag.0, pair[1].etag.0];
            let follows = world.truth.windows(2).any(|truth| truth == pair);
            assert!(follows, "seed {seed}: {pair:?} of {:?}", world.truth);
            certain += 1;
        }
    }
    assert!(certain > 3000, "{certain}");
}

/// gzip makes the copy and removes the original at once: both stand in the queue before anybody looks.
#[test]
fn a_compressed_copy_has_its_original_when_that_is_gone_already() {
    for is_measured in [true, false] {
        let (history, name) = (History::default(), Rc::<[u8]>::from(b"log".as_slice()));
        let mut world = World::default();
        world.create("log");
        world.events.clear();
        let mut rolls = Rolls::default();
        rolls.follow(&entry("log"), &name, holder(1));
        let settle = |world: &mut World, rolls: &mut Rolls, size: u64| {
            for (entry, what) in world.events.drain(..) {
                rolls.happened(entry, what);
            }
            let look = |_: &Rc<[u8]>, entry: &Entry| {
                let name = str::from_utf8(&entry.1).expect("a name");
                let file = *world.names.get(name)?;
                Some(Holder {
                    size,
                    ..holder(file)
                })
            };
            rolls.identify(look);
            rolls.confirm(&history, look);
        };
        // It has grown since it was followed. How far is known if somebody looks before it is gone.
        world.rename("log", "log.1");
        world.create("log");
        if is_measured {
            settle(&mut world, &mut rolls, 7);
        }
        world.create("log.1.gz");
        world.remove("log.1");
        let copy = ETag(world.names["log.1.gz"]);
        settle(&mut world, &mut rolls, 99);
        let original = history.seen(b"log", std::iter::once(copy)).originals[&copy];
        assert_eq!((original.etag, original.is_final), (ETag(1), is_measured));
        assert_eq!(original.size == 7, is_measured);
    }
}

/// A client follows the log when it was rolled already, but nobody has read of that.
#[test]
fn whoever_looks_ahead_of_the_events_loses_nothing() {
    let (history, name) = (History::default(), Rc::<[u8]>::from(b"log".as_slice()));
    let log = entry("log");
    let mut world = World::default();
    let mut rolls = Rolls::default();
    world.create("log");
    world.events.clear();
    assert!(!rolls.accounts_for(&log, holder(1)));
    rolls.follow(&log, &name, holder(1));
    assert!(rolls.accounts_for(&log, holder(1)));
    for (file, saved) in [(2, "saved"), (3, "log.1"), (4, "log.2")] {
        world.rename("log", saved);
        world.create("log");
        assert!(!rolls.accounts_for(&log, holder(file)), "not yet");
        if file == 3 {
            // Now the events are ahead of what was looked up.
            world.rename("log", "log.3");
        }
        for (entry, what) in world.events.drain(..) {
            rolls.happened(entry, what);
        }
        assert!(rolls.accounts_for(&log, holder(file)));
        rolls.follow(&log, &name, holder(file));
        let look = |_: &Rc<[u8]>, entry: &Entry| {
            let name = str::from_utf8(&entry.1).expect("a name");
            world.names.get(name).map(|&file| holder(file))
        };
        rolls.identify(look);
        rolls.confirm(&history, look);
        if file == 3 {
            world.create("log");
            world.rename("log", "saved");
        }
    }
    for file in 1..4 {
        assert_eq!(history.next(b"log", ETag(file)), Some(ETag(file + 1)));
    }
}

/// Whoever looked saw the next file under the name already, as the events that come then show.
#[test]
fn a_file_that_was_rolled_during_the_look_is_identified_again() {
    let (history, name) = (History::default(), Rc::<[u8]>::from(b"log".as_slice()));
    let log = entry("log");
    let mut world = World::default();
    let mut rolls = Rolls::default();
    world.create("log");
    rolls.follow(&log, &name, holder(1));
    // Of where the first one is nothing is known any more.
    rolls.lose_track();
    assert!(rolls.is_settled(&log));
    world.rename("log", "log.1");
    world.create("log");
    let queued: Vec<_> = world.events.drain(..).collect();
    world.rename("log", "log.2");
    world.create("log");
    for events in [queued, world.events.drain(..).collect()] {
        for (entry, what) in events {
            rolls.happened(entry, what);
        }
        assert!(!rolls.is_settled(&log));
        rolls.identify(|_, entry| {
            let name = str::from_utf8(&entry.1).expect("a name");
            world.names.get(name).copied().map(holder)
        });
    }
    rolls.confirm(&history, |_: &Rc<[u8]>, _: &Entry| None);
    assert!(rolls.is_settled(&log));
    assert_eq!(history.next(b"log", ETag(2)), Some(ETag(3)));
}

/// Two rotations with compression within one look: the first copy has been renamed by then.
#[test]
fn copies_keep_their_originals_through_renames() {
    let (history, name) = (History::default(), Rc::<[u8]>::from(b"log".as_slice()));
    let mut world = World::default();
    world.create("log");
    world.events.clear();
    let mut rolls = Rolls::default();
    rolls.follow(&entry("log"), &name, holder(1));
    for (copy, before) in [("log.1.gz", None), ("log.1.gz", Some("log.2.gz"))] {
        if let Some(before) = before {
            world.rename(copy, before);
        }
        world.rename("log", "log.1");
        world.create("log");
        world.create(copy);
        world.remove("log.1");
    }
    for (entry, what) in world.events.drain(..) {
        rolls.happened(entry, what);
    }
    let look = |_: &Rc<[u8]>, entry: &Entry| {
        let name = str::from_utf8(&entry.1).expect("a name");
        world.names.get(name).copied().map(holder)
    };
    rolls.identify(look);
    rolls.confirm(&history, look);
    let first = ETag(world.names["log.2.gz"]);
    let originals = history.seen(b"log", std::iter::once(first)).originals;
    assert_eq!(originals[&first].etag, ETag(1));
    // Of the second file nobody knows who it was; but it is not taken for the first one.
    let second = ETag(world.names["log.1.gz"]);
    let originals = history.seen(b"log", std::iter::once(second)).originals;
    assert!(!originals.contains_key(&second));
}
