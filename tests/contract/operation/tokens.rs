//! `--token-file`: who gets in, what everybody else learns, and what SIGHUP does.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::support::client::{Client, Ending, Head, Response};
use crate::support::harness::{Running, Server, TempDir, openrange, until};

/// A directory to serve and one for the file with this in it.
fn serve(contents: &str) -> (TempDir, TempDir, Server) {
    let dir = TempDir::with("log", "0123456789");
    dir.mkdir("a/b");
    dir.mkdir("ab");
    for name in ["a/log", "a/b/log", "ab/log"] {
        dir.write(name, name);
    }
    let secrets = TempDir::with("tokens", contents);
    secrets.chmod("tokens", 0o600);
    let path = secrets.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--token-file", &path, "--threads", "2"]);
    (dir, secrets, server)
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn get(server: &Server, path: &str, token: &str) -> Response {
    Client::new(server).get(path, &[&bearer(token)])
}

/// All of a head that may tell something.
fn told(head: &Head) -> (u16, Vec<(String, String)>) {
    let fields = head.fields.iter().filter(|(name, _)| name != "Date");
    (head.status, fields.cloned().collect())
}

#[test]
fn without_a_token_nothing_is_told() {
    let (dir, _secrets, server) = serve("secret\n");
    dir.symlink("/", "outside");
    dir.write("unreadable", "x");
    dir.chmod("unreadable", 0);
    let mut first = None;
    for path in [
        "/log",
        "/missing",
        "/a",
        "/a/",
        "/",
        "/.hidden",
        "/outside",
        "/unreadable",
    ] {
        for (token, error) in [(None, ""), (Some("wrong"), ", error=\"invalid_token\"")] {
            let field = token.map(bearer);
            let fields: Vec<&str> = field.iter().map(String::as_str).collect();
            let mut client = Client::new(&server);
            let answer = client.get(path, &[&fields[..], &["Range: bytes=0-"]].concat());
            answer.assert_error(401);
            let challenge = format!("Bearer realm=\"openrange\"{error}");
            assert_eq!(answer.field("WWW-Authenticate"), challenge, "{path}");
            assert_eq!(answer.field("Cache-Control"), "no-store");
            if token.is_none() {
                let line = String::from_utf8_lossy(&answer.body);
                assert!(line.contains("Authorization: Bearer TOKEN"), "{line}");
                assert_eq!(*first.get_or_insert(told(&answer)), told(&answer), "{path}");
            }
            // The connection stays, also after HEAD and OPTIONS.
            assert_eq!(client.head_of(path, &fields).status, 401, "{path}");
            client.ask("OPTIONS", path, &fields);
            client.response().assert_error(401);
            let answer = client.get("/log", &[&bearer("secret")]);
            assert_eq!(answer.body, b"0123456789");
        }
    }
    server.log().wait_for(&["GET /log: 401 "]);
    let leaked = |line: &String| line.contains("secret") || line.contains("wrong");
    assert!(!server.log().all().iter().any(leaked));
}

#[test]
fn a_token_opens_what_is_below_its_path() {
    let (_dir, _secrets, server) = serve("all\nteam /a # and below\nteam /log\n");
    for (path, expected) in [
        ("/log", 200),
        ("/a/log", 200),
        ("/a/b/log", 200),
        ("/%61/b/../log", 200),
        ("/a/", 200),
        ("/a", 301),
        ("/a/missing", 404),
        ("/ab/log", 401),
        ("/a/../ab/log", 401),
        ("/ab/../a/log", 200),
        ("/", 401),
        ("/missing", 401),
    ] {
        assert_eq!(get(&server, path, "team").status, expected, "{path}");
        let all = if expected == 401 { 200 } else { expected };
        let all = if path == "/missing" { 404 } else { all };
        assert_eq!(get(&server, path, "all").status, all, "{path}");
    }
    let mut client = Client::new(&server);
    client.tail("/a/log", &["Range: bytes=2-", &bearer("team")]);
    assert_eq!(client.take(3), b"log");
}

#[test]
fn some_answers_need_no_token() {
    let (_dir, _secrets, server) = serve("secret\n");
    let mut client = Client::new(&server);
    client.ask("OPTIONS", "*", &[]);
    assert_eq!(client.response().status, 204);
    client.ask("DELETE", "/log", &[]);
    client.response().assert_error(405);
    client.send("nonsense\r\n\r\n");
    client.response().assert_error(400);
    // And where no tokens are asked for, one that comes all the same does no harm.
    let dir = TempDir::with("log", "x");
    let server = Server::start(&dir);
    for field in ["Authorization: Bearer x", "Authorization: Basic YTpi"] {
        assert_eq!(Client::new(&server).get("/log", &[field]).status, 200);
    }
}

#[test]
fn two_fields_are_none() {
    let (_dir, _secrets, server) = serve("secret\n");
    let field = bearer("secret");
    Client::new(&server)
        .get("/log", &[&field, &field])
        .assert_error(401);
}

#[test]
fn a_signal_reads_the_file_again() {
    let (_dir, secrets, server) = serve("old\n");
    let mut tail = Client::new(&server);
    tail.tail("/log", &["Range: bytes=10-", &bearer("old")]);
    // Another file with the name, as editors and secret stores make it; the sandbox must not be in the way.
    secrets.write("new", "new\nother /a\n");
    secrets.rename("new", "tokens");
    assert_eq!(get(&server, "/log", "new").status, 401, "not yet");
    server.running.signal(Signal::HUP);
    server.log().wait_for(&["SIGHUP", "2 tokens", "tokens"]);
    for _ in 0..8 {
        assert_eq!(get(&server, "/log", "new").status, 200);
        assert_eq!(get(&server, "/log", "old").status, 401);
    }
    // What it had begun to follow is cut, and not ended: the file is the same.
    assert_eq!(tail.until_end().1, Ending::Reset);
    server.log().wait_for(&["tail of /log ended", "token"]);
    let bad = [
        ("line 2", "new\nwrong token here\n"),
        ("line 1", "a=b\n"),
        ("1 MiB", &"#".repeat(1024 * 1024 + 1)),
    ];
    for (why, contents) in bad {
        secrets.write("tokens", contents);
        server.running.signal(Signal::HUP);
        server.log().wait_for(&["SIGHUP", why, "old tokens stay"]);
        assert_eq!(get(&server, "/log", "new").status, 200, "{why}");
    }
    secrets.remove("tokens");
    server.running.signal(Signal::HUP);
    server.log().wait_for(&["No such file", "old tokens stay"]);
    assert_eq!(get(&server, "/log", "new").status, 200);
    // Nobody is what an empty file says.
    secrets.write("tokens", "");
    server.running.signal(Signal::HUP);
    server.log().wait_for(&["SIGHUP", "0 tokens"]);
    assert_eq!(get(&server, "/log", "new").status, 401);
}

#[test]
fn an_unusable_file_is_one_line_and_status_1() {
    let dir = TempDir::new();
    let root = dir.path().display().to_string();
    let secrets = TempDir::with("table", "fine\nnot /right/ at-all\n");
    secrets.mkdir("directory");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        secrets.join("fifo"),
        fs::Permissions::from_mode(0o600).mode().into(),
    )
    .expect("mkfifo");
    for (name, why) in [
        ("missing", "No such file"),
        ("table", "line 2"),
        ("directory", "not a regular file"),
        ("fifo", "not a regular file"),
    ] {
        let path = secrets.join(name).display().to_string();
        let command = openrange(&["--listen", "127.0.0.1:0", "--token-file", &path, &root]);
        let mut running = Running::new(command);
        assert_eq!(running.wait().code(), Some(1), "{name}");
        let lines = running.stderr.all();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(why) && lines[0].contains(&path));
        assert!(!lines[0].contains("fine") && !lines[0].contains("at-all"));
    }
}

#[test]
fn a_file_that_everybody_can_use_is_warned_of() {
    let dir = TempDir::new();
    let secrets = TempDir::with("tokens", "secret\n");
    secrets.chmod("tokens", 0o644);
    let path = secrets.join("tokens").display().to_string();
    let server = Server::with(&dir, &["--token-file", &path]);
    server.log().wait_for(&["WARN", "everybody", &path]);
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("a clock").as_secs()
}

#[test]
fn tails_and_event_streams_end_with_their_token() {
    let (dir, secrets, server) = serve("all name=all\nteam /a name=team\n");
    let begin = |target: &str, token: &str, events: bool| {
        let mut client = Client::new(&server);
        let kind = match events {
            true => "Accept: text/event-stream",
            false => "Range: bytes=0-",
        };
        client.ask("GET", target, &[kind, &bearer(token)]);
        assert!([200, 206].contains(&client.head().status), "{target}");
        client
    };
    let mut goes_on = begin("/a/log", "all", false);
    assert_eq!(goes_on.take(5), b"a/log");
    let ends = [
        begin("/a/log", "team", false),
        begin("/a/log", "team", true),
        begin("/a/?files=log", "team", true),
        begin("/a/", "team", true),
    ];
    // Another path than before, and the same for a part of it.
    secrets.write("tokens", "all\nteam /ab\n");
    server.running.signal(Signal::HUP);
    for mut client in ends {
        assert_eq!(client.until_end().1, Ending::Reset);
    }
    server.log().wait_for(&["tail of /a/log ended", "token"]);
    server.log().wait_for(&["events of /a/log ended", "token"]);
    dir.append("a/log", "more");
    assert_eq!(goes_on.take(4), b"more");
    // A new connection is not let in either.
    assert_eq!(get(&server, "/a/log", "team").status, 401);
}

#[test]
fn a_token_expires() {
    let until = now() + 2;
    let (dir, _secrets, server) = serve(&format!(
        "old until=2020-01-31\nlong until=2999-12-31\nsoon until={until} name=soon\n"
    ));
    assert_eq!(get(&server, "/log", "old").status, 401);
    assert_eq!(get(&server, "/log", "long").status, 200);
    let mut stays = Client::new(&server);
    stays.tail("/log", &["Range: bytes=10-", &bearer("long")]);
    let mut ends = Client::new(&server);
    ends.tail("/log", &["Range: bytes=10-", &bearer("soon")]);
    assert_eq!(ends.until_end().1, Ending::Reset);
    assert!(now() >= until, "too early");
    assert_eq!(get(&server, "/log", "soon").status, 401);
    dir.append("log", "x");
    assert_eq!(stays.take(1), b"x");
}

#[test]
fn logs_have_the_name_and_never_the_token() {
    let dir = TempDir::with("log", "x");
    let secrets = TempDir::with("tokens", "s3cret name=alice\n0ther /log\n");
    secrets.chmod("tokens", 0o600);
    let tokens = secrets.join("tokens").display().to_string();
    let log = secrets.join("access").display().to_string();
    let options = [
        "--token-file",
        &tokens,
        "--access-log",
        &log,
        "--log-format",
        "json",
        // The lines of several may change places.
        "--threads",
        "1",
    ];
    let mut server = Server::with(&dir, &options);
    assert_eq!(get(&server, "/log", "s3cret").status, 200);
    assert_eq!(get(&server, "/log", "0ther").status, 200);
    assert_eq!(get(&server, "/log", "wr0ng").status, 401);
    server.log().wait_for(&["\"token\":\"alice\""]);
    server.running.signal(Signal::TERM);
    assert_eq!(server.running.wait().code(), Some(0));
    let text = fs::read_to_string(&log).expect("the access log");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("127.0.0.1 - alice ["), "{text}");
    assert!(lines[1].starts_with("127.0.0.1 - - ["), "{text}");
    assert!(lines[2].starts_with("127.0.0.1 - - ["), "{text}");
    for secret in ["s3cret", "0ther", "wr0ng"] {
        assert!(!text.contains(secret) && server.log().count(secret) == 0);
    }
}

/// Whether a thread makes a list.
fn lists(server: &Server) -> bool {
    let tasks = fs::read_dir(server.running.proc("task")).expect("its threads");
    let mut names =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.any(|name| name.trim() == "list")
}

/// A client asks for a list, and may not have it any more when it is there: what it asks next on that connection is not answered
/// with it.
#[test]
fn a_list_for_a_client_whose_token_is_gone_when_it_is_made() {
    const BOTH: &str = "long /a\nshort /ab\n";
    let (dir, secrets, server) = serve(BOTH);
    for number in 0..5000 {
        dir.write(&format!("a/{number}-{}", "n".repeat(100)), "");
    }
    let reads = || server.log().count("SIGHUP");
    let reload = |contents: &str| {
        secrets.write("tokens", contents);
        server.running.signal(Signal::HUP);
    };
    let (long, short) = (bearer("long"), bearer("short"));
    let refused = || {
        let mut client = Client::new(&server);
        client.ask("GET", "/a/?sort=size", &[&long]);
        let began = (0..100_000).any(|_| lists(&server));
        server.freeze();
        let goes_on = began && lists(&server);
        let before = reads();
        reload("short /ab\n");
        server.thaw();
        let status = client.response().status;
        assert!([200, 401].contains(&status), "{status}");
        assert_eq!(client.get("/ab/log", &[&short]).body, b"ab/log");
        until("the tokens to be read", || (reads() > before).then_some(()));
        reload(BOTH);
        until("the tokens to be read", || {
            (reads() > before + 1).then_some(())
        });
        goes_on && status == 401
    };
    assert!((0..50).any(|_| refused()), "no list took long enough");
}
