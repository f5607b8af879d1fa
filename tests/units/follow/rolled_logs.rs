//! Logs whose rolls are observed: how long, how many, and what the history hears of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use openrange::follow::rolls::{Entry, Happened, Rolls};
use openrange::http::conditional::ETag;
use openrange::limits::{
    ROLLED_FILES_MAX, ROLLED_LOGS_MAX, ROLLED_MOVING_MAX, ROLLED_SWEEPS, SEEN_LINE_MAX,
};
use openrange::store::generations::fact::Holder;
use openrange::store::generations::history::History;

use super::{entry, holder};

fn name(log: &str) -> Rc<[u8]> {
    log.as_bytes().into()
}

/// The tag of a file is larger by this once it was truncated.
const TRUNCATED: u64 = 100;

#[derive(Default)]
struct Observer {
    rolls: Rolls,
    history: History,
    /// Which file has which name now.
    names: BTreeMap<String, u64>,
    /// Files that were truncated, which have other tags since then.
    truncated: Vec<u64>,
    /// The entries that were looked at.
    looked: RefCell<Vec<String>>,
}

impl Observer {
    fn follow(&mut self, log: &str, file: u64) -> Option<Entry> {
        self.names.insert(log.to_owned(), file);
        self.rolls.follow(&entry(log), &name(log), holder(file))
    }

    fn happened(&mut self, name: &str, what: Happened) {
        self.rolls.happened(entry(name), what);
    }

    fn create(&mut self, name: &str, file: u64) {
        self.names.insert(name.to_owned(), file);
        self.happened(name, Happened::Created);
    }

    /// Somebody looks, and nothing more has happened by then.
    fn settle(&mut self) {
        let look = |_: &Rc<[u8]>, entry: &Entry| {
            let name = str::from_utf8(&entry.1).expect("a name");
            self.looked.borrow_mut().push(name.to_owned());
            let file = self.names.get(name).copied()?;
            let tag = match self.truncated.contains(&file) {
                true => file + TRUNCATED,
                false => file,
            };
            Some(Holder {
                etag: ETag(tag),
                ..holder(file)
            })
        };
        self.rolls.identify(look);
        self.rolls.confirm(&self.history, look);
    }

    /// The log is renamed, and there is a new one.
    fn roll(&mut self, log: &str, to: &str, file: u64) {
        let before = self.names.remove(log).expect("a file");
        self.names.insert(to.to_owned(), before);
        let cookie = u32::try_from(file).expect("small");
        self.happened(log, Happened::MovedFrom(cookie));
        self.happened(to, Happened::MovedTo(cookie));
        self.create(log, file);
    }

    fn accounts_for(&self, log: &str, file: u64) -> bool {
        self.rolls.accounts_for(&entry(log), holder(file))
    }

    fn line(&self, log: &str) -> Vec<(u64, bool)> {
        let seen = self.history.seen(log.as_bytes(), std::iter::empty());
        seen.line.iter().map(|it| (it.etag.0, it.direct)).collect()
    }

    fn is_born(&self, file: u64) -> bool {
        let seen = self.history.seen(b"log", std::iter::once(ETag(file)));
        seen.born.contains(&ETag(file))
    }
}

#[test]
fn a_log_that_nobody_follows_is_observed_for_a_while() {
    let mut world = Observer::default();
    assert!(world.rolls.is_empty());
    for log in ["log", "other"] {
        assert_eq!(world.follow(log, 1), None);
    }
    assert!(!world.rolls.is_empty());
    let is_followed = |it: &Rc<[u8]>| **it == *b"log";
    for sweep in 1..=ROLLED_SWEEPS {
        assert_eq!(world.rolls.sweep(is_followed), [], "{sweep}");
    }
    assert!(world.accounts_for("log", 1) && world.accounts_for("other", 1));
    assert_eq!(world.rolls.sweep(is_followed), [entry("other")]);
    assert!(world.accounts_for("log", 1) && !world.accounts_for("other", 1));
    // Whoever follows it again begins anew.
    for _ in 0..ROLLED_SWEEPS {
        assert_eq!(world.rolls.sweep(|_| false), []);
    }
    world.follow("log", 1);
    assert_eq!(world.rolls.sweep(|_| false), []);
    for _ in 1..ROLLED_SWEEPS {
        world.rolls.sweep(|_| false);
    }
    assert_eq!(world.rolls.sweep(|_| false), [entry("log")]);
    assert!(world.rolls.is_empty());
}

/// The one that nobody has followed for longest gives way.
#[test]
fn so_many_logs_are_observed() {
    let mut world = Observer::default();
    let log = |number: usize| format!("log{number}");
    for number in 0..ROLLED_LOGS_MAX {
        assert_eq!(world.follow(&log(number), number as u64), None);
    }
    let idle = log(7).into_bytes();
    assert_eq!(world.rolls.sweep(|it| **it != *idle), []);
    assert_eq!(world.follow(&log(3), 3), None, "it is there");
    assert_eq!(world.follow("another", 1), Some(entry(&log(7))));
    assert!(!world.accounts_for(&log(7), 7) && world.accounts_for("another", 1));
    assert!(world.accounts_for(&log(0), 0) && world.accounts_for(&log(8), 8));
}

#[test]
fn a_directory_that_is_not_watched_any_more_takes_its_logs_with_it() {
    let mut rolls = Rolls::default();
    let elsewhere = (2, entry("log").1);
    rolls.follow(&entry("log"), &name("d/log"), holder(1));
    rolls.follow(&elsewhere, &name("e/log"), holder(2));
    rolls.drop_directory(1);
    assert!(!rolls.accounts_for(&entry("log"), holder(1)));
    assert!(rolls.accounts_for(&elsewhere, holder(2)));
    rolls.drop_directory(3);
    assert!(!rolls.is_empty());
    rolls.drop_directory(2);
    assert!(rolls.is_empty());
}

#[test]
fn there_is_news_until_the_history_has_it() {
    let mut world = Observer::default();
    assert!(!world.rolls.has_news());
    world.follow("log", 1);
    assert!(world.rolls.has_news());
    world.settle();
    assert!(!world.rolls.has_news());
    // Of names that are none of its own a log knows nothing.
    world.create("unrelated", 5);
    assert!(!world.rolls.has_news());
    world.create("log.1", 6);
    assert!(world.rolls.has_news() && world.rolls.is_settled(&entry("log")));
    world.settle();
    assert!(!world.rolls.has_news() && world.is_born(6) && !world.is_born(5));
    world.roll("log", "log.2", 2);
    assert!(world.rolls.has_news() && !world.rolls.is_settled(&entry("log")));
    assert!(world.rolls.is_settled(&entry("unrelated")));
    world.settle();
    assert_eq!(world.line("log"), [(1, false), (2, true)]);
}

/// The event of its creation may be read after it was found.
#[test]
fn a_file_does_not_come_after_itself() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.happened("log", Happened::Created);
    world.settle();
    assert_eq!(world.line("log"), [(1, false)]);
    world.roll("log", "log.1", 2);
    world.settle();
    assert_eq!(world.line("log"), [(1, false), (2, true)]);
}

/// What it was before and what it has been since are two generations, of which the second one was rolled.
#[test]
fn a_file_that_was_truncated_before_its_roll() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.truncated.push(1);
    world.roll("log", "log.1", 2);
    world.roll("log", "log.2", 3);
    world.settle();
    let line = [(1, false), (1 + TRUNCATED, true), (2, true), (3, true)];
    assert_eq!(world.line("log"), line);
    // Of one that was rolled before it was truncated nothing changes.
    world.truncated.push(2);
    world.happened("log.2", Happened::MovedFrom(9));
    world.happened("log.3", Happened::MovedTo(9));
    world.names.remove("log.2");
    world.names.insert("log.3".into(), 2);
    world.settle();
    assert_eq!(world.line("log"), line);
}

/// Nobody knows which file it was, but what comes after it is told.
#[test]
fn a_file_that_is_gone_before_anybody_looks() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.roll("log", "log.1", 2);
    world.happened("log", Happened::Deleted);
    world.names.remove("log");
    world.create("log", 3);
    world.settle();
    assert!(world.rolls.is_settled(&entry("log")));
    assert_eq!(world.line("log"), [(1, false), (3, false)]);
}

/// A file was found of which no event tells: what came between is not known, so it does not follow directly.
#[test]
fn a_file_that_no_event_explains() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.follow("log", 5);
    assert!(world.accounts_for("log", 5) && !world.accounts_for("log", 1));
    world.settle();
    assert_eq!(world.line("log"), [(1, false), (5, false)]);
    world.rolls.lose_track();
    assert!(!world.accounts_for("log", 5) && !world.rolls.has_news());
}

#[test]
fn lines_are_bounded_and_go_on() {
    let mut world = Observer::default();
    let last = 3 * SEEN_LINE_MAX as u64;
    world.follow("log", 1);
    for file in 2..=last {
        world.roll("log", &format!("log.{file}"), file);
        world.settle();
        assert!(!world.rolls.has_news());
        assert_eq!(world.history.next(b"log", ETag(file - 1)), Some(ETag(file)));
    }
    let known = (1..=last).filter(|&file| world.accounts_for("log", file));
    let expected: Vec<u64> = (last - SEEN_LINE_MAX as u64 + 1..=last).collect();
    assert_eq!(known.collect::<Vec<_>>(), expected);
}

/// Halves of renames whose other halves never come.
#[test]
fn so_many_renames_are_under_way() {
    let mut world = Observer::default();
    let count = ROLLED_MOVING_MAX + 2;
    for number in 0..count {
        world.follow(&format!("log{number}"), number as u64);
    }
    world.settle();
    for number in 0..count {
        let cookie = u32::try_from(number).expect("small");
        world.happened(&format!("log{number}"), Happened::MovedFrom(cookie));
    }
    for number in [0, 1, 2, count - 1] {
        let cookie = u32::try_from(number).expect("small");
        world.happened(&format!("to{number}"), Happened::MovedTo(cookie));
    }
    world.looked.borrow_mut().clear();
    world.settle();
    // Those that are still known are measured where they are now.
    let mut looked = world.looked.take();
    looked.sort();
    let last = format!("to{}", count - 1);
    assert_eq!(looked, ["to2", &last]);
}

/// What is renamed to the name of an earlier generation from somewhere else may be one; a compressed copy that was written
/// under another name is one.
#[test]
fn files_that_come_from_elsewhere() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.names.insert(String::from("log.5"), 7);
    world.happened("log.5", Happened::MovedTo(99));
    assert!(!world.rolls.has_news());
    world.settle();
    assert!(!world.is_born(7));
    world.roll("log", "log.1", 2);
    world.settle();
    world.names.insert(String::from("log.1.gz"), 8);
    world.happened("log.1.gz", Happened::MovedTo(98));
    assert!(world.rolls.has_news());
    world.settle();
    let seen = world.history.seen(b"log", std::iter::once(ETag(8)));
    assert_eq!(seen.originals[&ETag(8)].etag, ETag(1));
    assert!(!world.is_born(8));
}

/// Of a file that was renamed to a name that says nothing, a compressed copy is known too; what is made beside a file that
/// still has the name, or beside one that never had it, is not taken for one.
#[test]
fn copies_of_files_under_any_name() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.create("log.gz", 7);
    world.roll("log", "log.old", 2);
    world.create("other.gz", 8);
    world.create("log.old.gz", 9);
    world.names.remove("log.old");
    world.happened("log.old", Happened::Deleted);
    assert!(world.rolls.has_news());
    world.settle();
    let copies = [7, 8, 9].into_iter().map(ETag);
    let seen = world.history.seen(b"log", copies);
    assert_eq!(seen.originals.len(), 1);
    assert_eq!(seen.originals[&ETag(9)].etag, ETag(1));
    assert!(world.history.inodes(b"log").contains(&9));
}

/// A second name of a file that had the name is a generation; another file is none.
#[test]
fn files_that_are_made_beside_a_log() {
    let mut world = Observer::default();
    world.follow("log", 1);
    world.settle();
    world.create("log.1", 1);
    world.create("log.2", 5);
    world.create("log.3", 6);
    world.happened("log.3", Happened::Deleted);
    world.settle();
    assert!(!world.is_born(1) && world.is_born(5) && !world.is_born(6));
}

/// However often one log is rolled: the file that has the name of another one stays known.
#[test]
fn so_many_files_are_remembered() {
    let mut world = Observer::default();
    world.follow("rests", 1);
    world.follow("log", 2);
    world.settle();
    let last = 2 + ROLLED_FILES_MAX as u64;
    for file in 3..=last {
        if file == 3 {
            world.roll("log", "old", file);
        } else if file == last - 100 {
            world.roll("log", "recent", file);
        } else {
            world.names.remove("log");
            world.happened("log", Happened::Deleted);
            world.create("log", file);
        }
        if file % 1000 == 0 {
            world.settle();
        }
    }
    world.settle();
    // Where the others are is known of those that were rolled lately.
    for (name, cookie) in [("old", 1), ("recent", 2)] {
        world.happened(name, Happened::MovedFrom(cookie));
        world.happened(&format!("{name}.1"), Happened::MovedTo(cookie));
    }
    world.looked.take();
    world.settle();
    assert_eq!(world.looked.take(), ["recent.1"]);
    assert!(world.accounts_for("rests", 1) && world.accounts_for("log", last));
    // Their names still lead to them.
    world.roll("rests", "rests.1", last + 1);
    world.roll("log", "log.1", last + 2);
    world.settle();
    assert_eq!(world.line("rests"), [(1, false), (last + 1, true)]);
    assert_eq!(world.history.next(b"log", ETag(last)), Some(ETag(last + 2)));
}
