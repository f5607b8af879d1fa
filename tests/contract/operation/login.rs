//! Tokens as cookies: for browsers, whose links and `EventSource` send no `Authorization`.

use rustix::process::Signal;

use crate::support::client::{Client, Head, Response};
use crate::support::harness::{Server, TempDir, openrange, until};

const PAGE: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
const TOKENS: &str = "secret\nnarrow /a/log\nnarrow /a/b\n";

fn serve(dir: &TempDir, secrets: &TempDir) -> Server {
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--token-file"]);
    command.arg(secrets.join("tokens")).arg(dir.path());
    Server::launch(command)
}

fn tree() -> (TempDir, TempDir) {
    let dir = TempDir::with("log", "0123456789");
    dir.mkdir("a/b");
    dir.write("a/log", "of a");
    dir.write("a/b/log", "of b");
    let secrets = TempDir::with("tokens", TOKENS);
    secrets.chmod("tokens", 0o600);
    (dir, secrets)
}

fn log_in(server: &Server, target: &str, token: &str) -> Response {
    let field = format!("Authorization: Bearer {token}");
    Client::new(server).get(target, &[&field])
}

/// The name and value of the cookie that a response sets, and its attributes.
fn cookie(head: &Head) -> (String, String) {
    let field = head.field("Set-Cookie");
    let (pair, attributes) = field.split_once("; ").expect("attributes");
    (format!("Cookie: other=1; {pair}"), attributes.to_string())
}

#[test]
fn a_token_is_exchanged_for_a_cookie() {
    let (dir, secrets) = tree();
    let server = serve(&dir, &secrets);
    let response = log_in(&server, "/log?login", "secret");
    assert_eq!(response.status, 200);
    assert_eq!(response.body, b"{\"here\":true,\"path\":\"/\"}\n");
    assert_eq!(response.field("Cache-Control"), "no-store");
    let (cookie_field, attributes) = cookie(&response.head);
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Strict");
    assert!(!cookie_field.contains("secret"), "{cookie_field}");
    let mut client = Client::new(&server);
    for path in ["/log", "/a/log", "/", "/a/b/"] {
        assert_eq!(client.get(path, &[&cookie_field]).status, 200, "{path}");
        assert_eq!(client.get(path, &[]).status, 401, "{path}");
    }
    client.tail("/log", &[&cookie_field, "Range: bytes=8-"]);
    assert_eq!(client.take(2), b"89");
    // For longer, if asked.
    let (same, attributes) = cookie(&log_in(&server, "/?login=keep", "secret").head);
    assert_eq!(same, cookie_field);
    assert_eq!(
        attributes,
        "Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict"
    );
    // Another server with the same table takes it too.
    let other = serve(&dir, &secrets);
    assert_eq!(
        Client::new(&other).get("/log", &[&cookie_field]).status,
        200
    );
    // It ends with the token.
    secrets.write("tokens", "another\n");
    server.running.signal(Signal::HUP);
    until("the token has no effect", || {
        let response = Client::new(&server).get("/log", &[&cookie_field]);
        (response.status == 401).then_some(())
    });
    let response = Client::new(&server).get("/log", &[&cookie_field]);
    assert_eq!(
        response.field("WWW-Authenticate"),
        "Bearer realm=\"openrange\""
    );
}

#[test]
fn a_cookie_opens_what_its_token_opens() {
    let (dir, secrets) = tree();
    let server = serve(&dir, &secrets);
    // It is sent with what is below all paths of the token, and opens only those.
    let response = log_in(&server, "/?login", "narrow");
    assert_eq!(response.body, b"{\"here\":false,\"path\":\"/a\"}\n");
    let (cookie_field, attributes) = cookie(&response.head);
    assert!(attributes.starts_with("Path=/a; "), "{attributes}");
    let mut client = Client::new(&server);
    for (path, status) in [
        ("/a/log", 200),
        ("/a/b/", 200),
        ("/a/b/log", 200),
        ("/a/", 401),
        ("/log", 401),
        ("/", 401),
    ] {
        assert_eq!(client.get(path, &[&cookie_field]).status, status, "{path}");
    }
    // Of several cookies each counts; a field counts before all of them.
    let (all, _) = cookie(&log_in(&server, "/?login", "secret").head);
    let both = format!("{cookie_field}; {}", all.trim_start_matches("Cookie: "));
    assert_eq!(client.get("/log", &[&both]).status, 200);
    let wrong = client.get("/log", &[&both, "Authorization: Bearer wrong"]);
    assert_eq!(wrong.status, 401);
    for forged in ["openrange-00000000=", "openrange-12345678=secret"] {
        let forged = format!("Cookie: {forged}{}", "0".repeat(64));
        assert_eq!(client.get("/log", &[&forged]).status, 401);
    }
}

#[test]
fn what_is_wrong_is_refused() {
    let (dir, secrets) = tree();
    let server = serve(&dir, &secrets);
    for (target, token) in [("/?login", "wrong"), ("/log?login=keep", "secretsecret")] {
        let response = log_in(&server, target, token);
        response.assert_error(401);
        assert!(response.get("Set-Cookie").is_none());
    }
    let mut client = Client::new(&server);
    client.get("/?login", &[]).assert_error(401);
    // Logging out ends the cookies that come with the request.
    let (cookie_field, _) = cookie(&log_in(&server, "/?login", "narrow").head);
    let response = client.get("/a/log?logout", &[&cookie_field]);
    assert_eq!(response.status, 303);
    assert_eq!(response.field("Location"), "/a/log");
    let (_, attributes) = cookie(&response.head);
    assert_eq!(attributes, "Path=/a; Max-Age=0; HttpOnly; SameSite=Strict");
    // A server without tokens lets everybody in.
    let server = Server::start(&dir);
    let response = Client::new(&server).get("/log?login", &[]);
    assert_eq!(response.body, b"{\"here\":true,\"path\":\"/\"}\n");
    assert!(response.get("Set-Cookie").is_none());
}

#[test]
fn a_browser_gets_a_page_that_takes_a_token() {
    let (dir, secrets) = tree();
    let server = serve(&dir, &secrets);
    let mut client = Client::new(&server);
    let page = client.get("/", &[PAGE]);
    assert_eq!(page.status, 401);
    assert_eq!(page.field("Content-Type"), "text/html; charset=utf-8");
    assert_eq!(page.field("WWW-Authenticate"), "Bearer realm=\"openrange\"");
    assert_eq!(page.field("Cache-Control"), "no-store");
    assert_eq!(page.field("Vary"), "Accept");
    assert!(page.get("Content-Security-Policy").is_some());
    let text = String::from_utf8(page.body.clone()).expect("text");
    assert!(text.contains("type=\"password\""), "{text}");
    // It is the same for what is there and what is not.
    for path in ["/log", "/missing", "/a/", "/.hidden"] {
        assert_eq!(client.get(path, &[PAGE]).body, page.body, "{path}");
    }
    let head = client.head_of("/", &[PAGE]);
    assert_eq!(
        (head.status, head.field("Content-Length")),
        (401, page.field("Content-Length"))
    );
}
