//! What `openrange hooks` keeps in its state, and who may read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::hooks::{Place, stop};
use super::receiver::{Receiver, status};
use super::server::{accepted, served};
use crate::support::harness::eventually;
use crate::support::machine::free_port;

fn mode(path: &Path) -> u32 {
    let meta = fs::metadata(path).expect("a file");
    meta.permissions().mode() & 0o777
}

#[test]
fn nobody_else_reads_the_urls_of_callbacks() {
    let place = Place::new();
    let receiver = Receiver::start(|_, _| status(200));
    place.end("a", &format!("{}/?token=x", receiver.origin));
    let hooks = place.start(&[&receiver.origin], &[]);
    let offset = || place.state().matches("\"targets\":[]").count();
    eventually("nobody is behind", || offset() == 1);
    stop(hooks);
    let state = place.jobs.join(".hooks");
    assert_eq!(mode(&state), 0o600);
    // What somebody else has decided stays.
    place.jobs.chmod(".hooks", 0o640);
    let before = place.state();
    let hooks = place.start(&[&receiver.origin], &[]);
    place.end("b", &format!("{}/?token=x", receiver.origin));
    eventually("another state", || place.state() != before);
    stop(hooks);
    assert_eq!(mode(&state), 0o640);
}

#[test]
fn others_do_not_read_what_the_server_remembers_of_a_job() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let record = path.replace("/jobs/", "jobs/.") + ".job";
    assert_eq!(mode(&dir.join(record)) & 0o027, 0);
}

/// The clock of a board that has none of its own begins in 1970.
#[test]
fn a_pause_that_a_wrong_clock_made_is_no_longer_than_the_longest() {
    let place = Place::new();
    let dead = format!("http://127.0.0.1:{}", free_port());
    place.end("a", &dead);
    let hooks = place.start(&[&dead], &["--pauses", "3600"]);
    hooks.stderr.wait_for(&["again in 3600s"]);
    stop(hooks);
    let state = place.state();
    let next = |state: &str| -> u64 {
        let (_, next) = state.split_once("\"next\":").expect("a target");
        let end = next.find('}').expect("its end");
        next[..end].parse().expect("a number")
    };
    let years = state.replace(&next(&state).to_string(), "9999999999999");
    place.jobs.write(".hooks", years);
    let hooks = place.start(&[&dead], &["--pauses", "3600"]);
    hooks.stderr.wait_for(&["sending notifications"]);
    stop(hooks);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let longest = now.expect("a time") + Duration::from_secs(86_400);
    assert!(u128::from(next(&place.state())) <= longest.as_millis());
}
