//! Readers who come back in the middle of a roll that is done in steps, with a pause between two of them.

use std::fs;
use std::time::{Duration, Instant};

use openrange::limits::{GENERATIONS_HOLE_QUIET, GENERATIONS_SETTLED};

use super::streams::is_gap;
use crate::c11_following::{Running, run};
use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::source::Source;

/// A roll whose last step is still to come.
struct Roll<'a> {
    dir: &'a TempDir,
    began: Instant,
}

impl Roll<'_> {
    /// The last but one step, which was taken long enough ago that looks at the directory are not disturbed.
    fn begin(dir: &TempDir) -> Roll<'_> {
        let began = Instant::now();
        dir.rename("log.1", "log.2");
        dir.touch(".", GENERATIONS_SETTLED * 2);
        Roll { dir, began }
    }

    /// The last step. False: the pause was so long that the file may count as lost.
    fn end(self) -> bool {
        self.dir.rename("log", "log.1");
        let pause = self.began.elapsed() + GENERATIONS_SETTLED * 2;
        self.dir.write("log", "c\n");
        pause < GENERATIONS_HOLE_QUIET
    }
}

/// Repeats what a machine that has no time for it has spoilt.
fn in_time(mut attempt: impl FnMut() -> bool) {
    assert!((0..5).any(|_| attempt()), "a machine that is too slow");
}

/// Looks for the generations of another name, which takes long enough that whoever asked before has an answer, or waits.
fn look_for_another(server: &Server) {
    let response = get(server, "/other?generations", &[]);
    assert_eq!(response.status, 200, "{response:?}");
}

/// A log that was rolled while nobody saw it: `away` is what happens before.
fn rolled_unseen<T>(away: impl FnOnce(&Server) -> T) -> (TempDir, Server, T) {
    let dir = TempDir::with("log", "a1\n");
    dir.write("other", "");
    let server = Server::start(&dir);
    let place = away(&server);
    drop(server);
    dir.append("log", "a2\n");
    dir.rename("log", "log.1");
    dir.write("log", "b\n");
    let server = Server::with(&dir, &["--threads", "1"]);
    (dir, server, place)
}

#[test]
fn a_list() {
    in_time(|| {
        let (dir, server, ()) = rolled_unseen(|_| ());
        let roll = Roll::begin(&dir);
        let mut clients = [(); 2].map(|()| {
            let mut client = Client::new(&server);
            client.ask("GET", "/log?generations", &[]);
            look_for_another(&server);
            client
        });
        let in_time = roll.end();
        let whole = clients.iter_mut().all(|client| {
            let text = String::from_utf8(client.response().body).expect("JSON");
            ["/log.2", "/log.1", "/log"]
                .iter()
                .all(|path| text.contains(&format!("\"path\":\"{path}\",\"size\"")))
        });
        assert!(whole || !in_time);
        in_time
    });
}

#[test]
fn an_event_stream() {
    in_time(|| {
        let (dir, server, place) = rolled_unseen(|server| {
            let mut source = Source::open(server, "/log", None);
            source.expect(&["a1"]);
            source.id
        });
        let roll = Roll::begin(&dir);
        let mut source = Source::open(&server, "/log", Some(&place));
        // What is left of its file does not wait.
        source.expect(&["a2"]);
        look_for_another(&server);
        let in_time = roll.end();
        for line in ["b", "c"] {
            let gap = is_gap(&source.expect_kind("roll"));
            if gap && !in_time {
                return false;
            }
            assert!(!gap, "before {line}");
            source.expect(&[line]);
        }
        true
    });
}

#[test]
fn other_files_of_the_stream_do_not_wait() {
    in_time(|| {
        let (dir, server, place) = rolled_unseen(|server| {
            let mut source = Source::of_directory(server, "/?files=log,other", None);
            source.expect_events(&[("log", "a1")]);
            source.id
        });
        let roll = Roll::begin(&dir);
        let mut source = Source::of_directory(&server, "/?files=log,other", Some(&place));
        source.expect_events(&[("log", "a2")]);
        look_for_another(&server);
        dir.append("other", "x\n");
        let next = source.next();
        let in_time = roll.end();
        if !in_time {
            return false;
        }
        assert_eq!((&*next.kind, &*next.data), ("other", "x"));
        for line in ["b", "c"] {
            let event = source.next();
            assert_eq!(event.kind, "log/roll");
            assert!(!is_gap(&event.data), "before {line}");
            source.expect_events(&[("log", line)]);
        }
        true
    });
}

#[test]
fn openrange_follow() {
    in_time(|| {
        let home = TempDir::new();
        let state = home.join("state").display().to_string();
        let (dir, server, before) = rolled_unseen(|server| {
            let log = server.url("/log");
            let (code, out, err) = run(&["follow", "--state", &state, "--until-caught-up", &log]);
            assert_eq!((code, &*out), (Some(0), "a1\n"), "{err}");
            log
        });
        // The other server has another port, and the state is that of a URL.
        let log = server.url("/log");
        let text = fs::read_to_string(&state).expect("a state");
        fs::write(&state, text.replace(&before, &log)).expect("a state");
        let roll = Roll::begin(&dir);
        let mut follow = Running::start(&["follow", "--state", &state, &log]);
        follow.has("a2\n");
        // The last question before the one for the list.
        eventually("where its file is, again", || {
            server.log().count("HEAD /log?generation=") == 2
        });
        look_for_another(&server);
        let in_time = roll.end();
        if !in_time {
            return false;
        }
        follow.has("a2\nb\nc\n");
        assert!(!follow.is_over(), "{}", follow.err());
        true
    });
}

/// A number that stays free in a directory that rests is a gap, whoever asks.
#[test]
fn what_is_lost_is_told() {
    let (dir, server, place) = rolled_unseen(|server| {
        let mut source = Source::open(server, "/log", None);
        source.expect(&["a1"]);
        source.id
    });
    dir.rename("log.1", "log.2");
    for age in [Duration::ZERO, GENERATIONS_HOLE_QUIET * 2] {
        dir.touch(".", age);
        let mut source = Source::open(&server, "/log", Some(&place));
        source.expect(&["a2"]);
        assert!(is_gap(&source.expect_kind("roll")), "{age:?}");
        source.expect(&["b"]);
    }
}
