//! What depends on how the server was started: what may be written, where jobs are taken, who may read across origins.

use openrange::dialect::plain;
use openrange::http::authorization::Challenge;
use openrange::http::conditional::ETag;
use openrange::http::cors::Cors;
use openrange::http::prefix::{Prefix, Prefixes};
use openrange::http::target::Path;
use openrange::intent::{Answer, Intent};
use openrange::resource::{GenerationPlace, Resource};
use openrange::response::{Body, Response, Terms, respond};

use crate::support::reader::{self, Head};

use super::{file, info, now, request};

/// The response to an HTTP/1.1 request of a server that takes jobs at `/jobs` and lets `/in` and all below it be written.
fn answered(line: &str, fields: &[&str], found: &Resource<()>, cors: Option<&Cors>) -> Response {
    let writable = writable();
    let jobs = jobs();
    let terms = Terms {
        cors,
        writable: Some(&writable),
        jobs: Some(&jobs),
        ..Terms::from(now())
    };
    respond(
        &plain::parse(request(line, "1.1", fields)),
        found,
        true,
        terms,
    )
}

/// The head. A list of names of fields may come in two fields.
fn head(response: &Response) -> Head {
    let end = response
        .head
        .windows(4)
        .position(|four| four == b"\r\n\r\n");
    reader::head(&response.head[..end.expect("an empty line")]).expect("a head")
}

fn writable() -> Prefixes {
    let mut writable = Prefixes::default();
    writable.add(Prefix::parse(b"/in").unwrap());
    writable.add(Prefix::parse(b"/jobs").unwrap());
    writable
}

fn jobs() -> Prefix {
    Prefix::parse(b"/jobs").unwrap()
}

#[test]
fn methods_by_path() {
    const READ: &str = "GET, HEAD, OPTIONS";
    const JOBS: &str = "GET, HEAD, OPTIONS, POST";
    const ANSWER: &str = "GET, HEAD, OPTIONS, DELETE";
    const WRITE: &str = "GET, HEAD, OPTIONS, POST, PATCH, PUT, MOVE, DELETE";
    let only_jobs = jobs();
    let only_in = {
        let mut prefixes = Prefixes::default();
        prefixes.add(Prefix::parse(b"/in").unwrap());
        prefixes
    };
    for (target, allow) in [
        ("*", READ),
        ("/", READ),
        ("/f", READ),
        ("/inner", READ),
        ("/in/f", WRITE),
        ("/in/d/f", WRITE),
        ("/jobs", JOBS),
        ("/jobs/", JOBS),
        ("/jobs/0123", ANSWER),
        ("/jobs/queue", READ),
        ("/jobs/0123/", READ),
        ("/jobs/a/b", READ),
    ] {
        for cors in [None, Some(Cors::parse("*").unwrap())] {
            let terms = Terms {
                cors: cors.as_ref(),
                writable: Some(&only_in),
                jobs: Some(&only_jobs),
                ..Terms::from(now())
            };
            let asked = plain::parse(request(&format!("OPTIONS {target}"), "1.1", &[]));
            let response = respond(&asked, &Resource::<()>::Missing, true, terms);
            let head = head(&response);
            assert_eq!(head.field("Allow"), allow, "{target}");
            assert_eq!(
                head.get("Accept-Patch").is_some(),
                allow == WRITE,
                "{target}"
            );
            let scripts = head.get("Access-Control-Allow-Methods");
            assert_eq!(scripts.is_some(), cors.is_some(), "{target}");
            let may_post = scripts.is_some_and(|methods| methods.contains("POST"));
            assert_eq!(may_post, cors.is_some() && allow != READ, "{target}");
        }
    }
}

#[test]
fn what_varies() {
    let any = Cors::parse("*").unwrap();
    let one = Cors::parse("https://example.org").unwrap();
    let list = Resource::NeedsSlash;
    for (line, cors, vary) in [
        ("GET /f", None, None),
        ("GET /f/", None, Some("Accept")),
        ("GET /f/", Some(&any), Some("Accept")),
        ("GET /f/", Some(&one), Some("Accept, Origin")),
        ("OPTIONS /f", Some(&one), Some("Origin")),
        ("OPTIONS /f", Some(&any), None),
    ] {
        let found = if line == "GET /f" {
            &file(3, false)
        } else {
            &list
        };
        let head = head(&answered(line, &[], found, cors));
        assert_eq!(head.get("Vary"), vary, "{line} {cors:?}");
        let exposed = head.get("Access-Control-Allow-Origin");
        assert_eq!(exposed, cors.map(Cors::origin), "{line}");
    }
}

/// What a script of another site may read of a response (the Fetch standard): what producers need, where there are any.
#[test]
fn fields_for_scripts() {
    let any = Cors::parse("*").unwrap();
    let writable = writable();
    for (cors, writable, reads, writes) in [
        (None, None, false, false),
        (None, Some(&writable), false, false),
        (Some(&any), None, true, false),
        (Some(&any), Some(&writable), true, true),
    ] {
        let terms = Terms {
            cors,
            writable,
            ..Terms::from(now())
        };
        let asked = plain::parse(request("GET /f", "1.1", &[]));
        let head = head(&respond(&asked, &file(1, false), true, terms));
        let exposed: Vec<&str> = head
            .fields
            .iter()
            .filter(|(name, _)| name == "Access-Control-Expose-Headers")
            .flat_map(|(_, value)| value.split(", "))
            .collect();
        assert_eq!(exposed.contains(&"ETag"), reads);
        assert_eq!(exposed.contains(&"Upload-Offset"), writes);
        assert_eq!(exposed.contains(&"Upload-Complete"), writes);
        assert_eq!(exposed.contains(&"Location"), writes);
    }
}

/// A request for another host learns nothing of what is here, not even whether it has several forms.
#[test]
fn misdirected_requests_are_answered_alike() {
    let heads = ["GET /f", "GET /d/", "GET /f?view"]
        .map(|line| answered(line, &[], &Resource::Misdirected, None).head);
    assert!(heads.iter().all(|head| *head == heads[0]), "{heads:?}");
}

#[test]
fn challenges() {
    const PERSON: &str = "Accept: text/html";
    // Whether the client is a browser; status, whether it gets the form, whether it is told of a token.
    for (challenge, fields, status, form, asks) in [
        (Challenge::Missing, "", 401, false, true),
        (Challenge::Invalid, "", 401, false, true),
        (Challenge::Insufficient, "", 403, false, true),
        (Challenge::Missing, PERSON, 401, true, true),
        (Challenge::Invalid, PERSON, 401, true, true),
        (Challenge::Insufficient, PERSON, 403, false, true),
    ] {
        let found = Resource::Unauthorized(challenge);
        let head = head(&answered("GET /f", &[fields], &found, None));
        let case = format!("{challenge:?} {fields}");
        assert_eq!(head.status, status, "{case}");
        let html = head.field("Content-Type").starts_with("text/html");
        assert_eq!(html, form, "{case}");
        assert_eq!(head.get("WWW-Authenticate").is_some(), asks, "{case}");
        assert_eq!(head.get("Vary").is_some(), !fields.is_empty(), "{case}");
    }
    // The form itself asks whether a token is right: it gets no second form.
    let found = Resource::Unauthorized(Challenge::Invalid);
    let head = head(&answered("GET /f?login", &[PERSON], &found, None));
    assert!(head.field("Content-Type").starts_with("text/plain"));
}

#[test]
fn failures_to_come_back_from() {
    for (found, status, retry) in [
        (Resource::<()>::Missing, 404, None),
        (Resource::Forbidden, 403, None),
        (Resource::Failed, 500, None),
        (Resource::Busy, 503, Some("1")),
        (Resource::Ending, 503, Some("1")),
        (Resource::Misdirected, 421, None),
    ] {
        let head = head(&answered("GET /f", &[], &found, None));
        assert_eq!(head.status, status);
        assert_eq!(head.get("Retry-After"), retry, "{status}");
        // It would hold one of the descriptors that have run out.
        let close = matches!(found, Resource::Busy).then_some("close");
        assert_eq!(head.get("Connection"), close, "{status}");
    }
}

#[test]
fn a_client_that_waits_for_events_in_vain_gets_404() {
    const EVENTS: &str = "Accept: text/event-stream";
    for (waited, status) in [(None, 200), (Some(3), 404)] {
        let terms = Terms {
            waited,
            ..Terms::from(now())
        };
        let asked = plain::parse(request("GET /f", "1.1", &[EVENTS]));
        let response = respond(&asked, &Resource::<()>::Missing, true, terms);
        assert_eq!(head(&response).status, status, "{waited:?}");
    }
}

#[test]
fn bytes_before_the_range() {
    // `If-Bytes-Before` and what stands there: the same, something else, nothing that can be read.
    let check = |bytes: &[u8]| openrange::http::position::Check::of(bytes);
    for (there, status) in [
        (Some(check(b"abc")), 206),
        (Some(check(b"abd")), 412),
        (None, 412),
    ] {
        let found = Resource::File {
            file: (),
            info: openrange::resource::FileInfo {
                bytes_before: there,
                ..info(10, false)
            },
        };
        let field = format!("If-Bytes-Before: {}", check(b"abc"));
        let fields = ["Range: bytes=3-", &*field];
        let head = head(&answered("GET /f", &fields, &found, None));
        assert_eq!(head.status, status, "{there:?}");
    }
}

#[test]
fn generations_by_tag() {
    const TOKEN: &str = "Authorization: Bearer token";
    const BY_TAG: &str = "GET /f?generation=0123456789abcdef";
    for (line, fields, sealed, caching) in [
        ("GET /f", "", true, "no-cache"),
        (BY_TAG, "", false, "no-cache"),
        (BY_TAG, "", true, "public, max-age=31536000, immutable"),
        (BY_TAG, TOKEN, true, "private, max-age=31536000, immutable"),
    ] {
        let found = Resource::Generation {
            file: (),
            info: info(10, sealed),
            place: Box::new(GenerationPlace {
                path: path(b"f.1"),
                successor: Some(ETag(0x42)),
            }),
        };
        let head = head(&answered(line, &[fields], &found, None));
        assert_eq!(head.field("Cache-Control"), caching, "{line} {fields}");
        assert_eq!(head.field("Content-Location"), "/f.1");
        assert_eq!(
            head.field("Link"),
            "</f>; rel=\"latest-version\", </f?generation=0000000000000042>; rel=\"successor-version\""
        );
    }
}

fn path(name: &[u8]) -> Path {
    Path {
        name: name.into(),
        slash: false,
    }
}

#[test]
fn answers_of_jobs() {
    // Whether the client prefers 202, and the answer is complete; version and TE; status, body, names of trailers.
    const TE: &str = "TE: trailers";
    for (respond_async, sealed, version, te, status, chunked, trailer) in [
        (false, false, "1.1", "", 200, true, None),
        (
            false,
            false,
            "1.1",
            TE,
            200,
            true,
            Some("Tail-End, Job-Status"),
        ),
        (false, false, "1.0", TE, 200, false, None),
        (true, false, "1.1", TE, 202, false, None),
        (
            true,
            true,
            "1.1",
            TE,
            200,
            true,
            Some("Tail-End, Job-Status"),
        ),
    ] {
        let mut asked = plain::parse(request(
            "GET /f",
            version,
            &[te, "Connection: keep-alive, TE"],
        ));
        asked.intent = Intent::Answer(Answer {
            path: path(b"jobs/0123"),
            respond_async,
            wait: 0,
        });
        let jobs = jobs();
        let terms = Terms {
            jobs: Some(&jobs),
            ..Terms::from(now())
        };
        let response = respond(&asked, &file(5, sealed), true, terms);
        let head = head(&response);
        let case = format!("{respond_async} {sealed} {version} {te}");
        assert_eq!(head.status, status, "{case}");
        assert_eq!(head.get("Trailer"), trailer, "{case}");
        assert_eq!(head.get("Transfer-Encoding").is_some(), chunked, "{case}");
        assert_eq!(response.keep_alive, version == "1.1", "{case}");
        let close = (version == "1.0").then_some("close");
        assert_eq!(head.get("Connection"), close, "{case}");
        let place = match status {
            202 => head.field("Location"),
            _ => head.field("Content-Location"),
        };
        assert_eq!(place, "/jobs/0123", "{case}");
        match response.body {
            Body::Tail {
                at,
                chunked: framed,
                trailers,
                ..
            } => {
                assert_eq!(
                    (at, framed, trailers),
                    (0, chunked, trailer.is_some()),
                    "{case}"
                );
            }
            _ => assert_eq!(status, 202, "{case}"),
        }
    }
}
