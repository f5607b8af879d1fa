//! Files of a directory: by names, and by patterns, whose files pass their names on.

use openrange::http::position::Positions;
use openrange::http::query::Start;
use openrange::limits::{EVENT_ABSENCE, EVENT_FILES_MAX, EVENT_LINE_MAX, EVENT_PLACES_MAX};

use super::{World, at};

/// Files with these names and lines; the first one has the tag 1.
fn fitting(files: &[(&str, &str)]) -> World {
    let mut world = World::of_files("*", None, &[]);
    for ((name, content), tag) in files.iter().zip(1..) {
        world.write(tag, content);
        world.name(name, tag);
    }
    world
}

/// A client that comes again gets nothing twice, and the place of each name stands where its name does.
#[test]
fn the_places_of_names_stand_in_their_order() {
    let mut world = World::of_files("a,b,c", None, &[]);
    for (name, content) in [("a", "1"), ("b", "2\n"), ("c", "3\n")] {
        let tag = content.as_bytes()[0] - b'0';
        world.write(tag.into(), content);
        world.name(name, tag.into());
    }
    let told = world.rest();
    assert_eq!(told[3..], ["b:2 1-0,2-2+,3-0", "c:3 1-0,2-2+,3-2+"]);
    // An incomplete line makes no event, and its file has no check before there is one.
    world.write(2, "x\n");
    assert_eq!(world.told(), ["b:x 1-0,2-4+,3-2+"]);
}

/// Of a line of which a part was told the new name tells all of it: nobody could put it together from events of two types.
#[test]
fn a_line_that_is_half_told_is_told_anew_under_the_new_name() {
    for before in ["", "first\n"] {
        let long = "x".repeat(EVENT_LINE_MAX + 9);
        let mut world = fitting(&[("a", &format!("{before}{long}"))]);
        let told = world.rest();
        let start = before.len();
        let part = start + EVENT_LINE_MAX;
        assert_eq!(
            told.last(),
            Some(&format!("a/part:xxxxxxxxxxxx 1-{part}+~"))
        );
        world.names.clear();
        world.name("b", 1);
        let told = world.told();
        // Where the former name was: it may have another file later.
        let check = if start > 0 { "+" } else { "" };
        let left = format!("1-{start}{check}~");
        let expected = [
            // What it has is read to its end first.
            format!("a/part:xxxxxxxxx 1-{}+~", part + 9),
            format!("b/part:xxxxxxxxxxxx {left},1-{part}+~"),
        ];
        assert_eq!(told, expected);
        world.write(1, "y\n");
        let told = world.told();
        assert_eq!(told, [format!("b:xxxxxxxxxy {left},1-{}+~", part + 11)]);
    }
}

/// A writer goes on in the file that it has open, whatever its name is by now: the lines come once, under the new name.
#[test]
fn a_file_that_has_another_name_is_not_late_under_the_former_one() {
    let mut world = fitting(&[("a", "1\n")]);
    world.rest();
    world.write(2, "");
    world.roll("a", 2);
    world.name("a.1", 1);
    world.told();
    world.write(1, "late\n");
    world.write(2, "new\n");
    let told = world.told();
    let lines: Vec<&str> = told
        .iter()
        .filter_map(|event| event.split(' ').next())
        .collect();
    assert_eq!(lines, ["a:new", "a.1:late"], "{told:?}");
    let late = world.stream.late_files().count();
    assert_eq!(late, 0);
}

#[test]
fn where_files_begin_that_are_there_at_first_and_those_that_come_later() {
    for (start, words) in [
        (None, ""),
        (Some(Start::End), " from its end"),
        (Some(Start::Lines(5)), " its last 5"),
    ] {
        let mut world = World::of_files("*", start, &[]);
        world.write(1, "1\n");
        world.name("a", 1);
        world.rest();
        assert_eq!(world.sought(), [format!("/d/a{words}")]);
        world.write(2, "2\n");
        world.name("b", 2);
        world.told();
        assert_eq!(world.sought(), ["/d/b"]);
    }
}

/// As many as are followed, with one line each, and more.
fn many(start: Option<Start>, more: u64) -> World {
    let mut world = World::of_files("*", start, &[]);
    for tag in 1..=EVENT_FILES_MAX as u64 + more {
        world.write(tag, "x\n");
        world.name(&format!("{tag:02}"), tag);
    }
    world
}

/// A file that was there and was left out is followed when another one has gone: it became newer by a line, which is not lost.
#[test]
fn where_files_begin_that_were_left_out() {
    for (start, words) in [
        (None, ""),
        (Some(Start::End), " its last 1"),
        (Some(Start::Lines(5)), " its last 5"),
    ] {
        let mut world = many(start, 1);
        let told = world.rest();
        assert!(told[0].starts_with("/full:"), "{told:?}");
        world.sought();
        world.names.remove("d/01");
        world
            .stream
            .name_lost(0, openrange::subscription::end::End::Unlinked);
        let told = world.told();
        let full: Vec<&String> = told
            .iter()
            .filter(|event| event.starts_with("/full"))
            .collect();
        assert_eq!(full.len(), 0, "nothing is left out now, which is not told");
        // The one that has gone gives its place when the client knows that.
        for _ in 0..12 {
            world.now = world.now + EVENT_ABSENCE.1;
            world.stream.timer_fired(world.now, world.now);
            world.told();
        }
        let sought = world.sought();
        let expected = format!("/d/33{words}");
        assert!(sought.contains(&expected), "{sought:?}");
        world.write(33, "y\n");
        let told = world.told();
        let places = told[0].split(' ').nth(1).expect("an id").split(',').count();
        assert_eq!(told.len(), 1);
        assert!(
            (EVENT_FILES_MAX..=EVENT_FILES_MAX + 1).contains(&places),
            "{told:?}"
        );
        assert_eq!(world.stream.files().count(), EVENT_FILES_MAX);
    }
}

/// The client brings more places than there is room for beside those of the files that are followed.
#[test]
fn an_id_has_no_more_places_than_are_read() {
    let places: Vec<_> = (1000..1000 + EVENT_PLACES_MAX as u64)
        .map(|tag| Some(at(tag, 7).into()))
        .collect();
    let mut world = World::of_files("*", None, &places);
    for tag in 1..=EVENT_FILES_MAX as u64 {
        world.write(tag, "x\n");
        world.name(&format!("{tag:02}"), tag);
    }
    let told = world.rest();
    for event in &told {
        let id = event.split(' ').nth(1).expect("an id");
        assert!(id.split(',').count() <= EVENT_PLACES_MAX, "{event}");
    }
    let id = told
        .last()
        .and_then(|event| event.split(' ').nth(1))
        .expect("an id");
    assert_eq!(id.split(',').count(), EVENT_PLACES_MAX);
    assert!(Positions::parse(b"-").is_some());
}
