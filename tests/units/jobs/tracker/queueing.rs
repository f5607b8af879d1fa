//! A job whose line cannot be appended to `queue`.

use std::fs;

use openrange::jobs::tracker::Accepted;
use openrange::limits::JOB_LOCKED_PAUSE;
use openrange::store::place::Stop;

use super::{Jobs, accept, accept_while, id};

fn lack_descriptors(jobs: &Jobs, is_short: bool) {
    *jobs.kernel.is_short.lock().expect("no panic") = is_short;
}

#[test]
fn a_job_that_can_be_neither_queued_nor_withdrawn_is_queued_later() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    let accepted = accept_while(&jobs.tracker, path, id(1), || lack_descriptors(&jobs, true));
    assert_eq!(accepted, Ok(Accepted::New));
    assert!(jobs.tracker.is_open(id(1)), "its deadline ends it");
    assert!(jobs.tracker.turn() <= JOB_LOCKED_PAUSE);
    assert_eq!(jobs.text("queue"), "");
    lack_descriptors(&jobs, false);
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::Before));
    assert!(jobs.tracker.turn() > JOB_LOCKED_PAUSE);
    jobs.tracker.turn();
    assert!(jobs.text("queue").contains(id(1).as_str()));
    assert_eq!(jobs.text("queue").lines().count(), 1);
}

#[test]
fn a_job_that_was_taken_before_it_could_be_queued_gets_its_line() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    // No file can be appended to there.
    let accepted = accept_while(&jobs.tracker, path, id(1), || {
        fs::create_dir(path.join("queue")).expect("a directory");
        fs::write(path.join(format!(".{}.taken", id(1))), "+").expect("a file");
    });
    assert_eq!(accepted, Ok(Accepted::New));
    fs::remove_dir(path.join("queue")).expect("a directory");
    jobs.tracker.turn();
    assert_eq!(jobs.text("queue").lines().count(), 1);
}

#[test]
fn nothing_is_left_of_a_job_that_can_be_withdrawn() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    fs::create_dir(path.join("queue")).expect("a directory");
    let accepted = accept(&jobs.tracker, path, id(1));
    assert!(matches!(accepted, Err(Stop::Failed(_))), "{accepted:?}");
    assert_eq!(fs::read_dir(path).expect("a directory").count(), 1);
    assert!(!jobs.tracker.is_open(id(1)));
}
