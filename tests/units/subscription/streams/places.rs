//! Places that clients bring, and that names leave behind.

use openrange::http::position::{NameHash, Place, Position};

use super::{World, at};

fn of_name(at: Position, name: &str) -> Place {
    Place {
        name: Some(NameHash::of(name.as_bytes())),
        ..at.into()
    }
}

fn resumed(places: &[Place], files: &[(&str, u64, &str)]) -> World {
    let places: Vec<_> = places.iter().cloned().map(Some).collect();
    let mut world = World::of_files("*", None, &places);
    for (name, tag, content) in files {
        world.write(*tag, content);
        if !name.is_empty() {
            world.name(name, *tag);
        }
    }
    world
}

/// Files only grow.
#[test]
fn of_two_places_in_a_file_the_later_one_counts() {
    for places in [[at(1, 4), at(1, 2)], [at(1, 2), at(1, 4)]] {
        let places = places.map(Place::from);
        let mut world = resumed(&places, &[("a", 1, "x\ny\nz\n")]);
        let told = world.rest();
        assert_eq!(
            told.last().map(String::as_str),
            Some("a:z 1-6+~"),
            "{told:?}"
        );
        assert!(
            !told.iter().any(|event| event.starts_with("a:y")),
            "{told:?}"
        );
    }
}

/// While the client was away the file has lost its name: the rest of it comes, then the file that has the name now.
#[test]
fn a_place_belongs_to_its_name() {
    let place = of_name(at(1, 2), "a");
    let mut world = resumed(
        &[place],
        &[("", 1, "x\nrest\n"), ("a", 2, "new\n"), ("b", 3, "other\n")],
    );
    let told = world.rest();
    let lines: Vec<&str> = told
        .iter()
        .filter_map(|event| event.split(' ').next())
        .collect();
    let lines: Vec<&&str> = lines.iter().filter(|line| line.starts_with("a")).collect();
    assert_eq!(lines, [&"a:rest", &"a/roll:renamed", &"a:new"], "{told:?}");
    assert_eq!(world.sought()[0], "/d/a after 1-2");
}

/// The file of the place has another name by now, which goes on there.
#[test]
fn a_place_in_a_file_that_has_another_name_is_that_ones() {
    let place = of_name(at(1, 2), "a");
    let mut world = resumed(&[place], &[("a", 2, "new\n"), ("a.1", 1, "x\nrest\n")]);
    let told = world.rest();
    let lines: Vec<&str> = told
        .iter()
        .filter_map(|event| event.split(' ').next())
        .collect();
    assert!(
        lines.contains(&"a:new") && lines.contains(&"a.1:rest"),
        "{told:?}"
    );
    assert!(!lines.contains(&"a.1:x"), "{told:?}");
}

/// Of a place whose name nobody has it is not said that it belongs to another one.
#[test]
fn a_place_of_another_name_is_not_taken() {
    let place = of_name(at(9, 2), "b");
    let mut world = resumed(&[place], &[("a", 1, "x\n")]);
    let told = world.rest();
    assert_eq!(told.last().map(String::as_str), Some("a:x 1-2+~,9-2~"));
    assert_eq!(world.sought(), ["/d/a"]);
}
