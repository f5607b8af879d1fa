//! What one worker follows: files and names that change below a real directory, and whom it drives because of that.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use openrange::dialect::plain;
use openrange::follow::absences::Purpose;
use openrange::follow::polls::PollTerms;
use openrange::follow::topics::Topics;
use openrange::follow::watcher::{TopicId, Watch};
use openrange::hint::{Hint, HintKind};
use openrange::http::conditional::ETag;
use openrange::http::date::Date;
use openrange::http::request::parse;
use openrange::http::target::Path;
use openrange::limits::{FANOUT_RUN, PEER_PAUSE};
use openrange::resource::Resource;
use openrange::store::generations::families::Families;
use openrange::store::generations::history::History;
use openrange::store::lookup::Lookups;
use openrange::store::root::Files;
use openrange::subscription::end::End;
use openrange::time::Moment;

use crate::support::directory::TempDir;
use crate::support::random::Random;

struct Worker {
    dir: TempDir,
    topics: Topics,
    history: Arc<History>,
    now: u64,
}

impl Worker {
    fn new() -> Worker {
        let dir = TempDir::in_memory();
        let files = Files::open(dir.path(), Arc::default()).expect("a directory");
        let families = Families::default();
        let history = Arc::clone(&families.history);
        let terms = PollTerms {
            interval: Duration::from_secs(1),
            settle: Duration::from_secs(1),
        };
        let topics = Topics::new(Lookups::new(files, 8), Watch::new(), families, terms);
        Worker {
            dir,
            topics,
            history,
            now: 0,
        }
    }

    /// A later turn begins.
    fn begin(&mut self, milliseconds: u64) {
        self.topics.end_turn();
        self.now += milliseconds;
        let date = Date::from_seconds(1_700_000_000);
        self.topics.begin_turn(Moment(self.now), date);
    }

    /// Looks a name up for a tail.
    fn find(&mut self, name: &str) -> (Resource<()>, Option<TopicId>, Option<ETag>) {
        let head = format!("GET /{name} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n");
        let request = parse(head.as_bytes()).expect("a request").expect("whole").0;
        let found = self.topics.look_up(&plain::parse(request));
        let etag = found.info().map(|info| info.etag);
        let kind = match found.found {
            Resource::File { info, .. } => Resource::File { file: (), info },
            Resource::Missing => Resource::Missing,
            _ => panic!("neither a file nor nothing"),
        };
        (kind, found.topic, etag)
    }

    /// These connections follow a name.
    fn follow(&mut self, name: &str, slots: &[usize]) -> TopicId {
        self.begin(1);
        let key = self.find(name).1.expect("a topic");
        for &slot in slots {
            self.topics.join(key, slot);
        }
        key
    }

    /// Reads what has happened, and looks where it must.
    fn look(&mut self) {
        self.begin(1);
        self.topics.read_changes();
        self.topics.look_at_some();
    }

    /// Drives all that must be driven.
    fn driven(&mut self) -> Vec<(TopicId, usize, Option<End>)> {
        let next = || self.topics.next_subscriber();
        std::iter::from_fn(next)
            .map(|next| (next.topic, next.slot, next.gone))
            .collect()
    }

    /// The slots that are driven because of what has happened.
    fn slots(&mut self) -> Vec<usize> {
        self.look();
        let driven = self.driven();
        assert!(!self.topics.busy());
        driven.into_iter().map(|(_, slot, _)| slot).collect()
    }

    fn woken(&mut self) -> Vec<(usize, Purpose)> {
        self.look();
        let mut woken: Vec<_> = std::iter::from_fn(|| self.topics.next_woken()).collect();
        woken.sort_unstable();
        woken
    }
}

fn path(name: &str) -> Path {
    Path {
        name: name.as_bytes().into(),
        slash: false,
    }
}

#[test]
fn a_write_drives_those_who_follow_the_file() {
    let mut worker = Worker::new();
    for name in ["log", "other", "nobody"] {
        worker.dir.write(name, "1\n");
    }
    assert!(!worker.topics.any() && !worker.topics.busy());
    assert!(matches!(
        worker.find("missing"),
        (Resource::Missing, None, _)
    ));
    let log = worker.follow("log", &[5, 2, 9, 2]);
    let other = worker.follow("other", &[3]);
    assert_ne!(log, other);
    assert_eq!(worker.follow("log", &[]), log);
    assert_eq!(&*worker.topics.name(log).name, b"log");
    assert!(worker.topics.any());
    assert_eq!(worker.topics.count(), (2, 0));
    assert_eq!(worker.topics.next_poll(), Moment::NEVER);
    assert_eq!(worker.slots(), []);
    worker.dir.append("log", "2\n");
    worker.dir.append("nobody", "2\n");
    worker.look();
    assert!(worker.topics.busy());
    assert_eq!(worker.slots(), [2, 5, 9]);
    assert_eq!(worker.slots(), []);
    worker.topics.leave(log, 5);
    worker.topics.leave(log, 5);
    worker.dir.append("log", "3\n");
    worker.dir.append("log", "4\n");
    assert_eq!(worker.slots(), [2, 9]);
    // The last one takes the topic with it; what happens then is nobody's.
    worker.topics.leave(log, 2);
    worker.topics.leave(log, 9);
    assert_eq!(worker.topics.count(), (1, 0));
    worker.dir.append("log", "5\n");
    assert_eq!(worker.slots(), []);
    worker.dir.append("other", "2\n");
    assert_eq!(worker.slots(), [3]);
    // Whoever only looks leaves nothing behind.
    let key = worker.follow("log", &[]);
    worker.topics.drop_if_unused(other);
    assert_eq!(worker.topics.count(), (2, 0));
    worker.topics.drop_if_unused(key);
    assert_eq!(worker.topics.count(), (1, 0));
}

/// Nobody waits until all followers of another file are served.
#[test]
fn topics_take_turns() {
    let mut worker = Worker::new();
    worker.dir.write("a", "");
    worker.dir.write("b", "");
    let slots: Vec<usize> = (0..3 * FANOUT_RUN / 2 + FANOUT_RUN).collect();
    let a = worker.follow("a", &slots);
    let b = worker.follow("b", &slots);
    worker.dir.append("a", "1");
    worker.dir.append("b", "1");
    worker.look();
    let driven = worker.driven();
    let runs = slots.chunks(FANOUT_RUN);
    let in_turn: Vec<_> = runs
        .flat_map(|run| [a, b].map(|key| run.iter().map(move |&slot| (key, slot, None))))
        .flatten()
        .collect();
    assert_eq!(driven, in_turn);
}

#[test]
fn what_happens_during_a_pass_makes_another_one() {
    let mut worker = Worker::new();
    worker.dir.write("log", "");
    worker.follow("log", &[0, 1, 2, 3]);
    worker.dir.append("log", "1");
    worker.look();
    // Before anybody was driven, once is enough.
    worker.dir.append("log", "2");
    worker.look();
    let mut slots = vec![worker.topics.next_subscriber().expect("the first").slot];
    worker.dir.append("log", "3");
    worker.look();
    worker.dir.append("log", "4");
    slots.extend(worker.slots());
    assert_eq!(slots, [0, 1, 2, 3, 0, 1, 2, 3]);
}

/// Whoever follows a file when it changes is driven after that, whoever else comes or goes meanwhile; nobody is driven without
/// a change.
#[test]
fn nobody_is_left_out() {
    for seed in 1..60 {
        let mut random = Random::new(seed);
        let mut worker = Worker::new();
        let names = ["a", "b"];
        for name in names {
            worker.dir.write(name, "");
        }
        // Slot 0 stays, so that the topics do.
        let keys = names.map(|name| worker.follow(name, &[0]));
        // Who follows what, and whether there is something new for it.
        let mut followers: BTreeMap<(TopicId, usize), bool> =
            keys.iter().map(|&key| ((key, 0), false)).collect();
        let (mut changes, mut drives) = (0, 0);
        for _ in 0..120 {
            let which = random.below(2) as usize;
            let (name, key) = (names[which], keys[which]);
            let slot = 1 + random.below(20) as usize;
            match random.below(8) {
                0..3 => {
                    worker.topics.join(key, slot);
                    followers.entry((key, slot)).or_insert(false);
                }
                3 => {
                    worker.topics.leave(key, slot);
                    followers.remove(&(key, slot));
                }
                4 => {
                    worker.dir.append(name, "x");
                    worker.look();
                    changes += 1;
                    for ((topic, _), due) in &mut followers {
                        *due |= *topic == key;
                    }
                }
                _ => {
                    if let Some(next) = worker.topics.next_subscriber() {
                        drives += 1;
                        assert_eq!(next.gone, None);
                        *followers
                            .get_mut(&(next.topic, next.slot))
                            .expect("a follower") = false;
                    }
                }
            }
        }
        for (topic, slot, _) in worker.driven() {
            drives += 1;
            *followers.get_mut(&(topic, slot)).expect("a follower") = false;
        }
        assert!(!worker.topics.busy());
        let left: Vec<_> = followers.iter().filter(|(_, due)| **due).collect();
        assert!(left.is_empty(), "seed {seed}: {left:?}");
        assert!(drives <= changes * 21, "seed {seed}");
    }
}

#[test]
fn a_name_that_leads_elsewhere_ends_its_topic() {
    // What happens; why the topic ends, by its events; what can be seen without them, if that is something else.
    type Act = fn(&TempDir);
    let table: &[(Act, Option<End>, Option<End>)] = &[
        (|dir| dir.append("d/log", "2"), None, None),
        (|dir| dir.chmod("d/log", 0o600), None, None),
        (
            |dir| dir.rename("d/log", "d/log.1"),
            Some(End::Renamed),
            None,
        ),
        (|dir| dir.remove("d/log"), Some(End::Unlinked), None),
        (|dir| dir.rename("new", "d/log"), Some(End::Replaced), None),
        (
            |dir| {
                dir.rename("d/log", "d/log.1");
                dir.write("d/log", "");
            },
            Some(End::Renamed),
            None,
        ),
        (
            |dir| {
                dir.remove("d/log");
                dir.write("d/log", "");
            },
            Some(End::Unlinked),
            Some(End::Replaced),
        ),
        (|dir| dir.rename("d", "e"), Some(End::Renamed), None),
        (
            |dir| {
                dir.rename("d", "e");
                dir.mkdir("d");
                dir.write("d/log", "");
            },
            Some(End::Renamed),
            None,
        ),
        // There and back again: it is the same file.
        (
            |dir| {
                dir.rename("d/log", "d/log.1");
                dir.rename("d/log.1", "d/log");
            },
            None,
            None,
        ),
        // Another name of it goes.
        (|dir| dir.remove("link"), None, None),
    ];
    for (number, (act, gone, seen)) in table.iter().enumerate() {
        for swept in [false, true] {
            let mut worker = Worker::new();
            worker.dir.mkdir("d");
            worker.dir.write("d/log", "1");
            worker.dir.write("new", "2");
            fs::hard_link(worker.dir.join("d/log"), worker.dir.join("link")).expect("a link");
            let key = worker.follow("d/log", &[4, 7]);
            worker.topics.sweep();
            worker.look();
            worker.driven();
            act(&worker.dir);
            if swept {
                // As if no event had come.
                worker.begin(1);
                worker.topics.sweep();
                worker.topics.look_at_some();
            } else {
                worker.begin(1);
                worker.topics.read_changes();
                assert!(worker.topics.busy() || gone.is_none());
                worker.topics.look_at_some();
            }
            let driven = worker.driven();
            let what = format!("row {number}, swept: {swept}: {driven:?}");
            let gone_now = driven.first().and_then(|(_, _, gone)| *gone);
            assert_eq!(
                gone_now,
                if swept { seen.or(*gone) } else { *gone },
                "{what}"
            );
            if gone.is_some() {
                assert_eq!(driven.len(), 2, "{what}");
                assert!(
                    driven
                        .iter()
                        .all(|(topic, _, why)| (*topic, *why) == (key, gone_now))
                );
                worker.begin(1);
                assert_ne!(worker.find("d/log").1, Some(key), "{what}");
            } else {
                worker.begin(1);
                assert_eq!(worker.find("d/log").1, Some(key), "{what}");
            }
        }
    }
}

#[test]
fn a_sweep_drives_only_those_whose_file_has_changed() {
    let mut worker = Worker::new();
    worker.dir.write("log", "1");
    worker.dir.write("other", "1");
    worker.follow("log", &[1]);
    worker.follow("other", &[2]);
    let sweep = |worker: &mut Worker| {
        worker.begin(1);
        worker.topics.sweep();
        worker.topics.look_at_some();
        let driven = worker.driven();
        driven.iter().map(|(_, slot, _)| *slot).collect::<Vec<_>>()
    };
    // Nobody knows what there was before the first one.
    assert_eq!(sweep(&mut worker), [1, 2]);
    assert_eq!(sweep(&mut worker), []);
    worker.dir.append("other", "2");
    worker.topics.forget_all();
    assert_eq!(sweep(&mut worker), [2]);
    assert_eq!(sweep(&mut worker), []);
}

#[test]
fn those_who_wait_for_a_name_are_woken_when_it_leads_somewhere() {
    use Purpose::{Directory, Name, Request};
    let mut worker = Worker::new();
    worker.begin(1);
    let log = path("d/e/log");
    for (slot, purpose) in [
        (3, Request),
        (3, Name(0)),
        (3, Name(1)),
        (5, Request),
        (7, Name(2)),
    ] {
        assert!(worker.topics.wait(&log, slot, purpose));
    }
    assert!(worker.topics.wait(&path("other"), 7, Request));
    assert!(worker.topics.any() && !worker.topics.any_absent() && !worker.topics.busy());
    worker.topics.stop_waiting_for(3, Name(1));
    worker.topics.stop_waiting_for(3, Name(9));
    worker.topics.stop_waiting_for(4, Request);
    worker.topics.stop_waiting(5);
    worker.topics.stop_waiting(6);
    assert_eq!(worker.woken(), []);
    worker.dir.mkdir("d");
    assert_eq!(worker.woken(), []);
    worker.dir.mkdir("d/e");
    worker.dir.write("d/log", "");
    assert_eq!(worker.woken(), []);
    worker.dir.write("d/e/log", "");
    assert_eq!(worker.woken(), [(3, Request), (3, Name(0)), (7, Name(2))]);
    assert_eq!(worker.woken(), []);
    assert!(!worker.topics.busy() && worker.topics.any());
    worker.dir.remove("d/e/log");
    worker.dir.write("d/e/log", "");
    worker.dir.write("other", "");
    assert_eq!(worker.woken(), [(7, Request)]);
    assert!(!worker.topics.any());
    // It leads somewhere already: a stream goes on at once, and a request is woken at once.
    assert!(!worker.topics.wait(&log, 8, Name(0)));
    assert!(!worker.topics.wait(&log, 8, Directory));
    assert!(worker.topics.wait(&log, 8, Request));
    assert_eq!(worker.woken(), [(8, Request)]);
    assert!(!worker.topics.any() && !worker.topics.busy());
}

/// Who waits for something else no longer waits for what it waited for before, and a way may end and begin again.
#[test]
fn waiting_for_one_name_after_another() {
    let mut worker = Worker::new();
    worker.begin(1);
    worker.dir.mkdir("d");
    assert!(worker.topics.wait(&path("a"), 1, Purpose::Request));
    assert!(worker.topics.wait(&path("d/b"), 1, Purpose::Request));
    worker.dir.write("a", "");
    assert_eq!(worker.woken(), []);
    worker.dir.rename("d", "e");
    worker.dir.write("e/b", "");
    assert_eq!(worker.woken(), []);
    worker.dir.rename("e", "d");
    assert_eq!(worker.woken(), [(1, Purpose::Request)]);
    // One leaves when the name is found, but before it is woken.
    for slot in [1, 2] {
        assert!(worker.topics.wait(&path("c"), slot, Purpose::Request));
    }
    worker.dir.write("c", "");
    worker.look();
    assert!(worker.topics.busy());
    worker.topics.stop_waiting(2);
    assert_eq!(worker.woken(), [(1, Purpose::Request)]);
    // A name that was found is not looked at again; all that are not found are, if events may have been lost.
    assert!(worker.topics.wait(&path("f"), 3, Purpose::Request));
    worker.topics.sweep();
    assert!(worker.topics.busy());
    assert_eq!(worker.woken(), []);
    worker.topics.poll_absent();
    assert!(!worker.topics.busy(), "it is watched");
}

#[test]
fn other_servers_get_news_now_and_then() {
    let mut worker = Worker::new();
    let next = |worker: &mut Worker| {
        let hint = worker.topics.next_hint();
        hint.map(|Hint { name, kind }| (String::from_utf8(name.into()).expect("a name"), kind))
    };
    let log = |kind| Some((String::from("log"), kind));
    worker.dir.write("log", "");
    let key = worker.follow("log", &[1]);
    worker.dir.append("log", "1");
    worker.look();
    assert_eq!(next(&mut worker), None, "nobody wants them");
    worker.topics.collect_hints();
    assert_eq!(worker.topics.next_hint_at(), Moment::NEVER);
    worker.dir.append("log", "2");
    worker.look();
    assert_eq!(worker.topics.next_hint_at(), Moment(worker.now));
    let first = worker.now;
    assert_eq!(next(&mut worker), log(HintKind::Changed));
    assert_eq!(next(&mut worker), None);
    // The next ones wait, and are one.
    worker.dir.append("log", "3");
    worker.look();
    worker.dir.append("log", "4");
    worker.look();
    let due = Moment(first) + PEER_PAUSE;
    assert_eq!(worker.topics.next_hint_at(), due);
    assert_eq!(next(&mut worker), None);
    worker.begin(due.0 - worker.now);
    assert_eq!(next(&mut worker), log(HintKind::Changed));
    assert_eq!(worker.topics.next_hint_at(), Moment::NEVER);
    // What is left of a topic that goes is told at once.
    worker.dir.rename("log", "log.1");
    worker.look();
    assert_eq!(next(&mut worker), None);
    worker.topics.leave(key, 1);
    assert_eq!(worker.topics.next_hint_at(), Moment(worker.now));
    assert_eq!(next(&mut worker), log(HintKind::Rolled));
    assert_eq!(next(&mut worker), None);
}

/// What came after what is known as soon as the events are read.
#[test]
fn rolls_of_a_followed_log_are_observed() {
    let mut worker = Worker::new();
    worker.dir.write("log", "1");
    worker.follow("log", &[1]);
    let mut tags = vec![worker.find("log").2.expect("a file")];
    for number in 1..4 {
        worker.dir.rename("log", &format!("log.{number}"));
        worker.dir.write("log", "");
        worker.look();
        worker.driven();
        let key = worker.follow("log", &[1]);
        assert_eq!(worker.topics.name(key), path("log"));
        tags.push(worker.find("log").2.expect("a file"));
    }
    for pair in tags.windows(2) {
        assert_eq!(worker.history.next(b"log", pair[0]), Some(pair[1]));
    }
    assert_eq!(worker.topics.overflows(), 0);
}
