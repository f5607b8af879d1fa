//! PUT, MOVE and DELETE.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::{names, once, read, writable, write};
use crate::support::client::{Client, etag, request};
use crate::support::harness::eventually;

#[test]
fn a_whole_file_at_once() {
    let (dir, server) = writable(&["--append-max", "10"]);
    let long = "0123456789".repeat(100_000);
    let response = once(&server, "PUT", "/in/t", &[], &long);
    assert_eq!(
        (response.status, response.field("Location")),
        (201, "/in/t")
    );
    assert_eq!(response.field("Upload-Offset"), "1000000");
    assert_eq!(response.etag(), etag(&server, "/in/t"));
    assert_eq!(read(&dir, "in/t"), long);
    let before = response.etag();
    let mut tail = server.tail("/in/t", 1_000_000);
    let response = once(&server, "PUT", "/in/t", &[], "short");
    assert_eq!((response.status, response.get("Location")), (204, None));
    assert_eq!(response.field("Upload-Offset"), "5");
    assert_ne!(response.etag(), before);
    assert_eq!(response.etag(), etag(&server, "/in/t"));
    tail.end();
    assert_eq!(once(&server, "PUT", "/in/t", &[], "").status, 204);
    assert_eq!(read(&dir, "in/t"), "");
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
}

#[test]
fn what_a_file_permitted_its_successor_permits() {
    let (dir, server) = writable(&[]);
    for (mode, expected) in [(0o600, 0o600), (0o444, 0o644), (0o440, 0o640)] {
        dir.write("in/t", "old");
        dir.chmod("in/t", mode);
        assert_eq!(once(&server, "PUT", "/in/t", &[], "new").status, 204);
        let mode = dir
            .join("in/t")
            .metadata()
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, expected);
        assert_eq!(read(&dir, "in/t"), "new");
        dir.remove("in/t");
    }
}

#[test]
fn only_if() {
    let (dir, server) = writable(&[]);
    let other = "If-Match: W/\"0123456789abcdef\"";
    once(&server, "PUT", "/in/t", &[other], "x").assert_error(412);
    once(&server, "PUT", "/in/t", &["Upload-Offset: 3"], "x").assert_error(409);
    let created = once(&server, "PUT", "/in/t", &["If-None-Match: *"], "one");
    assert_eq!(created.status, 201);
    once(&server, "PUT", "/in/t", &["If-None-Match: *"], "two").assert_error(412);
    once(&server, "PUT", "/in/t", &[other], "two").assert_error(412);
    let response = once(&server, "PUT", "/in/t", &["Upload-Offset: 4"], "two");
    response.assert_error(409);
    assert_eq!(response.field("Upload-Offset"), "3");
    once(
        &server,
        "PUT",
        "/in/t",
        &["Content-Range: bytes 0-2/3"],
        "two",
    )
    .assert_error(400);
    assert_eq!(read(&dir, "in/t"), "one");
    let same = format!("If-Match: {}", created.etag());
    let response = once(&server, "PUT", "/in/t", &[&same, "Upload-Offset: 3"], "two");
    assert_eq!(response.status, 204);
    assert_eq!(read(&dir, "in/t"), "two");
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
}

#[test]
fn half_a_body_leaves_nothing() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "old");
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        for (method, target) in [
            ("PUT", "/in/t"),
            ("PUT", "/in/new"),
            ("POST", "/in/t"),
            ("POST", "/in/new"),
        ] {
            let mut client = Client::new(&server);
            let head = request(method, target, &[framing]);
            client.send(format!("{head}7fff\r\n{}", "x".repeat(30_000)));
            client.shut();
            let (_, _) = client.until_end();
        }
    }
    assert_eq!(names(&dir, "in"), ["sub", "t"]);
    assert_eq!(read(&dir, "in/t"), "old");
    eventually("files stay open", || server.running.descriptors() < 60);
}

#[test]
fn a_crash_leaves_nothing() {
    let (dir, mut server) = writable(&[]);
    let mut client = Client::new(&server);
    client.send(request("PUT", "/in/t", &["Content-Length: 100000"]));
    client.send("x".repeat(50_000));
    server.running.kill();
    drop(server);
    // Of a file system where such a file has a name, and what only looks like one.
    dir.write("in/.openrange-put-0123456789abcdef", "half");
    dir.write("in/sub/.openrange-put-0123456789abcdef", "half");
    dir.write("in/.openrange-put-mine", "keep");
    dir.write("out/.openrange-put-0123456789abcdef", "keep");
    let server = crate::support::harness::Server::with(&dir, &["--write", "/in"]);
    assert_eq!(names(&dir, "in"), [".openrange-put-mine", "sub"]);
    assert_eq!(names(&dir, "in/sub"), [""; 0]);
    assert_eq!(names(&dir, "out"), [".openrange-put-0123456789abcdef"]);
    drop(server);
}

/// Another directory takes the name of the one in which the upload began: the file gets its name in that one.
#[test]
fn a_directory_is_replaced_while_a_body_comes() {
    for before in [None, Some("of before")] {
        let (dir, server) = writable(&[]);
        dir.mkdir("in/today");
        if let Some(text) = before {
            dir.write("in/today/t", text);
        }
        let mut client = Client::new(&server);
        client.ask("OPTIONS", "*", &[]);
        assert_eq!(client.response().status, 204);
        let descriptors = server.running.descriptors();
        client.send(request("PUT", "/in/today/t", &["Content-Length: 4"]));
        client.send("ha");
        eventually("the file has begun", || {
            server.running.descriptors() > descriptors
        });
        dir.rename("in/today", "in/yesterday");
        dir.mkdir("in/today");
        client.send("lf");
        let response = client.response();
        assert_eq!(response.status, 201, "{response:?}");
        assert_eq!(response.etag(), etag(&server, "/in/today/t"));
        assert_eq!(read(&dir, "in/today/t"), "half");
        assert_eq!(names(&dir, "in/yesterday").len(), before.iter().count());
    }
}

#[test]
fn another_name() {
    let (dir, server) = writable(&[]);
    once(&server, "POST", "/in/t", &[], "one\n");
    let tag = etag(&server, "/in/t");
    let inode = dir.join("in/t").metadata().expect("a file").ino();
    let mut tail = server.tail("/in/t", 0);
    let mut client = Client::new(&server);
    client.ask("MOVE", "/in/t", &["Destination: /in/sub/t.1"]);
    let response = client.response();
    assert_eq!(
        (response.status, response.field("Location")),
        (201, "/in/sub/t.1")
    );
    assert_eq!(
        (response.field("Upload-Offset"), response.etag()),
        ("4", tag.clone())
    );
    tail.wait_for(4);
    tail.end();
    assert_eq!(
        dir.join("in/sub/t.1").metadata().expect("a file").ino(),
        inode
    );
    // In place of another file.
    dir.write("in/t", "two\n");
    client.ask(
        "MOVE",
        "/in/t",
        &["Destination: /in/sub/t.1", "Overwrite: F"],
    );
    client.response().assert_error(412);
    client.ask(
        "MOVE",
        "/in/t",
        &["Destination: http://localhost/in/sub/t.1", "Overwrite: T"],
    );
    assert_eq!(client.response().status, 204);
    assert_eq!(read(&dir, "in/sub/t.1"), "two\n");
    client.ask(
        "MOVE",
        "/in/sub/t.1",
        &["Destination: /in/u", "Overwrite: F"],
    );
    assert_eq!(client.response().status, 201);
    assert_eq!(names(&dir, "in"), ["sub", "u"]);
}

#[test]
fn where_nothing_can_be_moved() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "one\n");
    dir.write("in/u", "two\n");
    let mut client = Client::new(&server);
    for (fields, status) in [
        (&[][..], 400),
        (&["Destination: x"], 400),
        (&["Destination: /out/t"], 403),
        (&["Destination: /t"], 403),
        (&["Destination: /in/.t"], 403),
        (&["Destination: /in/sub"], 403),
        (&["Destination: /in/t"], 403),
        (&["Destination: http://other/in/x"], 403),
        (&["Destination: /in/no/t"], 409),
        (&["Destination: /in/x", "Overwrite: x"], 400),
        (&["Destination: /in/u", "Overwrite: F"], 412),
        (&["Destination: /in/sub", "Overwrite: F"], 412),
        (&["Destination: /in/t", "Overwrite: F"], 412),
        (
            &["Destination: /in/x", "If-Match: W/\"0123456789abcdef\""],
            412,
        ),
        (&["Destination: /in/x", "Upload-Offset: 3"], 409),
    ] {
        client.ask("MOVE", "/in/t", fields);
        let response = client.response();
        assert_eq!(response.status, status, "{fields:?}: {response:?}");
        response.assert_error(status);
    }
    client.ask("MOVE", "/in/x", &["Destination: /in/y"]);
    client.response().assert_error(404);
    client.ask("MOVE", "/in/sub", &["Destination: /in/y"]);
    client.response().assert_error(403);
    client.ask("MOVE", "/out/x", &["Destination: /in/y"]);
    client.response().assert_error(403);
    assert_eq!(
        (read(&dir, "in/t").as_str(), read(&dir, "in/u").as_str()),
        ("one\n", "two\n")
    );
    let response = write(
        &mut client,
        "MOVE",
        "/in/t",
        &["Destination: /in/x"],
        "body",
    );
    response.assert_error(415);
}

#[test]
fn no_name_any_more() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "one\n");
    dir.chmod("in/t", 0o444);
    let tag = etag(&server, "/in/t");
    let mut client = Client::new(&server);
    client.ask("DELETE", "/in/t", &["If-Match: W/\"0123456789abcdef\""]);
    client.response().assert_error(412);
    client.ask("DELETE", "/in/t", &["Upload-Offset: 5"]);
    let response = client.response();
    response.assert_error(409);
    assert_eq!(response.field("Upload-Offset"), "4");
    let same = format!("If-Match: {tag}");
    client.ask("DELETE", "/in/t", &[&same, "Upload-Offset: 4"]);
    assert_eq!(client.response().status, 204);
    for (target, status) in [
        ("/in/t", 404),
        ("/in/sub", 403),
        ("/in/sub/", 403),
        ("/out/x", 403),
    ] {
        client.ask("DELETE", target, &[]);
        client.response().assert_error(status);
    }
    assert_eq!(names(&dir, "in"), ["sub"]);
}
