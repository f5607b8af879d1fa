//! `worker::timers`: which is due, and when the next one is.

use std::time::Duration;

use openrange::time::Moment;
use openrange::worker::timers::{Timer, Timers};

#[test]
fn the_first_one_is_next() {
    let mut timers = Timers::new();
    assert_eq!(timers.next(), Moment::NEVER);
    timers.set(Timer::Cut, Moment(20));
    timers.set(Timer::Accept, Moment(10));
    assert_eq!(timers.next(), Moment(10));
    assert!(!timers.is_due(Timer::Accept, Moment(9)) && timers.is_due(Timer::Accept, Moment(10)));
    assert!(!timers.is_due(Timer::PollFiles, Moment::NEVER));
    timers.clear(Timer::Accept);
    assert!(!timers.is_set(Timer::Accept) && timers.is_set(Timer::Cut));
    assert_eq!(timers.next(), Moment(20));
    timers.set(Timer::Cut, Moment(5));
    assert_eq!(
        timers.next(),
        Moment(5),
        "an earlier moment replaces a later one"
    );
}

#[test]
fn what_repeats_keeps_its_pace() {
    let (mut timers, second) = (Timers::new(), Duration::from_secs(1));
    let mut repeat = |needed, now: u64| {
        timers.repeat(Timer::SweepFiles, needed, second, Moment(now));
        timers.next()
    };
    assert_eq!(repeat(false, 0), Moment::NEVER);
    assert_eq!(repeat(true, 100), Moment(1100));
    assert_eq!(repeat(true, 500), Moment(1100), "it is not put off");
    assert_eq!(repeat(true, 1099), Moment(1100));
    assert_eq!(repeat(true, 1100), Moment(2100), "it was due");
    assert_eq!(
        repeat(true, 9000),
        Moment(10_000),
        "moments that passed are not made up for"
    );
    assert_eq!(repeat(false, 9500), Moment::NEVER);
    assert_eq!(repeat(true, 9600), Moment(10_600));
}
