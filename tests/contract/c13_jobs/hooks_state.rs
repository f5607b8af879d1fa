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

/// Clients whose URLs name the job make a target for each.
#[test]
fn an_origin_with_a_thousand_dead_targets_delays_no_other() {
    let place = Place::new();
    let dead = format!("http://127.0.0.1:{}", free_port());
    let receiver = Receiver::start(|_, _| status(200));
    for number in 0..1010 {
        place.end(&format!("job-{number}"), &format!("{dead}/?job={number}"));
    }
    place.end("good", &format!("{}/good", receiver.origin));
    let hooks = place.start(&[&receiver.origin, &dead], &["--pauses", "60"]);
    receiver.wait_for("/good", &["good"]);
    hooks.stderr.wait_for(&["500 URLs", &dead]);
    stop(hooks);
}

#[test]
fn what_an_origin_with_too_many_dead_targets_waits_for_comes_once() {
    const COUNT: usize = 40;
    let place = Place::new();
    let dead = format!("127.0.0.1:{}", free_port());
    let receiver = Receiver::start(|_, _| status(200));
    let origin = format!("http://{dead}");
    // Each of a hundred may have ten that are behind.
    let others = (1..100).map(|port| format!("http://127.0.0.2:{port}"));
    let allow: Vec<String> = others.chain([receiver.origin.clone(), origin]).collect();
    let allow: Vec<&str> = allow.iter().map(String::as_str).collect();
    let end = |id: &str, number: usize| place.end(id, &format!("http://{dead}/?job={number}"));
    let good = |id: &str| place.end(id, &format!("{}/good", receiver.origin));
    for number in 0..COUNT {
        end(&format!("job-{number}"), number);
    }
    // One that is behind, and one that waits.
    end("again-3", 3);
    end("again-30", 30);
    place.jobs.rename("done", "done.1");
    end("last-3", 3);
    end("last-30", 30);
    good("good");
    let hooks = place.start(&allow, &["--pauses", "0.2"]);
    receiver.wait_for("/good", &["good"]);
    stop(hooks);
    assert!(place.state().contains("held"), "{}", place.state());
    // Everybody is told of everything once, also after a restart.
    let late = Receiver::at(&dead, |_, _| status(200));
    let hooks = place.start(&allow, &["--pauses", "0.2"]);
    good("more");
    receiver.wait_for("/good", &["good", "more"]);
    eventually("all of them", || {
        place.state().contains("\"targets\":[]") && late.came().len() >= COUNT + 4
    });
    stop(hooks);
    for number in 0..COUNT {
        let mut ids = vec![format!("job-{number}")];
        if [3, 30].contains(&number) {
            ids.extend([format!("again-{number}"), format!("last-{number}")]);
        }
        assert_eq!(late.told(&format!("/?job={number}")), ids);
    }
    assert!(!place.state().contains("held"), "{}", place.state());
}
