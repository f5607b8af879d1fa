//! Replays what the fuzz targets were given and have found, so that no nightly compiler is needed to keep it found.

#[path = "check/conditional.rs"]
mod conditional;
#[path = "check/connection.rs"]
mod connection;
#[path = "check/date.rs"]
mod date;
#[path = "check/events.rs"]
mod events;
#[path = "check/range.rs"]
mod range;
#[path = "check/request.rs"]
mod request;
#[path = "check/target.rs"]
mod target;

use std::fs;
use std::path::{Path, PathBuf};

/// Gives every file of the target's corpus to its check. The name of the file is printed with a failure.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target);
    let entries =
        fs::read_dir(&directory).unwrap_or_else(|why| panic!("{}: {why}", directory.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(
        paths.len() >= 8,
        "only {} files in {}",
        paths.len(),
        directory.display()
    );
    for path in paths {
        println!("{}", path.display());
        check(&fs::read(&path).unwrap());
    }
}

#[test]
fn conditional() {
    replay("conditional", conditional::conditional);
}

#[test]
fn connection() {
    replay("connection", connection::connection);
}

#[test]
fn date() {
    replay("date", date::date);
}

#[test]
fn events() {
    replay("events", events::events);
}

#[test]
fn range() {
    replay("range", range::range);
}

#[test]
fn request() {
    replay("request", |bytes| drop(request::request(bytes)));
}

#[test]
fn target() {
    replay("target", target::target);
}
