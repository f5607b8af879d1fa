//! What a producer is told: which failures it may try again, and where it goes on.

use openrange::dialect::plain;
use openrange::http::authorization::Challenge;
use openrange::http::head::Status;
use openrange::http::write::{Fault, WriteHead};
use openrange::intent::Intent;
use openrange::receipt::{Receipt, WriteFailure};
use openrange::response::written;

use super::parsed::ParsedResponse;
use super::{ETag, now, request};

const TAG: &str = "W/\"0000000000000009\"";

fn told(line: &str, fields: &[&str], outcome: Result<Receipt, WriteFailure>) -> ParsedResponse {
    let asked = plain::parse(request(line, "1.1", fields));
    let Intent::Write(write) = &asked.intent else {
        panic!("{line} writes nothing");
    };
    let write: &WriteHead = write;
    ParsedResponse::of(&written::respond(&asked, write, &outcome, true, now()))
}

#[test]
fn failures() {
    use WriteFailure as W;
    let size = Some(7);
    let fault = Fault {
        status: Status::UnsupportedMediaType,
        line: "not this",
        fields: "Accept-Patch: x/y\r\n",
    };
    let tag = Some(ETag(9));
    // Status, Retry-After, Upload-Offset, ETag, Accept-Patch, WWW-Authenticate.
    type Row = (WriteFailure, u16, [Option<&'static str>; 4], bool);
    let table: &[Row] = &[
        (W::Fault(fault), 415, [None, None, None, Some("x/y")], false),
        (W::Unauthorized(Challenge::Missing), 401, [None; 4], true),
        (
            W::Unauthorized(Challenge::Insufficient),
            403,
            [None; 4],
            true,
        ),
        (W::ForeignPage, 403, [None; 4], false),
        (W::NotWritable, 403, [None; 4], false),
        (W::OnlyJobs, 403, [None; 4], false),
        (W::Directory, 403, [None; 4], false),
        (W::Empty, 400, [None; 4], false),
        (W::TooLong, 413, [None; 4], false),
        (W::Malformed("why"), 400, [None; 4], false),
        (W::WrongDigest, 400, [None; 4], false),
        (W::TooSlow, 408, [None; 4], false),
        (W::Missing, 404, [None; 4], false),
        (W::NoDirectory, 404, [None; 4], false),
        (W::NoDestination, 409, [None; 4], false),
        (W::Forbidden, 403, [None; 4], false),
        (W::Denied(13), 403, [None; 4], false),
        (W::Replaced, 503, [Some("30"), None, None, None], false),
        (W::SameFile, 403, [None; 4], false),
        (W::Sealed, 403, [None; 4], false),
        (W::ReadOnly, 403, [None; 4], false),
        (W::OtherFileSystem, 403, [None; 4], false),
        (W::Unmatched, 412, [None; 4], false),
        (W::OtherBody, 422, [None; 4], false),
        (W::Locked, 503, [Some("1"), None, None, None], false),
        (W::Changing, 503, [Some("1"), None, None, None], false),
        (W::Exhausted, 503, [Some("1"), None, None, None], false),
        (W::Overloaded, 503, [Some("1"), None, None, None], false),
        (W::TooManyJobs, 503, [Some("1"), None, None, None], false),
        (W::Ending, 503, [Some("1"), None, None, None], false),
        (
            W::Conflict { size: 7, etag: tag },
            409,
            [None, Some("7"), Some(TAG), None],
            false,
        ),
        (
            W::Conflict {
                size: 0,
                etag: None,
            },
            409,
            [None, Some("0"), None, None],
            false,
        ),
        (
            W::TooLarge { size },
            413,
            [None, Some("7"), None, None],
            false,
        ),
        (W::TooLarge { size: None }, 413, [None; 4], false),
        (
            W::Full { size, error: 5 },
            507,
            [None, Some("7"), None, None],
            false,
        ),
        (
            W::Full {
                size: None,
                error: 5,
            },
            507,
            [None; 4],
            false,
        ),
        (
            W::Failed { size, error: 5 },
            500,
            [None, Some("7"), None, None],
            false,
        ),
        (
            W::Failed {
                size: None,
                error: 5,
            },
            500,
            [None; 4],
            false,
        ),
    ];
    let names = ["Retry-After", "Upload-Offset", "ETag", "Accept-Patch"];
    for (failure, status, fields, challenged) in table {
        let head = told("POST /f", &["Content-Length: 1"], Err(*failure));
        assert_eq!(head.status, *status, "{failure:?}");
        // It would hold one of the descriptors that have run out.
        let close = (*failure == W::Exhausted).then_some("close");
        assert_eq!(head.get("Connection"), close, "{failure:?}");
        for (name, value) in names.iter().zip(fields) {
            assert_eq!(head.get(name), *value, "{name}, {failure:?}");
        }
        assert_eq!(
            head.get("WWW-Authenticate").is_some(),
            *challenged,
            "{failure:?}"
        );
        // People and scripts are told why, in a line.
        assert!(
            head.text.ends_with(b"\n") && head.text.len() > 3,
            "{failure:?}"
        );
        if let W::Malformed(line) | W::Fault(Fault { line, .. }) = failure {
            assert_eq!(head.text, format!("{line}\n").into_bytes());
        }
    }
}

#[test]
fn receipts() {
    const MOVE: [&str; 2] = ["Destination: /g", "Content-Length: 0"];
    // Line and fields, created, sealed; status, Location, Upload-Complete, Preference-Applied.
    type Row<'a> = (
        &'a str,
        &'a [&'a str],
        bool,
        bool,
        u16,
        [Option<&'a str>; 3],
    );
    let table: &[Row<'_>] = &[
        (
            "POST /f",
            &["Content-Length: 1"],
            false,
            false,
            204,
            [None, Some("?0"), None],
        ),
        (
            "POST /f",
            &["Content-Length: 1"],
            false,
            true,
            204,
            [None, Some("?1"), None],
        ),
        (
            "POST /f",
            &["Content-Length: 1"],
            true,
            false,
            201,
            [Some("/f"), Some("?0"), None],
        ),
        (
            "POST /f",
            &["Content-Length: 1", "Prefer: fsync"],
            false,
            false,
            204,
            [None, Some("?0"), Some("fsync")],
        ),
        (
            "MOVE /f",
            &MOVE,
            true,
            false,
            201,
            [Some("/g"), Some("?0"), None],
        ),
        (
            "MOVE /f",
            &MOVE,
            false,
            false,
            204,
            [None, Some("?0"), None],
        ),
    ];
    let names = ["Location", "Upload-Complete", "Preference-Applied"];
    for &(line, fields, created, sealed, status, expected) in table {
        let receipt = Receipt {
            created,
            etag: ETag(9),
            size: 12,
            sealed,
        };
        let head = told(line, fields, Ok(receipt));
        assert_eq!(head.status, status, "{line}");
        for (name, value) in names.iter().zip(expected) {
            assert_eq!(head.get(name), value, "{name} of {line} {fields:?}");
        }
        assert_eq!(head.field("ETag"), TAG);
        assert_eq!(head.field("Upload-Offset"), "12");
        // RFC 9110 section 8.6: a 204 has no Content-Length.
        assert_eq!(head.get("Content-Length").is_some(), created, "{line}");
    }
}

/// `Accept-Patch` says that PATCH is allowed (RFC 5789 section 3.1), which it may not be where one has failed.
#[test]
fn a_patch_that_failed() {
    const FIELDS: [&str; 4] = [
        "Content-Type: application/partial-upload",
        "Upload-Offset: 7",
        "Upload-Complete: ?0",
        "Content-Length: 1",
    ];
    use WriteFailure as W;
    for failure in [
        W::NotWritable,
        W::Unmatched,
        W::Missing,
        W::Malformed("why"),
    ] {
        let response = told("PATCH /f", &FIELDS, Err(failure));
        assert_eq!(response.get("Accept-Patch"), None, "{failure:?}");
    }
}

/// What fails only for a while says what it waits for.
#[test]
fn why_later() {
    use WriteFailure as W;
    let rows = [
        (W::Overloaded, "too many bodies"),
        (W::TooManyJobs, "--jobs-max"),
        (W::Ending, "the server is shutting down"),
        (W::Replaced, "the directory was replaced"),
        (W::Locked, "locked by another program"),
        (W::Changing, "leads to other files"),
        (W::Exhausted, "too many open files"),
    ];
    for (failure, part) in rows {
        let response = told("POST /f", &["Content-Length: 1"], Err(failure));
        let text = String::from_utf8_lossy(&response.text);
        assert!(text.contains(part), "{text}");
    }
}
