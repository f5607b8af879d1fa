//! `--cors`: what browsers need to let a script of another site read.

use crate::support::client::{Client, Head};
use crate::support::harness::{Server, TempDir, openrange};

const ALLOW: &str = "Access-Control-Allow-Origin";
const SITE: &str = "https://app.example";

fn assert_readable(head: &Head, origin: &str, vary: Option<&str>) {
    assert_eq!(head.field(ALLOW), origin, "{head:?}");
    let exposed = head.field("Access-Control-Expose-Headers");
    for name in [
        "ETag",
        "Content-Range",
        "Accept-Ranges",
        "Retry-After",
        "WWW-Authenticate",
        // Where a generation is now, and which one comes next.
        "Content-Location",
        "Link",
    ] {
        assert!(
            exposed.split(", ").any(|known| known == name),
            "{name} in {exposed}"
        );
    }
    // What a browser may read depends on its origin; what it gets may depend on more.
    let names = |list: Option<&str>| -> Vec<String> {
        let names = list.into_iter().flat_map(|list| list.split(", "));
        names.map(str::to_owned).collect()
    };
    let (said, expected) = (names(head.get("Vary")), names(vary));
    let origin = "Origin".to_owned();
    assert!(expected.iter().all(|name| said.contains(name)), "{head:?}");
    assert_eq!(
        said.contains(&origin),
        expected.contains(&origin),
        "{head:?}"
    );
}

#[test]
fn nothing_is_said_unless_it_is_asked_for() {
    let dir = TempDir::with("log", "0123");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.ask(
        "OPTIONS",
        "/log",
        &[
            "Origin: https://app.example",
            "Access-Control-Request-Method: GET",
        ],
    );
    for head in [
        client.response().head,
        client.head_of("/log", &["Origin: https://app.example"]),
    ] {
        assert!(
            !head
                .fields
                .iter()
                .any(|(name, _)| name.starts_with("Access-Control-")),
            "{head:?}"
        );
        assert_eq!(head.get("Vary"), None);
    }
}

#[test]
fn every_answer_may_be_read() {
    let dir = TempDir::with("log", "0123");
    dir.mkdir("sub");
    for (origin, vary, both) in [
        ("*", None, "Accept"),
        (SITE, Some("Origin"), "Accept, Origin"),
    ] {
        let server = Server::with(&dir, &["--cors", origin]);
        let mut client = Client::new(&server);
        // With and without an Origin field: a cache may give the answer to anybody.
        for fields in [&[][..], &["Origin: https://app.example"]] {
            for (target, field, status) in [
                ("/log", "", 200),
                ("/log", "Range: bytes=1-2", 206),
                ("/log", "Range: bytes=0-1,3-3", 206),
                ("/log", "Range: bytes=9-", 416),
                ("/log", "If-Match: \"x\"", 412),
                ("/sub", "", 301),
                ("/missing", "", 404),
                ("/.hidden", "", 404),
            ] {
                let fields: Vec<&str> = fields
                    .iter()
                    .copied()
                    .chain((!field.is_empty()).then_some(field))
                    .collect();
                let answer = client.get(target, &fields);
                assert_eq!(answer.status, status, "{target} {field}");
                assert_readable(&answer, origin, vary);
            }
            assert_readable(&client.get("/sub/", fields), origin, Some(both));
        }
        client.ask("POST", "/log", &[]);
        let answer = client.response();
        assert_eq!(answer.status, 405);
        assert_readable(&answer, origin, vary);
        let mut tail = Client::new(&server);
        assert_readable(&tail.tail("/log", &["Range: bytes=0-"]), origin, vary);
        assert_eq!(tail.take(4), b"0123");
        tail.send("x");
        let mut refused = Client::new(&server);
        refused.send("GET / HTTP/1.1\r\n\r\n");
        let answer = refused.response();
        assert_eq!(answer.status, 400);
        assert_readable(&answer, origin, vary);
    }
}

#[test]
fn a_preflight_needs_no_token_and_tells_nothing() {
    let dir = TempDir::with("log", "0123");
    let secrets = TempDir::with("tokens", "secret\n");
    let tokens = secrets.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--cors", SITE, "--token-file", &tokens]);
    let mut client = Client::new(&server);
    let ask = [
        "Origin: https://app.example",
        "Access-Control-Request-Method: GET",
        "Access-Control-Request-Headers: authorization,range",
    ];
    let mut said = Vec::new();
    for target in ["/log", "/missing", "/log/", "/.hidden"] {
        client.ask("OPTIONS", target, &ask);
        let answer = client.response();
        assert_eq!(answer.status, 204, "{target}");
        assert_readable(&answer, SITE, Some("Origin"));
        assert_eq!(answer.field("Access-Control-Allow-Methods"), "GET, HEAD");
        let allowed = answer.field("Access-Control-Allow-Headers");
        for name in [
            "Range",
            "If-Match",
            "If-None-Match",
            "If-Range",
            "Last-Event-ID",
            "Authorization",
        ] {
            assert!(
                allowed.split(", ").any(|known| known == name),
                "{name} in {allowed}"
            );
        }
        let fields = answer
            .head
            .fields
            .into_iter()
            .filter(|(name, _)| name != "Date");
        said.push(fields.collect::<Vec<_>>());
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:#?}");
    // The request itself does need it, and a script may read that it does.
    let answer = client.get("/log", &[ask[0]]);
    answer.assert_error(401);
    assert_readable(&answer, SITE, Some("Origin"));
    assert_eq!(
        client
            .get("/log", &[ask[0], "Authorization: Bearer secret"])
            .body,
        b"0123"
    );
}

#[test]
fn a_long_origin_leaves_room_for_the_file() {
    let dir = TempDir::with("log", "0123");
    let origin = format!("https://{}", "a".repeat(292));
    let server = Server::with(&dir, &["--cors", &origin]);
    let answer = Client::new(&server).get("/log", &[]);
    assert_eq!(
        (answer.field(ALLOW), answer.body.as_slice()),
        (origin.as_str(), b"0123".as_slice())
    );
}

#[test]
fn what_is_no_origin_is_wrong_usage() {
    let output = openrange(&["--cors", "https://app.example/"])
        .output()
        .expect("run");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(
        said.contains("--cors https://app.example/") && said.contains("an origin"),
        "{said}"
    );
}
