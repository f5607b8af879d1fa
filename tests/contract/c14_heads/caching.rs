//! What caches may keep: a generation that nobody may write is the same for ever; a name may lead elsewhere at any time.

use crate::support::client::{etag, get, head_of};
use crate::support::harness::{Server, TempDir};

const FOR_EVER: &str = "public, max-age=31536000, immutable";
const PRIVATE: &str = "private, max-age=31536000, immutable";

#[test]
fn sealed_generations_and_nothing_else() {
    let dir = TempDir::with("log", "one\ntwo\n");
    let server = Server::start(&dir);
    let tag = etag(&server, "/log");
    let by_tag = format!("/log?generation={}", &tag[3..tag.len() - 1]);
    let caching = |target: &str, fields: &[&str]| {
        let response = get(&server, target, fields);
        assert!(response.status < 400);
        response.field("Cache-Control").to_owned()
    };
    let ranges = [&[][..], &["Range: bytes=0-3"], &["Range: bytes=0-1,4-5"]];
    for range in ranges {
        assert_eq!(caching("/log", range), "no-cache");
        assert_eq!(caching(&by_tag, range), "no-cache", "it may grow");
    }
    dir.chmod("log", 0o444);
    for range in ranges {
        assert_eq!(caching("/log", range), "no-cache", "by name");
        assert_eq!(caching(&by_tag, range), FOR_EVER);
    }
    let open = caching(&by_tag, &["Range: bytes=4-"]);
    assert_eq!(open, FOR_EVER, "an open end of what is complete");
    assert_eq!(
        head_of(&server, &by_tag, &[]).field("Cache-Control"),
        FOR_EVER
    );
    let token = &["Authorization: Bearer anything"];
    assert_eq!(caching(&by_tag, token), PRIVATE);
    // Renamed, it is still the same; under its name is another file.
    dir.rename("log", "log.1");
    dir.write("log", "next\n");
    assert_eq!(caching(&by_tag, &[]), FOR_EVER);
    assert_eq!(caching("/log", &[]), "no-cache");
    // A generation that is not there may come.
    let missing = get(&server, "/log?generation=0123456789abcdef", &[]);
    assert_eq!(
        (missing.status, missing.field("Cache-Control")),
        (404, "no-store")
    );
}

/// What takes a token to read must not come from a cache that others share.
#[test]
fn with_tokens() {
    let dir = TempDir::with("log", "one\n");
    dir.chmod("log", 0o444);
    let tokens = TempDir::with("tokens", "secret\n");
    let file = tokens.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--token-file", &file]);
    let token = &["Authorization: Bearer secret"];
    let tag = get(&server, "/log", token).etag().to_owned();
    let by_tag = format!("/log?generation={}", &tag[3..tag.len() - 1]);
    assert_eq!(get(&server, &by_tag, token).field("Cache-Control"), PRIVATE);
    assert_eq!(get(&server, &by_tag, &[]).status, 401);
}
