//! `GET /NAME?generations`: the family of a log, in order.

use std::time::Duration;

use crate::support::client::{etag, get};
use crate::support::harness::{Server, TempDir};

/// The paths, in order.
fn paths(server: &Server, target: &str) -> Vec<String> {
    let response = get(server, &format!("{target}?generations"), &[]);
    assert_eq!(response.status, 200, "{response:?}");
    let text = String::from_utf8(response.body).expect("JSON");
    let parts = text.split("\"path\":\"").skip(2);
    parts
        .map(|part| part[..part.find('"').expect("its end")].to_owned())
        .collect()
}

#[test]
fn a_list_in_json() {
    let dir = TempDir::with("app.log", "three\n");
    dir.write("app.log.1", "two\n");
    dir.write("app.log.2.gz", "one");
    dir.chmod("app.log.1", 0o444);
    dir.touch("app.log", Duration::from_secs(100));
    let server = Server::start(&dir);
    let response = get(&server, "/app.log?generations", &[]);
    assert_eq!(response.status, 200);
    assert_eq!(response.field("Content-Type"), "application/json");
    assert_eq!(response.field("Cache-Control"), "no-store");
    let mtime = |name: &str| {
        let modified = std::fs::metadata(dir.join(name)).and_then(|it| it.modified());
        let since = modified
            .expect("a time")
            .duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_secs()
    };
    let tag = |name: &str| etag(&server, name).replace('"', "\\\"");
    let expected = format!(
        "{{\"path\":\"/app.log\",\"generations\":[\n\
         {{\"etag\":\"{}\",\"path\":\"/app.log.2.gz\",\"size\":3,\"mtime\":{},\"sealed\":false,\"compressed\":\"gzip\",\"current\":false}},\n\
         {{\"etag\":\"{}\",\"path\":\"/app.log.1\",\"size\":4,\"mtime\":{},\"sealed\":true,\"compressed\":null,\"current\":false}},\n\
         {{\"etag\":\"{}\",\"path\":\"/app.log\",\"size\":6,\"mtime\":{},\"sealed\":false,\"compressed\":null,\"current\":true}}\n]}}\n",
        tag("/app.log.2.gz"),
        mtime("app.log.2.gz"),
        tag("/app.log.1"),
        mtime("app.log.1"),
        tag("/app.log"),
        mtime("app.log"),
    );
    assert_eq!(String::from_utf8(response.body).expect("JSON"), expected);
    let mut client = crate::support::client::Client::new(&server);
    let head = client.head_of("/app.log?generations", &[]);
    assert_eq!(head.field("Content-Length"), expected.len().to_string());
}

#[test]
fn the_family_and_nobody_else() {
    let dir = TempDir::with("orders", "");
    for other in [
        "orders-0",
        "orders.old",
        "orders.1x",
        "xorders.1",
        "orders.123456",
        ".orders.1",
    ] {
        dir.write(other, "");
    }
    dir.mkdir("orders.7");
    dir.symlink("orders-0", "orders.8");
    for kin in ["orders.3", "orders-20240101", "orders.2"] {
        dir.write(kin, "");
    }
    dir.touch("orders-20240101", Duration::from_secs(1000));
    let server = Server::start(&dir);
    assert_eq!(
        paths(&server, "/orders"),
        ["/orders-20240101", "/orders.3", "/orders.2", "/orders"]
    );
    // In a directory, with a name that must be encoded, and without a file that has the name.
    dir.mkdir("a b");
    dir.write("a b/x%.1.log", "");
    dir.write("a b/x%-2024-01-02T03-04-05.000.log", "");
    dir.touch("a b/x%.1.log", Duration::from_secs(100));
    assert_eq!(
        paths(&server, "/a%20b/x%25.log"),
        [
            "/a%20b/x%25.1.log",
            "/a%20b/x%25-2024-01-02T03-04-05.000.log"
        ]
    );
}

#[test]
fn nothing_to_list() {
    let dir = TempDir::new();
    dir.mkdir("sub");
    let server = Server::start(&dir);
    get(&server, "/log?generations", &[]).assert_error(404);
    get(&server, "/none/log?generations", &[]).assert_error(404);
    get(&server, "/sub/.log?generations", &[]).assert_error(404);
    get(&server, "/log?generations=1", &[]).assert_error(400);
    get(&server, "/log?generations&generations", &[]).assert_error(400);
}
