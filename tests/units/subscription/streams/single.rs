//! One name: where a stream of it begins, what it compares before it goes on, and where it rests.

use openrange::action::Action;
use openrange::http::position::{Check, Position};
use openrange::http::query::Start;
use openrange::limits::EVENT_READ;
use openrange::subscription::caught_up::CaughtUp;
use openrange::subscription::end::End;

use super::{World, at, events};

/// Behind these bytes.
fn behind(tag: u64, bytes: &str) -> Position {
    Position {
        check: Some(Check::of(bytes.as_bytes())),
        ..at(tag, bytes.len() as u64)
    }
}

#[test]
fn what_the_client_has_is_compared_before_anything_else() {
    let mut world = World::of_one(behind(1, "a\nb\n").into(), "a\nb\n");
    assert_eq!(world.rest(), [""; 0]);
    assert_eq!(world.stream.progress(), Some((4, &1)));
    // Somebody has written over it.
    let mut world = World::of_one(behind(1, "a\nb\n").into(), "x\nb\n");
    assert_eq!(world.rest(), ["truncate: 1-0", "x 1-2+", "b 1-4+"]);
    // No byte of the file was read when the client got the place.
    let mut world = World::of_one(at(1, 2).into(), "x\nb\n");
    assert_eq!(world.rest(), ["b 1-4+"]);
}

/// Between the moment when it was found and the one when it was measured.
#[test]
fn a_file_that_is_shorter_than_when_it_was_found() {
    let mut world = World::of_one(at(1, 4).into(), "x\n");
    assert_eq!(world.rest(), ["truncate: 1-0", "x 1-2+"]);
}

/// Where it rests, if it does.
fn caught_up(world: &World) -> Option<CaughtUp> {
    world.stream.caught_up().map(|(_, at)| at)
}

#[test]
fn a_stream_does_not_rest_before_it_has_compared_or_when_it_ends() {
    let mut world = World::of_one(behind(1, "a\n").into(), "a\n");
    world.stream.measured(2, false);
    assert_eq!(caught_up(&world), None, "it has not compared");
    assert!(matches!(world.stream.action(), Some(Action::Read(1, _))));
    assert!(world.stream.read(b"a\n").is_empty());
    assert!(caught_up(&world).is_some());
    let mut world = World::of_one(at(1, 0).into(), "a\n");
    world.rest();
    assert!(caught_up(&world).is_some());
    world.stream.end();
    assert_eq!(caught_up(&world), None, "the server ends");
}

/// The events that a stream gets that rests at the end of these bytes when the file has become those.
fn grown(before: &str, after: &str) -> Option<Vec<String>> {
    let mut world = World::of_one(at(1, 0).into(), before);
    world.rest();
    let from = caught_up(&world).expect("it rests");
    assert_eq!(from.size(), before.len() as u64);
    let (out, to) = from.grow(&after.as_bytes()[from.reads_from() as usize..])?;
    // The stream makes the same of it, and rests at the same place.
    world.files.insert(1, after.into());
    let told = world.told();
    assert_eq!(events(&out), told);
    assert_eq!(caught_up(&world), Some(to));
    Some(told)
}

#[test]
fn what_all_streams_get_that_rest_at_one_place() {
    assert_eq!(grown("", "a\n"), Some(vec!["a 1-2+".into()]));
    let long = "x".repeat(100) + "\n";
    let longer = long.clone() + "a\n";
    assert_eq!(grown(&long, &longer), Some(vec!["a 1-103+".into()]));
    // Shorter than it was, though there is a line that was none before.
    assert_eq!(grown("a\nbcd", "a\nb\n"), None);
    // As much as is read at once, and a byte more.
    let [half, rest] =
        [EVENT_READ / 2 - 1, EVENT_READ / 2 - 2].map(|size| "y".repeat(size as usize));
    let step = format!("a\nb\n{half}\n{half}\n");
    assert_eq!(step.len() as u64, 4 + EVENT_READ);
    assert_eq!(grown("a\nb\n", &step).map(|told| told.len()), Some(2));
    let beyond = format!("a\nb\n{half}\n{rest}\n\n\n");
    assert_eq!(beyond.len() as u64, 4 + EVENT_READ + 1);
    assert_eq!(grown("a\nb\n", &beyond), None);
}

#[test]
fn only_what_is_needed_is_compared() {
    let line = "x".repeat(99) + "\n";
    let mut world = World::of_one(at(1, 0).into(), &line);
    world.rest();
    let from = caught_up(&world).expect("it rests");
    assert_eq!(from.reads_from(), 100 - 64);
    assert_eq!(
        World::of_one(at(1, 0).into(), "").stream.progress(),
        Some((0, &1))
    );
}

#[test]
fn the_rest_of_a_line_comes_when_the_file_is_complete() {
    let mut world = World::of_one(at(1, 0).into(), "a\nb");
    assert_eq!(world.rest(), ["a 1-2+"]);
    world.stream.look();
    world.stream.measured(3, true);
    assert_eq!(world.rest(), ["part:b 1-3+"]);
}

/// A thread looks for what comes after the file; meanwhile there is nothing to do.
#[test]
fn what_comes_next_is_looked_for_once() {
    let mut world = World::of_one(at(1, 0).into(), "a\n");
    world.rest();
    world.stream.name_lost(0, End::Unlinked);
    world.stream.measured(2, false);
    assert!(matches!(world.stream.action(), Some(Action::Follow(_))));
    world.stream.wait_to_follow();
    assert!(world.stream.action().is_none());
    world.stream.resource_is_ready();
    assert!(matches!(world.stream.action(), Some(Action::Follow(_))));
}

/// Of a file that was truncated the rest is not looked for.
#[test]
fn behind_a_truncation_nothing_is_left() {
    let mut world = World::of_one(at(1, 0).into(), "a\nb\n");
    world.rest();
    world.files.insert(2, b"c\n".to_vec());
    world.name("f", 2);
    world.files.insert(1, b"a\n".to_vec());
    assert_eq!(world.told(), ["truncate: 2-0", "c 2-2+"]);
    assert_eq!(world.sought(), ["/d/f"]);
}

/// A name that is there for the first time is begun where the client wants it, and not looked for as something that comes
/// after another file.
#[test]
fn where_a_name_begins() {
    let mut world = World::of_files("f", Some(Start::End), &[]);
    world.write(1, "a\n");
    world.name("f", 1);
    world.rest();
    assert_eq!(world.sought(), ["/d/f from its end"]);
    // What comes after it is new from its beginning.
    world.write(2, "b\n");
    world.roll("f", 2);
    assert_eq!(world.told(), ["f/roll:renamed 2-0.1-2+", "f:b 2-2+.1-2+"]);
    assert_eq!(world.sought(), ["/d/f after 1-2"]);
}
