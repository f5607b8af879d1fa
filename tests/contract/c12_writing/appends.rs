//! POST, HEAD, OPTIONS, and what is as it was without `--write`.

use super::{once, read, writable, write};
use crate::support::client::{Client, etag, get, head_of, request};
use crate::support::harness::{Server, TempDir, run};

#[test]
fn without_write_nothing_has_changed() {
    let dir = TempDir::with("log", "one\n");
    let server = Server::start(&dir);
    for method in ["POST", "PATCH", "PUT", "MOVE", "DELETE"] {
        let response = once(&server, method, "/log", &["Destination: /x"], "two\n");
        response.assert_error(405);
        let line = String::from_utf8_lossy(&response.body);
        assert!(line.contains("needs --write PREFIX"), "{line}");
        assert_eq!(response.field("Allow"), "GET, HEAD, OPTIONS");
        assert_eq!(response.field("Connection"), "close");
        // A target that nobody understands is not looked at either.
        let mut client = Client::new(&server);
        client.ask(method, "/%zz", &[]);
        let response = client.response();
        assert_eq!(response.status, 405);
        assert_eq!(response.get("Connection"), None);
    }
    let mut client = Client::new(&server);
    client.ask("OPTIONS", "/log", &[]);
    assert_eq!(client.response().field("Allow"), "GET, HEAD, OPTIONS");
    let head = head_of(&server, "/log", &[]);
    assert_eq!(
        (head.get("Upload-Offset"), head.get("Upload-Complete")),
        (None, None)
    );
    assert_eq!(read(&dir, "log"), "one\n");
}

#[test]
fn a_record_is_appended() {
    let (dir, server) = writable(&[]);
    let mut client = Client::new(&server);
    let response = write(&mut client, "POST", "/in/t", &[], "one\n");
    assert_eq!(response.status, 201);
    assert_eq!(response.field("Location"), "/in/t");
    assert_eq!(response.field("Upload-Offset"), "4");
    let tag = response.etag();
    assert_eq!(etag(&server, "/in/t"), tag);
    // On the same connection, behind the body.
    let response = write(&mut client, "POST", "/in/t", &[], "two\n");
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(response.get("Location"), None);
    assert_eq!(response.field("Upload-Offset"), "8");
    assert_eq!(response.etag(), tag);
    // What was looked up before is old.
    assert_eq!(client.get("/in/t", &[]).body, b"one\ntwo\n");
    assert_eq!(read(&dir, "in/t"), "one\ntwo\n");
}

#[test]
fn a_line_end_is_added_to_a_line() {
    let (dir, server) = writable(&[]);
    for (body, offset) in [("a", "2"), ("b\n", "4"), ("c\nd", "8"), ("\n", "9")] {
        let response = once(&server, "POST", "/in/t?line", &[], body);
        assert_eq!(response.field("Upload-Offset"), offset, "{body:?}");
    }
    assert_eq!(read(&dir, "in/t"), "a\nb\nc\nd\n\n");
    let response = once(&server, "POST", "/in/t?&line=1&", &[], "x");
    assert_eq!(response.status, 204);
    assert_eq!(read(&dir, "in/t"), "a\nb\nc\nd\n\nx\n");
}

/// What is nearly `?line` would leave a record without its end, and what only means something to readers means nothing here.
#[test]
fn a_query_that_is_not_known() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "a\n");
    let media = "Content-Type: application/partial-upload";
    let patch = [media, "Upload-Offset: 2", "Upload-Complete: ?0"];
    for (method, query, fields) in [
        ("POST", "lines", &[][..]),
        ("POST", "line&lines=1", &[]),
        ("POST", "Line", &[]),
        ("POST", "x=line", &[]),
        ("PATCH", "line", &patch),
        ("PUT", "view", &[]),
        ("MOVE", "overwrite=F", &["Destination: /in/u"]),
        ("DELETE", "from=0", &[]),
    ] {
        let body = if matches!(method, "MOVE" | "DELETE") {
            ""
        } else {
            "x"
        };
        let response = once(&server, method, &format!("/in/t?{query}"), fields, body);
        response.assert_error(400);
        let text = String::from_utf8_lossy(&response.body);
        assert!(text.contains("?line"), "{method} {query}: {text}");
    }
    assert_eq!(read(&dir, "in/t"), "a\n");
    for query in ["", "line"] {
        let target = format!("/in/t?{query}");
        assert_eq!(once(&server, "PUT", &target, &[], "b").status, 204);
        assert_eq!(read(&dir, "in/t"), "b");
    }
}

#[test]
fn nothing_and_too_much() {
    let (dir, server) = writable(&["--append-max", "10"]);
    let mut client = Client::new(&server);
    let response = write(&mut client, "POST", "/in/t", &[], "");
    response.assert_error(400);
    // The connection stays: the body has been read.
    assert_eq!(
        write(&mut client, "POST", "/in/t", &[], "0123456789").status,
        201
    );
    let response = write(&mut client, "POST", "/in/t", &[], "01234567890");
    response.assert_error(413);
    assert_eq!(response.field("Connection"), "close");
    client.assert_closed();
    let mut client = Client::new(&server);
    let head = request("POST", "/in/t", &["Transfer-Encoding: chunked"]);
    client.send(format!("{head}6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n"));
    client.response().assert_error(413);
    let mut client = Client::new(&server);
    client.send(format!("{head}0\r\n\r\n"));
    client.response().assert_error(400);
    client.send(format!("{head}6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n"));
    assert_eq!(client.response().field("Upload-Offset"), "20");
    assert_eq!(read(&dir, "in/t"), "01234567890123456789");
}

#[test]
fn what_may_not_be_written() {
    let (dir, server) = writable(&[]);
    dir.write("out/log", "x");
    dir.write("in/sealed", "x");
    dir.chmod("in/sealed", 0o444);
    dir.symlink("../out/log", "in/link");
    dir.symlink("../out", "in/away");
    dir.symlink("/etc/passwd", "in/absolute");
    dir.symlink("t", "in/inside");
    let fifo = rustix::fs::mknodat(
        rustix::fs::CWD,
        dir.join("in/fifo"),
        rustix::fs::FileType::Fifo,
        0o666.into(),
        0,
    );
    fifo.expect("mkfifo");
    for (target, statuses) in [
        ("/out/log", &[403][..]),
        ("/inner", &[403]),
        ("/", &[403]),
        ("/in", &[403]),
        ("/in/", &[403]),
        ("/in/sub", &[403]),
        ("/in/sub/", &[403]),
        ("/in/.hidden", &[403, 404]),
        ("/in/.sub/x", &[403, 404]),
        ("/in/a%2Fb", &[403, 404]),
        ("/in/nowhere/x", &[404]),
        ("/in/sealed/x", &[404]),
        ("/in/sealed", &[403]),
        ("/in/link", &[403]),
        ("/in/away/log", &[403]),
        ("/in/absolute", &[403]),
        ("/in/fifo", &[403]),
        ("/in/%zz", &[400]),
        ("/in/../../x", &[400]),
    ] {
        for method in ["POST", "PUT"] {
            if method == "PUT" && ["/in/sealed", "/in/link", "/in/absolute"].contains(&target) {
                continue;
            }
            let response = once(&server, method, target, &[], "y");
            assert!(
                statuses.contains(&response.status),
                "{method} {target}: {response:?}"
            );
            response.assert_error(response.status);
        }
    }
    assert_eq!(read(&dir, "out/log"), "x");
    assert_eq!(read(&dir, "in/sealed"), "x");
    // A link to a file below the prefix is as good as the file.
    dir.write("in/t", "a");
    assert_eq!(once(&server, "POST", "/in/inside", &[], "b").status, 204);
    assert_eq!(read(&dir, "in/t"), "ab");
}

#[test]
fn what_a_producer_asks_first() {
    let (dir, server) = writable(&[]);
    dir.write("in/t", "12345");
    dir.write("out/t", "12345");
    let head = head_of(&server, "/in/t", &[]);
    assert_eq!(head.field("Upload-Offset"), "5");
    assert_eq!(head.field("Upload-Complete"), "?0");
    dir.chmod("in/t", 0o444);
    assert_eq!(
        head_of(&server, "/in/t", &[]).field("Upload-Complete"),
        "?1"
    );
    // Nothing more of a GET, and of what may not be written.
    assert_eq!(get(&server, "/in/t", &[]).get("Upload-Offset"), None);
    assert_eq!(head_of(&server, "/out/t", &[]).get("Upload-Offset"), None);
    let mut client = Client::new(&server);
    client.ask("OPTIONS", "/in/t", &[]);
    let response = client.response();
    assert_eq!(
        response.field("Allow"),
        "GET, HEAD, OPTIONS, POST, PATCH, PUT, MOVE, DELETE"
    );
    assert!(
        response
            .field("Accept-Patch")
            .contains("application/partial-upload")
    );
    client.ask("OPTIONS", "/out/t", &[]);
    assert_eq!(client.response().field("Allow"), "GET, HEAD, OPTIONS");
    client.ask("BREW", "/in/t", &[]);
    client.response().assert_error(405);
}

#[test]
fn fences() {
    let (dir, server) = writable(&[]);
    let other = "If-Match: W/\"0123456789abcdef\"";
    // There is no file that could match.
    for fence in [other, "If-Match: *"] {
        once(&server, "POST", "/in/t", &[fence], "x").assert_error(412);
    }
    once(&server, "POST", "/in/t", &["Upload-Offset: 1"], "x").assert_error(409);
    let created = once(
        &server,
        "POST",
        "/in/t",
        &["If-None-Match: *", "Upload-Offset: 0"],
        "x",
    );
    assert_eq!(created.status, 201);
    once(&server, "POST", "/in/t", &["If-None-Match: *"], "x").assert_error(412);
    once(&server, "POST", "/in/t", &[other], "x").assert_error(412);
    let same = format!("If-Match: {}", created.etag());
    let response = once(&server, "POST", "/in/t", &[&same], "y");
    assert_eq!(response.status, 204);
    dir.rename("in/t", "in/t.1");
    dir.write("in/t", "new");
    once(&server, "POST", "/in/t", &[&same], "z").assert_error(412);
    assert_eq!(
        (read(&dir, "in/t").as_str(), read(&dir, "in/t.1").as_str()),
        ("new", "xy")
    );
}

#[test]
fn digests() {
    let (dir, server) = writable(&[]);
    let right = "Content-Digest: sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    let wrong = "Content-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    for method in ["POST", "PUT"] {
        assert!(once(&server, method, "/in/t", &[right], "hello").status < 300);
        once(&server, method, "/in/t", &[wrong], "hello").assert_error(400);
        once(&server, method, "/in/t", &["Content-Digest: x"], "hello").assert_error(400);
        once(
            &server,
            method,
            "/in/t",
            &["Content-Encoding: gzip"],
            "hello",
        )
        .assert_error(415);
    }
    assert_eq!(read(&dir, "in/t"), "hello");
}

#[test]
fn a_follower_gets_what_is_posted() {
    let (_dir, server) = writable(&[]);
    once(&server, "POST", "/in/t", &[], "one\n");
    let mut tail = server.tail("/in/t", 0);
    tail.wait_for(4);
    let mut producer = Client::new(&server);
    for number in 0..100 {
        write(
            &mut producer,
            "POST",
            "/in/t?line",
            &[],
            format!("{number:03}"),
        );
    }
    tail.wait_for(404);
    let deleted = write(&mut producer, "DELETE", "/in/t", &[], "");
    assert_eq!(deleted.status, 204);
    tail.end();
}

#[test]
fn command_lines_that_are_wrong() {
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.write("file", "");
    let root = dir.path().to_str().expect("text");
    for (arguments, status, named) in [
        (&["--write", "in", root][..], 2, "--write in"),
        (&["--write", "/.x", root], 2, "--write /.x"),
        (
            &["--write", "/in", "--listen", "0.0.0.0:0", root],
            2,
            "--write",
        ),
        (
            &["--write", "/in", "--listen", "[::]:0", root],
            2,
            "--write",
        ),
        (&["--append-max", "0", root], 2, "--append-max 0"),
        (&["--body-memory", "x", root], 2, "--body-memory x"),
        (
            &["--write", "/no", "--listen", "127.0.0.1:0", root],
            1,
            "--write /no",
        ),
        (
            &["--write", "/file", "--listen", "127.0.0.1:0", root],
            1,
            "--write /file",
        ),
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(status), "{arguments:?}: {said}");
        assert!(
            said.contains(named) && said.trim_end().lines().count() == 1,
            "{said}"
        );
    }
}
