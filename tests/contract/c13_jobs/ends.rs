//! How jobs end, how many are open, and who may see what of them.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use super::Worker;
use super::server::{accepted, ends, post, served, start, text};
use crate::c12_writing::{names, once};
use crate::support::client::{Client, request};
use crate::support::harness::{TempDir, eventually};
use crate::support::machine::in_namespace;

const ASYNC: &str = "Prefer: respond-async";

pub fn is_sealed(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().readonly())
}

/// A directory with `jobs` on a disk of its own, which is small.
pub fn small_disk() -> TempDir {
    let dir = TempDir::new();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "none"])
        .arg(dir.path())
        .status();
    assert!(mount.expect("mount").success());
    dir.mkdir("jobs");
    dir
}

/// Takes all the space that is left but one page.
pub fn fill(dir: &TempDir) {
    let mut file = File::create(dir.join("filler")).expect("a file");
    while file.write_all(&[b'x'; 1024]).is_ok() {}
    let size = file.metadata().expect("a size").len();
    file.set_len((size / 4096 - 1) * 4096).expect("truncate");
}

#[test]
fn a_job_whose_worker_died_between_status_and_seal_is_sealed() {
    let (dir, server) = served(&[]);
    let mut client = Client::new(&server);
    let head = request("POST", "/jobs", &["Content-Length: 1", "TE: trailers"]);
    client.send(head + "x");
    let path = client.head().field("Content-Location").to_owned();
    dir.append(&path[1..], "answer");
    dir.write(&format!("{}.status", &path[1..]), "exit 3\n");
    let (body, trailer) = client.rest();
    assert_eq!((&*body, trailer), (&b"answer"[..], ends("exit 3")));
    let done = text(&dir, "jobs/done");
    assert_eq!(done.matches("\"status\":\"exit 3\"").count(), 1, "{done}");
}

#[test]
fn whoever_has_read_an_end_may_ask_for_the_next_job() {
    let (dir, server) = served(&["--jobs-max", "1"]);
    let _worker = Worker::start(&dir.join("jobs"), &[], "cat");
    for round in 0..60 {
        let body = format!("round {round}");
        let response = post(&server, &[], &body);
        assert_eq!(response.status, 200, "{round}: {response:?}");
        assert_eq!(response.body, body.as_bytes());
    }
}

#[test]
fn requests_at_the_same_time_open_no_more_jobs_than_may_be() {
    let (dir, server) = served(&["--jobs-max", "3", "--threads", "4"]);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let ask = || scope.spawn(|| post(&server, &[ASYNC], "x").status);
        let threads: Vec<_> = (0..40).map(|_| ask()).collect();
        let statuses = threads.into_iter().map(|thread| thread.join());
        statuses.map(|status| status.expect("a thread")).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(202), count(503)), (3, 37), "{statuses:?}");
    // Nothing is left of those that were refused.
    assert_eq!(names(&dir, "jobs").len(), 3 * 3 + 1);
}

#[test]
fn a_deadline_is_not_earlier_than_the_client_wants() {
    let (dir, server) = served(&[]);
    for _ in 0..3 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
        accepted(&server, &["Prefer: timeout=100"], "x");
        let queue = text(&dir, "jobs/queue");
        let line = queue.lines().last().expect("a line");
        let (_, rest) = line.split_once("\"deadline\":").expect("a deadline");
        let (deadline, _) = rest.split_once(',').expect("a number");
        let deadline: f64 = deadline.parse().expect("a number");
        assert!(
            deadline >= now.as_secs_f64() + 100.0,
            "{line} after {now:?}"
        );
    }
}

#[test]
fn what_was_kept_long_enough_goes_while_the_server_runs() {
    let (dir, server) = served(&["--job-keep", "1"]);
    let path = accepted(&server, &[], "x");
    let open = accepted(&server, &[], "x");
    assert_eq!(once(&server, "DELETE", &path, &[], "").status, 204);
    eventually("all of its files gone", || {
        let names = names(&dir, "jobs");
        names.iter().all(|name| !name.contains(&path[6..]))
    });
    assert!(dir.join(&open[1..]).exists());
}

#[test]
fn a_server_that_is_ending_takes_no_job_whose_body_comes_then() {
    let (dir, server) = served(&["--threads", "1"]);
    let mut idle = Client::new(&server);
    idle.get("/jobs/", &[]);
    let mut client = Client::new(&server);
    client.send(request("POST", "/jobs", &["Content-Length: 4"]) + "ha");
    eventually("a body that is read", || {
        fs::read_dir(format!("/proc/{}/fd", server.running.id())).is_ok_and(|files| {
            let mut files = files
                .flatten()
                .filter_map(|file| fs::read_link(file.path()).ok());
            files.any(|file| file.to_string_lossy().contains("/jobs/#"))
        })
    });
    server.running.signal(Signal::TERM);
    idle.assert_closed();
    client.send("lf");
    client.response().assert_error(503);
    assert_eq!(names(&dir, "jobs"), [""; 0]);
}

#[test]
fn methods_of_the_paths_of_jobs() {
    let (_dir, server) = served(&["--cors", "https://a.example"]);
    let path = accepted(&server, &[], "x");
    for (target, allow) in [
        ("/jobs", "GET, HEAD, OPTIONS, POST"),
        ("/jobs/", "GET, HEAD, OPTIONS, POST"),
        (&path, "GET, HEAD, OPTIONS, DELETE"),
        ("/jobs/queue", "GET, HEAD, OPTIONS"),
        ("/other", "GET, HEAD, OPTIONS"),
    ] {
        let response = once(&server, "OPTIONS", target, &[], "");
        assert_eq!(
            (response.status, response.field("Allow")),
            (204, allow),
            "{target}"
        );
        // A page that may post may also say which job it means.
        let fields = response.field("Access-Control-Allow-Headers").to_owned();
        assert_eq!(
            fields.contains("Idempotency-Key"),
            allow.len() > 18,
            "{target}"
        );
    }
}

#[test]
fn the_logs_of_the_directory_are_for_those_who_write() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    for name in [
        "queue",
        "queue.1",
        "queue-20260101.gz",
        "done.2",
        "a.request",
    ] {
        dir.write(&format!("jobs/{name}"), "secret");
    }
    dir.write("jobs/queued", "answer");
    let tokens = TempDir::with("tokens", "poster / ra\nwriter / rw\n");
    let file = tokens.join("tokens").display().to_string();
    let server = start(&dir, &["--token-file", &file, "--write", "/"]);
    let (poster, writer) = (
        "Authorization: Bearer poster",
        "Authorization: Bearer writer",
    );
    for name in [
        "queue",
        "queue.1",
        "queue-20260101.gz",
        "done.2",
        "a.request",
    ] {
        let path = format!("/jobs/{name}");
        let append = |token| once(&server, "POST", &path, &[token], "x").status;
        assert_eq!(
            (server.get(&path, &[poster]).status, append(poster)),
            (403, 403),
            "{name}"
        );
        assert_eq!(
            (server.get(&path, &[writer]).status, append(writer)),
            (200, 204),
            "{name}"
        );
    }
    let append = once(&server, "POST", "/jobs/queued", &[poster], "x");
    assert_eq!(
        (server.get("/jobs/queued", &[poster]).status, append.status),
        (200, 204)
    );
}

#[test]
fn a_key_that_is_empty_is_none() {
    let (_dir, server) = served(&[]);
    post(&server, &["Idempotency-Key:"], "x").assert_error(400);
}

#[test]
fn files_without_a_name_yet_go_at_the_start() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    for name in ["..a.job.17", ".a.status.4711"] {
        dir.write(&format!("jobs/{name}"), "half");
    }
    let others = [
        ".a.status.x",
        ".b",
        ".a.status.",
        "a.request",
        "a",
        ".a.job",
    ];
    for name in others {
        dir.write(&format!("jobs/{name}"), "{\"id\":\"a\"}");
    }
    let lock = dir.open("jobs/.a.status.x");
    dir.write("jobs/.b.status.1", "");
    let used = dir.open("jobs/.b.status.1");
    rustix::fs::flock(&used, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    let _server = start(&dir, &[]);
    let mut expected: Vec<String> = others.map(String::from).into();
    expected.extend(["queue".into(), ".b.status.1".into()]);
    expected.sort();
    assert_eq!(names(&dir, "jobs"), expected);
    drop((lock, used));
}

#[test]
fn an_end_on_a_full_disk_is_recorded_when_there_is_space() {
    in_namespace(
        module_path!(),
        "an_end_on_a_full_disk_is_recorded_when_there_is_space",
        || {
            let dir = small_disk();
            let server = start(&dir, &[]);
            let path = accepted(&server, &[], "x");
            // The last line of `done` ends where a page does: the next one needs a page, as the status does.
            let line = "{\"id\":\"other\",\"status\":\"0\"}";
            dir.write("jobs/done", format!("{line:<4095}\n"));
            fill(&dir);
            once(&server, "DELETE", &path, &[], "").assert_error(507);
            let said = || text(&dir, "jobs/done").matches("cancelled").count();
            assert_eq!(said(), 0);
            dir.remove("filler");
            eventually("the seal", || is_sealed(&dir.join(&path[1..])));
            assert_eq!(said(), 1);
            assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "cancelled\n");
        },
    );
}

#[test]
fn a_full_disk_refuses_jobs_and_leaves_whole_lines() {
    in_namespace(
        module_path!(),
        "a_full_disk_refuses_jobs_and_leaves_whole_lines",
        || {
            let dir = small_disk();
            let server = start(&dir, &[]);
            let mut statuses = Vec::new();
            while statuses.last() != Some(&507) {
                statuses.push(post(&server, &[ASYNC], &"x".repeat(500)).status);
            }
            let accepted = statuses.len() - 1;
            assert!(accepted > 2 && statuses[..accepted].iter().all(|status| *status == 202));
            let queue = text(&dir, "jobs/queue");
            assert_eq!(queue.lines().count(), accepted, "{queue}");
            assert!(queue.lines().all(|line| line.ends_with('}')), "{queue}");
            // A line that somebody has left half.
            dir.append("jobs/queue", "{\"id\":");
            let first = queue.split('"').nth(3).expect("an id").to_owned();
            for name in names(&dir, "jobs") {
                if name.contains(&first) {
                    fs::remove_file(dir.join("jobs").join(name)).expect("a file");
                }
            }
            let path = super::server::accepted(&server, &[], "small");
            let queue = text(&dir, "jobs/queue");
            let last = queue.lines().last().expect("a line");
            assert!(
                last.contains(&path[6..]) && last.starts_with("{\"id\":\""),
                "{last}"
            );
        },
    );
}

#[test]
fn what_a_command_has_done_is_not_lost_when_the_disk_is_full() {
    in_namespace(
        module_path!(),
        "what_a_command_has_done_is_not_lost_when_the_disk_is_full",
        || {
            let dir = small_disk();
            let server = start(&dir, &[]);
            let path = accepted(&server, &[], "x");
            let here = dir.path().display();
            let script = format!("head -c 1000000 /dev/zero; mv {here}/idle {here}/ran; exit 5");
            dir.write("idle", "");
            let mut worker = Worker::start(&dir.join("jobs"), &[], &script);
            eventually("a full disk", || dir.join("ran").exists());
            // Somebody makes space.
            let answer = File::options().write(true).open(dir.join(&path[1..]));
            answer.expect("an answer").set_len(10).expect("truncate");
            eventually("the seal", || is_sealed(&dir.join(&path[1..])));
            assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "exit 5\n");
            assert_eq!(text(&dir, "jobs/done").matches("exit 5").count(), 1);
            worker.signal(Signal::TERM);
            assert_eq!(worker.code(), Some(0));
        },
    );
}

#[test]
fn an_answer_that_is_sealed_by_hand_is_cancelled() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let mut client = Client::new(&server);
    client.tail(&path, &["Range: bytes=0-", "TE: trailers"]);
    let _worker = Worker::start(&dir.join("jobs"), &[], "echo started; sleep 1000");
    eventually("a command", || text(&dir, &path[1..]) == "started\n");
    dir.chmod(&path[1..], 0o444);
    // The end of the stream waits for what the worker says.
    assert_eq!(client.rest(), (b"started\n".into(), ends("cancelled")));
    eventually("a line", || {
        text(&dir, "jobs/done").contains("\"status\":\"cancelled\"")
    });
    assert_eq!(text(&dir, &format!("{}.status", &path[1..])), "cancelled\n");
}
