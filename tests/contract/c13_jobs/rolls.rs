//! `done` is rolled while jobs end: each end is there once.

use std::fs;

use rustix::process::Signal;

use super::Worker;
use super::ends::is_sealed;
use super::server::{accepted, served, text};
use crate::support::harness::{Server, TempDir, eventually};

/// A job whose worker is another program that leaves out the line of `done`, until the server has appended that.
fn end_without_a_line(dir: &TempDir, server: &Server) -> String {
    let path = accepted(server, &[], "x");
    dir.write(&format!("{}.status", &path[1..]), "exit 3\n");
    dir.chmod(&path[1..], 0o444);
    let id = &path["/jobs/".len()..];
    eventually("its line", || text(dir, "jobs/done").contains(id));
    id.to_owned()
}

/// The server has done what follows from all ends up to now: it may take two that it hears of at the same time in any order.
fn settle(dir: &TempDir, server: &Server) {
    for _ in 0..2 {
        end_without_a_line(dir, server);
    }
}

/// A job that ends while the server is frozen, between `before` and `after`.
fn end_unseen(
    dir: &TempDir,
    server: &Server,
    before: impl FnOnce(&TempDir),
    after: impl FnOnce(&TempDir),
) -> String {
    let path = accepted(server, &[], "x");
    let here = dir.path().display();
    let script = format!("touch {here}/ready; until [ -e {here}/go ]; do sleep 0.01; done");
    let mut worker = Worker::start(&dir.join("jobs"), &[], &script);
    eventually("a command", || dir.join("ready").exists());
    server.freeze();
    before(dir);
    dir.write("go", "");
    eventually("the seal", || is_sealed(&dir.join(&path[1..])));
    after(dir);
    server.thaw();
    worker.signal(Signal::TERM);
    assert_eq!(worker.code(), Some(0));
    dir.remove("ready");
    dir.remove("go");
    path["/jobs/".len()..].to_owned()
}

/// How many lines of ends there are of a job, in all files that have or had the name.
fn lines(dir: &TempDir, id: &str) -> usize {
    let in_directory = |name: &str| {
        let names = fs::read_dir(dir.join(name)).into_iter().flatten();
        let names = names.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.into_string().expect("UTF-8"));
        let logs = names.filter(|name| name.starts_with("done"));
        let texts = logs.map(|log| text(dir, &format!("{name}/{log}")));
        texts.map(|text| text.matches(id).count()).sum::<usize>()
    };
    in_directory("jobs") + in_directory("old")
}

fn nothing(_: &TempDir) {}

fn roll(dir: &TempDir) {
    if dir.join("jobs/done.1").exists() {
        dir.rename("jobs/done.1", "jobs/done.2");
    }
    dir.rename("jobs/done", "jobs/done.1");
}

fn roll_and_go_on(dir: &TempDir) {
    roll(dir);
    dir.append_new(
        "jobs/done",
        "{\"id\":\"other\",\"status\":\"0\",\"time\":1}\n",
    );
}

fn roll_twice(dir: &TempDir) {
    roll_and_go_on(dir);
    roll_and_go_on(dir);
}

fn move_away(dir: &TempDir) {
    dir.mkdir("old");
    dir.rename("jobs/done", "old/done.1");
}

fn copy_and_truncate(dir: &TempDir) {
    fs::copy(dir.join("jobs/done"), dir.join("jobs/done.1")).expect("a copy");
    dir.resize("jobs/done", 0);
}

#[test]
fn an_end_is_told_once_whenever_its_log_is_rolled() {
    type Step = fn(&TempDir);
    let steps: [(&str, Step, Step); 8] = [
        ("nothing", nothing, nothing),
        ("after", nothing, roll),
        ("after, with a successor", nothing, roll_and_go_on),
        ("twice after", nothing, roll_twice),
        ("before", roll, nothing),
        ("before and after", roll, roll_and_go_on),
        ("moved away", nothing, move_away),
        ("copied and truncated", nothing, copy_and_truncate),
    ];
    for (what, before, after) in steps {
        let (dir, server) = served(&[]);
        settle(&dir, &server);
        let id = end_unseen(&dir, &server, before, after);
        settle(&dir, &server);
        assert_eq!(lines(&dir, &id), 1, "{what}");
    }
}

/// The server does not know yet where the log ended.
#[test]
fn the_first_end_is_told_once_if_its_log_is_rolled() {
    let (dir, server) = served(&[]);
    let id = end_unseen(&dir, &server, nothing, roll);
    settle(&dir, &server);
    assert_eq!(lines(&dir, &id), 1);
}

#[test]
fn an_end_whose_worker_left_out_the_line_is_told_also_after_a_roll() {
    let (dir, server) = served(&[]);
    settle(&dir, &server);
    roll_twice(&dir);
    let id = end_without_a_line(&dir, &server);
    settle(&dir, &server);
    assert_eq!(lines(&dir, &id), 1);
}

/// Whoever completes it finds the line.
#[test]
fn an_end_whose_worker_died_before_the_seal_is_told_once_if_its_log_is_rolled() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let id = &path["/jobs/".len()..];
    dir.write(&format!("{}.status", &path[1..]), "exit 3\n");
    let line = format!("{{\"id\":\"{id}\",\"status\":\"exit 3\",\"time\":1790000000}}\n");
    dir.append_new("jobs/done", line);
    roll_twice(&dir);
    eventually("the seal", || is_sealed(&dir.join(&path[1..])));
    settle(&dir, &server);
    assert_eq!(lines(&dir, id), 1);
}
