//! `openrange work`: a directory of jobs, filled here as a server fills it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::fs::FlockOperation;
use rustix::process::Signal;

use super::Worker;
use crate::support::harness::{BINARY, Running, TempDir, append, eventually, openrange, run};
use crate::support::machine::succeeds;

pub fn accept(directory: &TempDir, id: &str, body: &str) {
    directory.write(&format!("{id}.request"), body);
    append(&directory.join(id), b"");
    let line = format!(
        "{{\"id\":\"{id}\",\"deadline\":9999999999,\"content_type\":\"\",\"length\":{}}}\n",
        body.len()
    );
    append(&directory.join("queue"), line.as_bytes());
}

pub fn text(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_default()
}

fn is_sealed(directory: &TempDir, name: &str) -> bool {
    let meta = fs::metadata(directory.join(name)).expect("an answer");
    meta.permissions().mode() & 0o222 == 0
}

pub fn wait_for_end(directory: &TempDir, id: &str, status: &str) {
    eventually(&format!("the end of {id}"), || is_sealed(directory, id));
    assert_eq!(
        text(directory, &format!("{id}.status")),
        format!("{status}\n")
    );
    let line = format!("{{\"id\":\"{id}\",\"status\":\"{status}\",");
    assert_eq!(text(directory, "done").matches(&line).count(), 1, "{id}");
}

#[test]
fn the_answer_is_what_the_command_writes_and_its_end_is_recorded() {
    let directory = TempDir::new();
    accept(&directory, "a", "one\n");
    accept(&directory, "b", "two\n");
    let script =
        "cat; echo \"$OPENRANGE_JOB\" >&2; case $OPENRANGE_JOB in b) exit 3;; c) kill -9 $$;; esac";
    let mut worker = Worker::start(directory.path(), &["-j", "2"], script);
    wait_for_end(&directory, "a", "0");
    wait_for_end(&directory, "b", "exit 3");
    accept(&directory, "c", "");
    wait_for_end(&directory, "c", "signal 9");
    assert_eq!(text(&directory, "a"), "one\na\n");
    assert_eq!(text(&directory, "b"), "two\nb\n");
    worker.signal(Signal::TERM);
    assert_eq!(worker.code(), Some(0));
}

#[test]
fn the_log_says_in_words_how_a_job_ended() {
    let directory = TempDir::new();
    let path = directory.path().display().to_string();
    let script = "case $OPENRANGE_JOB in b) exit 3;; c) kill -9 $$;; esac";
    let mut worker = Running::new(openrange(&["work", &path, "--", "sh", "-c", script]));
    let missing = format!("{path}: there is no file queue yet");
    worker
        .stderr
        .wait_for(&[&missing, "directory of its --jobs"]);
    for id in ["a", "b", "c"] {
        accept(&directory, id, "");
    }
    for line in [
        "job a: it succeeded: exit status 0",
        "job b: it ended: exit 3",
        "job c: it ended: signal 9",
    ] {
        worker.stderr.wait_for(&[line]);
    }
    worker.signal(Signal::TERM);
    assert_eq!(worker.wait().code(), Some(0));
}

#[test]
fn a_worker_that_was_started_with_sigchld_ignored() {
    let directory = TempDir::new();
    accept(&directory, "a", "one\n");
    let path = directory.path().display().to_string();
    let mut env = Command::new("env");
    env.args(["--ignore-signal=CHLD", BINARY, "work"]);
    env.args([&path, "--", "sh", "-c", "cat; exit 3"]);
    let mut worker = Running::new(env);
    worker.stderr.wait_for(&["job a: it ended: exit 3"]);
    worker.signal(Signal::TERM);
    assert_eq!(worker.wait().code(), Some(0));
}

#[test]
fn the_queue_is_followed_across_its_rolls() {
    let directory = TempDir::new();
    let _worker = Worker::start(directory.path(), &[], "cat");
    for round in 0..4 {
        let id = format!("job-{round}");
        accept(&directory, &id, &id);
        if round % 2 == 1 {
            directory.rename("queue", &format!("queue.{round}"));
        }
        wait_for_end(&directory, &id, "0");
        assert_eq!(text(&directory, &id), id);
    }
}

/// No server has ended it, which runs elsewhere, or no more.
#[test]
fn a_job_whose_deadline_is_over_is_not_begun() {
    let directory = TempDir::new();
    accept(&directory, "late", "");
    let line = "{\"id\":\"late\",\"deadline\":1,\"content_type\":\"\",\"length\":0}\n";
    directory.write(".late.job", line);
    let _worker = Worker::start(directory.path(), &[], "echo begun");
    wait_for_end(&directory, "late", "timeout");
    assert_eq!(text(&directory, "late"), "");
}

#[test]
fn jobs_are_found_after_the_queue_was_truncated() {
    let directory = TempDir::new();
    let _worker = Worker::start(directory.path(), &[], "cat");
    for round in 0..3 {
        for id in ["a", "b"].map(|name| format!("{name}-{round}")) {
            accept(&directory, &id, &id);
            wait_for_end(&directory, &id, "0");
        }
        // As logrotate does with copytruncate. What follows is shorter than what was there.
        directory.write("queue", "");
        let id = format!("c-{round}");
        accept(&directory, &id, &id);
        wait_for_end(&directory, &id, "0");
    }
}

#[test]
fn open_jobs_are_found_while_no_queue_is_there() {
    let directory = TempDir::new();
    accept(&directory, "before", "before");
    directory.rename("queue", "queue.1");
    let _worker = Worker::start(directory.path(), &[], "cat");
    wait_for_end(&directory, "before", "0");
    // The queue may come and go before the worker looks.
    accept(&directory, "after", "after");
    directory.rename("queue", "queue.2");
    wait_for_end(&directory, "after", "0");
}

#[test]
fn each_job_runs_once_however_many_workers_there_are() {
    let directory = TempDir::new();
    let script = "echo run";
    let workers: Vec<Worker> = (0..4)
        .map(|_| Worker::start(directory.path(), &["-j", "2"], script))
        .collect();
    let ids: Vec<String> = (0..40).map(|number| format!("job-{number}")).collect();
    for id in &ids {
        accept(&directory, id, "");
    }
    for id in &ids {
        wait_for_end(&directory, id, "0");
        assert_eq!(text(&directory, id), "run\n", "{id}");
    }
    drop(workers);
}

#[test]
fn what_a_worker_that_died_has_left_is_abandoned_or_taken_again() {
    for (options, status, answer) in [
        (&[][..], "abandoned", "started\n"),
        (&["--retry", "1"], "0", "started\nstarted\n"),
    ] {
        let directory = TempDir::new();
        accept(&directory, "a", "");
        let script = "echo started; while [ ! -e go ]; do sleep 0.05; done";
        let script = format!("cd {}; {script}", directory.path().display());
        let mut first = Worker::start(directory.path(), &[], &script);
        eventually("a command", || text(&directory, "a") == "started\n");
        first.0.kill().expect("kill");
        first.code();
        directory.write("go", "");
        let _second = Worker::start(directory.path(), options, &script);
        wait_for_end(&directory, "a", status);
        assert_eq!(text(&directory, "a"), answer);
    }
}

#[test]
fn a_job_may_be_taken_again_as_often_as_a_number_says() {
    let directory = TempDir::new();
    let most = usize::MAX.to_string();
    let _worker = Worker::start(directory.path(), &["--retry", &most], "cat");
    accept(&directory, "a", "content");
    wait_for_end(&directory, "a", "0");
}

#[test]
fn a_job_is_abandoned_also_while_something_of_its_dead_worker_lives() {
    let directory = TempDir::new();
    let fifo = directory.join("fifo").display().to_string();
    assert!(succeeds("mkfifo", &[&fifo]));
    let script = format!("cat {fifo}; echo end");
    let mut worker = Worker::start(directory.path(), &[], &script);
    accept(&directory, "a", "");
    // The shell goes with its worker; what it has started stays as long as this.
    let held = fs::File::options().write(true).open(&fifo).expect("a fifo");
    worker.0.kill().expect("kill");
    worker.0.wait().expect("wait");
    let _second = Worker::start(directory.path(), &[], "echo second");
    wait_for_end(&directory, "a", "abandoned");
    drop(held);
    assert_eq!(text(&directory, "a"), "");
}

#[test]
fn a_locked_answer_is_somebody_elses() {
    let directory = TempDir::new();
    accept(&directory, "a", "");
    let lock = directory.open("a");
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).expect("a lock");
    let _worker = Worker::start(directory.path(), &[], "echo mine");
    accept(&directory, "b", "");
    wait_for_end(&directory, "b", "0");
    assert_eq!(text(&directory, "a"), "");
    drop(lock);
    wait_for_end(&directory, "a", "0");
}

#[test]
fn a_command_is_stopped_when_its_answer_is_sealed_by_another() {
    let directory = TempDir::new();
    accept(&directory, "a", "");
    let script = format!(
        "cd {}; trap 'echo stopped > trace; exit' TERM; echo started; while :; do sleep 0.05; done",
        directory.path().display()
    );
    let _worker = Worker::start(directory.path(), &[], &script);
    eventually("a command", || text(&directory, "a") == "started\n");
    directory.write("a.status", "cancelled\n");
    directory.chmod("a", 0o444);
    eventually("its end", || text(&directory, "trace") == "stopped\n");
    accept(&directory, "b", "");
    eventually("the next job", || text(&directory, "b") == "started\n");
    assert_eq!(text(&directory, "a.status"), "cancelled\n");
    assert_eq!(
        text(&directory, "done"),
        "",
        "who has decided writes the line"
    );
}

#[test]
fn a_deadline_that_passes_ends_the_job() {
    let directory = TempDir::new();
    directory.write(
        ".a.job",
        "{\"id\":\"a\",\"deadline\":1,\"content_type\":\"\",\"length\":0}\n",
    );
    accept(&directory, "a", "");
    let _worker = Worker::start(directory.path(), &[], "exec sleep 60");
    wait_for_end(&directory, "a", "timeout");
}

#[test]
fn wrong_arguments_are_one_line() {
    for (arguments, named) in [
        (&["work"][..], "DIR is missing"),
        (&["work", "."], "CMD is missing"),
        (&["work", ".", "--"], "CMD is missing"),
        (&["work", "-j", "0", ".", "--", "cat"], "--jobs 0"),
        (&["work", ".", "..", "--", "cat"], "only one DIR"),
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(named) && said.lines().count() == 1, "{said}");
    }
    let dir = TempDir::with("script", "echo");
    let script = dir.join("script").display().to_string();
    for (command, named) in [
        ("no-such-command", "PATH"),
        ("/no/such/command", "No such file"),
        (&script, "Permission denied"),
        ("/", "Is a directory"),
    ] {
        let (code, said) = run(&["work", ".", "--", command]);
        assert_eq!(code, Some(2), "{said}");
        let wanted = [command, named].iter().all(|part| said.contains(part));
        assert!(wanted && said.lines().count() == 1, "{said}");
    }
    let (code, said) = run(&["work", "/nowhere", "--", "cat"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("/nowhere") && said.contains("--jobs"),
        "{said}"
    );
}

#[test]
fn a_job_is_not_taken_again_while_something_of_its_dead_worker_still_writes() {
    let directory = TempDir::new();
    let fifo = directory.join("fifo").display().to_string();
    assert!(succeeds("mkfifo", &[&fifo]));
    // The shell goes with its worker; what it has started does not.
    let script = format!("cat {fifo}; echo end");
    let mut worker = Worker::start(directory.path(), &["--retry", "1"], &script);
    accept(&directory, "a", "");
    // Opens once the other side is there.
    let mut first = fs::File::options().write(true).open(&fifo).expect("a fifo");
    worker.0.kill().expect("kill");
    worker.0.wait().expect("wait");
    let answer = fs::File::open(directory.join("a")).expect("an answer");
    let lock = || rustix::fs::flock(&answer, FlockOperation::NonBlockingLockExclusive);
    assert!(lock().is_err(), "it is locked");
    let _second = Worker::start(directory.path(), &["--retry", "1"], "echo second");
    first.write_all(b"first\n").expect("a fifo");
    drop(first);
    wait_for_end(&directory, "a", "0");
    assert_eq!(text(&directory, "a"), "first\nsecond\n");
}
