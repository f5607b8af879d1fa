//! Batches of lines for a command, and what is said of the command line.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use super::{Running, rotate, run, url};
use crate::support::harness::{BINARY, Server, TempDir, eventually};

const SHOW: &str =
    "echo \"[$OPENRANGE_OFFSET $OPENRANGE_END $OPENRANGE_ETAG $OPENRANGE_URL]\"; cat";

#[test]
fn a_batch_has_whole_lines_and_says_where_it_is() {
    let root = TempDir::with("log", "one\ntwo\nthree\nunfinished");
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let tag = server.get("/log", &[]).field("etag").to_owned();
    let arguments = [
        "follow",
        "--until-caught-up",
        "--batch",
        "8",
        &log,
        "--",
        "sh",
        "-c",
        SHOW,
    ];
    let (code, out, err) = run(&arguments);
    let expected = format!("[0 8 {tag} {log}]\none\ntwo\n[8 14 {tag} {log}]\nthree\n");
    assert_eq!((code, out), (Some(0), expected), "{err}");
}

#[test]
fn a_batch_comes_again_until_the_command_has_it() {
    let root = TempDir::with("log", "line\n");
    let server = Server::start(&root);
    let (state, tries) = (root.join(".state"), root.join(".tries"));
    let script = format!(
        "cat >> {tries}; [ $(wc -l < {tries}) -ge 3 ]",
        tries = tries.display()
    );
    let state = state.to_str().expect("UTF-8");
    let log = url(&server, "/log");
    let arguments = [
        "follow",
        "--state",
        state,
        "--until-caught-up",
        &log,
        "--",
        "sh",
        "-c",
        &script,
    ];
    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(
        fs::read_to_string(&tries).expect("tries"),
        "line\nline\nline\n"
    );
    // It is done, and not done again.
    assert_eq!(run(&arguments).0, Some(0));
    assert_eq!(
        fs::read_to_string(&tries).expect("tries"),
        "line\nline\nline\n"
    );
}

/// As it is below some launchers of Perl and PHP, or bash and `trap '' CHLD`: the kernel then forgets how the children
/// of whoever inherits that ended. (dash never ignores it.)
#[test]
fn a_command_of_a_follow_that_was_started_with_sigchld_ignored() {
    let root = TempDir::with("log", "line\n");
    let server = Server::start(&root);
    let mut env = Command::new("env");
    env.args(["--ignore-signal=CHLD", BINARY, "follow"]);
    env.args(["--until-caught-up", &url(&server, "/log"), "--", "cat"]);
    let mut follow = Running::of(env);
    eventually("an end", || {
        assert_eq!(follow.err(), "");
        follow.is_over()
    });
    let (code, out, _) = follow.end();
    assert_eq!((code, out.as_str()), (Some(0), "line\n"));
}

/// The end of a pipe that `follow` has not filled would look like the end of the batch.
#[test]
fn a_command_has_its_whole_batch_also_if_follow_is_killed() {
    let lines = "x".repeat(99) + "\n";
    let root = TempDir::with("log", lines.repeat(10_000));
    let server = Server::start(&root);
    let home = TempDir::new();
    let (rest, whole) = (home.join("rest"), home.join("whole"));
    let script = format!(
        "kill -9 $PPID; cat > {rest}; mv {rest} {whole}",
        rest = rest.display(),
        whole = whole.display()
    );
    let log = url(&server, "/log");
    let (_, _, err) = run(&[
        "follow", "--batch", "1000000", &log, "--", "sh", "-c", &script,
    ]);
    eventually("a batch", || whole.exists());
    let length = fs::metadata(&whole).expect("a file").len();
    assert_eq!(length, 1_000_000, "{err}");
}

#[test]
fn the_state_does_not_advance_with_a_command_that_fails() {
    let root = TempDir::with("log", "line\n");
    let server = Server::start(&root);
    let state = root.join(".state");
    let state = state.to_str().expect("UTF-8");
    let log = url(&server, "/log");
    let follow = Running::start(&["follow", "--state", state, &log, "--", "false"]);
    follow.says("trying again");
    assert_eq!(follow.stop().0.code(), Some(0));
    let text = fs::read_to_string(state).expect("a state");
    assert!(text.contains("\"offset\":0,"), "{text}");
}

/// Also one of lines that came late: `follow` waits for it, and the state has what it did.
#[test]
fn a_command_that_has_a_batch_at_the_end() {
    for late in [false, true] {
        let root = TempDir::with("log", "one\n");
        let server = Server::start(&root);
        let home = TempDir::new();
        let [state, out, go] = ["state", "out", "go"].map(|name| home.join(name));
        let script = format!(
            "cat >> {}; until [ -e {} ]; do sleep 0.01; done; sleep 0.2",
            out.display(),
            go.display()
        );
        let (state, log) = (state.to_str().expect("UTF-8"), url(&server, "/log"));
        let command = ["--", "sh", "-c", &script];
        let lines = || fs::read_to_string(&out).unwrap_or_default();
        fs::write(&go, "").expect("a file");
        let follow = Running::start(&[&["follow", "--state", state, &log], &command[..]].concat());
        eventually("a line", || lines() == "one\n");
        let offset = || fs::read_to_string(state).unwrap_or_default();
        eventually("its state", || offset().contains("\"offset\":4"));
        fs::remove_file(&go).expect("it is there");
        let name = if late {
            root.rename("log", "log.1");
            root.write("log", "");
            eventually("its state", || offset().contains("\"offset\":0"));
            "log.1"
        } else {
            "log"
        };
        root.append(name, "two\n");
        eventually("another line", || lines() == "one\ntwo\n");
        follow.signal(Signal::TERM);
        fs::write(&go, "").expect("a file");
        assert_eq!(follow.end().0, Some(0));
        let again = ["follow", "--until-caught-up", "--state", state, &log];
        assert_eq!(run(&[&again, &command[..]].concat()).0, Some(0));
        assert_eq!(lines(), "one\ntwo\n", "late: {late}");
    }
}

#[test]
fn a_batch_never_has_lines_of_two_generations() {
    let root = TempDir::with("log", "a\nb");
    let server = Server::start(&root);
    let log = url(&server, "/log");
    let follow = Running::start(&[
        "follow",
        "--linger",
        "60000",
        &log,
        "--",
        "sh",
        "-c",
        "echo \"[\"; cat; echo \"]\"",
    ]);
    eventually("a tail", || server.log().count("GET /log: 206") > 0);
    rotate(&root, "log");
    follow.has("[\na\nb]\n");
}

#[test]
fn a_command_that_is_not_there() {
    let root = TempDir::with("log", "line\n");
    let server = Server::start(&root);
    let (code, _, err) = run(&[
        "follow",
        &url(&server, "/log"),
        "--",
        "/nonexistent/command",
    ]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("/nonexistent/command"), "{err}");
}

#[test]
fn wrong_usage_is_one_line_and_2() {
    for arguments in [
        &["follow"][..],
        &["follow", "ftp://host/log"],
        &["follow", "http://host/dir/"],
        &["follow", "http://host/log", "other"],
        &["follow", "--from", "middle", "http://host/log"],
        &["follow", "--on-gap", "shrug", "http://host/log"],
        &["follow", "--batch", "9", "http://host/log"],
        &[
            "follow",
            "--until-end",
            "--until-caught-up",
            "http://host/log",
        ],
        &["follow", "--header", "no colon", "http://host/log"],
        &[
            "follow",
            "--header",
            "Accept-Encoding: gzip",
            "http://host/log",
        ],
        &[
            "mirror",
            "--header",
            "if-bytes-before: 1",
            "http://host/",
            "/tmp/copy",
        ],
        &["follow", "--nonsense", "http://host/log"],
        &["follow", "http://host/log", "--"],
        &["follow", "https://"],
        &["follow", "--ca-file", "/none", "https://host/log"],
        &["mirror", "http://host/"],
        &["mirror", "/tmp/copy", "http://host/"],
        &["mirror"],
    ] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}: {err}");
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let (code, out, _) = run(&["follow", "--help"]);
    assert_eq!(code, Some(0));
    assert_eq!(out.matches("\n  openrange follow ").count(), 3, "{out}");
}

#[test]
fn a_command_that_nobody_has_is_noticed_before_the_first_line() {
    let (code, out, err) = run(&["follow", "http://127.0.0.1:1/log", "--", "no-such-program"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("cannot run no-such-program"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}
