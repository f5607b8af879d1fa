//! Open-ended ranges: what a tail delivers, in which forms it is asked for, and when a file is complete instead.

use crate::support::client::{Client, Ending, get, head_of};
use crate::support::harness::{Server, TempDir, pattern};

const OPEN_END: &str = "9007199254740991";

#[test]
fn a_tail_gives_what_is_there_and_every_append() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let head = client.tail("/log", &["Range: bytes=4-"]);
    assert_eq!(head.field("Content-Range"), format!("bytes 4-{OPEN_END}/*"));
    assert_eq!(head.field("Cache-Control"), "no-store");
    assert_eq!(head.field("X-Accel-Buffering"), "no");
    assert_eq!(head.field("Accept-Ranges"), "bytes");
    assert_eq!(
        head.field("ETag"),
        head_of(&server, "/log", &[]).field("ETag")
    );
    assert!(head.get("Last-Modified").is_some());
    assert_eq!(head.get("Trailer"), None, "nobody asked for it");
    assert_eq!(client.take(6), b"456789");
    // Each one is waited for before the next: a record that is held back for others would never come.
    for number in 0..200 {
        let record = format!("record {number}\n");
        dir.append("log", &record);
        assert_eq!(client.take(record.len()), record.as_bytes());
    }
}

#[test]
fn a_tail_from_the_very_end_has_its_head_at_once() {
    for contents in ["", "0123456789"] {
        let dir = TempDir::with("log", contents);
        let server = Server::start(&dir);
        let size = contents.len();
        let mut client = Client::new(&server);
        let head = client.tail("/log", &[&format!("Range: bytes={size}-")]);
        assert_eq!(
            head.field("Content-Range"),
            format!("bytes {size}-{OPEN_END}/*")
        );
        dir.append("log", "new");
        assert_eq!(client.take(3), b"new");
        let beyond = format!("Range: bytes={}-", size + 4);
        get(&server, "/log", &[&beyond]).assert_error(416);
    }
}

#[test]
fn a_long_backlog_comes_whole_and_is_followed_by_appends() {
    let contents = pattern(5 << 20);
    let dir = TempDir::with("log", &contents);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=1-"]);
    dir.append("log", "live");
    assert!(client.take((5 << 20) - 1) == contents[1..]);
    assert_eq!(client.take(4), b"live");
}

#[test]
fn writes_of_any_kind_are_followed() {
    use std::os::unix::fs::FileExt;
    let dir = TempDir::with("log", "");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-"]);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(dir.join("log"))
        .expect("open");
    file.write_all_at(b"pwrite", 0).expect("pwrite");
    assert_eq!(client.take(6), b"pwrite");
    file.set_len(8).expect("ftruncate");
    assert_eq!(client.take(2), b"\0\0", "grown by ftruncate");
    let mut source = std::fs::File::open("/proc/self/cmdline").expect("open");
    let count = std::io::copy(&mut source, &mut dir.open("log")).expect("copy");
    assert_eq!(client.take(count as usize).len(), count as usize);
    file.write_all_at(b"!", 0).expect("pwrite");
    dir.append("log", "end");
    assert_eq!(
        client.take(3),
        b"end",
        "what was delivered is not sent again"
    );
}

#[test]
fn http_1_0_gets_the_bare_bytes() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    for keep_alive in ["", "Connection: keep-alive\r\n"] {
        let mut client = Client::new(&server);
        client.send(format!(
            "GET /log HTTP/1.0\r\n{keep_alive}Range: bytes=8-\r\nTE: trailers\r\n\r\n"
        ));
        let head = client.head();
        assert_eq!(head.status, 206);
        assert_eq!(head.field("Connection"), "close");
        assert_eq!(head.field("Content-Range"), format!("bytes 8-{OPEN_END}/*"));
        for absent in ["Transfer-Encoding", "Content-Length", "Trailer"] {
            assert_eq!(head.get(absent), None);
        }
        assert_eq!(client.raw(2), b"89");
        dir.append("log", "more");
        assert_eq!(client.raw(4), b"more");
        dir.append("log", "last");
        dir.remove("log");
        assert_eq!(client.until_end(), (b"last".to_vec(), Ending::Fin));
        dir.write("log", "0123456789");
    }
}

#[test]
fn a_very_large_end_is_a_tail_and_is_echoed_digit_for_digit() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let long = "9".repeat(300);
    let zeros = format!("{}9007199254740991", "0".repeat(40));
    let ends = [
        "999999999999",
        "1000000000000",
        OPEN_END,
        "18446744073709551615",
        "18446744073709551616",
        &long,
        &zeros,
    ];
    for end in ends {
        let mut client = Client::new(&server);
        let head = client.head_of("/log", &[&format!("Range: bytes=2-{end}")]);
        assert_eq!(head.status, 206, "{end}");
        assert_eq!(
            head.field("Content-Range"),
            format!("bytes 2-{end}/*"),
            "HEAD"
        );
        assert_eq!(head.get("Content-Length"), None, "{end}");
        let head = client.tail("/log", &[&format!("Range: bytes=2-{end}")]);
        assert_eq!(head.field("Content-Range"), format!("bytes 2-{end}/*"));
        assert_eq!(client.take(8), b"23456789");
        dir.append("log", "+");
        assert_eq!(client.take(1), b"+");
        dir.resize("log", 10);
    }
}

#[test]
fn a_large_end_is_finite_if_the_file_reaches_it_or_it_is_not_very_large() {
    let dir = TempDir::with("small", "0123456789");
    dir.write("vast", "");
    // Sparse; where the file system has no such sizes there is nothing to see.
    let vast = std::fs::OpenOptions::new()
        .write(true)
        .open(dir.join("vast"));
    let vast = vast.expect("open").set_len(1_000_000_000_001);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let response = client.get("/small", &["Range: bytes=8-999999999998"]);
    assert_eq!(
        (response.status, response.body.as_slice()),
        (206, b"89".as_slice())
    );
    assert_eq!(response.field("Content-Range"), "bytes 8-9/10");
    if vast.is_err() {
        return eprintln!("skipped: no file of 1 TB here");
    }
    let head = client.head_of("/vast", &["Range: bytes=999999999990-999999999999"]);
    assert_eq!(
        head.field("Content-Range"),
        "bytes 999999999990-999999999999/1000000000001"
    );
    assert_eq!(head.field("Content-Length"), "10");
    let head = client.tail("/vast", &["Range: bytes=1000000000000-1000000000002"]);
    assert_eq!(
        head.field("Content-Range"),
        "bytes 1000000000000-1000000000002/*"
    );
    assert_eq!(client.take(1), b"\0");
}

#[test]
fn head_of_an_open_end_tells_what_is_there_now() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    let table = [
        ("bytes=0-", Some("bytes 0-9/*".to_string())),
        ("bytes=9-", Some("bytes 9-9/*".to_string())),
        ("bytes=10-", Some(format!("bytes 10-{OPEN_END}/*"))),
        ("bytes=11-", None),
    ];
    for (range, content_range) in table {
        let head = client.head_of("/log", &[&format!("Range: {range}")]);
        match content_range {
            Some(expected) => {
                assert_eq!(
                    (head.status, head.field("Content-Range")),
                    (206, expected.as_str())
                );
                assert_eq!(head.field("Cache-Control"), "no-store");
                assert_eq!(head.field("X-Accel-Buffering"), "no");
            }
            None => assert_eq!(
                (head.status, head.field("Content-Range")),
                (416, "bytes */10")
            ),
        }
    }
    let ignored = client.get("/log", &["Range: lines=0-"]);
    assert_eq!(
        (ignored.status, ignored.body.len()),
        (200, 10),
        "the connection is still in step"
    );
}

#[test]
fn a_sealed_file_is_complete() {
    let dir = TempDir::with("log", "0123456789");
    dir.chmod("log", 0o444);
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for range in [
        "bytes=4-",
        "bytes=4-9007199254740991",
        "bytes=4-99999999999999999999999",
    ] {
        let field = format!("Range: {range}");
        let response = client.get("/log", &[&field]);
        assert_eq!(
            (response.status, response.body.as_slice()),
            (206, b"456789".as_slice()),
            "{range}"
        );
        let head = client.head_of("/log", &[&field]);
        for head in [&response.head, &head] {
            assert_eq!(head.field("Content-Range"), "bytes 4-9/10", "{range}");
            assert_eq!(head.field("Content-Length"), "6", "{range}");
            assert_eq!(head.field("Cache-Control"), "no-cache", "{range}");
            assert_eq!(head.get("X-Accel-Buffering"), None, "{range}");
        }
    }
    for range in ["bytes=10-", "bytes=10-9007199254740991", "bytes=11-"] {
        let response = client.get("/log", &[&format!("Range: {range}")]);
        response.assert_error(416);
        assert_eq!(response.field("Content-Range"), "bytes */10");
    }
    // One write bit is enough to be alive, whosever it is.
    for mode in [0o464, 0o446, 0o644] {
        dir.chmod("log", mode);
        client.tail("/log", &["Range: bytes=4-"]);
        assert_eq!(client.take(6), b"456789");
        dir.chmod("log", 0o444);
        assert_eq!(client.rest().0, b"", "{mode:o}");
    }
}

#[test]
fn the_range_of_another_method_is_ignored() {
    let dir = TempDir::with("log", "0123456789");
    let server = Server::start(&dir);
    let mut client = Client::new(&server);
    for (method, status) in [("OPTIONS", 204), ("DELETE", 405), ("get", 405)] {
        client.ask(method, "/log", &["Range: bytes=4-"]);
        let response = client.response();
        assert_eq!(response.status, status, "{method}");
        assert_eq!(response.get("Content-Range"), None, "{method}");
    }
}

#[test]
fn a_tail_for_if_range_needs_a_matching_validator() {
    let dir = TempDir::with("log", "0123456789");
    dir.touch("log", std::time::Duration::from_secs(100));
    let server = Server::start(&dir);
    let head = head_of(&server, "/log", &[]);
    let (tag, date) = (head.field("ETag"), head.field("Last-Modified"));
    let strong = tag.trim_start_matches("W/");
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=4-", &format!("If-Range: {tag}")]);
    assert_eq!(client.take(6), b"456789");
    let others = [
        date,
        "W/\"other\"",
        "\"\"",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "nonsense",
        "*",
        head.field("Date"),
    ];
    for validator in others {
        for range in ["bytes=4-", "bytes=4-5", "bytes=40-"] {
            let fields = [format!("Range: {range}"), format!("If-Range: {validator}")];
            let response = get(&server, "/log", &fields.each_ref().map(String::as_str));
            assert_eq!(
                (response.status, response.body.len()),
                (200, 10),
                "{validator} {range}"
            );
            assert_eq!(response.get("Content-Range"), None);
        }
    }
    let response = get(
        &server,
        "/log",
        &["Range: bytes=4-5", &format!("If-Range: {strong}")],
    );
    assert!(
        [200, 206].contains(&response.status),
        "a strong spelling of the tag is not promised anything"
    );
}

#[test]
fn tails_of_one_file_begin_where_each_of_them_wants() {
    let contents = pattern(300);
    let dir = TempDir::with("log", &contents);
    let server = Server::with(&dir, &["--threads", "2"]);
    let mut clients: Vec<_> = (0..30)
        .map(|number| {
            let mut client = Client::new(&server);
            client.tail("/log", &[&format!("Range: bytes={}-", number * 10)]);
            client
        })
        .collect();
    dir.append("log", "more");
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.take(300 - number * 10), contents[number * 10..]);
        assert_eq!(client.take(4), b"more");
    }
}

#[test]
fn a_tail_works_over_a_unix_socket() {
    let dir = TempDir::with("log", "one");
    let socket = TempDir::new();
    let mut command = crate::support::harness::openrange(&[
        "--listen",
        &format!("unix:{}", socket.join("s").display()),
    ]);
    command.arg(dir.path());
    let server = Server::launch(command);
    let mut client = Client::new(&server);
    client.tail("/log", &["Range: bytes=0-", "TE: trailers"]);
    assert_eq!(client.take(3), b"one");
    dir.append("log", "two");
    dir.remove("log");
    let (body, trailers) = client.rest();
    assert_eq!(body, b"two");
    assert_eq!(trailers, [("Tail-End".to_string(), "unlinked".to_string())]);
    client.get("/log", &[]).assert_error(404);
}
