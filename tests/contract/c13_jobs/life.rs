//! The life of a job with crashes of server, worker and client: each accepted job ends exactly once, and an answer is whole
//! or its status says why.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::Worker;
use crate::support::client::{Client, request};
use crate::support::harness::{Server, TempDir, append, eventually, openrange};
use crate::support::random::Random;
use crate::support::reader::{Head, Piece};

/// The name of the job that a request without a token has with this key.
fn id_of(key: &str) -> String {
    let digest = hmac_sha256::Hash::hash(format!("\0\"{key}\"").as_bytes());
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A whole response.
#[derive(Debug)]
struct Answer {
    head: Head,
    body: String,
    trailer: Vec<(String, String)>,
}

/// Asks for the job of a key. `None`: there was no whole response.
fn ask(address: &str, key: &str, body: &str) -> Option<Answer> {
    let mut client = Client::try_to(address).ok()?;
    let fields = [
        format!("Idempotency-Key: \"{key}\""),
        format!("Content-Length: {}", body.len()),
        "TE: trailers".into(),
    ];
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    client
        .try_send(request("POST", "/jobs", &fields) + body)
        .ok()?;
    let head = client.try_head().ok()?;
    let mut body = Vec::new();
    loop {
        match client.try_piece(usize::MAX).ok()? {
            Piece::Data(data) => body.extend(data),
            Piece::End(trailer) => {
                let body = String::from_utf8(body).expect("text");
                return Some(Answer {
                    head,
                    body,
                    trailer,
                });
            }
            Piece::Head(head) => panic!("no body, but {head:?}"),
        }
    }
}

/// How a job ended that a whole response tells of.
fn status(response: &Answer) -> Option<&str> {
    let mut trailer = response.trailer.iter();
    let found = trailer.find(|(name, _)| name == "Job-Status");
    found.map(|(_, value)| value.as_str())
}

fn text(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.join(format!("jobs/{name}"))).unwrap_or_default()
}

/// What holds of every job that has ended.
fn check(dir: &TempDir, id: &str) -> String {
    let ended = text(dir, &format!("{id}.status"));
    let ended = ended.strip_suffix('\n').expect("one status").to_owned();
    let done = text(dir, "done");
    let lines = done.lines().filter(|line| line.contains(id));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 1, "{id} in {done}");
    let line = format!("{{\"id\":\"{id}\",\"status\":\"{ended}\",");
    assert!(lines[0].starts_with(&line), "{lines:?}");
    let mode = fs::metadata(dir.join(format!("jobs/{id}"))).expect("an answer");
    assert_eq!(mode.permissions().mode() & 0o222, 0, "{id} is sealed");
    ended
}

#[test]
fn whatever_was_done_when_somebody_died_is_completed() {
    const BODY: &str = "body";
    let id = id_of("key");
    let record = format!(
        "{{\"id\":\"{id}\",\"deadline\":9999999999,\"content_type\":\"\",\"length\":{}}}\n",
        BODY.len()
    );
    // What server and worker do for a job, in this order, each a change that the next one sees.
    let steps: [(&str, &str); 10] = [
        (&format!("..{id}.job.1234"), &record),
        (&format!(".{id}.job"), &record),
        (&id, ""),
        (&format!("{id}.request"), BODY),
        ("queue", &record),
        (&format!(".{id}.taken"), "+"),
        (&id, "bo"),
        (&id, "dy\n"),
        (&format!("{id}.status"), "0\n"),
        (
            "done",
            &format!("{{\"id\":\"{id}\",\"status\":\"0\",\"time\":1}}\n"),
        ),
    ];
    for retry in ["0", "3"] {
        for died in 0..=steps.len() {
            let dir = TempDir::new();
            dir.mkdir("jobs");
            for (name, content) in &steps[..died] {
                append(&dir.join(format!("jobs/{name}")), content.as_bytes());
            }
            let server = Server::with(&dir, &["--jobs", "/jobs", "--threads", "1"]);
            let _worker = Worker::start(&dir.join("jobs"), &["--retry", retry], "cat; echo");
            let response = ask(&server.address, "key", BODY).expect("an answer");
            let what = format!("{died} steps, --retry {retry}: {response:?}");
            eventually(&what, || !text(&dir, "done").is_empty());
            let ended = check(&dir, &id);
            assert_eq!(
                response.head.field("Content-Location"),
                format!("/jobs/{id}"),
                "{what}"
            );
            let answer = &response.body;
            let queue = text(&dir, "queue");
            assert_eq!(queue.matches(&id).count(), 1, "{what}: {queue}");
            // Nobody knows whether a command that has begun did something.
            let begun = (6..=8).contains(&died);
            match begun && retry == "0" {
                true => assert_eq!(ended, "abandoned", "{what}"),
                false => {
                    assert_eq!(ended, "0", "{what}");
                    assert!(answer.ends_with("body\n"), "{what}");
                }
            }
            // A file that is sealed and was never followed has its size, and no trailer.
            assert!(status(&response).is_none_or(|told| told == ended), "{what}");
            assert!(
                !dir.join(format!("jobs/..{id}.job.1234")).exists(),
                "{what}"
            );
        }
    }
}

/// A worker that begins looks for requests itself: it can be done with a job whose server has died before the line.
#[test]
fn a_job_that_ended_before_it_was_queued_is_queued() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    let record = |id: &str| {
        format!("{{\"id\":\"{id}\",\"deadline\":9999999999,\"content_type\":\"\",\"length\":1}}\n")
    };
    let job = |id: &str| {
        for (name, content) in [
            (&format!(".{id}.job"), &*record(id)),
            (&id.to_owned(), ""),
            (&format!("{id}.request"), "x"),
        ] {
            append(&dir.join(format!("jobs/{name}")), content.as_bytes());
        }
    };
    // The line of this one is in a file that was rolled.
    job("first");
    dir.touch("jobs/first.request", Duration::from_secs(1000));
    job("second");
    append(&dir.join("jobs/queue"), record("second").as_bytes());
    job("third");
    {
        let _worker = Worker::start(&dir.join("jobs"), &[], "cat; echo");
        eventually("all of them to end", || {
            text(&dir, "done").lines().count() == 3
        });
    }
    for _ in 0..2 {
        let server = Server::with(&dir, &["--jobs", "/jobs"]);
        assert_eq!(text(&dir, "queue"), record("second") + &record("third"));
        assert!(server.stop().success());
    }
    for id in ["first", "second", "third"] {
        assert_eq!(check(&dir, id), "0");
    }
}

/// Children that are killed and started again and again.
struct Stage {
    dir: TempDir,
    address: String,
}

impl Stage {
    fn start(&self, role: usize) -> Child {
        let (root, jobs) = (self.dir.path().display(), self.dir.join("jobs"));
        let (root, jobs) = (root.to_string(), jobs.display().to_string());
        let server = [
            "--listen",
            &self.address,
            "--jobs",
            "/jobs",
            "--threads",
            "2",
            &root,
        ];
        let script = "cat; sleep 0.01; echo end";
        let worker = [
            "work", "-j", "3", "--retry", "1000", &jobs, "--", "sh", "-c", script,
        ];
        let mut command: Command = openrange(if role == 0 { &server } else { &worker });
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().expect("the binary")
    }
}

#[test]
fn jobs_of_clients_that_repeat_survive_everybody_being_killed() {
    const CLIENTS: usize = 4;
    const JOBS: usize = 12;
    let sockets = TempDir::new();
    let stage = Stage {
        dir: TempDir::new(),
        address: format!("unix:{}", sockets.join("s").display()),
    };
    stage.dir.mkdir("jobs");
    let (over, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut random = Random::new(7);
            let mut children: Vec<Child> = (0..3).map(|role| stage.start(role)).collect();
            let mut kills = 0;
            while !over.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(20 + random.below(80)));
                let role = usize::try_from(random.below(3)).expect("small");
                // A crash takes the commands of a worker with it.
                children[role].kill().expect("kill");
                children[role].wait().expect("wait");
                kills += 1;
                children[role] = stage.start(role);
            }
            for child in &mut children {
                child.kill().expect("kill");
                child.wait().expect("wait");
            }
            kills
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (stage, ended) = (&stage, &ended);
                scope.spawn(move || {
                    for number in 0..JOBS {
                        let key = format!("{client}-{number}");
                        let body = format!("{key}\n").repeat(number * 500 + 1);
                        let whole = || loop {
                            match ask(&stage.address, &key, &body) {
                                Some(response) if response.head.status == 200 => return response,
                                Some(response) => {
                                    assert_eq!(response.head.status, 503, "{response:?}")
                                }
                                None => thread::sleep(Duration::from_millis(5)),
                            }
                        };
                        let response = whole();
                        let answer = response.body;
                        assert!(
                            answer.ends_with(&format!("{body}end\n")),
                            "{key}: {answer:?}"
                        );
                        ended.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let results: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        over.store(true, Ordering::Relaxed);
        let kills: usize = killer.join().expect("a killer");
        assert!(results.iter().all(Result::is_ok));
        assert!(kills > 3, "{kills}");
    });
    assert_eq!(ended.load(Ordering::Relaxed), CLIENTS * JOBS);
    // What was left half-done is completed by the next server.
    let server = Server::with(&stage.dir, &["--jobs", "/jobs"]);
    let mut accepted: HashMap<String, usize> = HashMap::new();
    for line in text(&stage.dir, "queue").lines() {
        let id = line.split('"').nth(3).expect("an id").to_owned();
        *accepted.entry(id).or_default() += 1;
    }
    assert_eq!(accepted.len(), CLIENTS * JOBS);
    for id in accepted.keys() {
        assert_eq!(check(&stage.dir, id), "0");
        let lock = fs::File::open(stage.dir.join(format!("jobs/{id}"))).expect("an answer");
        let free = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive);
        assert!(free.is_ok(), "{id} is locked");
    }
    assert!(server.stop().success());
}
