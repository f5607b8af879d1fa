//! `openrange hooks`: a receiver that fails in every way is told of every end at least once, and delays no other.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::Worker;
use super::receiver::{Notification, Receiver, Reply, SECRET, status};
use crate::c12_writing::once;
use crate::support::harness::{Running, Server, TempDir, append, eventually, openrange, run};
use crate::support::machine::free_port;

/// Directories of jobs and of secrets.
pub(super) struct Place {
    pub(super) jobs: TempDir,
    own: TempDir,
}

impl Place {
    pub(super) fn new() -> Place {
        Place {
            jobs: TempDir::new(),
            own: TempDir::with("secret", format!("{SECRET}\n")),
        }
    }

    /// A job has ended, as a server and a worker note it.
    pub(super) fn end(&self, id: &str, url: &str) {
        self.end_as(id, url, "0");
    }

    fn end_as(&self, id: &str, url: &str, status: &str) {
        let callback = match url {
            "" => String::new(),
            url => format!(",\"callback\":\"{url}\""),
        };
        self.jobs.write(
            &format!(".{id}.job"),
            format!("{{\"id\":\"{id}\",\"deadline\":9999999999{callback}}}\n"),
        );
        let line = format!("{{\"id\":\"{id}\",\"status\":\"{status}\",\"time\":1790000000}}\n");
        append(&self.jobs.join("done"), line.as_bytes());
    }

    fn command(&self, allow: &[&str], options: &[&str]) -> Command {
        let (jobs, secret) = (self.jobs.path().display(), self.own.join("secret"));
        let (jobs, secret) = (jobs.to_string(), secret.display().to_string());
        let mut all = vec!["hooks", "--secret", &secret];
        for origin in allow {
            all.extend(["--allow", origin]);
        }
        all.extend(options);
        all.push(&jobs);
        openrange(&all)
    }

    pub(super) fn start(&self, allow: &[&str], options: &[&str]) -> Running {
        // Pauses that a test has time for.
        let pauses = ["--pauses", "0.02,0.05", "--timeout", "0.5"];
        Running::new(self.command(allow, &[&pauses, options].concat()))
    }

    pub(super) fn state(&self) -> String {
        fs::read_to_string(self.jobs.join(".hooks")).unwrap_or_default()
    }
}

pub(super) fn stop(mut hooks: Running) {
    hooks.signal(Signal::TERM);
    assert!(hooks.wait().success());
}

#[test]
fn a_job_is_told_of_from_end_to_end() {
    let place = Place::new();
    let dir = &place.jobs;
    dir.mkdir("jobs");
    let server = Server::with(dir, &["--jobs", "/jobs"]);
    let receiver = Receiver::start(|_, _| status(204));
    let url = format!("{}/hook?key=a%20b#part", receiver.origin);
    let prefer = format!("Prefer: respond-async, callback; url=\"{url}\"");
    let jobs = dir.join("jobs").display().to_string();
    let secret = place.own.join("secret").display().to_string();
    let arguments = [
        "hooks",
        "--allow",
        &receiver.origin,
        "--secret",
        &secret,
        &jobs,
    ];
    let hooks = Running::new(openrange(&arguments));
    let response = once(&server, "POST", "/jobs", &[&prefer], "x");
    assert_eq!(response.status, 202);
    let id = response
        .field("Location")
        .trim_start_matches("/jobs/")
        .to_owned();
    let _worker = Worker::start(&dir.join("jobs"), &[], "cat; exit 3");
    receiver.wait_for("/hook?key=a%20b", &[&id]);
    let told = &receiver.came()[0];
    assert_eq!(told.field("Content-Type"), "application/json");
    assert_eq!(
        told.field("Host"),
        receiver.origin.trim_start_matches("http://")
    );
    let done = fs::read_to_string(dir.join("jobs/done")).expect("done");
    let data = format!("\"data\":{}}}", done.trim_end());
    assert!(
        told.body
            .starts_with("{\"type\":\"job.ended\",\"timestamp\":\"20"),
        "{told:?}"
    );
    assert!(
        told.body.ends_with(&data) && done.contains("\"exit 3\""),
        "{told:?}"
    );
    let line = hooks.stderr.wait_for(&[&id, "notified"]);
    assert!(!line.contains("key"), "a query may have a secret: {line}");
    stop(hooks);
}

#[test]
fn failures_are_tried_again_until_they_end() {
    let place = Place::new();
    let whole =
        |status: &str| Reply::Bytes(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
    let receiver = Receiver::start(move |_, before| match before {
        0 => whole("500 No"),
        1 => whole("302 Found\r\nLocation: /elsewhere"),
        2 => Reply::Silence,
        3 => Reply::Bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut".into()),
        4 => Reply::Bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".into()),
        5 => Reply::Bytes("220 mail.example.org ESMTP\r\n".into()),
        6 => Reply::Bytes(String::new()),
        7 => whole("503 Busy\r\nRetry-After: 0"),
        8 => whole("404 Not Found"),
        9 => Reply::Bytes(
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd".into(),
        ),
        // As simple servers respond: the connection ends it.
        10 => Reply::Bytes("HTTP/1.0 200 OK\r\n\r\nfine".into()),
        _ => status(200),
    });
    let url = format!("{}/hook", receiver.origin);
    place.end("one", &url);
    let hooks = place.start(&[&receiver.origin], &[]);
    receiver.wait_for("/hook", &["one"; 11]);
    place.end("two", &url);
    receiver.wait_for("/hook", &[&["one"; 11][..], &["two"]].concat());
    // It has the same name and the same content each time.
    let came = receiver.came();
    assert!(came[..11].iter().all(|one| one.body == came[0].body));
    assert!(came.iter().all(|one| one.path == "/hook"));
    let log = hooks.stderr.all().join("\n");
    for why in ["500", "302", "in time", "closed", "404", "lengths"] {
        assert!(log.contains(why), "{why}: {log}");
    }
    eventually("nobody is behind", || {
        place.state().contains("\"targets\":[]")
    });
    stop(hooks);
}

#[test]
fn a_dead_target_delays_no_other_and_loses_nothing() {
    let place = Place::new();
    // Nobody listens there, until later.
    let refused = format!("127.0.0.1:{}", free_port());
    let receiver = Receiver::start(|told: &Notification, _| match told.path.as_str() {
        path if path.starts_with("/silent") => Reply::Silence,
        _ => status(200),
    });
    let hooks = place.start(
        &[&receiver.origin, &format!("http://{refused}")],
        &["--timeout", "20"],
    );
    let numbers: Vec<String> = (0..40).map(|number| format!("job-{number}")).collect();
    for (number, id) in numbers.iter().enumerate() {
        // More than one origin has connections for, each with its own URL, and one that nobody serves.
        let url = match number % 4 {
            0 if number < 24 => format!("{}/silent/{number}", receiver.origin),
            1 => format!("http://{refused}/"),
            _ => format!("{}/good", receiver.origin),
        };
        place.end(id, &url);
    }
    let of = |wanted: &dyn Fn(usize) -> bool| -> Vec<&str> {
        let numbers = numbers.iter().enumerate();
        let numbers = numbers.filter(|(number, _)| wanted(*number));
        numbers.map(|(_, id)| id.as_str()).collect()
    };
    let good = of(&|number| number % 4 > 1 || (number % 4 == 0 && number >= 24));
    receiver.wait_for("/good", &good);
    // What was refused comes, once there is somebody.
    let late = Receiver::at(&refused, |_, _| status(200));
    late.wait_for("/", &of(&|number| number % 4 == 1));
    stop(hooks);
}

#[test]
fn a_target_that_is_gone_is_told_nothing_any_more() {
    let place = Place::new();
    let receiver = Receiver::start(|told: &Notification, _| match told.path.as_str() {
        "/gone" => status(410),
        _ => status(200),
    });
    let (gone, good) = (
        format!("{}/gone", receiver.origin),
        format!("{}/good", receiver.origin),
    );
    let hooks = place.start(&[&receiver.origin], &[]);
    place.end("a", &gone);
    hooks.stderr.wait_for(&["/gone", "410"]);
    place.end("b", &gone);
    place.end("c", &good);
    receiver.wait_for("/good", &["c"]);
    stop(hooks);
    // Also after a restart.
    let hooks = place.start(&[&receiver.origin], &[]);
    place.end("d", &gone);
    place.end("e", &good);
    receiver.wait_for("/good", &["c", "e"]);
    receiver.wait_for("/gone", &["a"]);
    stop(hooks);
}

#[test]
fn only_what_is_listed_is_told() {
    let place = Place::new();
    let (listed, other) = (
        Receiver::start(|_, _| status(200)),
        Receiver::start(|_, _| status(200)),
    );
    let (yes, no) = (place.own.join("yes"), place.own.join("no"));
    let (unix, not) = (Receiver::unix(&yes), Receiver::unix(&no));
    let urls = [
        format!("{}/x", other.origin),
        format!("{}/x", not.origin),
        "http://127.0.0.1:1/x".into(),
        // Neither is what it begins with.
        format!("{}.example.org/x", listed.origin),
        format!("{}@127.0.0.1:1/x", listed.origin),
        format!("https{}/x", listed.origin.trim_start_matches("http")),
        "nonsense".into(),
        String::new(),
        format!("{}/%0d%0aX", listed.origin),
        format!("{}/ok", unix.origin),
        format!("{}/ok", listed.origin),
    ];
    for (number, url) in urls.iter().enumerate() {
        place.end(&format!("job-{number}"), url);
    }
    append(&place.jobs.join("done"), b"nonsense\n");
    place.end("last", &format!("{}/ok", listed.origin));
    let hooks = place.start(&[&listed.origin, &unix.origin], &[]);
    listed.wait_for("/ok", &["job-10", "last"]);
    listed.wait_for("/%0d%0aX", &["job-8"]);
    unix.wait_for("/ok", &["job-9"]);
    assert!(other.came().is_empty() && not.came().is_empty());
    assert_eq!(hooks.stderr.count("does not list"), 4);
    stop(hooks);
}

#[test]
fn nothing_is_lost_when_it_is_killed() {
    let place = Place::new();
    let receiver = Receiver::start(|told: &Notification, before| {
        // Every third attempt fails, in one way or another.
        match (before % 3, told.path.len() % 2) {
            (1, 0) => status(500),
            (1, _) => Reply::Bytes(String::new()),
            _ => status(200),
        }
    });
    let allow = [receiver.origin.as_str()];
    let mut ids: Vec<Vec<String>> = vec![Vec::new(); 4];
    for round in 0..12 {
        let mut hooks = place.start(&allow, &[]);
        for number in 0..10 {
            let target = (round * 10 + number) % 4;
            let id = format!("job-{round}-{number}");
            place.end(
                &id,
                &format!("{}/{}", receiver.origin, "t".repeat(target + 1)),
            );
            ids[target].push(id);
        }
        if round % 4 == 2 {
            place
                .jobs
                .rename("done", &format!("done.{}", 9 - round / 4));
        }
        let wanted = (round + 1) * 5;
        eventually("some of them", || receiver.came().len() >= wanted);
        hooks.kill();
    }
    let hooks = place.start(&allow, &[]);
    for (target, ids) in ids.iter().enumerate() {
        let path = format!("/{}", "t".repeat(target + 1));
        eventually(&format!("all of {path}"), || {
            let told = receiver.told(&path);
            ids.iter().all(|id| told.contains(id))
        });
        // In order, apart from what came again.
        let mut told = receiver.told(&path);
        let mut seen = std::collections::HashSet::new();
        told.retain(|id| seen.insert(id.clone()));
        assert_eq!(&told, ids, "{path}");
    }
    stop(hooks);
}

#[test]
fn done_is_followed_across_its_rolls() {
    let place = Place::new();
    let receiver = Receiver::start(|_, _| status(200));
    let url = format!("{}/", receiver.origin);
    place.end("before", &url);
    place.jobs.rename("done", "done.1");
    let hooks = place.start(&[&receiver.origin], &[]);
    let mut expected = vec!["before"];
    let rounds = ["one", "two", "three", "four"];
    for (number, id) in rounds.into_iter().enumerate() {
        place.end(id, &url);
        expected.push(id);
        match number {
            0 => {
                place.jobs.rename("done.1", "done.2");
                place.jobs.rename("done", "done.1");
            }
            // A name that tells nothing.
            1 => place.jobs.rename("done", "gone"),
            2 => {
                place.jobs.rename("done", "done-20260101");
                place.jobs.rename("done-20260101", "done.1");
            }
            _ => {}
        }
        receiver.wait_for("/", &expected);
    }
    stop(hooks);
    // While nobody looks.
    place.end("five", &url);
    place.jobs.rename("done.1", "done.3");
    place.jobs.rename("done", "done.2");
    place.end("six", &url);
    place.jobs.rename("done", "done.1");
    place.end("seven", &url);
    let hooks = place.start(&[&receiver.origin], &[]);
    expected.extend(["five", "six", "seven"]);
    receiver.wait_for("/", &expected);
    stop(hooks);
}

#[test]
fn what_has_lost_its_files_is_given_up_and_the_rest_is_told() {
    let place = Place::new();
    let receiver = Receiver::start(|_, before| status(if before == 0 { 500 } else { 200 }));
    let url = format!("{}/", receiver.origin);
    place.end("old", &url);
    place.end("new", &url);
    let hooks = place.start(&[&receiver.origin], &["--pauses", "0.5"]);
    receiver.wait_for("/", &["old"]);
    place.jobs.remove(".old.job");
    receiver.wait_for("/", &["old", "new"]);
    hooks.stderr.wait_for(&["old", "could not notify"]);
    stop(hooks);
}

#[test]
fn a_pause_goes_on_after_a_restart() {
    let place = Place::new();
    let receiver = Receiver::start(|_, _| status(500));
    let url = format!("{}/", receiver.origin);
    place.end("a", &url);
    let hooks = place.start(&[&receiver.origin], &["--pauses", "300"]);
    hooks.stderr.wait_for(&["again in 300s"]);
    stop(hooks);
    assert!(
        place.state().contains("\"attempts\":1,\"next\":"),
        "{}",
        place.state()
    );
    let other = Receiver::start(|_, _| status(200));
    let hooks = place.start(&[&receiver.origin, &other.origin], &[]);
    place.end("b", &format!("{}/", other.origin));
    other.wait_for("/", &["b"]);
    receiver.wait_for("/", &["a"]);
    stop(hooks);
}

#[test]
fn a_target_names_the_end_of_a_pause_by_a_date() {
    let place = Place::new();
    let receiver = Receiver::start(|_, _| {
        let until =
            "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:51:38 GMT";
        Reply::Bytes(format!(
            "HTTP/1.1 503 Busy\r\n{until}\r\nContent-Length: 0\r\n\r\n"
        ))
    });
    place.end("a", &receiver.origin);
    let hooks = place.start(&[&receiver.origin], &[]);
    hooks.stderr.wait_for(&["503", "again in 121s"]);
    stop(hooks);
}

#[test]
fn two_secrets_sign_while_one_replaces_the_other() {
    let place = Place::new();
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    place
        .own
        .write("secret", format!("# old, new\n{other}\n{SECRET}\n"));
    let receiver = Receiver::start(|_, _| status(200));
    let hooks = place.start(&[&receiver.origin], &[]);
    place.end("a", &format!("{}/", receiver.origin));
    receiver.wait_for("/", &["a"]);
    let signature = receiver.came()[0].field("webhook-signature").to_owned();
    assert_eq!(signature.matches("v1,").count(), 2, "{signature}");
    stop(hooks);
}

#[test]
fn wrong_usage_is_one_line() {
    let place = Place::new();
    let jobs = place.jobs.path().display().to_string();
    let secret = place.own.join("secret").display().to_string();
    let none = place.own.join("none").display().to_string();
    place.own.write("bad", "secret\n");
    let bad = place.own.join("bad").display().to_string();
    place.own.write("empty", "");
    let empty = place.own.join("empty").display().to_string();
    let listed = ["--allow", "http://127.0.0.1:1"];
    let signed = ["--secret", &secret];
    let cases: [(&[&[&str]], i32, &str); 13] = [
        (&[&listed, &signed], 2, "DIR is missing"),
        (&[&listed, &[&jobs]], 2, "--secret"),
        (&[&signed, &[&jobs]], 2, "--allow"),
        (&[&listed, &signed, &[&jobs, "more"]], 2, "only one DIR"),
        (&[&["--allow", "http://x/path"]], 2, "no path"),
        (
            &[&["--allow", "https://x/"], &["--ca-file", "/none"]],
            2,
            "",
        ),
        (
            &[&["--allow", "app:9000"]],
            2,
            "expected http://HOST[:PORT], ",
        ),
        (&[&["--pauses", "1,x"]], 2, "seconds"),
        (&[&["--timeout", "0"]], 2, "more than 0"),
        (
            &[&listed, &signed, &[&none]],
            1,
            "none: No such file or directory; DIR must be the directory of --jobs",
        ),
        (
            &[&listed, &["--secret", &none], &[&jobs]],
            1,
            "none: No such file or directory; it must be a file that hooks can read",
        ),
        (
            &[&listed, &["--secret", &empty], &[&jobs]],
            1,
            "empty: there is no secret in it; it must be",
        ),
        (
            &[&listed, &["--secret", &bad], &[&jobs]],
            1,
            "bad: a line of it is not a secret; it must be",
        ),
    ];
    for (parts, code, why) in cases {
        let (is, said) = run(&[&["hooks"][..], &parts.concat()].concat());
        assert_eq!(is, Some(code), "{parts:?}: {said}");
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
    let hooks = place.start(&["http://127.0.0.1:1"], &[]);
    hooks.stderr.wait_for(&["sending notifications"]);
    let mut second = Running::new(place.command(&["http://127.0.0.1:1"], &[]));
    assert_eq!(second.wait().code(), Some(4));
    stop(hooks);
    place.jobs.write(".hooks", "{}");
    let mut third = Running::new(place.command(&["http://127.0.0.1:1"], &[]));
    assert_eq!(third.wait().code(), Some(1));
    third.stderr.wait_for(&["damaged"]);
}

#[test]
fn the_log_names_what_is_missing_and_what_others_can_read() {
    let place = Place::new();
    place.own.chmod("secret", 0o644);
    let missing = format!("{}: there is no file queue", place.jobs.path().display());
    let secret = place.own.join("secret").display().to_string();
    let hooks = place.start(&["http://127.0.0.1:1"], &[]);
    hooks
        .stderr
        .wait_for(&[&missing, "directory of its --jobs"]);
    hooks
        .stderr
        .wait_for(&["everybody", &format!("chmod 600 {secret}")]);
    stop(hooks);
    place.own.chmod("secret", 0o640);
    place.jobs.write("queue", "");
    let hooks = place.start(&["http://127.0.0.1:1"], &[]);
    hooks.stderr.wait_for(&["sending notifications"]);
    assert_eq!(hooks.stderr.count("there is no"), 0);
    assert_eq!(hooks.stderr.count("everybody"), 0);
    stop(hooks);
}

#[cfg(feature = "tls")]
#[test]
fn a_receiver_behind_tls_is_told_if_it_proves_its_name() {
    use crate::c11_following::tls::terminator::{Authority, Terminator};
    let place = Place::new();
    let receiver = Receiver::start(|_, _| status(204));
    let address = receiver.origin.trim_start_matches("http://");
    let upstream = address.parse().expect("an address");
    let authority = Authority::new();
    let right = Terminator::start(&authority.sign("DNS:localhost"), upstream);
    let wrong = Terminator::start(&authority.sign("DNS:other.example"), upstream);
    let origins = [right.url(""), wrong.url("")];
    let origins = origins.each_ref().map(String::as_str);
    let hooks = place.start(&origins, &["--ca-file", &authority.file()]);
    place.end("a", &right.url("/right"));
    place.end("b", &wrong.url("/wrong"));
    receiver.wait_for("/right", &["a"]);
    hooks
        .stderr
        .wait_for(&["the server's certificate is not for localhost"]);
    assert!(receiver.came().iter().all(|came| came.path == "/right"));
    stop(hooks);
}
