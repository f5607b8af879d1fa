//! What is refused before the body has come, and names that no file can get.

use std::process::Command;

use super::{names, once, patch, read, writable, write};
use crate::support::client::{Client, etag};
use crate::support::harness::{Server, TempDir};
use crate::support::machine::in_namespace;

/// The status of the first response to a client that asks before it sends three bytes.
fn first_status(server: &Server, method: &str, target: &str, fields: &[&str]) -> u16 {
    let mut client = Client::new(server);
    let expect = ["Content-Length: 3", "Expect: 100-continue"];
    client.ask(method, target, &[fields, &expect].concat());
    let line = String::from_utf8(client.raw("HTTP/1.1 100".len())).expect("text");
    line[line.len() - 3..].parse().expect("a status")
}

/// The client learns no more than before.
#[test]
fn the_log_says_why_a_write_is_refused() {
    let (dir, server) = writable(&[]);
    dir.mkdir("in/shut");
    dir.write("in/shut/t", "abc");
    dir.chmod("in/shut", 0o555);
    for (method, target, why) in [
        (
            "POST",
            "/in/shut/new",
            &["Permission denied", "mode 0555"][..],
        ),
        ("PUT", "/in/shut/t", &["Permission denied", "uid"]),
        ("DELETE", "/in/shut/t", &["Permission denied", "mode 0555"]),
        ("POST", "/out/t", &["not below a --write path"]),
        ("POST", "/in/sub", &["cannot be written here"]),
        ("POST", "/in", &["add the name of a file below it"]),
        ("PUT", "/in/", &["add the name of a file below it"]),
        ("POST", "/in/sub/", &["add the name of a file below it"]),
    ] {
        let body = if method == "DELETE" { "" } else { "x" };
        let response = once(&server, method, target, &[], body);
        assert_eq!(response.status, 403, "{method} {target}");
        let body = String::from_utf8(response.body).expect("text");
        assert!(!body.contains("mode") && !body.contains("uid"), "{body}");
        let line = format!("{method} {target}: 403");
        server.log().wait_for(&[&[line.as_str()], why].concat());
    }
}

#[test]
fn a_client_that_asks_first_learns_at_once_what_is_refused() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "abc");
    dir.write("in/sealed", "abc");
    dir.chmod("in/sealed", 0o444);
    let media = "Content-Type: application/partial-upload";
    let at = |offset: &'static str| [media, offset, "Upload-Complete: ?0"];
    let other = "If-Match: W/\"0000000000000000\"";
    for (method, target, fields, status) in [
        ("POST", "/in/t", &[other][..], 412),
        ("POST", "/in/new", &[other], 412),
        ("POST", "/in/t", &["If-None-Match: *"], 412),
        ("POST", "/in/t", &["Upload-Offset: 2"], 409),
        ("POST", "/in/new", &["Upload-Offset: 2"], 409),
        ("POST", "/in/sealed", &[], 403),
        ("POST", "/in/sub", &[], 403),
        ("POST", "/in/none/t", &[], 404),
        ("PUT", "/in/none/t", &[], 404),
        ("PUT", "/in/t", &["If-None-Match: *"], 412),
        ("PATCH", "/in/t", &at("Upload-Offset: 4"), 409),
        ("PATCH", "/in/new", &at("Upload-Offset: 4"), 409),
        ("PATCH", "/in/sealed", &at("Upload-Offset: 3"), 403),
        // The body decides: it may be there already.
        ("PATCH", "/in/sealed", &at("Upload-Offset: 0"), 100),
        ("PATCH", "/in/t", &at("Upload-Offset: 3"), 100),
        ("POST", "/in/t", &["If-Match: *"], 100),
        ("POST", "/in/new", &[], 100),
    ] {
        let given = first_status(&server, method, target, fields);
        assert_eq!(given, status, "{method} {target} {fields:?}");
    }
    assert_eq!(read(&dir, "in/t"), "abc");
    assert_eq!(names(&dir, "in"), ["sealed", "sub", "t"]);
}

#[test]
fn a_link_to_nothing_is_no_file_and_gets_none() {
    let (dir, server) = writable(&[]);
    dir.symlink("nothing", "in/t");
    once(&server, "POST", "/in/t", &[], "x").assert_error(403);
    once(&server, "PUT", "/in/t", &[], "x").assert_error(403);
    patch(&server, "/in/t", 0, false, "x").assert_error(403);
    once(&server, "DELETE", "/in/t", &[], "").assert_error(404);
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
    // Once it leads somewhere, it is written through; a rename takes its place.
    dir.write("in/nothing", "");
    assert_eq!(once(&server, "POST", "/in/t", &[], "x").status, 204);
    assert_eq!(read(&dir, "in/nothing"), "x");
    assert_eq!(once(&server, "PUT", "/in/t", &[], "y").status, 204);
    assert_eq!(
        (read(&dir, "in/nothing"), read(&dir, "in/t")),
        ("x".into(), "y".into())
    );
}

#[test]
fn an_earlier_generation_is_not_written() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "first");
    let tag = etag(&server, "/in/t");
    let target = format!("/in/t?generation={}", &tag[3..tag.len() - 1]);
    for (method, body) in [("POST", "x"), ("PUT", "x"), ("DELETE", ""), ("MOVE", "")] {
        once(&server, method, &target, &["Destination: /in/u"], body).assert_error(400);
    }
    once(&server, "DELETE", "/in/t?generations", &[], "").assert_error(400);
    assert_eq!(read(&dir, "in/t"), "first");
}

#[test]
fn a_file_does_not_move_onto_itself() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "abc");
    std::fs::hard_link(dir.join("in/t"), dir.join("in/other")).expect("a link");
    let tag = etag(&server, "/in/t");
    for destination in ["/in/t", "/in/other"] {
        let field = format!("Destination: {destination}");
        let response = once(&server, "MOVE", "/in/t", &[&field], "");
        response.assert_error(403);
        let said = String::from_utf8_lossy(&response.body).into_owned();
        assert!(said.contains("the same file"), "{said}");
    }
    assert_eq!(etag(&server, "/in/t"), tag);
    assert_eq!(names(&dir, "in"), ["other", "sub", "t"]);
}

#[test]
fn a_file_system_that_counts_no_blocks_takes_whole_files() {
    in_namespace(
        module_path!(),
        "a_file_system_that_counts_no_blocks_takes_whole_files",
        || {
            let dir = TempDir::new();
            let mount = Command::new("mount")
                .args(["-t", "ramfs", "none"])
                .arg(dir.path())
                .status();
            assert!(mount.expect("mount").success());
            dir.mkdir("in");
            let server = Server::with(&dir, &["--write", "/in"]);
            for (status, field) in [(201, "X: y"), (204, "Prefer: fsync")] {
                let response = once(&server, "PUT", "/in/t", &[field], "whole");
                assert_eq!(response.status, status, "{response:?}");
            }
            assert_eq!(read(&dir, "in/t"), "whole");
        },
    );
}

#[test]
fn a_server_that_only_accepts_jobs_says_so() {
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.mkdir("jobs");
    let server = Server::with(&dir, &["--jobs", "/jobs"]);
    for (method, target) in [("POST", "/in/t"), ("POST", "/jobs/t"), ("PUT", "/in/t")] {
        let response = once(&server, method, target, &[], "x");
        response.assert_error(403);
        let text = String::from_utf8_lossy(&response.body);
        assert!(
            text.contains("--jobs") && text.contains("--write"),
            "{text}"
        );
    }
}

/// A look at a name that fails for want of descriptors does not say that another file has the name, or the lock of it.
#[test]
fn without_descriptors_a_write_says_so() {
    let dir = TempDir::new();
    dir.mkdir("sub");
    let server = Server::limited(&dir, 40, &["--write", "/", "--max-connections", "1000"]);
    let mut writer = Client::new(&server);
    let mut idle = Vec::new();
    // Each has a descriptor less than the one before, until a write finds none for some step.
    for _ in 0..40 {
        let response = write(&mut writer, "POST", "/sub/t", &[], "x");
        if response.status == 503 {
            let text = String::from_utf8_lossy(&response.body);
            assert!(text.contains("too many open files"), "{text}");
            return;
        }
        assert!(matches!(response.status, 201 | 204), "{response:?}");
        let mut client = Client::new(&server);
        client.ask("OPTIONS", "*", &[]);
        assert_eq!(client.response().status, 204);
        idle.push(client);
    }
    panic!("the descriptors are never used up");
}
