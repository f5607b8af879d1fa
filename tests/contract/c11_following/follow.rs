//! `openrange follow`: every byte, in order, generation by generation.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use rustix::process::Signal;

use super::{Running, contents, rotate, run, unix_url, url};
use crate::support::harness::{Server, TempDir, append, eventually, openrange, until};

#[test]
fn a_log_comes_across_rolls_and_late_lines_between_others() {
    let root = TempDir::with("log", "first\n");
    let server = Server::start(&root);
    // A machine may take longer for two rolls than late lines are waited for by default.
    let follow = Running::start(&["follow", "--late", "60", &url(&server, "/log")]);
    let mut expected = String::from("first\n");
    follow.has(&expected);
    for roll in 1..6 {
        root.append("log", format!("last of {roll}\n"));
        rotate(&root, "log");
        root.append("log.1", format!("late {roll}\n"));
        expected += &format!("last of {roll}\nlate {roll}\n");
        follow.has(&expected);
        root.write("log", format!("first of {roll}\n"));
        expected += &format!("first of {roll}\n");
        follow.has(&expected);
    }
    root.append("log.2", "late to an earlier one\n");
    follow.has(&(expected + "late to an earlier one\n"));
    let (status, _) = follow.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn nothing_is_lost_or_repeated_over_several_rolls_while_away() {
    let root = TempDir::with("log", "a\n");
    let server = Server::start(&root);
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let log = url(&server, "/log");
    let arguments = ["follow", "--state", state, "--until-caught-up", &log];
    assert_eq!(run(&arguments).1, "a\n");
    let mut expected = String::new();
    for roll in 0..4 {
        root.append("log", format!("more {roll}\n"));
        expected += &format!("more {roll}\n");
        rotate(&root, "log");
        root.write("log", format!("new {roll}\n"));
        expected += &format!("new {roll}\n");
    }
    let (code, out, err) = run(&arguments);
    assert_eq!((code, out.as_str()), (Some(0), expected.as_str()), "{err}");
    assert_eq!(run(&arguments).1, "");
}

#[test]
fn a_killed_follower_repeats_at_most_what_came_since_its_state() {
    let root = TempDir::with("log", "");
    let server = Server::start(&root);
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let log = url(&server, "/log");
    let mut got = String::new();
    for round in 0..4 {
        let follow = Running::start(&["follow", "--state", state, &log]);
        root.append("log", format!("line {round}\n"));
        eventually("the line", || {
            follow.out().ends_with(&format!("line {round}\n"))
        });
        eventually("its state", || {
            let size = fs::metadata(root.join("log")).expect("a log").len();
            fs::read_to_string(state)
                .is_ok_and(|text| text.contains(&format!("\"offset\":{size},")))
        });
        follow.signal(Signal::KILL);
        got += &follow.end().1;
    }
    assert_eq!(got, "line 0\nline 1\nline 2\nline 3\n");
}

#[test]
fn the_state_is_there_before_the_first_byte() {
    let root = TempDir::with("log", "x".repeat(100_000));
    let server = Server::start(&root);
    let state = root.join(".state");
    let mut child = openrange(&[
        "follow",
        "--state",
        state.to_str().expect("UTF-8"),
        &url(&server, "/log"),
    ])
    .stdout(Stdio::piped())
    .spawn()
    .expect("the binary");
    let mut byte = [0];
    child
        .stdout
        .as_mut()
        .expect("a pipe")
        .read_exact(&mut byte)
        .expect("a byte");
    let text = fs::read_to_string(&state).expect("a state");
    assert!(text.contains("\"etag\":\"W/"), "{text}");
    // Nobody reads any more: that is an end.
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("an end").code(), Some(0));
}

#[test]
fn where_it_begins_and_where_it_stops() {
    let root = TempDir::with("log", "one\ntwo\nthree\n");
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let caught_up = |from: &str| run(&["follow", "--until-caught-up", "--from", from, &log]).1;
    assert_eq!(caught_up("start"), "one\ntwo\nthree\n");
    assert_eq!(caught_up("lines=1"), "three\n");
    assert_eq!(caught_up("end"), "");
    let follow = Running::start(&["follow", "--until-end", "--from", "lines=1", &log]);
    follow.has("three\n");
    root.append("log", "four\n");
    rotate(&root, "log");
    root.write("log", "of the next\n");
    let (code, out, _) = follow.end();
    assert_eq!((code, out.as_str()), (Some(0), "three\nfour\n"));
    root.chmod("log", 0o444);
    let (code, out, _) = run(&["follow", "--until-end", &log]);
    assert_eq!((code, out.as_str()), (Some(0), "of the next\n"));
}

#[test]
fn a_second_follower_and_a_damaged_state() {
    let root = TempDir::with("log", "x\n");
    let server = Server::start(&root);
    let (state, log) = (root.join(".state"), url(&server, "/log"));
    let arguments = ["follow", "--state", state.to_str().expect("UTF-8"), &log];
    let first = Running::start(&arguments);
    first.has("x\n");
    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(4), "{err}");
    assert_eq!(first.stop().0.code(), Some(0));
    for damaged in [
        "",
        "{",
        "{\"url\":\"x\"}",
        "{\"url\":\"x\",\"etag\":\"W/\\\"12\\\"\",\"offset\":0}",
    ] {
        fs::write(&state, damaged).expect("write");
        let (code, out, err) = run(&arguments);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
        assert_eq!(fs::read_to_string(&state).expect("untouched"), damaged);
    }
}

#[test]
fn a_generation_that_is_gone_is_a_gap() {
    let root = TempDir::with("log", "a\n");
    let server = Server::start(&root);
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let log = url(&server, "/log");
    assert_eq!(
        run(&["follow", "--state", state, "--until-caught-up", &log]).1,
        "a\n"
    );
    root.append("log", "lost\n");
    root.remove("log");
    root.write("log", "b\n");
    let before = fs::read(state).expect("a state");
    let (code, out, err) = run(&["follow", "--state", state, "--until-caught-up", &log]);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert!(err.contains("from byte 2 on is lost"), "{err}");
    assert_eq!(fs::read(state).expect("a state"), before);
    let (code, out, err) = run(&[
        "follow",
        "--state",
        state,
        "--on-gap",
        "oldest",
        "--until-caught-up",
        &log,
    ]);
    assert_eq!((code, out.as_str()), (Some(0), "b\n"), "{err}");
    assert_eq!(err.matches("is lost").count(), 1, "{err}");
}

#[test]
fn a_generation_between_that_is_gone_is_a_gap() {
    let root = TempDir::with("log", "a\n");
    let server = Server::start(&root);
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let log = url(&server, "/log");
    let arguments = ["follow", "--state", state, "--until-caught-up", &log];
    assert_eq!(run(&arguments).1, "a\n");
    for text in ["b\n", "c\n"] {
        rotate(&root, "log");
        root.write("log", text);
        let tail = server.tail("/log", 0);
        assert_eq!(tail.head.status, 206);
    }
    // That with "b"; the one before and the one after are still there.
    root.remove("log.1");
    let (code, out, err) = run(&arguments);
    assert_eq!((code, out.as_str()), (Some(3), ""), "{err}");
    assert_eq!(err.matches("is lost").count(), 1, "{err}");
    let oldest = [
        "follow",
        "--state",
        state,
        "--on-gap",
        "oldest",
        "--until-caught-up",
        &log,
    ];
    let (code, out, err) = run(&oldest);
    assert_eq!((code, out.as_str()), (Some(0), "c\n"), "{err}");
}

#[test]
fn what_is_not_there_is_waited_for() {
    let root = TempDir::new();
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let (code, _, err) = run(&["follow", "--fail", &log]);
    assert_eq!(code, Some(1), "{err}");
    let follow = Running::start(&["follow", &log]);
    follow.says("404");
    root.write("log", "there\n");
    follow.has("there\n");
}

#[test]
fn a_server_that_comes_again() {
    let root = TempDir::with("log", "a\n");
    let socket = root.join(".socket");
    let listen = format!("unix:{}", socket.display());
    let start = || Server::with(&root, &["--listen", &listen]);
    let server = start();
    let follow = Running::start(&["follow", &unix_url(&socket, "/log")]);
    follow.has("a\n");
    drop(server);
    root.append("log", "meanwhile\n");
    rotate(&root, "log");
    root.write("log", "b\n");
    let server = start();
    follow.has("a\nmeanwhile\nb\n");
    server.stop();
    let _server = start();
    append(&root.join("log"), b"c\n");
    follow.has("a\nmeanwhile\nb\nc\n");
}

#[test]
fn a_token_is_needed() {
    let root = TempDir::with("log", "secret\n");
    root.write(".tokens", "letmein");
    let tokens = root.join(".tokens");
    let tokens = tokens.to_str().expect("UTF-8");
    let server = Server::with(&root, &["--token-file", tokens]);
    let log = url(&server, "/log");
    let (code, out, err) = run(&["follow", "--fail", "--until-caught-up", &log]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("401"), "{err}");
    let (code, out, err) = run(&["follow", "--token-file", tokens, "--until-caught-up", &log]);
    assert_eq!((code, out.as_str()), (Some(0), "secret\n"), "{err}");
    let field = [
        "follow",
        "--header",
        "Authorization: Bearer letmein",
        "--until-caught-up",
        &log,
    ];
    assert_eq!(run(&field).1, "secret\n");
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let root = TempDir::new();
    root.write("log", "");
    root.resize("log", 64 * 1024 * 1024);
    let server = Server::start(&root);
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let follow = Running::start(&["follow", "--state", state, &url(&server, "/log")]);
    let size = |follow: &Running| {
        follow
            .home
            .join("out")
            .metadata()
            .map_or(0, |file| file.len())
    };
    eventually("all of it", || size(&follow) == 64 * 1024 * 1024);
    let resident = until("its memory", || {
        let status = fs::read_to_string(format!("/proc/{}/status", follow.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    });
    // The pages of the program itself do not count: how many there are is a matter of its build.
    assert!(resident < 2 * 1024, "{resident} KiB");
}

/// A follower has read a file, something happens to that while nobody looks, and the follower comes again. `[oldest,
/// latest]`: what it writes then, by what it does behind a gap.
fn comes_again(happens: impl Fn(&TempDir), [oldest, latest]: [&str; 2]) {
    for (on_gap, code, out) in [
        ("fail", Some(3), ""),
        ("oldest", Some(0), oldest),
        ("latest", Some(0), latest),
    ] {
        let root = TempDir::with("log", "old line\n");
        let server = Server::start(&root);
        let home = TempDir::new();
        let (url, state) = (url(&server, "/log"), home.join("state"));
        let state = state.to_str().expect("UTF-8");
        let follow = [
            "follow",
            "--until-caught-up",
            "--on-gap",
            on_gap,
            "--state",
            state,
            &url,
        ];
        assert_eq!(run(&follow).1, "old line\n");
        happens(&root);
        let end = run(&follow);
        assert_eq!((end.0, &*end.1), (code, out), "{on_gap}: {}", end.2);
        let lost = "was truncated or overwritten: what it had from byte 9 on is lost";
        assert!(end.2.contains(lost), "{}", end.2);
    }
}

/// The tag is the same, and the file is as long as what was read of it, or longer: only the bytes before tell.
#[test]
fn a_log_that_was_written_over_while_nobody_looked() {
    for text in ["new line\nand another\n", "new line\n"] {
        comes_again(|root: &TempDir| root.write("log", text), [text; 2]);
    }
}

/// The file has an earlier name by then, and it is exactly as long as what was read of it: there is nothing to request.
#[test]
fn a_log_that_was_written_over_and_rolled_while_nobody_looked() {
    let rolled = |root: &TempDir| {
        root.write("log", "new line\n");
        root.rename("log", "log.1");
        root.write("log", "next\n");
    };
    comes_again(rolled, ["new line\nnext\n", "next\n"]);
}

/// The writer has the rest of a line in its buffer when the log is rolled.
#[test]
fn a_line_that_its_writer_completes_after_the_roll() {
    let out = TempDir::new();
    let root = TempDir::with("log", "first\npar");
    let server = Server::start(&root);
    let url = url(&server, "/log");
    let batches = out.path().join("batches").display().to_string();
    let mut writer = root.open("log");
    let plain = Running::start(&["follow", "--late", "60", &url]);
    let load = format!("cat >> {batches}; echo . >> {batches}");
    let command = [
        "follow", "--late", "60", "--linger", "0", &url, "--", "sh", "-c", &load,
    ];
    let command = Running::start(&command);
    let batches = || fs::read_to_string(&batches).unwrap_or_default();
    plain.has("first\npar");
    eventually("the first line", || batches() == "first\n.\n");
    root.rename("log", "log.1");
    root.write("log", "next\n");
    // Both have seen the roll, and look again and again.
    eventually("four looks", || {
        server.log().count("HEAD /log?generation=") >= 4
    });
    writer.write_all(b"tial\n").expect("write");
    plain.has("first\npartial\nnext\n");
    eventually("the other lines", || {
        batches() == "first\n.\npartial\n.\nnext\n.\n"
    });
    for follow in [plain, command] {
        assert_eq!(follow.stop().0.code(), Some(0));
    }
}

#[test]
fn of_two_with_one_new_state_one_follows_and_the_other_says_so() {
    let root = TempDir::with("log", "first\nsecond\n");
    let server = Server::start(&root);
    let log = url(&server, "/log");
    for round in 0..20 {
        let state = root.join(format!(".state-{round}")).display().to_string();
        let arguments = ["follow", "--state", &state, &log];
        let mut both = [Running::start(&arguments), Running::start(&arguments)];
        let ended = until("the end of one", || {
            both.iter_mut().position(Running::is_over)
        });
        let [first, second] = both;
        let (refused, follows) = match ended {
            0 => (first, second),
            _ => (second, first),
        };
        let (code, out, err) = refused.end();
        assert_eq!((code, out.as_str()), (Some(4), ""), "{err}");
        assert_eq!(err.lines().count(), 1, "{err}");
        follows.has("first\nsecond\n");
        assert_eq!(follows.stop().0.code(), Some(0));
    }
}

#[test]
fn a_state_is_locked_before_there_is_one() {
    let root = TempDir::new();
    let home = TempDir::new();
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let state = home.join("state").display().to_string();
    let arguments = ["follow", "--state", &state, &log];
    let files = || fs::read_dir(home.path()).expect("a directory").count();
    for _ in 0..2 {
        let first = Running::start(&arguments);
        first.says("404");
        let (code, out, err) = run(&arguments);
        assert_eq!((code, out.as_str()), (Some(4), ""), "{err}");
        assert!(
            err.contains("another follower uses the state file"),
            "{err}"
        );
        assert_eq!(first.stop().0.code(), Some(0));
        assert_eq!(
            files(),
            0,
            "whoever follows what is not there leaves no trace"
        );
    }
    root.write("log", "x\n");
    let follow = Running::start(&arguments);
    follow.has("x\n");
    assert_eq!(run(&arguments).0, Some(4));
    assert_eq!(follow.stop().0.code(), Some(0));
    assert_eq!(files(), 2);
}

#[test]
fn a_directory_is_not_waited_for() {
    let root = TempDir::new();
    root.mkdir("dir");
    let server = Server::start(&root);
    let response = server.get("/dir?generations", &[]);
    assert_eq!(response.status, 301);
    let (code, out, err) = run(&["follow", &url(&server, "/dir")]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("it is a directory"), "{err}");
    let copy = TempDir::new();
    let directory = copy.path().display().to_string();
    let (code, _, err) = run(&["mirror", &url(&server, "/dir"), &directory]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("did you mean /dir/ ?"), "{err}");
    assert!(contents(copy.path()).is_empty());
}
