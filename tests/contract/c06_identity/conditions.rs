//! Who a file is, and what is answered on condition that it is that file.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::client::{Client, etag, get, head_of};
use crate::support::harness::{Server, TempDir, until};

const LONG_AGO: Duration = Duration::from_secs(100);

#[test]
fn the_tag_stays_while_the_file_stays() {
    let dir = TempDir::with("log", "x");
    let server = Server::start(&dir);
    let tag = etag(&server, "/log");
    type Deed = fn(&TempDir);
    let deeds: &[(&str, Deed)] = &[
        ("/log", |dir| dir.append("log", "more")),
        ("/log", |dir| dir.touch("log", LONG_AGO)),
        ("/log", |dir| dir.chmod("log", 0o600)),
        ("/log", |dir| dir.chmod("log", 0o444)),
        ("/other", |dir| dir.rename("log", "other")),
        ("/other", |dir| {
            std::fs::hard_link(dir.join("other"), dir.join("hard")).expect("link")
        }),
        ("/hard", |dir| dir.remove("other")),
    ];
    for (row, (target, deed)) in deeds.iter().enumerate() {
        deed(&dir);
        assert_eq!(etag(&server, target), tag, "row {row}");
        assert_eq!(
            get(&server, target, &["Range: bytes=0-0"]).field("ETag"),
            tag,
            "row {row}"
        );
    }
    drop(server);
    assert_eq!(etag(&Server::start(&dir), "/hard"), tag, "after a restart");
}

#[test]
fn files_have_different_tags() {
    let dir = TempDir::with("one", "x");
    dir.write("two", "x");
    let server = Server::start(&dir);
    assert_ne!(etag(&server, "/one"), etag(&server, "/two"));
    let tag = etag(&server, "/one");
    dir.rename("two", "one");
    assert_ne!(etag(&server, "/one"), tag, "replaced by a rename");
}

#[test]
fn a_304_is_given_only_when_nothing_can_have_been_appended() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    settle(&dir, "log");
    let head = head_of(&server, "/log", &[]);
    let (tag, date) = (head.field("ETag"), head.field("Last-Modified"));
    let (same_tag, other_tag) = (
        format!("If-None-Match: {tag}"),
        "If-None-Match: W/\"x\"".to_string(),
    );
    let list = format!("If-None-Match: \"a\", W/\"b,c\" ,{tag}");
    let same = format!("If-Modified-Since: {date}");
    let later = "If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT".to_string();
    let earlier = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT".to_string();
    let star = "If-None-Match: *".to_string();
    let bad = "If-Modified-Since: yesterday".to_string();
    let table: &[(&[&String], u16)] = &[
        (&[&same_tag, &same], 304),
        (&[&list, &same], 304),
        (&[&same], 304),
        (&[&star], 304),
        (&[&same_tag], 200),
        (&[&list], 200),
        (&[&same_tag, &later], 200),
        (&[&same_tag, &earlier], 200),
        (&[&same_tag, &bad], 200),
        (&[&other_tag, &same], 200),
        (&[&other_tag], 200),
        (&[&later], 200),
        (&[&earlier], 200),
        (&[&bad], 200),
    ];
    let mut client = Client::new(&server);
    for (conditions, status) in table {
        let conditions: Vec<&str> = conditions.iter().map(|line| line.as_str()).collect();
        let response = client.get("/log", &conditions);
        assert_eq!(response.status, *status, "{conditions:?}");
        assert_eq!(response.field("ETag"), tag);
        assert_eq!(
            client.head_of("/log", &conditions).status,
            *status,
            "HEAD {conditions:?}"
        );
    }
    // The second of the modification is not over: another write may follow in it.
    dir.append("log", "!");
    let now = client.head_of("/log", &[]);
    let same = format!("If-Modified-Since: {}", now.field("Last-Modified"));
    dir.touch("log", Duration::ZERO);
    let fresh = client.head_of("/log", &[]);
    let fresh = format!("If-Modified-Since: {}", fresh.field("Last-Modified"));
    for date in [&same, &fresh] {
        assert_eq!(client.get("/log", &[&same_tag, date]).status, 200, "{date}");
        assert_eq!(client.get("/log", &[date]).status, 200, "{date}");
    }
}

/// A file that was written late in a second is no older at the beginning of the next one.
#[test]
fn a_304_is_given_after_two_seconds_and_not_before() {
    let dir = TempDir::new();
    let server = Server::start(&dir);
    let part_of_second = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.expect("after 1970").subsec_millis()
    };
    until("the last tenth of a second", || {
        (part_of_second() >= 900).then_some(())
    });
    dir.write("log", "x");
    let modified = std::fs::metadata(dir.join("log")).and_then(|file| file.modified());
    let modified = modified.expect("a time");
    let mut client = Client::new(&server);
    let head = client.head_of("/log", &[]);
    let tag = format!("If-None-Match: {}", head.field("ETag"));
    let date = format!("If-Modified-Since: {}", head.field("Last-Modified"));
    until("the first 304", || {
        let status = client.head_of("/log", &[&tag, &date]).status;
        (status == 304).then_some(())
    });
    let age = modified.elapsed().expect("a time that is over");
    assert!(age >= Duration::from_secs(2), "{age:?}");
}

/// Waits until the second of the last change is over, of the content or of the time of modification: nothing can be written in
/// it any more.
fn settle(dir: &TempDir, name: &str) {
    until("the second of the change to be over", || {
        let file = std::fs::metadata(dir.join(name)).expect(name);
        let changed = UNIX_EPOCH + Duration::new(file.ctime() as u64, file.ctime_nsec() as u32);
        let age = changed.elapsed().unwrap_or_default();
        (age > Duration::from_secs(3)).then_some(())
    });
}

/// A client that got the file before a write in the same second has the date of the file, but not its bytes.
#[test]
fn a_304_is_not_given_for_a_date_that_was_sent_too_early() {
    let dir = TempDir::new();
    let server = Server::with(&dir, &["--threads", "2"]);
    let seconds = |name: &str| {
        let file = std::fs::metadata(dir.join(name)).expect(name);
        (file.mtime(), file.ctime())
    };
    for name in ["appended", "replaced", "same"] {
        let conditions = until("a response and a write in one second", || {
            dir.write(name, "first");
            let before = seconds(name);
            let head = get(&server, &format!("/{name}"), &[]).head;
            match name {
                "appended" => dir.append(name, "second"),
                "replaced" => {
                    dir.write("new", "second");
                    dir.rename("new", name);
                }
                _ => {}
            }
            (seconds(name) == before).then(|| {
                [
                    format!("If-None-Match: {}", head.field("ETag")),
                    format!("If-Modified-Since: {}", head.field("Last-Modified")),
                ]
            })
        });
        settle(&dir, name);
        let status = if name == "same" { 304 } else { 200 };
        let [tag, date] = &conditions;
        for conditions in [&[&**tag, date][..], &[date]] {
            for _ in 0..8 {
                let head = head_of(&server, &format!("/{name}"), conditions);
                assert_eq!(head.status, status, "{name} {conditions:?}");
            }
        }
    }
}

/// `cp -p`, `rsync -t`, `touch -r`, `tar x` and reproducible builds set the time of modification.
#[test]
fn a_304_is_not_given_for_a_time_that_was_set() {
    let dir = TempDir::with("log", "first");
    dir.touch("log", LONG_AGO);
    let server = Server::start(&dir);
    let head = head_of(&server, "/log", &[]);
    let tag = format!("If-None-Match: {}", head.field("ETag"));
    let date = format!("If-Modified-Since: {}", head.field("Last-Modified"));
    let time = std::fs::metadata(dir.join("log")).and_then(|file| file.modified());
    let time = time.expect("a time");
    let set = |name: &str| {
        let file = std::fs::File::options().append(true).open(dir.join(name));
        file.and_then(|file| file.set_modified(time)).expect(name);
    };
    // As `cp -p` over it: the same file, another content of another length.
    std::fs::write(dir.join("log"), "second, and longer").expect("write");
    set("log");
    settle(&dir, "log");
    for conditions in [&[&*tag, &date][..], &[&date]] {
        let response = get(&server, "/log", conditions);
        assert_eq!(response.status, 200, "{conditions:?}");
        assert_eq!(response.body, b"second, and longer");
        assert_eq!(head_of(&server, "/log", conditions).status, 200);
        // The time alone proves nothing, but it is what is told.
        assert_eq!(response.field("Last-Modified"), head.field("Last-Modified"));
    }
    // Another file with that time.
    dir.write("new", "third");
    set("new");
    dir.rename("new", "log");
    let response = get(&server, "/log", &[&date]);
    assert_eq!((response.status, response.body), (200, b"third".to_vec()));
}

/// Clients have the same tag and the same time from before and after the change. What one of them was sent, or was told by
/// HEAD, says nothing of what another has; nor does an answer of this server if the other client was here before its start.
#[test]
fn an_answer_to_one_client_does_not_vouch_for_the_copy_of_another() {
    let dir = TempDir::with("log", "first");
    dir.touch("log", LONG_AGO);
    let time = std::fs::metadata(dir.join("log")).and_then(|file| file.modified());
    let time = time.expect("a time");
    let server = Server::start(&dir);
    let early = get(&server, "/log", &[]);
    let tag = format!("If-None-Match: {}", early.field("ETag"));
    let date = format!("If-Modified-Since: {}", early.field("Last-Modified"));
    // As `rsync --inplace -t`: never shorter, so the tag stays.
    let file = std::fs::File::options().write(true).open(dir.join("log"));
    let mut file = file.expect("log");
    file.write_all(b"other").expect("write");
    file.set_modified(time).expect("set the time");
    // The change is over for whoever compares clocks.
    settle(&dir, "log");
    let assert_sent = |server: &Server, when: &str| {
        for range in ["X-None: 1", "Range: bytes=0-1"] {
            let late = get(server, "/log", &[range]);
            assert_eq!(late.field("ETag"), early.field("ETag"));
            assert_eq!(late.field("Last-Modified"), early.field("Last-Modified"));
            head_of(server, "/log", &[range]);
        }
        for conditions in [&[&*tag, &date][..], &[&date]] {
            let response = get(server, "/log", conditions);
            let seen = (response.status, response.body);
            assert_eq!(seen, (200, b"other".to_vec()), "{when}, {conditions:?}");
            assert_eq!(head_of(server, "/log", conditions).status, 200, "{when}");
        }
    };
    assert_sent(&server, "while the server runs");
    drop(server);
    assert_sent(&Server::start(&dir), "after a restart");
}

/// A file that is replaced within a second has the date of the one before it.
#[test]
fn a_date_in_if_range_never_matches() {
    let dir = TempDir::with("log", "AAAAAAAAAA");
    let server = Server::start(&dir);
    settle(&dir, "log");
    let date = head_of(&server, "/log", &[])
        .field("Last-Modified")
        .to_string();
    let condition = format!("If-Range: {date}");
    for range in ["Range: bytes=5-9", "Range: bytes=5-", "Range: bytes=99-"] {
        let response = get(&server, "/log", &[range, &condition]);
        assert_eq!((response.status, response.body.len()), (200, 10), "{range}");
    }
}

#[test]
fn an_append_within_the_second_of_the_last_answer_is_never_hidden() {
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for round in 0..100 {
        let head = client.head_of("/log", &[]);
        let tag = format!("If-None-Match: {}", head.field("ETag"));
        let date = format!("If-Modified-Since: {}", head.field("Last-Modified"));
        dir.append("log", "x");
        let response = client.get("/log", &[&tag, &date]);
        assert_eq!((response.status, response.body.len()), (200, round + 1));
    }
}

/// A file whose last modification is over, its tag and its date.
fn settled() -> (TempDir, Server, String, String) {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    settle(&dir, "log");
    let head = head_of(&server, "/log", &[]);
    let [tag, date] = ["ETag", "Last-Modified"].map(|name| head.field(name).to_string());
    (dir, server, tag, date)
}

fn assert_statuses(server: &Server, table: &[(&[String], u16)]) {
    let mut client = Client::new(server);
    for (conditions, status) in table {
        let conditions: Vec<&str> = conditions.iter().map(String::as_str).collect();
        let response = client.get("/log", &conditions);
        assert_eq!(response.status, *status, "{conditions:?}");
        if *status == 412 {
            response.assert_error(412);
        }
        assert_eq!(
            client.head_of("/log", &conditions).status,
            *status,
            "HEAD {conditions:?}"
        );
    }
}

const EARLY: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

#[test]
fn if_match_and_if_unmodified_since_are_preconditions() {
    let (_dir, server, tag, date) = settled();
    let table: &[(&[String], u16)] = &[
        (&[format!("If-Match: {tag}")], 200),
        (&["If-Match: *".into()], 200),
        (&[format!("If-Match: \"x\", {tag}")], 200),
        (&["If-Match: \"x\"".into(), format!("If-Match: {tag}")], 200),
        (&["If-Match: W/\"x\"".into()], 412),
        (&["If-Match: \"x\", \"y\"".into()], 412),
        (&[format!("If-Unmodified-Since: {date}")], 200),
        (&[format!("If-Unmodified-Since: {EARLY}")], 412),
        (&["If-Unmodified-Since: nonsense".into()], 200),
    ];
    assert_statuses(&server, table);
    get(&server, "/missing", &["If-Match: *"]).assert_error(404);
}

/// RFC 9110 section 13.1: what has no tag is there all the same, and `*` means whatever is there.
#[test]
fn conditions_of_pages_without_a_tag() {
    let dir = TempDir::with("log", "x");
    dir.mkdir("empty");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let pages = [
        ("/", ""),
        ("/", "Accept: application/json"),
        ("/empty/", ""),
        ("/log?generations", ""),
    ];
    let table = [
        ("If-None-Match: *", 304),
        ("If-None-Match: \"x\"", 200),
        ("If-Match: *", 200),
        ("If-Match: \"x\"", 412),
        ("If-Modified-Since: Fri, 31 Dec 9999 23:59:59 GMT", 200),
    ];
    for (target, accept) in pages {
        for (condition, status) in table {
            let fields: Vec<&str> = [accept, condition]
                .into_iter()
                .filter(|field| !field.is_empty())
                .collect();
            let response = client.get(target, &fields);
            assert_eq!(response.status, status, "{target} {fields:?}");
            assert_eq!(response.field("Cache-Control"), "no-store", "{target}");
            let head = client.head_of(target, &fields);
            assert_eq!(head.status, status, "HEAD {target} {fields:?}");
        }
    }
    for target in ["/missing", "/missing/", "/missing?generations"] {
        for condition in ["If-None-Match: *", "If-Match: *"] {
            client.get(target, &[condition]).assert_error(404);
        }
    }
    // Conditions say nothing to a method that does not select a representation (section 13.2.1).
    client.ask("OPTIONS", "/", &["If-None-Match: *"]);
    assert_eq!(client.response().status, 204);
}

#[test]
fn conditions_are_evaluated_in_the_order_of_rfc_9110() {
    let (_dir, server, tag, date) = settled();
    let table: &[(&[String], u16)] = &[
        // If-Match outranks If-Unmodified-Since, and both outrank the others.
        (
            &[
                format!("If-Match: {tag}"),
                format!("If-Unmodified-Since: {EARLY}"),
            ],
            200,
        ),
        (
            &[
                "If-Match: \"x\"".into(),
                format!("If-Unmodified-Since: {date}"),
            ],
            412,
        ),
        (&["If-Match: \"x\"".into(), "If-None-Match: *".into()], 412),
        (
            &[
                "If-Match: \"x\"".into(),
                format!("If-Modified-Since: {date}"),
            ],
            412,
        ),
        (&["If-Match: \"x\"".into(), "Range: bytes=4-".into()], 412),
        (&["If-None-Match: *".into(), "Range: bytes=4-".into()], 304),
        (
            &[format!("If-Match: {tag}"), "Range: bytes=4-5".into()],
            206,
        ),
        (
            &[
                format!("If-Match: {tag}"),
                format!("If-Range: {tag}"),
                "Range: bytes=4-5".into(),
            ],
            206,
        ),
        (
            &[
                "If-Match: \"x\"".into(),
                format!("If-Range: {tag}"),
                "Range: bytes=4-5".into(),
            ],
            412,
        ),
        // Without Range, If-Range says nothing.
        (&["If-Range: \"x\"".into()], 200),
    ];
    assert_statuses(&server, table);
}

#[test]
fn the_tag_is_a_position_in_the_stream_that_outlasts_appends() {
    let dir = TempDir::with("log", "one ");
    let server = Server::start(&dir);
    let tag = etag(&server, "/log");
    dir.append("log", "two");
    let fields = [
        "Range: bytes=4-",
        &format!("If-Match: {tag}"),
        &format!("If-Range: {tag}"),
    ];
    let mut client = Client::new(&server);
    client.tail("/log", &fields);
    assert_eq!(client.take(3), b"two");
    dir.write("new", "another file");
    dir.rename("new", "log");
    assert_eq!(client.rest().0, b"");
    let whole = client.get("/log", &["Range: bytes=4-", &format!("If-Range: {tag}")]);
    assert_eq!(
        (whole.status, whole.body.as_slice()),
        (200, b"another file".as_slice())
    );
    client
        .get("/log", &["Range: bytes=4-", &format!("If-Match: {tag}")])
        .assert_error(412);
}
