//! Lists of the directory of the jobs say how far each job is.

use super::server::{accepted, served};
use super::{Worker, server};
use crate::support::harness::{Server, TempDir, eventually};

/// The list in a form that a client asks for.
fn list(server: &Server, directory: &str, accept: &str) -> String {
    let response = server.get(directory, &[&format!("Accept: {accept}")]);
    assert_eq!(response.status, 200, "{response:?}");
    String::from_utf8(response.body).expect("UTF-8")
}

/// What the list in JSON says of an entry.
fn entry(server: &Server, name: &str) -> String {
    let list = list(server, "/jobs/", "application/json");
    let member = format!("\"name\":\"{name}\",");
    let line = list.lines().find(|line| line.contains(&member));
    let line = line.unwrap_or_else(|| panic!("{name} in {list}"));
    line.trim_end_matches(',').to_owned()
}

fn fifo(dir: &TempDir, name: &str) {
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join(name), 0o644.into()).expect("mkfifo");
}

#[test]
fn every_form_of_a_list_says_how_far_a_job_is() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "question");
    let name = &path[6..];
    assert!(entry(&server, name).ends_with(",\"job\":\"waiting\"}"));
    dir.write(&format!("jobs/.{name}.taken"), "");
    assert!(entry(&server, name).ends_with(",\"job\":\"waiting\"}"));
    dir.write(&format!("jobs/.{name}.taken"), "+");
    assert!(entry(&server, name).ends_with(",\"job\":\"running\"}"));
    // A worker of other authors may take it by a lock alone; then the answer tells.
    dir.write(&format!("jobs/.{name}.taken"), "");
    dir.append(&path[1..], "begun\n");
    assert!(entry(&server, name).ends_with(",\"job\":\"running\"}"));
    dir.write(&format!("jobs/{name}.status"), "exit 3\n");
    assert!(entry(&server, name).contains(",\"sealed\":false,\"job\":\"exit 3\"}"));
    dir.chmod(&path[1..], 0o444);
    assert!(entry(&server, name).contains(",\"sealed\":true,\"job\":\"exit 3\"}"));
    let text = list(&server, "/jobs/", "text/plain");
    assert_eq!(text.matches("  job: exit 3\n").count(), 1, "{text}");
    let html = list(&server, "/jobs/?sort=time", "text/html");
    let said = "<span class=\"ko\">job failed: exit 3</span>";
    assert_eq!(html.matches(said).count(), 1, "{html}");
    server.stop();
}

/// Files of jobs that are not answers, other files there, and files with such names elsewhere.
#[test]
fn nothing_but_an_answer_has_the_state_of_a_job() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "question");
    let name = &path[6..];
    dir.write("jobs/notes", "not asked for\n");
    dir.write("elsewhere", "");
    dir.write("elsewhere.request", "");
    dir.write("elsewhere.status", "0\n");
    dir.chmod("elsewhere", 0o444);
    for other in ["queue", "notes", &format!("{name}.request")] {
        assert!(!entry(&server, other).contains("\"job\""), "{other}");
    }
    let root = list(&server, "/", "application/json");
    assert!(!root.contains("\"job\""), "{root}");
    // A status that is none, or no file, is none; and nobody waits for a writer of it.
    dir.write(&format!("jobs/{name}.status"), "half a wo");
    assert!(entry(&server, name).ends_with(",\"job\":\"waiting\"}"));
    dir.remove(&format!("jobs/{name}.status"));
    fifo(&dir, &format!("jobs/{name}.status"));
    assert!(entry(&server, name).ends_with(",\"job\":\"waiting\"}"));
    server.stop();
}

#[test]
fn the_states_of_a_real_worker_show() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "question");
    let name = &path[6..];
    fifo(&dir, "go");
    let script = format!(": <{}", dir.join("go").display());
    let _worker = Worker::start(&dir.join("jobs"), &[], &script);
    let says = |state: &str| entry(&server, name).contains(&format!(",\"job\":\"{state}\"}}"));
    eventually("it runs", || says("running"));
    assert_eq!(server::text(&dir, &path[1..]), "");
    assert_eq!(server.get(&path, &[]).status, 200);
    dir.append("go", "");
    eventually("it ended", || says("0"));
}
