//! What every answer has, over the product of everything that can be asked and found.

use std::collections::BTreeSet;

use openrange::dialect::plain;
use openrange::http::authorization::Challenge;
use openrange::http::head::Status;
use openrange::http::request::{Method, Refusal, Request};
use openrange::resource::{DirectoryPage, Resource};
use openrange::response::{Body, Response, refuse, respond};

use super::parsed::{ParsedResponse, body_length};
use super::{MODIFIED_TEXT, NOW_TEXT, TAG, file, now, request};
use crate::support::pace::some;

const LINES: [&str; 6] = [
    "GET /f",
    "HEAD /f",
    "OPTIONS /f",
    "OPTIONS *",
    "POST /f",
    "GET /.hidden",
];
const CONNECTIONS: [&str; 3] = ["", "Connection: close", "Connection: keep-alive"];
const RANGES: [&str; 10] = [
    "",
    "Range: bytes=0-",
    "Range: bytes=10-",
    "Range: bytes=0-3",
    "Range: bytes=11-12",
    "Range: bytes=-2",
    "Range: bytes=0-1,5-6,-1",
    "Range: bytes=3-999999999999",
    "Range: bytes=0-0,2-2,4-4",
    "Range: nonsense",
];
const ACCEPTS: [&str; 3] = [
    "",
    "Accept: text/event-stream",
    "Accept: text/event-stream\r\nLast-Event-ID: 0123456789abcdef-3",
];
const CONDITIONS: [&str; 5] = [
    "",
    "If-Match: \"x\"",
    "If-None-Match: *",
    "If-Range: \"x\"",
    "If-Range: W/\"0123456789abcdef\"",
];

fn founds() -> Vec<Resource<()>> {
    vec![
        file(0, false),
        file(10, false),
        file(10, true),
        file(6_000_000_000, false),
        Resource::Listing(DirectoryPage {
            body: b"<html>".as_slice().into(),
            media: "text/html",
            next: Some("/?after=x".into()),
        }),
        Resource::NeedsSlash,
        Resource::Missing,
        Resource::Forbidden,
        Resource::Unauthorized(Challenge::Missing),
        Resource::Unauthorized(Challenge::Invalid),
        Resource::Viewer,
        Resource::Busy,
        Resource::Ending,
        Resource::Failed,
    ]
}

#[test]
fn every_answer() {
    let founds = founds();
    let versions = ["1.0", "1.1"];
    let count = LINES.len()
        * CONNECTIONS.len()
        * RANGES.len()
        * CONDITIONS.len()
        * ACCEPTS.len()
        * founds.len()
        * 4;
    let mut statuses = BTreeSet::new();
    for case in some(0..count) {
        // The number of the case, digit by digit.
        let mut rest = case;
        let mut digit = |base: usize| {
            let digit = rest % base;
            rest /= base;
            digit
        };
        let (stays, version) = (digit(2) == 0, versions[digit(2)]);
        let found = &founds[digit(founds.len())];
        let line = LINES[digit(LINES.len())];
        let fields = [
            CONNECTIONS[digit(CONNECTIONS.len())],
            RANGES[digit(RANGES.len())],
            CONDITIONS[digit(CONDITIONS.len())],
            ACCEPTS[digit(ACCEPTS.len())],
            "TE: trailers",
        ];
        let request = request(line, version, &fields);
        let answer = respond(&plain::parse(request.clone()), found, stays, now());
        println!(
            "{line} HTTP/{version} {fields:?} {found:?}, stays {stays}: {:?}",
            answer.body
        );
        check(&request, found, &answer, stays);
        statuses.insert(answer.status.code());
    }
    let all = [
        200, 204, 206, 301, 304, 401, 403, 404, 405, 412, 416, 500, 503,
    ];
    assert_eq!(Vec::from_iter(statuses), all);
}

fn check(request: &Request, found: &Resource<()>, answer: &Response, stays: bool) {
    let response = ParsedResponse::of(answer);
    assert_eq!(response.status, answer.status.code());
    assert_eq!(response.reason, answer.status.reason());
    assert_eq!(response.get("Date"), Some(NOW_TEXT));
    let stays = stays && !matches!(found, Resource::Busy);
    connection(request, answer, &response, stays);
    length(request, answer, &response);
    let events = response.get("Content-Type") == Some("text/event-stream");
    let file = matches!(found, Resource::File { .. });
    let waits = matches!(found, Resource::Missing | Resource::Busy);
    if answer.status == Status::Ok && request.method != Method::Options {
        assert_eq!(events, request.events && (file || waits), "{found:?}");
    }
    if events {
        assert_eq!(answer.status, Status::Ok);
        assert_eq!(response.get("Cache-Control"), Some("no-store"));
        assert_eq!(response.get("X-Accel-Buffering"), Some("no"));
        assert_eq!(response.get("Content-Range"), None);
    } else if matches!(answer.status, Status::Ok | Status::PartialContent) && file {
        assert_eq!(response.get("ETag"), Some(TAG));
        assert_eq!(response.get("Last-Modified"), Some(MODIFIED_TEXT));
        assert_eq!(response.get("Accept-Ranges"), Some("bytes"));
        assert!(response.get("Content-Type").is_some());
        let live = response
            .get("Content-Range")
            .is_some_and(|range| range.ends_with("/*"));
        assert_eq!(
            response.get("Cache-Control"),
            Some(if live { "no-store" } else { "no-cache" })
        );
        assert_eq!(response.get("X-Accel-Buffering"), live.then_some("no"));
    }
    if !matches!(
        answer.status,
        Status::NoContent | Status::NotModified | Status::MethodNotAllowed
    ) {
        assert!(
            response.get("Cache-Control").is_some(),
            "stored by guesswork (RFC 9111 section 4.2.2)"
        );
    }
    if response.get("Content-Type").is_some() {
        assert_eq!(response.get("X-Content-Type-Options"), Some("nosniff"));
    }
    let allow = matches!(answer.status, Status::NoContent | Status::MethodNotAllowed);
    assert_eq!(response.get("Allow"), allow.then_some("GET, HEAD, OPTIONS"));
    let retry = answer.status == Status::ServiceUnavailable;
    assert_eq!(response.get("Retry-After").is_some(), retry);
    if request.method == Method::Head {
        like_get(request, found, &response, stays);
    }
}

fn connection(request: &Request, answer: &Response, response: &ParsedResponse, stays: bool) {
    // HEAD says what GET would, so it is not the body that tells.
    let live = response
        .get("Content-Range")
        .is_some_and(|range| range.ends_with("/*"));
    let unsatisfied = answer.status == Status::RangeNotSatisfiable;
    // An event stream that cannot begin yet ends at once.
    let ends = response.get("Content-Length").is_some();
    let live = live || response.get("Content-Type") == Some("text/event-stream") && !ends;
    let bare_tail = request.http10 && live && !unsatisfied;
    assert_eq!(answer.keep_alive, stays && request.keep_alive && !bare_tail);
    let expected = match (answer.keep_alive, request.http10) {
        (false, _) => Some("close"),
        (true, true) => Some("keep-alive"),
        (true, false) => None,
    };
    assert_eq!(response.get("Connection"), expected);
}

/// Where the body ends is told in exactly one way (RFC 9112 section 6.3).
fn length(request: &Request, answer: &Response, response: &ParsedResponse) {
    let told = response
        .get("Content-Length")
        .map(|length| length.parse::<u64>().unwrap());
    let coding = response.get("Transfer-Encoding");
    match body_length(answer, response) {
        _ if request.method == Method::Head => {
            assert!(response.text.is_empty() && answer.body == Body::Nothing);
            assert!(told.is_none() || coding.is_none());
        }
        None => {
            assert_eq!(told, None);
            assert_eq!(coding, (!request.http10).then_some("chunked"));
            assert!(
                coding.is_some() || !answer.keep_alive,
                "an end that cannot be seen"
            );
        }
        Some(length) if matches!(answer.status, Status::NoContent | Status::NotModified) => {
            assert_eq!((length, told, coding), (0, None, None));
        }
        Some(length) => assert_eq!((told, coding), (Some(length), None)),
    }
    let announced = response.get("Trailer");
    match answer.body {
        Body::Tail {
            chunked, trailers, ..
        } => {
            assert_eq!(chunked, !request.http10);
            assert_eq!(trailers, chunked && request.trailers);
            assert_eq!(announced, trailers.then_some("Tail-End"));
        }
        Body::Events { chunked, .. } => {
            assert_eq!((chunked, announced), (!request.http10, None));
            assert!(
                response
                    .text
                    .ends_with(if chunked { b"\n\n\r\n" } else { b"\n\n" })
            );
        }
        _ => assert!(announced.is_none() || coding.is_some()),
    }
}

/// HEAD says what GET would, but for the end of an open range on a live file (RFC 8673 section 2.1).
fn like_get(request: &Request, found: &Resource<()>, response: &ParsedResponse, stays: bool) {
    let get = Request {
        method: Method::Get,
        ..request.clone()
    };
    let other = respond(&plain::parse(get), found, stays, now());
    let others = ParsedResponse::of(&other);
    assert_eq!(
        (response.status, &response.reason),
        (others.status, &others.reason)
    );
    let tail = matches!(other.body, Body::Tail { .. });
    for (name, value) in &others.fields {
        match name.as_str() {
            "Content-Range" if tail => assert!(
                response
                    .get(name)
                    .is_some_and(|range| range.ends_with("/*"))
            ),
            // A HEAD has no body that could end the connection.
            "Connection" if tail => {}
            _ => assert_eq!(response.get(name), Some(value.as_str()), "{name}"),
        }
    }
    assert!(
        response
            .fields
            .iter()
            .all(|(name, _)| others.get(name).is_some() || name == "Connection")
    );
}

#[test]
fn every_refusal() {
    let refusals = [
        Refusal::Malformed("bare LF in the head"),
        Refusal::TooSlow,
        Refusal::TargetTooLong,
        Refusal::HeadTooLarge,
        Refusal::UnknownCoding,
        Refusal::TooManyConnections,
        Refusal::Version,
    ];
    for refusal in refusals {
        let answer = refuse(refusal, false, now());
        let response = ParsedResponse::of(&answer);
        let (status, line) = refusal.explain();
        assert_eq!((answer.status, response.status), (status, status.code()));
        assert_eq!(
            response.text,
            format!("{line}\n").into_bytes(),
            "one short line of text"
        );
        assert_eq!(response.get("Date"), Some(NOW_TEXT));
        assert_eq!(response.get("Connection"), Some("close"));
        assert_eq!(
            response.get("Content-Type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(
            response.get("Content-Length"),
            Some(response.text.len().to_string().as_str())
        );
        assert_eq!(
            response.get("Retry-After").is_some(),
            refusal == Refusal::TooManyConnections
        );
        assert!(!answer.keep_alive && answer.body == Body::Nothing);
    }
}
