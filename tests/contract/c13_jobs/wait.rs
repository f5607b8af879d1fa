//! `Prefer: wait=N`: requests that wait for a name that leads nowhere yet.

use std::fs;

use rustix::process::Signal;

use crate::c12_writing::once;
use crate::operation::admin::{metrics, serve};
use crate::support::client::{Client, Ending, Head, get, request};
use crate::support::harness::{Server, TempDir, eventually};
use crate::support::machine::skip;
use crate::support::source::{ACCEPT, Source};

const TAIL: &str = "Range: bytes=0-";
/// Longer than any test.
const LONG: &str = "Prefer: wait=200";

/// A server whose requests can be seen waiting.
struct Waiting {
    dir: TempDir,
    server: Server,
    admin: String,
}

impl Waiting {
    fn new(options: &[&str]) -> Waiting {
        let dir = TempDir::new();
        dir.mkdir("in");
        let (server, admin) = serve(&dir, &[&["--threads", "2"], options].concat());
        Waiting { dir, server, admin }
    }

    /// Waits until so many requests wait.
    fn expect(&self, count: u64) {
        let waiting = "connections{state=\"waiting\"}";
        eventually("requests that wait", || {
            metrics(&self.admin)[waiting] == count
        });
    }

    /// Makes a file that has its content from the first moment.
    fn create(&self, name: &str, contents: &str) {
        self.dir.write("unfinished", contents);
        self.dir.rename("unfinished", name);
    }

    /// Asks, and waits until that waits: nothing else does.
    fn ask(&self, method: &str, target: &str, fields: &[&str]) -> Client {
        let mut client = Client::new(&self.server);
        client.ask(method, target, fields);
        self.expect(1);
        client
    }
}

fn applied(head: &Head, status: u16, wait: &str) {
    assert_eq!(head.status, status, "{head:?}");
    assert_eq!(head.field("Preference-Applied"), wait);
}

#[test]
fn a_tail_begins_when_its_file_appears() {
    let here = Waiting::new(&[]);
    let mut client = here.ask("GET", "/log", &[TAIL, LONG, "TE: trailers"]);
    here.dir.write("other", "x");
    here.dir.write("log", "");
    let head = client.head();
    applied(&head, 206, "wait=200");
    assert_eq!(head.field("Content-Range"), "bytes 0-9007199254740991/*");
    here.dir.append("log", "one\n");
    assert_eq!(client.take(4), b"one\n");
    here.dir.rename("log", "log.1");
    let (rest, trailer) = client.rest();
    assert_eq!((&*rest, &*trailer[0].1), (&b""[..], "renamed"));
    // The name leads nowhere again, and the connection serves more requests.
    client.ask("GET", "/log", &[TAIL, "prefer: foo, WAIT=\"100\"; x=y"]);
    here.expect(1);
    here.dir.write("new", "two\n");
    here.dir.rename("new", "log");
    applied(&client.head(), 206, "wait=100");
    assert_eq!(client.take(4), b"two\n");
}

#[test]
fn head_and_event_streams_wait_too() {
    let here = Waiting::new(&[]);
    let mut head = here.ask("HEAD", "/log", &[LONG]);
    here.create("log", "one\n");
    let answer = head.head();
    applied(&answer, 200, "wait=200");
    assert_eq!(answer.field("Content-Length"), "4");
    let mut events = here.ask("GET", "/events", &[ACCEPT, LONG]);
    here.dir.write("events", "1\n");
    applied(&events.head(), 200, "wait=200");
    let mut events = Source::over(events);
    let beginning = events.block();
    assert!(beginning.starts_with("retry: 1000\nid: "), "{beginning}");
    events.expect(&["1"]);
    // Of a directory, and of files in it.
    for target in ["/d/?files=log", "/e/"] {
        let mut events = here.ask("GET", target, &[ACCEPT, LONG]);
        here.dir
            .mkdir(target[1..].split('/').next().expect("a name"));
        applied(&events.head(), 200, "wait=200");
        assert_eq!(Source::over(events).block(), "retry: 1000");
    }
    let mut list = here.ask("HEAD", "/f/", &[LONG, "Accept: application/json"]);
    here.dir.mkdir("f");
    applied(&list.head(), 200, "wait=200");
}

#[test]
fn missing_directories_on_the_way_are_waited_for() {
    let here = Waiting::new(&[]);
    let mut client = here.ask("GET", "/a/b/c/log", &[TAIL, LONG]);
    for step in ["a", "a/b", "a/b/c"] {
        here.dir.mkdir(step);
        here.expect(1);
    }
    here.dir.write("a/b/c/log", "one");
    applied(&client.head(), 206, "wait=200");
    assert_eq!(client.take(3), b"one");
    // A whole tree at once, a directory in place of a file, and links that lead somewhere at last.
    let mut client = here.ask("GET", "/x/y/log", &[TAIL, LONG]);
    here.dir.mkdir("new/y");
    here.dir.write("new/y/log", "two");
    here.dir.rename("new", "x");
    assert_eq!((client.head().status, &*client.take(3)), (206, &b"two"[..]));
    here.dir.write("file", "");
    let mut client = here.ask("GET", "/file/log", &[TAIL, LONG]);
    here.dir.remove("file");
    here.expect(1);
    here.dir.rename("x/y", "file");
    assert_eq!((client.head().status, &*client.take(3)), (206, &b"two"[..]));
    here.dir.symlink("deep/target", "link");
    let mut client = here.ask("GET", "/link", &[TAIL, LONG]);
    here.dir.mkdir("deep");
    here.dir.symlink("../end", "deep/target");
    here.expect(1);
    here.dir.write("end", "three");
    assert_eq!(
        (client.head().status, &*client.take(5)),
        (206, &b"three"[..])
    );
    // A directory that is moved away while it is waited in, and comes back.
    let mut client = here.ask("GET", "/a/b/c/more", &[TAIL, LONG]);
    here.dir.rename("a/b", "elsewhere");
    here.dir.write("elsewhere/c/more", "not here");
    here.expect(1);
    here.dir.rename("elsewhere", "a/b");
    assert_eq!((client.head().status, &*client.take(3)), (206, &b"not"[..]));
}

#[test]
fn patience_ends_with_404() {
    let here = Waiting::new(&["--wait-max", "1"]);
    let forms: [(&str, &[&str]); 4] = [
        ("GET", &[TAIL]),
        ("GET", &[ACCEPT]),
        ("HEAD", &[]),
        ("HEAD", &[ACCEPT]),
    ];
    for wait in [0, 1, 2, u128::MAX] {
        let mut clients: Vec<Client> = forms
            .map(|(method, fields)| {
                let prefer = format!("Prefer: wait={wait}");
                let mut client = Client::new(&here.server);
                let fields = [fields, &[prefer.as_str()]].concat();
                client.ask(method, "/missing", &fields);
                client
            })
            .into();
        for (client, (method, _)) in clients.iter_mut().zip(forms) {
            let head = client.head();
            let expected = format!("wait={}", wait.min(1));
            applied(&head, 404, &expected);
            assert_eq!(head.field("Cache-Control"), "no-store");
            if method == "GET" {
                assert_eq!(client.raw(13), b"no such file\n");
            }
            // It goes on.
            here.dir.write("log", "x");
            assert_eq!(client.get("/log", &[]).status, 200);
        }
    }
}

#[test]
fn nothing_else_waits() {
    let here = Waiting::new(&[]);
    here.dir.write("log", "0123456789");
    here.dir.mkdir("closed");
    let rows: [(&str, &[&str], u16); 8] = [
        ("/missing", &[LONG], 404),
        ("/missing", &[LONG, "Range: bytes=0-1"], 404),
        ("/missing", &[LONG, "Range: bytes=-1"], 404),
        ("/missing?generations", &[LONG], 404),
        ("/log?generation=0123456789abcdef", &[LONG, TAIL], 404),
        ("/.hidden", &[LONG, TAIL], 404),
        ("/closed", &[LONG, TAIL], 301),
        ("/log", &[LONG, "Range: bytes=11-"], 416),
    ];
    for (target, fields, status) in rows {
        let response = get(&here.server, target, fields);
        assert_eq!(response.status, status, "{target} {fields:?}");
        assert_eq!(response.get("Preference-Applied"), None, "{target}");
    }
    for prefer in ["wait", "wait=", "wait=x", "wait=-1", "respond-async", ""] {
        let prefer = format!("Prefer: {prefer}");
        let response = get(&here.server, "/missing", &[TAIL, &prefer]);
        assert_eq!(response.get("Preference-Applied"), None, "{prefer}");
        response.assert_error(404);
    }
    let mut client = Client::new(&here.server);
    let head = client.tail("/log", &[TAIL, LONG]);
    assert_eq!(head.get("Preference-Applied"), None);
    drop(client);
    // An event stream of a name that is missing comes again, unless it prefers to wait.
    let response = get(&here.server, "/missing", &[ACCEPT]);
    assert_eq!(response.status, 200);
    let never = Waiting::new(&["--wait-max", "0"]);
    let response = get(&never.server, "/missing", &[TAIL, LONG]);
    assert_eq!(response.get("Preference-Applied"), None);
    response.assert_error(404);
    assert_eq!(get(&never.server, "/missing", &[ACCEPT, LONG]).status, 200);
}

/// Who may not read a name learns nothing by waiting for it, and who loses the right while it waits neither.
#[test]
fn rights_come_first() {
    let secrets = TempDir::with("tokens", "all\nsome /a\nwriter / a\n");
    secrets.chmod("tokens", 0o600);
    let path = secrets.join("tokens").display().to_string();
    let here = Waiting::new(&["--token-file", &path]);
    here.dir.mkdir("a");
    here.dir.write("log", "x");
    let bearer = |token: &str| format!("Authorization: Bearer {token}");
    for target in ["/log", "/missing", "/missing/log"] {
        let none = get(&here.server, target, &[TAIL, LONG]);
        none.assert_error(401);
        let wrong = get(&here.server, target, &[TAIL, LONG, &bearer("wrong")]);
        wrong.assert_error(401);
        let other = get(&here.server, target, &[TAIL, LONG, &bearer("some")]);
        other.assert_error(401);
        assert_eq!(other.get("Preference-Applied"), None);
        let writer = get(&here.server, target, &[TAIL, LONG, &bearer("writer")]);
        writer.assert_error(403);
    }
    let mut client = here.ask("GET", "/a/log", &[TAIL, LONG, &bearer("some")]);
    let mut second = Client::new(&here.server);
    second.ask("GET", "/a/log", &[TAIL, LONG, &bearer("all")]);
    here.expect(2);
    secrets.write("tokens", "all\n");
    here.server.running.signal(Signal::HUP);
    here.server.log().wait_for(&["SIGHUP", "1 token"]);
    here.dir.write("a/log", "one");
    assert_eq!(client.head().status, 401);
    applied(&second.head(), 206, "wait=200");
}

/// A name that leads out of the directory, or is not to be seen, is like one that is not there.
#[test]
fn what_is_outside_is_missing() {
    let outside = TempDir::with("log", "secret");
    let here = Waiting::new(&[]);
    here.dir.symlink(outside.path(), "out");
    here.dir.symlink("loop", "loop");
    let mut clients: Vec<Client> = ["/out/log", "/out/missing", "/loop", "/missing"]
        .map(|target| {
            let mut client = Client::new(&here.server);
            client.ask("GET", target, &[TAIL, "Prefer: wait=1"]);
            client
        })
        .into();
    here.expect(4);
    outside.append("log", "more");
    outside.write("missing", "more");
    for client in &mut clients {
        let head = client.head();
        applied(&head, 404, "wait=1");
        assert_eq!(client.raw(13), b"no such file\n");
    }
}

#[test]
fn the_end_of_the_server_ends_the_wait() {
    let here = Waiting::new(&[]);
    let mut clients: Vec<Client> = [("GET", TAIL), ("GET", ACCEPT), ("HEAD", "X: y")]
        .map(|(method, field)| {
            let mut client = Client::new(&here.server);
            client.ask(method, "/log", &[field, LONG]);
            client
        })
        .into();
    here.expect(3);
    let status = here.server.stop();
    assert_eq!(status.code(), Some(0));
    for client in &mut clients {
        let head = client.head();
        assert_eq!(head.status, 503, "{head:?}");
        assert_eq!(head.field("Retry-After"), "1");
        assert_eq!(head.field("Connection"), "close");
        assert_eq!(head.get("Preference-Applied"), None);
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_frees_everything() {
    let here = Waiting::new(&[]);
    let before = here.server.running.descriptors();
    let mut clients: Vec<Client> = (0..60)
        .map(|number| {
            let mut client = Client::new(&here.server);
            client.ask("GET", &format!("/d{}/log", number % 7), &[TAIL, LONG]);
            client
        })
        .collect();
    here.expect(60);
    for (number, client) in clients.drain(..30).enumerate() {
        match number % 3 {
            0 => drop(client),
            1 => client.reset(),
            _ => {
                // Half closed is gone, as for a tail.
                client.shut();
                client.wait_hang_up();
            }
        }
    }
    here.expect(30);
    for number in 0..7 {
        here.dir.mkdir(&format!("d{number}"));
        here.dir.write(&format!("d{number}/log"), "x");
    }
    for client in &mut clients {
        applied(&client.head(), 206, "wait=200");
        assert_eq!(client.take(1), b"x");
    }
    clients.clear();
    eventually("its descriptors", || {
        here.server.running.descriptors() == before
    });
}

#[test]
fn requests_behind_one_that_waits_are_answered_after_it() {
    let here = Waiting::new(&[]);
    here.dir.write("other", "behind");
    let mut client = Client::new(&here.server);
    let wait = request("HEAD", "/log", &[LONG]);
    client.send(request("GET", "/other", &[]) + &wait + &request("GET", "/other", &[]));
    assert_eq!(client.response().body, b"behind");
    here.expect(1);
    client.send(request("GET", "/log", &[]));
    here.create("log", "12");
    let head = client.head();
    applied(&head, 200, "wait=200");
    assert_eq!(client.response().body, b"behind");
    assert_eq!(client.response().body, b"12");
    // What comes behind it is not kept without bound.
    let mut flood = here.ask("HEAD", "/never", &[LONG]);
    let cut = (0..64).any(|_| flood.try_send([b'x'; 1024]).is_err());
    // Whoever learns of the reset while it sends does not learn of it once more.
    assert!(cut || flood.until_end().1 == Ending::Reset, "not cut");
}

#[test]
fn clients_of_http_1_0_wait_too() {
    let here = Waiting::new(&[]);
    let mut client = Client::new(&here.server);
    client.send("GET /log HTTP/1.0\r\nRange: bytes=0-\r\nPrefer: wait=200\r\n\r\n");
    here.expect(1);
    here.dir.write("log", "one");
    let head = client.head();
    applied(&head, 206, "wait=200");
    assert_eq!(head.field("Connection"), "close");
    assert_eq!(client.raw(3), b"one");
    here.dir.append("log", "two");
    assert_eq!(client.raw(3), b"two");
}

#[test]
fn a_file_that_a_producer_makes_is_served() {
    let here = Waiting::new(&["--write", "/in"]);
    let mut client = here.ask("GET", "/in/log", &[TAIL, LONG]);
    assert_eq!(
        once(&here.server, "POST", "/in/log", &[], "one\n").status,
        201
    );
    assert_eq!(
        (client.head().status, &*client.take(4)),
        (206, &b"one\n"[..])
    );
}

/// Names that are made and removed as fast as possible, and events that inotify loses, keep nobody waiting for good.
#[test]
fn names_that_come_and_go() {
    let here = Waiting::new(&[]);
    let path = here.dir.join("log");
    let mut client = here.ask("GET", "/log", &[TAIL, LONG]);
    for _ in 0..200 {
        fs::write(&path, "x").expect("write");
        fs::remove_file(&path).expect("unlink");
    }
    fs::write(&path, "one").expect("write");
    let head = client.head();
    applied(&head, 206, "wait=200");
    // It may have found one of those before.
    let body = client.take(1);
    assert!(matches!(&*body, b"x" | b"o"), "{body:?}");
    fs::remove_file(&path).expect("unlink");
    let mut client = here.ask("HEAD", "/d/log", &[LONG]);
    here.server.freeze();
    here.dir.mkdir("d");
    for number in 0..20_000 {
        fs::write(here.dir.join(format!("noise{}", number % 2)), "").expect("write");
        fs::remove_file(here.dir.join(format!("noise{}", number % 2))).expect("unlink");
    }
    here.dir.write("d/log", "x");
    here.server.thaw();
    assert_eq!(client.head().status, 200);
}

#[test]
fn where_nothing_can_be_watched_names_are_polled() {
    for limit in ["max_inotify_watches", "max_inotify_instances"] {
        let dir = TempDir::new();
        let options = ["--threads", "2", "--poll-interval", "50"];
        let script = format!("echo 0 > /proc/sys/user/{limit}");
        let server = match Server::in_namespace(&script, dir.path(), &options) {
            Ok(server) => server,
            Err(why) => return skip(&format!("{limit}: {}", why.trim())),
        };
        let mut clients: Vec<Client> = (0..4).map(|_| Client::new(&server)).collect();
        for client in &mut clients {
            client.ask("GET", "/d/log", &[TAIL, LONG]);
        }
        dir.mkdir("d");
        dir.write("d/log", "one");
        for client in &mut clients {
            assert_eq!(client.head().status, 206);
            assert_eq!(client.take(3), b"one");
        }
    }
}
