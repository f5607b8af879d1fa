//! What the tracker does at intervals, if somebody sets the clock back.

use std::fs;
use std::time::Duration;

use openrange::job::JobStatus;
use openrange::jobs::tracker::Accepted;
use openrange::limits::{JOB_CLEAN_INTERVAL, JOB_LEAD_PATIENCE, JOB_SEAL_PATIENCE};

use super::{Jobs, KEEP, accept, accept_while, id};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

fn set_back(jobs: &Jobs) {
    *jobs.kernel.later.lock().expect("no panic") = Duration::ZERO;
}

#[test]
fn files_that_were_kept_long_enough_go_also_after_the_clock_was_set_back() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    jobs.kernel.pass(YEAR);
    jobs.tracker.turn();
    set_back(&jobs);
    jobs.tracker.turn();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    assert_eq!(jobs.tracker.end(id(1), JobStatus::Cancelled), Ok(true));
    jobs.kernel
        .pass(KEEP + 2 * JOB_LEAD_PATIENCE + JOB_CLEAN_INTERVAL);
    jobs.tracker.turn();
    assert!(!jobs.has(id(1).as_str()));
}

#[test]
fn an_answer_is_sealed_in_time_also_after_the_clock_was_set_back() {
    let jobs = Jobs::new(10);
    let path = jobs.dir.path();
    jobs.kernel.pass(YEAR);
    // A worker ends it before the server counts it as open, and dies before the seal.
    let accepted = accept_while(&jobs.tracker, path, id(1), || {
        let status = path.join(format!("{}.status", id(1)));
        fs::write(status, "0\n").expect("a status");
    });
    assert_eq!(accepted, Ok(Accepted::New));
    set_back(&jobs);
    jobs.tracker.turn();
    jobs.kernel.pass(JOB_SEAL_PATIENCE);
    jobs.tracker.turn();
    assert!(jobs.is_over(id(1)));
}
