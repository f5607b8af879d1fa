//! Events of several files over one connection.

use openrange::http::position::Check;
use std::time::Duration;

use rustix::process::Signal;

use super::file::forms::assert_comes_again;
use crate::support::client::{Client, Ending, etag};
use crate::support::harness::{Server, TempDir};
use crate::support::source::{ACCEPT, Source};

/// Lines of whatever files, up to this one.
fn lines_until(source: &mut Source, last: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line| line != last) {
        let event = source.next();
        println!("{event:?}");
        if !event.kind.contains('/') {
            lines.push(event.data);
        }
    }
    lines
}

/// Each of these once, in whatever order the files come.
fn assert_once(mut lines: Vec<String>, rounds: usize) {
    lines.sort();
    let mut expected: Vec<String> = (0..rounds).map(|round| format!("line {round}")).collect();
    expected.push("end".to_owned());
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn several_files_of_a_directory() {
    let dir = TempDir::with("a.log", "1\n2\n");
    dir.write("b.log", "one\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log,b.log", None);
    source.expect_events(&[("a.log", "1"), ("a.log", "2"), ("b.log", "one")]);
    dir.append("b.log", "two\n");
    source.expect_events(&[("b.log", "two")]);
    dir.append("a.log", "3\n");
    source.expect_events(&[("a.log", "3")]);
}

/// A list of the whole directory would look like an answer to what it is not; a client that waits for events would read it.
#[test]
fn a_client_that_does_not_accept_events_is_refused() {
    let dir = TempDir::with("a.log", "1\n");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for accept in [
        "Accept: */*",
        "Accept: text/html",
        "Accept: application/json",
    ] {
        let response = client.get("/?files=*.log", &[accept]);
        response.assert_error(406);
        let body = String::from_utf8_lossy(&response.body);
        assert!(body.contains("send Accept: text/event-stream"), "{body}");
    }
    assert_eq!(client.head_of("/?files=a.log", &[]).status, 406);
    // The query means nothing to a file.
    assert_eq!(client.get("/a.log?files=b", &[]).status, 200);
}

const ROUNDS: usize = 12;

/// Renamed as soon as its line was seen, sooner than the directory is looked at again.
#[test]
fn a_rotation_within_a_pattern_repeats_nothing() {
    let dir = TempDir::with("a.log", "line 0\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log*", None);
    let mut lines = lines_until(&mut source, "line 0");
    for round in 1..ROUNDS {
        dir.rename("a.log", &format!("a.log.{round}"));
        dir.append_new("a.log", format!("line {round}\n"));
        lines.extend(lines_until(&mut source, &format!("line {round}")));
    }
    dir.write("a.log.end", "end\n");
    lines.extend(lines_until(&mut source, "end"));
    assert_once(lines, ROUNDS);
}

/// a.log.1 to a.log.2, a.log to a.log.1, a new a.log, and each time the directory has been looked at before.
#[test]
fn a_cascade_within_a_pattern_repeats_nothing() {
    let dir = TempDir::with("a.log", "line 0\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log*", None);
    let mut lines = lines_until(&mut source, "line 0");
    for round in 1..ROUNDS {
        for old in (1..round).rev() {
            dir.rename(&format!("a.log.{old}"), &format!("a.log.{}", old + 1));
        }
        dir.rename("a.log", "a.log.1");
        dir.append_new("a.log", format!("line {round}\n"));
        lines.extend(lines_until(&mut source, &format!("line {round}")));
        // As soon as this one is followed, everything has been looked at.
        dir.write("a.log.mark", format!("mark {round}\n"));
        lines.extend(lines_until(&mut source, &format!("mark {round}")));
        dir.rename("a.log.mark", &format!("old mark {round}"));
    }
    dir.write("a.log.end", "end\n");
    lines.extend(lines_until(&mut source, "end"));
    lines.retain(|line| !line.starts_with("mark"));
    assert_once(lines, ROUNDS);
}

/// The client comes again behind each line, and the files have other names by then.
#[test]
fn an_id_holds_for_a_file_whatever_its_name_is_then() {
    let dir = TempDir::with("a.log", "line 0\n");
    let server = Server::start(&dir);
    let mut lines = Vec::new();
    let mut id: Option<String> = None;
    for round in 0..ROUNDS {
        let mut source = Source::of_directory(&server, "/?files=a.log*", id.as_deref());
        lines.extend(lines_until(&mut source, &format!("line {round}")));
        id = Some(source.id.clone());
        drop(source);
        dir.rename("a.log", &format!("a.log.{round}"));
        dir.append_new("a.log", format!("line {}\n", round + 1));
    }
    dir.write("a.log.end", "end\n");
    let mut source = Source::of_directory(&server, "/?files=a.log*", id.as_deref());
    // In whatever order the files come.
    while lines.len() < ROUNDS + 2 {
        let event = source.next();
        if !event.kind.contains('/') {
            lines.push(event.data);
        }
    }
    assert_once(lines, ROUNDS + 1);
}

fn null(reason: &str) -> String {
    format!("{{\"reason\":{reason:?},\"etag\":null}}")
}

fn at(server: &Server, target: &str, reason: &str) -> String {
    format!(
        "{{\"reason\":{reason:?},\"etag\":{:?}}}",
        etag(server, target)
    )
}

#[test]
fn a_file_that_is_not_there_is_waited_for() {
    let dir = TempDir::new();
    dir.mkdir("d");
    dir.write("d/b.log", "1\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/d/?files=a%20b.log,b.log", None);
    source.expect_events(&[("b.log", "1"), ("a%20b.log/roll", &null("missing"))]);
    assert!(source.id.starts_with("-,"), "{}", source.id);
    dir.write("next", "one\ntwo");
    dir.rename("next", "d/a b.log");
    let notice = source.expect_kind("a%20b.log/roll");
    assert_eq!(notice, at(&server, "/d/a%20b.log", "created"));
    source.expect_events(&[("a%20b.log", "one")]);
    dir.append("d/b.log", "2\n");
    source.expect_events(&[("b.log", "2")]);
    dir.remove("d/a b.log");
    source.expect_events(&[
        ("a%20b.log/part", "two"),
        ("a%20b.log/roll", &null("unlinked")),
    ]);
    dir.append("d/b.log", "3\n");
    source.expect_events(&[("b.log", "3")]);
}

#[test]
fn truncated_replaced_and_sealed() {
    let dir = TempDir::with("a.log", "1\n");
    dir.write("b.log", "one\n");
    let server = Server::start(&dir);
    for query in ["a.log,b.log", "*.log"] {
        dir.write("next", "1\n");
        dir.rename("next", "a.log");
        let target = format!("/?files={query}&lines=1");
        let mut source = Source::of_directory(&server, &target, None);
        source.expect_events(&[("a.log", "1"), ("b.log", "one")]);
        dir.resize("a.log", 0);
        source.expect_kind("a.log/truncate");
        dir.append("a.log", "again\n");
        source.expect_events(&[("a.log", "again")]);
        dir.write("next", "next\nno end");
        dir.rename("next", "a.log");
        source.expect_kind("a.log/roll");
        source.expect_events(&[("a.log", "next")]);
        dir.chmod("a.log", 0o444);
        source.expect_events(&[("a.log/part", "no end")]);
        dir.chmod("a.log", 0o644);
    }
}

#[test]
fn a_client_goes_on_with_all_files_also_after_a_restart() {
    let dir = TempDir::with("a.log", "a1\na2\n");
    dir.write("b.log", "b1\n");
    for query in ["a.log,b.log,c.log", "*.log"] {
        let server = Server::start(&dir);
        let target = format!("/?files={query}");
        let mut source = Source::of_directory(&server, &format!("{target}&lines=1"), None);
        source.expect_events(&[("a.log", "a2"), ("b.log", "b1")]);
        let id = source.id.clone();
        drop((source, server));
        let server = Server::start(&dir);
        dir.append("a.log", "a3\n");
        let mut source = Source::of_directory(&server, &target, Some(&id));
        source.expect_events(&[("a.log", "a3")]);
        dir.append("b.log", "b2\n");
        source.expect_events(&[("b.log", "b2")]);
        // The same by the query; where to start does not count any more.
        let target = format!("{target}&lines=0&last-event-id={id}");
        let mut source = Source::of_directory(&server, &target, None);
        source.expect_events(&[("a.log", "a3"), ("b.log", "b2")]);
        dir.write("a.log", "a1\na2\n");
        dir.write("b.log", "b1\n");
    }
}

#[test]
fn new_files_that_fit_are_followed_from_their_start() {
    let dir = TempDir::with("old.log", "old 1\nold 2\n");
    dir.write("other", "nobody's\n");
    dir.mkdir("directory.log");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=*.log&from=end", None);
    // As soon as it is followed.
    assert!(source.block().starts_with("id: "));
    dir.write("new.log", "new 1\nnew 2\n");
    source.expect_events(&[("new.log", "new 1"), ("new.log", "new 2")]);
    dir.append("old.log", "old 3\n");
    source.expect_events(&[("old.log", "old 3")]);
    dir.append("other", "nobody's\n");
    dir.append("new.log", "new 3\n");
    source.expect_events(&[("new.log", "new 3")]);
}

#[test]
fn a_file_with_two_names_that_fit_is_followed_once() {
    let dir = TempDir::new();
    dir.mkdir("store");
    dir.mkdir("d");
    dir.write("store/file", "1\n");
    dir.symlink("../store/file", "d/a.log");
    dir.symlink("../store/file", "d/current.log");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/d/?files=*.log", None);
    source.expect_events(&[("a.log", "1")]);
    dir.append("store/file", "2\n");
    source.expect_events(&[("a.log", "2")]);
    dir.remove("d/a.log");
    // Nothing but what goes on under the other name.
    dir.append("store/file", "3\n");
    let mut next = source.next();
    while next.kind.ends_with("/roll") {
        next = source.next();
    }
    assert_eq!(next.data, "3");
    // By a list each name is followed.
    let mut source = Source::of_directory(&server, "/d/?files=current.log&lines=1", None);
    source.expect_events(&[("current.log", "3")]);
    dir.append("store/file", "4\n");
    source.expect_events(&[("current.log", "4")]);
}

#[test]
fn more_files_than_one_stream_follows() {
    let dir = TempDir::new();
    for number in 0..33u64 {
        dir.write(&format!("{number:02}.log"), format!("{number}\n"));
        dir.touch(&format!("{number:02}.log"), Duration::from_secs(number));
    }
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=*.log", None);
    let full = r#"{"followed":32,"left_out":1,"names":["32.log"]}"#;
    source.expect_events(&[("/full", full)]);
    let mut lines: Vec<String> = (0..32).map(|_| source.next().data).collect();
    lines.sort_by_key(|line| line.parse::<u32>().expect("a number"));
    assert_eq!(
        lines,
        (0..32).map(|number| number.to_string()).collect::<Vec<_>>()
    );
    // It comes when there is room.
    dir.remove("00.log");
    assert_eq!(source.expect_kind("00.log/roll"), null("unlinked"));
    source.expect_events(&[("32.log", "32")]);
    dir.append("05.log", "more\n");
    source.expect_events(&[("05.log", "more")]);
}

/// The newest are followed; one that has been idle for long gives way, and is not repeated when it comes back.
#[test]
fn the_newest_of_too_many_files_are_followed() {
    const DAY: Duration = Duration::from_secs(86_400);
    let dir = TempDir::new();
    for number in 0..40u32 {
        dir.write(&format!("{number:02}.log"), format!("{number}\n"));
        dir.touch(&format!("{number:02}.log"), DAY * (number + 1));
    }
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=*.log", None);
    let full = source.expect_kind("/full");
    assert!(
        full.contains("\"left_out\":8,\"names\":[\"32.log\""),
        "{full}"
    );
    let mut lines: Vec<String> = (0..32).map(|_| source.next().data).collect();
    lines.sort_by_key(|line| line.parse::<u32>().expect("a number"));
    assert_eq!(
        lines,
        (0..32).map(|number| number.to_string()).collect::<Vec<_>>()
    );
    // The oldest of all is written to: the oldest of those that are followed gives way.
    dir.append("39.log", "now\n");
    let full = source.expect_kind("/full");
    assert!(full.contains("\"names\":[\"31.log\","), "{full}");
    source.expect_events(&[("39.log", "39"), ("39.log", "now")]);
    dir.append("31.log", "again\n");
    source.expect_kind("/full");
    source.expect_events(&[("31.log", "again")]);
}

/// Patterns see every name, however many others there are.
#[test]
fn a_pattern_in_a_directory_of_very_many_entries() {
    let dir = TempDir::in_memory();
    dir.write("app.log", "1\n");
    for number in 0..9000 {
        std::fs::File::create(dir.join(format!("upload-{number}"))).expect("create");
    }
    dir.write("z.log", "z\n");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=*.log", None);
    let mut got: Vec<String> = (0..2).map(|_| source.next().data).collect();
    got.sort();
    assert_eq!(got, ["1", "z"]);
    dir.rename("app.log", "app.0");
    dir.append_new("app.log", "2\n");
    source.expect_kind("app.log/roll");
    source.expect_events(&[("app.log", "2")]);
    for number in 9000..10_000 {
        std::fs::File::create(dir.join(format!("upload-{number}"))).expect("create");
    }
    dir.write("new.log", "new\n");
    source.expect_events(&[("new.log", "new")]);
    // The entries of such a directory are cut, and what is there is never said to be gone.
    let mut entries = Source::of_directory(&server, "/", None);
    assert!(entries.expect_kind("list").contains("\"truncated\":true"));
    let name = |data: &str| data.split('"').nth(3).expect("a name").to_owned();
    let known: Vec<String> = (0..4096)
        .map(|_| name(&entries.expect_kind("create")))
        .collect();
    // The server looks at it again and again meanwhile.
    for round in 0..3 {
        dir.append("z.log", format!("{round}\n"));
        source.expect_events(&[("z.log", &round.to_string())]);
        dir.write(&format!("other-{round}"), "");
    }
    let victim = known
        .iter()
        .rfind(|name| name.starts_with("upload"))
        .expect("one");
    dir.remove(victim);
    let gone = loop {
        let event = entries.next();
        if event.kind == "remove" {
            break name(&event.data);
        }
    };
    assert_eq!(gone, *victim);
}

#[test]
fn lists_that_cannot_be_understood() {
    let dir = TempDir::with("a.log", "1\n");
    dir.mkdir("d");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
    for list in ["", ",", "a,", "a/b", "..%2fa", ".a", "a,a", &many.join(",")] {
        client.ask("GET", &format!("/?files={list}"), &[ACCEPT]);
        client.response().assert_error(400);
        client = Client::new(&server);
    }
    assert_comes_again(&client.get("/missing/?files=a", &[ACCEPT]));
    client.ask("GET", "/d?files=a.log,b&lines=3", &[ACCEPT]);
    let moved = client.response();
    assert_eq!(moved.status, 301);
    assert_eq!(moved.field("Location"), "/d/?files=a.log,b&lines=3");
    let head = client.head_of("/?files=a.log", &[ACCEPT]);
    assert_eq!(
        (head.status, head.field("Content-Type")),
        (200, "text/event-stream")
    );
    // Without the field it is the listing.
    assert_eq!(
        client.get("/?files=a.log", &[]).field("Content-Type"),
        "text/plain; charset=utf-8"
    );
}

#[test]
fn http_1_0_and_another_origin() {
    let dir = TempDir::with("a.log", "1\n");
    let server = Server::with(&dir, &["--cors", "https://example.org"]);
    let mut client = Client::new(&server);
    client.send(format!(
        "GET /?files=a.log HTTP/1.0\r\nOrigin: https://example.org\r\n{ACCEPT}\r\n\r\n"
    ));
    let head = client.head();
    assert_eq!((head.status, head.get("Transfer-Encoding")), (200, None));
    assert_eq!(
        head.field("Access-Control-Allow-Origin"),
        "https://example.org"
    );
    let id = etag(&server, "/a.log");
    let tag = &id[3..19];
    let check = Check::of(b"1\n");
    let expected =
        format!("retry: 1000\n\nid: {tag}-0\n\nid: {tag}-2-{check}\nevent: a.log\ndata: 1\n\n");
    let got = client.raw(expected.len());
    assert_eq!(String::from_utf8(got).expect("UTF-8"), expected);
    server.running.signal(Signal::TERM);
    assert_eq!(client.until_end(), (Vec::new(), Ending::Fin));
}

#[test]
fn the_end_of_the_server_is_the_end_of_all() {
    let dir = TempDir::with("a.log", "1\n");
    dir.write("b.log", "one\nunfin");
    let mut server = Server::start(&dir);
    let mut by_name = Source::of_directory(&server, "/?files=a.log,b.log,missing.log", None);
    let mut fitting = Source::of_directory(&server, "/?files=*.log", None);
    for source in [&mut by_name, &mut fitting] {
        source.expect_events(&[("a.log", "1"), ("b.log", "one")]);
    }
    dir.append("b.log", "ished\nnot");
    dir.append("a.log", "2\n");
    server.running.signal(Signal::TERM);
    for source in [&mut by_name, &mut fitting] {
        let mut last = [source.next().data, source.next().data];
        last.sort();
        assert_eq!(last, ["2", "unfinished"]);
        assert_eq!(source.client.rest().0, b"");
    }
    assert!(server.running.wait().success());
}

#[test]
fn a_token_for_the_directory_is_needed() {
    let dir = TempDir::new();
    dir.mkdir("d");
    dir.write("d/a.log", "1\n");
    let tokens = TempDir::with("tokens", "all /d/\none /d/a.log\n");
    let tokens = tokens.join("tokens");
    let server = Server::with(&dir, &["--token-file", tokens.to_str().expect("UTF-8")]);
    for target in [
        "/d/",
        "/d/?files=a.log",
        "/d/?files=*",
        "/d?files=a.log",
        "/?files=d",
    ] {
        for token in ["", "Authorization: Bearer one", "Authorization: Bearer no"] {
            let fields: Vec<&str> = [ACCEPT, token]
                .into_iter()
                .filter(|field| !field.is_empty())
                .collect();
            Client::new(&server).get(target, &fields).assert_error(401);
        }
    }
    for target in ["/d/", "/d/?files=a.log"] {
        let head = Client::new(&server).head_of(target, &[ACCEPT, "Authorization: Bearer all"]);
        assert_eq!(head.status, 200, "{target}");
    }
}

/// A line that is rolled before its end is told as a whole under the name that its file has then.
#[test]
fn a_line_that_is_rolled_before_its_end() {
    let dir = TempDir::with("a.log", "one\ntw");
    let server = Server::start(&dir);
    let mut source = Source::of_directory(&server, "/?files=a.log*", None);
    source.expect_events(&[("a.log", "one")]);
    dir.rename("a.log", "a.log.1");
    dir.append_new("a.log", "new\n");
    let mut kinds = Vec::new();
    loop {
        let event = source.next();
        if (&*event.kind, &*event.data) == ("a.log", "new") {
            break;
        }
        kinds.push(event.kind);
    }
    // The piece, and the roll that ends it.
    assert_eq!(kinds, ["a.log/part", "a.log/roll"]);
    dir.append("a.log.1", "o\nthree\n");
    source.expect_events(&[("a.log.1", "two"), ("a.log.1", "three")]);
}
