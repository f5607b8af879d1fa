//! A file `ID.status` that is empty or not understood: its job ends all the same, and once.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::Worker;
use super::ends::{fill, is_sealed, small_disk};
use super::server::{accepted, ends, served, start, text};
use crate::c12_writing::once;
use crate::support::client::{Client, request};
use crate::support::harness::{Server, TempDir, append, eventually};
use crate::support::machine::in_namespace;

/// What somebody has left in the file.
const DAMAGED: [&[u8]; 4] = [b"", b"mine\n", b"exit 999\n", b"\xff\xfe"];
/// Longer than anybody waits for a text that follows.
const OLD: Duration = Duration::from_secs(60);

fn damage(dir: &TempDir, path: &str, content: &[u8]) -> String {
    let name = format!("{}.status", &path[1..]);
    let file = File::create_new(dir.join(&name));
    file.and_then(|mut file| file.write_all(content))
        .expect("a status");
    name
}

/// Takes a job as a worker does that is another program.
fn take(dir: &TempDir, path: &str) -> File {
    let answer = dir.open(&path[1..]);
    rustix::fs::flock(&answer, FlockOperation::NonBlockingLockExclusive).expect("a lock");
    answer
}

/// The job is over, everybody says the same of its end, and `done` says it once.
fn wait_for_end(dir: &TempDir, path: &str, status: &str) {
    eventually(&format!("{status}, the seal"), || {
        is_sealed(&dir.join(&path[1..]))
    });
    let recorded = text(dir, &format!("{}.status", &path[1..]));
    assert_eq!(recorded, format!("{status}\n"));
    let done = text(dir, "jobs/done");
    let line = format!("{{\"id\":\"{}\",\"status\":\"{status}\",", &path[6..]);
    assert_eq!(done.matches(&line).count(), 1, "{done}");
    assert_eq!(done.matches(&path[6..]).count(), 1, "{done}");
}

fn asking(server: &Server, fields: &[&str]) -> (Client, String) {
    let mut client = Client::new(server);
    let fields = [fields, &["Content-Length: 1", "TE: trailers"]].concat();
    client.send(request("POST", "/jobs", &fields) + "x");
    let path = client.head().field("Content-Location").to_owned();
    (client, path)
}

#[test]
fn a_deadline_ends_a_job_whose_status_says_nothing() {
    let (dir, server) = served(&[]);
    let jobs = DAMAGED.map(|content| {
        let (client, path) = asking(&server, &["Prefer: timeout=5"]);
        let lock = take(&dir, &path);
        damage(&dir, &path, content);
        (client, path, lock)
    });
    for (mut client, path, _lock) in jobs {
        assert_eq!(client.rest(), (Vec::new(), ends("timeout")), "{path}");
        wait_for_end(&dir, &path, "timeout");
    }
}

#[test]
fn a_job_whose_worker_left_a_status_that_says_nothing_is_abandoned() {
    let (dir, server) = served(&[]);
    let jobs = DAMAGED.map(|content| {
        let (client, path) = asking(&server, &[]);
        dir.append(&path[1..], "answer");
        damage(&dir, &path, content);
        (client, path)
    });
    for (mut client, path) in jobs {
        assert_eq!(client.rest(), (b"answer".into(), ends("abandoned")));
        wait_for_end(&dir, &path, "abandoned");
    }
}

#[test]
fn a_client_cancels_a_job_whose_status_says_nothing() {
    let (dir, server) = served(&[]);
    thread::scope(|scope| {
        for (number, content) in DAMAGED.into_iter().enumerate() {
            let (dir, server) = (&dir, &server);
            scope.spawn(move || {
                let path = accepted(server, &[], "x");
                let _lock = take(dir, &path);
                let name = damage(dir, &path, content);
                if number % 2 == 0 {
                    dir.touch(&name, OLD);
                }
                assert_eq!(once(server, "DELETE", &path, &[], "").status, 204);
                wait_for_end(dir, &path, "cancelled");
            });
        }
    });
}

#[test]
fn a_server_that_starts_ends_jobs_whose_status_says_nothing() {
    let (dir, mut server) = served(&[]);
    let paths = DAMAGED.map(|_| accepted(&server, &[], "x"));
    let held = accepted(&server, &[], "x");
    assert!(server.stop().success());
    for (path, content) in paths.iter().zip(DAMAGED) {
        let name = damage(&dir, path, content);
        dir.touch(&name, OLD);
    }
    dir.touch(&damage(&dir, &held, b""), OLD);
    let lock = take(&dir, &held);
    for _ in 0..2 {
        server = start(&dir, &[]);
        for path in &paths {
            wait_for_end(&dir, path, "abandoned");
        }
        assert!(!is_sealed(&dir.join(&held[1..])));
        assert!(server.stop().success());
    }
    server = start(&dir, &[]);
    drop(lock);
    wait_for_end(&dir, &held, "abandoned");
    assert!(server.stop().success());
}

#[test]
fn a_seal_ends_a_job_whose_status_says_nothing() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let _lock = take(&dir, &path);
    let name = damage(&dir, &path, b"");
    dir.chmod(&path[1..], 0o444);
    eventually("a status", || text(&dir, &name) == "abandoned\n");
    eventually("a line", || !text(&dir, "jobs/done").is_empty());
    wait_for_end(&dir, &path, "abandoned");
}

#[test]
fn what_was_told_of_an_end_is_its_status() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    // A disk may have space for the line, and none for another file.
    let line = format!(
        "{{\"id\":\"{}\",\"status\":\"exit 3\",\"time\":1}}\n",
        &path[6..]
    );
    append(&dir.join("jobs/done"), line.as_bytes());
    damage(&dir, &path, b"");
    wait_for_end(&dir, &path, "exit 3");
}

#[test]
fn how_a_command_ended_counts_more_than_a_status_that_says_nothing() {
    for content in DAMAGED {
        let (dir, server) = served(&[]);
        let path = accepted(&server, &[], "x");
        let here = dir.path().display();
        let script = format!("echo begun; until [ -e {here}/go ]; do sleep 0.01; done; exit 3");
        let _worker = Worker::start(&dir.join("jobs"), &[], &script);
        eventually("a command", || text(&dir, &path[1..]) == "begun\n");
        damage(&dir, &path, content);
        dir.write("go", "");
        wait_for_end(&dir, &path, "exit 3");
    }
}

#[test]
fn a_worker_without_a_server_ends_a_job_whose_status_says_nothing() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    dir.write("jobs/queue", "");
    let accept = |id: &str| {
        dir.write(&format!("jobs/{id}.request"), "x");
        dir.write(&format!("jobs/{id}"), "");
    };
    let enqueue = |id: &str| {
        let line = format!("{{\"id\":\"{id}\"}}\n");
        append(&dir.join("jobs/queue"), line.as_bytes());
    };
    let _worker = Worker::start(&dir.join("jobs"), &[], "echo run");
    // From its end on, the worker follows the queue.
    accept("first");
    enqueue("first");
    wait_for_end(&dir, "/jobs/first", "0");
    for (number, content) in DAMAGED.into_iter().enumerate() {
        let id = format!("job{number}");
        let path = format!("/jobs/{id}");
        accept(&id);
        let name = damage(&dir, &path, content);
        dir.touch(&name, OLD);
        enqueue(&id);
        wait_for_end(&dir, &path, "abandoned");
        assert_eq!(text(&dir, &path[1..]), "");
    }
}

/// The worker in bash that the guide shows, over this directory.
struct Shell(Child);

impl Shell {
    fn start(directory: &TempDir) -> Shell {
        let guide = include_str!("../../../src/guide/jobs.md");
        let (_, script) = guide.split_once("```bash\n").expect("a script");
        let (script, _) = script.split_once("```").expect("its end");
        let here = directory.join("jobs").display().to_string();
        let script = script.replace("/srv/logs/resize", &here);
        // It is a group of its own: a pipe, which ends as a whole.
        let mut command = Command::new("setsid");
        command.args(["bash", "-c", &script]);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        Shell(command.spawn().expect("bash"))
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

#[test]
fn the_worker_of_the_guide_waits_for_space() {
    in_namespace(
        module_path!(),
        "the_worker_of_the_guide_waits_for_space",
        || {
            let dir = small_disk();
            let server = start(&dir, &[]);
            let path = accepted(&server, &[], "four");
            // Its answer, and nothing else, has space.
            dir.write(&path[1..], "before\n");
            fill(&dir);
            append(&dir.join("filler"), &[b'x'; 4096]);
            let _worker = Shell::start(&dir);
            eventually("an answer", || text(&dir, &path[1..]) == "before\n4\n");
            assert!(!is_sealed(&dir.join(&path[1..])));
            dir.remove("filler");
            wait_for_end(&dir, &path, "0");
            let names = crate::c12_writing::names(&dir, "jobs");
            assert_eq!(names.len(), 6, "{names:?}");
        },
    );
}
