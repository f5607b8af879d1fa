//! The requests of a follower, whole: what they ask for, and under which conditions.

use openrange::client::before::Before;
use openrange::client::pause::Pause;
use openrange::client::requests::Requests;
use openrange::http::etag::ETag;
use openrange::http::position::{CHECKED, Check};
use openrange::time::Moment;

use std::time::Duration;

const AGENT: &str = concat!("User-Agent: openrange/", env!("CARGO_PKG_VERSION"));

/// The request line and the field lines without those that all of them have.
fn parts(request: &[u8]) -> (String, Vec<String>) {
    let text = str::from_utf8(request).expect("ASCII");
    let head = text.strip_suffix("\r\n\r\n").expect("an empty line");
    let mut lines = head.split("\r\n").map(str::to_owned);
    let line = lines.next().expect("a request line");
    let fields: Vec<String> = lines.collect();
    let common = ["Host: h:8", AGENT, "Authorization: Bearer x"];
    assert_eq!(fields[..3], common);
    (line, fields[3..].to_vec())
}

#[test]
fn requests() {
    let requests = Requests::new("/d/a.log", "h:8", "Authorization: Bearer x\r\n");
    let tag = ETag(0xab);
    let check = Check::of(b"abc");
    let before = format!("If-Bytes-Before: {check}");
    let rows: [(Vec<u8>, &str, Vec<&str>); 8] = [
        (
            requests.tail(tag, 3, Some(check)),
            "GET /d/a.log HTTP/1.1",
            vec![
                "Range: bytes=3-",
                "If-Match: W/\"00000000000000ab\"",
                &before,
                "TE: trailers",
                "Connection: TE",
            ],
        ),
        (
            requests.tail(tag, 0, None),
            "GET /d/a.log HTTP/1.1",
            vec![
                "Range: bytes=0-",
                "If-Match: W/\"00000000000000ab\"",
                "TE: trailers",
                "Connection: TE",
            ],
        ),
        (
            requests.measure(tag),
            "HEAD /d/a.log HTTP/1.1",
            vec!["If-Match: W/\"00000000000000ab\""],
        ),
        (
            requests.locate(tag),
            "HEAD /d/a.log?generation=00000000000000ab HTTP/1.1",
            vec![],
        ),
        (
            requests.slice(tag, 3, 10, Some(check)),
            "GET /d/a.log?generation=00000000000000ab HTTP/1.1",
            vec!["Range: bytes=3-9", &before],
        ),
        (
            requests.reason(tag),
            "GET /d/a.log?generation=00000000000000ab HTTP/1.1",
            vec!["Range: bytes=0-0"],
        ),
        (
            requests.list(),
            "GET /d/a.log?generations HTTP/1.1",
            vec!["Accept: application/json"],
        ),
        (
            requests.last_lines(7),
            "HEAD /d/a.log?lines=7 HTTP/1.1",
            vec![],
        ),
    ];
    for (request, line, fields) in rows {
        let fields = fields.into_iter().map(str::to_owned).collect();
        assert_eq!(parts(&request), (line.to_owned(), fields));
    }
}

#[test]
fn compressed_copies() {
    let requests = Requests::new("/d/a.log", "h", "");
    for (location, compressed) in [
        ("/d/a.log.1.gz", true),
        ("/d/a.log-20260101.xz", true),
        ("/d/a.log.1", false),
        ("/d/a.log", false),
        ("/d/b.log.1.gz", false),
    ] {
        assert_eq!(requests.is_compressed(location), compressed, "{location}");
    }
}

#[test]
fn pauses_double_up_to_the_longest() {
    let seconds = Duration::from_secs;
    let mut pause = Pause::new((seconds(1), seconds(5)));
    let now = Moment(1000);
    let begin = |pause: &mut Pause| pause.begin(now).0 - now.0;
    let pauses: Vec<u64> = (0..5).map(|_| begin(&mut pause)).collect();
    assert_eq!(pauses, [1000, 2000, 4000, 5000, 5000]);
    pause.reset();
    assert_eq!((begin(&mut pause), begin(&mut pause)), (1000, 2000));
}

/// It is that of the bytes before the offset, in whatever pieces these came; there is none of too few.
#[test]
fn the_check_of_what_was_read() {
    let log: Vec<u8> = (0..200).collect();
    for offset in [1, 5, CHECKED - 1, CHECKED, CHECKED + 1, 200] {
        for piece in [1, 7, CHECKED, 200] {
            for waiting in [0, 1, 5] {
                let read = &log[..offset - waiting.min(offset)];
                let mut before = Before::default();
                read.chunks(piece).for_each(|piece| before.add(piece));
                let check = before.check(offset as u64, &log[read.len()..offset]);
                assert_eq!(check, Some(Check::of(&log[..offset])), "{offset} {piece}");
            }
        }
    }
    let mut before = Before::default();
    before.add(&log[100..100 + CHECKED - 1]);
    assert_eq!(before.check(163, &[]), None, "one byte too few");
    assert_eq!(
        before.check(164, &log[163..164]),
        Some(Check::of(&log[..164]))
    );
    assert_eq!(Before::default().check(0, &[]), None, "nothing to compare");
}
