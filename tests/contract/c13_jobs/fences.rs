//! `If-Match` and `Upload-Offset` of requests about jobs.

use super::Worker;
use super::server::{accepted, post, served, text};
use crate::c12_writing::once;
use crate::support::client::get;
use crate::support::harness::eventually;

const OTHER: &str = "If-Match: W/\"0123456789abcdef\"";

#[test]
fn a_job_is_cancelled_if_its_answer_is_what_the_client_expects() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    dir.append(&path[1..], "so far");
    let head = get(&server, &path, &[]);
    let own = format!("If-Match: {}", head.field("ETag"));
    let none = format!("If-None-Match: {}", head.field("ETag"));
    for (fields, status) in [
        (&[OTHER][..], 412),
        (&[OTHER, "Upload-Offset: 6"], 412),
        (&[none.as_str()], 412),
        (&["Upload-Offset: 5"], 409),
        (&[own.as_str(), "Upload-Offset: 7"], 409),
    ] {
        let response = once(&server, "DELETE", &path, fields, "");
        response.assert_error(status);
        let status = format!("{}.status", &path[1..]);
        assert_eq!(text(&dir, &status), "", "{fields:?}");
    }
    let fields = [own.as_str(), "Upload-Offset: 6"];
    assert_eq!(once(&server, "DELETE", &path, &fields, "").status, 204);
    let status = text(&dir, &format!("{}.status", &path[1..]));
    assert_eq!(status, "cancelled\n");
    // It is fenced also when there is nothing more to do.
    once(&server, "DELETE", &path, &[OTHER], "").assert_error(412);
    assert_eq!(once(&server, "DELETE", &path, &fields, "").status, 204);
}

/// A worker holds the lock of the answer.
#[test]
fn a_running_job_is_fenced() {
    let (dir, server) = served(&[]);
    let path = accepted(&server, &[], "x");
    let _worker = Worker::start(&dir.join("jobs"), &[], "echo started; sleep 1000");
    eventually("a command", || text(&dir, &path[1..]) == "started\n");
    once(&server, "DELETE", &path, &[OTHER], "").assert_error(412);
    assert_eq!(
        once(&server, "DELETE", &path, &["If-Match: *"], "").status,
        204
    );
}

/// Where jobs are asked for there is no file: it has no tag and no length.
#[test]
fn a_new_job_has_no_tag_and_no_length() {
    let (dir, server) = served(&[]);
    let asynchronous = "Prefer: respond-async";
    for (field, status) in [
        (OTHER, 412),
        ("If-None-Match: *", 412),
        ("Upload-Offset: 1", 409),
    ] {
        post(&server, &[asynchronous, field], "x").assert_error(status);
    }
    assert_eq!(text(&dir, "jobs/queue"), "");
    for field in ["If-Match: *", "Upload-Offset: 0", "If-None-Match: \"x\""] {
        accepted(&server, &[field], "x");
    }
}
