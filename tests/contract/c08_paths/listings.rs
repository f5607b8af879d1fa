//! Lists of directories: in pages, orders and forms, whatever their size.

use std::process::Command;
use std::thread;
use std::time::Duration;

use openrange::limits::COPY_MAX;

use crate::support::client::{Client, Response, etag, get, request};
use crate::support::harness::{Server, TempDir, openrange, until};
use crate::support::machine::skip;

const PAGE: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
const JSON: &str = "Accept: application/json";

fn text(response: Response) -> String {
    assert_eq!(response.status, 200);
    String::from_utf8(response.body).expect("UTF-8 whatever the names are")
}

/// The target of the next page.
fn next(response: &Response) -> Option<String> {
    let link = response.get("Link")?;
    let target = link.strip_prefix('<').expect("a link");
    Some(
        target
            .strip_suffix(">; rel=\"next\"")
            .expect("to the next page")
            .into(),
    )
}

#[test]
fn without_a_wish_it_is_plain_text() {
    let dir = TempDir::with("a log", [b'x'; 12345]);
    dir.mkdir("sub");
    dir.write("line\nfeed", "");
    dir.write("per%cent", "");
    dir.touch("a log", Duration::from_secs(1000));
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for fields in [
        &[][..],
        &["Accept: */*"],
        &["Accept: text/plain"],
        &["Accept: */*", "User-Agent: curl/8.5.0"],
    ] {
        let response = client.get("/", fields);
        assert_eq!(response.field("Content-Type"), "text/plain; charset=utf-8");
        let text = text(response);
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .collect()
            })
            .collect();
        let names: Vec<&str> = lines.iter().map(|line| line[0]).collect();
        assert_eq!(
            names,
            ["a log", "line%0Afeed", "per%25cent", "sub/"],
            "{text}"
        );
        let sizes: Vec<&str> = lines.iter().map(|line| line[1]).collect();
        assert_eq!(sizes, ["12345", "0", "0", "-"]);
        let modified = std::fs::metadata(dir.join("a log")).expect("there");
        let modified = httpdate::fmt_http_date(modified.modified().expect("a time"));
        let (time, year) = (lines[0][2], &modified[12..16]);
        assert!(
            time.starts_with(year) && time.ends_with(&format!("{}Z", &modified[17..25])),
            "{time}"
        );
    }
    dir.write("sub/index.html", "<p>");
    assert_eq!(client.get("/sub/", &[]).body, b"<p>");
}

#[test]
fn everything_is_shown_in_pages() {
    let dir = TempDir::new();
    let mut names: Vec<String> = (0..2500).map(|number| format!("f{number:04}")).collect();
    for name in &names {
        dir.write(name, "");
    }
    dir.mkdir("directory");
    dir.symlink("f0000", "link");
    names.extend(["directory".into(), "link".into()]);
    names.sort();
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for (accept, first) in [
        (JSON, "{\"name\":\""),
        (PAGE, "<tr><td><a href=\""),
        ("X: y", ""),
    ] {
        let mut found = Vec::new();
        let mut target = String::from("/");
        for count in [1000, 1000, 502] {
            let response = client.get(&target, &[accept]);
            let following = next(&response);
            let page = text(response);
            let rows = page.lines().filter_map(|line| line.strip_prefix(first));
            let rows: Vec<String> = rows
                .filter(|row| row.starts_with(['f', 'd', 'l']))
                .map(|row| {
                    row.split(['"', '/', ' '])
                        .next()
                        .expect("a name")
                        .to_string()
                })
                .collect();
            assert_eq!(rows.len(), count, "{target} {accept}");
            found.extend(rows);
            assert!(page.contains("2502"), "how many there are: {page}");
            match following {
                Some(next) => target = next,
                None => assert_eq!(count, 502),
            }
        }
        assert_eq!(found, names, "{accept}");
    }
    // The members of the first page of a list that has several.
    let page = text(client.get("/", &[JSON]));
    assert!(
        page.starts_with(
            "{\"name\":\"/\",\"path\":\"/\",\"truncated\":true,\"count\":2502,\"next\":\"?after=f0998\",\"entries\":["
        ),
        "{page}"
    );
    // After any name, also one that is not there.
    let page = text(client.get("/?after=f2498a", &[JSON]));
    assert_eq!(page.lines().count(), 4, "{page}");
    assert_eq!(next(&client.get("/?after=zzz", &[])), None);
}

#[test]
fn in_other_orders_and_filtered() {
    let dir = TempDir::new();
    for (name, size, age) in [
        ("b", 30, 10),
        ("a", 30, 30),
        ("Log", 20, 20),
        ("catalog", 0, 5),
    ] {
        dir.write(name, "x".repeat(size));
        dir.touch(name, Duration::from_secs(1000 + age));
    }
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let mut names = |query: &str| -> Vec<String> {
        let page = text(client.get(&format!("/{query}"), &[]));
        let names = page
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(' ').next().expect("a name").into());
        names.collect()
    };
    assert_eq!(names(""), ["Log", "a", "b", "catalog"]);
    assert_eq!(names("?sort=name"), ["Log", "a", "b", "catalog"]);
    assert_eq!(names("?sort=size"), ["a", "b", "Log", "catalog"]);
    assert_eq!(names("?sort=time"), ["catalog", "b", "Log", "a"]);
    assert_eq!(names("?sort=size&after=30/a"), ["b", "Log", "catalog"]);
    // Whether that entry is there any more or not.
    assert_eq!(names("?sort=size&after=25/x"), ["Log", "catalog"]);
    assert_eq!(names("?filter=log"), ["Log", "catalog"]);
    assert_eq!(names("?sort=time&filter=LOG"), ["catalog", "Log"]);
    client.get("/?sort=colour", &[]).assert_error(400);
}

#[test]
fn sorted_pages_go_on_where_the_last_one_ended() {
    let dir = TempDir::new();
    for number in 0..1500 {
        dir.write(&format!("{number:04}"), "x".repeat(number % 7));
    }
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let first = client.get("/?sort=size", &[]);
    let second = next(&first).expect("another page");
    let rest = client.get(&second, &[]);
    assert_eq!(next(&rest), None);
    let both = text(first) + &text(rest);
    let names = both
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| &line[..4]);
    let mut expected: Vec<usize> = (0..1500).collect();
    expected.sort_by_key(|number| (6 - number % 7, *number));
    assert!(names.eq(expected.iter().map(|number| format!("{number:04}"))));
}

#[test]
fn a_page_for_people() {
    let dir = TempDir::with("log", vec![b'x'; 1_234_567]);
    dir.write("co:lon", "x");
    dir.write("evil\u{202e}gpj.exe", "");
    dir.mkdir("d:ir");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let response = client.get("/", &[PAGE]);
    let policy = response.field("Content-Security-Policy");
    assert!(policy.starts_with("default-src 'none'; "), "{policy}");
    let page = text(response);
    for part in [
        "<meta name=\"robots\" content=\"noindex, nofollow\">",
        "<a href=\"log\">log</a>",
        "<a href=\"log?view\">follow</a>",
        // No scheme.
        "<a href=\"co%3Alon\">co:lon</a>",
        "<a href=\"d%3Air/\">d:ir/</a>",
        "1.2 MB",
        ">1234567<",
        "<a href=\"?sort=size\">size</a>",
        "name=\"filter\"",
        "<main>",
        "<h1>",
        "evil\u{fffd}gpj.exe",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

/// Below a directory with a long path a name may have an address that is refused.
#[test]
fn nothing_is_linked_that_would_be_refused() {
    let dir = TempDir::new();
    let long = "\u{fc}".repeat(100);
    let deep = [long.as_str(); 6].join("/");
    dir.mkdir(&deep);
    dir.write(&format!("{deep}/{}", "\u{fc}".repeat(120)), "x");
    dir.write(&format!("{deep}/short"), "x");
    let server = Server::start(&dir);
    let encoded = deep.replace('\u{fc}', "%C3%BC");
    let page = text(Client::new(&server).get(&format!("/{encoded}/"), &[PAGE]));
    assert!(page.contains("<a href=\"short?view\""), "{page}");
    assert!(page.contains("(its address is too long)"), "{page}");
}

/// A program that mirrors a directory finds its files and no views of them.
#[test]
fn programs_that_follow_links_find_the_files() {
    let dir = TempDir::with("log", "first\n");
    dir.mkdir("sub");
    dir.write("sub/co:lon", "second\n");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for agent in [
        "Wget/1.21.3",
        "HTTPDirFS-1.2.7",
        "rclone/v1.66",
        "Kodi/20.2",
    ] {
        let agent = format!("User-Agent: {agent}");
        let page = text(client.get("/", &[&agent, "Accept: */*"]));
        assert!(page.contains("<a href=\"log\">"), "{page}");
        for part in ["?view", "?sort", "robots"] {
            assert!(!page.contains(part), "{part} in {page}");
        }
    }
    if Command::new("wget").arg("--version").output().is_err() {
        return skip("no wget here");
    }
    let copy = TempDir::new();
    let got = Command::new("wget")
        .args(["-q", "-r", "-np", "-nH", "-P"])
        .arg(copy.path())
        .arg(server.url("/"))
        .status()
        .expect("wget runs");
    assert!(got.success(), "{got}");
    let read = |name: &str| std::fs::read_to_string(copy.join(name)).expect(name);
    assert_eq!(read("log"), "first\n");
    assert_eq!(read("sub/co:lon"), "second\n");
    let saved = std::fs::read_dir(copy.path()).expect("a directory");
    let mut saved: Vec<_> = saved
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    saved.sort();
    assert_eq!(saved, ["index.html", "log", "sub"]);
}

/// What is held while a page is made does not grow with the directory.
#[test]
fn a_large_directory_costs_no_memory() {
    let dir = TempDir::in_memory();
    let name = |number: usize| format!("{number:06}-{}", "x".repeat(200));
    dir.write("0", "");
    for number in 0..30_000 {
        std::fs::hard_link(dir.join("0"), dir.join(name(number))).expect("a link");
    }
    let mut command = openrange(&["--listen", "127.0.0.1:0", "--threads", "1"]);
    command.arg(dir.path());
    let server = Server::launch(command);
    let mut client = Client::new(&server);
    let page = |client: &mut Client, number: usize| {
        let response = client.get(&format!("/?after={}", name(number)), &[]);
        let page = text(response);
        assert!(page.starts_with(&name(number + 1)), "{page}");
    };
    page(&mut client, 10);
    let before = server.running.resident();
    for number in (0..29_000).step_by(4000) {
        page(&mut client, number);
    }
    let grown = server.running.resident().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
}

/// Threads make the lists of large directories; answers stay in order, and who leaves is forgotten.
#[test]
fn lists_of_large_directories_are_made_beside_the_loop() {
    let dir = TempDir::with("0", "");
    for number in 0..5000 {
        let name = format!("{number:04}");
        std::fs::hard_link(dir.join("0"), dir.join(name)).expect("a link");
    }
    dir.mkdir("small");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut client = Client::new(&server);
    let pipelined = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n\
        GET /?sort=size HTTP/1.1\r\nHost: localhost\r\n\r\n\
        GET /0 HTTP/1.1\r\nHost: localhost\r\n\r\n\
        HEAD /?after=4000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(pipelined.as_bytes());
    for last in ["0997", "0997"] {
        let page = text(client.response());
        let last = format!("\n{last} ");
        assert!(
            page.contains(&last) && page.contains("of 5002 entries"),
            "{page}"
        );
    }
    assert_eq!(client.response().body, b"");
    assert_eq!(client.head().status, 200);
    // Many at a time, of which most leave at once: each that stays is answered.
    for _ in 0..50 {
        let mut gone = Client::new(&server);
        gone.send(b"GET /?sort=time HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    let page = until("a list again", || {
        let response = Client::new(&server).get("/?sort=time", &[]);
        (response.status == 200).then(|| text(response))
    });
    assert!(page.contains("of 5002 entries"), "{page}");
    assert_eq!(client.get("/small/", &[]).status, 200);
}

/// Clients that ask for a list at the same time share one look, whoever makes it; none is refused.
#[test]
fn a_crowd_that_asks_at_once_is_served() {
    const CROWD: usize = 64;
    let dir = TempDir::new();
    for (name, count) in [("long", 2000), ("longer", 3000)] {
        dir.mkdir(name);
        for number in 0..count {
            dir.write(&format!("{name}/{number:04}-{}", "x".repeat(80)), "");
        }
    }
    let server = Server::with(&dir, &["--threads", "1"]);
    for target in ["/long/", "/longer/"] {
        let expected = get(&server, target, &[JSON]);
        assert_eq!(expected.status, 200);
        assert!(expected.body.len() > COPY_MAX);
        let mut clients: Vec<Client> = (0..CROWD).map(|_| Client::new(&server)).collect();
        server.freeze();
        for client in &mut clients {
            client.ask("GET", target, &[JSON]);
        }
        // One of them leaves.
        drop(clients.pop());
        server.thaw();
        for client in &mut clients {
            let response = client.response();
            assert_eq!(response.status, 200, "{target}");
            assert!(response.body == expected.body, "{target}");
        }
    }
}

/// However lists are shared, whoever has made a file finds it in a list that is asked for after that.
#[test]
fn a_list_is_never_older_than_its_request() {
    let dir = TempDir::new();
    dir.mkdir("in");
    for number in 0..2500 {
        dir.write(&format!("in/{number:04}"), "");
    }
    let server = Server::with(&dir, &["--threads", "1", "--write", "/in"]);
    thread::scope(|scope| {
        for client in 0..4 {
            let (dir, server) = (&dir, &server);
            scope.spawn(move || {
                let mut connection = Client::new(server);
                for number in 0..25 {
                    let name = format!("z{client}-{number}");
                    match client % 2 {
                        0 => dir.write(&format!("in/{name}"), "12345"),
                        _ => {
                            let put =
                                request("PUT", &format!("/in/{name}"), &["Content-Length: 5"]);
                            // Behind a list that is asked for before, and with that at once.
                            let list = request("GET", "/in/?filter=z", &[JSON]);
                            connection.send(list.clone() + &put + "12345" + &list);
                            assert_eq!(connection.response().status, 200);
                            assert_eq!(connection.response().status, 201);
                            let body = connection.response().body;
                            assert_listed(&body, &name);
                        }
                    }
                    let body = connection.get("/in/?filter=z", &[JSON]).body;
                    assert_listed(&body, &name);
                }
            });
        }
    });
}

fn assert_listed(body: &[u8], name: &str) {
    let text = String::from_utf8_lossy(body);
    let entry = text.find(&format!("\"name\":\"{name}\""));
    let entry = entry.unwrap_or_else(|| panic!("{name} is not in the list"));
    assert!(
        text[entry..]
            .split('}')
            .next()
            .is_some_and(|entry| entry.contains("\"size\":5"))
    );
}

#[test]
fn head_of_a_list_says_what_it_would_be() {
    let dir = TempDir::new();
    for number in 0..3000 {
        dir.write(&format!("{number}"), "");
    }
    dir.mkdir("few");
    dir.write("few/log", "");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for accept in [JSON, "Accept: text/html", "Accept: */*"] {
        let head = client.head_of("/", &[accept]);
        let get = client.get("/", &[accept]);
        assert_eq!((head.status, get.status), (200, 200));
        assert_eq!(head.get("Content-Length"), None);
        let few = client.head_of("/few/", &[accept]);
        let length = client.get("/few/", &[accept]).body.len().to_string();
        assert_eq!(few.field("Content-Length"), length);
        for field in [
            "Content-Type",
            "Vary",
            "Cache-Control",
            "Content-Security-Policy",
        ] {
            assert_eq!(head.get(field), get.get(field), "{accept}");
        }
    }
}

/// A list has no tag, so a tag names something else.
#[test]
fn conditions_of_a_list() {
    let dir = TempDir::new();
    dir.mkdir("in");
    dir.write("in/t", "one\n");
    let server = Server::start(&dir);
    let tag = format!("If-Match: {}", etag(&server, "/in/t"));
    for media in ["text/html", "application/json", "text/plain"] {
        let accept = format!("Accept: {media}");
        for (condition, status) in [
            (&*tag, 412),
            ("If-Match: W/\"x\", \"y\"", 412),
            ("If-Match: *", 200),
            ("If-None-Match: W/\"x\"", 200),
        ] {
            for method in ["GET", "HEAD"] {
                let mut client = Client::new(&server);
                client.ask(method, "/in/", &[condition, &accept]);
                assert_eq!(client.head().status, status, "{method} {media} {condition}");
            }
        }
    }
}
