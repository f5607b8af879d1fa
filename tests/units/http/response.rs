//! `http::response` and `http::response_body`: what a strict reader makes of the responses of servers.

use openrange::http::date::Date;
use openrange::http::etag::ETag;
use openrange::http::response::{ContentRange, Framing, ResponseHead, parse, tag};
use openrange::http::response_body::{Body, Chunks, Piece, field};
use openrange::limits::HEAD_MAX;

fn now() -> Date {
    Date::from_seconds(100)
}

fn head(fields: &str) -> Result<ResponseHead, &'static str> {
    let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    let (head, length) =
        parse(format!("{text}more").as_bytes(), false, now())?.expect("a whole head");
    assert_eq!(length, text.len());
    Ok(head)
}

fn with(field: &str) -> ResponseHead {
    head(&format!("{field}\r\n")).unwrap_or_else(|why| panic!("{field}: {why}"))
}

#[test]
fn fields() {
    let plain = ResponseHead {
        status: 200,
        framing: Framing::UntilClose,
        keep_alive: true,
        etag: None,
        range: None,
        length: None,
        retry_after: None,
        successor: None,
        location: "".into(),
        media: "".into(),
        coded: false,
    };
    assert_eq!(head(""), Ok(plain.clone()));
    assert_eq!(with("X-Etag: W/\"0000000000000007\""), plain);
    for (text, etag) in [
        ("W/\"0123456789abcdef\"", Some(0x0123_4567_89ab_cdef)),
        ("\"0123456789abcdef\"", None),
        ("W/\"0123456789ABCDEF\"", None),
        ("W/\"0123456789abcde\"", None),
        ("W/\"00123456789abcdef\"", None),
        ("W/\"+123456789abcdef\"", None),
        ("W/0123456789abcdef", None),
    ] {
        assert_eq!(
            with(&format!("etag:  {text} ")).etag,
            etag.map(ETag),
            "{text}"
        );
        assert_eq!(tag(text), etag.map(ETag));
    }
    for (field, coded) in [
        ("Content-Encoding: gzip", true),
        ("Content-Encoding: br, gzip", true),
        ("content-encoding: Identity", false),
        ("Content-Encoding:", false),
        ("Transfer-Encoding: chunked", false),
    ] {
        assert_eq!(with(field).coded, coded, "{field}");
    }
    assert_eq!(with("Retry-After: 30").retry_after, Some(30));
    assert_eq!(with("Retry-After: 4294967296").retry_after, Some(u32::MAX));
    assert_eq!(with("Retry-After: +30").retry_after, None);
    assert_eq!(&*with("Content-Location: /log.1").location, "/log.1");
    assert_eq!(
        &*with("Content-Type: Text/HTML ; charset=x").media,
        "text/html"
    );
    for (option, kept) in [
        ("close", false),
        ("Close, TE", false),
        ("te ,  CLOSE", false),
        ("keep-alive", true),
        ("closed", true),
    ] {
        assert_eq!(
            with(&format!("Connection: {option}")).keep_alive,
            kept,
            "{option}"
        );
    }
    for (options, kept) in [
        ("", false),
        ("Connection: TE\r\n", false),
        ("Connection: x, Keep-Alive\r\n", true),
        ("Connection: keep-alive, close\r\n", false),
    ] {
        let text = format!("HTTP/1.0 200 OK\r\n{options}\r\n");
        let (head, _) = parse(text.as_bytes(), false, now())
            .expect(options)
            .expect("whole");
        assert_eq!(head.keep_alive, kept, "{options}");
    }
}

#[test]
fn ranges() {
    let slice = |first, last, size| Some(ContentRange::Slice { first, last, size });
    for (text, expected) in [
        ("bytes 0-0/1", slice(0, 0, 1)),
        ("bytes 3-9/10", slice(3, 9, 10)),
        ("bytes 3-9/11", slice(3, 9, 11)),
        (
            "bytes 3-2/*",
            Some(ContentRange::Open { first: 3, last: 2 }),
        ),
        ("bytes */7", Some(ContentRange::Unsatisfied { size: 7 })),
        ("bytes 3-9/9", None),
        ("bytes 4-3/9", None),
        ("bytes */*", None),
        ("bytes 3/9", None),
        ("bytes 3-9", None),
        ("bytes 3-+9/10", None),
        ("bytes  3-9/10", None),
        ("bytes 3-9/", None),
        ("bytes -9/10", None),
        ("items 3-9/10", None),
    ] {
        let found = head(&format!("Content-Range: {text}\r\n")).map(|head| head.range);
        assert_eq!(found.ok().flatten(), expected, "{text}");
    }
    assert!(head("Content-Range: bytes 0-0/1\r\nContent-Range: bytes 0-0/1\r\n").is_err());
}

#[test]
fn links() {
    let next = "rel=\"successor-version\"";
    let seven = "</log?generation=0000000000000007>";
    for (value, expected) in [
        (format!("{seven}; {next}"), Some(7)),
        (format!("{seven};rel=successor-version"), Some(7)),
        (format!("{seven}; title=\"x\"; {next}"), Some(7)),
        (format!("</a>; rel=\"prev\", {seven}; {next}"), Some(7)),
        (
            format!(
                "</a?generation=0000000000000001>; rel=\"prev\", {seven}; {next}, </b>; rel=\"up\""
            ),
            Some(7),
        ),
        (
            format!("</log?a=b&generation=0000000000000007&c>; {next}"),
            Some(7),
        ),
        (
            format!("{seven}; {next}, </log?generation=0000000000000008>; {next}"),
            Some(7),
        ),
        (format!("{seven}; rel=\"prev\""), None),
        (format!("{seven}; rev=\"successor-version\""), None),
        (format!("</log?generation=7>; {next}"), None),
        (format!("</log>; {next}"), None),
        (format!("</log?generation=0000000000000007; {next}"), None),
        (seven.to_owned(), None),
        (String::new(), None),
    ] {
        assert_eq!(
            with(&format!("Link: {value}")).successor,
            expected.map(ETag),
            "{value}"
        );
    }
    let two = head(&format!(
        "Link: {seven}; {next}\r\nLink: </log?generation=0000000000000008>; {next}\r\n"
    ));
    assert_eq!(two.map(|head| head.successor), Ok(Some(ETag(7))));
}

/// RFC 9112 section 6.3.
#[test]
fn framings() {
    let of = |status: u16, fields: &str, to_head: bool| {
        let text = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
        let read = parse(text.as_bytes(), to_head, now());
        read.map(|head| head.expect("whole").0.framing)
    };
    let (length, chunked) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    for (status, fields, framing) in [
        (200, "", Framing::UntilClose),
        (200, length, Framing::Length(5)),
        (404, chunked, Framing::Chunked),
        (200, "transfer-encoding: CHUNKED\r\n", Framing::Chunked),
        (199, length, Framing::Empty),
        (204, length, Framing::Empty),
        (304, length, Framing::Empty),
        (205, length, Framing::Length(5)),
        (
            200,
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            Framing::Length(5),
        ),
    ] {
        assert_eq!(of(status, fields, false), Ok(framing), "{status} {fields}");
        assert_eq!(of(status, fields, true), Ok(Framing::Empty), "to HEAD");
    }
    for fields in [
        "Content-Length: 5\r\nContent-Length: 6\r\n".to_owned(),
        "Content-Length: +5\r\n".into(),
        "Content-Length: 5, 5\r\n".into(),
        "Content-Length: \r\n".into(),
        "Content-Length: 18446744073709551616\r\n".into(),
        format!("{length}{chunked}"),
        format!("{chunked}{chunked}"),
        "Transfer-Encoding: gzip, chunked\r\n".into(),
        "Transfer-Encoding: identity\r\n".into(),
    ] {
        assert!(of(200, &fields, false).is_err(), "{fields}");
    }
}

#[test]
fn what_is_no_head() {
    for wrong in [
        "SSH-2.0\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
    ] {
        assert!(parse(wrong.as_bytes(), false, now()).is_err(), "{wrong}");
    }
    assert_eq!(
        parse(b"HTTP/1.1 200 OK\r\nA: b\r\n", false, now()),
        Ok(None)
    );
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1000));
    assert!(parse(many.as_bytes(), false, now()).is_err());
    let begun = |length: usize| {
        let start = "HTTP/1.1 200 OK\r\nA: ";
        parse(
            format!("{start}{}", "x".repeat(length - start.len())).as_bytes(),
            false,
            now(),
        )
    };
    assert_eq!(begun(HEAD_MAX - 1), Ok(None));
    assert!(begun(HEAD_MAX).is_err());
}

/// Content, trailers, how many bytes a body took, and whether it ended.
type Read = (String, Vec<String>, usize, bool);

fn body(framing: Framing, text: &str) -> Result<Read, &'static str> {
    let mut body = Body::new(framing);
    let (mut content, mut trailers, mut at) = (String::new(), Vec::new(), 0);
    loop {
        let rest = &text[at..];
        match body.piece(rest.as_bytes())? {
            Piece::Framing(length) => at += length,
            Piece::Trailer(length) => {
                trailers.push(rest[..length].to_owned());
                at += length;
            }
            Piece::Data(length) => {
                // In parts.
                let part = length.div_ceil(2);
                content.push_str(&rest[..part]);
                body.advance(part as u64);
                at += part;
            }
            Piece::End => return Ok((content, trailers, at, true)),
            Piece::More => return Ok((content, trailers, at, false)),
        }
    }
}

#[test]
fn bodies() {
    let read = |content: &str, trailers: &[&str], taken, ended| {
        let trailers = trailers.iter().map(|&line| line.to_owned()).collect();
        Ok((content.to_owned(), trailers, taken, ended))
    };
    assert_eq!(body(Framing::Empty, "next"), read("", &[], 0, true));
    assert_eq!(
        body(Framing::Length(3), "abcnext"),
        read("abc", &[], 3, true)
    );
    assert_eq!(body(Framing::Length(3), "ab"), read("ab", &[], 2, false));
    assert_eq!(body(Framing::UntilClose, "abc"), read("abc", &[], 3, false));
    let chunked = |text: &str| body(Framing::Chunked, text);
    assert_eq!(
        chunked("3\r\nabc\r\n0\r\n\r\nnext"),
        read("abc", &[], 13, true)
    );
    assert_eq!(
        chunked("1\r\na\r\n2\r\nbc\r\n"),
        read("abc", &[], 13, false)
    );
    assert_eq!(
        chunked("A;x=\"y\"\r\n0123456789\r\n00\r\n\r\n"),
        read("0123456789", &[], 27, true)
    );
    assert_eq!(
        chunked("3 \t;x\r\nabc\r\n0 ;\r\n\r\n"),
        read("abc", &[], 19, true)
    );
    let trailers = ["Tail-End: sealed\r\n", "X: y\r\n"];
    let text = format!("0\r\n{}\r\nnext", trailers.concat());
    assert_eq!(chunked(&text), read("", &trailers, text.len() - 4, true));
    assert_eq!(
        chunked("000000000000000A\r\n0123456789\r\n"),
        read("0123456789", &[], 30, false)
    );
    for wrong in [
        "\r\n",
        "x\r\n",
        "-1\r\n",
        "3 x\r\nabc\r\n",
        "3\r\nabcd\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\nabc\r\n",
        "3\r\r\nabc\r\n",
        "0000000000000000A\r\n",
        " 3\r\nabc\r\n",
    ] {
        assert!(chunked(wrong).is_err(), "{wrong:?}");
    }
    assert!(chunked(&format!("0\r\n{}", "A: b\r\n".repeat(32))).is_ok());
    assert!(chunked(&format!("0\r\n{}", "A: b\r\n".repeat(33))).is_err());
    // A line has a bound, and is waited for until then.
    assert_eq!(chunked("0"), read("", &[], 0, false));
    assert!(chunked(&format!("3;{}", "x".repeat(1021))).is_ok());
    assert!(chunked(&format!("3;{}", "x".repeat(1022))).is_err());
    assert!(chunked(&format!("3;{}\r\nabc", "x".repeat(1020))).is_ok());
    // Behind the end, whatever comes is of the next one.
    let mut over = Body::Chunked(Chunks::Over);
    assert_eq!(
        (over.piece(b""), over.piece(b"x")),
        (Ok(Piece::End), Ok(Piece::End))
    );
    assert_eq!(
        field(b"Tail-End:  sealed \r\n"),
        Some(("Tail-End", "sealed"))
    );
    assert_eq!((field(b"no field\r\n"), field(b"\xff: x")), (None, None));
}

#[test]
fn a_pause_is_in_seconds_or_until_a_date() {
    let at = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (fields, seconds) in [
        ("Retry-After: 30", Some(30)),
        ("Retry-After: 99999999999", Some(u32::MAX)),
        ("Retry-After: +30", None),
        ("Retry-After: soon", None),
        ("Retry-After: Thu, 01 Jan 1970 00:00:50 GMT", Some(0)),
        ("Retry-After: Thu, 01 Jan 1970 00:02:00 GMT", Some(20)),
        ("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT", Some(u32::MAX)),
    ] {
        assert_eq!(with(fields).retry_after, seconds, "{fields}");
    }
    for (date, seconds) in [
        ("Sun, 06 Nov 1994 08:47:37 GMT", 120),
        ("Sunday, 06-Nov-94 08:49:35 GMT", 2),
        ("Sun Nov  6 08:49:38 1994", 0),
    ] {
        for fields in [
            format!("Date: {date}\r\nRetry-After: {at}"),
            format!("Retry-After: {at}\r\nDate: {date}"),
        ] {
            assert_eq!(with(&fields).retry_after, Some(seconds), "{fields}");
        }
    }
}
