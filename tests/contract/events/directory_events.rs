//! Events of the entries of a directory.

use std::collections::BTreeMap;

use openrange::limits::LISTING_MAX;
use rustix::process::Signal;

use super::file::forms::assert_comes_again;
use crate::support::client::{Client, etag};
use crate::support::harness::{Server, TempDir};
use crate::support::source::{ACCEPT, Source};

/// A member of the data of an event.
fn value<'a>(data: &'a str, key: &str) -> &'a str {
    let (_, rest) = data.split_once(&format!("\"{key}\":")).expect(key);
    let end = rest.find(",\"").or(rest.find('}')).expect("an end");
    &rest[..end]
}

/// The next event is of this kind, and of this entry.
fn expect(source: &mut Source, kind: &str, name: &str) -> String {
    let data = source.expect_kind(kind);
    assert_eq!(value(&data, "name"), format!("{name:?}"), "{data}");
    data
}

fn expect_list(source: &mut Source, name: &str, exists: bool) {
    let data = source.expect_kind("list");
    let path = if name == "/" {
        "/".to_owned()
    } else {
        format!("{name}/")
    };
    let expected =
        format!("{{\"name\":{name:?},\"path\":{path:?},\"truncated\":false,\"exists\":{exists}}}");
    assert_eq!(data, expected);
    assert_eq!(source.id, "-");
}

#[test]
fn each_kind_of_event() {
    let dir = TempDir::with("a.log", "12345");
    dir.mkdir("sub");
    dir.write(".hidden", "");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/", None);
    expect_list(&mut source, "/", true);
    let data = expect(&mut source, "create", "a.log");
    let tag = etag(&server, "/a.log").replace('"', "\\\"");
    assert_eq!(value(&data, "etag"), format!("\"{tag}\""));
    assert_eq!(
        (value(&data, "size"), value(&data, "sealed")),
        ("5", "false")
    );
    let data = expect(&mut source, "create", "sub");
    assert_eq!(
        (value(&data, "kind"), value(&data, "path")),
        ("\"directory\"", "\"sub/\"")
    );
    dir.append("a.log", "6");
    assert_eq!(value(&expect(&mut source, "grow", "a.log"), "size"), "6");
    dir.chmod("a.log", 0o444);
    assert_eq!(
        value(&expect(&mut source, "change", "a.log"), "sealed"),
        "true"
    );
    dir.write("next", "1");
    expect(&mut source, "create", "next");
    dir.rename("next", "a.log");
    let data = expect(&mut source, "roll", "a.log");
    let tag = etag(&server, "/a.log").replace('"', "\\\"");
    assert_eq!(value(&data, "etag"), format!("\"{tag}\""));
    expect(&mut source, "remove", "next");
    dir.resize("a.log", 0);
    assert_eq!(value(&expect(&mut source, "change", "a.log"), "size"), "0");
    dir.remove("a.log");
    expect(&mut source, "remove", "a.log");
    dir.write(".hidden", "more");
    dir.write("sub/of nobody", "");
    dir.mkdir("sub/deeper");
    dir.write("last", "");
    // That the directory in it has changed too is told before or after that.
    let mut event = source.next();
    if event.kind == "change" {
        assert_eq!(value(&event.data, "name"), "\"sub\"", "{event:?}");
        event = source.next();
    }
    assert_eq!(event.kind, "create");
    assert_eq!(value(&event.data, "name"), "\"last\"", "{event:?}");
}

#[test]
fn growth_is_told_together() {
    const APPENDS: usize = 3000;
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/", None);
    expect_list(&mut source, "/", true);
    expect(&mut source, "create", "log");
    for _ in 0..APPENDS {
        dir.append("log", "x");
    }
    let mut events = 0;
    loop {
        let data = expect(&mut source, "grow", "log");
        events += 1;
        if value(&data, "size") == APPENDS.to_string() {
            break;
        }
    }
    assert!(
        events < APPENDS / 10,
        "{events} events of {APPENDS} appends"
    );
}

#[test]
fn a_directory_that_may_not_be_read_any_more() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    let dir = TempDir::new();
    dir.mkdir("d");
    dir.write("d/a", "1");
    let server = Server::with(&dir, &["--user", "65534:65534"]);
    let mut source = Source::of_directory(&server, "/d/", None);
    expect_list(&mut source, "/d", true);
    expect(&mut source, "create", "a");
    // Names in it can be looked up still.
    dir.chmod("d", 0o311);
    dir.append("d/a", "2");
    expect_list(&mut source, "/d", false);
    dir.append("d/a", "3");
    dir.chmod("d", 0o755);
    expect_list(&mut source, "/d", true);
    assert_eq!(value(&expect(&mut source, "create", "a"), "size"), "3");
}

#[test]
fn a_directory_that_goes_away_and_comes_back() {
    let dir = TempDir::new();
    dir.mkdir("d");
    dir.write("d/a", "1");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/d/", None);
    expect_list(&mut source, "/d", true);
    expect(&mut source, "create", "a");
    dir.rename("d", "away");
    expect_list(&mut source, "/d", false);
    // Who comes again meanwhile waits; who comes for the first time is asked to come again.
    let mut client = Client::new(&server);
    assert_comes_again(&client.get("/d/", &[ACCEPT]));
    let mut again = Source::of_directory(&server, "/d/", Some("-"));
    expect_list(&mut again, "/d", false);
    dir.write("away/b", "2");
    dir.rename("away", "d");
    for source in [&mut source, &mut again] {
        expect_list(source, "/d", true);
        expect(source, "create", "a");
        expect(source, "create", "b");
    }
    // Another directory of that name.
    dir.rename("d", "away");
    dir.mkdir("other");
    dir.write("other/c", "3");
    dir.rename("other", "d");
    let mut data = source.expect_kind("list");
    if value(&data, "exists") == "false" {
        data = source.expect_kind("list");
    }
    assert_eq!(value(&data, "exists"), "true");
    expect(&mut source, "create", "c");
    dir.remove("d/c");
    expect(&mut source, "remove", "c");
}

/// The old name leaves its place to the new one, whichever of them the server looks at first.
#[test]
fn a_rename_in_a_full_directory_is_two_events() {
    let dir = TempDir::new();
    for number in 0..LISTING_MAX {
        dir.write(&number.to_string(), "");
    }
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/", None);
    assert_eq!(value(&source.expect_kind("list"), "truncated"), "false");
    for _ in 0..LISTING_MAX {
        source.expect_kind("create");
    }
    for round in 0..16 {
        dir.rename(&round.to_string(), &format!("new-{round}"));
        let mut kinds = [source.next().kind, source.next().kind];
        kinds.sort();
        assert_eq!(kinds.each_ref().map(|kind| &**kind), ["create", "remove"]);
    }
}

#[test]
fn a_large_directory_is_cut() {
    let dir = TempDir::new();
    dir.mkdir("d");
    for number in 0..5000 {
        dir.write(&format!("d/{number}"), "");
    }
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/d/", None);
    assert_eq!(value(&source.expect_kind("list"), "truncated"), "true");
    for _ in 0..4096 {
        source.expect_kind("create");
    }
    for number in 0..1000 {
        dir.remove(&format!("d/{number}"));
    }
    // Told again as soon as it is all that there is.
    let mut table = BTreeMap::new();
    loop {
        let event = source.next();
        match &*event.kind {
            "list" if value(&event.data, "truncated") == "false" => break,
            "list" | "create" | "remove" => {}
            kind => panic!("{kind}"),
        }
    }
    while table.len() < 4000 {
        let event = source.next();
        let name = value(&event.data, "name").to_owned();
        match &*event.kind {
            "create" => drop(table.insert(name, ())),
            "remove" => drop(table.remove(&name)),
            kind => panic!("{kind}"),
        }
    }
}

/// Resident memory of the server, in kB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.running.id()));
    let status = status.expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let digits = line.and_then(|line| line.split_whitespace().nth(1));
    digits.expect("a size").parse().expect("a number")
}

#[test]
fn readers_that_take_nothing_hold_little() {
    const READERS: usize = 60;
    let dir = TempDir::in_memory();
    dir.mkdir("d");
    for number in 0..4000 {
        dir.write(&format!("d/{number:04}{}", "x".repeat(150)), "");
    }
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut source = Source::of_directory(&server, "/d/", None);
    source.expect_kind("list");
    for _ in 0..4000 {
        source.expect_kind("create");
    }
    let before = resident(&server);
    let slow: Vec<Client> = (0..READERS)
        .map(|_| {
            let mut client = Client::slow(&server);
            client.ask("GET", "/d/", &[ACCEPT]);
            client.head();
            client
        })
        .collect();
    // Others are told meanwhile.
    dir.write("d/new", "");
    expect(&mut source, "create", "new");
    let held = resident(&server).saturating_sub(before);
    // Of each some 48 KiB, of all that they are told 1.7 MB.
    assert!(held < READERS as u64 * 100, "{held} kB");
    // Some of them read to the end: for every one it would be 240,000 events.
    for client in slow.into_iter().step_by(READERS / 10) {
        let mut source = Source::over(client);
        assert_eq!(source.block(), "retry: 1000");
        source.expect_kind("list");
        let mut count = 0;
        while count < 4000 {
            count += usize::from(source.next().kind == "create");
        }
    }
}

/// The watch of the directory is taken away and placed again with its last stream.
#[test]
fn tails_miss_nothing_when_streams_of_their_directory_come_and_go() {
    let dir = TempDir::with("a", "");
    dir.write("b", "");
    let server = Server::with(&dir, &["--threads", "1"]);
    let mut a = Client::new(&server);
    a.tail("/a", &["Range: bytes=0-", "TE: trailers"]);
    let mut b = Source::open(&server, "/b", None);
    for round in 0..60 {
        let mut source = Source::of_directory(&server, "/", None);
        source.expect_kind("list");
        dir.append("a", "1");
        assert_eq!(a.take(1), b"1");
        drop(source);
        dir.append("a", "2");
        dir.append("b", format!("{round}\n"));
        assert_eq!(a.take(1), b"2");
        b.expect(&[&round.to_string()]);
        dir.rename("b", "c");
        dir.write("next", "");
        dir.rename("next", "b");
        b.expect_kind("roll");
    }
    let source = Source::of_directory(&server, "/", None);
    drop(source);
    dir.rename("a", "away");
    let (rest, fields) = a.rest();
    assert_eq!((&*rest, fields.len()), (&b""[..], 1));
}

#[test]
fn the_end_of_the_server_is_the_end() {
    let dir = TempDir::with("a", "");
    let mut server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/", None);
    expect_list(&mut source, "/", true);
    expect(&mut source, "create", "a");
    server.running.signal(Signal::TERM);
    assert_eq!(source.client.rest().0, b"");
    assert!(server.running.wait().success());
}

/// What a link leads to changes elsewhere, as in /var/log/containers: it is told at once all the same.
#[test]
fn links_are_watched_where_they_lead() {
    let dir = TempDir::new();
    dir.mkdir("containers");
    dir.mkdir("pods");
    dir.write("pods/0.log", "1\n");
    dir.symlink("../pods/0.log", "containers/web.log");
    dir.symlink("../pods/later.log", "containers/later.log");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/containers/", None);
    expect_list(&mut source, "/containers", true);
    expect(&mut source, "create", "web.log");
    // Each within the pause between two looks, and not when every directory is looked at again.
    let start = std::time::Instant::now();
    dir.append("pods/0.log", "2\n");
    expect(&mut source, "grow", "web.log");
    dir.append("pods/0.log", "3\n");
    expect(&mut source, "grow", "web.log");
    dir.rename("pods/0.log", "pods/0.log.1");
    dir.write("pods/0.log", "4\n");
    loop {
        let event = source.next();
        assert!(event.data.contains("\"web.log\""), "{event:?}");
        match &*event.kind {
            // It may be looked at between the two.
            "remove" => {}
            "roll" | "create" => break,
            _ => panic!("{event:?}"),
        }
    }
    dir.append("pods/0.log", "5\n");
    expect(&mut source, "grow", "web.log");
    dir.write("pods/later.log", "1\n");
    expect(&mut source, "create", "later.log");
    dir.remove("pods/0.log");
    expect(&mut source, "remove", "web.log");
    assert!(
        start.elapsed() < std::time::Duration::from_secs(12),
        "by chance"
    );
}

/// More links than the server follows in one turn: what happens to some of their targets is told, and only of those.
#[test]
fn many_links_are_watched_where_they_lead() {
    const LINKS: usize = 600;
    let dir = TempDir::new();
    dir.mkdir("containers");
    dir.mkdir("pods");
    for number in 0..LINKS {
        dir.write(&format!("pods/{number}"), "");
        dir.symlink(format!("../pods/{number}"), &format!("containers/{number}"));
    }
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/containers/", None);
    expect_list(&mut source, "/containers", true);
    for _ in 0..LINKS {
        source.expect_kind("create");
    }
    let busy = ["0", "311", "599"];
    let mut sizes = BTreeMap::new();
    for round in 1..=3 {
        // Written in turn, they have an event for each write.
        for name in busy.iter().cycle().take(900) {
            dir.append(&format!("pods/{name}"), "x");
        }
        while busy
            .iter()
            .any(|name| sizes.get(*name) != Some(&(300 * round)))
        {
            let data = source.expect_kind("grow");
            let name = value(&data, "name").trim_matches('"').to_owned();
            assert!(busy.contains(&&*name), "{data}");
            sizes.insert(name, value(&data, "size").parse().expect("a size"));
        }
    }
    dir.remove("containers/7");
    dir.symlink("../pods/0", "containers/7");
    while source.next().kind != "roll" {}
    dir.append("pods/0", "x");
    let mut names = [(); 2].map(|()| value(&source.expect_kind("grow"), "name").to_owned());
    names.sort();
    assert_eq!(names, ["\"0\"", "\"7\""]);
}
