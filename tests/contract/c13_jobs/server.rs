//! Jobs over HTTP: `--jobs`.

use std::fs;
use std::thread;

use super::Worker;
use crate::c12_writing::{once, write};
use crate::support::client::{Client, Response, get, request};
use crate::support::harness::{Server, TempDir, eventually, run};

pub fn served(options: &[&str]) -> (TempDir, Server) {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    let server = start(&dir, options);
    (dir, server)
}

pub fn start(dir: &TempDir, options: &[&str]) -> Server {
    let options = [&["--jobs", "/jobs", "--threads", "2"], options].concat();
    Server::with(dir, &options)
}

pub fn post(server: &Server, fields: &[&str], body: &str) -> Response {
    once(server, "POST", "/jobs", fields, body)
}

/// Makes a job and gives its path.
pub fn accepted(server: &Server, fields: &[&str], body: &str) -> String {
    let fields = [&["Prefer: respond-async"], fields].concat();
    let response = post(server, &fields, body);
    assert_eq!(response.status, 202, "{response:?}");
    assert_eq!(response.field("Preference-Applied"), "respond-async");
    response.field("Location").to_owned()
}

/// A client that has asked for a job and waits for its answer.
fn asking(server: &Server, fields: &[&str], body: &str) -> Client {
    let mut client = Client::new(server);
    let length = format!("Content-Length: {}", body.len());
    let fields = [fields, &[length.as_str(), "TE: trailers"]].concat();
    client.send(request("POST", "/jobs", &fields) + body);
    client
}

/// The trailer of an answer whose job ended so.
pub fn ends(status: &str) -> Vec<(String, String)> {
    let fields = [("Tail-End", "sealed"), ("Job-Status", status)];
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

pub fn text(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_default()
}

#[test]
fn the_answer_streams_while_it_is_written_and_ends_with_the_seal() {
    let (dir, server) = served(&[]);
    let mut client = asking(&server, &["Content-Type: text/x"], "question");
    let head = client.head();
    assert_eq!(head.status, 200, "{head:?}");
    assert_eq!(head.field("Trailer"), "Tail-End, Job-Status");
    let path = head.field("Content-Location").to_owned();
    let id = path.strip_prefix("/jobs/").expect("an answer").to_owned();
    assert_eq!(text(&dir, &format!("jobs/{id}.request")), "question");
    let queue = text(&dir, "jobs/queue");
    let line = format!("{{\"id\":\"{id}\",\"deadline\":");
    assert!(queue.starts_with(&line), "{queue}");
    let rest = ",\"content_type\":\"text/x\",\"length\":8}\n";
    assert!(queue.ends_with(rest), "{queue}");
    dir.append(&format!("jobs/{id}"), "one\n");
    assert_eq!(client.take(4), b"one\n");
    let script = "cat; exit 7";
    let _worker = Worker::start(&dir.join("jobs"), &[], script);
    let (body, trailer) = client.rest();
    assert_eq!(body, b"question");
    assert_eq!(trailer, ends("exit 7"));
    // It is an ordinary file from then on, and the connection serves further requests.
    let again = client.get(&path, &["Range: bytes=0-"]);
    assert_eq!((again.status, &*again.body), (206, &b"one\nquestion"[..]));
}

#[test]
fn a_client_that_does_not_wait_finds_the_answer_at_its_location() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let mut tail = server.tail(&path, 0);
    let _worker = Worker::start(&dir.join("jobs"), &[], "cat; echo y");
    tail.wait_for(3);
    assert_eq!(tail.body, b"xy\n");
    // Patience that is long enough.
    let response = post(&server, &["Prefer: respond-async, wait=60"], "z");
    assert_eq!((response.status, &*response.body), (200, &b"zy\n"[..]));
    assert!(response.field("Content-Location").starts_with("/jobs/"));
}

#[test]
fn patience_ends_and_a_client_that_leaves_meanwhile_is_gone() {
    let (dir, server) = served(&[]);
    let response = post(&server, &["Prefer: respond-async, wait=1"], "x");
    assert_eq!(response.status, 202);
    let waiting = asking(&server, &["Prefer: respond-async;wait=60, wait=60"], "x");
    eventually("a second job", || {
        text(&dir, "jobs/queue").lines().count() == 2
    });
    let before = server.running.descriptors();
    drop(waiting);
    eventually("its descriptors", || server.running.descriptors() < before);
    // Its job goes on.
    let _worker = Worker::start(&dir.join("jobs"), &[], "cat");
    eventually("both ends", || {
        text(&dir, "jobs/done").matches("\"status\":\"0\"").count() == 2
    });
}

#[test]
fn deadlines_and_cancellation_end_a_job() {
    let (dir, server) = served(&["--job-timeout", "1"]);
    let mut late = asking(&server, &[], "x");
    let mut cancelled = asking(&server, &["Prefer: timeout=3000"], "x");
    let path = cancelled.head().field("Content-Location").to_owned();
    let response = once(&server, "DELETE", &path, &[], "");
    assert_eq!(response.status, 204, "{response:?}");
    assert_eq!(cancelled.rest().1, ends("cancelled"));
    late.head();
    assert_eq!(late.rest().1, ends("timeout"));
    let done = text(&dir, "jobs/done");
    assert_eq!(done.lines().count(), 2, "{done}");
    // Once more changes nothing, and what is no job is not there.
    assert_eq!(once(&server, "DELETE", &path, &[], "").status, 204);
    assert_eq!(text(&dir, "jobs/done"), done);
    once(&server, "DELETE", "/jobs/nothing", &[], "").assert_error(404);
    assert!(dir.join(&path[1..]).exists());
}

#[test]
fn the_same_key_is_the_same_job() {
    let (dir, server) = served(&[]);
    let key = &["Idempotency-Key: \"one\""];
    let path = accepted(&server, key, "body");
    let others: Vec<String> = thread::scope(|scope| {
        let ask = || scope.spawn(|| accepted(&server, &["Idempotency-Key: \"two\""], "body"));
        let threads: Vec<_> = (0..100).map(|_| ask()).collect();
        let paths = threads
            .into_iter()
            .map(|thread| thread.join().expect("a thread"));
        paths.collect()
    });
    assert!(
        others
            .iter()
            .all(|other| *other == others[0] && *other != path)
    );
    assert_eq!(accepted(&server, key, "body"), path);
    assert_eq!(text(&dir, "jobs/queue").lines().count(), 2);
    post(&server, key, "other").assert_error(422);
    // Also when it has ended, and after a restart.
    assert_eq!(once(&server, "DELETE", &path, &[], "").status, 204);
    assert!(server.stop().success());
    let server = start(&dir, &[]);
    let response = post(&server, key, "body");
    assert_eq!(response.status, 200);
    assert_eq!(response.field("Content-Location"), path);
}

#[test]
fn a_long_request_that_comes_again_is_the_same_to_its_last_byte() {
    let (dir, server) = served(&[]);
    let key = &["Idempotency-Key: \"long\""];
    let mut body = "x".repeat(1_000_000);
    let path = accepted(&server, key, &body);
    thread::scope(|scope| {
        let ask = || scope.spawn(|| accepted(&server, key, &body));
        let threads: Vec<_> = (0..8).map(|_| ask()).collect();
        for thread in threads {
            assert_eq!(thread.join().expect("a thread"), path);
        }
    });
    body.pop();
    post(&server, key, &body).assert_error(422);
    body.push('y');
    post(&server, key, &body).assert_error(422);
    assert_eq!(text(&dir, "jobs/queue").lines().count(), 1);
}

#[test]
fn no_more_jobs_are_open_than_may_be_also_after_a_restart() {
    let (dir, server) = served(&["--jobs-max", "2"]);
    let first = accepted(&server, &[], "x");
    accepted(&server, &["Idempotency-Key: \"k\""], "x");
    let refused = post(&server, &[], "x");
    refused.assert_error(503);
    assert_eq!(refused.field("Retry-After"), "1");
    accepted(&server, &["Idempotency-Key: \"k\""], "x");
    assert!(server.stop().success());
    let server = start(&dir, &["--jobs-max", "2"]);
    post(&server, &[], "x").assert_error(503);
    // A worker of other authors ends one.
    let id = first.strip_prefix("/jobs/").expect("a path");
    dir.write(&format!("jobs/{id}.status"), "0\n");
    dir.chmod(&first[1..], 0o444);
    eventually("room", || {
        post(&server, &["Prefer: respond-async"], "x").status == 202
    });
}

#[test]
fn what_a_server_that_died_has_left_is_completed_or_removed() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    let record = |id: &str| {
        format!("{{\"id\":\"{id}\",\"deadline\":9999999999,\"content_type\":\"\",\"length\":0}}\n")
    };
    for id in ["claimed", "unqueued", "ended"] {
        dir.write(&format!("jobs/.{id}.job"), record(id));
        dir.write(&format!("jobs/{id}"), "");
    }
    for id in ["unqueued", "ended"] {
        dir.write(&format!("jobs/{id}.request"), "");
    }
    dir.write("jobs/ended.status", "exit 1\n");
    let server = start(&dir, &[]);
    // A worker that begins finds a request before its line, so the job may have ended without one.
    assert_eq!(
        text(&dir, "jobs/queue"),
        record("ended") + &record("unqueued")
    );
    assert!(!dir.join("jobs/claimed").exists() && !dir.join("jobs/.claimed.job").exists());
    assert!(text(&dir, "jobs/done").contains("\"id\":\"ended\",\"status\":\"exit 1\""));
    let tail = server.get("/jobs/ended", &["Range: bytes=0-"]);
    assert_eq!(tail.status, 416, "sealed and empty");
}

/// As a worker of other authors does it, who leaves out a step or two.
#[test]
fn the_seal_ends_a_job_whatever_else_its_worker_records() {
    let (dir, server) = served(&["--jobs-max", "1"]);
    for (has_status, has_line) in [(true, true), (true, false), (false, false)] {
        let mut client = asking(&server, &[], "x");
        let path = client.head().field("Content-Location").to_owned();
        let id = path.strip_prefix("/jobs/").expect("an answer");
        dir.append(&path[1..], "answer\n");
        if has_status {
            dir.write(&format!("jobs/{id}.status"), "exit 2\n");
        }
        let line = format!("{{\"id\":\"{id}\",\"status\":\"exit 2\",\"time\":1}}\n");
        if has_line {
            dir.write("jobs/done", &line);
        }
        dir.chmod(&path[1..], 0o444);
        let status = if has_status { "exit 2" } else { "0" };
        let (body, trailer) = client.rest();
        assert_eq!(body, b"answer\n");
        assert_eq!(trailer, ends(status), "{has_status} {has_line}");
        let text = |name: &str| text(&dir, &format!("jobs/{name}"));
        assert_eq!(text(&format!("{id}.status")).trim_end(), status);
        let lines = || text("done").matches(id).count();
        eventually("a line of done", || lines() == 1);
        // There is room for the next one.
        let next = accepted(&server, &[], "y");
        assert_eq!(once(&server, "DELETE", &next, &[], "").status, 204);
        assert_eq!(lines(), 1);
    }
}

#[test]
fn files_of_ended_jobs_go_when_they_have_been_kept() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let open = accepted(&server, &[], "x");
    assert_eq!(once(&server, "DELETE", &path, &[], "").status, 204);
    assert!(server.stop().success());
    let _server = start(&dir, &["--job-keep", "0"]);
    eventually("it is gone", || !dir.join(&path[1..]).exists());
    assert!(dir.join(&open[1..]).exists());
}

#[test]
fn rights_of_tokens() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    let tokens = TempDir::with("tokens", "poster / a\nreader / r\nwriter / rw\n");
    let file = tokens.join("tokens").display().to_string();
    let server = start(&dir, &["--token-file", &file]);
    let token = |name: &str| format!("Authorization: Bearer {name}");
    let (poster, reader, writer) = (token("poster"), token("reader"), token("writer"));
    post(&server, &[], "x").assert_error(401);
    post(&server, &[&reader], "x").assert_error(403);
    let path = accepted(&server, &[&poster], "x");
    let read = |path: &str, token: &str| get(&server, path, &[token]).status;
    assert_eq!((read(&path, &poster), read(&path, &reader)), (403, 200));
    for secret in ["/jobs/queue", &format!("{path}.request")] {
        assert_eq!(
            (read(secret, &reader), read(secret, &writer)),
            (403, 200),
            "{secret}"
        );
    }
    let accept = "Accept: text/event-stream";
    for files in ["queue", "*", "done,x"] {
        let target = format!("/jobs/?files={files}");
        assert_eq!(
            get(&server, &target, &[&reader, accept]).status,
            403,
            "{files}"
        );
    }
    let cancel = |token: &str| once(&server, "DELETE", &path, &[token], "").status;
    assert_eq!((cancel(&reader), cancel(&poster)), (403, 204));
}

#[test]
fn other_names_stay_as_they_are() {
    let (dir, server) = served(&[]);
    dir.write("log", "x");
    for (method, target) in [
        ("POST", "/log"),
        ("POST", "/jobs/queue"),
        ("DELETE", "/log"),
        ("PUT", "/jobs"),
    ] {
        let status = once(&server, method, target, &[], "x").status;
        assert!((400..500).contains(&status), "{method} {target}: {status}");
    }
    assert_eq!(text(&dir, "log"), "x");
    // A body that is larger than what may be held in memory, and a connection that stays.
    let mut client = Client::new(&server);
    let large = "l".repeat(3 << 20);
    for _ in 0..2 {
        let response = write(
            &mut client,
            "POST",
            "/jobs/",
            &["Prefer: respond-async"],
            &large,
        );
        assert_eq!(response.status, 202);
        let name = format!("{}.request", response.field("Location"));
        assert_eq!(text(&dir, &name[1..]), large);
    }
}

#[test]
fn what_cannot_be_used_is_said_at_the_start() {
    let dir = TempDir::with("file", "");
    let root = dir.path().display().to_string();
    for (options, named) in [
        (&["--jobs", "/none"][..], "/none"),
        (&["--jobs", "/file"], "/file"),
        (&["--jobs", "/.", "--listen", "0.0.0.0:0"], "--jobs"),
    ] {
        let (code, said) = run(&[options, &["--listen", "127.0.0.1:0", &root]].concat());
        assert!(matches!(code, Some(1 | 2)), "{said}");
        assert!(said.lines().any(|line| line.contains(named)), "{said}");
    }
}
