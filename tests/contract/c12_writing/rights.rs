//! Who may write: rights of tokens, and pages of other sites.

use super::{names, once, read, writable};
use crate::support::client::{Client, get};
use crate::support::harness::{Server, TempDir};

fn with_tokens(options: &[&str]) -> (TempDir, Server) {
    let dir = TempDir::new();
    dir.mkdir("root/in");
    dir.mkdir("root/in/sub");
    dir.write(
        "tokens",
        "reader\nproducer /in a\nowner / w\nboth / ra\nall / rw\nsub /in/sub w\n",
    );
    dir.chmod("tokens", 0o600);
    let tokens = dir.join("tokens");
    let tokens = tokens.to_str().expect("text");
    let options = [&["--write", "/in", "--token-file", tokens], options].concat();
    let server = Server::with(dir.join("root"), &options);
    (dir, server)
}

#[test]
fn rights_of_tokens() {
    let (dir, server) = with_tokens(&[]);
    dir.write("root/in/t", "one\n");
    let patch = &[
        "Content-Type: application/partial-upload",
        "Upload-Offset: 0",
        "Upload-Complete: ?0",
    ][..];
    // Token; the status of GET, POST, PATCH (to a file of another length), PUT, MOVE and DELETE.
    for (token, statuses) in [
        ("", [401, 401, 401, 401, 401, 401]),
        ("nobody", [401, 401, 401, 401, 401, 401]),
        ("reader", [200, 403, 403, 403, 403, 403]),
        ("producer", [403, 204, 409, 403, 403, 403]),
        ("both", [200, 204, 409, 403, 403, 403]),
        ("sub", [401, 401, 401, 401, 401, 401]),
        ("owner", [403, 204, 409, 204, 201, 404]),
        ("all", [200, 204, 409, 204, 201, 404]),
    ] {
        dir.write("root/in/t", "one\n");
        let _ = std::fs::remove_file(dir.join("root/in/u"));
        let credentials = format!("Authorization: Bearer {token}");
        let credentials = if token.is_empty() {
            "X: y"
        } else {
            &credentials
        };
        let fields = &[credentials][..];
        let seen = [
            get(&server, "/in/t", fields).status,
            once(&server, "POST", "/in/t", fields, "two\n").status,
            once(&server, "PATCH", "/in/t", &[fields, patch].concat(), "x").status,
            once(&server, "PUT", "/in/t", fields, "three\n").status,
            once(
                &server,
                "MOVE",
                "/in/t",
                &[credentials, "Destination: /in/u"],
                "",
            )
            .status,
            once(&server, "DELETE", "/in/t", fields, "").status,
        ];
        assert_eq!(seen, statuses, "{token}");
    }
    // Both names of a MOVE must be permitted.
    let sub = "Authorization: Bearer sub";
    assert_eq!(once(&server, "PUT", "/in/sub/x", &[sub], "x").status, 201);
    let out = [sub, "Destination: /in/x"];
    assert_eq!(once(&server, "MOVE", "/in/sub/x", &out, "").status, 401);
    let within = [sub, "Destination: /in/sub/y"];
    assert_eq!(once(&server, "MOVE", "/in/sub/x", &within, "").status, 201);
    // What is not there is nobody's business without a token.
    let response = once(&server, "POST", "/out", &[], "x");
    assert_eq!(response.status, 401);
    assert!(response.field("WWW-Authenticate").starts_with("Bearer"));
    let response = once(
        &server,
        "POST",
        "/out",
        &["Authorization: Bearer owner"],
        "x",
    );
    assert_eq!(response.status, 403);
    let response = once(
        &server,
        "POST",
        "/in/t",
        &["Authorization: Bearer reader"],
        "x",
    );
    assert!(
        response
            .field("WWW-Authenticate")
            .contains("insufficient_scope")
    );
}

#[test]
fn with_tokens_all_listeners_may_write() {
    let (_dir, server) = with_tokens(&["--listen", "0.0.0.0:0"]);
    let fields = ["Authorization: Bearer owner"];
    assert_eq!(once(&server, "POST", "/in/t", &fields, "x").status, 201);
}

#[test]
fn pages_of_other_sites() {
    let options = [
        "--host",
        "logs.example",
        "--cors",
        "https://app.example:8443",
    ];
    let (dir, server) = writable(&options);
    dir.write("in/t", "");
    let own = format!("Origin: http://{}", server.address);
    let port = server.address.rsplit(':').next().expect("a port");
    let localhost = format!("Origin: http://localhost:{port}");
    for origin in [
        &own,
        &localhost,
        "Origin: http://logs.example",
        "Origin: https://logs.example:9999",
        "Origin: https://app.example:8443",
    ] {
        let response = once(&server, "POST", "/in/t", &[origin], "x");
        assert_eq!(response.status, 204, "{origin}");
    }
    for origin in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: ",
        "Origin: http://localhost:1",
        "Origin: http://127.0.0.1:1",
        "Origin: https://app.example",
        "Origin: http://logs.example.evil.example",
    ] {
        for method in ["POST", "PUT", "DELETE"] {
            let response = once(&server, method, "/in/t", &[origin], "");
            assert_eq!(response.status, 403, "{origin}");
        }
    }
    assert_eq!(read(&dir, "in/t"), "xxxxx");
    // To read is something else.
    assert_eq!(
        get(&server, "/in/t", &["Origin: http://evil.example"]).status,
        200
    );
}

#[test]
fn a_name_counts_beside_any_host() {
    for order in [["logs.example", "*"], ["*", "logs.example"]] {
        let [first, second] = order;
        let (_dir, server) = writable(&["--host", first, "--host", second]);
        for (origin, status) in [
            ("http://logs.example", 201),
            ("https://logs.example:8443", 204),
            ("https://other.example", 403),
            ("*", 403),
        ] {
            let origin = format!("Origin: {origin}");
            let given = once(&server, "POST", "/in/t", &[&origin], "x").status;
            assert_eq!(given, status, "{origin} with {order:?}");
        }
    }
}

#[test]
fn any_origin_may_read_and_not_write() {
    let (_dir, server) = writable(&["--cors", "*", "--host", "*"]);
    let evil = "Origin: http://evil.example";
    assert_eq!(once(&server, "POST", "/in/t", &[evil], "x").status, 403);
    let mut client = Client::new(&server);
    client.ask(
        "OPTIONS",
        "/in/t",
        &[evil, "Access-Control-Request-Method: PUT"],
    );
    let response = client.response();
    assert_eq!(response.field("Access-Control-Allow-Origin"), "*");
}

#[test]
fn a_name_that_leads_here() {
    let (dir, server) = writable(&[]);
    let mut client = Client::new(&server);
    client.send("POST /in/t HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1\r\n\r\nx");
    let response = client.response();
    assert_eq!(
        (response.status, response.field("Connection")),
        (421, "close")
    );
    assert!(!dir.join("in/t").exists());
}

/// A directory that takes the name of a prefix while the server runs: the code would write there, the sandbox does not, and
/// a restart of the server helps.
#[test]
fn the_sandbox_knows_the_directories_that_were_there_at_the_start() {
    for (options, status) in [(&[][..], 503), (&["--no-sandbox"], 201)] {
        let (dir, server) = writable(options);
        assert_eq!(once(&server, "PUT", "/in/x", &[], "x").status, 201);
        dir.rename("in", "before");
        dir.mkdir("in");
        for (method, target, fields) in [
            ("PUT", "/in/x", &[][..]),
            ("POST", "/in/y", &[]),
            ("POST", "/in/z", &["Prefer: fsync"]),
        ] {
            let given = once(&server, method, target, fields, "x").status;
            assert_eq!(given, status, "{method} {target} with {options:?}");
        }
        dir.write("in/old", "x");
        let given = once(&server, "DELETE", "/in/old", &[], "").status;
        assert_eq!(given, if status == 503 { 503 } else { 204 });
        assert_eq!(names(&dir, "before"), ["sub", "x"]);
    }
}

#[test]
fn the_sandbox_permits_writing_below_the_prefixes_only() {
    let (dir, server) = writable(&[]);
    // What the server may do, another program in its place may do: it is asked of the process, not of the code.
    let (root, status) = (dir.path().display(), server.running.status("Seccomp"));
    assert_eq!(status, "2");
    dir.symlink(format!("{root}/out"), "in/out");
    assert_eq!(once(&server, "PUT", "/in/out/x", &[], "x").status, 403);
    assert_eq!(once(&server, "PUT", "/in/x", &[], "x").status, 201);
    assert_eq!(
        once(&server, "MOVE", "/in/x", &["Destination: /in/sub/y"], "").status,
        201
    );
}
