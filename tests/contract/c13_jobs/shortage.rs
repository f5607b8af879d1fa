//! `openrange work` where the machine lacks something: no job is lost by that.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::work::{accept, text, wait_for_end};
use crate::support::harness::{Running, TempDir, eventually, openrange};

/// Which line of the log says that a job waits.
const WAITS: &[&str] = &["job a: cannot", "trying again until it works"];

fn start(directory: &TempDir, command: &[&str]) -> Running {
    let path = directory.path().display().to_string();
    let arguments = [&["work", path.as_str(), "--"], command].concat();
    Running::new(openrange(&arguments))
}

/// How many descriptors a worker may have from now on.
fn limit(worker: &Running, most: u64) {
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(1024),
    };
    prlimit(Some(pid(worker)), Resource::Nofile, limit).expect("a limit");
}

#[test]
fn a_job_waits_while_its_worker_cannot_list_the_directory() {
    let directory = TempDir::new();
    accept(&directory, "first", "");
    let worker = start(&directory, &["cat"]);
    worker.stderr.wait_for(&["job first: it succeeded"]);
    limit(&worker, 3);
    directory.rename("queue", "queue.1");
    accept(&directory, "a", "content");
    worker.stderr.wait_for(&["cannot list the jobs"]);
    limit(&worker, 1024);
    wait_for_end(&directory, "a", "0");
}

#[test]
fn a_job_waits_while_its_worker_lacks_descriptors() {
    let mut waited = 0;
    // Where it fails depends on how many there are: when it takes the job, before its command, or when it starts that.
    for spare in 0..10 {
        let directory = TempDir::new();
        accept(&directory, "first", "");
        let worker = start(&directory, &["cat"]);
        worker.stderr.wait_for(&["job first: it succeeded"]);
        limit(&worker, first_free(worker.id()) + spare);
        accept(&directory, "a", "content");
        let waits = || WAITS.iter().all(|part| worker.stderr.count(part) > 0);
        let ended = || !text(&directory, "a.status").is_empty();
        eventually("a shortage or an end", || waits() || ended());
        waited += u32::from(waits());
        limit(&worker, 1024);
        wait_for_end(&directory, "a", "0");
        assert_eq!(text(&directory, "a"), "content", "{spare} spare");
    }
    assert!(waited > 2, "{waited}");
}

fn pid(worker: &Running) -> Pid {
    let number = i32::try_from(worker.id()).expect("a process id");
    Pid::from_raw(number).expect("a process id")
}

/// The first number that no descriptor of a process has.
fn first_free(process: u32) -> u64 {
    let path = |number: &u64| format!("/proc/{process}/fd/{number}");
    let is_free = |number: &u64| fs::symlink_metadata(path(number)).is_err();
    (0..).find(is_free).expect("a number")
}

#[test]
fn a_job_waits_while_its_program_is_replaced() {
    let (directory, programs) = (TempDir::new(), TempDir::new());
    programs.write("cat", "#!/bin/sh\nexec cat\n");
    programs.chmod("cat", 0o755);
    let program = programs.join("cat").display().to_string();
    let worker = start(&directory, &[&program]);
    worker.stderr.wait_for(&["there is no file queue yet"]);
    programs.rename("cat", "cat.old");
    accept(&directory, "a", "content");
    worker.stderr.wait_for(WAITS);
    programs.rename("cat.old", "cat");
    wait_for_end(&directory, "a", "0");
    assert_eq!(text(&directory, "a"), "content");
}

#[test]
fn a_program_that_nobody_may_execute_any_more_ends_its_jobs() {
    let (directory, programs) = (TempDir::new(), TempDir::new());
    programs.write("cat", "#!/bin/sh\nexec cat\n");
    programs.chmod("cat", 0o755);
    let program = programs.join("cat").display().to_string();
    let worker = start(&directory, &[&program]);
    worker.stderr.wait_for(&["there is no file queue yet"]);
    programs.chmod("cat", 0o644);
    accept(&directory, "a", "content");
    wait_for_end(&directory, "a", "exit 127");
}
