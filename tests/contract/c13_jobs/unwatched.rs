//! Jobs where the limits of inotify are used up: everybody looks by themselves.

use std::fs;

use super::Worker;
use super::receiver::{Receiver, SECRET, status};
use super::server::{accepted, ends, post, start, text};
use crate::c12_writing::once;
use crate::support::client::{Client, request};
use crate::support::harness::{Running, Server, TempDir, eventually, openrange, until};
use crate::support::machine::in_namespace;

/// How many instances and watches of inotify the processes of this test may have from now on.
fn limit(instances: u32, watches: u32) {
    for (name, most) in [("instances", instances), ("watches", watches)] {
        let path = format!("/proc/sys/user/max_inotify_{name}");
        fs::write(path, most.to_string()).expect("a limit");
    }
}

fn jobs() -> TempDir {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    dir
}

fn hooks(dir: &TempDir, own: &TempDir, receiver: &Receiver) -> Running {
    let (jobs, secret) = (dir.join("jobs"), own.join("secret"));
    let (jobs, secret) = (jobs.display().to_string(), secret.display().to_string());
    let allow = ["--allow", &receiver.origin, "--secret", &secret, &jobs];
    Running::new(openrange(&[&["hooks"], &allow[..]].concat()))
}

/// A job whose worker is another program that leaves out the line of `done`.
fn ends_by_others(dir: &TempDir, server: &Server) {
    let mut client = Client::new(server);
    let head = request("POST", "/jobs", &["Content-Length: 1", "TE: trailers"]);
    client.send(head + "x");
    let path = client.head().field("Content-Location").to_owned();
    dir.append(&path[1..], "answer");
    dir.write(&format!("{}.status", &path[1..]), "exit 3\n");
    dir.chmod(&path[1..], 0o444);
    let (body, trailer) = client.rest();
    assert_eq!((&*body, trailer), (&b"answer"[..], ends("exit 3")));
    eventually("its line", || {
        text(dir, "jobs/done").matches("\"exit 3\"").count() == 1
    });
}

/// Makes a job once there is room: its server hears late of the end of the one before.
fn accepted_eventually(server: &Server, fields: &[&str], body: &str) -> String {
    let fields = [&["Prefer: respond-async"], fields].concat();
    let attempt = || Some(post(server, &fields, body)).filter(|response| response.status == 202);
    until("room", attempt).field("Location").to_owned()
}

#[test]
fn jobs_begin_end_and_are_told_of_where_nothing_can_be_watched() {
    let test = "jobs_begin_end_and_are_told_of_where_nothing_can_be_watched";
    in_namespace(module_path!(), test, || {
        for (instances, watches, named) in [
            (0, 100, "fs.inotify.max_user_instances"),
            (100, 0, "fs.inotify.max_user_watches"),
        ] {
            limit(instances, watches);
            let (dir, own) = (jobs(), TempDir::with("secret", format!("{SECRET}\n")));
            let server = start(&dir, &["--jobs-max", "1"]);
            server.log().wait_for(&["directory of the jobs", named]);
            let receiver = Receiver::start(|_, _| status(204));
            let hooks = hooks(&dir, &own, &receiver);
            hooks.stderr.wait_for(&["directory of the jobs", named]);
            ends_by_others(&dir, &server);
            // There is room for the next one, of which hooks has not read yet.
            let script = "cat; until [ -e stop ]; do sleep 0.01; done";
            let script = format!("cd {}; {script}", dir.path().display());
            let worker = Worker::start(&dir.join("jobs"), &[], &script);
            let callback = format!("Prefer: callback; url=\"{}/hook\"", receiver.origin);
            let path = accepted_eventually(&server, &[&callback], "body");
            eventually("a command", || text(&dir, &path[1..]) == "body");
            dir.write("stop", "");
            receiver.wait_for("/hook", &[&path[6..]]);
            assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "0\n");
            // And again, now that everybody has read their logs.
            dir.remove("stop");
            let path = accepted_eventually(&server, &[], "again");
            eventually("a command", || text(&dir, &path[1..]) == "again");
            assert_eq!(once(&server, "DELETE", &path, &[], "").status, 204);
            assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "cancelled\n");
            drop((worker, hooks));
        }
    });
}

#[test]
fn a_worker_that_can_watch_the_directory_but_not_the_queue_looks_at_it() {
    let test = "a_worker_that_can_watch_the_directory_but_not_the_queue_looks_at_it";
    in_namespace(module_path!(), test, || {
        limit(100, 0);
        let dir = jobs();
        let server = start(&dir, &[]);
        let first = accepted(&server, &[], "first");
        limit(100, 1);
        let _worker = Worker::start(&dir.join("jobs"), &[], "cat");
        eventually("the first job", || {
            text(&dir, &format!("{}.status", &first[1..])) == "0\n"
        });
        for _ in 0..2 {
            let next = accepted(&server, &[], "next");
            eventually("the next job", || {
                text(&dir, &format!("{}.status", &next[1..])) == "0\n"
            });
        }
    });
}
