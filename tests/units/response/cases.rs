//! Single answers: what was asked, what is there, what is said.

use openrange::dialect::plain;
use openrange::http::authorization::Challenge;
use openrange::http::date::Date;
use openrange::http::request::Request;
use openrange::limits::COPY_MAX;
use openrange::resource::{DirectoryPage, FileInfo, Resource};
use openrange::response::{Body, respond};
use openrange::subscription::beginning::Subject;

use super::parsed::ParsedResponse;
use super::{MODIFIED, MODIFIED_TEXT, NOW, NOW_TEXT, TEXT, answered, file, info, now, request};

/// A body in short.
fn body(body: &Body) -> String {
    match body {
        Body::Nothing => "-".to_owned(),
        Body::Page(page) => format!("page of {}", page.len()),
        Body::Slice(range) => format!("{}-{}", range.start, range.end),
        Body::Parts(parts) => format!("{} parts", parts.len() - 1),
        Body::Tail {
            at,
            chunked,
            trailers,
            ..
        } => format!("tail {at} {chunked} {trailers}"),
        Body::Events {
            path,
            subject: Subject::File(from) | Subject::Earlier(from),
            chunked,
            begun,
        } => format!("events of {path} from {from} {chunked} {begun}"),
        Body::Events {
            path,
            subject,
            chunked,
            begun,
        } => format!("events of {path}: {subject:?} {chunked} {begun}"),
    }
}

#[test]
fn ranges() {
    const LIVE: bool = false;
    const SEALED: bool = true;
    // Line, fields, sealed; status, Content-Range, body, of a file of 10 bytes.
    type Row<'a> = (&'a str, &'a [&'a str], bool, u16, Option<&'a str>, &'a str);
    let table: &[Row<'_>] = &[
        ("GET /f", &[], LIVE, 200, None, "0-10"),
        ("HEAD /f", &[], LIVE, 200, None, "-"),
        (
            "GET /f",
            &["Range: bytes=2-4"],
            LIVE,
            206,
            Some("bytes 2-4/10"),
            "2-5",
        ),
        (
            "GET /f",
            &["Range: bytes=2-99"],
            LIVE,
            206,
            Some("bytes 2-9/10"),
            "2-10",
        ),
        (
            "GET /f",
            &["Range: bytes=-3"],
            LIVE,
            206,
            Some("bytes 7-9/10"),
            "7-10",
        ),
        (
            "HEAD /f",
            &["Range: bytes=2-4"],
            LIVE,
            206,
            Some("bytes 2-4/10"),
            "-",
        ),
        (
            "GET /f",
            &["Range: bytes=10-11"],
            LIVE,
            416,
            Some("bytes */10"),
            "-",
        ),
        (
            "GET /f",
            &["Range: bytes=11-"],
            LIVE,
            416,
            Some("bytes */10"),
            "-",
        ),
        (
            "HEAD /f",
            &["Range: bytes=11-"],
            LIVE,
            416,
            Some("bytes */10"),
            "-",
        ),
        (
            "GET /f",
            &["Range: bytes=0-1,1-2"],
            LIVE,
            206,
            Some("bytes 0-2/10"),
            "0-3",
        ),
        (
            "GET /f",
            &["Range: bytes=0-1,5-6"],
            LIVE,
            206,
            None,
            "2 parts",
        ),
        ("HEAD /f", &["Range: bytes=0-1,5-6"], LIVE, 206, None, "-"),
        ("GET /f", &["Range: lines=0-1"], LIVE, 200, None, "0-10"),
        // Tails.
        (
            "GET /f",
            &["Range: bytes=4-"],
            LIVE,
            206,
            Some("bytes 4-9007199254740991/*"),
            "tail 4 true false",
        ),
        (
            "GET /f",
            &["Range: bytes=10-"],
            LIVE,
            206,
            Some("bytes 10-9007199254740991/*"),
            "tail 10 true false",
        ),
        (
            "GET /f",
            &["Range: bytes=4-", "TE: trailers"],
            LIVE,
            206,
            Some("bytes 4-9007199254740991/*"),
            "tail 4 true true",
        ),
        (
            "GET /f",
            &["Range: bytes=4-0001000000000000"],
            LIVE,
            206,
            Some("bytes 4-0001000000000000/*"),
            "tail 4 true false",
        ),
        (
            "HEAD /f",
            &["Range: bytes=4-"],
            LIVE,
            206,
            Some("bytes 4-9/*"),
            "-",
        ),
        (
            "HEAD /f",
            &["Range: bytes=10-"],
            LIVE,
            206,
            Some("bytes 10-9007199254740991/*"),
            "-",
        ),
        (
            "HEAD /f",
            &["Range: bytes=4-999999999999"],
            LIVE,
            206,
            Some("bytes 4-999999999999/*"),
            "-",
        ),
        (
            "GET /f",
            &["Range: bytes=4-"],
            SEALED,
            206,
            Some("bytes 4-9/10"),
            "4-10",
        ),
        (
            "GET /f",
            &["Range: bytes=4-999999999999"],
            SEALED,
            206,
            Some("bytes 4-9/10"),
            "4-10",
        ),
        (
            "HEAD /f",
            &["Range: bytes=4-"],
            SEALED,
            206,
            Some("bytes 4-9/10"),
            "-",
        ),
        (
            "GET /f",
            &["Range: bytes=10-"],
            SEALED,
            416,
            Some("bytes */10"),
            "-",
        ),
        // If-Range.
        (
            "GET /f",
            &["Range: bytes=4-", "If-Range: \"x\""],
            LIVE,
            200,
            None,
            "0-10",
        ),
        (
            "GET /f",
            &["Range: bytes=99-", "If-Range: \"x\""],
            LIVE,
            200,
            None,
            "0-10",
        ),
        (
            "GET /f",
            &["Range: bytes=4-5", "If-Range: \"0123456789abcdef\""],
            LIVE,
            206,
            Some("bytes 4-5/10"),
            "4-6",
        ),
        (
            "GET /f",
            &["Range: bytes=4-", "If-Range: W/\"0123456789abcdef\""],
            LIVE,
            206,
            Some("bytes 4-9007199254740991/*"),
            "tail 4 true false",
        ),
        ("GET /f", &["If-Range: \"x\""], LIVE, 200, None, "0-10"),
        // Other conditions come before the range.
        (
            "GET /f",
            &["Range: bytes=99-", "If-Match: \"x\""],
            LIVE,
            412,
            None,
            "-",
        ),
        (
            "GET /f",
            &["Range: bytes=4-", "If-None-Match: *"],
            LIVE,
            304,
            None,
            "-",
        ),
        (
            "GET /f",
            &["If-None-Match: W/\"0123456789abcdef\""],
            LIVE,
            200,
            None,
            "0-10",
        ),
        // Ignored with other methods.
        ("OPTIONS /f", &["Range: bytes=4-5"], LIVE, 204, None, "-"),
        ("POST /f", &["Range: bytes=4-5"], LIVE, 405, None, "-"),
    ];
    for (line, fields, sealed, code, range, follows) in table {
        let answer = answered(line, fields, &file(10, *sealed));
        let response = ParsedResponse::of(&answer);
        let what = format!("{line} {fields:?}, sealed {sealed}");
        assert_eq!(response.status, *code, "{what}");
        assert_eq!(response.get("Content-Range"), *range, "{what}");
        assert_eq!(body(&answer.body), *follows, "{what}");
    }
}

#[test]
fn an_empty_file() {
    for (fields, code, follows) in [
        (&[][..], 200, "0-0"),
        (&["Range: bytes=0-0"], 416, "-"),
        (&["Range: bytes=-1"], 416, "-"),
        (&["Range: bytes=0-"], 206, "tail 0 true false"),
        (&["Range: bytes=1-"], 416, "-"),
    ] {
        let answer = answered("GET /f", fields, &file(0, false));
        assert_eq!(answer.status.code(), code, "{fields:?}");
        assert_eq!(body(&answer.body), follows, "{fields:?}");
    }
    assert_eq!(
        ParsedResponse::of(&answered("GET /f", &[], &file(0, false))).get("Content-Length"),
        Some("0")
    );
}

#[test]
fn http_1_0_gets_the_bare_bytes() {
    let parsed = request(
        "GET /f",
        "1.0",
        &["Connection: keep-alive", "Range: bytes=4-", "TE: trailers"],
    );
    // Also if a request were to say what an HTTP/1.0 one cannot.
    let asked = Request {
        trailers: true,
        ..parsed
    };
    let answer = respond(&plain::parse(asked), &file(10, false), true, now());
    assert_eq!(body(&answer.body), "tail 4 false false");
    let response = ParsedResponse::of(&answer);
    assert_eq!(response.get("Connection"), Some("close"));
    assert_eq!(response.get("Transfer-Encoding"), None);
    assert_eq!(response.get("Trailer"), None);
    assert!(!answer.keep_alive);
}

#[test]
fn what_is_no_file() {
    // Resource; status, and the text of GET.
    let table = [
        (Resource::Listing(page(b"<p>", None)), 200, "<p>"),
        (
            Resource::NeedsSlash,
            301,
            "a directory: its name ends with a slash\n",
        ),
        (Resource::Missing, 404, "no such file\n"),
        (Resource::Forbidden, 403, "not a readable regular file\n"),
        (
            Resource::Busy,
            503,
            "too many open files, try again later\n",
        ),
        (
            Resource::Unauthorized(Challenge::Missing),
            401,
            "this needs a token: send Authorization: Bearer TOKEN\n",
        ),
        (
            Resource::Unauthorized(Challenge::Invalid),
            401,
            "this token is not valid here\n",
        ),
        (
            Resource::Failed,
            500,
            "the file system failed, see the server's log\n",
        ),
    ];
    for (found, code, text) in table {
        // Neither ranges nor conditions say anything of them; but a list is there, with no tag that could match.
        let (none, matches) = match found {
            Resource::Listing(_) => ("If-None-Match: \"x\"", "If-Match: *"),
            _ => ("If-None-Match: *", "If-Match: \"x\""),
        };
        let fields = ["Range: bytes=0-", none, matches];
        let answer = answered("GET /f", &fields, &found);
        let response = ParsedResponse::of(&answer);
        assert_eq!(
            (response.status, response.text.as_slice()),
            (code, text.as_bytes())
        );
        let head = answered("HEAD /f", &fields, &found);
        assert_eq!(
            ParsedResponse::of(&head).get("Content-Length"),
            Some(text.len().to_string().as_str())
        );
    }
    let list = Resource::Listing(page(b"<p>", None));
    let other = answered("GET /f", &["If-Match: \"x\""], &list);
    assert_eq!(ParsedResponse::of(&other).status, 412);
    let unwanted = answered("GET /f", &["If-None-Match: *"], &list);
    assert_eq!(ParsedResponse::of(&unwanted).status, 304);
    let nowhere = answered("GET /.f", &[], &file(10, false));
    assert_eq!(ParsedResponse::of(&nowhere).text, b"no such file\n");
}

#[test]
fn locations() {
    for (target, location) in [
        ("/d", "/d/"),
        ("/a/d?q", "/a/d/?q"),
        ("/d?a/../b?c&d", "/d/?a/../b?c&d"),
        ("//evil.example", "/evil.example/"),
        ("http://b/d", "/d/"),
        ("/a%20%22%0d%0aX:y", "/a%20%22%0D%0AX%3Ay/"),
        ("/%C3%A9", "/%C3%A9/"),
    ] {
        let answer = answered(&format!("GET {target}"), &[], &Resource::NeedsSlash);
        assert_eq!(
            ParsedResponse::of(&answer).get("Location"),
            Some(location),
            "{target}"
        );
    }
}

#[test]
fn events() {
    const FROM: &str = "0123456789abcdef";
    // Last-Event-ID, where the query starts, what is there; the body.
    let file = |start| {
        let info = FileInfo {
            start,
            ..info(10, false)
        };
        Resource::File { file: (), info }
    };
    let table = [
        (
            "",
            file(None),
            format!("events of /f from {FROM}-0 true 36"),
        ),
        (
            "",
            file(Some(4)),
            format!("events of /f from {FROM}-4 true 36"),
        ),
        (
            "0123456789abcdef-3",
            file(Some(4)),
            format!("events of /f from {FROM}-3 true 36"),
        ),
        (
            "0123456789abcdef-10",
            file(None),
            format!("events of /f from {FROM}-10 true 37"),
        ),
        // Behind the notice of a truncation.
        (
            "0123456789abcdef-11",
            file(None),
            format!("events of /f from {FROM}-0 true 116"),
        ),
        // In an earlier file first.
        (
            "0000000000000001-3",
            file(None),
            "events of /f from 0000000000000001-3 true 36".to_owned(),
        ),
        (
            "0000000000000001-3",
            Resource::Missing,
            "events of /f from 0000000000000001-3 true 36".to_owned(),
        ),
        ("", Resource::Missing, "-".to_owned()),
        ("0000000000000001-3", Resource::Forbidden, "-".to_owned()),
        ("0000000000000001-3", Resource::NeedsSlash, "-".to_owned()),
    ];
    for (position, found, expected) in table {
        let position = format!("Last-Event-ID: {position}");
        let answer = answered("GET /f", &["Accept: text/event-stream", &position], &found);
        assert_eq!(body(&answer.body), expected);
        if let Body::Events { begun, .. } = answer.body {
            let text = ParsedResponse::of(&answer).text;
            let chunk = format!("{begun:x}\r\n");
            assert!(text.starts_with(chunk.as_bytes()));
            assert_eq!(text.len(), chunk.len() + begun as usize + 2);
        }
    }
}

#[test]
fn events_of_a_directory() {
    const EVENTS: &str = "Accept: text/event-stream";
    const PLACE: &str = "Last-Event-ID: 0123456789abcdef-3";
    const PLACES: &str = "Last-Event-ID: 0123456789abcdef-3,-";
    // Line, version, the client's place, what is there; status, what is followed, and in chunks.
    type Row<'a> = (
        &'a str,
        &'a str,
        &'a str,
        Resource<()>,
        u16,
        Option<(&'a str, bool)>,
    );
    let table: &[Row<'_>] = &[
        (
            "GET /d/",
            "1.1",
            "",
            Resource::Directory,
            200,
            Some(("Entries", true)),
        ),
        (
            "GET /d/",
            "1.0",
            "",
            Resource::Directory,
            200,
            Some(("Entries", false)),
        ),
        ("HEAD /d/", "1.1", "", Resource::Directory, 200, None),
        (
            "GET /d/?files=a,b",
            "1.1",
            "",
            Resource::Directory,
            200,
            Some(("Files", true)),
        ),
        (
            "GET /d/?files=*",
            "1.1",
            PLACE,
            Resource::Directory,
            200,
            Some(("Files", true)),
        ),
        (
            "HEAD /d/?files=a",
            "1.0",
            "",
            Resource::Directory,
            200,
            None,
        ),
        ("GET /d/?files=a", "1.1", "", Resource::Missing, 200, None),
        ("GET /d/", "1.1", "", Resource::Missing, 200, None),
        // Who comes again waits; but behind an event of a file there is no directory.
        (
            "GET /d/",
            "1.1",
            "Last-Event-ID: -",
            Resource::Missing,
            200,
            Some(("Entries", true)),
        ),
        ("GET /d/", "1.1", PLACE, Resource::Missing, 200, None),
        (
            "GET /d/?files=a",
            "1.1",
            PLACE,
            Resource::Missing,
            200,
            Some(("Files", true)),
        ),
        (
            "GET /d/?files=a,b",
            "1.1",
            PLACES,
            Resource::Missing,
            200,
            Some(("Files", true)),
        ),
        (
            "GET /d/?files=a",
            "1.1",
            PLACE,
            Resource::Forbidden,
            403,
            None,
        ),
    ];
    for (line, version, place, found, status, expected) in table {
        let request = request(line, version, &[EVENTS, place]);
        let answer = respond(&plain::parse(request), found, true, now());
        let what = format!("{line} HTTP/{version} {place}");
        assert_eq!(answer.status.code(), *status, "{what}");
        let followed = match &answer.body {
            Body::Events {
                path,
                subject,
                chunked,
                begun,
            } => {
                assert_eq!((path.to_string().as_str(), *begun), ("/d/", 13), "{what}");
                Some((subject.clone(), *chunked))
            }
            _ => None,
        };
        let followed = followed.map(|(subject, chunked)| match subject {
            Subject::Entries => ("Entries", chunked),
            Subject::Files { .. } => ("Files", chunked),
            Subject::File(_) | Subject::Earlier(_) => ("File", chunked),
        });
        assert_eq!(followed, *expected, "{what}");
        let response = ParsedResponse::of(&answer);
        if *status == 200 {
            assert_eq!(
                response.get("Content-Type"),
                Some("text/event-stream"),
                "{what}"
            );
            assert_eq!(response.get("Vary"), Some("Accept"), "{what}");
        }
    }
    // The query goes with the client.
    let moved = answered(
        "GET /d?files=a,b&lines=3",
        &[EVENTS, PLACE],
        &Resource::NeedsSlash,
    );
    let location = ParsedResponse::of(&moved)
        .get("Location")
        .map(str::to_owned);
    assert_eq!(location.as_deref(), Some("/d/?files=a,b&lines=3"));
}

#[test]
fn a_modification_in_the_future_is_told_as_now() {
    for (modified, told) in [
        (MODIFIED, MODIFIED_TEXT),
        (NOW, NOW_TEXT),
        (NOW + 1, NOW_TEXT),
        (NOW + 99_999, NOW_TEXT),
    ] {
        let info = FileInfo {
            modified: Date::from_seconds(modified).into(),
            changed: Date::from_seconds(modified),
            ..info(10, false)
        };
        for fields in [
            &[][..],
            &["Range: bytes=0-"],
            &["Range: bytes=0-1,3-4"],
            &["Range: bytes=99-"],
        ] {
            let answer = answered("GET /f", fields, &Resource::File { file: (), info });
            assert_eq!(
                ParsedResponse::of(&answer).get("Last-Modified"),
                Some(told),
                "{fields:?}"
            );
        }
    }
}

#[test]
fn media_types_are_passed_on() {
    for media in [TEXT, "application/gzip"] {
        let info = FileInfo {
            media,
            ..info(10, false)
        };
        for fields in [&[][..], &["Range: bytes=0-"], &["Range: bytes=0-1"]] {
            let answer = answered("GET /f", fields, &Resource::File { file: (), info });
            assert_eq!(
                ParsedResponse::of(&answer).get("Content-Type"),
                Some(media),
                "{fields:?}"
            );
        }
    }
}

#[test]
fn summaries() {
    let table: [(&[&str], &str); 7] = [
        (&[], "200 OK, 10 bytes"),
        (&["Range: bytes=1-3"], "206 Partial Content, 3 bytes"),
        (&["Range: bytes=1-3,5-6"], "206 Partial Content, 5 bytes"),
        (&["Range: bytes=7-"], "206 Partial Content, tail from 7"),
        (&["Range: bytes=11-"], "416 Range Not Satisfiable"),
        (&["If-Match: \"x\""], "412 Precondition Failed"),
        (&["Accept: text/event-stream"], "200 OK, events from 0"),
    ];
    for (fields, expected) in table {
        let answer = answered("GET /f", fields, &file(10, false));
        assert_eq!(answer.summary().to_string(), expected);
    }
}

fn page(body: &[u8], next: Option<&str>) -> DirectoryPage {
    DirectoryPage {
        body: body.into(),
        media: "a/b",
        next: next.map(str::to_owned),
    }
}

/// HEAD of a list says what GET would, but for what is known only when the list is made.
#[test]
fn the_head_of_a_list_is_made_without_the_list() {
    let head = ResponseParts::of("HEAD /d/", &Resource::ListingHead("text/html"));
    let long = vec![b'x'; COPY_MAX + 1];
    for size in [COPY_MAX, COPY_MAX + 1] {
        let mut page = page(&long[..size], Some("/d/?after=x"));
        page.media = "text/html";
        let get = ResponseParts::of("GET /d/", &Resource::Listing(page));
        let only_get = [
            ("Content-Length".to_owned(), size.to_string()),
            ("Link".to_owned(), "</d/?after=x>; rel=\"next\"".to_owned()),
        ];
        let left_out = |field: &&(String, String)| !only_get.contains(field);
        let fields: Vec<_> = get.fields.iter().filter(left_out).collect();
        let (coding, others) = head.fields.split_last().expect("fields");
        assert_eq!(coding.0, "Transfer-Encoding");
        assert_eq!(others.iter().collect::<Vec<_>>(), fields);
        assert_eq!(get.fields.len(), fields.len() + 2);
        // What is long is not copied.
        let expected = match size > COPY_MAX {
            true => (0, format!("page of {size}")),
            false => (size, "-".to_owned()),
        };
        assert_eq!((get.text, get.body), expected);
    }
    assert_eq!((head.text, &*head.body), (0, "-"));
}

struct ResponseParts {
    fields: Vec<(String, String)>,
    text: usize,
    body: String,
}

impl ResponseParts {
    fn of(line: &str, found: &Resource<()>) -> ResponseParts {
        let answer = answered(line, &[], found);
        let parsed = ParsedResponse::of(&answer);
        ResponseParts {
            fields: parsed.fields.clone(),
            text: parsed.text.len(),
            body: body(&answer.body),
        }
    }
}

/// A name may contain anything; text and JSON are no documents.
#[test]
fn no_script_runs_in_a_listing() {
    for (media, confined) in [
        ("text/html; charset=utf-8", true),
        (TEXT, false),
        ("application/json", false),
    ] {
        let page = DirectoryPage {
            media,
            ..page(b"..", None)
        };
        for found in [Resource::Listing(page), Resource::ListingHead(media)] {
            let response = ParsedResponse::of(&answered("GET /d/", &[], &found));
            let policy = response.get("Content-Security-Policy");
            assert_eq!(policy.is_some(), confined, "{media}");
            assert!(policy.is_none_or(|policy| policy.starts_with("default-src 'none';")));
        }
    }
}

#[test]
fn a_page_of_a_listing_says_what_it_is_and_where_the_next_one_is() {
    for (next, link) in [
        (None, None),
        (Some("/d/?after=x"), Some("</d/?after=x>; rel=\"next\"")),
    ] {
        let found = Resource::Listing(page(b"..", next));
        for (target, fields) in [("GET /d/", &[][..]), ("HEAD /", &["Accept: text/html"])] {
            let response = ParsedResponse::of(&answered(target, fields, &found));
            assert_eq!(response.get("Vary"), Some("Accept"));
            assert_eq!(response.get("Content-Type"), Some("a/b"));
            assert_eq!(response.get("Link"), link);
        }
    }
    let json = &["Accept: application/json"];
    // What has one form does not vary, and what may not be seen tells nothing.
    let response = ParsedResponse::of(&answered("GET /f", json, &file(1, false)));
    assert_eq!(
        (response.get("Vary"), response.get("Content-Type")),
        (None, Some(TEXT))
    );
    let hidden = Resource::Unauthorized(Challenge::Missing);
    assert_eq!(
        ParsedResponse::of(&answered("GET /d/", json, &hidden)).get("Vary"),
        None
    );
}
