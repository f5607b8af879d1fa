//! Who holds a state file.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use openrange::client::state_file::{lock, replace};

use crate::support::directory::TempDir;

/// A command that is being started has the descriptors of its follower for a moment. If the follower is killed in it, the next
/// one must not find the state file in use.
#[test]
fn a_command_has_no_part_in_the_lock() {
    let dir = TempDir::new();
    let state = dir.join("state");
    let held = lock(&state).expect("a lock");
    let mut command = Command::new("cat");
    command
        .stdin(Stdio::piped())
        .stdout(held.as_fd().try_clone_to_owned().expect("a descriptor"));
    let mut child = command.spawn().expect("cat");
    drop((held, command));
    assert!(lock(&state).is_ok(), "a command that lives on holds it");
    drop(child.stdin.take());
    child.wait().expect("its end");
}

#[test]
fn the_file_of_a_lock_stays_if_there_is_a_state() {
    let dir = TempDir::new();
    let state = dir.join("state");
    let has_lock = || dir.join("state.lock").exists();
    for round in 0..3 {
        let mut held = lock(&state).expect("a lock");
        assert!(has_lock());
        if round == 1 {
            held.keep();
        }
        drop(held);
        assert_eq!(has_lock(), round == 1);
    }
    assert!(lock(&dir.join("no/where")).is_err());
}

#[test]
fn only_the_owner_reads_a_new_file_and_the_mode_of_an_old_one_stays() {
    let dir = TempDir::new();
    let state = dir.join("state");
    let mode = || fs::metadata(&state).expect("a file").permissions().mode() & 0o777;
    replace(&state, b"1").expect("space");
    assert_eq!(mode(), 0o600);
    // One that was left by a crash has another mode.
    dir.write("state.tmp", "");
    dir.chmod("state.tmp", 0o666);
    dir.chmod("state", 0o640);
    replace(&state, b"2").expect("space");
    assert_eq!(mode(), 0o640);
    assert_eq!(fs::read(&state).expect("a file"), b"2");
}
