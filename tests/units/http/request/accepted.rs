//! What good heads mean.

use openrange::dialect::plain;
use openrange::http::accept::Accept;
use openrange::http::authorization::Credentials;
use openrange::http::conditional::{Conditions, ETag};
use openrange::http::host::Host;
use openrange::http::list_query::ListQuery;
use openrange::http::position::{Check, Position};
use openrange::http::range;
use openrange::http::request::{Method, Refusal, Request, RequestContext};
use openrange::http::target::Target;

use super::{accepted, refused, with_fields, with_line};

#[test]
fn request_lines() {
    // Method, target as it would be written again, HTTP/1.0.
    let table: &[(&[u8], &str, &str, bool)] = &[
        (b"GET / HTTP/1.1", "GET", "/", false),
        (b"GET /a/b.log HTTP/1.1", "GET", "/a/b.log", false),
        (b"HEAD /a HTTP/1.1", "HEAD", "/a", false),
        (b"GET /a HTTP/1.0", "GET", "/a", true),
        (b"GET /a?b=c HTTP/1.1", "GET", "/a", false),
        (b"GET http://a/b HTTP/1.1", "GET", "/b", false),
        (b"GET /b?{\\^`|} HTTP/1.1", "GET", "/b", false),
        (b"GET http://other:1/b?c HTTP/1.0", "GET", "/b", true),
        (b"OPTIONS http://a HTTP/1.1", "OPTIONS", "/", false),
        (b"OPTIONS * HTTP/1.1", "OPTIONS", "*", false),
        (b"OPTIONS /a HTTP/1.1", "OPTIONS", "/a", false),
        (b"GET /.hidden HTTP/1.1", "GET", "nowhere", false),
        (b"GET /a%2fb HTTP/1.1", "GET", "nowhere", false),
        (b"GET /a%20b%0a HTTP/1.1", "GET", "/a%20b%0A", false),
        // Of a higher minor version (RFC 9110 section 2.5).
        (b"GET /a HTTP/1.2", "GET", "/a", false),
        (b"GET /a HTTP/1.9", "GET", "/a", false),
        (b"HEAD /HTTP/1.2 HTTP/1.3", "HEAD", "/HTTP/1.2", false),
        // Other methods get 405, so their target is not understood.
        (b"get /a HTTP/1.1", "get", "none", false),
        (b"POST /a HTTP/1.1", "POST", "none", false),
        (b"CONNECT a:80 HTTP/1.1", "CONNECT", "none", false),
        (b"TRACE /%zz HTTP/1.1", "TRACE", "none", false),
        (b"PATCH /\xc3\xa9 HTTP/1.1", "PATCH", "none", false),
        (
            b"!#$%&'*+-.^_`|~0aZ / HTTP/1.1",
            "!#$%&'*+-.^_`|~0",
            "none",
            false,
        ),
        (
            b"VERSION-CONTROL-AND-MORE / HTTP/1.1",
            "VERSION-CONTROL-",
            "none",
            false,
        ),
        (b"\r\nGET /a HTTP/1.1", "GET", "/a", false),
        (b"\r\n\r\n\r\nGET /a HTTP/1.1", "GET", "/a", false),
    ];
    for (line, method, target, http10) in table {
        let request = accepted(&with_line(line));
        let what = line.escape_ascii();
        assert_eq!(request.method.name(), *method, "{what}");
        assert_eq!(request.http10, *http10, "{what}");
        let written = match &request.target {
            Some(Target::Path(path)) => path.to_string(),
            Some(Target::Asterisk) => "*".to_owned(),
            Some(Target::Nowhere) => "nowhere".to_owned(),
            None => "none".to_owned(),
        };
        assert_eq!(written, *target, "{what}");
        let reads = matches!(request.method, Method::Get | Method::Head);
        assert_eq!(
            request.path().is_some(),
            reads && target.starts_with('/'),
            "{what}"
        );
    }
}

#[test]
fn hosts() {
    for host in [
        "",
        "a",
        "A.b-c.example",
        "a:80",
        "a:",
        "127.0.0.1:8080",
        "[::1]",
        "[::1]:80",
        "a%20b",
        "_a~!$&'()*+;=",
    ] {
        accepted(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        accepted(format!("GET / HTTP/1.1\r\nhOsT:\t {host} \t\r\n\r\n").as_bytes());
    }
    // HTTP/1.0 knows none.
    accepted(b"GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn values_that_do_not_matter() {
    let fields: [&[u8]; 8] = [
        b"X:",
        b"X: \xff\x80",
        b"X: a\tb",
        b"X:a",
        b"X: \t a \t ",
        b"X: a\r\nX: b",
        b"!#$%&'*+-.^_`|~09azAZ: a",
        b"Expect: 100-continue",
    ];
    let plain = accepted(&with_fields(b"X: y"));
    for fields in fields {
        assert_eq!(
            accepted(&with_fields(fields)),
            plain,
            "{}",
            fields.escape_ascii()
        );
    }
}

#[test]
fn keep_alive() {
    // Version, fields, whether the connection may stay.
    let table = [
        ("1.1", "X: y", true),
        ("1.1", "Connection: close", false),
        ("1.1", "Connection: Close", false),
        ("1.1", "Connection: keep-alive", true),
        ("1.1", "Connection: keep-alive, close", false),
        ("1.1", "Connection: TE\r\nConnection: close", false),
        ("1.1", "Connection: , ,close\t,", false),
        ("1.1", "Connection: closed", true),
        ("1.1", "Connection: not-close", true),
        ("1.1", "Connection: \"close\"", true),
        ("1.1", "Connection:", true),
        ("1.2", "X: y", true),
        ("1.2", "Connection: close", false),
        ("1.0", "X: y", false),
        ("1.0", "Connection: keep-alive", true),
        ("1.0", "Connection: Keep-Alive", true),
        ("1.0", "Connection: TE, keep-alive", true),
        ("1.0", "Connection: close, keep-alive", false),
        ("1.0", "Connection: keep-alive\r\nConnection: close", false),
        ("1.0", "Keep-Alive: timeout=5", false),
        // A body would be read as a request, so nothing is read behind it.
        ("1.1", "Content-Length: 0", true),
        ("1.1", "Content-Length: 000", true),
        ("1.1", "Content-Length: 1", false),
        ("1.1", "Content-Length: 0001", false),
        ("1.1", "Content-Length: 18446744073709551616", false),
        (
            "1.1",
            "Content-Length: 99999999999999999999999999999999999999",
            false,
        ),
        ("1.1", "Content-Length: 1\r\nExpect: 100-continue", false),
        ("1.1", "Transfer-Encoding: chunked", false),
        ("1.1", "Transfer-Encoding: CHUNKED", false),
        ("1.1", "transfer-encoding:\t chunked \t", false),
        ("1.0", "Connection: keep-alive\r\nContent-Length: 0", true),
        ("1.0", "Connection: keep-alive\r\nContent-Length: 1", false),
    ];
    for (version, fields, expected) in table {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let head = format!("{method} / HTTP/{version}\r\nHost: a\r\n{fields}\r\n\r\n");
            assert_eq!(accepted(head.as_bytes()).keep_alive, expected, "{head}");
        }
    }
}

#[test]
fn trailers() {
    let table = [
        ("1.1", "TE: trailers", true),
        ("1.1", "TE: Trailers", true),
        ("1.1", "TE: gzip;q=0.5, trailers", true),
        ("1.1", "TE: gzip\r\nTE: trailers", true),
        ("1.1", "TE: gzip", false),
        ("1.1", "TE:", false),
        ("1.1", "TE: trailersx", false),
        ("1.1", "Trailer: trailers", false),
        ("1.0", "TE: trailers", false),
    ];
    for (version, fields, expected) in table {
        let head = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n\r\n");
        assert_eq!(accepted(head.as_bytes()).trailers, expected, "{head}");
    }
}

fn subscribes(request: Request) -> bool {
    plain::parse(request).subscribes()
}

/// Whether the query says where the response starts.
fn starts_within(request: &Request) -> bool {
    plain::intent(request).start().is_some()
}

#[test]
fn ranges() {
    // Method, fields, the value that counts; whether it may become a tail.
    let table = [
        ("GET", "Range: bytes=0-", Some("bytes=0-"), true),
        ("GET", "range:bytes=0-1,5-", Some("bytes=0-1,5-"), false),
        (
            "GET",
            "Range: bytes=5-999999999999",
            Some("bytes=5-999999999999"),
            true,
        ),
        ("GET", "Range: bytes=5-9", Some("bytes=5-9"), false),
        ("HEAD", "Range: bytes=0-", Some("bytes=0-"), false),
        ("GET", "Range: bytes=x-", None, false),
        ("GET", "Range: lines=0-", None, false),
        ("GET", "Range:", None, false),
        ("GET", "Range: bytes=0-\r\nRange: bytes=0-", None, false),
        ("OPTIONS", "Range: bytes=0-", None, false),
        ("POST", "Range: bytes=0-", None, false),
    ];
    for (method, fields, value, may_tail) in table {
        let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let request = accepted(head.as_bytes());
        assert_eq!(
            request.range,
            value.and_then(|value| range::parse(value.as_bytes())),
            "{head}"
        );
        assert_eq!(request.range.is_some(), value.is_some(), "{head}");
        assert_eq!(subscribes(request), may_tail, "{head}");
    }
}

#[test]
fn events() {
    // Method, fields, whether events are wanted.
    let table = [
        ("GET", "Accept: text/event-stream", true),
        ("HEAD", "accept:TEXT/event-Stream", true),
        (
            "GET",
            "Accept: text/html, text/event-stream;q=0.001, */*",
            true,
        ),
        (
            "GET",
            "Accept: text/html\r\nAccept: text/event-stream ; charset=utf-8",
            true,
        ),
        ("GET", "Accept: text/event-stream;q=0", false),
        ("GET", "Accept: text/event-stream; x=y ;Q=0.000", false),
        ("GET", "Accept: */*", false),
        ("GET", "Accept: text/*", false),
        ("GET", "Accept: text/event-stream2", false),
        ("GET", "Accept: application/json;a=text/event-stream", false),
        ("GET", "Accept:", false),
        ("OPTIONS", "Accept: text/event-stream", false),
        ("POST", "Accept: text/event-stream", false),
    ];
    for (method, fields, expected) in table {
        let head = format!("{method} /f HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let request = accepted(head.as_bytes());
        assert_eq!(request.events, expected, "{head}");
        assert_eq!(subscribes(request), expected && method == "GET", "{head}");
    }
}

#[test]
fn starts() {
    // Target, fields, whether the query says where the answer starts, and whether that may be a tail.
    let table = [
        ("/f?lines=3", "X: y", true, true),
        ("/f?from=end", "X: y", true, true),
        ("/f?from=end", "Range: bytes=0-", true, true),
        ("/f?lines=3", "Range: bytes=5-999999999999", true, true),
        ("/f?lines=3", "Range: bytes=0-5", false, false),
        ("/f?lines=3", "Range: bytes=-5", false, false),
        ("/f?lines=3", "Range: bytes=0-,7-", false, false),
        (
            "/f?lines=3",
            "Range: bytes=0-5\r\nAccept: text/event-stream",
            true,
            true,
        ),
        ("/f?lines=3", "Range: lines=0-5", true, true),
        ("/f?x=y", "X: y", false, false),
        ("/.hidden?lines=3", "X: y", false, false),
    ];
    for (target, fields, starts, may_tail) in table {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        let request = accepted(head.as_bytes());
        assert_eq!(
            (starts_within(&request), subscribes(request)),
            (starts, may_tail),
            "{head}"
        );
    }
    // Nobody else's query is looked at.
    for method in ["OPTIONS", "POST"] {
        let head = format!("{method} /f?lines=x HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(!starts_within(&accepted(head.as_bytes())));
    }
}

#[test]
fn positions() {
    let ours = Position::new(ETag(0x12), 34);
    let other = Position { offset: 5, ..ours };
    // Query, fields, the position that counts.
    let table = [
        ("", "X: y", None),
        ("", "Last-Event-ID: 0000000000000012-34", Some(ours)),
        ("", "last-event-id:0000000000000012-34 ", Some(ours)),
        ("", "Last-Event-ID: 17", None),
        ("", "Last-Event-ID:", None),
        (
            "",
            "Last-Event-ID: 0000000000000012-34\r\nLast-Event-ID: 0000000000000012-34",
            None,
        ),
        ("?last-event-id=0000000000000012-5", "X: y", Some(other)),
        (
            "?last-event-id=0000000000000012-5",
            "Last-Event-ID: 0000000000000012-34",
            Some(ours),
        ),
        (
            "?last-event-id=0000000000000012-5",
            "Last-Event-ID: \"x\"",
            Some(other),
        ),
    ];
    for (query, fields, expected) in table {
        let head = format!("GET /f{query} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n");
        assert_eq!(
            accepted(head.as_bytes())
                .positions
                .and_then(|all| all.only().map(|place| place.at)),
            expected,
            "{head}"
        );
    }
}

#[test]
fn files() {
    for (target, count, query) in [
        ("/d/", None, None),
        ("/d/?files=a,b", Some(2), Some("files=a,b")),
        (
            "/d/?x=y&files=*.log&lines=3",
            Some(1),
            Some("x=y&files=*.log&lines=3"),
        ),
        ("/d?files=a%2Cb%2Cc", Some(3), Some("files=a%2Cb%2Cc")),
    ] {
        for method in ["GET", "HEAD"] {
            let request = accepted(&with_line(format!("{method} {target} HTTP/1.1").as_bytes()));
            assert_eq!(request.files.map(|files| files.len()), count, "{target}");
            assert_eq!(request.query.as_deref(), query, "{target}");
        }
    }
    let request = accepted(&with_line(b"POST /d/?files=a/b HTTP/1.1"));
    assert_eq!(request.files, None);
    for list in ["", "a/b", "a,a", ".a"] {
        let line = format!("GET /d/?files={list} HTTP/1.1");
        let wrong = Refusal::Malformed(
            "malformed files= in the query: expected up to 32 different visible names or patterns; slashes need **",
        );
        refused(&with_line(line.as_bytes()), wrong);
    }
}

#[test]
fn only_a_path_may_have_a_tail() {
    let table = [
        ("GET", "/a", true),
        ("GET", "/", true),
        ("GET", "/.hidden", false),
        ("GET", "/%2ehidden", false),
        ("GET", "/a%2fb", false),
        ("HEAD", "/a", false),
        ("OPTIONS", "*", false),
        ("POST", "/a", false),
    ];
    for (method, target, may_tail) in table {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n");
        assert_eq!(subscribes(accepted(head.as_bytes())), may_tail, "{head}");
    }
}

#[test]
fn conditions() {
    let of = |fields: &[u8]| accepted(&with_fields(fields)).conditions;
    let value = |text: &str| Some(text.as_bytes().into());
    assert_eq!(of(b"X: y"), Conditions::default());
    let all = Conditions {
        if_match: value("W/\"a\""),
        if_unmodified_since: value("b"),
        if_none_match: value("\"c\", \"d\""),
        if_modified_since: value("e"),
        if_range: value("f"),
        if_bytes_before: Check::parse(b"89abcdef"),
    };
    let fields = b"if-match:W/\"a\" \r\nIf-Unmodified-Since: b\r\nIF-NONE-MATCH: \"c\"\r\nIf-Modified-Since: e\r\n\
        If-None-Match: \"d\"\r\nIf-Range: f\r\nif-bytes-before:  89abcdef";
    assert_eq!(of(fields), all);
    // What is no list becomes invalid when it is repeated, so that it cannot match.
    let twice = of(b"If-Modified-Since: e\r\nIf-Modified-Since: e\r\nIf-Range: f\r\nIf-Range: f");
    assert_eq!(twice.if_modified_since, value("e, e"));
    assert_eq!(twice.if_range, value("f, f"));
    assert_eq!(of(b"If-Match:").if_match, value(""));
}

#[test]
fn everything_at_once() {
    let head = b"\r\nGET http://a/b/../c%20d/?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\n\
        Range: bytes=3-\r\nprefer: a, wait=7\r\nPrefer: wait=8\r\nauthorization: bearer t=\r\nIf-Range: \"x\"\r\nAccept: */*\r\nACCEPT:text/html;q=0.5\r\n\r\n";
    let mut accept = Accept::default();
    accept.add(b"*/*");
    accept.add(b"text/html;q=0.5");
    let expected = Request {
        write: None,
        method: Method::Get,
        target: Some(openrange::http::target::decode(b"/c%20d/").unwrap()),
        host: Host::Name("a".into()),
        http10: false,
        keep_alive: false,
        trailers: true,
        range: range::parse(b"bytes=3-"),
        conditions: Conditions {
            if_range: Some(b"\"x\"".as_slice().into()),
            ..Conditions::default()
        },
        credentials: Credentials::Token(b"t=".as_slice().into()),
        accept,
        wait: Some(7),
        view: false,
        events: false,
        positions: None,
        files: None,
        list: ListQuery::default(),
        query: Some("q".into()),
        start: None,
        generation: None,
        generations: false,
        unread: None,
        is_page: false,
        context: RequestContext::default(),
    };
    assert_eq!(accepted(head), expected);
}
