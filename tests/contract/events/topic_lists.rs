//! Directories as JSON: which form is given to whom, and that every entry says what asking for it says.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::support::client::{Client, Ending, Response};
use crate::support::harness::{Server, TempDir};

const JSON: &str = "Accept: application/json";

fn list(client: &mut Client, target: &str) -> (Response, Vec<String>) {
    let response = client.get(target, &[JSON]);
    assert_eq!(response.status, 200, "{target}");
    assert_eq!(response.field("Content-Type"), "application/json");
    assert_eq!(response.field("Cache-Control"), "no-store");
    assert_eq!(response.field("Vary"), "Accept");
    let text = str::from_utf8(&response.body).expect("UTF-8 whatever the names are");
    let lines = text.lines().map(str::to_string).collect();
    (response, lines)
}

/// The value of a key in the line of an entry.
fn value<'a>(line: &'a str, key: &str) -> &'a str {
    let (_, rest) = line.split_once(&format!("\"{key}\":")).expect(key);
    let end = rest.find(",\"").or(rest.find('}')).expect("an end");
    &rest[..end]
}

#[test]
fn a_topic_list_says_what_is_there() {
    let dir = TempDir::with("a.log", "12345");
    dir.mkdir("sub/deeper");
    dir.write("sub/b", "");
    dir.chmod("sub/b", 0o444);
    dir.write(".hidden", "x");
    dir.symlink("a.log", "link");
    dir.symlink("nowhere", "dangling");
    dir.symlink("/etc/passwd", "outside");
    let age = Duration::from_secs(1000);
    dir.touch("a.log", age);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let (_, lines) = list(&mut client, "/");
    let etag = client.head_of("/a.log", &[]).field("ETag").to_string();
    let etag = etag.replace('"', "\\\"");
    let seconds = |name: &str| {
        let time = fs::metadata(dir.join(name)).and_then(|meta| meta.modified());
        let since = time.expect("a time").duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_secs()
    };
    let (modified, made) = (seconds("a.log"), seconds("sub"));
    let file = |name: &str| {
        format!(
            "{{\"name\":\"{name}\",\"path\":\"{name}\",\"kind\":\"file\",\"size\":5,\"mtime\":{modified},\
             \"etag\":\"{etag}\",\"sealed\":false}},"
        )
    };
    assert_eq!(
        lines,
        [
            "{\"name\":\"/\",\"path\":\"/\",\"truncated\":false,\"entries\":[",
            &file("a.log"),
            &file("link"),
            &format!(
                "{{\"name\":\"sub\",\"path\":\"sub/\",\"kind\":\"directory\",\"size\":null,\"mtime\":{made},\
                 \"etag\":null,\"sealed\":null}}"
            ),
            "]}",
        ]
    );
    let (_, lines) = list(&mut client, "/sub/");
    assert_eq!(
        lines[0],
        "{\"name\":\"/sub\",\"path\":\"/sub/\",\"truncated\":false,\"entries\":["
    );
    assert_eq!(
        (value(&lines[1], "size"), value(&lines[1], "sealed")),
        ("0", "true")
    );
    let (_, empty) = list(&mut client, "/sub/deeper/");
    assert_eq!(empty[1..], ["]}"]);
}

#[test]
fn the_tag_in_a_list_is_that_of_the_file() {
    let dir = TempDir::with("log", "12345");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let mut seen = Vec::new();
    let mut both = |client: &mut Client| {
        let (_, lines) = list(client, "/");
        let tag = value(&lines[1], "etag").replace('\\', "");
        let etag = client.head_of("/log", &[]).field("ETag").to_string();
        assert_eq!(tag, format!("\"{etag}\""));
        assert!(!seen.contains(&etag), "another one after each change");
        seen.push(etag);
    };
    both(&mut client);
    // A file that is replaced, and one that is truncated under a follower.
    dir.write("next", "12345");
    dir.rename("next", "log");
    both(&mut client);
    let mut follower = Client::new(&server);
    follower.tail("/log", &["Range: bytes=0-"]);
    assert_eq!(follower.take(5), b"12345");
    dir.resize("log", 2);
    assert_eq!(follower.until_end().1, Ending::Reset);
    both(&mut client);
}

#[test]
fn names_of_any_bytes() {
    let names: &[(&[u8], &str, &str)] = &[
        (b"back\\slash", "back\\\\slash", "back%5Cslash"),
        (b"col:on", "col:on", "col%3Aon"),
        (b"esc\x1b", "esc\\u001b", "esc%1B"),
        (b"new\nline", "new\\u000aline", "new%0Aline"),
        (b"quo\"te", "quo\\\"te", "quo%22te"),
        (b"\x7f", "\\u007f", "%7F"),
        ("\u{85}".as_bytes(), "\\u0085", "%C2%85"),
        ("\u{1f600}".as_bytes(), "\u{1f600}", "%F0%9F%98%80"),
        (b"\xff\xfe", "\u{fffd}\u{fffd}", "%FF%FE"),
    ];
    let dir = TempDir::new();
    for (name, _, _) in names {
        fs::write(dir.join(OsStr::from_bytes(name)), name).expect("write");
    }
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let (_, lines) = list(&mut client, "/");
    assert_eq!(lines.len(), names.len() + 2);
    for (bytes, name, path) in names {
        let start = format!("{{\"name\":\"{name}\",\"path\":\"{path}\",");
        assert!(
            lines.iter().any(|line| line.starts_with(&start)),
            "{start} in {lines:#?}"
        );
        assert_eq!(client.get(&format!("/{path}"), &[]).body, *bytes);
    }
}

#[test]
fn who_gets_which_form() {
    let dir = TempDir::with("log", "x");
    dir.mkdir("sub");
    dir.write("sub/index.html", "<p>");
    dir.write("sub/other", "x");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let table = [
        ("Accept: text/*", "text/html; charset=utf-8"),
        ("Accept: text/html", "text/html; charset=utf-8"),
        (
            "Accept: text/html;q=0.9, application/json;q=0.8",
            "text/html; charset=utf-8",
        ),
        (
            "Accept: text/html;q=0.8, application/json;q=0.9",
            "application/json",
        ),
    ];
    for (accept, media) in table {
        for target in ["/", "/sub/"] {
            let response = client.get(target, &[accept]);
            assert_eq!(response.field("Content-Type"), media, "{target} {accept}");
            assert_eq!(response.field("Vary"), "Accept", "{target} {accept}");
            let head = client.head_of(target, &[accept]);
            assert_eq!(head.field("Content-Type"), media);
            assert_eq!(
                head.field("Content-Length"),
                response.body.len().to_string()
            );
        }
    }
    // The page of a directory is its index.html; its topics are what is in it.
    assert_eq!(client.get("/sub/", &[]).body, b"<p>");
    let (_, lines) = list(&mut client, "/sub/");
    assert_eq!(value(&lines[1], "name"), "\"index.html\"");
    // A file is what it is, and so is the lack of one.
    let file = client.get("/log", &[JSON]);
    assert_eq!(
        (file.field("Content-Type"), file.body.as_slice()),
        ("text/plain; charset=utf-8", b"x".as_slice())
    );
    assert_eq!(client.get("/missing/", &[JSON]).status, 404);
    assert_eq!(client.get("/sub", &[JSON]).status, 301);
}

#[test]
fn requests_of_one_turn_do_not_share_what_differs() {
    let dir = TempDir::with("index.html", "<p>");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.send(
        format!("GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n{JSON}\r\n\r\n")
            .as_bytes(),
    );
    assert_eq!(client.response().body, b"<p>");
    assert_eq!(client.response().field("Content-Type"), "application/json");
}
