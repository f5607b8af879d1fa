//! Lines that somebody still writes to an earlier file.

use openrange::action::Action;
use openrange::http::position::Place;
use openrange::limits::{EVENT_HEARTBEAT, EVENT_LATE};
use openrange::subscription::followed::Followed;
use openrange::time::Moment;

use super::{NOW, World, at};
use crate::samples::info;

/// The name has left file 1, of which the last line has no end, for file 2.
fn rolled() -> World {
    let mut world = World::of_one(at(1, 0).into(), "a\nb");
    assert_eq!(world.told(), ["a 1-2+"]);
    world.write(2, "");
    world.roll("f", 2);
    // A client that comes again behind the roll gets the late lines too.
    assert_eq!(world.told(), ["part:b 1-3+", "roll:renamed 2-0.1-3+"]);
    world
}

#[test]
fn every_earlier_file_is_read_on() {
    let mut world = rolled();
    world.write(3, "");
    world.roll("f", 3);
    assert_eq!(world.told(), ["roll:renamed 3-0.1-3+.2-0"]);
    // Each of them, in whatever order they are written to.
    world.write(2, "second\n");
    assert_eq!(world.told(), ["second 3-0.1-3+.2-7+"]);
    world.write(1, "ut\n");
    world.write(3, "third\n");
    assert_eq!(world.told(), ["ut 3-0.1-6+.2-7+", "third 3-6+.1-6+.2-7+"]);
    let files: Vec<u64> = world.stream.files().copied().collect();
    let late: Vec<u64> = world.stream.late_files().map(|(_, file)| *file).collect();
    assert_eq!((files, late), (vec![3], vec![1, 2]));
}

#[test]
fn a_file_that_comes_back_is_not_late_any_more() {
    let mut world = rolled();
    world.roll("f", 1);
    // Only of the line in which it was the client has the beginning twice.
    assert_eq!(world.told(), ["roll:renamed 1-2+.2-0"]);
    world.write(1, "c\n");
    assert_eq!(world.told(), ["bc 1-5+.2-0"]);
    let late: Vec<u64> = world.stream.late_files().map(|(_, file)| *file).collect();
    assert_eq!(late, [2]);
}

/// What is in it by then is all that comes, also a line without its end, and it is no longer in the ids.
#[test]
fn the_end_of_an_earlier_file_that_somebody_tells() {
    let mut world = rolled();
    world.write(1, "c");
    assert_eq!(world.told(), [""; 0]);
    world.stream.late_over(|file| *file == 2);
    assert_eq!(world.told(), [""; 0], "another file");
    world.stream.late_over(|file| *file == 1);
    assert_eq!(world.rest(), ["part:c 2-0.1-4+"]);
    world.write(2, "d\n");
    assert_eq!(world.told(), ["d 2-2+"]);
}

#[test]
fn the_end_of_an_earlier_file_of_which_all_is_told() {
    let mut world = rolled();
    world.write(1, "\n");
    assert_eq!(world.told(), [" 2-0.1-4+"]);
    world.stream.late_over(|file| *file == 1);
    world.write(2, "c\n");
    assert_eq!(world.told(), ["c 2-2+"]);
}

/// Each of them ends when nobody can be expected to write to it any more.
#[test]
fn the_end_of_an_earlier_file_in_time() {
    let mut world = rolled();
    assert_eq!(world.stream.deadline(NOW + EVENT_LATE), NOW + EVENT_LATE);
    world.write(1, "c");
    world.now = Moment(NOW.0 + 1000);
    world.write(3, "");
    world.roll("f", 3);
    assert_eq!(world.told(), ["roll:renamed 3-0.1-3+.2-0"]);
    let later = world.now + EVENT_LATE;
    assert!(world.stream.timer_fired(later, NOW).is_empty());
    assert_eq!(world.rest(), [""; 0], "before its time");
    world.stream.timer_fired(later, NOW + EVENT_LATE);
    assert_eq!(world.stream.deadline(later), later, "the other one is open");
    assert_eq!(world.told(), ["part:c 3-0.1-4+.2-0"]);
    world.write(2, "d\n");
    assert_eq!(world.told(), ["d 3-0.2-2+"]);
    world.stream.timer_fired(later, later);
    assert_eq!(world.stream.deadline(later), later + EVENT_HEARTBEAT);
    world.write(3, "e\n");
    assert_eq!(world.told(), ["e 3-2+"]);
}

#[test]
fn an_earlier_file_that_is_truncated_is_over() {
    let mut world = rolled();
    world.files.insert(1, b"a\n".to_vec());
    assert_eq!(world.told(), [""; 0]);
    world.write(1, "new\n");
    world.write(2, "c\n");
    assert_eq!(world.told(), ["c 2-2+"]);
}

/// A client says of which earlier files it has had lines; they are looked for when there is nothing else to do.
#[test]
fn earlier_files_that_a_client_knows() {
    let place = Place {
        late: [at(1, 2)].into(),
        ..at(2, 0).into()
    };
    let mut world = World::of_one(place.clone(), "c\n");
    world.write(1, "a\nb\n");
    assert_eq!(world.rest(), ["c 2-2+.1-2", "b 2-2+.1-4+"]);
    assert_eq!(world.sought(), ["/d/f after 1-2 late"]);
    world.write(1, "d\n");
    assert_eq!(world.told(), ["d 2-2+.1-6+"]);
    // It is not there any more, or it is another one.
    let mut world = World::of_one(place.clone(), "c\n");
    assert_eq!(world.rest(), ["c 2-2+.1-2"]);
    world.write(2, "d\n");
    assert_eq!(world.told(), ["d 2-4+"]);
    let mut world = World::of_one(place, "");
    assert!(matches!(world.stream.action(), Some(Action::Examine(_))));
    world.stream.measured(0, false);
    let other = Followed::File {
        file: 3,
        info: info(3, 9),
        named: false,
        gap: false,
    };
    world.stream.late_found(other, NOW);
    assert_eq!(
        world.stream.files().count() + world.stream.late_files().count(),
        1
    );
    world.write(2, "c\n");
    assert_eq!(world.told(), ["c 2-2+"]);
}

/// A thread looks for it.
#[test]
fn an_earlier_file_is_looked_for_once() {
    let place = Place {
        late: [at(1, 2)].into(),
        ..at(2, 0).into()
    };
    let mut world = World::of_one(place, "");
    world.stream.measured(0, false);
    assert!(matches!(world.stream.action(), Some(Action::Follow(sought)) if sought.late));
    world.stream.wait_to_follow();
    assert!(world.stream.action().is_none());
    world.stream.resource_is_ready();
    assert!(matches!(world.stream.action(), Some(Action::Follow(sought)) if sought.late));
}
