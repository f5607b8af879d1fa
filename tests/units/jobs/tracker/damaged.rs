//! A file `ID.status` that is empty or not understood.

use std::fs::{self, File};
use std::path::PathBuf;

use openrange::job::JobStatus;
use openrange::jobs::ending::Completion;
use openrange::jobs::record::JobRecord;
use openrange::jobs::tracker::Accepted;
use openrange::jobs::watch::Seen;
use openrange::limits::{JOB_SEAL_PATIENCE, JOB_TEXT_PATIENCE, JOB_TIMEOUT};
use openrange::receipt::WriteFailure;
use openrange::store::place::Stop;
use rustix::io::Errno;

use super::{Jobs, accept, id};

/// A job with an empty status, and the path of that. `heard`: the server knows that there is a file.
fn damaged(jobs: &Jobs, heard: bool) -> PathBuf {
    let path = jobs.dir.path();
    assert_eq!(accept(&jobs.tracker, path, id(1)), Ok(Accepted::New));
    let status = path.join(format!("{}.status", id(1)));
    File::create_new(&status).expect("a status");
    if heard {
        hear(jobs);
    }
    status
}

/// The server hears that a job has a status: it looks for room for another job, which cannot be stored.
fn hear(jobs: &Jobs) {
    let mut reports = jobs.reports.0.lock().expect("no panic");
    reports.push(Seen::Ended(id(1)));
    drop(reports);
    let record = JobRecord {
        id: id(2),
        deadline: 0,
        content_type: String::new(),
        length: 0,
        callback: None,
    };
    let refused = jobs.tracker.accept(&record, || Err(WriteFailure::Locked));
    assert_eq!(refused, Err(Stop::Failed(WriteFailure::Locked)));
    assert_eq!(jobs.tracker.open_jobs(), 0);
}

fn lines(jobs: &Jobs) -> usize {
    jobs.text("done").lines().count()
}

#[test]
fn a_text_that_follows_counts() {
    for heard in [false, true] {
        let jobs = Jobs::new(1);
        let status = damaged(&jobs, heard);
        let cancel = || jobs.tracker.end(id(1), JobStatus::Cancelled);
        assert_eq!(cancel(), Err(Errno::AGAIN));
        assert!(jobs.tracker.is_open(id(1)));
        fs::write(status, "exit 3\n").expect("a text");
        assert_eq!(cancel(), Ok(false));
        jobs.kernel.pass(JOB_SEAL_PATIENCE);
        jobs.tracker.turn();
        assert!(jobs.is_over(id(1)) && !jobs.tracker.is_open(id(1)));
        assert_eq!(jobs.text(&format!("{}.status", id(1))), "exit 3\n");
        assert_eq!(lines(&jobs), 1);
    }
}

#[test]
fn a_client_cancels_a_job_with_a_damaged_status_once() {
    for heard in [false, true] {
        let jobs = Jobs::new(1);
        damaged(&jobs, heard);
        jobs.kernel.pass(JOB_TEXT_PATIENCE);
        let cancel = || jobs.tracker.end(id(1), JobStatus::Cancelled);
        assert_eq!(cancel(), Ok(true));
        assert!(jobs.is_over(id(1)));
        assert_eq!(cancel(), Ok(false));
        jobs.kernel.pass(JOB_SEAL_PATIENCE);
        jobs.tracker.turn();
        assert_eq!(jobs.text(&format!("{}.status", id(1))), "cancelled\n");
        assert_eq!(lines(&jobs), 1);
    }
}

#[test]
fn a_job_with_a_damaged_status_is_open_while_a_worker_has_its_answer() {
    let jobs = Jobs::new(1);
    damaged(&jobs, true);
    let lock = File::open(jobs.dir.join(id(1).as_str())).expect("an answer");
    lock.lock().expect("a lock");
    jobs.kernel.pass(JOB_SEAL_PATIENCE);
    jobs.tracker.turn();
    assert!(!jobs.is_over(id(1)));
    assert_eq!((jobs.tracker.open_jobs(), lines(&jobs)), (1, 0));
    jobs.kernel.pass(JOB_TIMEOUT);
    jobs.tracker.turn();
    assert!(jobs.is_over(id(1)));
    assert_eq!(jobs.text(&format!("{}.status", id(1))), "timeout\n");
    assert_eq!((jobs.tracker.open_jobs(), lines(&jobs)), (0, 1));
}

#[test]
fn nobody_repairs_a_status_that_somebody_else_repairs() {
    let jobs = Jobs::new(1);
    let status = damaged(&jobs, false);
    jobs.kernel.pass(JOB_TEXT_PATIENCE);
    let directory = jobs.tracker.directory();
    let lock = File::open(status).expect("a status");
    lock.lock().expect("a lock");
    let ended = directory.end(id(1), JobStatus::Timeout);
    assert_eq!(ended, Err(Errno::AGAIN));
    let completed = directory.complete_end(id(1));
    assert_eq!(completed, Ok(Completion::Awaited));
    assert!(!jobs.is_over(id(1)));
    drop(lock);
    assert_eq!(directory.end(id(1), JobStatus::Timeout), Ok(true));
    assert_eq!(directory.end(id(1), JobStatus::Timeout), Ok(false));
    assert_eq!(lines(&jobs), 1);
}

#[test]
fn a_death_after_each_step_of_a_repair_leaves_an_end_that_is_completed() {
    // What was done before the death: a file without a name, the status, the line.
    for done in 0..=3 {
        let jobs = Jobs::new(1);
        let status = damaged(&jobs, false);
        jobs.kernel.pass(JOB_TEXT_PATIENCE);
        if done == 1 {
            let temporary = format!(".{}.status.4711", id(1));
            fs::write(jobs.dir.join(&temporary), "time").expect("a file");
        }
        if done >= 2 {
            fs::write(&status, "timeout\n").expect("a status");
        }
        if done == 3 {
            let line = openrange::jobs::record::done_line(id(1), JobStatus::Timeout, 1);
            fs::write(jobs.dir.join("done"), line).expect("a line");
        }
        let directory = jobs.tracker.directory();
        for _ in 0..2 {
            let completed = directory.complete_end(id(1));
            assert_eq!(completed, Ok(Completion::Whole), "{done}");
        }
        let expected = if done < 2 { "abandoned\n" } else { "timeout\n" };
        assert_eq!(jobs.text(&format!("{}.status", id(1))), expected, "{done}");
        assert!(jobs.is_over(id(1)), "{done}");
        assert_eq!(lines(&jobs), 1, "{done}");
    }
}
