//! Replays what the fuzz targets were given and have found, so that no nightly compiler is needed to keep it found.

use crate::properties::{conditional, date, events, follower, range, request, response, target};
use crate::support::corpus::replay;

#[test]
fn conditional() {
    replay("conditional", conditional::conditional);
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

#[test]
fn response() {
    replay("response", response::response);
}

#[test]
fn follower() {
    replay("follower", follower::follower);
}
