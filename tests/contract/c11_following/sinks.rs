//! What `openrange follow` hands its bytes to takes no more.

use std::process::Command;

use super::{Running, rotate, run, url};
use crate::support::harness::{Server, TempDir};

/// Runs `openrange` where no file can be longer than 4 KiB, or 8 with a shell that counts in KiB.
fn limited(arguments: &[&str]) -> Running {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_openrange")]);
    command.args(arguments);
    Running::of(command)
}

/// The state has what stdout took: the next follower repeats nothing.
#[test]
fn stdout_is_a_file_that_cannot_grow() {
    let lines: String = (0..9999).map(|number| format!("line {number}\n")).collect();
    let root = TempDir::with("log", &lines);
    let server = Server::start(&root);
    let home = TempDir::new();
    let state = home.join("state");
    let (log, state) = (url(&server, "/log"), state.to_str().expect("UTF-8"));
    let (code, first, err) = limited(&["follow", "--state", state, &log]).end();
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(": stdout: "), "{err}");
    assert!(!first.is_empty() && first.len() < lines.len(), "{err}");
    let again = ["follow", "--state", state, "--until-caught-up", &log];
    let (code, rest, err) = run(&again);
    assert_eq!(code, Some(0), "{err}");
    assert!(first + &rest == lines, "it goes on elsewhere: {rest:.20}");
}

/// It stopped when stdout had taken a part of a late line of the rolled file: nothing of the log comes into that line.
#[test]
fn a_late_line_that_was_begun_is_completed_first() {
    let root = TempDir::with("log", "begun\n");
    let server = Server::start(&root);
    let tag = |name: &str| {
        let tag = server.get(name, &[]).field("ETag").to_owned();
        tag.replace('"', "\\\"")
    };
    let old = tag("/log");
    rotate(&root, "log");
    root.write("log", "log\n");
    let (log, new) = (url(&server, "/log"), tag("/log"));
    let home = TempDir::with(
        "state",
        format!(
            "{{\"url\":\"{log}\",\"etag\":\"{new}\",\"offset\":0,\
             \"late\":[{{\"etag\":\"{old}\",\"offset\":2,\"midline\":true}}]}}\n"
        ),
    );
    let state = home.join("state").display().to_string();
    let (code, out, err) = run(&["follow", "--state", &state, "--until-caught-up", &log]);
    assert_eq!((code, &*out), (Some(0), "gun\nlog\n"), "{err}");
}
