//! Files of jobs that somebody has removed: a repeated key means the same job while its files exist.

use std::fs;
use std::thread;

use rustix::fs::FlockOperation;

use super::Worker;
use super::server::{accepted, post, served, start, text};
use crate::c12_writing::once;
use crate::support::harness::{Server, TempDir, eventually};

/// What somebody has removed of a job.
const REMOVED: [&[&str]; 5] = [
    &["{}", "{}.request", "{}.status"],
    &["{}", "{}.status"],
    &["{}", "{}.request", "{}.status", ".{}.job", ".{}.taken"],
    &["{}.request"],
    &["{}"],
];

fn remove(dir: &TempDir, path: &str, names: &[&str]) {
    for name in names {
        dir.remove(&format!("jobs/{}", name.replace("{}", &path[6..])));
    }
}

/// A job with a key that has ended, and lacks some of its files.
fn ended(dir: &TempDir, server: &Server, names: &[&str]) -> String {
    let path = accepted(server, &["Idempotency-Key: \"key\""], "before");
    assert_eq!(once(server, "DELETE", &path, &[], "").status, 204);
    dir.write(&format!("jobs/.{}.taken", &path[6..]), "+");
    remove(dir, &path, names);
    path
}

#[test]
fn the_key_of_a_job_whose_files_are_gone_begins_a_new_one() {
    for names in REMOVED {
        for restarts in [false, true] {
            let (dir, mut server) = served(&[]);
            let path = ended(&dir, &server, names);
            if restarts {
                assert!(server.stop().success());
                server = start(&dir, &[]);
            }
            let again = accepted(&server, &["Idempotency-Key: \"key\""], "after");
            assert_eq!(again, path, "{names:?}, {restarts}");
            assert_eq!(text(&dir, "jobs/queue").lines().count(), 2, "{names:?}");
            assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "");
            // Nothing is left of the former one: a worker takes it for the first time.
            let _worker = Worker::start(&dir.join("jobs"), &[], "cat");
            let answer = post(&server, &["Idempotency-Key: \"key\""], "after");
            assert_eq!((answer.status, &*answer.body), (200, &b"after"[..]));
            assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "0\n");
            let taken = format!("jobs/.{}.taken", &path[6..]);
            assert_eq!(text(&dir, &taken), "+", "{names:?}");
            let done = text(&dir, "jobs/done");
            assert_eq!(done.matches("\"status\":\"0\"").count(), 1, "{done}");
        }
    }
}

#[test]
fn a_job_without_its_files_waits_for_room_as_others_do() {
    let (dir, server) = served(&["--jobs-max", "1"]);
    ended(&dir, &server, &["{}.request"]);
    let other = accepted(&server, &[], "other");
    let refused = post(&server, &["Idempotency-Key: \"key\""], "after");
    refused.assert_error(503);
    let why = String::from_utf8_lossy(&refused.body);
    assert!(why.contains("--jobs-max"), "{why}");
    assert_eq!(once(&server, "DELETE", &other, &[], "").status, 204);
    accepted(&server, &["Idempotency-Key: \"key\""], "after");
}

#[test]
fn nothing_is_made_anew_while_the_command_of_the_former_job_runs() {
    let (dir, server) = served(&[]);
    let here = dir.path().display();
    let script = format!("trap '' TERM; echo begun; until [ -e {here}/go ]; do sleep 0.01; done");
    let _worker = Worker::start(&dir.join("jobs"), &[], &script);
    let key = &["Idempotency-Key: \"key\""];
    let path = accepted(&server, key, "before");
    eventually("a command", || text(&dir, &path[1..]) == "begun\n");
    assert_eq!(once(&server, "DELETE", &path, &[], "").status, 204);
    remove(&dir, &path, REMOVED[0]);
    let taken = fs::File::open(dir.join(format!("jobs/.{}.taken", &path[6..])));
    let taken = taken.expect("a worker");
    let is_locked = rustix::fs::flock(&taken, FlockOperation::NonBlockingLockExclusive);
    assert!(is_locked.is_err(), "the worker has it");
    drop(taken);
    let again = thread::scope(|scope| {
        let again = scope.spawn(|| accepted(&server, key, "after"));
        // The request tries for a while, and finds the worker busy.
        eventually("a request that is stored", || {
            let fds = fs::read_dir(format!("/proc/{}/fd", server.running.id()));
            fds.is_ok_and(|fds| {
                let mut fds = fds.flatten().filter_map(|fd| fs::read_link(fd.path()).ok());
                fds.any(|file| file.to_string_lossy().contains("/jobs/#"))
            })
        });
        dir.write("go", "");
        again.join().expect("a thread")
    });
    assert_eq!(again, path);
    eventually("the end of the new job", || {
        text(&dir, &format!("{}.status", &path[1..])) == "0\n"
    });
    assert_eq!(text(&dir, &path[1..]), "begun\n");
}
