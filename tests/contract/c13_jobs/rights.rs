//! Whose jobs are whose, and which of their files are for workers only.

use super::server::{accepted, post, start};
use crate::support::client::Client;
use crate::support::harness::{Server, TempDir};

fn token(name: &str) -> String {
    format!("Authorization: Bearer {name}")
}

/// What a client sends that has logged in with this token.
fn cookie(server: &Server, name: &str) -> String {
    let response = Client::new(server).get("/?login", &[&token(name)]);
    assert_eq!(response.status, 200, "{response:?}");
    let (pair, _) = response
        .field("Set-Cookie")
        .split_once(';')
        .expect("attributes");
    format!("Cookie: {pair}")
}

#[test]
fn a_key_is_that_of_a_token_also_where_a_cookie_shows_it() {
    let dir = TempDir::new();
    dir.mkdir("jobs");
    let tokens = TempDir::with("tokens", "alice / ra\nbob / ra\nreader / r\n");
    let file = tokens.join("tokens").display().to_string();
    let server = start(&dir, &["--token-file", &file]);
    let key = "Idempotency-Key: \"1\"";
    let (alice, bob) = (cookie(&server, "alice"), cookie(&server, "bob"));
    let of_alice = accepted(&server, &[&alice, key], "body");
    let of_bob = accepted(&server, &[&bob, key], "body");
    assert_ne!(of_alice, of_bob);
    for (name, shown, path) in [("alice", &alice, &of_alice), ("bob", &bob, &of_bob)] {
        assert_eq!(accepted(&server, &[&token(name), key], "body"), *path);
        assert_eq!(accepted(&server, &[shown, key], "body"), *path);
    }
    // A cookie that permits nothing here does not make it another client.
    let both = format!(
        "{}; {}",
        cookie(&server, "reader"),
        &alice["Cookie: ".len()..]
    );
    assert_eq!(accepted(&server, &[&both, key], "body"), of_alice);
    post(&server, &[&alice, key], "other").assert_error(422);
}

#[test]
fn earlier_generations_of_the_logs_are_for_workers_also_in_a_directory_of_their_own() {
    let dir = TempDir::new();
    dir.mkdir("jobs/old");
    let tokens = TempDir::with("tokens", "poster / a\nreader / r\nwriter / rw\n");
    let file = tokens.join("tokens").display().to_string();
    let server = start(&dir, &["--token-file", &file, "--old-dir", "old"]);
    accepted(&server, &[&token("poster")], "x");
    dir.rename("jobs/queue", "jobs/old/queue.1");
    dir.write("jobs/old/done-20261129", "");
    let read = |path: &str, name: &str, fields: &[&str]| {
        let token = token(name);
        let fields = [fields, &[token.as_str()]].concat();
        Client::new(&server).get(path, &fields).status
    };
    for secret in ["/jobs/old/queue.1", "/jobs/old/done-20261129"] {
        assert_eq!(read(secret, "reader", &[]), 403, "{secret}");
        assert_eq!(read(secret, "writer", &[]), 200, "{secret}");
    }
    let events = "Accept: text/event-stream";
    for files in ["queue.1", "*", "x,done-20261129"] {
        let target = format!("/jobs/old/?files={files}");
        assert_eq!(read(&target, "reader", &[events]), 403, "{files}");
    }
    dir.write("jobs/old/queued", "");
    assert_eq!(read("/jobs/old/queued", "reader", &[]), 200);
}
