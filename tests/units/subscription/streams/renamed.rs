//! Files of a pattern that leave it and fit again under another name, while the names that they had have others.

use openrange::http::position::{NameHash, Place, Position};
use openrange::limits::EVENT_LATE;
use openrange::subscription::end::End;

use super::{World, at};

/// In which the numbered name is not followed.
const PATTERNS: &str = "*,!*.1";

/// So many rolls have come after file 1, and the stream does not know of the last `unseen` ones.
fn rolled(world: &mut World, rolls: u64) {
    let last = world.names.get("d/a").copied().unwrap_or(0);
    for new in last + 1..=last + rolls {
        for number in (1..5).rev() {
            let from = match number {
                1 => "a".to_owned(),
                number => format!("a.{}", number - 1),
            };
            if let Some(tag) = world.names.remove(&format!("d/{from}")) {
                world.name(&format!("a.{number}"), tag);
            }
        }
        world.write(new, &format!("{new}\n"));
        world.name("a", new);
    }
}

/// What it says without the ids, except where it begins.
fn said(told: &[String]) -> Vec<&str> {
    let said = told.iter().filter(|event| !event.starts_with(' '));
    let said = said.filter_map(|event| event.split(' ').next());
    said.filter(|event| event.contains(':')).collect()
}

fn of_name(at: Position, late: &[Position], name: &str) -> Place {
    Place {
        at,
        late: late.into(),
        name: Some(NameHash::of(name.as_bytes())),
    }
}

fn resumed(places: &[Place]) -> World {
    let places: Vec<_> = places.iter().cloned().map(Some).collect();
    World::of_files(PATTERNS, None, &places)
}

/// A stream of which the first name has left file 1 for file 2.
fn connected() -> World {
    let mut world = World::of_files(PATTERNS, None, &[]);
    rolled(&mut world, 1);
    assert_eq!(said(&world.told()), ["a:1"]);
    rolled(&mut world, 1);
    world.stream.name_lost(0, End::Renamed);
    assert_eq!(said(&world.told()), ["a/roll:renamed", "a:2"]);
    world
}

#[test]
fn two_rolls_between_two_looks() {
    let mut world = connected();
    rolled(&mut world, 2);
    // File 2 is a.2 now, and file 3 has no name that fits.
    let told = world.told();
    let expected = ["a/roll:renamed", "a:3", "a/roll:renamed", "a:4"];
    assert_eq!(said(&told), expected, "{told:?}");
    for (tag, event) in [
        (1, "a.3:late"),
        (2, "a.2:late"),
        (3, "a:late"),
        (4, "a:late"),
    ] {
        world.write(tag, "late\n");
        assert_eq!(said(&world.told()), [event], "file {tag}");
    }
}

#[test]
fn two_rolls_while_the_client_was_away() {
    let mut world = resumed(&[of_name(at(2, 2), &[at(1, 2)], "a")]);
    rolled(&mut world, 4);
    let told = world.rest();
    let expected = ["a/roll:renamed", "a:3", "a/roll:renamed", "a:4"];
    assert_eq!(said(&told), expected, "{told:?}");
    for (tag, event) in [(1, "a.3:late"), (2, "a.2:late"), (4, "a:late")] {
        world.write(tag, "late\n");
        assert_eq!(said(&world.told()), [event], "file {tag}");
    }
}

/// The other name has the file before the one that it had has another one.
#[test]
fn a_name_that_has_no_file_for_a_while() {
    for again in [false, true] {
        let mut world = resumed(&[of_name(at(2, 2), &[at(1, 2)], "a")]);
        rolled(&mut world, 4);
        world.names.remove("d/a");
        world.write(2, "more\n");
        let told = world.rest();
        assert_eq!(said(&told), ["a.2:more"], "{told:?}");
        if again {
            // With both places in the same file.
            let id = told.last().and_then(|event| event.split(' ').nth(1));
            assert_eq!(id, Some("2-7+~,1-2~,2-2~"));
            let places = [of_name(at(2, 7), &[], "a.2"), of_name(at(2, 2), &[], "a")];
            let (files, names, chains) = (world.files, world.names, world.chains);
            world = resumed(&[&places[..], &[of_name(at(1, 2), &[], "a.3")]].concat());
            (world.files, world.names, world.chains) = (files, names, chains);
            assert_eq!(said(&world.rest()), [""; 0]);
        }
        world.name("a", 4);
        let told = world.told();
        let expected = ["a/roll:renamed", "a:3", "a/roll:renamed", "a:4"];
        assert_eq!(said(&told), expected, "{told:?}");
    }
}

/// Both names have lost the file: one of them goes on with it.
#[test]
fn two_names_that_were_in_the_same_file() {
    for order in [[0, 1], [1, 0]] {
        let places = [of_name(at(1, 2), &[], "a"), of_name(at(1, 4), &[], "b")];
        let mut world = resumed(&order.map(|index| places[index].clone()));
        world.write(1, "x\ny\nz\n");
        for (name, tag, content) in [("a", 2, "2\n"), ("b", 3, "3\n")] {
            world.name(name, 1);
            world.write(tag, content);
            world.name(name, tag);
        }
        let told = world.rest();
        let mut said = said(&told);
        said.sort_unstable();
        let expected = ["a/roll:renamed", "a:2", "a:z", "b/roll:renamed", "b:3"];
        assert_eq!(said, expected, "{told:?}");
    }
}

/// A file is not late for ever, but it may fit again long after that.
#[test]
fn a_file_that_fits_again_after_a_long_time() {
    let mut world = connected();
    world.now = world.now + EVENT_LATE;
    world.stream.timer_fired(world.now, world.now);
    assert_eq!(world.told(), [""; 0]);
    assert_eq!(world.stream.late_files().count(), 0);
    world.write(2, "more\n");
    assert_eq!(world.told(), ["a:more 2-7+.1-2+~"]);
    rolled(&mut world, 1);
    world.stream.name_lost(0, End::Renamed);
    assert_eq!(said(&world.told()), ["a/roll:renamed", "a:3"]);
    world.write(1, "late\n");
    assert_eq!(said(&world.told()), ["a.2:late"]);
}
