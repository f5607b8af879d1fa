//! Who gets the document, and what its policy lets it do.

use openrange::http::viewer::PAGE;

use super::sha256::{base64, digest};
use crate::support::client::{Client, Response};
use crate::support::harness::{Server, TempDir};

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const HTML: &str = "text/html; charset=utf-8";

fn assert_viewer(answer: &Response) {
    assert_eq!((answer.status, answer.field("Content-Type")), (200, HTML));
    assert_eq!(answer.field("Content-Length"), PAGE.len().to_string());
    assert_eq!(answer.field("X-Content-Type-Options"), "nosniff");
    assert_eq!(answer.field("Cache-Control"), "no-store");
    assert_eq!(answer.field("Vary"), "Accept");
    assert!(answer.get("ETag").is_none());
    assert!(answer.get("Content-Security-Policy").is_some());
}

#[test]
fn a_browser_gets_the_viewer_and_others_the_file() {
    let dir = TempDir::with("log.html", "0123");
    dir.mkdir("sub");
    dir.write("sub/index.html", "<p>");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for fields in [
        &[BROWSER][..],
        &[BROWSER, "Range: bytes=0-"],
        &[BROWSER, "If-Match: \"x\""],
    ] {
        let answer = client.get("/log.html?view", fields);
        assert_viewer(&answer);
        assert_eq!(answer.body, PAGE.as_bytes());
        let head = client.head_of("/log.html?view", fields);
        assert_eq!(head.fields.len(), answer.fields.len(), "{head:?}");
        assert_eq!(head.field("Content-Length"), PAGE.len().to_string());
    }
    // Parameters that it does not know change nothing.
    for query in ["view=", "view=1", "a&view", "view&a=1"] {
        let answer = client.get(&format!("/log.html?{query}"), &[BROWSER]);
        assert_eq!(answer.body, PAGE.as_bytes(), "{query}");
    }
    let file = [
        ("/log.html?view", "Accept: */*"),
        ("/log.html?view", "Accept: text/*"),
        ("/log.html?view", "Accept: text/html;q=0"),
        ("/log.html?view", "X: y"),
        ("/log.html", BROWSER),
        ("/log.html?", BROWSER),
        ("/log.html?views", BROWSER),
        ("/log.html?%76iew", BROWSER),
        ("/log.html??view", BROWSER),
    ];
    for (target, accept) in file {
        let answer = client.get(target, &[accept]);
        assert_eq!(answer.body, b"0123", "{target} {accept}");
        assert_eq!(
            answer.get("Vary").is_some(),
            target.ends_with("l?view"),
            "{target}"
        );
    }
    // What is no file has no viewer.
    assert_eq!(client.get("/missing?view", &[BROWSER]).status, 404);
    assert_eq!(client.get("/sub?view", &[BROWSER]).status, 301);
    assert_eq!(client.get("/sub/?view", &[BROWSER]).body, b"<p>");
    client.ask("OPTIONS", "/log.html?view", &[BROWSER]);
    assert_eq!(client.response().status, 204);
    // And a tail is one, whatever the query says.
    client.tail("/log.html?view", &["Range: bytes=2-"]);
    assert_eq!(client.take(2), b"23");
}

#[test]
fn with_tokens_the_viewer_asks_for_one_and_tells_nothing() {
    let dir = TempDir::with("log", "0123");
    let secrets = TempDir::with("tokens", "secret\n");
    let tokens = secrets.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--token-file", &tokens]);
    let mut client = Client::new(&server);
    for target in ["/log?view", "/missing?view"] {
        let answer = client.get(target, &[BROWSER]);
        assert_viewer(&answer);
        assert_eq!(answer.body, PAGE.as_bytes());
        assert_eq!(client.get(target, &[]).status, 401);
    }
    assert_eq!(client.get("/log", &[BROWSER]).status, 401);
    let token = "Authorization: Bearer secret";
    assert_viewer(&client.get("/log?view", &[BROWSER, token]));
    assert_eq!(client.get("/missing?view", &[BROWSER, token]).status, 404);
}

#[test]
fn a_listing_offers_to_follow_its_files() {
    let dir = TempDir::with("a b", "0123");
    dir.mkdir("sub");
    let server = Server::start(&dir);
    let page = Client::new(&server).get("/", &[BROWSER]).body;
    let page = String::from_utf8(page).expect("text");
    assert!(page.contains("<a href=\"a%20b?view\">follow</a>"), "{page}");
    assert_eq!(page.matches("?view").count(), 1, "{page}");
}

/// What stands between a tag and its end.
fn inside(tag: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("<{tag}")).expect(tag);
    let (_, rest) = rest.split_once('>').expect("the end of the tag");
    let (body, rest) = rest.split_once(&format!("</{tag}>")).expect(tag);
    assert!(!rest.contains(&format!("<{tag}")), "one {tag}");
    body
}

#[test]
fn the_policy_names_the_script_and_the_style_and_nothing_else() {
    let dir = TempDir::with("log", "x");
    let server = Server::start(&dir);
    let answer = Client::new(&server).get("/log?view", &[BROWSER]);
    let policy: Vec<&str> = answer
        .field("Content-Security-Policy")
        .split("; ")
        .collect();
    let hash = |tag: &str| format!("'sha256-{}'", base64(&digest(inside(tag).as_bytes())));
    assert_eq!(
        policy,
        [
            "default-src 'none'",
            &format!("script-src {}", hash("script")),
            &format!("style-src {}", hash("style")),
            "img-src data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ],
        "left: what the server says, right: what the document needs"
    );
}

#[test]
fn the_document_is_complete_in_itself() {
    assert!(
        PAGE.len() < 96 * 1024,
        "{}: a feature of the crate from here on",
        PAGE.len()
    );
    assert!(PAGE.is_ascii());
    for outside in [
        "http:",
        "https:",
        "//cdn",
        "src=",
        "@import",
        "url(",
        "innerHTML",
        "insertAdjacent",
        "eval(",
    ] {
        assert!(!PAGE.contains(outside), "{outside}");
    }
    let markup = PAGE
        .replace(inside("script"), "")
        .replace(inside("style"), "");
    let acts =
        |word: &str| (word.starts_with("on") || word.starts_with("style")) && word.contains('=');
    assert_eq!(markup.split_whitespace().find(|word| acts(word)), None);
    assert_eq!(markup.matches("href=").count(), 1, "only the empty icon");
}
