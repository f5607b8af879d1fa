//! PATCH: append if the file is exactly so long, and seal it.

use std::os::unix::fs::PermissionsExt;

use super::{once, patch, read, writable, write};
use crate::support::client::Client;
use crate::support::machine::{is_root, skip};

#[test]
fn at_the_very_length() {
    let (dir, server) = writable(&[]);
    patch(&server, "/in/t", 1, false, "x").assert_error(409);
    assert_eq!(
        patch(&server, "/in/t", 1, false, "x").field("Upload-Offset"),
        "0"
    );
    let created = patch(&server, "/in/t", 0, false, "one\n");
    assert_eq!((created.status, created.field("Location")), (201, "/in/t"));
    let response = patch(&server, "/in/t", 4, false, "two\n");
    assert_eq!(
        (response.status, response.field("Upload-Offset")),
        (204, "8")
    );
    for offset in [3, 7, 9, u64::MAX / 2] {
        let response = patch(&server, "/in/t", offset, false, "xyz");
        response.assert_error(409);
        assert_eq!(response.field("Upload-Offset"), "8");
        assert_eq!(response.etag(), created.etag());
    }
    assert_eq!(read(&dir, "in/t"), "one\ntwo\n");
}

#[test]
fn a_retry_appends_nothing() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "one\n");
    for _ in 0..3 {
        let response = patch(&server, "/in/t", 4, false, "two\n");
        assert_eq!(
            (response.status, response.field("Upload-Offset")),
            (204, "8")
        );
    }
    // Also when others have appended since.
    dir.append("in/t", "three\n");
    let response = patch(&server, "/in/t", 4, false, "two\n");
    assert_eq!(
        (response.status, response.field("Upload-Offset")),
        (204, "14")
    );
    // But not if it is something else, or not all of it.
    patch(&server, "/in/t", 4, false, "twx\n").assert_error(409);
    patch(&server, "/in/t", 8, false, "three\nfour\n").assert_error(409);
    assert_eq!(read(&dir, "in/t"), "one\ntwo\nthree\n");
}

#[test]
fn sealed_by_the_last_part() {
    let (dir, server) = writable(&[]);
    let response = patch(&server, "/in/t", 0, true, "all\n");
    assert_eq!(
        (response.status, response.field("Upload-Complete")),
        (201, "?1")
    );
    let mode = |name: &str| {
        dir.join(name)
            .metadata()
            .expect("a file")
            .permissions()
            .mode()
    };
    assert_eq!(mode("in/t") & 0o222, 0);
    // A retry is answered as the first one was.
    let response = patch(&server, "/in/t", 0, true, "all\n");
    assert_eq!(
        (response.status, response.field("Upload-Offset")),
        (204, "4")
    );
    patch(&server, "/in/t", 4, false, "more\n").assert_error(403);
    patch(&server, "/in/t", 4, true, "more\n").assert_error(403);
    patch(&server, "/in/t", 2, false, "x").assert_error(409);
    once(&server, "POST", "/in/t", &[], "more\n").assert_error(403);
    // With nothing to append.
    dir.write("in/u", "12345");
    patch(&server, "/in/u", 4, true, "").assert_error(409);
    patch(&server, "/in/u", 6, true, "").assert_error(409);
    patch(&server, "/in/u", 5, false, "").assert_error(400);
    assert_eq!(mode("in/u") & 0o200, 0o200);
    for _ in 0..2 {
        let response = patch(&server, "/in/u", 5, true, "");
        assert_eq!(
            (response.status, response.field("Upload-Offset")),
            (204, "5")
        );
        assert_eq!(mode("in/u") & 0o222, 0);
    }
    // A retry seals if the file ends there.
    dir.write("in/v", "abc");
    assert_eq!(patch(&server, "/in/v", 1, true, "bc").status, 204);
    assert_eq!(mode("in/v") & 0o222, 0);
    dir.write("in/w", "abcd");
    assert_eq!(patch(&server, "/in/w", 1, true, "bc").status, 204);
    assert_eq!(
        mode("in/w") & 0o200,
        0o200,
        "more follows what was to be the end"
    );
    // An empty file can be complete.
    let response = patch(&server, "/in/x", 0, true, "");
    assert_eq!(
        (response.status, response.field("Upload-Offset")),
        (201, "0")
    );
}

#[test]
fn a_seal_ends_tails() {
    let (_dir, server) = writable(&[]);
    patch(&server, "/in/t", 0, false, "one\n");
    let mut tail = server.tail("/in/t", 0);
    patch(&server, "/in/t", 4, true, "two\n");
    tail.wait_for(8);
    tail.end();
}

#[test]
fn the_form_of_the_request() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "");
    let offset = "Upload-Offset: 0";
    let complete = "Upload-Complete: ?0";
    for fields in [
        &[offset, complete][..],
        &["Content-Type: text/plain", offset, complete],
    ] {
        let response = once(&server, "PATCH", "/in/t", fields, "x");
        response.assert_error(415);
        assert!(
            response
                .field("Accept-Patch")
                .contains("application/partial-upload")
        );
    }
    let media = "Content-Type: application/partial-upload";
    for fields in [&[media, offset][..], &[media, complete]] {
        once(&server, "PATCH", "/in/t", fields, "x").assert_error(400);
    }
    // The form of tus.
    let tus = "Content-Type: application/offset+octet-stream";
    let response = once(&server, "PATCH", "/in/t", &[tus, offset], "x");
    assert_eq!(
        (response.status, response.field("Upload-Offset")),
        (204, "1")
    );
    // The fence, before the length is compared.
    let fence = "If-Match: W/\"0123456789abcdef\"";
    let response = once(
        &server,
        "PATCH",
        "/in/t",
        &[media, fence, "Upload-Offset: 9", complete],
        "x",
    );
    response.assert_error(412);
    assert_eq!(read(&dir, "in/t"), "x");
}

#[test]
fn the_connection_stays_after_a_conflict() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "12345");
    let mut client = Client::new(&server);
    let fields = [
        "Content-Type: application/partial-upload",
        "Upload-Offset: 4",
        "Upload-Complete: ?0",
    ];
    for _ in 0..3 {
        write(&mut client, "PATCH", "/in/t", &fields, "x").assert_error(409);
    }
    assert_eq!(client.get("/in/t", &[]).body, b"12345");
}

/// Only its owner may seal a file: others hear that before their record is in it.
#[test]
fn a_seal_that_is_not_permitted() {
    if !is_root() {
        return skip("only root can give a file to somebody else");
    }
    let (dir, server) = writable(&[]);
    dir.write("in/t", "one\n");
    dir.chmod("in/t", 0o666);
    std::os::unix::fs::chown(dir.join("in/t"), Some(54_321), None).expect("another owner");
    patch(&server, "/in/t", 4, true, "two\n").assert_error(403);
    assert_eq!(read(&dir, "in/t"), "one\n");
    assert_eq!(patch(&server, "/in/t", 4, false, "two\n").status, 204);
    patch(&server, "/in/t", 8, true, "").assert_error(403);
    assert_eq!(read(&dir, "in/t"), "one\ntwo\n");
}
